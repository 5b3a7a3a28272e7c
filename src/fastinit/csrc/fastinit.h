/* The C interface of fastinit: what the compiled Python module may call.
 *
 * C computes and never allocates; the caller has checked every argument. Functions are total on the
 * inputs that the Python layer lets through, and keep no state between calls but the choice of
 * instruction set.
 */
#ifndef FASTINIT_H
#define FASTINIT_H

#include <stddef.h>
#include <stdint.h>

#include "exact.h"

#if UINTPTR_MAX != UINT64_MAX
#error "fastinit needs a 64-bit machine"
#endif
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "fastinit needs a little-endian machine"
#endif

/* What an element of the output is. */
typedef enum {
    FI_F32,
    FI_F16,
    FI_BF16,
    FI_F64,
    FI_U32, /* raw words of the stream */
    FI_DTYPE_COUNT
} fi_dtype;

/* How words become values; chosen by the law from the distribution, its bounds and the dtype. */
typedef enum {
    FI_METHOD_WORDS,      /* the words themselves (FI_U32 only) */
    FI_METHOD_UNIFORM,    /* scaled integers */
    FI_METHOD_SYMMETRIC,  /* normal, and truncation to [-a, a], by the octave table */
    FI_METHOD_ASYMMETRIC, /* any other bounds that hold at least 1/16 of the normal's mass, likewise */
    FI_METHOD_NARROW,     /* bounds so close that a short series in float64 inverts the CDF */
    FI_METHOD_TAIL,       /* bounds far out in one tail: logarithm of the tail's mass, in float64 */
    FI_METHOD_COUNT
} fi_method;

#define FI_SERIES_TERMS 19

/* Constants of one distribution, ready for the kernels. Which ones a method reads, and the formula it
 * puts them in, stands beside the method in kernels/uniform.h and kernels/normal.h. */
typedef struct {
    float y_scale, y_offset;       /* symmetric: y = 1 - q from the word's magnitude */
    float q_scale, q_offset;       /* symmetric: twice the tail mass q */
    float lo_scale, lo_offset;     /* asymmetric: twice q counted from the lower end */
    float hi_scale, hi_offset;     /* asymmetric: twice q counted from the upper end */
    float std, mean;               /* value = z * std + mean */
    float low, high;               /* every value is held inside [low, high] */
    int scale_first;               /* uniform: the word is multiplied by 2^-31 first */
} fi_law32;

typedef struct {
    double y_scale;                /* symmetric: c */
    double q_scale, q_offset;      /* symmetric: 2 c and 2 (1 - c) */
    double lo_scale, lo_offset;    /* asymmetric, as in fi_law32 */
    double hi_scale, hi_offset;
    double std, mean;
    double low, high;
    double tail_mass, tail_rest;   /* tail: s = (1 - p) tail_mass + tail_rest, 1 - s = p tail_mass */
    double tail_log;               /* tail: -log P(|Z| > a) */
    double centre;                 /* narrow: the p around which the series runs */
    double series[FI_SERIES_TERMS];
} fi_law64;

typedef struct {
    fi_dtype dtype;
    fi_method method;
    fi_law32 f32;
    fi_law64 f64;
} fi_law;

/* Where words come from: Philox under (key, stream), or, for tests, a given array whose length is a
 * multiple of FI_WORDS_PADDING. */
typedef struct {
    uint64_t key, stream;
    const uint32_t *words;
} fi_source;

#define FI_WORDS_PADDING 256

/* Laws. Every argument is finite, except truncation bounds, which may be infinite; low <= high,
 * lower <= upper, std >= 0, and every value that can come out is finite in the dtype. */
void fi_law_words(fi_law *law);
/* Half-open [low, high). */
void fi_law_uniform(fi_law *law, fi_dtype dtype, double low, double high);
/* Closed [-limit, limit]. */
void fi_law_symmetric_uniform(fi_law *law, fi_dtype dtype, double limit);
/* A normal cut off at mean + std * [lower, upper]; infinite bounds give the plain normal. */
void fi_law_normal(fi_law *law, fi_dtype dtype, double mean, double std, double lower, double upper);
/* A normal cut off at low and high, which may be infinite; of std 0 it is the value nearest to the mean. */
void fi_law_normal_between(fi_law *law, fi_dtype dtype, double mean, double std, double low, double high);
/* The limit of a uniform law, or the std of a normal one before it is cut off at +-2 of it, whose variance is
 * scale / max(1, n), where n is `fans`, half of it or its square root. */
