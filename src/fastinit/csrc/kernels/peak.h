/* What the machine can do at most: chains of fma that never leave the registers. For benchmarks. */
#define PEAK_CHAINS 12

static float multiply_adds(int64_t count)
{
    vf sum[PEAK_CHAINS];
    float lanes[FI_LANES];
    const vf factor = vf_set(0.999f);
#pragma GCC unroll 12
    for (int i = 0; i < PEAK_CHAINS; i++)
        sum[i] = vf_set((float)i);
    for (int64_t done = 0; done < count; done += PEAK_CHAINS * FI_LANES) {
#pragma GCC unroll 12
        for (int i = 0; i < PEAK_CHAINS; i++)
            sum[i] = vf_fma(sum[i], factor, factor);
    }
    for (int i = 1; i < PEAK_CHAINS; i++)
        sum[0] = vf_add(sum[0], sum[i]);
    vf_store(lanes, sum[0]);
    return lanes[0];
}

/* For tests: out[i] = c[i] +- a[i] b[i], the minus if `negated`. */
static void fma_run(fi_dtype dtype, int negated, const void *a, const void *b, const void *c, void *out, int64_t count)
{
    if (dtype == FI_F64)
        for (int64_t i = 0; i < count; i += FI_LANES / 2) {
            const vd x = vd_load((const double *)a + i), y = vd_load((const double *)b + i);
            const vd z = vd_load((const double *)c + i);
            vd_store((double *)out + i, negated ? vd_fnma(x, y, z) : vd_fma(x, y, z));
        }
    else
        for (int64_t i = 0; i < count; i += FI_LANES) {
            const vf x = vf_load((const float *)a + i), y = vf_load((const float *)b + i);
            const vf z = vf_load((const float *)c + i);
            vf_store((float *)out + i, negated ? vf_fnma(x, y, z) : vf_fma(x, y, z));
        }
}
