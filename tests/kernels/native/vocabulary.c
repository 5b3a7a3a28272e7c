/* Every operation of one instruction set's vocabulary (simd/README.md) against plain C, lane by lane.
 *
 * test_vocabulary.py compiles this file once per instruction set, with its flags and -DVOCABULARY='"simd/avx2.h"'. It
 * prints the number of checks, or what failed first. C's own fma is the measure of fused operations.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include VOCABULARY
#include "kernels/words.h"
#ifdef FAULT
#include FAULT /* of a test that wants to see it found */
#endif

#define DOUBLES (FI_LANES / 2)

static long checks;

static uint32_t bits32(float x)
{
    uint32_t b;
    memcpy(&b, &x, 4);
    return b;
}
static uint64_t bits64(double x)
{
    uint64_t b;
    memcpy(&b, &x, 8);
    return b;
}
static float float_of(uint32_t b)
{
    float x;
    memcpy(&x, &b, 4);
    return x;
}
static double double_of(uint64_t b)
{
    double x;
    memcpy(&x, &b, 8);
    return x;
}

static void failed(const char *what, double a, double b, double c, double found, double expected)
{
    printf("%s of %a, %a, %a is %a instead of %a\n", what, a, b, c, found, expected);
    exit(1);
}

/* Equal bits; of NaNs it is promised only that they are NaNs. */
static void same32(const char *what, float a, float b, float c, float found, float expected)
{
    checks++;
    if (bits32(found) != bits32(expected) && !(isnan(found) && isnan(expected)))
        failed(what, a, b, c, found, expected);
}
static void same64(const char *what, double a, double b, double c, double found, double expected)
{
    checks++;
    if (bits64(found) != bits64(expected) && !(isnan(found) && isnan(expected)))
        failed(what, a, b, c, found, expected);
}
static void same_bits(const char *what, uint64_t a, uint64_t b, uint64_t found, uint64_t expected)
{
    checks++;
    if (found != expected) {
        printf("%s of %#llx, %#llx is %#llx instead of %#llx\n", what, (unsigned long long)a, (unsigned long long)b,
               (unsigned long long)found, (unsigned long long)expected);
        exit(1);
    }
}

/* ---- operands ---- */

static uint64_t state = 0x9E3779B97F4A7C15u;
static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

#define SPECIAL 40
#define OPERANDS 96 /* the rest are random bit patterns, half of them near to 1 */
static float f[OPERANDS];
static double d[OPERANDS];
static uint32_t w[OPERANDS];

static void make_operands(void)
{
    static const double special[SPECIAL / 2] = {
        0.0,
        1.0,
        1.5,
        2.0,
        3.0,
        0x1p-126,
        0x1p-149,
        0x1.8p-148,
        0x1.fffffcp-127,
        0x1.fffffep127,
        0x1p-1022,
        0x1p-1074,
        0x1.fffffffffffffp1023,
        0x1p-24,
        0x1.000002p0,
        0x1.fffffep-1,
        0x1.0000000000001p0,
        0x1p31,
        0x1p52,
        INFINITY,
    };
    for (int i = 0; i < SPECIAL; i++) {
        d[i] = i & 1 ? -special[i / 2] : special[i / 2];
        f[i] = (float)d[i];
    }
    f[SPECIAL] = NAN, d[SPECIAL] = NAN;
    for (int i = SPECIAL + 1; i < OPERANDS; i++) {
        const uint64_t r = random64();
        f[i] = i & 1 ? float_of((uint32_t)r) : float_of(((uint32_t)r & 0x807FFFFFu) | (uint32_t)(120 + r % 16) << 23);
        d[i] = i & 1 ? double_of(random64()) : double_of((random64() & 0x800FFFFFFFFFFFFFu) | (1015 + r % 16) << 52);
    }
    for (int i = 0; i < OPERANDS; i++)
        w[i] = i < 8    ? (uint32_t)(i & 1 ? -(i / 2) : i / 2)
               : i < 16 ? 0x7FFFFFFFu + (uint32_t)(i - 12)
                        : (uint32_t)random64();
}