typedef enum { FI_FAN_ITSELF, FI_FAN_HALF, FI_FAN_ROOT } fi_fan;
typedef enum { FI_SCALED_TRUNCATED_NORMAL, FI_SCALED_NORMAL, FI_SCALED_UNIFORM } fi_scaled;
double fi_scaled_spread(double scale, double fans, fi_fan fan, fi_scaled kind);

/* The floating-point mode in which the bits are promised, for this thread; every entry sets it by itself. What the first
 * returns is given back to the second. */
uint64_t fi_enter_standard_mode(void);
void fi_leave_standard_mode(uint64_t before);

#define FI_MAX_NDIM 32

/* One block of one tensor to fill: [start, stop) on each axis of the shape. `out` is C-contiguous and of
 * the block's shape. The second half is for fi_fill to keep its division of the work in. */
typedef struct {
    const fi_law *law;
    fi_source source;
    int ndim;
    int64_t shape[FI_MAX_NDIM], start[FI_MAX_NDIM], stop[FI_MAX_NDIM];
    void *out;

    int inner;
    int64_t run, runs, pieces_per_run, runs_per_piece, first_piece;
} fi_job;

/* An array of floats or doubles as its owner describes it: it may lie anyhow, and need not be aligned. The strides of
 * axes of one element, and of an array without any, mean nothing. */
typedef struct {
    const void *data;
    int64_t itemsize;
    int ndim;
    const int64_t *shape, *strides; /* strides in bytes */
} fi_array;

/* A shape, and how many elements it has; INT64_MAX if there are more. */
typedef struct {
    int ndim;
    int64_t count, sizes[FI_MAX_NDIM];
} fi_shape;

/* Whether elements follow each other in C order without gaps, and whether each begins on a multiple of its size. */
int fi_contiguous(const fi_array *a);
int fi_aligned(const fi_array *a);

/* Whether the memory that two arrays span is disjoint. If not, they may still lie in each other's gaps. */
int fi_apart(const fi_array *a, const fi_array *b);

int fi_has_shape(const fi_array *a, const fi_shape *shape);

/* Elements that do not lie as a kernel reads them: rows, which are counted through their axes in C order, of columns.
 * Steps are in bytes and may be any. Nothing has to be gathered if there are no elements. */
typedef struct {
    int64_t elements;
    const void *data;
    int64_t itemsize, columns, column_step;
    int ndim; /* of the rows, at least 1 */
    int64_t shape[FI_MAX_NDIM], steps[FI_MAX_NDIM];
} fi_scattered;

/* Copy elements first .. first + count, counted in C order, one behind another. */
void fi_gather(const fi_scattered *from, int64_t first, int64_t count, void *to);

/* Rows that are well gathered in one piece of about so many elements. */
int64_t fi_gathered_rows(int64_t columns, int64_t elements);

/* What all calls below that take threads, and fi_narrow, ask about every 50 ms, if they take so long: whether to stop.
 * The calling thread asks. A call that stops returns 1 and has written some of its output; others return 0. NULL, as it
 * is first, for nobody. To be set when no call runs. */
void fi_ask_with(int (*asked)(void));

/* Do all the jobs on at most so many threads. The values do not depend on it. */
int fi_fill(fi_job *jobs, int64_t count, int threads);

/* A batch of matrices with orthonormal columns, rows >= columns > 0; of complex numbers, unitary ones. Element
 * (r, c) of number i, each counted from the first asked for, is written to out[i * matrix_step + r * row_step +
 * c * column_step], steps counted in elements. `normal` draws standard normals in FI_F32 or FI_F64, which all is
 * computed in; it is rounded to `dtype` at last, by way of float32. */
typedef struct {
    const fi_law *normal;
    fi_source source;
    int complex_numbers;
    int64_t rows, columns;
    int64_t first_matrix, matrices;  /* the part of the batch that is wanted */
    int64_t first_column, last_column; /* and of each matrix: columns [first, last), */
    int64_t first_row, last_row;       /* rows [first, last) */
    fi_dtype dtype;
    double gain;
    void *out;
    int64_t matrix_step, row_step, column_step;
} fi_orthogonal_job;

