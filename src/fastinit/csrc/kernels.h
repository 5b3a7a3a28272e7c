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

typedef struct {
    fi_fill_run *fill[FI_METHOD_COUNT][FI_DTYPE_COUNT];
    fi_activate_run *activate[FI_ACTIVATION_COUNT][FI_DTYPE_COUNT]; /* float32 and float64 alone */
} fi_kernels;

extern const fi_kernels fi_kernels_scalar;
extern const fi_kernels fi_kernels_neon;
extern const fi_kernels fi_kernels_avx2;
extern const fi_kernels fi_kernels_avx512;

/* The kernels in use. */
const fi_kernels *fi_current_kernels(void);

#endif
