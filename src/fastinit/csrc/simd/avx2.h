/* The vocabulary in AVX2 with FMA and F16C: 8 words, 8 floats or 4 doubles. See simd/README.md. */
#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "compile this file with the AVX2 flags of setup.py"
#endif
#include <immintrin.h>
#include <stddef.h>
#include <string.h>

#include "../kernels/inline.h"
#include "../kernels/philox.h"

#define FI_ISA avx2
#define FI_LANES 8
#define FI_VECS 8
#define FI_PACK 4
#define FI_FLIGHT 4
#define FI_BESIDE 1
#define FI_ROUNDS_BEGUN 1
#define FI_NEAR32 8
#define FI_MIDDLE32 16
#define FI_FAR32 2
#define FI_NEAR64 0 /* no permutation of doubles is wide enough to be faster than loads */
#define FI_FMA 1
#define FI_TILE_ROWS 6    /* of a product's tile: as many sums as registers hold */
#define FI_TILE_VECTORS 2 /* in a row of it */
#define FI_TILE_STEPS 4   /* of k in one turn of its loop */

typedef __m256i vu;
typedef __m256 vf;
typedef __m256d vd;
typedef __m256 vfm;
typedef __m256d vdm;
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
static inline vu vu_set32(uint32_t x) { return _mm256_set1_epi32((int)x); }
static inline vu vu_set64(uint64_t x) { return _mm256_set1_epi64x((long long)x); }
static inline vu vu_load(const uint32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline void vu_store(uint32_t *p, vu x) { _mm256_storeu_si256((__m256i *)p, x); }
static inline vu vu_and(vu a, vu b) { return _mm256_and_si256(a, b); }
static inline vu vu_andnot(vu a, vu b) { return _mm256_andnot_si256(a, b); }
static inline vu vu_merge(vu x, vu mask, vu bits) { return _mm256_or_si256(_mm256_and_si256(x, mask), bits); }
static inline vu vu_shr32(vu x, int n) { return _mm256_srli_epi32(x, n); }
static inline vu vu_shr64(vu x, int n) { return _mm256_srli_epi64(x, n); }
static inline vu vu_sub64(vu a, vu b) { return _mm256_sub_epi64(a, b); }
static inline vu vu_add64(vu a, vu b) { return _mm256_add_epi64(a, b); }
static inline vu vu_sub32(vu a, vu b) { return _mm256_sub_epi32(a, b); }
static inline vu vu_add32(vu a, vu b) { return _mm256_add_epi32(a, b); }
static inline vu vu_shl32(vu x, int n) { return _mm256_slli_epi32(x, n); }
static inline vu vu_shl64(vu x, int n) { return _mm256_slli_epi64(x, n); }
static inline vf vu_as_f32(vu x) { return _mm256_castsi256_ps(x); }
static inline vd vu_as_f64(vu x) { return _mm256_castsi256_pd(x); }

/* float32 */
static inline vf vf_set(float x) { return _mm256_set1_ps(x); }
static inline vu vf_bits(vf x) { return _mm256_castps_si256(x); }
static inline vf vf_from_i32(vu x) { return _mm256_cvtepi32_ps(x); }
static inline vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
/* An upper half that comes from memory costs no permutation. */
static inline vf vf_load_halves(const float *low, const float *high)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
}
static inline void vf_load_across(const float *p, ptrdiff_t row, vf x[8])
{
#pragma GCC unroll 2
    for (int k = 0; k < 8; k += 4, p += 4) {
        const vf a = vf_load_halves(p, p + 4 * row), b = vf_load_halves(p + row, p + 5 * row);
        const vf c = vf_load_halves(p + 2 * row, p + 6 * row), d = vf_load_halves(p + 3 * row, p + 7 * row);
        const vd ab = _mm256_castps_pd(_mm256_unpacklo_ps(a, b)), cd = _mm256_castps_pd(_mm256_unpacklo_ps(c, d));
        const vd ab2 = _mm256_castps_pd(_mm256_unpackhi_ps(a, b)), cd2 = _mm256_castps_pd(_mm256_unpackhi_ps(c, d));
        x[k] = _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd));
        x[k + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd));
        x[k + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(ab2, cd2));
        x[k + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(ab2, cd2));
    }
}
static inline vf vf_held(vf x) { __asm__("" : "+x"(x)); return x; }
static inline void vf_kept(vf x) { __asm__ volatile("" : : "x"(x)); }
static inline vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static inline vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static inline vf vf_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
static inline vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
static inline vf vf_abs(vf x) { return vu_as_f32(vu_and(vf_bits(x), vu_set32(0x7FFFFFFFu))); }
static inline vfm vf_lt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
static inline vf vf_select(vfm m, vf a, vf b) { return _mm256_blendv_ps(b, a, m); }
static inline vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
static inline vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vf vf_sqrt(vf x) { return _mm256_sqrt_ps(x); }
static inline vf vf_flip_sign(vf x, vu s)
{
    return _mm256_xor_ps(x, vu_as_f32(vu_and(s, vu_set32(0x80000000u))));
}
static inline void vf_swap(vf *a, vf *b, int distance)
{
    const vf x = *a, y = *b;
    if (distance == 1) {
        *a = _mm256_blend_ps(x, _mm256_moveldup_ps(y), 0xAA);
        *b = _mm256_blend_ps(_mm256_movehdup_ps(x), y, 0xAA);
    } else if (distance == 2) {
        *a = _mm256_shuffle_ps(x, y, 0x44);
        *b = _mm256_shuffle_ps(x, y, 0xEE);
    } else {
        *a = _mm256_permute2f128_ps(x, y, 0x20);
        *b = _mm256_permute2f128_ps(x, y, 0x31);
    }
}
static inline int vf_any_less(vf a, vf b) { return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ)) != 0; }
static inline int vf_all_less(vf a, vf b) { return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ)) == 0xFF; }
static inline vf vf_lookup(const float row[32], vu index)
{
    return _mm256_i32gather_ps(row, vu_and(index, vu_set32(31)), 4);
}
static inline vf vf_lookup_near(const float row[32], vu index)
{
    /* Zen 3 permutes what is in a register twice as fast as what it has to load first. */
    return _mm256_permutevar8x32_ps(vf_held(vf_load(row + 24)), index);
}
static inline vf vf_lookup_middle(const float row[32], vu index)
{
    const vf first = _mm256_permutevar8x32_ps(vf_held(vf_load(row + 16)), index);
    return _mm256_blendv_ps(first, vf_lookup_near(row, index), vu_as_f32(vu_shl32(index, 28)));
}
static inline void vf_store(float *p, vf x) { _mm256_storeu_ps(p, x); }
static inline void vf_store_part(float *p, vf x, int n)
{
    _mm256_maskstore_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0)), x);
}
static inline void vf_store_f16(uint16_t *p, vf x)
{
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
static inline void vf_store_bf16(uint16_t *p, vf x)
{
    vu b = vf_bits(x), odd = vu_and(vu_shr32(b, 16), vu_set32(1));
    vu r = vu_shr32(_mm256_add_epi32(b, _mm256_add_epi32(odd, vu_set32(0x7FFF))), 16);
    __m128i packed = _mm_packus_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1));
    _mm_storeu_si128((__m128i *)p, packed);
}

