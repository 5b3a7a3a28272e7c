/* Fills buffers, and multiplies matrices, through the interface of fastinit.h and prints a hash of each: the kernels without Python,
 * for machines that only an emulator offers. test_native.py compiles, feeds and judges it.
 *
 *     harness            one line per instruction set: its name, compiled in (0 or 1), runnable (0 or 1)
 *     harness NAME       one hash per row of standard input, filled under that instruction set
 *
 * A row is a law and where its words come from, in fields between blanks:
 *     law dtype a b c d philox key stream rows columns row_start row_stop column_start column_stop
 *     law dtype a b c d given count word ...
 *     law dtype a b c d orthogonal key stream rows columns first_column last_column number pairs transposed gain
 *     dense dtype function rows depth columns transposed threads
 *     network dtype rows count width { activation width } ...
 *     scattered dtype function items rows depth columns threads shift x_item x_row x_column weight_row weight_column
 *         bias_column
 *     scattered_network shift x_row x_column dtype rows count width { activation width } ...
 *     scattered_activate shift x_row x_column dtype function rows columns threads
 *     activate dtype function columns count word ...
 *     perturb dtype population columns first last pairs varies threads
 *     recombine dtype members columns squares threads
 *     overlap offset ndim { size stride } ... offset ndim { size stride } ...
 * The law is `words` (a to d unused), `uniform` (low, high), `symmetric_uniform` (limit) or `normal` (mean,
 * std, lower, upper; standard for `orthogonal`); a to d are C's floating constants or inf; key, stream and words are hexadecimal; count
 * is a multiple of FI_WORDS_PADDING. `activate` works in place on given values, as many words as there may be; all NaNs
 * are made one.
 *
 * A product, and layer i of a network, is made of normal values: x under key 1, weight under key 2 + 2 i, bias under
 * key 3 + 2 i. `transposed` is 1 for a weight (columns, depth). An activation is its number in fi_activation, and has its
 * standard parameters; a function is such a number and FI_MOST_PARAMETERS values.
 *
 * `scattered`: the same values, x (items, rows, depth), lie so many bytes apart, and begin `shift` bytes behind a
 * boundary; all are laid out by layout.c. `overlap` prints fi_apart, fi_contiguous and fi_aligned of two arrays of
 * float32, which begin so many bytes behind a common boundary, as digits.
 *
 * A population's theta is normal values under key 1, its sigma 0.1, or where it `varies` the magnitudes of normal values
 * under key 2, and its noise under key 3; `first` and `last` are the members wanted. Weights are normal values under
 * key 1, every third of them zero.
 *
 * The hash is 64-bit FNV-1a over the values' bytes: h = 0xCBF29CE484222325, then for each byte
 * h = (h ^ byte) * 0x100000001B3 mod 2^64.
 */
#include <fenv.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastinit.h"

static const char *const dtype_names[FI_DTYPE_COUNT] = {
    [FI_F32] = "float32", [FI_F16] = "float16", [FI_BF16] = "bfloat16", [FI_F64] = "float64", [FI_U32] = "uint32",
};

static _Noreturn void fail(const char *what, const char *detail)
{
    fprintf(stderr, "harness: %s%s\n", what, detail);
    exit(1);
}

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    if (!memory)
        fail("no memory", "");
    return memory;
}

static fi_dtype dtype_of(const char *name)
{
    for (int i = 0; i < FI_DTYPE_COUNT; i++)
        if (strcmp(name, dtype_names[i]) == 0)
            return (fi_dtype)i;
    fail("no such dtype: ", name);
}

static fi_law law_of(const char *name, fi_dtype dtype, const double a[4])
{
    fi_law law;
    if (strcmp(name, "words") == 0)
        fi_law_words(&law);
    else if (strcmp(name, "uniform") == 0)
        fi_law_uniform(&law, dtype, a[0], a[1]);
    else if (strcmp(name, "symmetric_uniform") == 0)
        fi_law_symmetric_uniform(&law, dtype, a[0]);
    else if (strcmp(name, "normal") == 0)
        fi_law_normal(&law, dtype, a[0], a[1], a[2], a[3]);
    else if (strcmp(name, "normal_between") == 0)
        fi_law_normal_between(&law, dtype, a[0], a[1], a[2], a[3]);
    else
        fail("no such law: ", name);
    return law;
}

