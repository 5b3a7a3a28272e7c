/* Populations of perturbed parameters, and weighted sums of their perturbations, divided among threads. The standard
 * normals behind both are drawn a few at a time, used while they are in the first-level cache, and forgotten. */
#include <string.h>

#include "kernels/table.h"
#include "pool.h"
#include "simd/fpmode.h"
#include "work.h"

/* So much is drawn at a time: with what it meets it fits into a small first-level cache. Draws end on multiples of it,
 * counted in the tensor, so that few groups of words are made twice. */
#define DRAWN_BYTES 8192

/* Normals of one piece of perturbing, as in fill.c. */
#define PIECE 65536

/* Columns of one piece of a sum stay in the second-level cache, and are not too few to be drawn well. */
#define SUM_BYTES 65536
#define LEAST_COLUMNS 256

/* About so many normals of a sum are added before it is asked whether to stop. */
#define ADDED 262144

/* Elements in a row of the block: all of its axes but the first. */
static int64_t columns_of(const fi_job *block)
{
    int64_t columns = 1;
    for (int i = 1; i < block->ndim; i++)
        columns *= block->stop[i] - block->start[i];
    return columns;
}

/* Draw elements of the block, counted in C order: from `from` on at most `count`, as many as follow each other in the
 * tensor and fit. Returns how many. */
static int64_t draw(const fi_job *block, int64_t from, int64_t count, void *eps)
{
    const fi_law *law = block->law;
    const int64_t most = DRAWN_BYTES / (int64_t)fi_itemsize(law->dtype);
    const int64_t run = from / block->run, offset = from % block->run;
    const uint64_t first = first_of_run(block, run) + (uint64_t)offset;
    count = least(least(count, block->run - offset), most - (int64_t)(first % (uint64_t)most));
    fi_current_kernels()->fill[law->method][law->dtype](law, &block->source, first, (size_t)count, eps);
    return count;
}

/* ---- perturbing ---- */

typedef struct {
    const fi_perturb_job *job;
    fi_job block;
    int64_t columns, count; /* of the block: in a row, and in all */
    int in_out; /* whether normals can be drawn where they are used, so that the output's lines come while they are made */
    float sigma32;
    double sigma64;
} perturb_task;

/* Of one row of the block, `count` elements from `column` on: into the member that it belongs to, or both of a pair. */
static void perturb_row(const perturb_task *task, int64_t row, int64_t column, int64_t count, const void *eps)
{
    const fi_perturb_job *job = task->job;
    const fi_dtype dtype = task->block.law->dtype;
    const size_t itemsize = fi_itemsize(dtype);
    const int64_t direction = task->block.start[0] + row;
    for (int mirrored = 0; mirrored <= job->pairs; mirrored++) {
        const int64_t member = (job->pairs ? 2 * direction + mirrored : direction) - job->first;
        if (member < 0 || member >= job->members)
            continue;
        const void *sigma = dtype == FI_F64 ? (const void *)&task->sigma64 : &task->sigma32;
        if (job->sigma_array)
            sigma = at(job->sigma_array, member * job->sigma_row + column * job->sigma_column, itemsize);
        fi_current_kernels()->perturb[dtype](at(job->theta, column, itemsize), sigma,
                                             job->sigma_array && job->sigma_column != 0, mirrored, eps,
                                             at(job->out, member * task->columns + column, itemsize), (size_t)count);
    }
}

static void perturb_piece(void *context, int64_t piece)
{
    const perturb_task *task = context;
    const size_t itemsize = fi_itemsize(task->block.law->dtype);
    const int64_t last = least((piece + 1) * PIECE, task->count);
    _Alignas(64) unsigned char eps[DRAWN_BYTES];
    const fpmode before = fpmode_enter();
    for (int64_t from = piece * PIECE; from < last;) {
        void *const place = task->in_out ? at(task->job->out, from, itemsize) : eps;
        const int64_t drawn = draw(&task->block, from, last - from, place);
        for (int64_t used = 0; used < drawn;) { /* row by row */
            const int64_t row = from / task->columns, column = from % task->columns;
            const int64_t count = least(drawn - used, task->columns - column);
            perturb_row(task, row, column, count, at(place, used, itemsize));
            used += count;
            from += count;
        }
    }
    fpmode_leave(before);
}

