/* Networks of dense layers: rows go through all the layers in pieces, without a pause between layers. */
#include "direct.h"
#include "kernels/table.h"
#include "pool.h"
#include "simd/fpmode.h"
#include "work.h"

/* Rows of a piece: few enough for what lies between two layers to stay in the second-level cache, and many
 * enough to read the weights seldom. */
#define LEAST_ROWS 48
#define MOST_ROWS 240
#define BETWEEN_BYTES (1 << 19)

/* Where columns are divided, so many strips at least are in a piece: as many as a tile takes at once. */
#define STRIPS_OF_A_PIECE 4

typedef struct {
    const fi_network_job *job;
    const fi_network_plan *plan;
    slots slots;
} network_task;

int64_t fi_outputs(const fi_layer *layer)
{
    return takes_halves(layer->function.activation) ? layer->columns / 2 : layer->columns;
}

/* Multiplications. */
static double layer_work(const fi_network_job *job, const fi_layer *layer)
{
    return (double)job->items * (double)job->rows * (double)layer->depth * (double)layer->columns;
}

void fi_plan_network(const fi_network_job *job, int threads, fi_network_plan *plan)
{
    const int64_t itemsize = (int64_t)real_size(job->dtype), tile_rows = fi_current_kernels()->tile_rows;
    double most_work = 0; /* of a layer */
    plan->work = 0;
    plan->widest = 0;
    for (int i = 0; i < job->count; i++) {
        const double work = layer_work(job, &job->layers[i]);
        plan->work += work;
        most_work = work > most_work ? work : most_work;
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
    /* With few rows, a large layer's columns are what threads can share. */
    plan->by_columns = threads > 1 && job->items == 1 && job->rows <= MOST_ROWS && most_work >= FI_THREADED_WORK &&
                       2 * plan->pieces <= threads;
    if (plan->by_columns) {
        plan->row_chunk = job->rows;
        plan->row_chunks = plan->pieces = 1;
    }
    plan->threads = plan->by_columns ? threads : threads_for(least(plan->pieces, MOST_SLOTS), threads);
    /* Two buffers in turn; the last layer writes to the output. */
    plan->between = (size_t)round_up(plan->row_chunk * plan->widest * itemsize, 64);
    plan->x_bytes = (size_t)round_up(plan->row_chunk * gathered * itemsize, 64);
    plan->slot = 2 * plan->between + plan->x_bytes;
    plan->workspace = plan->slot * (size_t)(plan->by_columns ? 1 : plan->threads);
}

/* Rows of one item through a layer: `count` columns from `column` on, which begins a strip. */
static fi_product layer_product(const fi_network_job *job, const fi_layer *layer, int64_t item, int64_t rows,
                                const void *x, int64_t x_row, int64_t column, int64_t count, void *out)
{
    const fi_kernels *kernels = fi_current_kernels();
    const size_t itemsize = real_size(job->dtype);
    const int64_t strip = kernels->tile_columns[job->dtype];
    return (fi_product){
        .rows = rows,
        .depth = layer->depth,
        .columns = count,
        .x = x,
        .x_row = x_row,
        .weight = at(layer->strips, item * layer->strips_item + column * layer->depth, itemsize),
        .strip = layer->depth * strip,
        .step = strip,
        .packed = 1,
        .bias = layer->bias ? at(layer->bias, item * layer->bias_item + column, itemsize) : 0,
        .out = at(out, column, itemsize),
        .out_row = layer->columns,
        .finish = 1,
        .activation = within_product(&layer->function),
        .activate = kernels->activate[layer->function.activation][job->dtype],
        .function = &layer->function,
    };
}

static void multiply(fi_dtype dtype, const fi_product *product)
{
    const fi_kernels *kernels = fi_current_kernels();
    /* A whole layer of a single strip: a matrix, as its results are, whose rows have no gaps. */
    if (product->columns <= kernels->tile_columns[dtype] && product->columns == product->out_row) {
        const int64_t row = product->columns;
        const fi_product_kernel kernel = fi_kernel_for(dtype, product->rows, product->depth, row, row, 1);
        if (kernel == FI_ACROSS_ROWS) {
            const fi_direct direct = {
                .rows = product->rows,
                .depth = product->depth,
                .columns = product->columns,
                .x = product->x,
                .x_row = product->x_row,
                .weight = product->weight,
                .weight_row = row,
                .weight_column = 1,
                .bias = product->bias,
                .out = product->out,
                .out_row = product->out_row,
                .activation = product->activation,
                .activate = product->activate,
                .function = product->function,
            };
            kernels->direct[kernel][dtype](&direct);
            return;
        }
    }
    kernels->product[dtype](product);
}

/* Where layer i of an item leaves its rows from `row` on: two buffers in turn, the last one's results in the output. */
typedef struct {
    void *product, *result;
} outputs;

static outputs outputs_of(const fi_network_job *job, const fi_network_plan *plan, int i, int64_t item, int64_t row,
                          unsigned char *buffers)
{
    const fi_layer *layer = &job->layers[i];
    outputs out;
    if (i + 1 < job->count || takes_halves(layer->function.activation))
        out.product = out.result = buffers + (size_t)(i & 1) * plan->between;
    if (i + 1 == job->count) {
        out.result = at(job->out, (item * job->rows + row) * fi_outputs(layer), real_size(job->dtype));
        if (!takes_halves(layer->function.activation))
            out.product = out.result;
    }
    return out;
}

#define ROWS_BETWEEN_STOPS 65536 /* elements, in whole rows */

/* What works on whole rows, after the product. Rows of half the width close up: each comes to lie where others have
 * been read. */
static void activate_rows(const fi_network_job *job, const fi_layer *layer, int64_t rows, const outputs *out)
{
    if (!works_on_rows(layer->function.activation) || layer->columns == 0)
        return;
    const size_t itemsize = real_size(job->dtype);
    fi_activate_run *const activate = fi_current_kernels()->activate[layer->function.activation][job->dtype];
    const int64_t some = 1 + ROWS_BETWEEN_STOPS / layer->columns;
    for (int64_t r = 0; r < rows && !fi_stop_asked(); r += some)
        activate(&layer->function, at(out->product, r * layer->columns, itemsize),
                 at(out->result, r * fi_outputs(layer), itemsize), (size_t)least(some, rows - r),
                 (size_t)layer->columns);
}

/* Some rows of one item through all the layers; x is the first of them. */
static void run_item(const fi_network_job *job, const fi_network_plan *plan, int64_t item, int more, int64_t row,
                     const void *x, unsigned char *buffers)
{
    const int64_t rows = least(job->rows - row, plan->row_chunk);
    int64_t x_row = job->x_from.elements ? job->layers[0].depth : job->x_row;
    for (int i = 0; i < job->count; i++) {
        const fi_layer *layer = &job->layers[i];
        const outputs out = outputs_of(job, plan, i, item, row, buffers);
        fi_product product = layer_product(job, layer, item, rows, x, x_row, 0, layer->columns, out.product);
        if (more && layer->strips_item) { /* the next item's weights */
            product.next = at(product.weight, layer->strips_item, real_size(job->dtype));
            product.next_end = at(product.next, layer->strips_item, real_size(job->dtype));
        }
        multiply(job->dtype, &product);
        activate_rows(job, layer, rows, &out);
        x = out.result;
        x_row = fi_outputs(layer);
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
            x = at(job->x, item * job->x_item + row * job->x_row, real_size(job->dtype));
        }
        run_item(job, plan, item, item + 1 < last, row, x, buffers);
    }
    fpmode_leave(before);
    if (slot >= 0)
        slots_give(&task->slots, slot);
}

