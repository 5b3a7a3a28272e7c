/* The vocabulary in plain C: 4 words, 4 floats or 2 doubles in arrays. See simd/README.md.
 *
 * This is the path of machines without FMA instructions, so it brings an exact fma of its own. Slow is
 * fine here, other bits are not.
 */
#include <stddef.h>
#include <string.h>

#include "../kernels/inline.h"
#include "../kernels/philox.h"
#include "fma.h"

#define FI_ISA scalar
#define FI_LANES 4
#define FI_VECS 4
#define FI_PACK 1
#define FI_FLIGHT 1
#define FI_BESIDE 1
#define FI_ROUNDS_BEGUN 0
#define FI_NEAR32 32 /* every look-up is an array access: all octaves are near */
#define FI_MIDDLE32 32
#define FI_FAR32 1
#define FI_NEAR64 0
#define FI_FMA 0
#define FI_TILE_ROWS 4    /* of a product's tile: as many sums as registers hold */
#define FI_TILE_VECTORS 1 /* in a row of it */
#define FI_TILE_STEPS 1   /* of k in one turn of its loop: a fma is long enough */

typedef struct {
    uint32_t w[4];
} vu;
typedef struct {
    float f[4];
} vf;
typedef struct {
    double d[2];
} vd;
typedef vu vfm;
typedef vu vdm;
typedef struct {
    philox_schedule schedule;
    uint64_t stream;
} vkey;
typedef struct {
    uint64_t block, stream;
    vu x[FI_VECS];
} vwords;

#define EACH32 for (int i = 0; i < 4; i++)
#define EACH64 for (int i = 0; i < 2; i++)

/* One operation a line, as in a table. */
/* clang-format off */

/* bits */
static inline vu vu_set32(uint32_t x) { vu r; EACH32 r.w[i] = x; return r; }
static inline vu vu_set64(uint64_t x)
{
    uint64_t both[2] = {x, x};
    vu r;
    memcpy(&r, both, sizeof r);
    return r;
}
static inline vu vu_load(const uint32_t *p) { vu r; memcpy(&r, p, sizeof r); return r; }
static inline void vu_store(uint32_t *p, vu x) { memcpy(p, &x, sizeof x); }
static inline vu vu_and(vu a, vu b) { EACH32 a.w[i] &= b.w[i]; return a; }
static inline vu vu_andnot(vu a, vu b) { EACH32 a.w[i] = ~a.w[i] & b.w[i]; return a; }
static inline vu vu_merge(vu x, vu mask, vu bits) { EACH32 x.w[i] = (x.w[i] & mask.w[i]) | bits.w[i]; return x; }
static inline vu vu_shr32(vu x, int n) { EACH32 x.w[i] >>= n; return x; }
static inline uint64_t vu_lane64(vu x, int i) { return (uint64_t)x.w[2 * i + 1] << 32 | x.w[2 * i]; }
static inline vu vu_from64(uint64_t a, uint64_t b)
{
    vu r = {{(uint32_t)a, (uint32_t)(a >> 32), (uint32_t)b, (uint32_t)(b >> 32)}};
    return r;
}
static inline vu vu_shr64(vu x, int n) { return vu_from64(vu_lane64(x, 0) >> n, vu_lane64(x, 1) >> n); }
static inline vu vu_sub64(vu a, vu b)
{
    return vu_from64(vu_lane64(a, 0) - vu_lane64(b, 0), vu_lane64(a, 1) - vu_lane64(b, 1));
}
static inline vu vu_add64(vu a, vu b)
{
    return vu_from64(vu_lane64(a, 0) + vu_lane64(b, 0), vu_lane64(a, 1) + vu_lane64(b, 1));
}
static inline vu vu_sub32(vu a, vu b) { EACH32 a.w[i] -= b.w[i]; return a; }
static inline vu vu_add32(vu a, vu b) { EACH32 a.w[i] += b.w[i]; return a; }
static inline vu vu_shl32(vu x, int n) { EACH32 x.w[i] <<= n; return x; }
static inline vu vu_shl64(vu x, int n) { return vu_from64(vu_lane64(x, 0) << n, vu_lane64(x, 1) << n); }
static inline vf vu_as_f32(vu x) { vf r; memcpy(&r, &x, sizeof r); return r; }
static inline vd vu_as_f64(vu x) { vd r; memcpy(&r, &x, sizeof r); return r; }