/* The values depend neither on the threads nor on the part that is asked for. The workspace has so many
 * bytes, for as many threads, and begins on any boundary. */
size_t fi_orthogonal_workspace(const fi_orthogonal_job *job, int threads);
int fi_orthogonal(const fi_orthogonal_job *job, void *workspace, int threads);

/* A population of members around theta, member i being theta + sigma eps with eps row i of a tensor of standard normals,
 * each element rounded once; of pairs, members 2 j and 2 j + 1 are theta + sigma eps and theta - sigma eps with row j.
 * `noise` is the block of that tensor, its first axis that of the rows; its `out` is not used. A row of the population
 * has the columns of the block: all of its elements but for the first axis, in C order. */
typedef struct {
    fi_job noise; /* in FI_F32 or FI_F64, which all is computed in */
    int pairs;
    int64_t first, members; /* the members wanted; of pairs, rows of the block are those that they need */
    const void *theta;      /* one row */
    double sigma;           /* rounded to the dtype, or in its place: */
    const void *sigma_array; /* NULL, or for the first member wanted: */
    int64_t sigma_row, sigma_column; /* so many elements apart */
    void *out; /* a row for each member; theta itself, or apart from it */
} fi_perturb_job;

int fi_perturb(const fi_perturb_job *job, int threads);

/* The sum of the rows of `noise`, each element times its row's weight, or its square, which is rounded: in ascending
 * order from +0, by fma. Rows of weight 0 are left out. */
typedef struct {
    fi_job noise;
    const void *weights; /* one for each row of the block */
    int squares;
    void *out; /* one row */
} fi_recombine_job;

int fi_recombine(const fi_recombine_job *job, int threads);

/* The last rounding, exposed for tests: float64 to float32, float32 to a dtype of 16 bits. */
int fi_narrow(fi_dtype from, const void *x, fi_dtype to, void *out, int64_t count);

/* What follows a matrix product, or stands alone: kernels/activation.h holds the formulas. */
typedef enum {
#define FI_ACTIVATION(CODE, name, takes) FI_##CODE,
#include "activations.def"
    FI_ACTIVATION_COUNT
} fi_activation;

/* What an activation is computed of: one value; a row; or the halves of a row, the second of which is the gate. */
typedef enum { FI_VALUES, FI_ROWS, FI_HALVES } fi_takes;

/* Which numbers a parameter may be: an infinity only where it says so, and positive ones no subnormals of the dtype.
 * FI_NOT_BELOW is not below the parameter before it; FI_FINITE_OR_ARRAY one number, or one for every column. */
typedef enum {
    FI_FINITE,
    FI_POSITIVE,
    FI_NOT_NEGATIVE_FINITE,
    FI_NOT_NEGATIVE,
    FI_ANY,
    FI_NOT_BELOW,
    FI_FINITE_OR_ARRAY
} fi_limit;

/* Standard values that the list gives by name. */
#define FI_ENDLESS __builtin_inf()
#define FI_SIXTH (1.0 / 6.0)
#define FI_SELU_ALPHA 1.6732632423543772
#define FI_SELU_GAMMA 1.0507009873554805

typedef struct {
    fi_activation activation;
    const char *name;
    double standard;
    fi_limit limit;
} fi_parameter;

typedef struct {
    fi_activation activation;
    const char *name;
} fi_alias;

/* Of the list: a name, what it takes, and, by number, all parameters and aliases; NULL after the last. */
const char *fi_activation_name(fi_activation activation);
fi_takes fi_activation_takes(fi_activation activation);
/* Of so many bytes of x on, more than one thread gain something. */
int64_t fi_activation_threaded_bytes(fi_activation activation);
const fi_parameter *fi_parameter_at(int number);
const fi_alias *fi_alias_at(int number);

/* An activation with its parameters, in the list's order; it is rounded to the dtype in which it is computed. */
#define FI_MOST_PARAMETERS 3
typedef struct {
    fi_activation activation;
    double parameter[FI_MOST_PARAMETERS];
    const void *of_columns; /* or NULL: the first parameter for every column of a row, in that dtype */
} fi_function;