/* float64 */
static inline vd vd_set(double x) { return _mm256_set1_pd(x); }
static inline vu vd_bits(vd x) { return _mm256_castpd_si256(x); }
static inline vd vd_load(const double *p) { return _mm256_loadu_pd(p); }
static inline vd vd_load_halves(const double *low, const double *high)
{
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(low)), _mm_loadu_pd(high), 1);
}
static inline void vd_load_across(const double *p, ptrdiff_t row, vd x[4])
{
#pragma GCC unroll 2
    for (int k = 0; k < 4; k += 2, p += 2) {
        const vd a = vd_load_halves(p, p + 2 * row), b = vd_load_halves(p + row, p + 3 * row);
        x[k] = _mm256_unpacklo_pd(a, b);
        x[k + 1] = _mm256_unpackhi_pd(a, b);
    }
}
static inline vd vd_held(vd x) { __asm__("" : "+x"(x)); return x; }
static inline void vd_kept(vd x) { __asm__ volatile("" : : "x"(x)); }
static inline vd vd_sub(vd a, vd b) { return _mm256_sub_pd(a, b); }
static inline vd vd_add(vd a, vd b) { return _mm256_add_pd(a, b); }
static inline vd vd_mul(vd a, vd b) { return _mm256_mul_pd(a, b); }
static inline vd vd_fma(vd a, vd b, vd c) { return _mm256_fmadd_pd(a, b, c); }
static inline vd vd_fnma(vd a, vd b, vd c) { return _mm256_fnmadd_pd(a, b, c); }
static inline vd vd_div(vd a, vd b) { return _mm256_div_pd(a, b); }
static inline vd vd_abs(vd x) { return vu_as_f64(vu_and(vd_bits(x), vu_set64(0x7FFFFFFFFFFFFFFFu))); }
static inline vdm vd_lt(vd a, vd b) { return _mm256_cmp_pd(a, b, _CMP_LT_OQ); }
static inline vd vd_select(vdm m, vd a, vd b) { return _mm256_blendv_pd(b, a, m); }
static inline vd vd_min(vd a, vd b) { return _mm256_min_pd(a, b); }
static inline vd vd_max(vd a, vd b) { return _mm256_max_pd(a, b); }
static inline vd vd_sqrt(vd x) { return _mm256_sqrt_pd(x); }
static inline vd vd_flip_sign(vd x, vu s)
{
    return _mm256_xor_pd(x, vu_as_f64(vu_and(s, vu_set64(0x8000000000000000u))));
}
static inline void vd_swap(vd *a, vd *b, int distance)
{
    const vd x = *a, y = *b;
    *a = distance == 1 ? _mm256_unpacklo_pd(x, y) : _mm256_permute2f128_pd(x, y, 0x20);
    *b = distance == 1 ? _mm256_unpackhi_pd(x, y) : _mm256_permute2f128_pd(x, y, 0x31);
}
static inline int vd_any_less(vd a, vd b) { return _mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_LT_OQ)) != 0; }
static inline int vd_all_less(vd a, vd b) { return _mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_LT_OQ)) == 0xF; }
static inline __m256d vd_two_halves(const double *low, const double *high)
{
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(low)), _mm_loadu_pd(high), 1);
}
static inline void vd_lookup_pair(const double *table, vu offset, vd *first, vd *second)
{
    /* Not gathers, which take as long as all that and their lanes' loads one by one. */
    const __m128i low = _mm256_castsi256_si128(offset), high = _mm256_extracti128_si256(offset, 1);
    const vd a = vd_two_halves(table + _mm_cvtsi128_si64(low), table + _mm_cvtsi128_si64(high));
    const vd b = vd_two_halves(table + _mm_extract_epi64(low, 1), table + _mm_extract_epi64(high, 1));
    *first = _mm256_unpacklo_pd(a, b);
    *second = _mm256_unpackhi_pd(a, b);
}
static inline void vd_store(double *p, vd x) { _mm256_storeu_pd(p, x); }
static inline void vd_store_part(double *p, vd x, int n)
{
    _mm256_maskstore_pd(p, _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_set_epi64x(3, 2, 1, 0)), x);
}
static inline vd vd_from_u32_half(__m128i x)
{
    /* The word becomes the low mantissa bits of 2^52 + word. */
    vu biased = _mm256_or_si256(_mm256_cvtepu32_epi64(x), vu_set64(0x4330000000000000u));
    return vd_sub(vu_as_f64(biased), vd_set(0x1p52));
}
static inline vd vd_from_u32_low(vu x) { return vd_from_u32_half(_mm256_castsi256_si128(x)); }
static inline vd vd_from_u32_high(vu x) { return vd_from_u32_half(_mm256_extracti128_si256(x, 1)); }
static inline vd vd_from_f32_low(vf x) { return _mm256_cvtps_pd(_mm256_castps256_ps128(x)); }
static inline vd vd_from_f32_high(vf x) { return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)); }
static inline vf vf_from_f64(vd low, vd high)
{
    return _mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low));
}

