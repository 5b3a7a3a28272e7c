/* From a block of a tensor to runs of consecutive elements. */
#include "kernels.h"
#include "simd/fma.h"
#include "simd/fpmode.h"

size_t fi_itemsize(fi_dtype dtype)
{
    return dtype == FI_F64 ? 8 : dtype == FI_F16 || dtype == FI_BF16 ? 2 : 4;
}

void fi_fill(const fi_plan *plan, const fi_source *source, int ndim, const int64_t *shape,
             const int64_t *start, const int64_t *stop, void *out)
{
    fi_fill_run *fill = fi_current_kernels()->fill[plan->method][plan->dtype];
    int64_t at[FI_MAX_NDIM], stride[FI_MAX_NDIM + 1];
    unsigned char *to = out;

    stride[ndim] = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        if (start[i] == stop[i])
            return;
        stride[i] = stride[i + 1] * shape[i];
        at[i] = start[i];
    }

    /* Axes from `inner` on make one run: all but its first are covered whole. */
    int inner = ndim;
    while (inner > 0 && (inner == ndim || stop[inner] - start[inner] == shape[inner]))
        inner--;
    const int64_t run = ndim ? (stop[inner] - start[inner]) * stride[inner + 1] : 1;

    const fpmode before = fpmode_enter();
    for (;;) {
        uint64_t first = 0;
        for (int i = 0; i < ndim; i++)
            first += (uint64_t)(at[i] * stride[i + 1]);
        fill(plan, source, first, (size_t)run, to);
        to += (size_t)run * fi_itemsize(plan->dtype);
        int axis = inner - 1;
        while (axis >= 0 && ++at[axis] == stop[axis]) {
            at[axis] = start[axis];
            axis--;
        }
        if (axis < 0)
            break;
    }
    fpmode_leave(before);
}

float fi_scalar_fma32(float a, float b, float c) { return fma_exact32(a, b, c); }
double fi_scalar_fma64(double a, double b, double c) { return fma_exact64(a, b, c); }
