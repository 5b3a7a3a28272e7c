/* The vocabulary in Advanced SIMD of aarch64: 4 words, 4 floats or 2 doubles. See simd/README.md. */
#ifndef __aarch64__
#error "compile this file for aarch64"
#endif
#include <arm_neon.h>
#include <stddef.h>

#include "../kernels/inline.h"
#include "../kernels/philox.h"

#define FI_ISA neon
#define FI_LANES 4
#define FI_VECS 8     /* eight blocks of Philox in flight hide the latency of the multiply */
#define FI_PACK 4
#define FI_FLIGHT 4
#define FI_BESIDE 1
#define FI_ROUNDS_BEGUN 0
#define FI_NEAR32 8   /* two registers: a table look-up in four takes twice as long and more */
#define FI_MIDDLE32 16 /* four registers */
#define FI_FAR32 4
#define FI_NEAR64 0 /* four registers hold too few doubles to be worth it */
#define FI_FMA 1
#define FI_TILE_ROWS 8    /* of a product's tile: as many sums as registers hold */
#define FI_TILE_VECTORS 3 /* in a row of it */
#define FI_TILE_STEPS 2   /* of k in one turn of its loop */

typedef uint32x4_t vu;
typedef float32x4_t vf;
typedef float64x2_t vd;
typedef uint32x4_t vfm;
typedef uint64x2_t vdm;
typedef struct {
    vu k0[PHILOX_ROUNDS], k1[PHILOX_ROUNDS];
    uint64_t stream;
} vkey;
typedef struct {
    uint64_t stream;
    vu blocks, c0[FI_VECS / 4], c1[FI_VECS / 4], c2[FI_VECS / 4], c3[FI_VECS / 4];
} vwords;

/* One operation a line, as in a table. */
/* clang-format off */

/* bits; the shifts are the compiler's own, because the intrinsics demand a literal */
static inline vu vu_of64(uint64x2_t x) { return vreinterpretq_u32_u64(x); }
static inline uint64x2_t vu_as64(vu x) { return vreinterpretq_u64_u32(x); }
static inline vu vu_set32(uint32_t x) { return vdupq_n_u32(x); }
static inline vu vu_set64(uint64_t x) { return vu_of64(vdupq_n_u64(x)); }
static inline vu vu_load(const uint32_t *p) { return vld1q_u32(p); }
static inline void vu_store(uint32_t *p, vu x) { vst1q_u32(p, x); }
static inline vu vu_and(vu a, vu b) { return vandq_u32(a, b); }
static inline vu vu_andnot(vu a, vu b) { return vbicq_u32(b, a); }
static inline vu vu_merge(vu x, vu mask, vu bits) { return vorrq_u32(vandq_u32(x, mask), bits); }
static inline vu vu_shr32(vu x, int n) { return x >> n; }
static inline vu vu_shr64(vu x, int n) { return vu_of64(vu_as64(x) >> n); }
static inline vu vu_sub64(vu a, vu b) { return vu_of64(vsubq_u64(vu_as64(a), vu_as64(b))); }
static inline vu vu_add64(vu a, vu b) { return vu_of64(vaddq_u64(vu_as64(a), vu_as64(b))); }
static inline vu vu_sub32(vu a, vu b) { return vsubq_u32(a, b); }
static inline vu vu_add32(vu a, vu b) { return vaddq_u32(a, b); }
static inline vu vu_shl32(vu x, int n) { return x << n; }
static inline vu vu_shl64(vu x, int n) { return vu_of64(vu_as64(x) << n); }
static inline vf vu_as_f32(vu x) { return vreinterpretq_f32_u32(x); }
static inline vd vu_as_f64(vu x) { return vreinterpretq_f64_u32(x); }

