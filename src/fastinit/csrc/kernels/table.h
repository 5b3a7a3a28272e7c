/* The table of kernels that every instruction set provides; private to csrc. */
#ifndef FASTINIT_KERNELS_H
#define FASTINIT_KERNELS_H

#include "../fastinit.h"
#include "inline.h"

/* Whether the call that this thread works for shall stop. Kernels whose work has no bound ask it after about a
 * millisecond of their best instruction set's work, and if so return at once, leaving anything. */
int fi_stop_asked(void);

/* Fill out[0 .. count) with elements first .. first + count of the flattened tensor. */
typedef void fi_fill_run(const fi_law *law, const fi_source *source, uint64_t first, size_t count, void *out);

/* Whether it needs a whole row at once, and so comes after the product instead of within. */
static inline int works_on_rows(fi_activation activation)
{
#define FI_ACTIVATION(CODE, name, takes) | (uint64_t)((takes) != FI_VALUES) << FI_##CODE
    const uint64_t all = 0
#include "../activations.def"
        ;
    return (int)(all >> activation & 1);
}

/* Whether it makes of a row another of half as many elements. */
static inline int takes_halves(fi_activation activation)
{
#define FI_ACTIVATION(CODE, name, takes) | (uint64_t)((takes) == FI_HALVES) << FI_##CODE
    const uint64_t all = 0
#include "../activations.def"
        ;
    return (int)(all >> activation & 1);
}

/* out[i] = f(x[i]) for so many rows of floats or doubles, one behind the other; where they end matters to those
 * functions alone that work on rows. `out` is x or apart from it, or, for those that take halves, begins where x does or
 * is apart from it. */
typedef void fi_activate_run(const fi_function *function, const void *x, void *out, size_t rows, size_t columns);

/* The blocks in which a product runs. Of k: so much of a strip stays in the first-level cache, or next to it. Of rows,
 * and of bytes of a row of the right-hand matrix: so much of either stays in the second-level cache. On a Zen 3, 1024^3
 * by AVX2: 512 deep is 1.5 % faster than 384 and 5 % than 256; 72 to 240 rows are alike. */
#define FI_BLOCK_DEPTH 512
#define FI_BLOCK_ROWS(itemsize) ((itemsize) == 4 ? 120 : 60)
#define FI_BLOCK_BYTES 2048
/* All strips of a right-hand matrix of so many bytes stay in the first-level cache: tiles of one height take them all,
 * then those of the other, and what follows need not be asked for. */
#define FI_NEAR_BYTES (1 << 15)

/* Of n, in as few parts as are at most so long: the length of all but the last, a multiple of `unit`. */
static inline int64_t fi_even(int64_t n, int64_t most, int64_t unit)
{
    if (n <= most)
        return n;
    const int64_t parts = (n + most - 1) / most, part = (n + parts - 1) / parts;
    return (part + unit - 1) / unit * unit;
}
static inline int64_t fi_block_depth(int64_t depth) { return fi_even(depth, FI_BLOCK_DEPTH, 16); }

/* A block of a product: out = activate(x weight + bias), all rows and columns of it. */
typedef struct {
    int64_t rows, depth, columns;
    const void *x;             /* rows of `depth` consecutive elements, */
    int64_t x_row;             /* so many elements apart */
    const void *weight;        /* strips: strip s, row k begins s * strip + k * step elements on */
    int64_t strip, step;
    int packed;                /* the last strip may be narrower, and its rows follow each other without gaps */
    const void *next, *next_end; /* what will be read after this product, or NULL */
    const void *bias;          /* or NULL */
    void *out;
    int64_t out_row;
    int add, finish;           /* start from what `out` holds; bias and activation follow the last k */
    fi_activation activation;  /* FI_LINEAR and FI_RELU are done by the product, others by */
    fi_activate_run *activate;
    const fi_function *function;
    void *panels; /* room for a block of x and FI_PACKED_SLACK elements, or NULL: x is read where it is; */
    void *copy;   /* for a strip of a block, or NULL: so are unpacked strips; not both of these */
} fi_product;

/* What a product has to do of a function: nothing of one that works on rows, and of one that relu's own parameters
 * make another, to call its kernel. */
static inline fi_activation within_product(const fi_function *function)
{
    if (function->activation == FI_RELU) {
        const double *const p = function->parameter;
        return p[0] == 0 && p[1] == FI_ENDLESS && p[2] == 0 ? FI_RELU : FI_ACTIVATION_COUNT;
    }
    return works_on_rows(function->activation) ? FI_LINEAR : function->activation;
}

typedef void fi_product_run(const fi_product *product);

/* Kernels of a product: tiles of strips, of which every product can be made; or, where the shape is extreme, of the
 * matrices as they lie: with rows of x or columns of the weight in the lanes, or with the weight's rows streaming
 * past. */
typedef enum { FI_TILES, FI_ACROSS_ROWS, FI_ACROSS_COLUMNS, FI_SWEEP, FI_KERNEL_COUNT } fi_product_kernel;
#define FI_ACROSS_MOST 16 /* columns, or else rows, of the narrow matrix; the other one has as many as lanes, or more */
#define FI_SWEEP_MOST 8 /* rows */

