/* Normal and truncated normal values: from a word to q, the two-sided tail's mass, from q to z by the
 * table, from z to z * std + mean, held inside the bounds. law.c makes the constants. */

/* Symmetric bounds [-a, a], or none. With m the magnitude's bits:
 *     y = fma(m, c 2^-31, c 2^-32),  q = fma(2^31 - 1 - m, c 2^-31, 1 - c + c 2^-32),  c = P(|Z| <= a)
 * each from its own side, so that both ends keep their relative precision. */
typedef struct {
    vf y_scale, y_offset, q_scale, q_offset, std, mean, low, high;
} symmetric32;

static inline symmetric32 symmetric32_load(const fi_law32 *law)
{
    symmetric32 c = {vf_set(law->y_scale), vf_set(law->y_offset), vf_set(law->q_scale), vf_set(law->q_offset),
                     vf_set(law->std),     vf_set(law->mean),     vf_set(law->low),     vf_set(law->high)};
    return c;
}

FI_ALWAYS_INLINE void symmetric32_map(const symmetric32 *c, const vu word[FI_FLIGHT], vf value[FI_FLIGHT], int all_near,
                                      vwords *next, const vkey *key)
{
    const vu magnitude = vu_set32(0x7FFFFFFF);
    vf y[FI_FLIGHT], q2[FI_FLIGHT], z[FI_FLIGHT];
    EACH_OF(FI_FLIGHT) q2[i] = vf_fma(vf_from_i32(vu_andnot(word[i], magnitude)), c->q_scale, c->q_offset);
    EACH_OF(FI_FLIGHT) q2[i] = vf_min(q2[i], vf_set(0x1.fffffep0f));
    EACH_OF(FI_FLIGHT) y[i] = vf_fma(vf_from_i32(vu_and(word[i], magnitude)), c->y_scale, c->y_offset);
    EACH_OF(FI_FLIGHT) y[i] = vf_flip_sign(y[i], word[i]);
    icdf_quotient32(q2, z, all_near, next, key);
    EACH_OF(FI_FLIGHT) value[i] = vf_fma(vf_mul(y[i], z[i]), c->std, c->mean);
    EACH_OF(FI_FLIGHT) value[i] = vf_min(vf_max(value[i], c->low), c->high);
}

/* Any other bounds [a, b] with D = P(a < Z < b) >= 1/16. With w the word's upper 31 bits:
 *     lo = 2 P(Z < z) = fma(w, D 2^-30, 2 P(Z < a) + D 2^-31)
 *     hi = 2 P(Z > z) = fma(2^31 - 1 - w, D 2^-30, 2 P(Z > b) + D 2^-31)
 * and q is the smaller; z is negative where that is lo. */
typedef struct {
    vf lo_scale, lo_offset, hi_scale, hi_offset, std, mean, low, high;
} asymmetric32;

static inline asymmetric32 asymmetric32_load(const fi_law32 *law)
{
    asymmetric32 c = {vf_set(law->lo_scale), vf_set(law->lo_offset), vf_set(law->hi_scale), vf_set(law->hi_offset),
                      vf_set(law->std),      vf_set(law->mean),      vf_set(law->low),      vf_set(law->high)};
    return c;
}

FI_ALWAYS_INLINE void asymmetric32_map(const asymmetric32 *c, const vu word[FI_FLIGHT], vf value[FI_FLIGHT],
                                       int all_near, vwords *next, const vkey *key)
{
    vf lo[FI_FLIGHT], hi[FI_FLIGHT], y[FI_FLIGHT], q2[FI_FLIGHT], z[FI_FLIGHT];
    EACH_OF(FI_FLIGHT)
    {
        const vu w = vu_shr32(word[i], 1);
        lo[i] = vf_fma(vf_from_i32(w), c->lo_scale, c->lo_offset);
        hi[i] = vf_fma(vf_from_i32(vu_andnot(w, vu_set32(0x7FFFFFFF))), c->hi_scale, c->hi_offset);
        q2[i] = vf_max(vf_min(vf_min(lo[i], hi[i]), vf_set(0x1.fffffep0f)), vf_set(0x1p-31f));
        y[i] = vf_flip_sign(vf_fma(q2[i], vf_set(-0.5f), vf_set(1.0f)), vf_bits(vf_sub(lo[i], hi[i])));
    }
    icdf_quotient32(q2, z, all_near, next, key);
    EACH_OF(FI_FLIGHT) value[i] = vf_fma(vf_mul(y[i], z[i]), c->std, c->mean);
    EACH_OF(FI_FLIGHT) value[i] = vf_min(vf_max(value[i], c->low), c->high);
}

/* The same two in float64, where p = (2 m + 1) 2^-53 and 1 - p are exact. */
typedef struct {
    vd y_scale, q_scale, q_offset, std, mean, low, high;
} symmetric64;

static inline symmetric64 symmetric64_load(const fi_law64 *law)
{
    symmetric64 c = {vd_set(law->y_scale), vd_set(law->q_scale), vd_set(law->q_offset), vd_set(law->std),
                     vd_set(law->mean),    vd_set(law->low),     vd_set(law->high)};
    return c;
}

