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
    const fi_scattered *from; /* or NULL: what becomes x where it will be overwritten, in out */
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
    if (job->from)
        fi_gather(job->from, first, last - first, job->out + first * job->itemsize);
    for (int64_t at = first; at < last; at += job->unit) {
        const int64_t offset = at * job->itemsize, count = last - at < job->unit ? last - at : job->unit;
        job->run(job->parameter, job->x + offset, job->out + offset, (size_t)count);
    }
    fpmode_leave(before);
}

static int activate_rows(fi_dtype dtype, fi_activation kind, double parameter, const void *x, const fi_scattered *from,
                         void *out, int64_t rows, int64_t columns, int threads)
{
    const int by_rows = works_on_rows(kind);
    activation job = {fi_current_kernels()->activate[kind][dtype],
                      parameter,
                      x,
                      from,
                      out,
                      (int64_t)fi_itemsize(dtype),
                      rows * columns,
                      PIECE,
                      PIECE};
    if (job.count == 0)
        return 0;
    if (by_rows) {
        job.unit = columns;
        job.piece = columns < PIECE ? PIECE / columns * columns : columns;
    }
    if (from) {
        job.piece = fi_gathered_rows(columns, PIECE) * columns;
        job.unit = by_rows ? columns : job.piece;
    }
    return pool_run(do_piece, &job, (job.count + job.piece - 1) / job.piece, threads);
}

int fi_activate(fi_dtype dtype, fi_activation kind, double parameter, const void *x, void *out, int64_t rows,
                int64_t columns, int threads)
{
    return activate_rows(dtype, kind, parameter, x, 0, out, rows, columns, threads);
}

int fi_activate_scattered(fi_dtype dtype, fi_activation kind, double parameter, const fi_scattered *x, void *out,
                          int threads)
{
    return activate_rows(dtype, kind, parameter, out, x, out, x->elements / x->columns, x->columns, threads);
}

const char *fi_activation_name(fi_activation activation)
{
#define FI_ACTIVATION(CODE, name, of_rows, parameter) [FI_##CODE] = #name,
    static const char *const names[FI_ACTIVATION_COUNT] = {
#include "activations.def"
    };
    return names[activation];
}

int fi_activation_of_rows(fi_activation activation) { return works_on_rows(activation); }

double fi_activation_parameter(fi_activation activation)
{
#define FI_NO_PARAMETER (double)__builtin_nanf("")
#define FI_ACTIVATION(CODE, name, of_rows, parameter) [FI_##CODE] = parameter,
    static const double defaults[FI_ACTIVATION_COUNT] = {
#include "activations.def"
    };
    return defaults[activation];
}