/* float32 */
static inline vf vf_set(float x) { vf r; EACH32 r.f[i] = x; return r; }
static inline vu vf_bits(vf x) { vu r; memcpy(&r, &x, sizeof r); return r; }
static inline vf vf_from_i32(vu x) { vf r; EACH32 r.f[i] = (float)(int32_t)x.w[i]; return r; }
static inline vf vf_load(const float *p) { vf r; memcpy(&r, p, sizeof r); return r; }
static inline void vf_load_across(const float *p, ptrdiff_t row, vf x[4])
{
    for (int k = 0; k < 4; k++)
        EACH32 x[k].f[i] = p[i * row + k];
}
static inline vf vf_held(vf x) { return x; }
static inline void vf_kept(vf x) { (void)x; }
static inline vf vf_add(vf a, vf b) { EACH32 a.f[i] += b.f[i]; return a; }
static inline vf vf_sub(vf a, vf b) { EACH32 a.f[i] -= b.f[i]; return a; }
static inline vf vf_mul(vf a, vf b) { EACH32 a.f[i] *= b.f[i]; return a; }
static inline vf vf_fma(vf a, vf b, vf c) { EACH32 a.f[i] = fma_exact32(a.f[i], b.f[i], c.f[i]); return a; }
static inline vf vf_fnma(vf a, vf b, vf c) { EACH32 a.f[i] = fma_exact32(-a.f[i], b.f[i], c.f[i]); return a; }
static inline vf vf_div(vf a, vf b) { EACH32 a.f[i] /= b.f[i]; return a; }
static inline vf vf_abs(vf x) { return vu_as_f32(vu_and(vf_bits(x), vu_set32(0x7FFFFFFFu))); }
static inline vfm vf_lt(vf a, vf b) { vfm m; EACH32 m.w[i] = a.f[i] < b.f[i]; return m; }
static inline vf vf_select(vfm m, vf a, vf b) { EACH32 a.f[i] = m.w[i] ? a.f[i] : b.f[i]; return a; }
static inline vf vf_min(vf a, vf b) { EACH32 a.f[i] = a.f[i] < b.f[i] ? a.f[i] : b.f[i]; return a; }
static inline vf vf_max(vf a, vf b) { EACH32 a.f[i] = a.f[i] > b.f[i] ? a.f[i] : b.f[i]; return a; }
static inline vf vf_sqrt(vf x) { EACH32 x.f[i] = __builtin_sqrtf(x.f[i]); return x; }
static inline vf vf_flip_sign(vf x, vu s)
{
    vu b = vf_bits(x);
    EACH32 b.w[i] ^= s.w[i] & 0x80000000u;
    return vu_as_f32(b);
}
static inline void vf_swap(vf *a, vf *b, int distance)
{
    for (int i = 0; i < 4; i++)
        if (i & distance) {
            const float x = a->f[i];
            a->f[i] = b->f[i - distance];
            b->f[i - distance] = x;
        }
}
static inline int vf_any_less(vf a, vf b) { int any = 0; EACH32 any |= a.f[i] < b.f[i]; return any; }
static inline int vf_all_less(vf a, vf b) { int all = 1; EACH32 all &= a.f[i] < b.f[i]; return all; }
static inline vf vf_lookup(const float row[32], vu index) { vf r; EACH32 r.f[i] = row[index.w[i] & 31]; return r; }
static inline vf vf_lookup_near(const float row[32], vu index) { return vf_lookup(row, index); }
static inline vf vf_lookup_middle(const float row[32], vu index) { return vf_lookup(row, index); }
static inline void vf_store(float *p, vf x) { memcpy(p, &x, sizeof x); }
static inline void vf_store_part(float *p, vf x, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = x.f[i];
}
static inline uint16_t half_from_float(float x)
{
    uint32_t b, sign, magnitude;
    memcpy(&b, &x, sizeof b);
    sign = b >> 16 & 0x8000u;
    magnitude = b & 0x7FFFFFFFu;
    if (magnitude < 0x38800000u) { /* subnormal half: adding 1/2 rounds at its last place, 2^-24 */
        float rounded;
        memcpy(&rounded, &magnitude, sizeof rounded);
        rounded += 0.5f;
        memcpy(&b, &rounded, sizeof b);
        return (uint16_t)(sign | (b - 0x3F000000u));
    }
    if (magnitude >= 0x477FF000u) /* rounds beyond 65504 */
        return (uint16_t)(sign | (magnitude > 0x7F800000u ? 0x7E00u : 0x7C00u));
    magnitude += 0x0FFFu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | (magnitude - (112u << 23)) >> 13);
}
static inline void vf_store_f16(uint16_t *p, vf x)
{
    uint16_t h[4];
    EACH32 h[i] = half_from_float(x.f[i]);
    memcpy(p, h, sizeof h);
}
static inline void vf_store_bf16(uint16_t *p, vf x)
{
    uint16_t h[4];
    vu b = vf_bits(x);
    EACH32 h[i] = (uint16_t)((b.w[i] + 0x7FFFu + (b.w[i] >> 16 & 1u)) >> 16);
    memcpy(p, h, sizeof h);
}