static uint64_t fnv1a(const unsigned char *bytes, size_t count)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < count; i++)
        h = (h ^ bytes[i]) * 0x100000001B3u;
    return h;
}

/* The block lies one element behind the start of its allocation and ends with it, so that a kernel that
 * asks for more alignment than an element's, or writes beyond the end, shows under a sanitizer. */
static uint64_t hash_of_block(fi_job *job)
{
    const unsigned char untouched[8] = {0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5};
    const size_t itemsize = fi_itemsize(job->law->dtype);
    const size_t bytes = (size_t)((job->stop[0] - job->start[0]) * (job->stop[1] - job->start[1])) * itemsize;
    unsigned char *memory = allocate(itemsize + bytes);
    memset(memory, 0xA5, itemsize + bytes);
    job->out = memory + itemsize;
    fi_fill(job, 1, 1);
    if (memcmp(memory, untouched, itemsize) != 0)
        fail("written before the block", "");
    const uint64_t hash = fnv1a(job->out, bytes);
    free(memory);
    return hash;
}

static uint64_t hash_from_philox(const fi_law *law)
{
    fi_job job = {.law = law, .ndim = 2};
    if (scanf("%" SCNx64 " %" SCNx64, &job.source.key, &job.source.stream) != 2 ||
        scanf("%" SCNd64 " %" SCNd64, &job.shape[0], &job.shape[1]) != 2 ||
        scanf("%" SCNd64 " %" SCNd64, &job.start[0], &job.stop[0]) != 2 ||
        scanf("%" SCNd64 " %" SCNd64, &job.start[1], &job.stop[1]) != 2)
        fail("a block that is none", "");
    return hash_of_block(&job);
}

static uint64_t hash_from_given(const fi_law *law)
{
    int64_t count;
    if (scanf("%" SCNd64, &count) != 1 || count <= 0 || count % FI_WORDS_PADDING != 0)
        fail("a number of words that is none", "");
    uint32_t *words = allocate((size_t)count * sizeof *words);
    for (int64_t i = 0; i < count; i++)
        if (scanf("%" SCNx32, &words[i]) != 1)
            fail("a word that is none", "");
    const int64_t elements = law->dtype == FI_F64 ? count / 2 : count;
    fi_job job = {law, {0, 0, words}, .ndim = 2, .shape = {1, elements}, .stop = {1, elements}};
    const uint64_t hash = hash_of_block(&job);
    free(words);
    return hash;
}

static fi_function function_of(int activation, const double *parameters)
{
    if (activation < 0 || activation >= FI_ACTIVATION_COUNT)
        fail("an activation that is none", "");
    fi_function function = {.activation = (fi_activation)activation};
    memcpy(function.parameter, parameters, sizeof function.parameter);
    return function;
}

static fi_function read_function(void)
{
    int activation;
    double p[FI_MOST_PARAMETERS];
    if (scanf("%d %lf %lf %lf", &activation, &p[0], &p[1], &p[2]) != 4)
        fail("a function that is none", "");
    return function_of(activation, p);
}

static int64_t halves_of(const fi_function *function)
{
    return fi_activation_takes(function->activation) == FI_HALVES ? 2 : 1;
}