/* Lane i of operand number n: every lane has another, so that a lane in the wrong place shows. */
static vf take_f(int n)
{
    float x[FI_LANES];
    for (int i = 0; i < FI_LANES; i++)
        x[i] = f[(n + i) % OPERANDS];
    return vf_load(x);
}
static vd take_d(int n)
{
    double x[DOUBLES];
    for (int i = 0; i < DOUBLES; i++)
        x[i] = d[(n + i) % OPERANDS];
    return vd_load(x);
}
static vu take_w(int n)
{
    uint32_t x[FI_LANES];
    for (int i = 0; i < FI_LANES; i++)
        x[i] = w[(n + i) % OPERANDS];
    return vu_load(x);
}
#define F(n) f[((n) + i) % OPERANDS]
#define D(n) d[((n) + i) % OPERANDS]
#define W(n) w[((n) + i) % OPERANDS]

#define CHECK32(what, vector, expected) \
    do { \
        float found[FI_LANES]; \
        vf_store(found, vector); \
        for (int i = 0; i < FI_LANES; i++) { \
            const float a = F(n), b = F(m), c = F(k); \
            (void)b, (void)c; \
            same32(what, a, b, c, found[i], expected); \
        } \
    } while (0)
#define CHECK64(what, vector, expected) \
    do { \
        double found[DOUBLES]; \
        vd_store(found, vector); \
        for (int i = 0; i < DOUBLES; i++) { \
            const double a = D(n), b = D(m), c = D(k); \
            (void)b, (void)c; \
            same64(what, a, b, c, found[i], expected); \
        } \
    } while (0)

static void check_arithmetic(void)
{
    for (int n = 0; n < OPERANDS; n++) {
        for (int m = 0; m < OPERANDS; m++) {
            const int k = (n * 31 + m * 17) % OPERANDS;
            const vf x = take_f(n), y = take_f(m), z = take_f(k);
            CHECK32("vf_add", vf_add(x, y), a + b);
            CHECK32("vf_sub", vf_sub(x, y), a - b);
            CHECK32("vf_mul", vf_mul(x, y), a * b);
            CHECK32("vf_div", vf_div(x, y), a / b);
            CHECK32("vf_fma", vf_fma(x, y, z), fmaf(a, b, c));
            CHECK32("vf_fnma", vf_fnma(x, y, z), fmaf(-a, b, c));
            CHECK32("vf_min", vf_min(x, y), a < b ? a : b);
            CHECK32("vf_max", vf_max(x, y), a > b ? a : b);
            CHECK32("vf_select by vf_lt", vf_select(vf_lt(x, y), z, y), a < b ? c : b);
            CHECK32("vf_flip_sign", vf_flip_sign(x, vf_bits(y)), float_of(bits32(a) ^ (bits32(b) & 0x80000000u)));
            const vd p = take_d(n), q = take_d(m), r = take_d(k);
            CHECK64("vd_add", vd_add(p, q), a + b);
            CHECK64("vd_sub", vd_sub(p, q), a - b);
            CHECK64("vd_mul", vd_mul(p, q), a * b);
            CHECK64("vd_div", vd_div(p, q), a / b);
            CHECK64("vd_fma", vd_fma(p, q, r), fma(a, b, c));
            CHECK64("vd_fnma", vd_fnma(p, q, r), fma(-a, b, c));
            CHECK64("vd_min", vd_min(p, q), a < b ? a : b);
            CHECK64("vd_max", vd_max(p, q), a > b ? a : b);
            CHECK64("vd_select by vd_lt", vd_select(vd_lt(p, q), r, q), a < b ? c : b);
            CHECK64("vd_flip_sign", vd_flip_sign(p, vd_bits(q)), double_of(bits64(a) ^ (bits64(b) & 1ull << 63)));
            int any = 0, all = 1;
            for (int i = 0; i < FI_LANES; i++)
                any |= F(n) < F(m), all &= F(n) < F(m);
            same_bits("vf_any_less", (uint64_t)n, (uint64_t)m, vf_any_less(x, y) != 0, (uint64_t)any);
            same_bits("vf_all_less", (uint64_t)n, (uint64_t)m, vf_all_less(x, y) != 0, (uint64_t)all);
            any = 0, all = 1;
            for (int i = 0; i < DOUBLES; i++)
                any |= D(n) < D(m), all &= D(n) < D(m);
            same_bits("vd_any_less", (uint64_t)n, (uint64_t)m, vd_any_less(p, q) != 0, (uint64_t)any);
            same_bits("vd_all_less", (uint64_t)n, (uint64_t)m, vd_all_less(p, q) != 0, (uint64_t)all);
        }
        const int m = n, k = n;
        CHECK32("vf_abs", vf_abs(take_f(n)), fabsf(a));
        CHECK32("vf_held", vf_held(take_f(n)), a);
        CHECK32("vf_set", vf_set(f[n]), f[n]);
        CHECK64("vd_abs", vd_abs(take_d(n)), fabs(a));
        CHECK64("vd_held", vd_held(take_d(n)), a);
        CHECK64("vd_set", vd_set(d[n]), d[n]);
        CHECK32("vf_sqrt", vf_sqrt(take_f(n)), sqrtf(a));
        CHECK64("vd_sqrt", vd_sqrt(take_d(n)), sqrt(a));
    }
}

