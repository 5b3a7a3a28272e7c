/* The inverse normal CDF by a table of polynomials, one per octave of the tail's mass.
 *
 * With q = P(|Z| > z) the two-sided tail's mass and y = 1 - q, z / y is a smooth function of q whose
 * only singularity is at q = 0. One polynomial per octave of q therefore has the same relative accuracy
 * everywhere, at the centre as in the tail, without logarithm, square root, division or branch.
 *
 * The argument is 2 q, because then the exponent's low bits count the table's rows from its end.
 */
#include "../tables.h"

#define ICDF32_DEGREE ((int)(sizeof fi_icdf32 / sizeof fi_icdf32[0]) - 1)
#define HALF_OCTAVE_DEGREE ((int)(sizeof fi_icdf64 / sizeof fi_icdf64[0]) - 1)

/* The least 2 q within reach of the near look-up. */
#define NEAR_Q2 (FI_NEAR32 == 32 ? 0.0f : 2.0f / (float)(1ull << FI_NEAR32))

/* Horner's rule in fma, from the highest degree down. q2 = 2 q in [2^-31, 2). */
static inline vf icdf_quotient32(vf q2, int all_near)
{
    const vu bits = vf_bits(q2);
    const vu row = vu_shr32(bits, 23);
    const vf t = vf_sub(vu_as_f32(vu_merge(bits, vu_set32(0x007FFFFF), vu_set32(0x3F800000))), vf_set(1.5f));
    vf r;
    if (all_near || !vf_any_less(q2, vf_set(NEAR_Q2))) {
        r = vf_lookup_near(fi_icdf32[ICDF32_DEGREE], row);
#pragma GCC unroll 16
        for (int j = ICDF32_DEGREE - 1; j >= 0; j--)
            r = vf_fma(r, t, vf_lookup_near(fi_icdf32[j], row));
    } else {
        r = vf_lookup(fi_icdf32[ICDF32_DEGREE], row);
        for (int j = ICDF32_DEGREE - 1; j >= 0; j--)
            r = vf_fma(r, t, vf_lookup(fi_icdf32[j], row));
    }
    return r;
}

/* Any of the float64 tables, whose rows are the halves of an argument's octaves. The first row begins
 * at the double with the exponent field `first_field`. */
#define HALF_OCTAVE_ROWS(table) ((int)(sizeof table[0] / sizeof table[0][0]))

static inline vd half_octave_polynomial(const double *table, int rows, int first_field, vd x, int near_top)
{
    const vu bits = vd_bits(x);
    const vu row = vu_sub64(vu_shr64(bits, 51), vu_set64(2u * (unsigned)first_field));
    const vu mantissa = vu_merge(bits, vu_set64(0x0007FFFFFFFFFFFFu), vu_set64(0x3FF0000000000000u));
    const vd t = vd_sub(vu_as_f64(mantissa), vd_set(1.25));
    const int last = HALF_OCTAVE_DEGREE;
    vd r;
    if (near_top) {
        const double *near = table + rows - (FI_NEAR64 < rows ? FI_NEAR64 : rows);
        r = vd_lookup_near(near + last * rows, row);
#pragma GCC unroll 16
        for (int j = last - 1; j >= 0; j--)
            r = vd_fma(r, t, vd_lookup_near(near + j * rows, row));
    } else {
        r = vd_lookup(table + last * rows, row);
        for (int j = last - 1; j >= 0; j--)
            r = vd_fma(r, t, vd_lookup(table + j * rows, row));
    }
    return r;
}

/* q2 = 2 q in [2^-55, 2). */
#define TOP_ROWS HALF_OCTAVE_ROWS(fi_icdf64)
#define TOP_FIRST_FIELD (1024 - TOP_ROWS / 2)

static inline int all_near64(vd q2)
{
    return FI_NEAR64 >= TOP_ROWS || !vd_any_less(q2, vd_set(2.0 / (double)(1ull << FI_NEAR64 / 2 % 64)));
}

static inline vd icdf_quotient64(vd q2)
{
    return half_octave_polynomial(fi_icdf64[0], TOP_ROWS, TOP_FIRST_FIELD, q2, all_near64(q2));
}

/* -log(s) / (1 - s), from s2 = 2 s in [2^-55, 2). */
static inline vd log_quotient64(vd s2)
{
    return half_octave_polynomial(fi_log64[0], TOP_ROWS, TOP_FIRST_FIELD, s2, all_near64(s2));
}

/* x / sqrt(l) where P(|Z| > x) = exp(-l), l >= 1/2; constant beyond the last row. */
static inline vd tail_quotient64(vd l)
{
    const int rows = HALF_OCTAVE_ROWS(fi_tail64);
    return half_octave_polynomial(fi_tail64[0], rows, 1022, l, FI_NEAR64 >= rows);
}
