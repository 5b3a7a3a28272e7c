/* The vocabulary in AVX-512 (F, BW, DQ, VL): 16 words, 16 floats or 8 doubles. See simd/README.md. */
#ifndef __AVX512DQ__
#error "compile this file with the AVX-512 flags of setup.py"
#endif
#include <immintrin.h>
#include <stddef.h>
#include <string.h>

#include "../kernels/inline.h"
#include "../kernels/philox.h"

#define FI_ISA avx512
#define FI_LANES 16
#define FI_VECS 8    /* vectors of words that are made at once */
#define FI_PACK 4    /* vectors that a kernel maps in step */
#define FI_FLIGHT 8  /* the same, while as many words are made beside */
#define FI_BESIDE 1
#define FI_ROUNDS_BEGUN 1
#define FI_NEAR32 16 /* octaves that vf_lookup_near reaches: one permutation of a register */
#define FI_MIDDLE32 32 /* one of two registers */
#define FI_FAR32 8
#define FI_NEAR64 16 /* half octaves that vd_lookup_near reaches */
#define FI_MIDDLE64 32
#define FI_FMA 1
#define FI_TILE_ROWS 12    /* of a product's tile: as many sums as registers hold */
#define FI_TILE_VECTORS 2 /* in a row of it */
#define FI_TILE_STEPS 2   /* of k in one turn of its loop */

typedef __m512i vu;
typedef __m512 vf;
typedef __m512d vd;
typedef __mmask16 vfm;
typedef __mmask8 vdm;
typedef struct {
    vu round[PHILOX_ROUNDS];
    philox_schedule schedule;
    uint64_t stream;
} vkey;
typedef struct {
    vu products, mix, x[FI_VECS];
} vwords;

/* One operation a line, as in a table. */
/* clang-format off */

/* bits */
static inline vu vu_set32(uint32_t x) { return _mm512_set1_epi32((int)x); }
static inline vu vu_set64(uint64_t x) { return _mm512_set1_epi64((long long)x); }
static inline vu vu_load(const uint32_t *p) { return _mm512_loadu_si512(p); }
static inline void vu_store(uint32_t *p, vu x) { _mm512_storeu_si512(p, x); }
static inline vu vu_and(vu a, vu b) { return _mm512_and_si512(a, b); }
static inline vu vu_andnot(vu a, vu b) { return _mm512_andnot_si512(a, b); }
static inline vu vu_merge(vu x, vu mask, vu bits) { return _mm512_ternarylogic_epi32(x, mask, bits, 0xEA); }
static inline vu vu_shr32(vu x, int n) { return _mm512_srli_epi32(x, (unsigned)n); }
static inline vu vu_shr64(vu x, int n) { return _mm512_srli_epi64(x, (unsigned)n); }
static inline vu vu_sub64(vu a, vu b) { return _mm512_sub_epi64(a, b); }
static inline vu vu_add64(vu a, vu b) { return _mm512_add_epi64(a, b); }
static inline vu vu_sub32(vu a, vu b) { return _mm512_sub_epi32(a, b); }
static inline vu vu_add32(vu a, vu b) { return _mm512_add_epi32(a, b); }
static inline vu vu_shl32(vu x, int n) { return _mm512_slli_epi32(x, (unsigned)n); }
static inline vu vu_shl64(vu x, int n) { return _mm512_slli_epi64(x, (unsigned)n); }
static inline vf vu_as_f32(vu x) { return _mm512_castsi512_ps(x); }
static inline vd vu_as_f64(vu x) { return _mm512_castsi512_pd(x); }