int fi_perturb(const fi_perturb_job *job, int threads)
{
    perturb_task task = {.job = job, .block = job->noise};
    find_runs(&task.block);
    task.columns = columns_of(&task.block);
    task.count = task.block.run * task.block.runs;
    task.in_out = !job->pairs && job->out != job->theta;
    const fpmode before = fpmode_enter();
    task.sigma64 = job->sigma;
    task.sigma32 = (float)job->sigma;
    fpmode_leave(before);
    return pool_run(perturb_piece, &task, chunks(task.count, PIECE), threads);
}

/* ---- the weighted sum ---- */

typedef struct {
    const fi_recombine_job *job;
    fi_job block;
    int64_t rows, columns, chunk; /* columns of a piece */
} recombine_task;

static int is_zero(const void *weights, int64_t row, fi_dtype dtype)
{
    return dtype == FI_F64 ? ((const double *)weights)[row] == 0.0 : ((const float *)weights)[row] == 0.0f;
}

/* Add elements [from, to) of the block, in C order, to the sums of their columns; those of a weight of 0 are left out. */
static void add_elements(const recombine_task *task, int64_t from, int64_t to)
{
    const fi_recombine_job *job = task->job;
    const fi_dtype dtype = task->block.law->dtype;
    const size_t itemsize = fi_itemsize(dtype);
    _Alignas(64) unsigned char eps[DRAWN_BYTES];
    while (from < to) {
        const int64_t drawn = draw(&task->block, from, to - from, eps);
        for (int64_t used = 0; used < drawn;) {
            const int64_t row = from / task->columns, column = from % task->columns;
            const int64_t count = least(drawn - used, task->columns - column);
            if (!is_zero(job->weights, row, dtype))
                fi_current_kernels()->add_weighted[dtype](at(job->weights, row, itemsize), job->squares,
                                                          at(eps, used, itemsize), at(job->out, column, itemsize),
                                                          (size_t)count);
            used += count;
            from += count;
        }
    }
}

static void recombine_piece(void *context, int64_t piece)
{
    const recombine_task *task = context;
    const void *weights = task->job->weights;
    const fi_dtype dtype = task->block.law->dtype;
    const int64_t first = piece * task->chunk, count = least(task->chunk, task->columns - first);
    /* Whole rows follow each other, and are drawn together; short ones also with those that are left out. */
    const int64_t together = count == task->columns ? ADDED / count + 1 : 1;
    const int keep_all = count < LEAST_COLUMNS;
    int64_t added = 0;
    const fpmode before = fpmode_enter();
    memset(at(task->job->out, first, fi_itemsize(dtype)), 0, (size_t)count * fi_itemsize(dtype));
    for (int64_t row = 0; row < task->rows;) {
        int64_t last = row;
        while (last < task->rows && last - row < together && (keep_all || !is_zero(weights, last, dtype)))
            last++;
        if (last > row)
            add_elements(task, row * task->columns + first, (last - 1) * task->columns + first + count);
        added += (last - row) * count;
        row = last > row ? last : row + 1;
        if (added >= ADDED) {
            added = 0;
            if (fi_stop_asked())
                break;
        }
    }
    fpmode_leave(before);
}

int fi_recombine(const fi_recombine_job *job, int threads)
{
    recombine_task task = {.job = job, .block = job->noise};
    find_runs(&task.block);
    task.columns = columns_of(&task.block);
    task.rows = task.block.stop[0] - task.block.start[0];
    if (task.columns == 0)
        return 0;
    int64_t pieces = chunks(task.columns * (int64_t)fi_itemsize(task.block.law->dtype), SUM_BYTES);
    if (threads > 1 && pieces < 2 * (int64_t)threads)
        pieces = 2 * (int64_t)threads;
    task.chunk = round_up(chunks(task.columns, pieces), 16);
    if (task.chunk < LEAST_COLUMNS)
        task.chunk = LEAST_COLUMNS;
    return pool_run(recombine_piece, &task, chunks(task.columns, task.chunk), threads);
}
