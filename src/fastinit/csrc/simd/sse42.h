/* The vocabulary in SSE4.2, for machines without AVX2, FMA and F16C: 4 words, 4 floats or 2 doubles. The fma is
 * exact all the same: see below, and simd/README.md. */
#ifndef __SSE4_2__
#error "compile this file with the SSE4.2 flags of setup.py"
#endif
#include <nmmintrin.h>
#include <stddef.h>
#include <string.h>

#include "../kernels/inline.h"
#include "../kernels/philox.h"
#include "fma.h"

#define FI_ISA sse42
#define FI_LANES 4
#define FI_VECS 8
#define FI_PACK 2
#define FI_FLIGHT 2
#define FI_BESIDE 0 /* twice the code, and its emulated fma is most of the time anyway */
#define FI_ROUNDS_BEGUN 2
#define FI_NEAR32 32 /* every look-up is four loads: all octaves are near */
#define FI_MIDDLE32 32
#define FI_FAR32 2
#define FI_NEAR64 0
#define FI_FMA 0
#define FI_TILE_ROWS 4    /* of a product's tile */
#define FI_TILE_VECTORS 2 /* in a row of it */
#define FI_TILE_STEPS 1   /* of k in one turn of its loop: a fma is long enough */

typedef __m128i vu;
typedef __m128 vf;
typedef __m128d vd;
typedef __m128 vfm;
typedef __m128d vdm;
typedef struct {
    vu k0[PHILOX_ROUNDS], k1[PHILOX_ROUNDS];
    philox_schedule schedule;
    uint64_t stream;
} vkey;
typedef struct {
    vu number, c0_mix, c2_mix, c3_mix, c3_last;
    vu c0[FI_VECS / 2], c1[FI_VECS / 2], c2[FI_VECS / 2], c3[FI_VECS / 2];
} vwords;

/* One operation a line, as in a table. */
/* clang-format off */

/* bits */
static inline vu vu_set32(uint32_t x) { return _mm_set1_epi32((int)x); }
static inline vu vu_set64(uint64_t x) { return _mm_set1_epi64x((long long)x); }
static inline vu vu_load(const uint32_t *p) { return _mm_loadu_si128((const __m128i *)p); }
static inline void vu_store(uint32_t *p, vu x) { _mm_storeu_si128((__m128i *)p, x); }
static inline vu vu_and(vu a, vu b) { return _mm_and_si128(a, b); }
static inline vu vu_andnot(vu a, vu b) { return _mm_andnot_si128(a, b); }
static inline vu vu_merge(vu x, vu mask, vu bits) { return _mm_or_si128(_mm_and_si128(x, mask), bits); }
static inline vu vu_shr32(vu x, int n) { return _mm_srli_epi32(x, n); }
static inline vu vu_shr64(vu x, int n) { return _mm_srli_epi64(x, n); }
static inline vu vu_sub64(vu a, vu b) { return _mm_sub_epi64(a, b); }
static inline vu vu_add64(vu a, vu b) { return _mm_add_epi64(a, b); }
static inline vu vu_sub32(vu a, vu b) { return _mm_sub_epi32(a, b); }
static inline vu vu_add32(vu a, vu b) { return _mm_add_epi32(a, b); }
static inline vu vu_shl32(vu x, int n) { return _mm_slli_epi32(x, n); }
static inline vu vu_shl64(vu x, int n) { return _mm_slli_epi64(x, n); }
static inline vf vu_as_f32(vu x) { return _mm_castsi128_ps(x); }
static inline vd vu_as_f64(vu x) { return _mm_castsi128_pd(x); }

