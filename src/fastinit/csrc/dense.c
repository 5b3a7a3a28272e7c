/* Dense layers: a matrix product for every item of the leading axes, divided among threads. */
#include <string.h>

#include "direct.h"
#include "kernels/table.h"
#include "pool.h"
#include "simd/fpmode.h"
#include "work.h"

/* From so many rows on, and so large a weight matrix, copying it into strips is cheaper than reading its
 * scattered rows again and again. */
#define PACKED_ROWS 128
#define PACKED_BYTES (1 << 20)

/* Between this and that, where a strip's row is a line of the cache at most, the first tile of a strip leaves it packed
 * for the others: on a Zen 3, AVX2 gains 6 % at 64x784x512, 8 % at 32x512x512 and 7 % at 264x256x256, and loses 3 % at
 * 36x256x256 and 6 % at 32x64x64. */
#define COPIED_BYTES (1 << 19)
#define COPIED_BYTES_OF_MANY (1 << 17) /* from PACKED_ROWS rows on */

/* Columns of one piece, so that the strips of one block stay in the second-level cache; of these, whole strips. */
#define MOST_COLUMNS 512

/* Of pieces of matrices as they lie: rows to fill the lanes of a few groups, columns to make long streams. */
#define DIRECT_ROWS 64
#define DIRECT_COLUMNS 256

/* What is gathered of x at a time stays in the cache, but has rows enough for packed weights to be worth their packing. */
#define PART_BYTES (1 << 22)
#define PART_ROWS 1024

/* About so many elements are gathered in a piece. */
#define GATHERED 65536

/* Where the function takes halves, about so much waits for the gate at a time, and so many rows at least. */
#define GATED_BYTES (1 << 20)
#define GATED_ROWS 512

typedef struct {
    const fi_dense_job *job;
    const fi_dense_plan *plan;
    slots slots;
} dense_task;

/* Of a dimension that is to become about `wanted` pieces, each a multiple of `unit` but for the last, which is larger:
 * none is smaller than the unit, unless the whole is. */
static int64_t pieces_of(int64_t whole, int64_t unit, int64_t wanted, int64_t *piece)
{
    *piece = round_up((whole + wanted - 1) / wanted, unit);
    return whole > *piece ? whole / *piece : 1;
}

/* The same for a product of matrices as they lie. */
static void divide_direct(const fi_dense_job *job, int threads, fi_dense_plan *plan)
{
    const int64_t wanted = threads > 1 ? (4 * (int64_t)threads + plan->items - 1) / plan->items : 1;
    const int by_rows = plan->kernel == FI_ACROSS_ROWS;
    plan->packs = 0;
    plan->row_chunks = pieces_of(job->rows, DIRECT_ROWS, by_rows ? wanted : 1, &plan->row_chunk);
    plan->column_chunks = pieces_of(job->columns, DIRECT_COLUMNS, by_rows ? 1 : wanted, &plan->column_chunk);
    plan->threads = threads_for(least(plan->items * plan->row_chunks * plan->column_chunks, MOST_SLOTS), threads);
    plan->slot = plan->workspace = 0;
}

/* Bytes for so many columns of one block of k, or rows of it. */
static size_t room(int64_t depth, int64_t columns, int64_t itemsize)
{
    return columns ? (size_t)round_up((depth * columns + FI_PACKED_SLACK) * itemsize, 64) : 0;
}

/* Into so many pieces, nearly square: each packs its part of both matrices. */
static void divide_evenly(const fi_dense_job *job, int64_t wanted, int64_t tile_rows, int64_t strip,
                          fi_dense_plan *plan)
{
    int64_t rows = job->rows, columns = plan->column_chunk;
    while (chunks(job->rows, rows) * chunks(job->columns, columns) < wanted) {
        if (rows >= 2 * PACKED_ROWS && rows >= columns)
            rows = round_up((rows + 1) / 2, tile_rows);
        else if (columns > strip)
            columns = round_up((columns + 1) / 2, strip);
        else
            break;
    }
    plan->row_chunk = rows;
    plan->column_chunk = columns;
}

