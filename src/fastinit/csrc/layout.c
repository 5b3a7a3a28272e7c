/* Where the elements of arrays lie: broadcasting, merged axes, overlap, and gathering what lies otherwise than a
 * kernel reads it. Nothing here knows what is computed. */
#include <string.h>

#include "kernels/table.h"
#include "work.h"

/* A block of a transposition: of each of so few columns, for a cache whose lines may all fall into one set, some lines
 * that follow each other. */
#define BLOCK_ROWS 64
#define BLOCK_COLUMNS 8
#define LINE_ROWS 16 /* floats of a line */

static int is_empty(const fi_array *a)
{
    for (int i = 0; i < a->ndim; i++)
        if (a->shape[i] == 0)
            return 1;
    return 0;
}

int fi_contiguous(const fi_array *a)
{
    int64_t stride = a->itemsize;
    if (is_empty(a))
        return 1;
    for (int i = a->ndim - 1; i >= 0; i--) {
        if (a->shape[i] == 1)
            continue;
        if (a->strides[i] != stride)
            return 0;
        stride *= a->shape[i];
    }
    return 1;
}

int fi_aligned(const fi_array *a)
{
    uint64_t bits = (uintptr_t)a->data;
    int empty = 0;
    for (int i = 0; i < a->ndim; i++) {
        empty |= a->shape[i] == 0;
        bits |= a->shape[i] == 1 ? 0 : (uint64_t)a->strides[i];
    }
    return empty || bits % (uint64_t)a->itemsize == 0;
}

/* The first byte, and the one behind the last. */
static void span(const fi_array *a, uintptr_t *low, uintptr_t *high)
{
    *low = *high = (uintptr_t)a->data;
    for (int i = 0; i < a->ndim; i++) {
        if (a->shape[i] == 1)
            continue;
        if (a->strides[i] > 0)
            *high += (uintptr_t)((a->shape[i] - 1) * a->strides[i]);
        else
            *low += (uintptr_t)((a->shape[i] - 1) * a->strides[i]);
    }
    *high += (uintptr_t)a->itemsize;
}

int fi_apart(const fi_array *a, const fi_array *b)
{
    uintptr_t low[2], high[2];
    if (is_empty(a) || is_empty(b))
        return 1;
    span(a, &low[0], &high[0]);
    span(b, &low[1], &high[1]);
    return high[0] <= low[1] || high[1] <= low[0];
}

int fi_has_shape(const fi_array *a, const fi_shape *shape)
{
    if (a->ndim != shape->ndim)
        return 0;
    for (int i = 0; i < a->ndim; i++)
        if (a->shape[i] != shape->sizes[i])
            return 0;
    return 1;
}

static void count_elements(fi_shape *shape)
{
    int64_t count = 1;
    int too_many = 0;
    for (int i = 0; i < shape->ndim; i++) {
        if (shape->sizes[i] == 0) { /* however many the others are */
            shape->count = 0;
            return;
        }
        too_many |= __builtin_mul_overflow(count, shape->sizes[i], &count);
    }
    shape->count = too_many ? INT64_MAX : count;
}

/* ---- gathering ---- */

/* Without `repeats`, elements that stand again and again, along a row axis of stride 0, are gathered once. */
static void scatter(const fi_array *a, int repeats, fi_scattered *from)
{
    const int last = a->ndim - 1;
    from->data = a->data;
    from->itemsize = a->itemsize;
    from->columns = last < 0 ? 1 : a->shape[last];
    from->column_step = from->columns == 1 ? a->itemsize : a->strides[last];
    from->elements = from->columns;
    from->ndim = 0;
    for (int i = 0; i < last; i++) {
        const int64_t n = a->shape[i], step = a->strides[i];
        if (n == 1 || (step == 0 && !repeats))
            continue;
        from->elements *= n;
        const int before = from->ndim - 1;
        if (from->ndim > 0 && from->steps[before] == n * step) {
            from->shape[before] *= n;
            from->steps[before] = step;
        } else {
            from->shape[from->ndim] = n;
            from->steps[from->ndim++] = step;
        }
    }
    if (from->ndim == 0) {
        from->shape[0] = 1;
        from->steps[0] = 0;
        from->ndim = 1;
    }
}