/* A layer of a network that has too few rows for its threads: columns in pieces. */
typedef struct {
    const fi_network_job *job;
    const fi_layer *layer;
    const void *x;
    int64_t x_row, column_chunk;
    void *out;
} layer_task;

static void layer_piece(void *context, int64_t piece)
{
    const layer_task *task = context;
    const fi_layer *layer = task->layer;
    const int64_t column = piece * task->column_chunk, count = least(layer->columns - column, task->column_chunk);
    const fi_product product =
        layer_product(task->job, layer, 0, task->job->rows, task->x, task->x_row, column, count, task->out);
    const fpmode before = fpmode_enter();
    multiply(task->job->dtype, &product);
    fpmode_leave(before);
}

static int run_by_columns(const fi_network_job *job, const fi_network_plan *plan, unsigned char *buffers)
{
    const int64_t unit = STRIPS_OF_A_PIECE * fi_current_kernels()->tile_columns[job->dtype];
    layer_task task = {.job = job, .x = job->x, .x_row = job->x_row};
    if (job->x_from.elements) {
        void *const gathered = buffers + 2 * plan->between;
        fi_gather(&job->x_from, 0, job->rows * job->layers[0].depth, gathered);
        task.x = gathered;
        task.x_row = job->layers[0].depth;
    }
    for (int i = 0; i < job->count; i++) {
        const fi_layer *layer = task.layer = &job->layers[i];
        const outputs out = outputs_of(job, plan, i, 0, 0, buffers);
        task.out = out.product;
        task.column_chunk = layer->columns;
        if (layer_work(job, layer) >= FI_THREADED_WORK)
            task.column_chunk = round_up(chunks(layer->columns, 2 * (int64_t)plan->threads), unit);
        /* Without columns, one piece does nothing. */
        const int64_t pieces = layer->columns > 0 ? chunks(layer->columns, task.column_chunk) : 1;
        if (pool_run(layer_piece, &task, pieces, threads_for(pieces, plan->threads)))
            return 1;
        const fpmode before = fpmode_enter();
        activate_rows(job, layer, job->rows, &out);
        fpmode_leave(before);
        task.x = out.result;
        task.x_row = fi_outputs(layer);
    }
    return 0;
}

int fi_network(const fi_network_job *job, const fi_network_plan *plan, void *workspace)
{
    if (plan->by_columns)
        return run_by_columns(job, plan, workspace);
    network_task task;
    task.job = job;
    task.plan = plan;
    slots_make(&task.slots, workspace, plan->slot, plan->threads);
    return pool_run(network_piece, &task, plan->pieces, plan->threads);
}
