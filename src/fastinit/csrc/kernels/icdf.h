/* The inverse normal CDF by a table of polynomials, one per octave of the tail's mass.
 *
 * With q = P(|Z| > z) the two-sided tail's mass and y = 1 - q, z / y is a smooth function of q whose
 * only singularity is at q = 0. One polynomial per octave of q therefore has the same relative accuracy
 * everywhere, at the centre as in the tail, without logarithm, square root, division or branch.
 *
 * The argument is 2 q, because then the exponent's low bits count the table's rows from its end.
 *
 * Polynomials are evaluated for a pack of FI_PACK vectors in step: one vector's chain of fmas alone would
 * leave the units idle, and a processor's scheduler is too small to find the next vector's by itself.
 */
#include "../generated/rows.h"
#include "../generated/tables.h"

#define EACH for (int i = 0; i < FI_PACK; i++)
#define EACH_OF(n) _Pragma("GCC unroll 8") for (int i = 0; i < (n); i++)

#define ICDF32_DEGREE ((int)(sizeof fi_icdf32 / sizeof fi_icdf32[0]) - 1)
#define HALF_OCTAVE_DEGREE ((int)(sizeof fi_icdf64 / sizeof fi_icdf64[0]) - 1)

/* The least 2 q within reach of a look-up in the last so many octaves. */
#define LEAST_Q2(octaves) ((octaves) == 32 ? 0.0f : 2.0f / (float)(1ull << (octaves) % 32))
#define NEAR_Q2 LEAST_Q2(FI_NEAR32)

static inline vu octave_row(vf q2) { return vu_shr32(vf_bits(q2), 23); }

/* What lies within the octave, less its centre. */
static inline vf octave_local(vf q2)
{
    return vf_sub(vu_as_f32(vu_merge(vf_bits(q2), vu_set32(0x007FFFFF), vu_set32(0x3F800000))), vf_set(1.5f));
}

/* For vectors with a lane beyond the near octaves: one of sixteen with AVX2, of 4000 with AVX-512. */
static inline void icdf_far32(const vf q2[FI_FAR32], vf quotient[FI_FAR32])
{
    vu row[FI_FAR32];
    vf t[FI_FAR32], r[FI_FAR32];
    int far = 0;
    EACH_OF(FI_FAR32) row[i] = octave_row(q2[i]);
    EACH_OF(FI_FAR32) t[i] = octave_local(q2[i]);
    if (FI_MIDDLE32 < 32)
        EACH_OF(FI_FAR32) far |= vf_any_less(q2[i], vf_set(LEAST_Q2(FI_MIDDLE32)));
    if (!far) {
        EACH_OF(FI_FAR32) r[i] = vf_lookup_middle(fi_icdf32[ICDF32_DEGREE], row[i]);
        for (int j = ICDF32_DEGREE - 1; j >= 0; j--)
            EACH_OF(FI_FAR32) r[i] = vf_fma(r[i], t[i], vf_lookup_middle(fi_icdf32[j], row[i]));
    } else {
        EACH_OF(FI_FAR32) r[i] = vf_lookup(fi_icdf32[ICDF32_DEGREE], row[i]);
        for (int j = ICDF32_DEGREE - 1; j >= 0; j--)
            EACH_OF(FI_FAR32) r[i] = vf_fma(r[i], t[i], vf_lookup(fi_icdf32[j], row[i]));
    }
    EACH_OF(FI_FAR32) quotient[i] = r[i];
}

/* Horner's rule in fma, from the highest degree down. q2 = 2 q in [2^-31, 2). Beside each degree goes a round of the
 * next words, if any are wanted: neither alone keeps the units busy. */
FI_ALWAYS_INLINE void icdf_quotient32(const vf q2[FI_FLIGHT], vf quotient[FI_FLIGHT], int all_near, vwords *next,
                                      const vkey *key)
{
    vu row[FI_FLIGHT];
    vf t[FI_FLIGHT], r[FI_FLIGHT];
    EACH_OF(FI_FLIGHT) row[i] = octave_row(q2[i]);
    EACH_OF(FI_FLIGHT) t[i] = octave_local(q2[i]);
    EACH_OF(FI_FLIGHT) r[i] = vf_lookup_near(fi_icdf32[ICDF32_DEGREE], row[i]);
#pragma GCC unroll 16
    for (int j = ICDF32_DEGREE - 1; j >= 0; j--) {
        if (next)
            words_advance(next, key, ICDF32_DEGREE - 1 - j, FI_FLIGHT);
        EACH_OF(FI_FLIGHT) r[i] = vf_fma(r[i], t[i], vf_lookup_near(fi_icdf32[j], row[i]));
    }
#pragma GCC unroll 16
    for (int j = ICDF32_DEGREE; next && j < ROUNDS_LEFT; j++)
        words_advance(next, key, j, FI_FLIGHT);
    if (FI_NEAR32 < 32 && !all_near)
#pragma GCC unroll 8
        for (int j = 0; j < FI_FLIGHT; j += FI_FAR32) {
            vf least = q2[j];
            for (int i = 1; i < FI_FAR32; i++)
                least = vf_min(least, q2[j + i]);
            if (__builtin_expect(vf_any_less(least, vf_set(NEAR_Q2)), 0)) {
                vf far[FI_FAR32], found[FI_FAR32]; /* copies, because only they may lie in memory */
                EACH_OF(FI_FAR32) far[i] = vf_held(q2[j + i]);
                icdf_far32(far, found);
                EACH_OF(FI_FAR32) r[j + i] = found[i];
            }
        }
    EACH_OF(FI_FLIGHT) quotient[i] = r[i];
}