/* All lanes less and none less, which random operands seldom are. */
static void check_all_less(void)
{
    for (int lane = 0; lane < FI_LANES; lane++) {
        float x[FI_LANES] = {0};
        x[lane] = 1.0f;
        same_bits("vf_all_less with one lane", (uint64_t)lane, 0, vf_all_less(vf_load(x), vf_set(0.5f)) != 0, 0);
        same_bits("vf_any_less with one lane", (uint64_t)lane, 0, vf_any_less(vf_set(0.5f), vf_load(x)) != 0, 1);
        x[lane] = NAN;
        same_bits("vf_all_less with a NaN", (uint64_t)lane, 0, vf_all_less(vf_load(x), vf_set(0.5f)) != 0, 0);
    }
    for (int lane = 0; lane < DOUBLES; lane++) {
        double x[DOUBLES] = {0};
        x[lane] = 1.0;
        same_bits("vd_all_less with one lane", (uint64_t)lane, 0, vd_all_less(vd_load(x), vd_set(0.5)) != 0, 0);
        same_bits("vd_any_less with one lane", (uint64_t)lane, 0, vd_any_less(vd_set(0.5), vd_load(x)) != 0, 1);
        x[lane] = NAN;
        same_bits("vd_all_less with a NaN", (uint64_t)lane, 0, vd_all_less(vd_load(x), vd_set(0.5)) != 0, 0);
    }
    same_bits("vf_all_less", 0, 0, vf_all_less(vf_set(0.0f), vf_set(1.0f)) != 0, 1);
    same_bits("vd_all_less", 0, 0, vd_all_less(vd_set(0.0), vd_set(1.0)) != 0, 1);
}

/* ---- bits ---- */

static uint64_t lane64(const uint32_t *words, int i) { return words[2 * i] | (uint64_t)words[2 * i + 1] << 32; }

#define CHECK_WORDS(what, vector, expected) \
    do { \
        uint32_t found[FI_LANES]; \
        vu_store(found, vector); \
        for (int i = 0; i < FI_LANES; i++) { \
            const uint32_t a = W(n), b = W(m); \
            (void)b; \
            same_bits(what, a, b, found[i], (uint32_t)(expected)); \
        } \
    } while (0)
#define CHECK_WIDE(what, vector, expected) \
    do { \
        uint32_t found[FI_LANES], first[FI_LANES], second[FI_LANES]; \
        vu_store(found, vector), vu_store(first, x), vu_store(second, y); \
        for (int i = 0; i < DOUBLES; i++) { \
            const uint64_t a = lane64(first, i), b = lane64(second, i); \
            (void)b; \
            same_bits(what, a, b, lane64(found, i), expected); \
        } \
    } while (0)

