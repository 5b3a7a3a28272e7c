/* Activations of whole arrays, divided among threads. */
#include "kernels/table.h"
#include "pool.h"
#include "simd/fpmode.h"

/* Elements of one piece of work, as in fill.c; where rows matter, that many in whole rows. */
#define PIECE 65536

typedef struct {
    fi_activate_run *run;
    double parameter;
    const unsigned char *x;
    unsigned char *out;
    int64_t itemsize, count; /* elements in all */
    int64_t piece;           /* elements in a piece */
    int64_t unit;            /* elements in a call of the kernel */
} activation;

static void do_piece(void *context, int64_t piece)
{
    const activation *job = context;
    const int64_t first = piece * job->piece, rest = job->count - first;
    const int64_t last = first + (rest < job->piece ? rest : job->piece);
    const fpmode before = fpmode_enter();
    for (int64_t at = first; at < last; at += job->unit) {
        const int64_t offset = at * job->itemsize, count = last - at < job->unit ? last - at : job->unit;
        job->run(job->parameter, job->x + offset, job->out + offset, (size_t)count);
    }
    fpmode_leave(before);
}

void fi_activate(fi_dtype dtype, fi_activation kind, double parameter, const void *x, void *out, int64_t rows,
                 int64_t columns, int threads)
{
    const int by_rows = works_on_rows(kind);
    activation job = {fi_current_kernels()->activate[kind][dtype],
                      parameter,
                      x,
                      out,
                      (int64_t)fi_itemsize(dtype),
                      rows * columns,
                      PIECE,
                      PIECE};
    if (job.count == 0)
        return;
    if (by_rows) {
        job.unit = columns;
        job.piece = columns < PIECE ? PIECE / columns * columns : columns;
    }
    pool_run(do_piece, &job, (job.count + job.piece - 1) / job.piece, threads);
}