/* float32 */
static inline vf vf_set(float x) { return _mm512_set1_ps(x); }
static inline vu vf_bits(vf x) { return _mm512_castps_si512(x); }
static inline vf vf_from_i32(vu x) { return _mm512_cvtepi32_ps(x); }
static inline vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vf_load_across(const float *p, ptrdiff_t row, vf x[16])
{
    /* Within 128-bit lanes first: q[i + c] holds columns c, c + 4, c + 8, c + 12 of rows i to i + 3. */
    vf q[16];
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4, p += 4 * row) {
        const vf a = vf_load(p), b = vf_load(p + row), c = vf_load(p + 2 * row), d = vf_load(p + 3 * row);
        const vd ab = _mm512_castps_pd(_mm512_unpacklo_ps(a, b)), cd = _mm512_castps_pd(_mm512_unpacklo_ps(c, d));
        const vd ab2 = _mm512_castps_pd(_mm512_unpackhi_ps(a, b)), cd2 = _mm512_castps_pd(_mm512_unpackhi_ps(c, d));
        q[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd));
        q[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd));
        q[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab2, cd2));
        q[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab2, cd2));
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        const vf top = _mm512_shuffle_f32x4(q[c], q[4 + c], 0x88), top2 = _mm512_shuffle_f32x4(q[c], q[4 + c], 0xDD);
        const vf low = _mm512_shuffle_f32x4(q[8 + c], q[12 + c], 0x88);
        const vf low2 = _mm512_shuffle_f32x4(q[8 + c], q[12 + c], 0xDD);
        x[c] = _mm512_shuffle_f32x4(top, low, 0x88);
        x[4 + c] = _mm512_shuffle_f32x4(top2, low2, 0x88);
        x[8 + c] = _mm512_shuffle_f32x4(top, low, 0xDD);
        x[12 + c] = _mm512_shuffle_f32x4(top2, low2, 0xDD);
    }
}
static inline vf vf_held(vf x) { __asm__("" : "+v"(x)); return x; }
static inline void vf_kept(vf x) { __asm__ volatile("" : : "v"(x)); }
static inline vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
static inline vf vf_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
static inline vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf vf_abs(vf x) { return vu_as_f32(vu_and(vf_bits(x), vu_set32(0x7FFFFFFFu))); }
static inline vfm vf_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline vf vf_select(vfm m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); }
static inline vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf vf_sqrt(vf x) { return _mm512_sqrt_ps(x); }
static inline vf vf_flip_sign(vf x, vu s)
{
    vu r = _mm512_ternarylogic_epi32(vf_bits(x), s, vu_set32(0x80000000u), 0x78);
    return vu_as_f32(r);
}
static inline void vf_swap(vf *a, vf *b, int distance)
{
    const vu lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const vu d = vu_set32((uint32_t)distance);
    const __mmask16 odd = _mm512_test_epi32_mask(lane, d);
    /* An index of 16 and more is a lane of b. */
    const vu low = _mm512_mask_add_epi32(lane, odd, lane, _mm512_sub_epi32(vu_set32(16), d));
    const vu high = _mm512_mask_add_epi32(_mm512_add_epi32(lane, d), odd, lane, vu_set32(16));
    const vf x = _mm512_permutex2var_ps(*a, low, *b);
    *b = _mm512_permutex2var_ps(*a, high, *b);
    *a = x;
}
static inline int vf_any_less(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ) != 0; }
static inline int vf_all_less(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ) == 0xFFFF; }
static inline vf vf_lookup(const float row[32], vu index)
{
    return _mm512_permutex2var_ps(_mm512_loadu_ps(row), index, _mm512_loadu_ps(row + 16));
}
static inline vf vf_lookup_near(const float row[32], vu index)
{
    return _mm512_permutexvar_ps(index, _mm512_loadu_ps(row + 16));
}
static inline vf vf_lookup_middle(const float row[32], vu index) { return vf_lookup(row, index); }
static inline void vf_store(float *p, vf x) { _mm512_storeu_ps(p, x); }
static inline void vf_store_part(float *p, vf x, int n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), x); }
static inline void vf_store_f16(uint16_t *p, vf x)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
static inline void vf_store_bf16(uint16_t *p, vf x)
{
    /* Not VCVTNEPS2BF16: it flushes subnormals whatever the mode says. */
    vu b = vf_bits(x), odd = vu_and(vu_shr32(b, 16), vu_set32(1));
    vu r = vu_shr32(_mm512_add_epi32(b, _mm512_add_epi32(odd, vu_set32(0x7FFF))), 16);
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(r));
}