/* The plan for a job whose arrays lie as the kernels read them. */
static void divide(const fi_dense_job *job, int threads, fi_dense_plan *plan)
{
    int64_t items = 1;
    for (int i = 0; i < job->ndim; i++)
        items *= job->shape[i];
    /* As floating-point numbers, because the product of four sizes may overflow. */
    plan->work = (double)items * (double)job->rows * (double)job->depth * (double)job->columns;
    if (plan->work < FI_THREADED_WORK)
        threads = 1;

    plan->items = items;
    plan->kernel = fi_kernel_for(job->dtype, job->rows, job->depth, job->columns, job->weight_row, job->weight_column);
    if (plan->kernel != FI_TILES) {
        divide_direct(job, threads, plan);
        return;
    }
    const fi_kernels *const kernels = fi_product_kernels(plan->work);
    const int64_t strip = kernels->tile_columns[job->dtype], itemsize = (int64_t)real_size(job->dtype);
    plan->packs =
        job->weight_column != 1 || (job->rows >= PACKED_ROWS && job->depth * job->columns * itemsize >= PACKED_BYTES);
    plan->row_chunk = job->rows;
    plan->column_chunk = job->columns <= MOST_COLUMNS ? job->columns : MOST_COLUMNS / strip * strip;
    if (threads > 1 && items < 4 * (int64_t)threads) {
        const int64_t wanted = (4 * (int64_t)threads + items - 1) / items;
        if (plan->packs) {
            divide_evenly(job, wanted, kernels->tile_rows, strip, plan);
        } else { /* by rows as far as they go, then by columns */
            plan->row_chunk = round_up((job->rows + wanted - 1) / wanted, kernels->tile_rows);
            const int64_t left = chunks(wanted, chunks(job->rows, plan->row_chunk));
            plan->column_chunk = least(plan->column_chunk, round_up((job->columns + left - 1) / left, strip));
        }
    }
    /* A short call has one of each, and feels a division. */
    plan->row_chunks = plan->row_chunk >= job->rows ? 1 : chunks(job->rows, plan->row_chunk);
    plan->column_chunks = plan->column_chunk >= job->columns ? 1 : chunks(job->columns, plan->column_chunk);
    const int64_t pieces = plan->items * plan->row_chunks * plan->column_chunks;
    plan->threads = threads_for(least(pieces, MOST_SLOTS), threads);

    const int64_t depth = fi_block_depth(job->depth);
    int64_t packed = 0; /* columns that go through workspace */
    if (plan->packs)
        packed = plan->column_chunk;
    else if (remainder_of(job->columns, strip) != 0)
        packed = strip;
    const int64_t panels = plan->packs && plan->row_chunk >= PACKED_ROWS
                               ? least(plan->row_chunk, FI_BLOCK_ROWS(itemsize) + kernels->tile_rows)
                               : 0;
    const int64_t copy = !plan->packs && kernels->copies && plan->row_chunk > 2 * kernels->tile_rows &&
                                 job->depth * job->columns * itemsize >=
                                     (plan->row_chunk < PACKED_ROWS ? COPIED_BYTES : COPIED_BYTES_OF_MANY)
                             ? strip
                             : 0;
    plan->strips_bytes = room(depth, packed, itemsize);
    plan->panels_bytes = room(depth, panels, itemsize);
    plan->copy_bytes = room(depth, copy, itemsize);
    plan->slot = plan->strips_bytes + plan->panels_bytes + plan->copy_bytes;
    plan->workspace = plan->slot * (size_t)plan->threads;
}

/* The outermost axis: of the items or, if there is one alone, the rows. */
static int64_t outermost(const fi_dense_job *job) { return job->ndim > 0 ? job->shape[0] : job->rows; }

/* Steps first .. first + count along the outermost axis; x is what has been gathered of them. */
static fi_dense_job part_of(const fi_dense_job *job, int64_t first, int64_t count, const void *x)
{
    const size_t itemsize = real_size(job->dtype);
    int64_t out_step = takes_halves(job->function.activation) ? job->columns / 2 : job->columns;
    fi_dense_job part = *job;
    part.x = x;
    if (job->ndim == 0) {
        part.rows = count;
    } else {
        part.shape[0] = count;
        part.weight = at(job->weight, first * job->weight_item[0], itemsize);
        part.bias = job->bias ? at(job->bias, first * job->bias_item[0], itemsize) : 0;
        out_step *= job->rows;
        for (int i = 1; i < job->ndim; i++)
            out_step *= job->shape[i];
    }
    part.out = at(job->out, first * out_step, itemsize);
    return part;
}

