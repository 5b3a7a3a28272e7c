/* From blocks of tensors to runs of consecutive elements, divided among threads. */
#include "kernels/table.h"
#include "pool.h"
#include "simd/fma.h"
#include "simd/fpmode.h"
#include "work.h"

/* Elements of one piece of work: long enough to make a hand-off cheap, short enough for the output to
 * stay in the second-level cache and for the pieces to come out even. A multiple of every group. */
#define PIECE 32768

size_t fi_itemsize(fi_dtype dtype) { return dtype == FI_F64 ? 8 : dtype == FI_F16 || dtype == FI_BF16 ? 2 : 4; }

/* Axes from `inner` on make one run of consecutive elements: all but its first are covered whole. */
void find_runs(fi_job *job)
{
    int inner = job->ndim;
    job->run = job->runs = 1;
    while (inner > 0) {
        inner--;
        const int64_t size = job->stop[inner] - job->start[inner];
        job->run *= size;
        if (size != job->shape[inner])
            break;
    }
    for (int i = 0; i < inner; i++)
        job->runs *= job->stop[i] - job->start[i];
    if (job->run == 0)
        job->runs = 0;
    job->inner = inner;
}

/* Where run number `run` begins in the flattened tensor. */
uint64_t first_of_run(const fi_job *job, int64_t run)
{
    uint64_t first = 0, stride = 1;
    for (int i = job->ndim - 1; i >= 0; i--) {
        int64_t at = job->start[i];
        if (i < job->inner) {
            const int64_t size = job->stop[i] - job->start[i];
            at += run % size;
            run /= size;
        }
        first += (uint64_t)at * stride;
        stride *= (uint64_t)job->shape[i];
    }
    return first;
}

static void do_piece(const fi_job *job, int64_t piece)
{
    fi_fill_run *fill = fi_current_kernels()->fill[job->law->method][job->law->dtype];
    const size_t itemsize = fi_itemsize(job->law->dtype);
    unsigned char *out = job->out;

    if (job->pieces_per_run > 1) { /* part of a long run */
        const int64_t run = piece / job->pieces_per_run, from = piece % job->pieces_per_run * PIECE;
        const int64_t count = job->run - from < PIECE ? job->run - from : PIECE;
        fill(job->law, &job->source, first_of_run(job, run) + (uint64_t)from, (size_t)count,
             out + (size_t)(run * job->run + from) * itemsize);
        return;
    }
    int64_t last = (piece + 1) * job->runs_per_piece; /* some short runs */
    if (last > job->runs)
        last = job->runs;
    for (int64_t run = piece * job->runs_per_piece; run < last; run++)
        fill(job->law, &job->source, first_of_run(job, run), (size_t)job->run,
             out + (size_t)(run * job->run) * itemsize);
}

typedef struct {
    fi_job *jobs;
    int64_t count;
} job_list;

static void do_piece_of_any(void *context, int64_t piece)
{
    const job_list *list = context;
    int64_t low = 0, high = list->count - 1; /* the last job that begins at or before the piece */
    while (low < high) {
        const int64_t middle = (low + high + 1) / 2;
        if (list->jobs[middle].first_piece <= piece)
            low = middle;
        else
            high = middle - 1;
    }
    const fpmode before = fpmode_enter();
    do_piece(&list->jobs[low], piece - list->jobs[low].first_piece);
    fpmode_leave(before);
}

int fi_fill(fi_job *jobs, int64_t count, int threads)
{
    int64_t pieces = 0;
    for (int64_t i = 0; i < count; i++) {
        fi_job *job = &jobs[i];
        find_runs(job);
        job->pieces_per_run = (job->run + PIECE - 1) / PIECE;
        job->runs_per_piece = job->run > 0 && job->run < PIECE ? PIECE / job->run : 1;
        job->first_piece = pieces;
        pieces += job->pieces_per_run > 1 ? job->runs * job->pieces_per_run
                                          : (job->runs + job->runs_per_piece - 1) / job->runs_per_piece;
    }
    job_list list = {jobs, count};
    return pool_run(do_piece_of_any, &list, pieces, threads);
}

void fi_ask_with(int (*asked)(void)) { pool_ask_with(asked); }
int fi_workers(void) { return pool_workers(); }

float fi_scalar_fma32(float a, float b, float c) { return fma_exact32(a, b, c); }
double fi_scalar_fma64(double a, double b, double c) { return fma_exact64(a, b, c); }