/* The activation with its standard parameters. */
fi_function fi_standard_function(fi_activation activation);

/* out[i] = f(x[i]) of rows * columns floats or doubles, on at most so many threads. `out` is x or apart from it;
 * where halves are taken it is apart, and has half the columns. */
int fi_activate(fi_dtype dtype, const fi_function *function, const void *x, void *out, int64_t rows, int64_t columns,
                int threads);
/* The same for x that is not contiguous, and apart from `out`; and does not take halves. */
int fi_activate_scattered(fi_dtype dtype, const fi_function *function, const fi_scattered *x, void *out, int threads);
/* An x that has to be gathered first, and is not empty; false if it is contiguous and aligned. */
int fi_lay_out_activation(const fi_array *x, fi_scattered *from);

/* One call of `dense`: out = activate(x weight + bias), for every item of the leading axes. x, weight and bias
 * lie apart from out, which is C-contiguous. All distances are in elements and may be 0 or negative. */
typedef struct {
    fi_dtype dtype; /* float32 or float64 */
    int64_t rows, depth, columns;
    const void *x;
    int64_t x_row; /* a row's elements are consecutive */
    const void *weight;
    int64_t weight_row, weight_column;
    const void *bias; /* or NULL; its elements are consecutive */
    void *out;
    fi_function function; /* where it takes halves, `columns` counts both, and a row of the result has half of them */
    int ndim; /* of the leading axes */
    int64_t shape[FI_MAX_NDIM], x_item[FI_MAX_NDIM], weight_item[FI_MAX_NDIM], bias_item[FI_MAX_NDIM];
    /* What has to be gathered before; its distances above are those that it has then, its pointer means nothing. */
    fi_scattered x_from, weight_from, bias_from;
} fi_dense_job;

/* Set all of a job that arrays determine, and the shape of its result: leading axes broadcast, and made rows where
 * that is one product instead of many. `transposed`: weight is (..., out, in). The function is there already. False if
 * the shapes do not fit. */
int fi_lay_out_dense(fi_dense_job *job, const fi_array *x, const fi_array *weight, const fi_array *bias, int transposed,
                     fi_shape *result);

/* Work of fewer multiplications, or of fewer bytes, is done by one thread: a second one comes too late. */
#define FI_THREADED_WORK 4000000
#define FI_THREADED_BYTES (1 << 19)

/* How fi_dense divides the work; filled in by fi_plan_dense. */
typedef struct {
    double work; /* multiplications */
    int threads;
    int64_t items, row_chunk, row_chunks, column_chunk, column_chunks;
    int kernel; /* of the products: fi_product_kernel */
    int packs; /* whether weights are copied into strips first */
    size_t strips_bytes, panels_bytes, copy_bytes; /* of a slot: packed strips, panels of x, a strip left packed */
    size_t slot; /* bytes of workspace of one thread */
    int most_threads; /* as asked for */
    int64_t part; /* steps along the outermost axis whose x is gathered at a time, or whose halves wait for the gate */
    size_t gated_bytes; /* both halves of the results of a part, where the function takes halves */
    size_t x_bytes, weight_bytes, bias_bytes; /* gathered */
    size_t workspace; /* bytes, aligned to 64 */
} fi_dense_plan;

void fi_plan_dense(const fi_dense_job *job, int threads, fi_dense_plan *plan);
int fi_dense(const fi_dense_job *job, const fi_dense_plan *plan, void *workspace);

/* One layer of a network: weights in packed strips (fi_pack), one set for every item of a population, or one
 * for all where the distance to the next item's is 0. */
typedef struct {
    int64_t depth, columns;
    const void *strips;
    int64_t strips_item;
    const void *bias; /* or NULL */
    int64_t bias_item;
    fi_function function; /* as in fi_dense_job */
} fi_layer;

/* Elements of a row that a layer gives. */
int64_t fi_outputs(const fi_layer *layer);