/* float64 */
static inline vd vd_set(double x) { return _mm_set1_pd(x); }
static inline vu vd_bits(vd x) { return _mm_castpd_si128(x); }
static inline vd vd_load(const double *p) { return _mm_loadu_pd(p); }
static inline void vd_load_across(const double *p, ptrdiff_t row, vd x[2])
{
    const vd a = vd_load(p), b = vd_load(p + row);
    x[0] = _mm_unpacklo_pd(a, b);
    x[1] = _mm_unpackhi_pd(a, b);
}
static inline vd vd_held(vd x) { __asm__("" : "+x"(x)); return x; }
static inline void vd_kept(vd x) { __asm__ volatile("" : : "x"(x)); }
static inline vd vd_sub(vd a, vd b) { return _mm_sub_pd(a, b); }
static inline vd vd_add(vd a, vd b) { return _mm_add_pd(a, b); }
static inline vd vd_mul(vd a, vd b) { return _mm_mul_pd(a, b); }
static inline vd vd_div(vd a, vd b) { return _mm_div_pd(a, b); }
static inline vd vd_abs(vd x) { return _mm_and_pd(x, vu_as_f64(vu_set64(0x7FFFFFFFFFFFFFFFu))); }
static inline vdm vd_lt(vd a, vd b) { return _mm_cmplt_pd(a, b); }
static inline vd vd_select(vdm m, vd a, vd b) { return _mm_blendv_pd(b, a, m); }
static inline vd vd_min(vd a, vd b) { return _mm_min_pd(a, b); }
static inline vd vd_max(vd a, vd b) { return _mm_max_pd(a, b); }
static inline vd vd_sqrt(vd x) { return _mm_sqrt_pd(x); }
static inline vd vd_flip_sign(vd x, vu s)
{
    return _mm_xor_pd(x, vu_as_f64(vu_and(s, vu_set64(0x8000000000000000u))));
}
static inline void vd_swap(vd *a, vd *b, int distance)
{
    const vd x = *a, y = *b;
    (void)distance; /* 1: there is no other */
    *a = _mm_unpacklo_pd(x, y);
    *b = _mm_unpackhi_pd(x, y);
}
static inline int vd_any_less(vd a, vd b) { return _mm_movemask_pd(_mm_cmplt_pd(a, b)) != 0; }
static inline int vd_all_less(vd a, vd b) { return _mm_movemask_pd(_mm_cmplt_pd(a, b)) == 3; }
static inline void vd_lookup_pair(const double *table, vu offset, vd *first, vd *second)
{
    const vd a = vd_load(table + _mm_cvtsi128_si64(offset)), b = vd_load(table + _mm_extract_epi64(offset, 1));
    *first = _mm_unpacklo_pd(a, b);
    *second = _mm_unpackhi_pd(a, b);
}
static inline void vd_store(double *p, vd x) { _mm_storeu_pd(p, x); }
static inline void vd_store_part(double *p, vd x, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = x[i];
}
static inline vd vd_from_u32_half(vu x)
{
    /* The word becomes the low mantissa bits of 2^52 + word. */
    return vd_sub(vu_as_f64(_mm_or_si128(_mm_cvtepu32_epi64(x), vu_set64(0x4330000000000000u))), vd_set(0x1p52));
}
static inline vd vd_from_u32_low(vu x) { return vd_from_u32_half(x); }
static inline vd vd_from_u32_high(vu x) { return vd_from_u32_half(_mm_unpackhi_epi64(x, x)); }
static inline vd vd_from_f32_low(vf x) { return _mm_cvtps_pd(x); }
static inline vd vd_from_f32_high(vf x) { return _mm_cvtps_pd(_mm_movehl_ps(x, x)); }
static inline vf vf_from_f64(vd low, vd high) { return _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high)); }

/* Where a sum cannot be represented, round it to odd: to that neighbour whose last bit is set. A second rounding to
 * at least two bits less is then correct (Boldo and Melquiond, 2008). A NaN stays one. */
static inline vd vd_to_odd(vd sum, vd error)
{
    const vu inexact = vd_bits(_mm_cmpneq_pd(error, vd_set(0.0)));
    const vu even = vu_and(vu_andnot(vd_bits(sum), vu_set64(1)), inexact);
    const vd away = vu_as_f64(vu_add64(vd_bits(sum), even)), towards = vu_as_f64(vu_sub64(vd_bits(sum), even));
    return _mm_blendv_pd(away, towards, _mm_xor_pd(error, sum));
}
/* What a + b is more than their rounded sum: exact, or a NaN if that is not finite (Knuth). */
static inline vd vd_sum_error(vd a, vd b, vd sum)
{
    const vd back = vd_sub(sum, a);
    return vd_add(vd_sub(a, vd_sub(sum, back)), vd_sub(b, back));
}

