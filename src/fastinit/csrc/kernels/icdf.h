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
#include "../tables.h"

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

static inline void half_octave_polynomial(const double *table, int rows, int first_field, const vd x[FI_PACK],
                                          vd value[FI_PACK], int near)
{
    const int last = HALF_OCTAVE_DEGREE;
    vu row[FI_PACK];
    vd t[FI_PACK], r[FI_PACK];
    EACH row[i] = vu_sub64(vu_shr64(vd_bits(x[i]), 51), vu_set64(2u * (unsigned)first_field));
    EACH t[i] = vu_as_f64(vu_merge(vd_bits(x[i]), vu_set64(0x0007FFFFFFFFFFFFu), vu_set64(0x3FF0000000000000u)));
    EACH t[i] = vd_sub(t[i], vd_set(1.25));
    if (near) {
        const double *end = table + rows - (FI_NEAR64 < rows ? FI_NEAR64 : rows);
        EACH r[i] = vd_lookup_near(end + last * rows, row[i]);
#pragma GCC unroll 16
        for (int j = last - 1; j >= 0; j--)
            EACH r[i] = vd_fma(r[i], t[i], vd_lookup_near(end + j * rows, row[i]));
    } else {
        EACH r[i] = vd_lookup(table + last * rows, row[i]);
        for (int j = last - 1; j >= 0; j--)
            EACH r[i] = vd_fma(r[i], t[i], vd_lookup(table + j * rows, row[i]));
    }
    EACH value[i] = r[i];
}

/* For icdf64 and log64, x = 2 q or 2 s in [2^-55, 2). */
#define TOP_ROWS HALF_OCTAVE_ROWS(fi_icdf64)
#define TOP_FIRST_FIELD (1024 - TOP_ROWS / 2)

static inline void top_polynomial(const double *table, const vd x[FI_PACK], vd value[FI_PACK])
{
    int far = 0;
    if (FI_NEAR64 < TOP_ROWS)
        EACH far |= vd_any_less(x[i], vd_set(2.0 / (double)(1ull << FI_NEAR64 / 2 % 64)));
    half_octave_polynomial(table, TOP_ROWS, TOP_FIRST_FIELD, x, value, !far);
}

/* z / (1 - q) */
static inline void icdf_quotient64(const vd q2[FI_PACK], vd value[FI_PACK])
{
    top_polynomial(fi_icdf64[0], q2, value);
}

/* -log(s) / (1 - s) */
static inline void log_quotient64(const vd s2[FI_PACK], vd value[FI_PACK])
{
    top_polynomial(fi_log64[0], s2, value);
}

/* x / sqrt(l) where P(|Z| > x) = exp(-l), l >= 1/2 */
static inline void tail_quotient64(const vd l[FI_PACK], vd value[FI_PACK])
{
    const int rows = HALF_OCTAVE_ROWS(fi_tail64);
    half_octave_polynomial(fi_tail64[0], rows, 1022, l, value, FI_NEAR64 >= rows);
}