static void check_bits(void)
{
    for (int n = 0; n < OPERANDS; n++)
        for (int m = 0; m < OPERANDS; m += 5) {
            const vu x = take_w(n), y = take_w(m);
            CHECK_WORDS("vu_and", vu_and(x, y), a & b);
            CHECK_WORDS("vu_andnot", vu_andnot(x, y), ~a & b);
            CHECK_WORDS("vu_merge", vu_merge(x, vu_set32(0xFF00FF00u), vu_and(y, vu_set32(0x00FF00FFu))),
                        (a & 0xFF00FF00u) | (b & 0x00FF00FFu));
            CHECK_WORDS("vu_add32", vu_add32(x, y), a + b);
            CHECK_WORDS("vu_sub32", vu_sub32(x, y), a - b);
            CHECK_WIDE("vu_add64", vu_add64(x, y), a + b);
            CHECK_WIDE("vu_sub64", vu_sub64(x, y), a - b);
            CHECK_WORDS("vu_set32", vu_set32(w[m]), w[m]);
            CHECK_WIDE("vu_set64", vu_set64(w[n] * 0x100000001ull), w[n] * 0x100000001ull);
            CHECK_WORDS("vf_bits", vf_bits(vu_as_f32(x)), a);
            CHECK_WORDS("vd_bits", vd_bits(vu_as_f64(x)), a);
            CHECK_WORDS("vu_shr32 by 8", vu_shr32(x, 8), a >> 8);
            CHECK_WORDS("vu_shr32 by 31", vu_shr32(x, 31), a >> 31);
            CHECK_WORDS("vu_shl32 by 1", vu_shl32(x, 1), a << 1);
            CHECK_WORDS("vu_shl32 by 23", vu_shl32(x, 23), a << 23);
            CHECK_WIDE("vu_shr64 by 11", vu_shr64(x, 11), a >> 11);
            CHECK_WIDE("vu_shr64 by 52", vu_shr64(x, 52), a >> 52);
            CHECK_WIDE("vu_shl64 by 3", vu_shl64(x, 3), a << 3);
            CHECK_WIDE("vu_shl64 by 52", vu_shl64(x, 52), a << 52);
        }
}

/* ---- conversions ---- */

static double ulp16(double x) /* the spacing of float16 at x */
{
    int exponent;
    frexp(x, &exponent);
    return ldexp(1.0, (exponent < -13 ? -13 : exponent) - 11);
}
static uint16_t float16_of(float x)
{
    const uint16_t sign = bits32(x) >> 16 & 0x8000u;
    const double magnitude = fabs((double)x);
    if (magnitude >= 65520.0)
        return sign | 0x7C00u;
    const double unit = ulp16(magnitude), rounded = nearbyint(magnitude / unit) * unit;
    if (rounded < 0x1p-14)
        return (uint16_t)(sign | (uint16_t)(rounded * 0x1p24));
    int exponent;
    const double mantissa = frexp(rounded, &exponent); /* in [1/2, 1) */
    return (uint16_t)(sign | (uint16_t)((exponent + 14) << 10) | (uint16_t)((mantissa * 2 - 1) * 1024));
}
static uint16_t bfloat16_of(float x)
{
    const uint32_t b = bits32(x), kept = b >> 16, rest = b & 0xFFFFu;
    return (uint16_t)(kept + (rest > 0x8000u || (rest == 0x8000u && (kept & 1))));
}

static void check_narrow(const float x[FI_LANES])
{
    uint16_t half[FI_LANES + 1], brain[FI_LANES + 1];
    half[FI_LANES] = brain[FI_LANES] = 0xABCD;
    vf_store_f16(half, vf_load(x));
    vf_store_bf16(brain, vf_load(x));
    for (int i = 0; i < FI_LANES; i++) {
        if (isnan(x[i]))
            continue; /* no kernel makes one */
        same_bits("vf_store_f16", bits32(x[i]), 0, half[i], float16_of(x[i]));
        same_bits("vf_store_bf16", bits32(x[i]), 0, brain[i], bfloat16_of(x[i]));
    }
    same_bits("vf_store_f16 beyond", 0, 0, half[FI_LANES], 0xABCD);
    same_bits("vf_store_bf16 beyond", 0, 0, brain[FI_LANES], 0xABCD);
}

