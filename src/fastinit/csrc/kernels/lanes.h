/* The sum of sixteen lanes of float64 in the order that holds for every sum: lanes l + 8, l + 4, l + 2 and l + 1 are
 * added to lane l. */
#define SUM_LANES 16
#define SUM_VECTORS (SUM_LANES / (FI_LANES / 2))

FI_ALWAYS_INLINE double sum_of_lanes(const vd lanes[SUM_VECTORS])
{
    vd sum[SUM_VECTORS];
    double lane[FI_LANES / 2];
#pragma GCC unroll 8
    for (int j = 0; j < SUM_VECTORS; j++)
        sum[j] = lanes[j];
#pragma GCC unroll 4
    for (int step = SUM_VECTORS / 2; step > 0; step /= 2)
#pragma GCC unroll 4
        for (int j = 0; j < step; j++)
            sum[j] = vd_add(sum[j], sum[j + step]);
    vd_store(lane, sum[0]);
#pragma GCC unroll 4
    for (int step = FI_LANES / 4; step > 0; step /= 2)
#pragma GCC unroll 4
        for (int l = 0; l < step; l++)
            lane[l] += lane[l + step];
    return lane[0];
}
