/* fma(a, b, c), rounded once, for the scalar path: the hardware's where the baseline has one (aarch64),
 * else exact emulation in integers and float64. */
#ifndef FASTINIT_FMA_H
#define FASTINIT_FMA_H

#include <stdint.h>
#include <string.h>

static inline uint64_t bits_of_double(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}
static inline double double_of_bits(uint64_t b)
{
    double x;
    memcpy(&x, &b, sizeof x);
    return x;
}

#ifdef __FP_FAST_FMA

static inline float fma_exact32(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline double fma_exact64(double a, double b, double c) { return __builtin_fma(a, b, c); }

#else

/* The product of two floats is exact in float64. The sum is rounded to odd there, which makes the
 * second rounding, to float, correct (Boldo and Melquiond, 2008). */
static inline float fma_exact32(float a, float b, float c)
{
    double product = (double)a * (double)b, addend = (double)c;
    double sum = product + addend;
    double back = sum - product;
    double error = (product - (sum - back)) + (addend - back); /* exact (Knuth) */
    uint64_t bits = bits_of_double(sum);
    if (error != 0.0 && (bits & 1) == 0 && (bits >> 52 & 0x7FF) != 0x7FF)
        bits += (error > 0.0) == (sum > 0.0) ? 1 : (uint64_t)-1;
    return (float)double_of_bits(bits);
}

__extension__ typedef unsigned __int128 fma_u128;

/* Shift right; what falls off sets the last bit. */
static inline fma_u128 fma_sticky_shift(fma_u128 x, int n)
{
    if (n <= 0)
        return x;
    if (n > 127)
        return x != 0;
    return x >> n | ((x & (((fma_u128)1 << n) - 1)) != 0);
}

static inline int fma_bit_length(fma_u128 x)
{
    uint64_t high = (uint64_t)(x >> 64);
    return high ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll((uint64_t)x);
}

/* |x| = mantissa * 2^exponent for finite x. */
static inline uint64_t fma_split(double x, int *exponent)
{
    uint64_t b = bits_of_double(x), fraction = b & 0xFFFFFFFFFFFFFu;
    int field = (int)(b >> 52 & 0x7FF);
    *exponent = (field ? field : 1) - 1075;
    if (field)
        return fraction | 0x10000000000000u;
    if (fraction) { /* normalise, so that a product always has 105 or 106 bits */
        int shift = __builtin_clzll(fraction) - 11;
        *exponent -= shift;
        return fraction << shift;
    }
    return 0;
}

static __attribute__((noinline)) double fma_exact64(double a, double b, double c)
{
    const uint64_t infinite = 0x7FF0000000000000u;
    uint64_t sign_p = (bits_of_double(a) ^ bits_of_double(b)) >> 63, sign_c = bits_of_double(c) >> 63;
    int ea, eb, ec, exponent;
    uint64_t ma, mb, mc;
    fma_u128 p, s;

    if ((bits_of_double(a) & infinite) == infinite || (bits_of_double(b) & infinite) == infinite || a == 0.0 ||
        b == 0.0)
        return a * b + c;
    if ((bits_of_double(c) & infinite) == infinite)
        return c; /* whatever the finite product is, even if it would overflow */
    if (c == 0.0)
        return a * b; /* rounded once; keeps the sign of a product that underflows */

    ma = fma_split(a, &ea);
    mb = fma_split(b, &eb);
    mc = fma_split(c, &ec);
    /* The product in the top bits, its 20 lowest bits zero; both terms in units of 2^exponent. */
    p = (fma_u128)ma * mb << 20;
    exponent = ea + eb - 20;
    if (ec - exponent > 70) {
        p = fma_sticky_shift(p, ec - 70 - exponent);
        exponent = ec - 70;
    }
    s = ec >= exponent ? (fma_u128)mc << (ec - exponent) : fma_sticky_shift(mc, exponent - ec);
    if (sign_p == sign_c) {
        s += p;
    } else if (p > s) {
        s = p - s;
    } else if (s > p) {
        s -= p;
        sign_p = sign_c;
    } else {
        return 0.0;
    }

    /* Round to 53 bits, or to the subnormals' last place. */
    int drop = fma_bit_length(s) - 53;
    if (drop < -1074 - exponent)
        drop = -1074 - exponent;
    if (drop > 0) {
        fma_u128 kept, rest, half;
        if (drop > 127) /* far below half of the smallest subnormal */
            return sign_p ? -0.0 : 0.0;
        kept = s >> drop;
        rest = s & (((fma_u128)1 << drop) - 1);
        half = (fma_u128)1 << (drop - 1);
        s = kept + (rest > half || (rest == half && (kept & 1)));
        exponent += drop;
    }
    /* Two exact multiplications by powers of two: one alone could leave the exponent's range. */
    double magnitude = (double)(uint64_t)s;
    int half_exponent = exponent / 2;
    magnitude *= double_of_bits((uint64_t)(1023 + half_exponent) << 52);
    magnitude *= double_of_bits((uint64_t)(1023 + exponent - half_exponent) << 52);
    return sign_p ? -magnitude : magnitude;
}

#endif
#endif