static void check_conversions(void)
{
    for (int n = 0; n < OPERANDS; n++) {
        const int m = n, k = n;
        CHECK32("vf_from_i32", vf_from_i32(take_w(n)), (float)(int32_t)W(n));
        CHECK64("vd_from_u32_low", vd_from_u32_low(take_w(n)), (double)W(n));
        CHECK64("vd_from_u32_high", vd_from_u32_high(take_w(n)), (double)W(n + DOUBLES));
        CHECK64("vd_from_f32_low", vd_from_f32_low(take_f(n)), (double)F(n));
        CHECK64("vd_from_f32_high", vd_from_f32_high(take_f(n)), (double)F(n + DOUBLES));
        CHECK32("vf_from_f64", vf_from_f64(take_d(n), take_d(n + DOUBLES)), (float)D(n));
        float x[FI_LANES];
        vf_store(x, take_f(n));
        check_narrow(x);
    }
    /* Ties and their neighbours, in every octave that float16 has and around. */
    for (uint32_t b = 0; b < 1u << 16; b += 3)
        for (uint32_t rest = 0; rest < 1u << 16; rest += 0x1000) {
            float x[FI_LANES];
            for (int i = 0; i < FI_LANES; i++)
                x[i] = float_of(b << 16 | (rest + (uint32_t)(i % 3) - 1u));
            check_narrow(x);
        }
}

/* ---- lanes and memory ---- */

static void check_swaps(void)
{
    for (int distance = 1; distance < FI_LANES; distance *= 2) {
        vf x = take_f(0), y = take_f(50);
        float a[FI_LANES], b[FI_LANES], p[FI_LANES], q[FI_LANES];
        vf_store(a, x), vf_store(b, y);
        vf_swap(&x, &y, distance);
        vf_store(p, x), vf_store(q, y);
        for (int i = 0; i < FI_LANES; i++) {
            same32("vf_swap, first", (float)distance, (float)i, 0, p[i], i & distance ? b[i - distance] : a[i]);
            same32("vf_swap, second", (float)distance, (float)i, 0, q[i], i & distance ? b[i] : a[i + distance]);
        }
    }
    for (int distance = 1; distance < DOUBLES; distance *= 2) {
        vd x = take_d(0), y = take_d(50);
        double a[DOUBLES], b[DOUBLES], p[DOUBLES], q[DOUBLES];
        vd_store(a, x), vd_store(b, y);
        vd_swap(&x, &y, distance);
        vd_store(p, x), vd_store(q, y);
        for (int i = 0; i < DOUBLES; i++) {
            same64("vd_swap, first", distance, i, 0, p[i], i & distance ? b[i - distance] : a[i]);
            same64("vd_swap, second", distance, i, 0, q[i], i & distance ? b[i] : a[i + distance]);
        }
    }
}

static void check_memory(void)
{
    /* Unaligned, and not a byte more than was asked for. */
    for (int offset = 0; offset < 4; offset++)
        for (int count = 0; count <= FI_LANES; count++) {
            float x[3 * FI_LANES], before[3 * FI_LANES];
            for (int i = 0; i < 3 * FI_LANES; i++)
                x[i] = before[i] = (float)i;
            if (count < FI_LANES)
                vf_store_part(x + offset, vf_load(x + offset + FI_LANES), count);
            else
                vf_store(x + offset, vf_load(x + offset + FI_LANES));
            for (int i = 0; i < 3 * FI_LANES; i++) {
                const int written = i >= offset && i < offset + count;
                same32("vf_store_part", (float)offset, (float)count, (float)i, x[i], before[i + written * FI_LANES]);
            }
        }
    for (int offset = 0; offset < 4; offset++)
        for (int count = 0; count <= DOUBLES; count++) {
            double x[3 * FI_LANES], before[3 * FI_LANES];
            for (int i = 0; i < 3 * FI_LANES; i++)
                x[i] = before[i] = i;
            if (count < DOUBLES)
                vd_store_part(x + offset, vd_load(x + offset + FI_LANES), count);
            else
                vd_store(x + offset, vd_load(x + offset + FI_LANES));
            for (int i = 0; i < 3 * FI_LANES; i++) {
                const int written = i >= offset && i < offset + count;
                same64("vd_store_part", offset, count, i, x[i], before[i + written * FI_LANES]);
            }
        }
}