/* float32; FMIN and FMAX treat NaN and signed zeros otherwise, hence compare and select */
static inline vf vf_set(float x) { return vdupq_n_f32(x); }
static inline vu vf_bits(vf x) { return vreinterpretq_u32_f32(x); }
static inline vf vf_from_i32(vu x) { return vcvtq_f32_s32(vreinterpretq_s32_u32(x)); }
static inline vf vf_load(const float *p) { return vld1q_f32(p); }
static inline void vf_load_across(const float *p, ptrdiff_t row, vf x[4])
{
    const vf a = vf_load(p), b = vf_load(p + row), c = vf_load(p + 2 * row), d = vf_load(p + 3 * row);
    const vd ab = vreinterpretq_f64_f32(vtrn1q_f32(a, b)), cd = vreinterpretq_f64_f32(vtrn1q_f32(c, d));
    const vd ab2 = vreinterpretq_f64_f32(vtrn2q_f32(a, b)), cd2 = vreinterpretq_f64_f32(vtrn2q_f32(c, d));
    x[0] = vreinterpretq_f32_f64(vtrn1q_f64(ab, cd));
    x[1] = vreinterpretq_f32_f64(vtrn1q_f64(ab2, cd2));
    x[2] = vreinterpretq_f32_f64(vtrn2q_f64(ab, cd));
    x[3] = vreinterpretq_f32_f64(vtrn2q_f64(ab2, cd2));
}
static inline vf vf_held(vf x) { __asm__("" : "+w"(x)); return x; }
static inline void vf_kept(vf x) { __asm__ volatile("" : : "w"(x)); }
static inline vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
static inline vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
static inline vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
static inline vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
static inline vf vf_fnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }
static inline vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
static inline vf vf_abs(vf x) { return vabsq_f32(x); }
static inline vfm vf_lt(vf a, vf b) { return vcltq_f32(a, b); }
static inline vf vf_select(vfm m, vf a, vf b) { return vbslq_f32(m, a, b); }
static inline vf vf_min(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
static inline vf vf_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
static inline vf vf_sqrt(vf x) { return vsqrtq_f32(x); }
static inline vf vf_flip_sign(vf x, vu s)
{
    return vu_as_f32(veorq_u32(vf_bits(x), vu_and(s, vu_set32(0x80000000u))));
}
static inline void vf_swap(vf *a, vf *b, int distance)
{
    const vf x = *a, y = *b;
    if (distance == 1) {
        *a = vtrn1q_f32(x, y);
        *b = vtrn2q_f32(x, y);
    } else {
        *a = vcombine_f32(vget_low_f32(x), vget_low_f32(y));
        *b = vcombine_f32(vget_high_f32(x), vget_high_f32(y));
    }
}
static inline int vf_any_less(vf a, vf b) { return vmaxvq_u32(vcltq_f32(a, b)) != 0; }
static inline int vf_all_less(vf a, vf b) { return vminvq_u32(vcltq_f32(a, b)) != 0; }
static inline vf vf_lookup(const float row[32], vu index)
{
    const vu i = vu_and(index, vu_set32(31));
    vf r = vld1q_dup_f32(row + vgetq_lane_u32(i, 0));
    r = vld1q_lane_f32(row + vgetq_lane_u32(i, 1), r, 1);
    r = vld1q_lane_f32(row + vgetq_lane_u32(i, 2), r, 2);
    return vld1q_lane_f32(row + vgetq_lane_u32(i, 3), r, 3);
}
static inline vf vf_lookup_near(const float row[32], vu index)
{
    /* TBL moves bytes: those of entry i are 4 i + (0, 1, 2, 3). */
    const vu bytes = vmlaq_u32(vu_set32(0x03020100), vu_and(index, vu_set32(7)), vu_set32(0x04040404));
    const uint8x16x2_t last8 = {{vreinterpretq_u8_f32(vld1q_f32(row + 24)), vreinterpretq_u8_f32(vld1q_f32(row + 28))}};
    return vreinterpretq_f32_u8(vqtbl2q_u8(last8, vreinterpretq_u8_u32(bytes)));
}
static inline vf vf_lookup_middle(const float row[32], vu index)
{
    const vu bytes = vmlaq_u32(vu_set32(0x03020100), vu_and(index, vu_set32(15)), vu_set32(0x04040404));
    const uint8x16x4_t last16 = {{vreinterpretq_u8_f32(vld1q_f32(row + 16)), vreinterpretq_u8_f32(vld1q_f32(row + 20)),
                                  vreinterpretq_u8_f32(vld1q_f32(row + 24)), vreinterpretq_u8_f32(vld1q_f32(row + 28))}};
    return vreinterpretq_f32_u8(vqtbl4q_u8(last16, vreinterpretq_u8_u32(bytes)));
}
static inline void vf_store(float *p, vf x) { vst1q_f32(p, x); }
static inline void vf_store_part(float *p, vf x, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = x[i];
}
static inline void vf_store_f16(uint16_t *p, vf x) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(x))); }
static inline void vf_store_bf16(uint16_t *p, vf x)
{
    vu b = vf_bits(x), odd = vu_and(vu_shr32(b, 16), vu_set32(1));
    vst1_u16(p, vaddhn_u32(b, vaddq_u32(odd, vu_set32(0x7FFF)))); /* the sum's upper halves */
}