/* float64 */
static inline vd vd_set(double x) { return _mm512_set1_pd(x); }
static inline vu vd_bits(vd x) { return _mm512_castpd_si512(x); }
static inline vd vd_load(const double *p) { return _mm512_loadu_pd(p); }
static inline void vd_load_across(const double *p, ptrdiff_t row, vd x[8])
{
    /* As for float32: q[i + c] holds columns c, c + 2, c + 4, c + 6 of rows i and i + 1. */
    vd q[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2, p += 2 * row) {
        const vd a = vd_load(p), b = vd_load(p + row);
        q[i] = _mm512_unpacklo_pd(a, b);
        q[i + 1] = _mm512_unpackhi_pd(a, b);
    }
#pragma GCC unroll 2
    for (int c = 0; c < 2; c++) {
        const vd top = _mm512_shuffle_f64x2(q[c], q[2 + c], 0x88), top2 = _mm512_shuffle_f64x2(q[c], q[2 + c], 0xDD);
        const vd low = _mm512_shuffle_f64x2(q[4 + c], q[6 + c], 0x88);
        const vd low2 = _mm512_shuffle_f64x2(q[4 + c], q[6 + c], 0xDD);
        x[c] = _mm512_shuffle_f64x2(top, low, 0x88);
        x[2 + c] = _mm512_shuffle_f64x2(top2, low2, 0x88);
        x[4 + c] = _mm512_shuffle_f64x2(top, low, 0xDD);
        x[6 + c] = _mm512_shuffle_f64x2(top2, low2, 0xDD);
    }
}
static inline vd vd_held(vd x) { __asm__("" : "+v"(x)); return x; }
static inline void vd_kept(vd x) { __asm__ volatile("" : : "v"(x)); }
static inline vd vd_sub(vd a, vd b) { return _mm512_sub_pd(a, b); }
static inline vd vd_add(vd a, vd b) { return _mm512_add_pd(a, b); }
static inline vd vd_mul(vd a, vd b) { return _mm512_mul_pd(a, b); }
static inline vd vd_fma(vd a, vd b, vd c) { return _mm512_fmadd_pd(a, b, c); }
static inline vd vd_fnma(vd a, vd b, vd c) { return _mm512_fnmadd_pd(a, b, c); }
static inline vd vd_div(vd a, vd b) { return _mm512_div_pd(a, b); }
static inline vd vd_abs(vd x) { return vu_as_f64(vu_and(vd_bits(x), vu_set64(0x7FFFFFFFFFFFFFFFu))); }
static inline vdm vd_lt(vd a, vd b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
static inline vd vd_select(vdm m, vd a, vd b) { return _mm512_mask_blend_pd(m, b, a); }
static inline vd vd_min(vd a, vd b) { return _mm512_min_pd(a, b); }
static inline vd vd_max(vd a, vd b) { return _mm512_max_pd(a, b); }
static inline vd vd_sqrt(vd x) { return _mm512_sqrt_pd(x); }
static inline vd vd_flip_sign(vd x, vu s)
{
    vu r = _mm512_ternarylogic_epi64(vd_bits(x), s, vu_set64(0x8000000000000000u), 0x78);
    return vu_as_f64(r);
}
static inline void vd_swap(vd *a, vd *b, int distance)
{
    const vu lane = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0), d = vu_set64((uint64_t)distance);
    const __mmask8 odd = _mm512_test_epi64_mask(lane, d);
    const vu low = _mm512_mask_add_epi64(lane, odd, lane, _mm512_sub_epi64(vu_set64(8), d));
    const vu high = _mm512_mask_add_epi64(_mm512_add_epi64(lane, d), odd, lane, vu_set64(8));
    const vd x = _mm512_permutex2var_pd(*a, low, *b);
    *b = _mm512_permutex2var_pd(*a, high, *b);
    *a = x;
}
static inline int vd_any_less(vd a, vd b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ) != 0; }
static inline int vd_all_less(vd a, vd b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ) == 0xFF; }
static inline void vd_lookup_pair(const double *table, vu offset, vd *first, vd *second)
{
    *first = _mm512_i64gather_pd(offset, table, 8);
    *second = _mm512_i64gather_pd(offset, table + 1, 8);
}
static inline vd vd_lookup_near(const double *last16, vu index)
{
    return _mm512_permutex2var_pd(_mm512_loadu_pd(last16), index, _mm512_loadu_pd(last16 + 8));
}
static inline vd vd_lookup_middle(const double *last32, vu index)
{
    const __mmask8 first = _mm512_testn_epi64_mask(index, _mm512_set1_epi64(16));
    return _mm512_mask_blend_pd(first, vd_lookup_near(last32 + 16, index), vd_lookup_near(last32, index));
}
static inline void vd_store(double *p, vd x) { _mm512_storeu_pd(p, x); }
static inline void vd_store_part(double *p, vd x, int n) { _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1), x); }
static inline vd vd_from_u32_low(vu x) { return _mm512_cvtepu32_pd(_mm512_castsi512_si256(x)); }
static inline vd vd_from_u32_high(vu x) { return _mm512_cvtepu32_pd(_mm512_extracti64x4_epi64(x, 1)); }
static inline vd vd_from_f32_low(vf x) { return _mm512_cvtps_pd(_mm512_castps512_ps256(x)); }
static inline vd vd_from_f32_high(vf x) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1)); }
static inline vf vf_from_f64(vd low, vd high)
{
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1);
}