/* A square out of the midst of a matrix, rows near and far apart, upwards too: and nothing but the square is read. */
static void check_across(void)
{
    static const ptrdiff_t distances[] = {FI_LANES, FI_LANES + 1, 37, -19, 0};
    for (size_t d = 0; d < sizeof distances / sizeof *distances; d++)
        for (ptrdiff_t offset = 0; offset < 3; offset++) {
            enum { SIZE = 37 * (FI_LANES + 1) };
            const ptrdiff_t row = distances[d], first = offset + (row < 0 ? 19 * FI_LANES : 0);
            float near[SIZE], across[FI_LANES][FI_LANES];
            double far[SIZE], wide[DOUBLES][DOUBLES];
            for (int i = 0; i < SIZE; i++)
                far[i] = near[i] = (float)i;
            vf x[FI_LANES];
            vd y[DOUBLES];
            vf_load_across(near + first, row, x);
            vd_load_across(far + first, row, y);
            for (int k = 0; k < FI_LANES; k++)
                vf_store(across[k], x[k]);
            for (int k = 0; k < DOUBLES; k++)
                vd_store(wide[k], y[k]);
            for (int k = 0; k < FI_LANES; k++)
                for (int i = 0; i < FI_LANES; i++)
                    same32("vf_load_across", (float)row, (float)k, (float)i, across[k][i], near[first + i * row + k]);
            for (int k = 0; k < DOUBLES; k++)
                for (int i = 0; i < DOUBLES; i++)
                    same64("vd_load_across", (double)row, k, i, wide[k][i], far[first + i * row + k]);
        }
}

static void check_lookups(void)
{
    float row[32];
    double table[123];
    for (int i = 0; i < 32; i++)
        row[i] = (float)(i * i) + 0.5f;
    for (int i = 0; i < 123; i++)
        table[i] = i * i + 0.25;
    for (uint32_t first = 0; first < 122; first++) {
        uint32_t index[FI_LANES], wide[FI_LANES];
        for (uint32_t i = 0; i < FI_LANES; i++) {
            index[i] = (first + i * 7) % 32;
            wide[i] = i & 1 ? 0 : (first + i * 5) % 122;
        }
        float found[FI_LANES];
        vf_store(found, vf_lookup(row, vu_load(index)));
        for (int i = 0; i < FI_LANES; i++)
            same32("vf_lookup", (float)index[i], 0, 0, found[i], row[index[i]]);
        for (uint32_t i = 0; i < FI_LANES; i++) /* entry 32 - FI_NEAR32 + j by an index whose low bits are those of j */
            index[i] = (32 - FI_NEAR32 + (first + i * 3) % FI_NEAR32) | (uint32_t)random64() << 5;
        vf_store(found, vf_lookup_near(row, vu_load(index)));
        for (int i = 0; i < FI_LANES; i++)
            same32("vf_lookup_near", (float)index[i], 0, 0, found[i], row[index[i] % 32]);
        for (uint32_t i = 0; i < FI_LANES; i++) /* likewise */
            index[i] = (32 - FI_MIDDLE32 + (first + i * 3) % FI_MIDDLE32) | (uint32_t)random64() << 5;
        vf_store(found, vf_lookup_middle(row, vu_load(index)));
        for (int i = 0; i < FI_LANES; i++)
            same32("vf_lookup_middle", (float)index[i], 0, 0, found[i], row[index[i] % 32]);
        double far[DOUBLES], other[DOUBLES];
        vd x, y;
        vd_lookup_pair(table, vu_load(wide), &x, &y);
        vd_store(far, x), vd_store(other, y);
        for (int i = 0; i < DOUBLES; i++) {
            same64("vd_lookup_pair, first", wide[2 * i], 0, 0, far[i], table[wide[2 * i]]);
            same64("vd_lookup_pair, second", wide[2 * i], 0, 0, other[i], table[wide[2 * i] + 1]);
        }
#if FI_NEAR64
        for (uint32_t i = 0; i < FI_LANES; i++)
            wide[i] = i & 1 ? (uint32_t)random64() : (first + i * 5) % FI_NEAR64 | (uint32_t)random64() << 4;
        vd_store(far, vd_lookup_near(table + 3, vu_load(wide)));
        for (int i = 0; i < DOUBLES; i++)
            same64("vd_lookup_near", wide[2 * i], 0, 0, far[i], table[3 + wide[2 * i] % FI_NEAR64]);
        for (uint32_t i = 0; i < FI_LANES; i++)
            wide[i] = i & 1 ? (uint32_t)random64() : (first + i * 5) % FI_MIDDLE64 | (uint32_t)random64() << 5;
        vd_store(far, vd_lookup_middle(table + 3, vu_load(wide)));
        for (int i = 0; i < DOUBLES; i++)
            same64("vd_lookup_middle", wide[2 * i], 0, 0, far[i], table[3 + wide[2 * i] % FI_MIDDLE64]);
#endif
    }
}

