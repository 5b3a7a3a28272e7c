/* Networks of dense layers: rows go through all the layers in pieces, without a pause between layers. */
#include "kernels/table.h"
#include "pool.h"
#include "simd/fpmode.h"
#include "work.h"

/* Rows of a piece: few enough for what lies between two layers to stay in the second-level cache, and many
 * enough to read the weights seldom. */
#define LEAST_ROWS 48
#define MOST_ROWS 240
#define BETWEEN_BYTES (1 << 19)

typedef struct {
    const fi_network_job *job;
    const fi_network_plan *plan;
    slots slots;
} network_task;

int64_t fi_outputs(const fi_layer *layer)
{
    return takes_halves(layer->function.activation) ? layer->columns / 2 : layer->columns;
}

void fi_plan_network(const fi_network_job *job, int threads, fi_network_plan *plan)
{
    const int64_t itemsize = (int64_t)fi_itemsize(job->dtype), tile_rows = fi_current_kernels()->tile_rows;
    plan->work = 0;
    plan->widest = 0;
    for (int i = 0; i < job->count; i++) {
        plan->work +=
            (double)job->items * (double)job->rows * (double)job->layers[i].depth * (double)job->layers[i].columns;
        const int buffered = i + 1 < job->count || takes_halves(job->layers[i].function.activation);
        if (buffered && job->layers[i].columns > plan->widest)
            plan->widest = job->layers[i].columns;
    }
    if (plan->work < FI_THREADED_WORK)
        threads = 1;

    int64_t chunk = MOST_ROWS;
    const int64_t gathered = job->x_from.elements ? job->layers[0].depth : 0;
    const int64_t widest = gathered > plan->widest ? gathered : plan->widest;
    if (widest > 0)
        chunk = least(chunk, BETWEEN_BYTES / (widest * itemsize) / tile_rows * tile_rows);
    const int64_t wanted = 2 * (int64_t)threads;
    if (threads > 1 && job->items < wanted)
        chunk = least(chunk, round_up((job->rows + wanted - 1) / wanted, tile_rows));
    if (chunk < LEAST_ROWS)
        chunk = LEAST_ROWS;
    plan->row_chunk = least(chunk, job->rows);
    plan->row_chunks = chunks(job->rows, plan->row_chunk);
    /* Many small items make one piece. */
    plan->item_chunk = plan->row_chunks > 1 ? 1 : chunks(job->items, 4 * (int64_t)threads);
    if (plan->item_chunk < 1)
        plan->item_chunk = 1;
    plan->pieces = chunks(job->items, plan->item_chunk) * plan->row_chunks;
    plan->threads = threads_for(least(plan->pieces, MOST_SLOTS), threads);
    /* Two buffers in turn; the last layer writes to the output. */
    plan->between = (size_t)round_up(plan->row_chunk * plan->widest * itemsize, 64);
    plan->x_bytes = (size_t)round_up(plan->row_chunk * gathered * itemsize, 64);
    plan->slot = 2 * plan->between + plan->x_bytes;
    plan->workspace = plan->slot * (size_t)plan->threads;
}

/* Some rows of one item through all the layers; x is the first of them. */
static void run_item(const fi_network_job *job, const fi_network_plan *plan, int64_t item, int more, int64_t row,
                     const void *x, unsigned char *buffers)
{
    const fi_kernels *kernels = fi_current_kernels();
    const size_t itemsize = fi_itemsize(job->dtype);
    const int64_t strip = kernels->tile_columns[job->dtype];
    const fi_layer *const last = &job->layers[job->count - 1];
    void *const out = at(job->out, (item * job->rows + row) * fi_outputs(last), itemsize);
    fi_product product = {.rows = least(job->rows - row, plan->row_chunk), .packed = 1, .finish = 1};
    product.x = x;
    product.x_row = job->x_from.elements ? job->layers[0].depth : job->x_row;
    for (int i = 0; i < job->count; i++) {
        const fi_layer *layer = &job->layers[i];
        const int on_rows = works_on_rows(layer->function.activation);
        const int of_halves = takes_halves(layer->function.activation);
        const int64_t outputs = fi_outputs(layer);
        product.depth = layer->depth;
        product.columns = layer->columns;
        product.weight = at(layer->strips, item * layer->strips_item, itemsize);
        product.strip = layer->depth * strip;
        product.step = strip;
        product.next = product.next_end = 0;
        if (more && layer->strips_item) { /* the next item's weights */
            product.next = at(product.weight, layer->strips_item, itemsize);
            product.next_end = at(product.next, layer->strips_item, itemsize);
        }
        product.bias = layer->bias ? at(layer->bias, item * layer->bias_item, itemsize) : 0;
        product.out = i + 1 < job->count || of_halves ? buffers + (size_t)(i & 1) * plan->between : out;
        product.out_row = layer->columns;
        product.activation = within_product(&layer->function);
        product.activate = kernels->activate[layer->function.activation][job->dtype];
        product.function = &layer->function;
        kernels->product[job->dtype](&product);
        /* Rows of half the width close up: each comes to lie where others have been read. */
        void *const result = i + 1 < job->count ? product.out : out;
        for (int64_t r = 0; on_rows && r < product.rows && !fi_stop_asked(); r++)
            product.activate(&layer->function, at(product.out, r * layer->columns, itemsize),
                             at(result, r * outputs, itemsize), (size_t)layer->columns);
        product.x = result;
        product.x_row = outputs;
    }
}

static void network_piece(void *context, int64_t piece)
{
    network_task *task = context;
    const fi_network_job *job = task->job;
    const fi_network_plan *plan = task->plan;
    const int64_t first = piece / plan->row_chunks * plan->item_chunk, row = piece % plan->row_chunks * plan->row_chunk;
    const int64_t last = least(first + plan->item_chunk, job->items);
    const int slot = plan->slot ? slots_take(&task->slots) : -1;
    unsigned char *const buffers = slot < 0 ? 0 : slots_at(&task->slots, slot);
    const int64_t depth = job->layers[0].depth, rows = least(job->rows - row, plan->row_chunk);
    const fpmode before = fpmode_enter();

    for (int64_t item = first; item < last && (item == first || !fi_stop_asked()); item++) {
        const void *x;
        if (job->x_from.elements) {
            unsigned char *const gathered = buffers + 2 * plan->between;
            if (item == first || job->x_item != 0)
                fi_gather(&job->x_from, (item * job->rows + row) * depth, rows * depth, gathered);
            x = gathered;
        } else {
            x = at(job->x, item * job->x_item + row * job->x_row, fi_itemsize(job->dtype));
        }
        run_item(job, plan, item, item + 1 < last, row, x, buffers);
    }
    fpmode_leave(before);
    if (slot >= 0)
        slots_give(&task->slots, slot);
}

int fi_network(const fi_network_job *job, const fi_network_plan *plan, void *workspace)
{
    network_task task = {.job = job, .plan = plan};
    slots_make(&task.slots, workspace, plan->slot, plan->threads);
    return pool_run(network_piece, &task, plan->pieces, plan->threads);
}