/* float64 */
static inline vd vd_set(double x) { return vdupq_n_f64(x); }
static inline vu vd_bits(vd x) { return vreinterpretq_u32_f64(x); }
static inline vd vd_load(const double *p) { return vld1q_f64(p); }
static inline void vd_load_across(const double *p, ptrdiff_t row, vd x[2])
{
    const vd a = vd_load(p), b = vd_load(p + row);
    x[0] = vtrn1q_f64(a, b);
    x[1] = vtrn2q_f64(a, b);
}
static inline vd vd_held(vd x) { __asm__("" : "+w"(x)); return x; }
static inline void vd_kept(vd x) { __asm__ volatile("" : : "w"(x)); }
static inline vd vd_sub(vd a, vd b) { return vsubq_f64(a, b); }
static inline vd vd_add(vd a, vd b) { return vaddq_f64(a, b); }
static inline vd vd_mul(vd a, vd b) { return vmulq_f64(a, b); }
static inline vd vd_fma(vd a, vd b, vd c) { return vfmaq_f64(c, a, b); }
static inline vd vd_fnma(vd a, vd b, vd c) { return vfmsq_f64(c, a, b); }
static inline vd vd_div(vd a, vd b) { return vdivq_f64(a, b); }
static inline vd vd_abs(vd x) { return vabsq_f64(x); }
static inline vdm vd_lt(vd a, vd b) { return vcltq_f64(a, b); }
static inline vd vd_select(vdm m, vd a, vd b) { return vbslq_f64(m, a, b); }
static inline vd vd_min(vd a, vd b) { return vbslq_f64(vcltq_f64(a, b), a, b); }
static inline vd vd_max(vd a, vd b) { return vbslq_f64(vcgtq_f64(a, b), a, b); }
static inline vd vd_sqrt(vd x) { return vsqrtq_f64(x); }
static inline vd vd_flip_sign(vd x, vu s)
{
    return vu_as_f64(veorq_u32(vd_bits(x), vu_and(s, vu_set64(0x8000000000000000u))));
}
static inline void vd_swap(vd *a, vd *b, int distance)
{
    const vd x = *a, y = *b;
    (void)distance; /* 1: there is no other */
    *a = vtrn1q_f64(x, y);
    *b = vtrn2q_f64(x, y);
}
static inline int vd_any_less(vd a, vd b) { return vmaxvq_u32(vu_of64(vcltq_f64(a, b))) != 0; }
static inline int vd_all_less(vd a, vd b) { return vminvq_u32(vu_of64(vcltq_f64(a, b))) != 0; }
static inline void vd_lookup_pair(const double *table, vu offset, vd *first, vd *second)
{
    const vd a = vld1q_f64(table + vgetq_lane_u64(vu_as64(offset), 0));
    const vd b = vld1q_f64(table + vgetq_lane_u64(vu_as64(offset), 1));
    *first = vtrn1q_f64(a, b);
    *second = vtrn2q_f64(a, b);
}
static inline void vd_store(double *p, vd x) { vst1q_f64(p, x); }
static inline void vd_store_part(double *p, vd x, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = x[i];
}
static inline vd vd_from_u32_low(vu x) { return vcvtq_f64_u64(vmovl_u32(vget_low_u32(x))); }
static inline vd vd_from_u32_high(vu x) { return vcvtq_f64_u64(vmovl_high_u32(x)); }
static inline vd vd_from_f32_low(vf x) { return vcvt_f64_f32(vget_low_f32(x)); }
static inline vd vd_from_f32_high(vf x) { return vcvt_high_f64_f32(x); }
static inline vf vf_from_f64(vd low, vd high) { return vcvt_high_f32_f64(vcvt_f32_f64(low), high); }