/* Philox with whole blocks in 128-bit lanes, kept as (c0, c3, c2, c1): one multiply gives both products in place, and
 * one shuffle permutes. */
static inline vu vu_of_halves(uint64_t low, uint64_t high)
{
    return _mm256_set_epi64x((long long)high, (long long)low, (long long)high, (long long)low);
}
static inline vkey v_key(uint64_t key, uint64_t stream)
{
    vkey k;
    k.stream = stream;
    k.schedule = philox_round_keys(key);
    for (int r = 0; r < PHILOX_ROUNDS; r++) /* even words take no key */
        k.round[r] = vu_of_halves((uint64_t)k.schedule.k1[r] << 32, (uint64_t)k.schedule.k0[r] << 32);
    return k;
}

/* Round 0 multiplies consecutive numbers: the products are sums. */
static inline void v_words_at(uint64_t block, const vkey *key, vwords *w)
{
    const uint64_t product0 = (uint64_t)PHILOX_M0 * (uint32_t)block, product1 = (uint64_t)PHILOX_M1 * (uint32_t)key->stream;
    w->products = _mm256_set_epi64x((long long)product1, (long long)(product0 + PHILOX_M0), (long long)product1, (long long)product0);
    w->mix = _mm256_xor_si256(vu_of_halves(key->stream & 0xFFFFFFFF00000000u, block & 0xFFFFFFFF00000000u), key->round[0]);
}
FI_ALWAYS_INLINE void v_words_begin(vwords *w, int n)
{
#pragma GCC unroll 8
    for (int i = 0; i < n; i++) {
        w->x[i] = _mm256_shuffle_epi32(_mm256_xor_si256(w->products, w->mix), 0x93);
        w->products = vu_add64(w->products, vu_of_halves(2 * (uint64_t)PHILOX_M0, 0));
    }
}
FI_ALWAYS_INLINE void v_words_round(vwords *w, const vkey *key, int r, int n)
{
    const vu m = vu_of_halves(PHILOX_M0, PHILOX_M1);
#pragma GCC unroll 8
    for (int i = 0; i < n; i++) {
        const vu p = _mm256_mul_epu32(w->x[i], m);
        const vu odd = _mm256_blend_epi32(_mm256_setzero_si256(), w->x[i], 0xAA);
        const vu mixed = _mm256_xor_si256(p, _mm256_xor_si256(odd, key->round[r]));
        w->x[i] = r < PHILOX_ROUNDS - 1 ? _mm256_shuffle_epi32(mixed, 0x93) : _mm256_shuffle_epi32(mixed, 0x1B);
    }
}
FI_ALWAYS_INLINE void v_words_end(const vwords *w, vu *out, int n)
{
#pragma GCC unroll 8
    for (int i = 0; i < n; i++)
        out[i] = w->x[i];
}
