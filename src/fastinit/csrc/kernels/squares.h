/* Sums of squares in float64: lane l adds the elements i = l mod 16, ascending, from +0, then the lanes are added.
 * Counts are multiples of 16. */

typedef struct {
    vd lanes[SUM_VECTORS];
} squares;

FI_ALWAYS_INLINE void squares_begin(squares *sum)
{
    for (int j = 0; j < SUM_VECTORS; j++)
        sum->lanes[j] = vd_set(0);
}

FI_ALWAYS_INLINE void add_squares32(squares *sum, const float *x, int64_t count)
{
    squares s = *sum;
    for (int64_t i = 0; i < count; i += SUM_LANES)
#pragma GCC unroll 8
        for (int j = 0; j < SUM_VECTORS; j += 2) {
            /* The square of a float is exact in float64, so that adding it is the fma. */
            const vf v = vf_load(x + i + j * (FI_LANES / 2));
            const vd low = vd_from_f32_low(v), high = vd_from_f32_high(v);
            s.lanes[j] = vd_add(vd_mul(low, low), s.lanes[j]);
            s.lanes[j + 1] = vd_add(vd_mul(high, high), s.lanes[j + 1]);
        }
    *sum = s;
}

FI_ALWAYS_INLINE void add_squares64(squares *sum, const double *x, int64_t count)
{
    squares s = *sum;
    for (int64_t i = 0; i < count; i += SUM_LANES)
#pragma GCC unroll 8
        for (int j = 0; j < SUM_VECTORS; j++) {
            const vd v = vd_load(x + i + j * (FI_LANES / 2));
            s.lanes[j] = vd_fma(v, v, s.lanes[j]);
        }
    *sum = s;
}

FI_ALWAYS_INLINE double squares_end(const squares *sum) { return sum_of_lanes(sum->lanes); }