static uint64_t hash_of_activation(fi_dtype dtype, const fi_function *function, int64_t columns)
{
    const size_t itemsize = fi_itemsize(dtype);
    int64_t count;
    if (scanf("%" SCNd64, &count) != 1 || count <= 0 || (size_t)count * 4 % itemsize != 0)
        fail("a number of words that is none", "");
    uint32_t *words = allocate((size_t)count * sizeof *words);
    for (int64_t i = 0; i < count; i++)
        if (scanf("%" SCNx32, &words[i]) != 1)
            fail("a word that is none", "");
    int64_t elements = (int64_t)((size_t)count * 4 / itemsize);
    fi_activate(dtype, function, words, words, elements / columns, columns, 1);
    elements /= halves_of(function);
    count /= halves_of(function);
    for (int64_t i = 0; i < elements; i++) {
        if (dtype == FI_F64) {
            uint64_t bits;
            memcpy(&bits, words + 2 * i, sizeof bits);
            if ((bits & 0x7FFFFFFFFFFFFFFFu) > 0x7FF0000000000000u)
                bits = 0x7FF8000000000000u;
            memcpy(words + 2 * i, &bits, sizeof bits);
        } else if ((words[i] & 0x7FFFFFFFu) > 0x7F800000u) {
            words[i] = 0x7FC00000u;
        }
    }
    const uint64_t hash = fnv1a((const unsigned char *)words, (size_t)count * sizeof *words);
    free(words);
    return hash;
}

/* Columns of one matrix, on two threads, between the ends of allocations of exactly the size asked for. */
static uint64_t hash_of_orthogonal(const fi_law *law)
{
    fi_orthogonal_job job = {.normal = law, .matrices = 1};
    int transposed;
    if (scanf("%" SCNx64 " %" SCNx64, &job.source.key, &job.source.stream) != 2 ||
        scanf("%" SCNd64 " %" SCNd64, &job.rows, &job.columns) != 2 ||
        scanf("%" SCNd64 " %" SCNd64, &job.first_column, &job.last_column) != 2 ||
        scanf("%" SCNd64 " %d %d %lf", &job.first_matrix, &job.complex_numbers, &transposed, &job.gain) != 4)
        fail("an orthogonal matrix that is none", "");
    job.last_row = job.rows;
    job.dtype = law->dtype;
    const int64_t columns = job.last_column - job.first_column;
    const size_t itemsize = fi_itemsize(law->dtype);
    const size_t bytes = (size_t)(job.rows * columns) * itemsize * (job.complex_numbers ? 2 : 1);
    unsigned char *memory = allocate(itemsize + bytes);
    void *workspace = allocate(fi_orthogonal_workspace(&job, 2));
    job.out = memory + itemsize;
    job.row_step = transposed ? 1 : columns;
    job.column_step = transposed ? job.rows : 1;
    fi_orthogonal(&job, workspace, 2);
    const uint64_t hash = fnv1a(job.out, bytes);
    free(workspace);
    free(memory);
    return hash;
}

/* ---- products ---- */

static void *normal(fi_dtype dtype, uint64_t key, int64_t count)
{
    fi_law law;
    fi_law_normal(&law, dtype, 0, 1, -INFINITY, INFINITY);
    fi_job job = {&law, {key, 0, 0}, .ndim = 1, .shape = {count}, .stop = {count}};
    job.out = allocate((size_t)count * fi_itemsize(dtype) + 1);
    fi_fill(&job, 1, 1);
    return job.out;
}

/* Workspace that begins on a cache line, and behind which nothing may be written. The byte before it says how far it lies
 * behind the start of its allocation: not all systems have aligned_alloc. */
static unsigned char *workspace_of(size_t bytes)
{
    unsigned char *const memory = allocate(bytes + 128);
    const size_t shift = 64 - (uintptr_t)memory % 64;
    memset(memory, 0xA5, bytes + 128);
    memory[shift - 1] = (unsigned char)shift;
    return memory + shift;
}

static void check_workspace(unsigned char *memory, size_t bytes)
{
    for (size_t i = 0; i < 64; i++)
        if (memory[bytes + i] != 0xA5)
            fail("written behind the workspace", "");
    free(memory - memory[-1]);
}

/* Values, given in C order, where an array shall have them, in an allocation that holds nothing else. */
typedef struct {
    fi_array array;
    int64_t shape[3], strides[3];
    unsigned char *memory;
} placed;