/* Philox with whole blocks in 128-bit lanes, kept as (c0, c3, c2, c1): one multiply gives both products
 * in place, one merge-masked three-way exclusive or does all the mixing, one shuffle the permutation. */
static inline vkey v_key(uint64_t key, uint64_t stream)
{
    vkey k;
    k.stream = stream;
    k.schedule = philox_round_keys(key);
    for (int r = 0; r < PHILOX_ROUNDS; r++) /* even words take no key */
        k.round[r] = _mm512_broadcast_i32x4(_mm_set_epi32((int)k.schedule.k0[r], 0, (int)k.schedule.k1[r], 0));
    return k;
}

/* Round 0 multiplies consecutive numbers: the products are sums. */
static inline void v_words_at(uint64_t block, const vkey *key, vwords *w)
{
    const __mmask8 upper_lanes = 0xAA;
    const uint64_t product0 = (uint64_t)PHILOX_M0 * (uint32_t)block;
    const uint64_t product1 = (uint64_t)PHILOX_M1 * (uint32_t)key->stream;
    const vu c1_and_c3 = _mm512_mask_set1_epi64(_mm512_set1_epi64((long long)(key->stream & 0xFFFFFFFF00000000u)),
                                                upper_lanes, (long long)(block & 0xFFFFFFFF00000000u));
    w->products = _mm512_mask_set1_epi64(_mm512_set1_epi64((long long)product0), upper_lanes, (long long)product1);
    w->mix = _mm512_xor_si512(c1_and_c3, key->round[0]);
}
FI_ALWAYS_INLINE void v_words_begin(vwords *w, int n)
{
    const long long step = (long long)PHILOX_M0;
#pragma GCC unroll 8
    for (int j = 0; j < n; j++) {
        const long long first = 4 * j * step;
        const vu numbers = _mm512_set_epi64(0, first + 3 * step, 0, first + 2 * step, 0, first + step, 0, first);
        w->x[j] = _mm512_shuffle_epi32(_mm512_xor_si512(_mm512_add_epi64(w->products, numbers), w->mix), 0x93);
    }
    w->products = _mm512_add_epi64(w->products, _mm512_mask_set1_epi64(_mm512_set1_epi64(4 * n * step), 0xAA, 0));
}
FI_ALWAYS_INLINE void v_words_round(vwords *w, const vkey *key, int r, int n)
{
    const vu m = _mm512_mask_set1_epi64(_mm512_set1_epi64((long long)PHILOX_M0), 0xAA, (long long)PHILOX_M1);
    const vu k = key->round[r];
#pragma GCC unroll 8
    for (int j = 0; j < n; j++) {
        vu p = _mm512_mul_epu32(w->x[j], m);
        p = _mm512_mask_ternarylogic_epi32(p, 0xAAAA, w->x[j], k, 0x96);
        w->x[j] = r < PHILOX_ROUNDS - 1 ? _mm512_shuffle_epi32(p, 0x93) : _mm512_shuffle_epi32(p, 0x1B);
    }
}
FI_ALWAYS_INLINE void v_words_end(const vwords *w, vu *out, int n)
{
#pragma GCC unroll 8
    for (int j = 0; j < n; j++)
        out[j] = w->x[j];
}
