/* Rounding once, to nearest even, from float64 to float32 and from float32 to 16 bits. The rest of a run
 * that fills no vector goes through a buffer. */
static inline void narrow_vector(fi_dtype from, const void *x, fi_dtype to, void *out)
{
    if (from == FI_F64)
        vf_store(out, vf_from_f64(vd_load(x), vd_load((const double *)x + FI_LANES / 2)));
    else if (to == FI_F16)
        vf_store_f16(out, vf_load(x));
    else
        vf_store_bf16(out, vf_load(x));
}

static void narrow(fi_dtype from, const void *x, fi_dtype to, void *out, int64_t count)
{
    const size_t wide = from == FI_F64 ? 8 : 4, thin = wide / 2;
    const unsigned char *source = x;
    unsigned char *target = out;
    for (; count >= FI_LANES; count -= FI_LANES) {
        narrow_vector(from, source, to, target);
        source += FI_LANES * wide;
        target += FI_LANES * thin;
    }
    if (count > 0) {
        unsigned char rest[FI_LANES * 8] = {0}, rounded[FI_LANES * 4];
        memcpy(rest, source, (size_t)count * wide);
        narrow_vector(from, rest, to, rounded);
        memcpy(target, rounded, (size_t)count * thin);
    }
}

/* From float64 or float32 to any of the narrower dtypes, rounding each time to the next; the result begins where
 * the source did. */
static void narrow_in_place(fi_dtype from, void *x, fi_dtype to, int64_t count)
{
    if (from == FI_F64)
        narrow(FI_F64, x, FI_F32, x, count);
    if (to != FI_F32)
        narrow(FI_F32, x, to, x, count);
}