static size_t gathered_bytes(const fi_dense_job *job, int64_t elements)
{
    return (size_t)round_up(elements * (int64_t)real_size(job->dtype), 64);
}

/* The most workspace that parts of so many steps need; all but the last have the same size. */
static size_t workspace_of_parts(const fi_dense_job *job, int64_t steps, int threads)
{
    const int64_t whole = outermost(job), counts[] = {steps, whole % steps};
    size_t most = 0;
    for (int i = 0; i < 2 && counts[i] > 0; i++) {
        const fi_dense_job part = part_of(job, 0, counts[i], 0);
        fi_dense_plan division;
        divide(&part, threads, &division);
        if (most < division.workspace)
            most = division.workspace;
    }
    return most;
}

/* Room for both halves of the results of a part, which wait for the gate. */
static void plan_gating(const fi_dense_job *job, int threads, fi_dense_plan *plan)
{
    const int64_t whole = outermost(job), rows = plan->items * job->rows / whole; /* of a step */
    const int64_t bytes = job->columns * (int64_t)real_size(job->dtype), fit = GATED_BYTES / bytes;
    const int64_t wanted = chunks(fit > GATED_ROWS ? fit : GATED_ROWS, rows);
    plan->part = least(wanted, whole);
    plan->gated_bytes = gathered_bytes(job, plan->part * rows * job->columns);
    plan->workspace = workspace_of_parts(job, plan->part, threads) + plan->gated_bytes;
}

/* Room for what is gathered; x in parts, where it moves on along the outermost axis. */
static void plan_gathering(const fi_dense_job *job, int threads, fi_dense_plan *plan)
{
    const int64_t whole = outermost(job), step = job->ndim > 0 ? job->x_item[0] : job->x_row;
    plan->weight_bytes = gathered_bytes(job, job->weight_from.elements);
    plan->bias_bytes = gathered_bytes(job, job->bias_from.elements);
    plan->x_bytes = gathered_bytes(job, job->x_from.elements);
    if (plan->x_bytes > PART_BYTES && job->x_from.elements == whole * step && !plan->gated_bytes) {
        int64_t part = PART_BYTES / (step * (int64_t)real_size(job->dtype));
        if (part < (job->ndim > 0 ? 1 : PART_ROWS))
            part = job->ndim > 0 ? 1 : PART_ROWS;
        plan->part = least(part, whole);
        plan->x_bytes = gathered_bytes(job, plan->part * step);
        const size_t workspace = workspace_of_parts(job, plan->part, threads);
        if (plan->workspace < workspace)
            plan->workspace = workspace;
    }
    plan->workspace += plan->x_bytes + plan->weight_bytes + plan->bias_bytes;
}

void fi_plan_dense(const fi_dense_job *job, int threads, fi_dense_plan *plan)
{
    divide(job, threads, plan);
    plan->most_threads = threads;
    plan->part = outermost(job);
    plan->x_bytes = plan->weight_bytes = plan->bias_bytes = plan->gated_bytes = 0;
    if (takes_halves(job->function.activation))
        plan_gating(job, threads, plan);
    if (job->x_from.elements || job->weight_from.elements || job->bias_from.elements)
        plan_gathering(job, threads, plan);
}