/* fma in float64. With p + e = a b (Dekker, after a split of either factor into 26 bits each by rounding its mantissa
 * as an integer) and s + t = p + c, all exact, the result is s + t + e rounded once. If t is not 0, then s is at least
 * p / 2, and t + e is so much smaller that it may be rounded to odd before. Lanes where e might have lost bits below
 * the least subnormal are computed in integers, and so are those where a product may overflow or a NaN tells of an infinity. */
static __attribute__((noinline, cold)) vd vd_fma_rare(vd a, vd b, vd c)
{
    for (int i = 0; i < 2; i++)
        c[i] = fma_exact64(a[i], b[i], c[i]);
    return c;
}
static inline vd vd_upper_half(vd x)
{
    return vu_as_f64(vu_and(vu_add64(vd_bits(x), vu_set64(0x4000000u)), vu_set64(0xFFFFFFFFF8000000u)));
}
static inline vd vd_fma(vd a, vd b, vd c)
{
    const vd p = vd_mul(a, b), s = vd_add(p, c), t = vd_sum_error(p, c, s);
    if (_mm_movemask_pd(_mm_and_pd(_mm_cmpeq_pd(c, vd_set(0.0)), _mm_cmpneq_pd(p, c))) == 3)
        return s; /* the product, such as of uniform values around 0; one that underflowed keeps its sign elsewhere */
    const vd a_high = vd_upper_half(a), b_high = vd_upper_half(b), a_low = vd_sub(a, a_high), b_low = vd_sub(b, b_high);
    const vd first = vd_add(vd_sub(vd_mul(a_high, b_high), p), vd_mul(a_high, b_low));
    const vd e = vd_add(vd_add(first, vd_mul(a_low, b_high)), vd_mul(a_low, b_low));
    const vd v = vd_add(t, e), r = vd_add(s, vd_to_odd(v, vd_sum_error(t, e, v)));
    const vd size = vd_abs(p), in_range = _mm_and_pd(_mm_cmplt_pd(vd_set(0x1p-900), size), _mm_cmplt_pd(size, vd_set(0x1p900)));
    if (__builtin_expect(_mm_movemask_pd(_mm_and_pd(in_range, _mm_cmpord_pd(r, r))) != 3, 0))
        return vd_fma_rare(a, b, c);
    return r;
}
static inline vd vd_fnma(vd a, vd b, vd c) { return vd_fma(vd_flip_sign(a, vu_set64(0x8000000000000000u)), b, c); }

/* float32 */
static inline vf vf_set(float x) { return _mm_set1_ps(x); }
static inline vu vf_bits(vf x) { return _mm_castps_si128(x); }
static inline vf vf_from_i32(vu x) { return _mm_cvtepi32_ps(x); }
static inline vf vf_load(const float *p) { return _mm_loadu_ps(p); }
static inline void vf_load_across(const float *p, ptrdiff_t row, vf x[4])
{
    const vf a = vf_load(p), b = vf_load(p + row), c = vf_load(p + 2 * row), d = vf_load(p + 3 * row);
    const vf ab = _mm_unpacklo_ps(a, b), cd = _mm_unpacklo_ps(c, d);
    const vf ab2 = _mm_unpackhi_ps(a, b), cd2 = _mm_unpackhi_ps(c, d);
    x[0] = _mm_movelh_ps(ab, cd);
    x[1] = _mm_movehl_ps(cd, ab);
    x[2] = _mm_movelh_ps(ab2, cd2);
    x[3] = _mm_movehl_ps(cd2, ab2);
}
static inline vf vf_held(vf x) { __asm__("" : "+x"(x)); return x; }
static inline void vf_kept(vf x) { __asm__ volatile("" : : "x"(x)); }
static inline vf vf_add(vf a, vf b) { return _mm_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm_mul_ps(a, b); }
static inline vf vf_div(vf a, vf b) { return _mm_div_ps(a, b); }
static inline vf vf_abs(vf x) { return _mm_and_ps(x, vu_as_f32(vu_set32(0x7FFFFFFFu))); }