static inline int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

/* Elements move as bytes: a float that is loaded may lose a bit of a NaN. */
FI_ALWAYS_INLINE void copy_elements(const size_t size, const unsigned char *from, int64_t rows, int64_t row_step,
                                    int64_t columns, int64_t column_step, unsigned char *to)
{
    const int64_t line = columns * (int64_t)size;
    if (rows == 1 || magnitude(column_step) <= magnitude(row_step)) {
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++)
                memcpy(to + r * line + c * (int64_t)size, from + r * row_step + c * column_step, size);
        return;
    }
    /* Elements of a column are neighbours: by blocks, so that a line that was read is used up. */
    for (int64_t top = 0; top < rows; top += BLOCK_ROWS) {
        const int64_t bottom = least(top + BLOCK_ROWS, rows);
        for (int64_t left = 0; left < columns; left += BLOCK_COLUMNS) {
            const int64_t right = least(left + BLOCK_COLUMNS, columns);
            for (int64_t r = top; r < bottom; r++)
                for (int64_t c = left; c < right; c++)
                    memcpy(to + r * line + c * (int64_t)size, from + r * row_step + c * column_step, size);
        }
    }
}

static void copy_rows(const unsigned char *from, int64_t rows, int64_t row_step, int64_t columns, int64_t column_step,
                      int64_t itemsize, unsigned char *to)
{
    if (column_step == itemsize)
        for (int64_t r = 0; r < rows; r++)
            memcpy(to + r * columns * itemsize, from + r * row_step, (size_t)(columns * itemsize));
    else if (itemsize == 4)
        copy_elements(4, from, rows, row_step, columns, column_step, to);
    else
        copy_elements(8, from, rows, row_step, columns, column_step, to);
}

void fi_gather(const fi_scattered *from, int64_t first, int64_t count, void *to)
{
    const int inner = from->ndim - 1;
    int64_t index[FI_MAX_NDIM], offset = 0, column = first % from->columns;
    unsigned char *out = to;
    for (int64_t i = inner, rest = first / from->columns; i >= 0; i--) {
        index[i] = rest % from->shape[i];
        rest /= from->shape[i];
        offset += index[i] * from->steps[i];
    }
    while (count > 0) {
        int64_t rows = 1, columns = least(from->columns - column, count);
        if (columns == from->columns)
            rows = least(count / columns, from->shape[inner] - index[inner]);
        copy_rows((const unsigned char *)from->data + offset + column * from->column_step, rows, from->steps[inner],
                  columns, from->column_step, from->itemsize, out);
        out += rows * columns * from->itemsize;
        count -= rows * columns;
        column = 0; /* if a row was begun, it has been ended, or this was the end */
        index[inner] += rows;
        offset += rows * from->steps[inner];
        for (int i = inner; i > 0 && index[i] == from->shape[i]; i--) {
            offset += from->steps[i - 1] - index[i] * from->steps[i];
            index[i - 1]++;
            index[i] = 0;
        }
    }
}

int64_t fi_gathered_rows(int64_t columns, int64_t elements)
{
    const int64_t rows = elements / columns + 1;
    return round_up(rows, rows < BLOCK_ROWS ? LINE_ROWS : BLOCK_ROWS); /* long rows are few: some for each thread */
}

/* Distances in elements between neighbours along each axis, 0 for an axis of one element: as they lie if the elements
 * are aligned and, where that is asked for, those of the last axis consecutive; else as they will lie when gathered. */