static void dense_piece(void *context, int64_t piece)
{
    dense_task *task = context;
    const fi_dense_job *job = task->job;
    const fi_dense_plan *plan = task->plan;
    const fi_kernels *const kernels = plan->kernel == FI_TILES ? fi_product_kernels(plan->work) : fi_current_kernels();
    const size_t itemsize = real_size(job->dtype);
    const int64_t strip = kernels->tile_columns[job->dtype];
    int64_t column = 0, row = 0, item = 0;
    if (piece > 0) {
        column = piece % plan->column_chunks * plan->column_chunk;
        row = piece / plan->column_chunks % plan->row_chunks * plan->row_chunk;
        item = piece / plan->column_chunks / plan->row_chunks;
    }
    const int64_t columns = least(job->columns - column, plan->column_chunk);
    /* Columns whose strips are read in place. */
    const int64_t whole = plan->packs ? 0 : columns - remainder_of(columns, strip);
    int64_t x_item = 0, weight_item = 0, bias_item = 0;
    for (int64_t i = item > 0 ? job->ndim - 1 : -1, rest = item; i >= 0; i--) {
        const int64_t index = rest % job->shape[i];
        rest /= job->shape[i];
        x_item += index * job->x_item[i];
        weight_item += index * job->weight_item[i];
        bias_item += index * job->bias_item[i];
    }
    const void *const weight = at(job->weight, weight_item + column * job->weight_column, itemsize);
    if (plan->kernel != FI_TILES) {
        const fi_direct direct = {
            .rows = row + 2 * plan->row_chunk > job->rows ? job->rows - row : plan->row_chunk,
            .depth = job->depth,
            .columns = column + 2 * plan->column_chunk > job->columns ? job->columns - column : plan->column_chunk,
            .x = at(job->x, x_item + row * job->x_row, itemsize),
            .x_row = job->x_row,
            .weight = weight,
            .weight_row = job->weight_row,
            .weight_column = job->weight_column,
            .bias = job->bias ? at(job->bias, bias_item + column, itemsize) : 0,
            .out = at(job->out, (item * job->rows + row) * job->columns + column, itemsize),
            .out_row = job->columns,
            .activation = within_product(&job->function),
            .activate = kernels->activate[job->function.activation][job->dtype],
            .function = &job->function,
        };
        const fpmode mode = fpmode_enter();
        kernels->direct[plan->kernel][job->dtype](&direct);
        fpmode_leave(mode);
        return;
    }
    fi_product product; /* set field by field: to clear it first takes as long as a short product */
    product.rows = least(job->rows - row, plan->row_chunk);
    product.x_row = job->x_row;
    product.out_row = job->columns;
    product.next = product.next_end = 0;
    product.activation = within_product(&job->function);
    product.activate = kernels->activate[job->function.activation][job->dtype];
    product.function = &job->function;
    const int slot = plan->slot ? slots_take(&task->slots) : -1;
    void *const strips = slot < 0 ? 0 : slots_at(&task->slots, slot);
    product.panels = plan->panels_bytes ? at(strips, 1, plan->strips_bytes) : 0;
    product.copy = plan->copy_bytes ? at(strips, 1, plan->strips_bytes + plan->panels_bytes) : 0;
    const fpmode before = fpmode_enter();

    int64_t k = 0;
    const int64_t depth = fi_block_depth(job->depth);
    do { /* also without any k: then the sums are +0 */
        product.depth = least(job->depth - k, depth);
        product.x = at(job->x, x_item + row * job->x_row + k, itemsize);
        product.add = k > 0;
        product.finish = k + product.depth == job->depth;
        const void *const from = at(weight, k * job->weight_row, itemsize);
        for (int part = 0; part < 2; part++) { /* strips in place, then copied ones */
            const int64_t first = part == 0 ? 0 : whole;
            product.columns = part == 0 ? whole : columns - whole;
            if (product.columns == 0)
                continue;
            if (part == 0) {
                product.weight = from;
                product.strip = strip;
                product.step = job->weight_row;
                product.packed = 0;
            } else {
                kernels->pack[job->dtype](at(from, first * job->weight_column, itemsize), job->weight_row,
                                          job->weight_column, product.depth, product.columns, strips);
                product.weight = strips;
                product.strip = product.depth * strip;
                product.step = strip;
                product.packed = 1;
            }
            product.bias = job->bias ? at(job->bias, bias_item + column + first, itemsize) : 0;
            product.out = at(job->out, (item * job->rows + row) * job->columns + column + first, itemsize);
            kernels->product[job->dtype](&product);
        }
        k += product.depth;
    } while (k < job->depth && !fi_stop_asked());

    fpmode_leave(before);
    if (slot >= 0)
        slots_give(&task->slots, slot);
}