/* fma in float32. The product is exact in float64. The sum is rounded there and then again to float32, which is
 * wrong only where the first rounding led to the middle between two floats: those lie in float64 too, so that no
 * rounding passes by one. In the middle, the mantissa ends with a one and 28 zeros; where the result is subnormal,
 * with less, so that all such results are suspected. Suspected sums are rounded to odd first, if they are inexact.
 *
 * Of numbers with few bits, such as those that come from float16, many sums lie in the middle, exactly. They are
 * known by a product of at most 27 bits that is not the sum itself. It is at least 2^-26 of the sum, or could not have
 * moved it to the middle, and the addend is at least 2^-28 of it, or would not have moved it from the product: no bit
 * of either is below the 53 of the sum. */
static inline vd vd_add_to_odd(vd p, vd c)
{
    const vd sum = vd_add(p, c), error = vd_sum_error(p, c, sum);
    return vd_to_odd(sum, _mm_and_pd(error, _mm_cmpord_pd(error, error))); /* that of an infinity counts as 0 */
}
static __attribute__((noinline, cold)) vf vf_fma_rare(vd p_low, vd p_high, vd c_low, vd c_high)
{
    return vf_from_f64(vd_add_to_odd(p_low, c_low), vd_add_to_odd(p_high, c_high));
}
/* For each half all ones where the sum is exact: the greater summand leaves exactly the other one then, and if it
 * does, the sum is exact. */
static inline vu vd_exact_sum(vd p, vd c, vd sum)
{
    const vd rest = _mm_or_pd(_mm_xor_pd(vd_sub(sum, p), c), _mm_xor_pd(vd_sub(sum, c), p));
    return _mm_cmpeq_epi64(vd_bits(rest), vu_set32(0));
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    const vd p_low = vd_mul(vd_from_f32_low(a), vd_from_f32_low(b)), c_low = vd_from_f32_low(c);
    const vd p_high = vd_mul(vd_from_f32_high(a), vd_from_f32_high(b)), c_high = vd_from_f32_high(c);
    const vd low = vd_add(p_low, c_low), high = vd_add(p_high, c_high);
    const vf r = vf_from_f64(low, high);
    const vu ends = vf_bits(_mm_shuffle_ps(_mm_castpd_ps(low), _mm_castpd_ps(high), 0x88));
    const vu products = vf_bits(_mm_shuffle_ps(_mm_castpd_ps(p_low), _mm_castpd_ps(p_high), 0x88));
    const vu middle = _mm_cmpeq_epi32(vu_shl32(ends, 3), vu_set32(0x80000000u));
    const vu few_bits = _mm_cmpeq_epi32(vu_shl32(products, 6), vu_set32(0));
    const vu known = vu_andnot(_mm_cmpeq_epi32(ends, products), few_bits);
    const vu small = vf_bits(_mm_cmple_ps(vf_abs(r), vf_set(0x1p-126f)));
    const vu suspected = _mm_or_si128(vu_andnot(known, middle), small);
    if (__builtin_expect(_mm_movemask_ps(vu_as_f32(suspected)) != 0, 0)) {
        const vf exact = _mm_shuffle_ps(vu_as_f32(vd_exact_sum(p_low, c_low, low)),
                                        vu_as_f32(vd_exact_sum(p_high, c_high, high)), 0x88);
        if (!_mm_testc_si128(vf_bits(exact), suspected))
            return vf_fma_rare(p_low, p_high, c_low, c_high);
    }
    return r;
}
static inline vf vf_fnma(vf a, vf b, vf c) { return vf_fma(_mm_xor_ps(a, vf_set(-0.0f)), b, c); }