static void settle(const fi_array *a, int consecutive, int64_t *steps, fi_scattered *from)
{
    const int last = a->ndim - 1;
    from->elements = 0;
    if (is_empty(a)) {
        memset(steps, 0, (size_t)a->ndim * sizeof *steps);
        return;
    }
    if (fi_aligned(a) && (!consecutive || a->shape[last] == 1 || a->strides[last] == a->itemsize)) {
        for (int i = 0; i <= last; i++)
            steps[i] = a->shape[i] == 1 ? 0 : a->itemsize == 4 ? a->strides[i] / 4 : a->strides[i] / 8;
        return;
    }
    scatter(a, 0, from);
    int64_t step = 1;
    for (int i = last; i >= 0; i--) {
        steps[i] = 0;
        if (a->shape[i] == 1 || (a->strides[i] == 0 && i < last))
            continue;
        steps[i] = step;
        step *= a->shape[i];
    }
}

int fi_lay_out_activation(const fi_array *x, fi_scattered *from)
{
    if (fi_contiguous(x) && fi_aligned(x))
        return 0;
    scatter(x, 1, from);
    return 1;
}

/* ---- a layer ---- */

/* Set `leading` axes, the last of them against the last of the job's; the job's grow where they were 1. */
static int widen(fi_dense_job *job, int leading, const int64_t *shape)
{
    for (int i = job->ndim - leading; i < job->ndim; i++) {
        const int64_t n = shape[i - (job->ndim - leading)];
        if (job->shape[i] == 1)
            job->shape[i] = n;
        else if (n != 1 && n != job->shape[i])
            return 0;
    }
    return 1;
}

/* Distances between the items of an array's `leading` axes along those of the job; false if these are no sizes of it. */
static int broadcast(const fi_dense_job *job, int leading, const int64_t *shape, const int64_t *steps, int64_t *item)
{
    const int absent = job->ndim - leading;
    if (absent < 0)
        return 0;
    for (int i = 0; i < job->ndim; i++) {
        if (i < absent || shape[i - absent] == 1)
            item[i] = 0;
        else if (shape[i - absent] == job->shape[i])
            item[i] = steps[i - absent];
        else
            return 0;
    }
    return 1;
}

/* Make rows of leading axes along which x alone moves on, by even steps: one product instead of many. */
static void merge_items(fi_dense_job *job)
{
    for (int last = job->ndim - 1; last >= 0 && job->weight_item[last] == 0 && job->bias_item[last] == 0; last--) {
        if (job->rows == 1)
            job->x_row = job->x_item[last];
        else if (job->shape[last] != 1 && job->x_item[last] != job->rows * job->x_row)
            return;
        job->rows *= job->shape[last];
        job->ndim--;
    }
}

int fi_lay_out_dense(fi_dense_job *job, const fi_array *x, const fi_array *weight, const fi_array *bias, int transposed,
                     fi_shape *result)
{
    int64_t steps[FI_MAX_NDIM];
    if (x->ndim < 1 || weight->ndim < 2 || (bias && bias->ndim < 1))
        return 0;
    const int single = x->ndim == 1, x_leading = single ? 0 : x->ndim - 2, weight_leading = weight->ndim - 2;
    const int in = weight_leading + !!transposed, out = weight_leading + !transposed;
    job->depth = x->shape[x->ndim - 1];
    job->rows = single ? 1 : x->shape[x->ndim - 2];
    job->columns = weight->shape[out];
    if (weight->shape[in] != job->depth || (bias && bias->shape[bias->ndim - 1] != job->columns))
        return 0;

    job->ndim = x_leading > weight_leading ? x_leading : weight_leading;
    for (int i = 0; i < job->ndim; i++)
        job->shape[i] = 1;
    if (!widen(job, x_leading, x->shape) || !widen(job, weight_leading, weight->shape))
        return 0;
    result->ndim = job->ndim + 2 - single;
    for (int i = 0; i < job->ndim; i++)
        result->sizes[i] = job->shape[i];
    if (!single)
        result->sizes[job->ndim] = job->rows;
    result->sizes[result->ndim - 1] = job->columns;
    if (takes_halves(job->function.activation)) {
        if (job->columns % 2 != 0)
            return 0;
        result->sizes[result->ndim - 1] /= 2;
    }
    count_elements(result);

    job->x = x->data;
    settle(x, 1, steps, &job->x_from);
    job->x_row = single ? 0 : steps[x_leading];
    broadcast(job, x_leading, x->shape, steps, job->x_item);
    job->weight = weight->data;
    settle(weight, 0, steps, &job->weight_from);
    job->weight_row = steps[in];
    job->weight_column = job->columns <= 1 ? 1 : steps[out]; /* no step is ever taken */
    broadcast(job, weight_leading, weight->shape, steps, job->weight_item);
    job->bias = 0;
    job->bias_from.elements = 0;
    if (bias) {
        job->bias = bias->data;
        settle(bias, 1, steps, &job->bias_from);
        if (!broadcast(job, bias->ndim - 1, bias->shape, steps, job->bias_item))
            return 0;
    } else {
        memset(job->bias_item, 0, (size_t)job->ndim * sizeof *job->bias_item);
    }
    if (result->count > 0)
        merge_items(job);
    return 1;
}