static int run_products(const fi_dense_job *job, const fi_dense_plan *plan, void *workspace)
{
    dense_task task;
    task.job = job;
    task.plan = plan;
    if (plan->slot)
        slots_make(&task.slots, workspace, plan->slot, plan->threads);
    if (pool_run(dense_piece, &task, plan->items * plan->row_chunks * plan->column_chunks, plan->threads))
        return 1;
    if (!works_on_rows(job->function.activation) || takes_halves(job->function.activation))
        return 0;
    return fi_activate(job->dtype, &job->function, job->out, job->out, plan->items * job->rows, job->columns,
                       plan->threads);
}

/* Part by part: both halves, then the gate. */
static int run_gated(const fi_dense_job *job, const fi_dense_plan *plan, unsigned char *workspace)
{
    const int64_t steps = outermost(job), x_step = job->ndim > 0 ? job->x_item[0] : job->x_row;
    for (int64_t first = 0; first < steps; first += plan->part) {
        const void *const x = at(job->x, first * x_step, real_size(job->dtype));
        fi_dense_job part = part_of(job, first, least(plan->part, steps - first), x);
        void *const out = part.out;
        fi_dense_plan division;
        divide(&part, plan->most_threads, &division);
        part.out = workspace;
        if (run_products(&part, &division, workspace + plan->gated_bytes) ||
            fi_activate(job->dtype, &job->function, workspace, out, division.items * part.rows, job->columns,
                        division.threads))
            return 1;
    }
    return 0;
}

static int run(const fi_dense_job *job, const fi_dense_plan *plan, void *workspace)
{
    return plan->gated_bytes ? run_gated(job, plan, workspace) : run_products(job, plan, workspace);
}

/* What several threads gather, so many elements in a piece. */
typedef struct {
    const fi_scattered *from;
    int64_t first, count, piece;
    unsigned char *to;
} gathering;

static void gather_piece(void *context, int64_t piece)
{
    const gathering *job = context;
    const int64_t start = piece * job->piece;
    fi_gather(job->from, job->first + start, least(job->count - start, job->piece),
              job->to + start * job->from->itemsize);
}

/* 1 if the call is to stop. */
static int gather(const fi_scattered *from, int64_t first, int64_t count, void *to, int threads)
{
    gathering job = {from, first, count, fi_gathered_rows(from->columns, GATHERED) * from->columns, to};
    return pool_run(gather_piece, &job, chunks(count, job.piece), threads);
}

static int run_gathered(const fi_dense_job *job, const fi_dense_plan *plan, unsigned char *workspace)
{
    fi_dense_job whole = *job;
    if (plan->weight_bytes) {
        if (gather(&job->weight_from, 0, job->weight_from.elements, workspace, plan->threads))
            return 1;
        whole.weight = workspace;
        workspace += plan->weight_bytes;
    }
    if (plan->bias_bytes) {
        if (gather(&job->bias_from, 0, job->bias_from.elements, workspace, plan->threads))
            return 1;
        whole.bias = workspace;
        workspace += plan->bias_bytes;
    }
    if (!plan->x_bytes)
        return run(&whole, plan, workspace);
    void *const x = workspace, *const slots = workspace + plan->x_bytes;
    const int64_t steps = outermost(job), step = job->x_from.elements / steps;
    if (plan->part == steps || plan->gated_bytes) {
        whole.x = x;
        return gather(&job->x_from, 0, job->x_from.elements, x, plan->threads) || run(&whole, plan, slots);
    }
    for (int64_t first = 0; first < steps; first += plan->part) {
        const int64_t count = least(plan->part, steps - first);
        const fi_dense_job part = part_of(&whole, first, count, x);
        fi_dense_plan division;
        divide(&part, plan->most_threads, &division);
        if (gather(&job->x_from, first * step, count * step, x, division.threads) ||
            run_products(&part, &division, slots))
            return 1;
    }
    return 0;
}

int fi_dense(const fi_dense_job *job, const fi_dense_plan *plan, void *workspace)
{
    if (plan->x_bytes + plan->weight_bytes + plan->bias_bytes == 0)
        return run(job, plan, workspace);
    return run_gathered(job, plan, workspace);
}