static inline vfm vf_lt(vf a, vf b) { return _mm_cmplt_ps(a, b); }
static inline vf vf_select(vfm m, vf a, vf b) { return _mm_blendv_ps(b, a, m); }
static inline vf vf_min(vf a, vf b) { return _mm_min_ps(a, b); }
static inline vf vf_max(vf a, vf b) { return _mm_max_ps(a, b); }
static inline vf vf_sqrt(vf x) { return _mm_sqrt_ps(x); }
static inline vf vf_flip_sign(vf x, vu s)
{
    return _mm_xor_ps(x, vu_as_f32(vu_and(s, vu_set32(0x80000000u))));
}
static inline void vf_swap(vf *a, vf *b, int distance)
{
    const vf x = *a, y = *b;
    if (distance == 1) {
        *a = _mm_blend_ps(x, _mm_moveldup_ps(y), 0xA);
        *b = _mm_blend_ps(_mm_movehdup_ps(x), y, 0xA);
    } else {
        *a = _mm_movelh_ps(x, y);
        *b = _mm_movehl_ps(y, x);
    }
}
static inline int vf_any_less(vf a, vf b) { return _mm_movemask_ps(_mm_cmplt_ps(a, b)) != 0; }
static inline int vf_all_less(vf a, vf b) { return _mm_movemask_ps(_mm_cmplt_ps(a, b)) == 0xF; }
static inline vf vf_lookup(const float row[32], vu index)
{
    const vu i = vu_and(index, vu_set32(31));
    const uint64_t low = (uint64_t)_mm_cvtsi128_si64(i), high = (uint64_t)_mm_extract_epi64(i, 1);
    const vf a = _mm_unpacklo_ps(_mm_load_ss(row + (uint32_t)low), _mm_load_ss(row + (low >> 32)));
    const vf b = _mm_unpacklo_ps(_mm_load_ss(row + (uint32_t)high), _mm_load_ss(row + (high >> 32)));
    return _mm_movelh_ps(a, b);
}
static inline vf vf_lookup_near(const float row[32], vu index) { return vf_lookup(row, index); }
static inline vf vf_lookup_middle(const float row[32], vu index) { return vf_lookup(row, index); }
static inline void vf_store(float *p, vf x) { _mm_storeu_ps(p, x); }
static inline void vf_store_part(float *p, vf x, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = x[i];
}
static inline void vf_store_f16(uint16_t *p, vf x)
{
    const vu b = vf_bits(x), magnitude = vu_and(b, vu_set32(0x7FFFFFFFu)), sign = vu_and(vu_shr32(b, 16), vu_set32(0x8000));
    /* Adding 1/2 rounds at a subnormal half's last place, 2^-24. */
    const vu tiny = vu_sub32(vf_bits(vf_add(vu_as_f32(magnitude), vf_set(0.5f))), vu_set32(0x3F000000));
    const vu odd = vu_and(vu_shr32(magnitude, 13), vu_set32(1));
    const vu normal = vu_shr32(vu_add32(vu_add32(magnitude, odd), vu_set32(0x0FFFu - (112u << 23))), 13);
    const vu is_nan = _mm_cmpgt_epi32(magnitude, vu_set32(0x7F800000));
    const vu huge = vu_merge(is_nan, vu_set32(0x0200), vu_set32(0x7C00));
    const vu finite = _mm_blendv_epi8(normal, tiny, _mm_cmplt_epi32(magnitude, vu_set32(0x38800000)));
    const vu half = _mm_blendv_epi8(finite, huge, _mm_cmpgt_epi32(magnitude, vu_set32(0x477FEFFF))); /* 65504 and more */
    const vu whole = _mm_or_si128(half, sign);
    _mm_storel_epi64((__m128i *)p, _mm_packus_epi32(whole, whole));
}
static inline void vf_store_bf16(uint16_t *p, vf x)
{
    const vu b = vf_bits(x), odd = vu_and(vu_shr32(b, 16), vu_set32(1));
    const vu r = vu_shr32(vu_add32(b, vu_add32(odd, vu_set32(0x7FFF))), 16);
    _mm_storel_epi64((__m128i *)p, _mm_packus_epi32(r, r));
}