/* One call of a network: every item's rows of x through all the layers. out is C-contiguous and apart from x. */
typedef struct {
    fi_dtype dtype;
    int count; /* of layers, at least one */
    const fi_layer *layers;
    int64_t items, rows;
    const void *x;
    int64_t x_row, x_item; /* x_item is 0 if all items share their rows */
    fi_scattered x_from; /* all rows of all items, if they have to be gathered; then x and x_row mean nothing */
    void *out;
} fi_network_job;

/* Set x of a job, and items and rows, for a network whose layers are there already, for a population of these axes;
 * and the shape of the result. False if x does not fit. */
int fi_lay_out_network(fi_network_job *job, const fi_array *x, int ndim, const int64_t *population, fi_shape *result);

typedef struct {
    double work; /* multiplications */
    int threads;
    int by_columns; /* whether threads share a layer's columns, not rows or items */
    int64_t item_chunk, row_chunk, row_chunks, pieces;
    int64_t widest; /* elements of a row of workspace */
    size_t between, x_bytes; /* of a slot: each of two buffers between layers, and gathered rows */
    size_t slot, workspace;
} fi_network_plan;

void fi_plan_network(const fi_network_job *job, int threads, fi_network_plan *plan);
int fi_network(const fi_network_job *job, const fi_network_plan *plan, void *workspace);

/* Elements from one packed matrix to the next. Behind the last one there is room for FI_PACKED_SLACK more. */
int64_t fi_packed_size(int64_t depth, int64_t columns);
#define FI_PACKED_SLACK 64

/* Columns of a strip, which the instruction set in use determines. */
int fi_strip(fi_dtype dtype);

/* Packing; unpacking gives the same bits back, and strips can be asked whether they hold a matrix's bits already. */
void fi_pack(fi_dtype dtype, const void *weight, int64_t row, int64_t column, int64_t depth, int64_t columns,
             void *strips);
void fi_unpack(fi_dtype dtype, const void *strips, int64_t depth, int64_t columns, void *weight);
int fi_is_packed(fi_dtype dtype, const void *weight, int64_t row, int64_t column, int64_t depth, int64_t columns,
                 const void *strips);

/* Bytes per element. */
size_t fi_itemsize(fi_dtype dtype);

/* For benchmarks: so many float32 fma, rounded up, as fast as the machine can. */
float fi_multiply_adds(int64_t count);

/* Threads that wait for work, or do some, beside the callers' own. They are made when a call first wants them. */
int fi_workers(void);

/* Instruction sets, best last. A name is compiled in, runnable here, both or neither. */
int fi_isa_count(void);
const char *fi_isa_name(int isa);
int fi_isa_compiled(int isa);
int fi_isa_runnable(int isa);
int fi_isa_current(void);
/* A set must be compiled and runnable. Not safe beside running kernels: import time and tests only. */
void fi_isa_use(int isa);
/* Large products by another set, if the processor is known to be faster so: the bits are the same. */
void fi_isa_use_best(int isa);
/* Products in `dense` of at least so many multiplications by another set: for the above, and for tests. */
void fi_isa_use_both(int isa, int isa_of_products, double from);
int fi_isa_of_products(void);
/* What the above uses on a processor: from how many multiplications on, and which. */
double fi_isa_preferred(const char *vendor, int family, int best, int *isa_of_products);

/* Compute some of everything under every instruction set that runs here: NULL if all bits are right, else what is wrong,
 * written to `memory`, which has FI_CHECK_BYTES and begins on 64. It switches instruction sets: not beside other calls. */
#define FI_CHECK_BYTES ((size_t)1 << 19)
const char *fi_check(void *memory);

/* Scalar functions behind the laws, exposed for tests; see special.c. */
double fi_exp(double x);
double fi_log(double x);
double fi_erf_sqrt2(double x); /* P(|Z| <= x), x >= 0 */
double fi_erfc_sqrt2(double x); /* P(|Z| > x), x >= 0 */

/* out[i] = c[i] + a[i] b[i], or c[i] - a[i] b[i] if `negated`, as the instruction set in use computes it, exposed for
 * tests; `count` is a multiple of 16. */
void fi_fma(fi_dtype dtype, int negated, const void *a, const void *b, const void *c, void *out, int64_t count);

/* fma as the scalar kernels compute it, exposed for tests. */
float fi_scalar_fma32(float a, float b, float c);
double fi_scalar_fma64(double a, double b, double c);

#endif
