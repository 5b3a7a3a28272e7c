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
