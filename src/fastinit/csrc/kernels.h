/* The table of kernels that every instruction set provides; private to csrc. */
#ifndef FASTINIT_KERNELS_H
#define FASTINIT_KERNELS_H

#include "fastinit.h"

/* Fill out[0 .. count) with elements first .. first + count of the flattened tensor. */
typedef void fi_fill_run(const fi_plan *plan, const fi_source *source, uint64_t first, size_t count,
                         void *out);

typedef struct {
    fi_fill_run *fill[FI_METHOD_COUNT][FI_DTYPE_COUNT];
} fi_kernels;

extern const fi_kernels fi_kernels_scalar;
extern const fi_kernels fi_kernels_neon;
extern const fi_kernels fi_kernels_avx2;
extern const fi_kernels fi_kernels_avx512;

/* The kernels in use. */
const fi_kernels *fi_current_kernels(void);

#endif
