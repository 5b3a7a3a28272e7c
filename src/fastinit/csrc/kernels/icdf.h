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
#include "../generated/tables.h"

#define EACH for (int i = 0; i < FI_PACK; i++)

#define ICDF32_DEGREE ((int)(sizeof fi_icdf32 / sizeof fi_icdf32[0]) - 1)
#define HALF_OCTAVE_DEGREE ((int)(sizeof fi_icdf64 / sizeof fi_icdf64[0]) - 1)

/* The least 2 q within reach of the near look-up. */
#define NEAR_Q2 (FI_NEAR32 == 32 ? 0.0f : 2.0f / (float)(1ull << FI_NEAR32 % 32))

/* Horner's rule in fma, from the highest degree down. q2 = 2 q in [2^-31, 2). */
static inline void icdf_quotient32(const vf q2[FI_PACK], vf quotient[FI_PACK], int all_near)
{
    vu row[FI_PACK];
    vf t[FI_PACK], r[FI_PACK];
    int far = 0;
    EACH row[i] = vu_shr32(vf_bits(q2[i]), 23);
    EACH t[i] = vu_as_f32(vu_merge(vf_bits(q2[i]), vu_set32(0x007FFFFF), vu_set32(0x3F800000)));
    EACH t[i] = vf_sub(t[i], vf_set(1.5f));
    if (FI_NEAR32 < 32 && !all_near)
        EACH far |= vf_any_less(q2[i], vf_set(NEAR_Q2));
    if (!far) {
        EACH r[i] = vf_lookup_near(fi_icdf32[ICDF32_DEGREE], row[i]);
#pragma GCC unroll 16
        for (int j = ICDF32_DEGREE - 1; j >= 0; j--)
            EACH r[i] = vf_fma(r[i], t[i], vf_lookup_near(fi_icdf32[j], row[i]));
    } else {
        EACH r[i] = vf_lookup(fi_icdf32[ICDF32_DEGREE], row[i]);
        for (int j = ICDF32_DEGREE - 1; j >= 0; j--)
            EACH r[i] = vf_fma(r[i], t[i], vf_lookup(fi_icdf32[j], row[i]));
    }
    EACH quotient[i] = r[i];
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

static inline void half_octave_polynomial(const double *table, int rows, int first_field, const vd x[FI_PACK],
                                          vd value[FI_PACK])
{
    vu row[FI_PACK];
    vd t[FI_PACK];
    EACH row[i] = half_octave_row(x[i], first_field);
    EACH t[i] = half_octave_local(x[i]);
    EACH value[i] = vd_lookup(table + HALF_OCTAVE_DEGREE * rows, row[i]);
#pragma GCC unroll 16
    for (int j = HALF_OCTAVE_DEGREE - 1; j >= 0; j--)
        EACH value[i] = vd_fma(value[i], t[i], vd_lookup(table + j * rows, row[i]));
}

/* For icdf64 and log64, x = 2 q or 2 s in [2^-55, 2). */
#define TOP_ROWS HALF_OCTAVE_ROWS(fi_icdf64)
#define TOP_FIRST_FIELD (1024 - TOP_ROWS / 2)

#if FI_NEAR64
/* The last FI_NEAR64 rows are looked up in registers. One in eight of the normal's packs has a lane that
 * lies further out, and none of those truncated to +-2. */
static inline void top_polynomial(const double *table, const vd x[FI_PACK], vd value[FI_PACK])
{
    const double *near = table + TOP_ROWS - FI_NEAR64;
    const vd least = vd_set(2.0 / (double)(1ull << FI_NEAR64 / 2));
    vu row[FI_PACK];
    vd t[FI_PACK];
    int far = 0;
    EACH far |= vd_any_less(x[i], least);
    if (__builtin_expect(far, 0)) {
        half_octave_polynomial(table, TOP_ROWS, TOP_FIRST_FIELD, x, value);
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
static inline void top_polynomial(const double *table, const vd x[FI_PACK], vd value[FI_PACK])
{
    half_octave_polynomial(table, TOP_ROWS, TOP_FIRST_FIELD, x, value);
}
#endif

/* z / (1 - q) */
static inline void icdf_quotient64(const vd q2[FI_PACK], vd value[FI_PACK]) { top_polynomial(fi_icdf64[0], q2, value); }

/* -log(s) / (1 - s) */
static inline void log_quotient64(const vd s2[FI_PACK], vd value[FI_PACK]) { top_polynomial(fi_log64[0], s2, value); }

/* x / sqrt(l) where P(|Z| > x) = exp(-l), l >= 1/2 */
static inline void tail_quotient64(const vd l[FI_PACK], vd value[FI_PACK])
{
    const int rows = HALF_OCTAVE_ROWS(fi_tail64);
    half_octave_polynomial(fi_tail64[0], rows, 1022, l, value);
}
