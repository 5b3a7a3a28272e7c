/* Sums of squares in float64, in the order that holds for every sum: lane l adds the elements i = l mod 16,
 * ascending, from +0, then the lanes l + 8, l + 4, l + 2, l + 1 are added. Counts are multiples of 16. */
#define SQUARES_LANES 16
#define SQUARES_VECTORS (2 * SQUARES_LANES / FI_LANES)

typedef struct {
    vd lanes[SQUARES_VECTORS];
} squares;

FI_ALWAYS_INLINE void squares_begin(squares *sum)
{
    for (int j = 0; j < SQUARES_VECTORS; j++)
        sum->lanes[j] = vd_set(0);
}

FI_ALWAYS_INLINE void add_squares32(squares *sum, const float *x, int64_t count)
{
    squares s = *sum;
    for (int64_t i = 0; i < count; i += SQUARES_LANES)
#pragma GCC unroll 8
        for (int j = 0; j < SQUARES_VECTORS; j += 2) {
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
    for (int64_t i = 0; i < count; i += SQUARES_LANES)
#pragma GCC unroll 8
        for (int j = 0; j < SQUARES_VECTORS; j++) {
            const vd v = vd_load(x + i + j * (FI_LANES / 2));
            s.lanes[j] = vd_fma(v, v, s.lanes[j]);
        }
    *sum = s;
}

FI_ALWAYS_INLINE double squares_end(const squares *sum)
{
    squares s = *sum;
    double lane[FI_LANES / 2];
#pragma GCC unroll 4
    for (int step = SQUARES_VECTORS / 2; step > 0; step /= 2)
#pragma GCC unroll 4
        for (int j = 0; j < step; j++)
            s.lanes[j] = vd_add(s.lanes[j], s.lanes[j + step]);
    vd_store(lane, s.lanes[0]);
#pragma GCC unroll 4
    for (int step = FI_LANES / 4; step > 0; step /= 2)
#pragma GCC unroll 4
        for (int l = 0; l < step; l++)
            lane[l] += lane[l + step];
    return lane[0];
}