/* Any of the float64 tables, whose rows are the halves of an argument's octaves. The first row begins
 * at the double with the exponent field `first_field`. */
#define HALF_OCTAVE_ROWS(table) ((int)(sizeof table[0] / sizeof table[0][0]))

static inline vu half_octave_row(vd x, int first_field)
{
    return vu_sub64(vu_shr64(vd_bits(x), 51), vu_set64(2u * (unsigned)first_field));
}

/* What lies within the half octave, less its centre. */
static inline vd half_octave_local(vd x)
{
    const vu mantissa = vu_merge(vd_bits(x), vu_set64(0x0007FFFFFFFFFFFFu), vu_set64(0x3FF0000000000000u));
    return vd_sub(vu_as_f64(mantissa), vd_set(1.25));
}

/* By the table's rows, two neighbours of a row at a time. */
#define ROW_LENGTH (HALF_OCTAVE_DEGREE + 2)
static inline void half_octave_polynomial(const double *rows, int first_field, const vd x[FI_PACK], vd value[FI_PACK])
{
    vu offset[FI_PACK];
    vd t[FI_PACK], even, odd;
    EACH offset[i] = vu_shl64(half_octave_row(x[i], first_field), 4);
    EACH t[i] = half_octave_local(x[i]);
    EACH vd_lookup_pair(rows + HALF_OCTAVE_DEGREE, offset[i], &value[i], &odd);
#pragma GCC unroll 16
    for (int j = HALF_OCTAVE_DEGREE - 2; j >= 0; j -= 2)
        EACH
        {
            vd_lookup_pair(rows + j, offset[i], &even, &odd);
            value[i] = vd_fma(value[i], t[i], odd);
            value[i] = vd_fma(value[i], t[i], even);
        }
}

/* For icdf64 and log64, x = 2 q or 2 s in [2^-55, 2). */
#define TOP_ROWS HALF_OCTAVE_ROWS(fi_icdf64)
#define TOP_FIRST_FIELD (1024 - TOP_ROWS / 2)

#if FI_NEAR64
#define LEAST_X(half_octaves) (2.0 / (double)(1ull << (half_octaves) / 2))

/* For packs with a lane beyond the near rows: one in eight of the normal's, none of those truncated to +-2. */
static inline void top_far(const double *table, const double *rows, const vd x[FI_PACK], vd value[FI_PACK])
{
    const double *middle = table + TOP_ROWS - FI_MIDDLE64;
    vu row[FI_PACK];
    vd t[FI_PACK];
    int far = 0;
    EACH far |= vd_any_less(x[i], vd_set(LEAST_X(FI_MIDDLE64)));
    if (far) {
        half_octave_polynomial(rows, TOP_FIRST_FIELD, x, value);
        return;
    }
    EACH row[i] = vu_shr64(vd_bits(x[i]), 51);
    EACH t[i] = half_octave_local(x[i]);
    EACH value[i] = vd_lookup_middle(middle + HALF_OCTAVE_DEGREE * TOP_ROWS, row[i]);
    for (int j = HALF_OCTAVE_DEGREE - 1; j >= 0; j--)
        EACH value[i] = vd_fma(value[i], t[i], vd_lookup_middle(middle + j * TOP_ROWS, row[i]));
}

/* The last FI_NEAR64 rows are looked up in registers, coefficient by coefficient. */
static inline void top_polynomial(const double *table, const double *rows, const vd x[FI_PACK], vd value[FI_PACK])
{
    const double *near = table + TOP_ROWS - FI_NEAR64;
    vu row[FI_PACK];
    vd t[FI_PACK];
    int far = 0;
    EACH far |= vd_any_less(x[i], vd_set(LEAST_X(FI_NEAR64)));
    if (__builtin_expect(far, 0)) {
        top_far(table, rows, x, value);
        return;
    }
    EACH row[i] = vu_shr64(vd_bits(x[i]), 51); /* its low bits count the rows from the table's end */
    EACH t[i] = half_octave_local(x[i]);
    EACH value[i] = vd_lookup_near(near + HALF_OCTAVE_DEGREE * TOP_ROWS, row[i]);
#pragma GCC unroll 16
    for (int j = HALF_OCTAVE_DEGREE - 1; j >= 0; j--)
        EACH value[i] = vd_fma(value[i], t[i], vd_lookup_near(near + j * TOP_ROWS, row[i]));
}
#else
static inline void top_polynomial(const double *table, const double *rows, const vd x[FI_PACK], vd value[FI_PACK])
{
    (void)table;
    half_octave_polynomial(rows, TOP_FIRST_FIELD, x, value);
}
#endif

/* z / (1 - q) */
static inline void icdf_quotient64(const vd q2[FI_PACK], vd value[FI_PACK])
{
    top_polynomial(fi_icdf64[0], fi_icdf64_rows[0], q2, value);
}

/* -log(s) / (1 - s) */
static inline void log_quotient64(const vd s2[FI_PACK], vd value[FI_PACK])
{
    top_polynomial(fi_log64[0], fi_log64_rows[0], s2, value);
}

/* x / sqrt(l) where P(|Z| > x) = exp(-l), l >= 1/2 */
static inline void tail_quotient64(const vd l[FI_PACK], vd value[FI_PACK])
{
    half_octave_polynomial(fi_tail64_rows[0], 1022, l, value);
}
