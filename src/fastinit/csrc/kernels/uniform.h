/* Uniform values: a word is an integer, scaled and shifted in one fma, held inside the bounds. */

typedef struct {
    vf scale, middle, low, high;
} uniform32;

static inline uniform32 uniform32_load(const fi_law32 *law)
{
    uniform32 c = {vf_set(law->std), vf_set(law->mean), vf_set(law->low), vf_set(law->high)};
    return c;
}

/* value = word as a signed integer * 2^-31 * half width + middle. The half width usually carries the
 * 2^-31, which is the same number; only where that product would be subnormal is the word scaled. */
static inline void uniform32_map(const uniform32 *c, const vu word[FI_PACK], vf value[FI_PACK], int scale_first)
{
    EACH value[i] = vf_from_i32(word[i]);
    if (scale_first)
        EACH value[i] = vf_mul(value[i], vf_set(0x1p-31f));
    EACH value[i] = vf_fma(value[i], c->scale, c->middle);
    EACH value[i] = vf_min(vf_max(value[i], c->low), c->high);
}

/* A float64 takes its sign from the top bit and its magnitude, a multiple of 2^-53 strictly between 0
 * and 1, from the 52 low bits. All of this is exact. */
static inline vd unit_magnitude64(vu words)
{
    const vu mantissa = vu_merge(words, vu_set64(0x000FFFFFFFFFFFFFu), vu_set64(0x3FF0000000000000u));
    return vd_sub(vu_as_f64(mantissa), vd_set(0x1.fffffffffffffp-1)); /* 1 - 2^-53 */
}

typedef struct {
    vd scale, middle, low, high;
} uniform64;

static inline uniform64 uniform64_load(const fi_law64 *law)
{
    uniform64 c = {vd_set(law->std), vd_set(law->mean), vd_set(law->low), vd_set(law->high)};
    return c;
}

static inline void uniform64_map(const uniform64 *c, const vu words[FI_PACK], vd value[FI_PACK])
{
    EACH value[i] = vd_flip_sign(unit_magnitude64(words[i]), words[i]);
    EACH value[i] = vd_fma(value[i], c->scale, c->middle);
    EACH value[i] = vd_min(vd_max(value[i], c->low), c->high);
}