/* float64 */
static inline vd vd_set(double x) { vd r; EACH64 r.d[i] = x; return r; }
static inline vu vd_bits(vd x) { vu r; memcpy(&r, &x, sizeof r); return r; }
static inline vd vd_load(const double *p) { vd r; memcpy(&r, p, sizeof r); return r; }
static inline void vd_load_across(const double *p, ptrdiff_t row, vd x[2])
{
    for (int k = 0; k < 2; k++)
        EACH64 x[k].d[i] = p[i * row + k];
}
static inline vd vd_held(vd x) { return x; }
static inline void vd_kept(vd x) { (void)x; }
static inline vd vd_sub(vd a, vd b) { EACH64 a.d[i] -= b.d[i]; return a; }
static inline vd vd_add(vd a, vd b) { EACH64 a.d[i] += b.d[i]; return a; }
static inline vd vd_mul(vd a, vd b) { EACH64 a.d[i] *= b.d[i]; return a; }
static inline vd vd_fma(vd a, vd b, vd c) { EACH64 a.d[i] = fma_exact64(a.d[i], b.d[i], c.d[i]); return a; }
static inline vd vd_fnma(vd a, vd b, vd c) { EACH64 a.d[i] = fma_exact64(-a.d[i], b.d[i], c.d[i]); return a; }
static inline vd vd_div(vd a, vd b) { EACH64 a.d[i] /= b.d[i]; return a; }
static inline vd vd_abs(vd x) { return vu_as_f64(vu_and(vd_bits(x), vu_set64(0x7FFFFFFFFFFFFFFFu))); }
static inline vdm vd_lt(vd a, vd b) { vdm m = {{a.d[0] < b.d[0], 0, a.d[1] < b.d[1], 0}}; return m; }
static inline vd vd_select(vdm m, vd a, vd b) { EACH64 a.d[i] = m.w[2 * i] ? a.d[i] : b.d[i]; return a; }
static inline vd vd_min(vd a, vd b) { EACH64 a.d[i] = a.d[i] < b.d[i] ? a.d[i] : b.d[i]; return a; }
static inline vd vd_max(vd a, vd b) { EACH64 a.d[i] = a.d[i] > b.d[i] ? a.d[i] : b.d[i]; return a; }
static inline vd vd_sqrt(vd x) { EACH64 x.d[i] = __builtin_sqrt(x.d[i]); return x; }
static inline vd vd_flip_sign(vd x, vu s)
{
    vu b = vd_bits(x);
    EACH64 b.w[2 * i + 1] ^= s.w[2 * i + 1] & 0x80000000u;
    return vu_as_f64(b);
}
static inline void vd_swap(vd *a, vd *b, int distance)
{
    const double x = a->d[1];
    (void)distance; /* 1: there is no other */
    a->d[1] = b->d[0];
    b->d[0] = x;
}
static inline int vd_any_less(vd a, vd b) { int any = 0; EACH64 any |= a.d[i] < b.d[i]; return any; }
static inline int vd_all_less(vd a, vd b) { int all = 1; EACH64 all &= a.d[i] < b.d[i]; return all; }
static inline void vd_lookup_pair(const double *table, vu offset, vd *first, vd *second)
{
    EACH64 first->d[i] = table[vu_lane64(offset, i)];
    EACH64 second->d[i] = table[vu_lane64(offset, i) + 1];
}
static inline void vd_store(double *p, vd x) { memcpy(p, &x, sizeof x); }
static inline void vd_store_part(double *p, vd x, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = x.d[i];
}
static inline vd vd_from_u32_low(vu x) { vd r = {{(double)x.w[0], (double)x.w[1]}}; return r; }
static inline vd vd_from_u32_high(vu x) { vd r = {{(double)x.w[2], (double)x.w[3]}}; return r; }
static inline vd vd_from_f32_low(vf x) { vd r = {{(double)x.f[0], (double)x.f[1]}}; return r; }
static inline vd vd_from_f32_high(vf x) { vd r = {{(double)x.f[2], (double)x.f[3]}}; return r; }
static inline vf vf_from_f64(vd low, vd high)
{
    vf r = {{(float)low.d[0], (float)low.d[1], (float)high.d[0], (float)high.d[1]}};
    return r;
}

static inline vkey v_key(uint64_t key, uint64_t stream)
{
    vkey k = {philox_round_keys(key), stream};
    return k;
}

static inline void v_words_at(uint64_t block, const vkey *key, vwords *w)
{
    w->block = block;
    w->stream = key->stream;
}
FI_ALWAYS_INLINE void v_words_begin(vwords *w, int n)
{
    for (int i = 0; i < n; i++)
        philox_counter(w->block++, w->stream, w->x[i].w);
}
FI_ALWAYS_INLINE void v_words_round(vwords *w, const vkey *key, int r, int n)
{
    for (int i = 0; i < n; i++)
        philox_round(w->x[i].w, &key->schedule, r);
}
FI_ALWAYS_INLINE void v_words_end(const vwords *w, vu *out, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = w->x[i];
}

#undef EACH32
#undef EACH64