static void place(placed *p, fi_dtype dtype, int64_t shift, const void *values)
{
    const int64_t itemsize = (int64_t)fi_itemsize(dtype);
    int64_t low = 0, high = itemsize, count = 1;
    const int ndim = p->array.ndim;
    for (int i = 0; i < ndim; i++) {
        const int64_t way = p->shape[i] ? (p->shape[i] - 1) * p->strides[i] : 0;
        *(way < 0 ? &low : &high) += way;
        count *= p->shape[i];
    }
    p->memory = allocate((size_t)(high - low + shift));
    memset(p->memory, 0xA5, (size_t)(high - low + shift));
    p->array.data = p->memory + shift - low;
    p->array.itemsize = itemsize;
    p->array.shape = p->shape;
    p->array.strides = p->strides;
    for (int64_t i = 0; i < count; i++) {
        int64_t offset = shift - low;
        for (int64_t axis = ndim - 1, rest = i; axis >= 0; axis--) {
            offset += rest % p->shape[axis] * p->strides[axis];
            rest /= p->shape[axis];
        }
        memcpy(p->memory + offset, (const unsigned char *)values + i * itemsize, (size_t)itemsize);
    }
}

static uint64_t hash_of_scattered_product(void)
{
    char name[16];
    int threads;
    int64_t items, rows, depth, columns, shift;
    placed x = {.array.ndim = 3}, weight = {.array.ndim = 2}, bias = {.array.ndim = 1};
    fi_dense_job job;
    fi_shape shape;
    if (scanf("%15s", name) != 1)
        fail("a product that is none", "");
    job.function = read_function();
    if (scanf("%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64, &items, &rows, &depth, &columns) != 4 ||
        scanf("%d %" SCNd64, &threads, &shift) != 2 ||
        scanf("%" SCNd64 " %" SCNd64 " %" SCNd64, &x.strides[0], &x.strides[1], &x.strides[2]) != 3 ||
        scanf("%" SCNd64 " %" SCNd64 " %" SCNd64, &weight.strides[0], &weight.strides[1], &bias.strides[0]) != 3)
        fail("a product that is none", "");
    job.dtype = dtype_of(name);
    memcpy(x.shape, (const int64_t[]){items, rows, depth}, sizeof x.shape);
    memcpy(weight.shape, (const int64_t[]){depth, columns}, 2 * sizeof(int64_t));
    bias.shape[0] = columns;
    placed *const each[] = {&x, &weight, &bias};
    const int64_t counts[] = {items * rows * depth, depth * columns, columns};
    for (int i = 0; i < 3; i++) {
        void *const values = normal(job.dtype, (uint64_t)i + 1, counts[i]);
        place(each[i], job.dtype, shift, values);
        free(values);
    }
    if (!fi_lay_out_dense(&job, &x.array, &weight.array, &bias.array, 0, &shape))
        fail("shapes that do not fit", "");
    if (shape.count != items * rows * columns / halves_of(&job.function) || shape.ndim != 3)
        fail("a wrong shape", "");
    const size_t bytes = (size_t)shape.count * fi_itemsize(job.dtype);
    job.out = allocate(bytes);
    fi_dense_plan plan;
    fi_plan_dense(&job, threads, &plan);
    unsigned char *const workspace = workspace_of(plan.workspace);
    fi_dense(&job, &plan, plan.workspace ? workspace : 0);
    check_workspace(workspace, plan.workspace);
    const uint64_t hash = fnv1a(job.out, bytes);
    free(job.out);
    for (int i = 0; i < 3; i++)
        free(each[i]->memory);
    return hash;
}

static uint64_t hash_of_scattered_activation(void)
{
    char name[16];
    int threads;
    int64_t shift;
    placed x = {.array.ndim = 2};
    fi_scattered from;
    if (scanf("%" SCNd64 " %" SCNd64 " %" SCNd64, &shift, &x.strides[0], &x.strides[1]) != 3 ||
        scanf("%15s", name) != 1)
        fail("an activation that is none", "");
    const fi_function function = read_function();
    if (scanf("%" SCNd64 " %" SCNd64 " %d", &x.shape[0], &x.shape[1], &threads) != 3)
        fail("an activation that is none", "");
    const fi_dtype dtype = dtype_of(name);
    const size_t bytes = (size_t)(x.shape[0] * x.shape[1]) * fi_itemsize(dtype);
    void *const values = normal(dtype, 1, x.shape[0] * x.shape[1]);
    place(&x, dtype, shift, values);
    free(values);
    if (!fi_lay_out_activation(&x.array, &from))
        fail("nothing to gather", "");
    void *const out = allocate(bytes);
    fi_activate_scattered(dtype, &function, &from, out, threads);
    const uint64_t hash = fnv1a(out, bytes);
    free(out);
    free(x.memory);
    return hash;
}

static uint64_t digits_of_overlap(void)
{
    int64_t shape[2][FI_MAX_NDIM], strides[2][FI_MAX_NDIM], offset;
    static const _Alignas(64) float origin;
    fi_array a[2];
    for (int i = 0; i < 2; i++) {
        int ndim;
        if (scanf("%" SCNd64 " %d", &offset, &ndim) != 2 || ndim < 0 || ndim > FI_MAX_NDIM)
            fail("an array that is none", "");
        for (int axis = 0; axis < ndim; axis++)
            if (scanf("%" SCNd64 " %" SCNd64, &shape[i][axis], &strides[i][axis]) != 2)
                fail("an axis that is none", "");
        a[i] = (fi_array){(const void *)((uintptr_t)&origin + (uint64_t)offset), 4, ndim, shape[i], strides[i]};
    }
    if (fi_apart(&a[0], &a[1]) != fi_apart(&a[1], &a[0]))
        fail("apart from one side alone", "");
    uint64_t digits = (uint64_t)fi_apart(&a[0], &a[1]);
    for (int i = 0; i < 2; i++)
        digits = digits << 8 | (uint64_t)fi_contiguous(&a[i]) << 4 | (uint64_t)fi_aligned(&a[i]);
    return digits;
}

static uint64_t hash_of_product(void)
{
    char dtype[16];
    int transposed, threads;
    fi_dense_job job = {.ndim = 0};
    if (scanf("%15s", dtype) != 1)
        fail("a product that is none", "");
    job.function = read_function();
    if (scanf("%" SCNd64 " %" SCNd64 " %" SCNd64, &job.rows, &job.depth, &job.columns) != 3 ||
        scanf("%d %d", &transposed, &threads) != 2)
        fail("a product that is none", "");
    job.dtype = dtype_of(dtype);
    job.x_row = job.depth;
    job.weight_row = transposed ? 1 : job.columns;
    job.weight_column = transposed ? job.depth : 1;
    void *const x = normal(job.dtype, 1, job.rows * job.depth);
    void *const weight = normal(job.dtype, 2, job.depth * job.columns);
    void *const bias = normal(job.dtype, 3, job.columns);
    const size_t bytes = (size_t)(job.rows * job.columns / halves_of(&job.function)) * fi_itemsize(job.dtype);
    job.x = x;
    job.weight = weight;
    job.bias = bias;
    job.out = allocate(bytes);
    fi_dense_plan plan;
    fi_plan_dense(&job, threads, &plan);
    unsigned char *const workspace = workspace_of(plan.workspace);
    fi_dense(&job, &plan, plan.workspace ? workspace : 0);
    check_workspace(workspace, plan.workspace);
    const uint64_t hash = fnv1a(job.out, bytes);
    free(job.out);
    free(bias);
    free(weight);
    free(x);
    return hash;
}

#define MOST_LAYERS 8

static uint64_t hash_of_network(int scattered)
{
    char dtype[16];
    int64_t width, shift = 0;
    fi_layer layers[MOST_LAYERS];
    void *strips[MOST_LAYERS], *biases[MOST_LAYERS];
    fi_network_job job = {.layers = layers, .items = 1};
    placed from = {.array.ndim = 2};
    if (scattered && scanf("%" SCNd64 " %" SCNd64 " %" SCNd64, &shift, &from.strides[0], &from.strides[1]) != 3)
        fail("strides that are none", "");
    if (scanf("%15s %" SCNd64 " %d %" SCNd64, dtype, &job.rows, &job.count, &width) != 4 || job.count < 1 ||
        job.count > MOST_LAYERS)
        fail("a network that is none", "");
    job.dtype = dtype_of(dtype);
    job.x_row = width;
    void *const x = normal(job.dtype, 1, job.rows * width);
    from.shape[0] = job.rows;
    from.shape[1] = width;
    if (scattered)
        place(&from, job.dtype, shift, x);
    for (int i = 0; i < job.count; i++) {
        int activation;
        const int64_t depth = width;
        if (scanf("%d %" SCNd64, &activation, &width) != 2 || activation < 0 || activation >= FI_ACTIVATION_COUNT)
            fail("a layer that is none", "");
        void *const weight = normal(job.dtype, 2 + 2 * (uint64_t)i, depth * width);
        biases[i] = normal(job.dtype, 3 + 2 * (uint64_t)i, width);
        strips[i] = allocate((size_t)(fi_packed_size(depth, width) + FI_PACKED_SLACK) * fi_itemsize(job.dtype));
        fi_pack(job.dtype, weight, width, 1, depth, width, strips[i]);
        free(weight);
        const fi_function function = fi_standard_function((fi_activation)activation);
        layers[i] = (fi_layer){depth, width, strips[i], 0, biases[i], 0, function};
        width = fi_outputs(&layers[i]);
    }
    const size_t bytes = (size_t)(job.rows * width) * fi_itemsize(job.dtype);
    job.x = x;
    fi_shape shape;
    if (scattered && !fi_lay_out_network(&job, &from.array, 0, (const int64_t[]){0}, &shape))
        fail("shapes that do not fit", "");
    job.out = allocate(bytes);
    fi_network_plan plan;
    fi_plan_network(&job, 1, &plan);
    unsigned char *const workspace = workspace_of(plan.workspace);
    fi_network(&job, &plan, plan.workspace ? workspace : 0);
    check_workspace(workspace, plan.workspace);
    const uint64_t hash = fnv1a(job.out, bytes);
    for (int i = 0; i < job.count; i++) {
        free(strips[i]);
        free(biases[i]);
    }
    free(job.out);
    free(from.memory);
    free(x);
    return hash;
}

/* ---- rows ---- */

/* A block of the noise of some columns, under key 3. */
static fi_job noise_of(const fi_law *law, int64_t rows, int64_t first, int64_t last, int64_t columns)
{
    fi_job noise = {.law = law, .source = {3, 0, 0}, .ndim = 2, .shape = {rows, columns}};
    noise.start[0] = first;
    noise.stop[0] = last;
    noise.stop[1] = columns;
    return noise;
}

static uint64_t hash_of_population(void)
{
    char dtype_name[16];
    int64_t population, columns, last;
    int varies, threads;
    fi_perturb_job job = {.sigma = 0.1, .sigma_column = 1};
    if (scanf("%15s %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %d %d %d", dtype_name, &population, &columns,
              &job.first, &last, &job.pairs, &varies, &threads) != 8)
        fail("a population that is none", "");
    const fi_dtype dtype = dtype_of(dtype_name);
    const size_t itemsize = fi_itemsize(dtype);
    fi_law law;
    fi_law_normal(&law, dtype, 0, 1, -INFINITY, INFINITY);
    void *const theta = normal(dtype, 1, columns), *const sigma = normal(dtype, 2, columns);
    for (int64_t i = 0; i < columns; i++) {
        if (dtype == FI_F64)
            ((double *)sigma)[i] = fabs(((double *)sigma)[i]);
        else
            ((float *)sigma)[i] = fabsf(((float *)sigma)[i]);
    }
    job.members = last - job.first;
    job.noise = job.pairs ? noise_of(&law, population / 2, job.first / 2, last - last / 2, columns)
                          : noise_of(&law, population, job.first, last, columns);
    job.theta = theta;
    job.sigma_array = varies ? sigma : NULL;
    const size_t bytes = (size_t)(job.members * columns) * itemsize;
    job.out = allocate(bytes);
    fi_perturb(&job, threads);
    const uint64_t hash = fnv1a(job.out, bytes);
    free(job.out);
    free(theta);
    free(sigma);
    return hash;
}

static uint64_t hash_of_sum(void)
{
    char dtype_name[16];
    int64_t members, columns;
    int threads;
    fi_recombine_job job;
    if (scanf("%15s %" SCNd64 " %" SCNd64 " %d %d", dtype_name, &members, &columns, &job.squares, &threads) != 5)
        fail("a sum that is none", "");
    const fi_dtype dtype = dtype_of(dtype_name);
    fi_law law;
    fi_law_normal(&law, dtype, 0, 1, -INFINITY, INFINITY);
    void *const weights = normal(dtype, 1, members);
    for (int64_t i = 0; i < members; i += 3)
        memset((unsigned char *)weights + (size_t)i * fi_itemsize(dtype), 0, fi_itemsize(dtype));
    job.noise = noise_of(&law, members, 0, members, columns);
    job.weights = weights;
    const size_t bytes = (size_t)columns * fi_itemsize(dtype);
    job.out = allocate(bytes);
    fi_recombine(&job, threads);
    const uint64_t hash = fnv1a(job.out, bytes);
    free(job.out);
    free(weights);
    return hash;
}

static uint64_t hash_of_fill(const char *name)
{
    char dtype[16], origin[16];
    double a[4];
    if (scanf("%15s %lf %lf %lf %lf %15s", dtype, &a[0], &a[1], &a[2], &a[3], origin) != 6)
        fail("a row that is none", "");
    if (strcmp(name, "activate") == 0) { /* in the place of the law's four numbers and the origin */
        const fi_function function = function_of((int)a[0], a + 1);
        return hash_of_activation(dtype_of(dtype), &function, atoll(origin));
    }
    const fi_law law = law_of(name, dtype_of(dtype), a);
    if (strcmp(origin, "philox") == 0)
        return hash_from_philox(&law);
    if (strcmp(origin, "given") == 0)
        return hash_from_given(&law);
    if (strcmp(origin, "orthogonal") == 0)
        return hash_of_orthogonal(&law);
    fail("no such origin of values: ", origin);
}

static void list_isas(void)
{
    for (int i = 0; i < fi_isa_count(); i++)
        printf("%s %d %d\n", fi_isa_name(i), fi_isa_compiled(i), fi_isa_runnable(i));
}

static void use_isa(const char *name)
{
    for (int i = 0; i < fi_isa_count(); i++) {
        if (strcmp(name, fi_isa_name(i)) == 0 && fi_isa_compiled(i) && fi_isa_runnable(i)) {
            fi_isa_use(i);
            return;
        }
    }
    fail("not compiled in, or cannot run here: ", name);
}

int main(int argc, char **argv)
{
    char law[32];

    if (argc < 2) {
        list_isas();
        return 0;
    }
    use_isa(argv[1]);
    /* A caller's own rounding mode must change no bit, and be there again afterwards. */
    if (fesetround(FE_UPWARD) != 0)
        fail("no rounding upward", "");
    while (scanf("%31s", law) == 1) {
        const uint64_t hash = strcmp(law, "dense") == 0                ? hash_of_product()
                              : strcmp(law, "network") == 0            ? hash_of_network(0)
                              : strcmp(law, "scattered") == 0          ? hash_of_scattered_product()
                              : strcmp(law, "scattered_network") == 0  ? hash_of_network(1)
                              : strcmp(law, "scattered_activate") == 0 ? hash_of_scattered_activation()
                              : strcmp(law, "perturb") == 0            ? hash_of_population()
                              : strcmp(law, "recombine") == 0          ? hash_of_sum()
                              : strcmp(law, "overlap") == 0            ? digits_of_overlap()
                                                                       : hash_of_fill(law);
        printf("%016" PRIx64 "\n", hash);
        if (fegetround() != FE_UPWARD)
            fail("the rounding mode was not put back", "");
    }
    return 0;
}
