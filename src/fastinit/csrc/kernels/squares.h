/* Sums of squares in float64, in the order that holds for every sum: lane l adds the elements i = l mod 16,
 * ascending, from +0, then the lanes l + 8, l + 4, l + 2, l + 1 are added. `count` is a multiple of 16. */
#define SQUARES_LANES 16

static double sum_of_lanes(double lane[SQUARES_LANES])
{
    for (int step = SQUARES_LANES / 2; step > 0; step /= 2)
        for (int l = 0; l < step; l++)
            lane[l] += lane[l + step];
    return lane[0];
}

/* The square of a float is exact in float64, so that adding it is the fma. */
static void add_squares32(double sum[SQUARES_LANES], const float *x, int64_t count)
{
    double lane[SQUARES_LANES];
    memcpy(lane, sum, sizeof lane);
    for (int64_t i = 0; i < count; i += SQUARES_LANES)
        for (int l = 0; l < SQUARES_LANES; l++)
            lane[l] += (double)x[i + l] * (double)x[i + l];
    memcpy(sum, lane, sizeof lane);
}

static void add_squares64(double lane[SQUARES_LANES], const double *x, int64_t count)
{
    enum { VECTORS = 2 * SQUARES_LANES / FI_LANES };
    vd sum[VECTORS];
    for (int j = 0; j < VECTORS; j++)
        sum[j] = vd_load(lane + j * (FI_LANES / 2));
    for (int64_t i = 0; i < count; i += SQUARES_LANES)
        for (int j = 0; j < VECTORS; j++) {
            const vd v = vd_load(x + i + j * (FI_LANES / 2));
            sum[j] = vd_fma(v, v, sum[j]);
        }
    for (int j = 0; j < VECTORS; j++)
        vd_store(lane + j * (FI_LANES / 2), sum[j]);
}

static double sum_of_squares32(const float *x, int64_t count)
{
    double lane[SQUARES_LANES] = {0.0};
    add_squares32(lane, x, count);
    return sum_of_lanes(lane);
}

static double sum_of_squares64(const double *x, int64_t count)
{
    double lane[SQUARES_LANES] = {0.0};
    add_squares64(lane, x, count);
    return sum_of_lanes(lane);
}