static inline void symmetric64_map(const symmetric64 *c, const vu words[FI_PACK], vd value[FI_PACK])
{
    vd p[FI_PACK], q2[FI_PACK], z[FI_PACK];
    EACH p[i] = unit_magnitude64(words[i]);
    EACH q2[i] = vd_fma(vd_sub(vd_set(1.0), p[i]), c->q_scale, c->q_offset);
    EACH q2[i] = vd_min(q2[i], vd_set(0x1.fffffffffffffp0));
    icdf_quotient64(q2, z);
    EACH z[i] = vd_flip_sign(vd_mul(vd_mul(p[i], c->y_scale), z[i]), words[i]);
    EACH value[i] = vd_fma(z[i], c->std, c->mean);
    EACH value[i] = vd_min(vd_max(value[i], c->low), c->high);
}

typedef struct {
    vd lo_scale, lo_offset, hi_scale, hi_offset, std, mean, low, high;
} asymmetric64;

static inline asymmetric64 asymmetric64_load(const fi_law64 *law)
{
    asymmetric64 c = {vd_set(law->lo_scale), vd_set(law->lo_offset), vd_set(law->hi_scale), vd_set(law->hi_offset),
                      vd_set(law->std),      vd_set(law->mean),      vd_set(law->low),      vd_set(law->high)};
    return c;
}

static inline void asymmetric64_map(const asymmetric64 *c, const vu words[FI_PACK], vd value[FI_PACK])
{
    vd lo[FI_PACK], hi[FI_PACK], q2[FI_PACK], z[FI_PACK];
    EACH
    {
        const vd p = unit_magnitude64(words[i]);
        lo[i] = vd_fma(p, c->lo_scale, c->lo_offset);
        hi[i] = vd_fma(vd_sub(vd_set(1.0), p), c->hi_scale, c->hi_offset);
        q2[i] = vd_max(vd_min(vd_min(lo[i], hi[i]), vd_set(0x1.fffffffffffffp0)), vd_set(0x1p-52));
    }
    icdf_quotient64(q2, z);
    EACH
    {
        const vd y = vd_fma(q2[i], vd_set(-0.5), vd_set(1.0));
        z[i] = vd_flip_sign(vd_mul(y, z[i]), vd_bits(vd_sub(lo[i], hi[i])));
        value[i] = vd_min(vd_max(vd_fma(z[i], c->std, c->mean), c->low), c->high);
    }
}

/* Bounds with D < 1/16, in float64 for every dtype; p in (0, 1) is the fraction of D below z. */

/* Close together: the inverse CDF around the interval's middle as a series in p - centre, without its
 * constant term, which `mean` already holds times std. */
typedef struct {
    vd centre, std, mean, low, high;
    const double *series;
} narrow64;

static inline narrow64 narrow64_load(const fi_law64 *law)
{
    narrow64 c = {vd_set(law->centre), vd_set(law->std),  vd_set(law->mean),
                  vd_set(law->low),    vd_set(law->high), law->series};
    return c;
}

static inline void narrow64_map(const narrow64 *c, const vd p[FI_PACK], vd value[FI_PACK])
{
    vd d[FI_PACK], r[FI_PACK];
    EACH d[i] = vd_sub(p[i], c->centre);
    EACH r[i] = vd_set(c->series[FI_SERIES_TERMS - 1]);
    for (int j = FI_SERIES_TERMS - 2; j >= 0; j--)
        EACH r[i] = vd_fma(r[i], d[i], vd_set(c->series[j]));
    EACH value[i] = vd_fma(vd_mul(r[i], d[i]), c->std, c->mean);
    EACH value[i] = vd_min(vd_max(value[i], c->low), c->high);
}

/* Far out, a <= z <= b with a > 0 (mirrored by a negative std if the bounds are negative):
 *     s = P(Z > z) / P(Z > a) = 1 - p (1 - P(Z > b) / P(Z > a))
 *     l = -log P(|Z| > z) = -log P(|Z| > a) - log s,  z = sqrt(l) * table(l) */
typedef struct {
    vd mass, rest, log, std, mean, low, high;
} tail64;

static inline tail64 tail64_load(const fi_law64 *law)
{
    tail64 c = {vd_set(law->tail_mass), vd_set(law->tail_rest), vd_set(law->tail_log), vd_set(law->std),
                vd_set(law->mean),      vd_set(law->low),       vd_set(law->high)};
    return c;
}

static inline void tail64_map(const tail64 *c, const vd p[FI_PACK], vd value[FI_PACK])
{
    vd s2[FI_PACK], l[FI_PACK], z[FI_PACK];
    EACH
    {
        const vd s = vd_fma(vd_sub(vd_set(1.0), p[i]), c->mass, c->rest);
        s2[i] = vd_min(vd_add(s, s), vd_set(0x1.fffffffffffffp0));
    }
    log_quotient64(s2, l);
    EACH l[i] = vd_fma(vd_mul(p[i], c->mass), l[i], c->log);
    tail_quotient64(l, z);
    EACH z[i] = vd_mul(vd_sqrt(l[i]), z[i]);
    EACH value[i] = vd_min(vd_max(vd_fma(z[i], c->std, c->mean), c->low), c->high);
}

/* p = (word + 1/2) 2^-32 for the dtypes with one word per element. */
static inline vd unit_from_u32(vd word) { return vd_fma(word, vd_set(0x1p-32), vd_set(0x1p-33)); }
