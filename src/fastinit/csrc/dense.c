/* Dense layers: a matrix product for every item of the leading axes, divided among threads. */
#include <string.h>

#include "kernels/table.h"
#include "pool.h"
#include "simd/fpmode.h"
#include "work.h"

/* From so many rows on, and so large a weight matrix, copying it into strips is cheaper than reading its
 * scattered rows again and again. */
#define PACKED_ROWS 128
#define PACKED_BYTES (1 << 20)

/* Columns of one piece, so that the strips of one block stay in the second-level cache; of these, whole strips. */
#define MOST_COLUMNS 512

typedef struct {
    const fi_dense_job *job;
    const fi_dense_plan *plan;
    slots slots;
} dense_task;


void fi_plan_dense(const fi_dense_job *job, int threads, fi_dense_plan *plan)
{
    const fi_kernels *kernels = fi_current_kernels();
    const int64_t strip = kernels->tile_columns[job->dtype], itemsize = (int64_t)fi_itemsize(job->dtype);
    int64_t items = 1;
    for (int i = 0; i < job->ndim; i++)
        items *= job->shape[i];
    /* As floating-point numbers, because the product of four sizes may overflow. */
    plan->work = (double)items * (double)job->rows * (double)job->depth * (double)job->columns;
    if (plan->work < FI_THREADED_WORK)
        threads = 1;

    plan->items = items;
    plan->packs = job->weight_column != 1 || (job->rows >= PACKED_ROWS && job->depth * job->columns * itemsize >= PACKED_BYTES);
    plan->row_chunk = job->rows;
    plan->column_chunk = least(round_up(job->columns, strip), MOST_COLUMNS / strip * strip);
    if (threads > 1 && items < 4 * (int64_t)threads) {
        /* By columns where every piece packs its strips, else by rows as far as they go. */
        const int64_t wanted = (4 * (int64_t)threads + items - 1) / items;
        if (!plan->packs)
            plan->row_chunk = round_up((job->rows + wanted - 1) / wanted, kernels->tile_rows);
        const int64_t left = chunks(wanted, chunks(job->rows, plan->row_chunk));
        plan->column_chunk = least(plan->column_chunk, round_up((job->columns + left - 1) / left, strip));
    }
    plan->row_chunks = chunks(job->rows, plan->row_chunk);
    plan->column_chunks = chunks(job->columns, plan->column_chunk);
    const int64_t pieces = plan->items * plan->row_chunks * plan->column_chunks;
    plan->threads = threads_for(least(pieces, MOST_SLOTS), threads);

    const int64_t depth = least(job->depth, FI_BLOCK_DEPTH);
    int64_t packed = 0; /* columns that go through workspace */
    if (plan->packs)
        packed = plan->column_chunk;
    else if (job->columns % strip != 0)
        packed = strip;
    plan->slot = packed ? (size_t)round_up((depth * packed + FI_PACKED_SLACK) * itemsize, 64) : 0;
    plan->workspace = plan->slot * (size_t)plan->threads;
}

static void dense_piece(void *context, int64_t piece)
{
    dense_task *task = context;
    const fi_dense_job *job = task->job;
    const fi_dense_plan *plan = task->plan;
    const fi_kernels *kernels = fi_current_kernels();
    const size_t itemsize = fi_itemsize(job->dtype);
    const int64_t strip = kernels->tile_columns[job->dtype];
    const int64_t column = piece % plan->column_chunks * plan->column_chunk;
    const int64_t row = piece / plan->column_chunks % plan->row_chunks * plan->row_chunk;
    const int64_t item = piece / plan->column_chunks / plan->row_chunks;
    const int64_t columns = least(job->columns - column, plan->column_chunk);
    const int64_t whole = plan->packs ? 0 : columns / strip * strip; /* columns whose strips are read in place */
    int64_t x_item = 0, weight_item = 0, bias_item = 0;
    for (int64_t i = job->ndim - 1, rest = item; i >= 0; i--) {
        const int64_t index = rest % job->shape[i];
        rest /= job->shape[i];
        x_item += index * job->x_item[i];
        weight_item += index * job->weight_item[i];
        bias_item += index * job->bias_item[i];
    }
    const void *const weight = at(job->weight, weight_item + column * job->weight_column, itemsize);
    const fi_activation activation = works_on_rows(job->activation) ? FI_LINEAR : job->activation;
    fi_product product = {
        .rows = least(job->rows - row, plan->row_chunk),
        .x_row = job->x_row,
        .out_row = job->columns,
        .activation = activation,
        .activate = kernels->activate[activation][job->dtype],
        .parameter = job->parameter,
    };
    const int slot = plan->slot ? slots_take(&task->slots) : -1;
    void *const strips = slot < 0 ? 0 : slots_at(&task->slots, slot);
    const fpmode before = fpmode_enter();

    int64_t k = 0;
    do { /* also without any k: then the sums are +0 */
        product.depth = least(job->depth - k, FI_BLOCK_DEPTH);
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
    } while (k < job->depth);

    fpmode_leave(before);
    if (slot >= 0)
        slots_give(&task->slots, slot);
}

void fi_dense(const fi_dense_job *job, const fi_dense_plan *plan, void *workspace)
{
    dense_task task = {.job = job, .plan = plan};
    slots_make(&task.slots, workspace, plan->slot, plan->threads);
    pool_run(dense_piece, &task, plan->items * plan->row_chunks * plan->column_chunks, plan->threads);
    if (works_on_rows(job->activation))
        fi_activate(job->dtype, job->activation, job->parameter, job->out, job->out, plan->items * job->rows, job->columns,
                    plan->threads);
}