/* A product of matrices as they lie: out = activate(x weight + bias). */
typedef struct {
    int64_t rows, depth, columns;
    const void *x; /* rows of `depth` consecutive elements, */
    int64_t x_row; /* so many elements apart */
    const void *weight;
    int64_t weight_row, weight_column;
    const void *bias; /* or NULL */
    void *out;
    int64_t out_row;
    fi_activation activation; /* this and the next two: as in fi_product */
    fi_activate_run *activate;
    const fi_function *function;
} fi_direct;

typedef void fi_direct_run(const fi_direct *product);

/* Copy a matrix, whose elements are `row` and `column` elements apart, into packed strips; they end with
 * FI_PACKED_SLACK elements of padding. */
typedef void fi_pack_run(const void *weight, ptrdiff_t row, ptrdiff_t column, int64_t depth, int64_t columns,
                         void *strips);

/* An orthogonal matrix in the making. All is real here: a complex matrix is one of twice the rows, and each
 * of its Householder vectors v counts as two, v and iv. */
typedef struct {
    const fi_orthogonal_job *job;
    int64_t number; /* in the batch */
    int64_t height, vectors; /* real rows and vectors */
    int64_t wanted; /* vectors that act on the columns wanted: the first ones */
    int kept; /* whether the vectors are, or else, of a single panel, only the first FI_PANEL elements */
    const void *drawn; /* all numbers of the matrix, if they are already there, or NULL */
    void *panels; /* the vectors, panel by panel */
    void *factors; /* for every panel, the triangle that joins its reflections to one */
    void *scales; /* for every column, what it is multiplied with at last */
} fi_orthogonal_matrix;

/* Vectors in a panel: the bits depend on it. */
#define FI_PANEL 32
/* Numbers that are drawn for several vectors at once have so many elements of padding behind them. */
#define FI_DRAWN_SLACK 32
/* A panel's vectors are so many elements apart: an odd number of lines, so that they do not all fall into
 * the same few sets of the cache; and a multiple of the 16 lanes of the sums. */
static inline int64_t fi_panel_stride(int64_t height, int64_t panel)
{
    return ((height - panel * FI_PANEL + 15) / 16 | 1) * 16;
}

typedef struct {
    void (*draw)(const fi_orthogonal_matrix *first, int64_t matrices, void *numbers);
    size_t (*panel_scratch)(const fi_orthogonal_matrix *matrix); /* bytes */
    void (*panel)(const fi_orthogonal_matrix *matrix, int64_t panel, void *scratch);
    size_t (*strips_scratch)(const fi_orthogonal_matrix *matrix, int64_t columns); /* bytes for so many columns */
    void (*strips)(const fi_orthogonal_matrix *matrix, int64_t first, int64_t last, void *scratch);
    int64_t strip_columns;
    size_t thin_scratch; /* bytes for each of the next two: those of matrices of a single panel */
    void (*thin_panel)(const fi_orthogonal_matrix *matrix, void *scratch);
    void (*thin_rows)(const fi_orthogonal_matrix *matrix, int64_t first, int64_t last, void *scratch);
    int64_t rows; /* real ones, that are best asked for at a time */
} fi_orthogonal_kernels;

/* out[i] = theta[i] + sigma[i] eps[i], minus if `negated`, rounded once; one sigma for all unless it `varies`. `out` is
 * theta or apart from it. */
typedef void fi_perturb_run(const void *theta, const void *sigma, int varies, int negated, const void *eps, void *out,
                            size_t count);

/* sum[i] = weight eps[i] + sum[i], rounded once; or with the square of eps[i], rounded before. */
typedef void fi_add_weighted_run(const void *weight, int squares, const void *eps, void *sum, size_t count);

typedef struct {
    fi_fill_run *fill[FI_METHOD_COUNT][FI_DTYPE_COUNT];
    fi_activate_run *activate[FI_ACTIVATION_COUNT][FI_DTYPE_COUNT]; /* float32 and float64 alone */
    fi_product_run *product[FI_DTYPE_COUNT]; /* this and the next: likewise */
    fi_pack_run *pack[FI_DTYPE_COUNT];
    fi_direct_run *direct[FI_KERNEL_COUNT][FI_DTYPE_COUNT]; /* likewise; or NULL */
    float (*multiply_adds)(int64_t count); /* so many fma in registers, at least */
    void (*fma)(fi_dtype dtype, int negated, const void *a, const void *b, const void *c, void *out, int64_t count);
    int lanes[FI_DTYPE_COUNT];
    int tile_rows, tile_columns[FI_DTYPE_COUNT]; /* columns of a strip */
    int copies; /* whether a product can leave an unpacked strip packed */
    const fi_orthogonal_kernels *orthogonal[FI_DTYPE_COUNT]; /* likewise */
    fi_perturb_run *perturb[FI_DTYPE_COUNT]; /* likewise */
    fi_add_weighted_run *add_weighted[FI_DTYPE_COUNT];
    void (*narrow)(fi_dtype from, const void *x, fi_dtype to, void *out, int64_t count);
} fi_kernels;

extern const fi_kernels fi_kernels_scalar;
extern const fi_kernels fi_kernels_neon;
extern const fi_kernels fi_kernels_sse42;
extern const fi_kernels fi_kernels_avx2;
extern const fi_kernels fi_kernels_avx512;

/* The kernels in use. */
const fi_kernels *fi_current_kernels(void);
/* Those that tile a product of so many multiplications in `dense`. */
const fi_kernels *fi_product_kernels(double work);

#endif