/* Philox with one word of four blocks in each register: a widening multiply makes the products of two
 * blocks, and an unzip parts those of four into high and low words. */
static inline vu vu_low_words(uint64x2_t a, uint64x2_t b) { return vuzp1q_u32(vu_of64(a), vu_of64(b)); }
static inline vu vu_high_words(uint64x2_t a, uint64x2_t b) { return vuzp2q_u32(vu_of64(a), vu_of64(b)); }
static inline vu vu_low_pairs(vu a, vu b) { return vu_of64(vzip1q_u64(vu_as64(a), vu_as64(b))); }
static inline vu vu_high_pairs(vu a, vu b) { return vu_of64(vzip2q_u64(vu_as64(a), vu_as64(b))); }

static inline vkey v_key(uint64_t key, uint64_t stream)
{
    philox_schedule s = philox_round_keys(key);
    vkey k;
    k.stream = stream;
    for (int r = 0; r < PHILOX_ROUNDS; r++) {
        k.k0[r] = vu_set32(s.k0[r]);
        k.k1[r] = vu_set32(s.k1[r]);
    }
    return k;
}

static inline void v_words_at(uint64_t block, const vkey *key, vwords *w)
{
    w->stream = key->stream;
    w->blocks = vu_of64(vcombine_u64(vcreate_u64(block), vcreate_u64(block + 1)));
}
FI_ALWAYS_INLINE void v_words_begin(vwords *w, int n)
{
    const vu two = vu_set64(2);
#pragma GCC unroll 2
    for (int g = 0; g < n / 4; g++) {
        const vu next = vu_add64(w->blocks, two);
        w->c0[g] = vu_low_words(vu_as64(w->blocks), vu_as64(next));
        w->c1[g] = vu_high_words(vu_as64(w->blocks), vu_as64(next));
        w->c2[g] = vu_set32((uint32_t)w->stream);
        w->c3[g] = vu_set32((uint32_t)(w->stream >> 32));
        w->blocks = vu_add64(next, two);
    }
}
FI_ALWAYS_INLINE void v_words_round(vwords *w, const vkey *key, int r, int n)
{
    const vu m0 = vu_set32(PHILOX_M0), m1 = vu_set32(PHILOX_M1), k0 = key->k0[r], k1 = key->k1[r];
#pragma GCC unroll 2
    for (int g = 0; g < n / 4; g++) {
        const vu c0 = w->c0[g], c2 = w->c2[g];
        const uint64x2_t p0 = vmull_u32(vget_low_u32(c0), vget_low_u32(m0)), q0 = vmull_high_u32(c0, m0);
        const uint64x2_t p1 = vmull_u32(vget_low_u32(c2), vget_low_u32(m1)), q1 = vmull_high_u32(c2, m1);
        w->c0[g] = veorq_u32(vu_high_words(p1, q1), veorq_u32(w->c1[g], k0));
        w->c2[g] = veorq_u32(vu_high_words(p0, q0), veorq_u32(w->c3[g], k1));
        w->c1[g] = vu_low_words(p1, q1);
        w->c3[g] = vu_low_words(p0, q0);
    }
}
FI_ALWAYS_INLINE void v_words_end(const vwords *w, vu *out, int n)
{
#pragma GCC unroll 2
    for (int g = 0; g < n / 4; g++) { /* transposed: the words of one block after the other */
        const vu a = vzip1q_u32(w->c0[g], w->c1[g]), b = vzip1q_u32(w->c2[g], w->c3[g]);
        const vu c = vzip2q_u32(w->c0[g], w->c1[g]), d = vzip2q_u32(w->c2[g], w->c3[g]);
        out[4 * g] = vu_low_pairs(a, b);
        out[4 * g + 1] = vu_high_pairs(a, b);
        out[4 * g + 2] = vu_low_pairs(c, d);
        out[4 * g + 3] = vu_high_pairs(c, d);
    }
}