/* ---- a network ---- */

/* Whether these axes, walked through in C order, move on by one step. */
static int even(int ndim, const int64_t *shape, const int64_t *strides, int64_t *step)
{
    int64_t count = 1;
    *step = 0;
    for (int i = ndim - 1; i >= 0; i--) {
        if (shape[i] == 1)
            continue;
        if (count == 1)
            *step = strides[i];
        else if (strides[i] != count * *step)
            return 0;
        count *= shape[i];
    }
    return 1;
}

int fi_lay_out_network(fi_network_job *job, const fi_array *x, int ndim, const int64_t *population, fi_shape *result)
{
    const int last = x->ndim - 1;
    int64_t strides[FI_MAX_NDIM];
    if (last < 0 || x->shape[last] != job->layers[0].depth)
        return 0;
    /* Axes of x: those of the items, those of the rows, and the last. Without a population, all the first are rows. */
    const int items = ndim == 0 || last == 0 ? 0 : last - 1, rows = last - items;
    const int absent = ndim - items; /* axes of the population that x lacks */
    if (absent < 0 || ndim + rows + 1 > FI_MAX_NDIM)
        return 0;
    memcpy(result->sizes, population, (size_t)ndim * sizeof *population);
    memset(strides, 0, (size_t)ndim * sizeof *strides);
    for (int i = 0; i < items; i++) {
        if (x->shape[i] == 1)
            continue;
        if (x->shape[i] != population[absent + i])
            return 0;
        strides[absent + i] = x->strides[i];
    }
    for (int i = 0; i < rows; i++) {
        result->sizes[ndim + i] = x->shape[items + i];
        strides[ndim + i] = x->shape[items + i] == 1 ? 0 : x->strides[items + i];
    }
    result->ndim = ndim + rows + 1;
    result->sizes[ndim + rows] = fi_outputs(&job->layers[job->count - 1]);
    count_elements(result);
    job->x = x->data;
    job->x_row = job->x_item = job->x_from.elements = 0;
    if (result->count == 0)
        return 1;

    job->items = job->rows = 1;
    for (int i = 0; i < ndim; i++)
        job->items *= population[i];
    for (int i = 0; i < rows; i++)
        job->rows *= result->sizes[ndim + i];
    if (is_empty(x)) /* rows of nothing */
        return 1;
    if (fi_aligned(x) && (x->shape[last] == 1 || x->strides[last] == x->itemsize) &&
        even(ndim, population, strides, &job->x_item) &&
        even(rows, result->sizes + ndim, strides + ndim, &job->x_row)) {
        job->x_item /= x->itemsize;
        job->x_row /= x->itemsize;
        return 1;
    }
    job->x_item = 0;
    for (int i = 0; i < ndim; i++)
        if (strides[i] != 0)
            job->x_item = 1;
    int64_t shape[FI_MAX_NDIM];
    memcpy(shape, result->sizes, (size_t)(ndim + rows) * sizeof *shape);
    shape[ndim + rows] = x->shape[last];
    strides[ndim + rows] = x->strides[last];
    scatter(&(fi_array){x->data, x->itemsize, result->ndim, shape, strides}, 1, &job->x_from);
    return 1;
}