/* Two spans of n vectors of words from a block on. */
static void check_words_of(uint64_t block, int n)
{
    const uint64_t key = random64(), stream = random64();
    const vkey made = v_key(key, stream);
    const philox_schedule schedule = philox_round_keys(key);
    vwords w;
    v_words_at(block, &made, &w);
    for (int span = 0; span < 2; span++) {
        vu out[FI_VECS];
        if (n == FI_VECS) {
            words_make(&w, &made, FI_VECS);
            v_words_end(&w, out, FI_VECS);
        } else {
            words_make(&w, &made, FI_FLIGHT);
            v_words_end(&w, out, FI_FLIGHT);
        }
        for (int v = 0; v < n; v++) {
            uint32_t found[FI_LANES], expected[4];
            vu_store(found, out[v]);
            for (int i = 0; i < FI_LANES; i++) {
                const uint64_t word = (uint64_t)((span * n + v) * FI_LANES + i);
                philox_block(block + word / 4, stream, &schedule, expected);
                same_bits("v_words", block, word, found[i], expected[word % 4]);
            }
        }
    }
}

static void check_philox(void)
{
    static const uint64_t blocks[] = {0, 1, 5, 0xFFFFFF00u, 0xFFFFFFC0u, 0x123456789ull, UINT64_MAX >> 2};
    for (size_t j = 0; j < sizeof blocks / sizeof *blocks; j++) {
        /* what both spans are made of has the same upper half */
        if (philox_before_carry(blocks[j]) >= 2 * FI_VECS * FI_LANES / 4)
            check_words_of(blocks[j], FI_VECS);
        if (philox_before_carry(blocks[j]) >= 2 * FI_FLIGHT * FI_LANES / 4)
            check_words_of(blocks[j], FI_FLIGHT);
    }
    uint32_t found[12], expected[4];
    const philox_schedule schedule = philox_round_keys(7);
    philox_words(0xFFFFFFFFu, 3, 9, 7, found);
    for (int i = 0; i < 12; i++) {
        philox_block(0xFFFFFFFFu + (uint64_t)i / 4, 9, &schedule, expected);
        same_bits("philox_words", (uint64_t)i, 0, found[i], expected[i % 4]);
    }
}

int main(void)
{
    make_operands();
    check_arithmetic();
    check_all_less();
    check_bits();
    check_conversions();
    check_swaps();
    check_memory();
    check_across();
    check_lookups();
    check_philox();
    printf("%ld\n", checks);
    return 0;
}