/* Philox with one word of two blocks in each register, in the low halves of 64-bit lanes. The high halves hold
 * garbage, which neither the multiply nor the final blend looks at. */
static inline vkey v_key(uint64_t key, uint64_t stream)
{
    vkey k;
    k.stream = stream;
    k.schedule = philox_round_keys(key);
    for (int r = 0; r < PHILOX_ROUNDS; r++) {
        k.k0[r] = vu_set64(k.schedule.k0[r]);
        k.k1[r] = vu_set64(k.schedule.k1[r]);
    }
    return k;
}

/* In the first two rounds half of the words are the same in all blocks: those are scalars here. */
static inline void v_words_at(uint64_t block, const vkey *key, vwords *w)
{
    const philox_schedule *k = &key->schedule;
    const uint32_t upper = (uint32_t)(block >> 32);
    const uint64_t a = (uint64_t)PHILOX_M1 * (uint32_t)key->stream; /* round 0: c2's product */
    const uint64_t b = (uint64_t)PHILOX_M0 * ((uint32_t)(a >> 32) ^ upper ^ k->k0[0]); /* round 1: c0's */
    w->c2_mix = vu_set64((key->stream >> 32) ^ k->k1[0]);
    w->c0_mix = vu_set64((uint32_t)a ^ k->k0[1]);
    w->c3_mix = vu_set64((b >> 32) ^ k->k1[1]);
    w->c3_last = vu_set64((uint32_t)b ^ k->k1[2]);
    w->number = vu_add64(vu_set64(block), _mm_set_epi64x(1, 0));
}
FI_ALWAYS_INLINE void v_words_begin(vwords *w, int n)
{
#pragma GCC unroll 4
    for (int g = 0; g < n / 2; g++) {
        const vu p = _mm_mul_epu32(w->number, vu_set64(PHILOX_M0));                                     /* round 0 */
        w->c1[g] = _mm_mul_epu32(_mm_xor_si128(vu_shr64(p, 32), w->c2_mix), vu_set64(PHILOX_M1)); /* round 1 */
        w->c0[g] = _mm_xor_si128(vu_shr64(w->c1[g], 32), w->c0_mix);
        w->c2[g] = _mm_xor_si128(p, w->c3_mix);
        w->number = vu_add64(w->number, vu_set64(2));
    }
}
FI_ALWAYS_INLINE void v_words_round(vwords *w, const vkey *key, int r, int n)
{
    const vu m0 = vu_set64(PHILOX_M0), m1 = vu_set64(PHILOX_M1);
#pragma GCC unroll 4
    for (int g = 0; g < n / 2; g++) {
        const vu p0 = _mm_mul_epu32(w->c0[g], m0), p1 = _mm_mul_epu32(w->c2[g], m1);
        const vu c3 = r == FI_ROUNDS_BEGUN ? w->c3_last : _mm_xor_si128(w->c3[g], key->k1[r]);
        w->c0[g] = _mm_xor_si128(vu_shr64(p1, 32), _mm_xor_si128(w->c1[g], key->k0[r]));
        w->c2[g] = _mm_xor_si128(vu_shr64(p0, 32), c3);
        w->c1[g] = p1;
        w->c3[g] = p0;
    }
}
FI_ALWAYS_INLINE void v_words_end(const vwords *w, vu *out, int n)
{
#pragma GCC unroll 4
    for (int g = 0; g < n / 2; g++) {
        const vu low = _mm_blend_epi16(w->c0[g], vu_shl64(w->c1[g], 32), 0xCC);
        const vu high = _mm_blend_epi16(w->c2[g], vu_shl64(w->c3[g], 32), 0xCC);
        out[2 * g] = _mm_unpacklo_epi64(low, high);
        out[2 * g + 1] = _mm_unpackhi_epi64(low, high);
    }
}
