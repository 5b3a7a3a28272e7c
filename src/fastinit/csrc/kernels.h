/* The table of kernels that every instruction set provides; private to csrc. */
#ifndef FASTINIT_KERNELS_H
#define FASTINIT_KERNELS_H

#include "fastinit.h"

/* Fill out[0 .. count) with elements first .. first + count of the flattened tensor. */
typedef void fi_fill_run(const fi_plan *plan, const fi_source *source, uint64_t first, size_t count,
                         void *out);

/* out[i] = f(x[i]) for so many floats or doubles; one whole row for those that work on rows. `out` is x or
 * apart from it. Activations without a parameter ignore it. */
typedef void fi_activate_run(double parameter, const void *x, void *out, size_t count);

/* An orthogonal matrix in the making. All is real here: a complex matrix is one of twice the rows, and each
 * of its Householder vectors v counts as two, v and iv. */
typedef struct {
    const fi_orthogonal_job *job;
    int64_t number;          /* in the batch */
    int64_t height, vectors; /* real rows and vectors */
    void *panels;            /* the vectors, panel by panel */
    void *factors;           /* for every panel, the triangle that joins its reflections to one */
    void *scales;            /* for every column, what it is multiplied with at last */
} fi_orthogonal_matrix;

/* Vectors in a panel: the bits depend on it. */
#define FI_PANEL 32
/* A panel's vectors are so many elements apart: an odd number of lines, so that they do not all fall into
 * the same few sets of the cache; and a multiple of the 16 lanes of the sums. */
static inline int64_t fi_panel_stride(int64_t height, int64_t panel)
{
    return ((height - panel * FI_PANEL + 15) / 16 | 1) * 16;
}

typedef struct {
    size_t (*scratch)(const fi_orthogonal_matrix *matrix); /* bytes for each of the next two */
    void (*panel)(const fi_orthogonal_matrix *matrix, int64_t panel, void *scratch);
    void (*strips)(const fi_orthogonal_matrix *matrix, int64_t first, int64_t last, void *scratch);
    int64_t columns; /* that `strips` does at most in a call */
} fi_orthogonal_kernels;

typedef struct {
    fi_fill_run *fill[FI_METHOD_COUNT][FI_DTYPE_COUNT];
    fi_activate_run *activate[FI_ACTIVATION_COUNT][FI_DTYPE_COUNT]; /* float32 and float64 alone */
    const fi_orthogonal_kernels *orthogonal[FI_DTYPE_COUNT];                /* likewise */
    void (*narrow)(fi_dtype from, const void *x, fi_dtype to, void *out, int64_t count);
} fi_kernels;

extern const fi_kernels fi_kernels_scalar;
extern const fi_kernels fi_kernels_neon;
extern const fi_kernels fi_kernels_avx2;
extern const fi_kernels fi_kernels_avx512;

/* The kernels in use. */
const fi_kernels *fi_current_kernels(void);

#endif
