/* exp and its relatives for either width, as pieces that the activations put together.
 *
 * Included twice, after real32.h and after real64.h. Constants come from tools/make_activations.py.
 */
#include "../generated/activation_tables.h"

#undef EXP_SHIFT
#undef EXP_ROUND
#undef EXP_HEADROOM
#undef EXP_UNIT
#undef EXP_LOWEST
#undef EXP_HIGHEST
#undef EXP_BIASES
#undef REAL_LEAST
#undef REAL_MOST
#if REAL_BITS == 32
#define EXP_SHIFT 23             /* bits of a mantissa */
#define EXP_ROUND 0x1.80017ep23f /* 1.5 * 2^23 + 127 + 64: adding it rounds, and leaves a biased n in the low bits */
#define EXP_HEADROOM 64          /* that much n is too large */
#define EXP_UNIT 0x1p-64f        /* two to its negative */
#define EXP_LOWEST (-120.0f)     /* x exp(x) is 0 from here on down, and n cannot overflow */
#define EXP_HIGHEST 100.0f       /* exp is infinite from here on up */
#define EXP_BIASES (127 + 64)    /* that much a biased n is too large */
#define REAL_LEAST 0x1p-149f
#define REAL_MOST 0x1.fffffep127f
#else
#define EXP_SHIFT 52
#define EXP_ROUND 0x1.80000000005ffp52 /* 1.5 * 2^52 + 1023 + 512 */
#define EXP_HEADROOM 512
#define EXP_UNIT 0x1p-512
#define EXP_LOWEST (-760.0)
#define EXP_HIGHEST 720.0
#define EXP_BIASES (1023 + 512)
#define REAL_LEAST 0x1p-1074
#define REAL_MOST 0x1.fffffffffffffp1023
#endif

static inline vr REAL(horner)(const real *c, int count, vr x)
{
    vr r = VR(set)(c[count - 1]);
#pragma GCC unroll 16
    for (int j = count - 2; j >= 0; j--)
        r = VR(fma)(r, x, VR(set)(c[j]));
    return r;
}

#define HORNER(table, x) REAL(horner)(REAL(table), (int)(sizeof REAL(table) / sizeof REAL(table)[0]), x)

/* exp(x - less) = (1 + rest) 2^n, where `less` is the rounding error of x, and n biased. A NaN goes to
 * the rest. */
typedef struct {
    vr rest;
    vu n;
} REAL(power);

static inline REAL(power) REAL(exp_split)(vr x, vr less)
{
    const vr shift = VR(set)(EXP_ROUND);
    const vr k = VR(fma)(x, VR(set)(REAL(log2_e)[0]), shift);
    const vr n = VR(sub)(k, shift);
    const vr r = VR(sub)(VR(fnma)(n, VR(set)(REAL(log_2)[0]), x), VR(fma)(n, VR(set)(REAL(log_2)[1]), less));
    REAL(power) e;
    e.rest = VR(fma)(VR(mul)(r, r), HORNER(exp_rest, r), r);
    e.n = VR(bits)(k);
    return e;
}

/* y 2^n for n <= 0, rounded once even where the result is subnormal: the first product is exact. */
static inline vr REAL(scale_down)(vr y, vu n)
{
    return VR(mul)(VR(mul)(y, VU(as_f)(VU(shl)(n, EXP_SHIFT))), VR(set)(EXP_UNIT));
}

/* y 2^n for any n of a clamped exponent, in two halves; only the second product rounds. */
static inline vr REAL(scale)(vr y, vu n)
{
    const vu sum = VU(add)(n, VU(set)(EXP_HEADROOM - 1)); /* both biases */
    const vu half = VU(shr)(sum, 1);
    const vr first = VU(as_f)(VU(shl)(half, EXP_SHIFT));
    return VR(mul)(VR(mul)(y, first), VU(as_f)(VU(shl)(VU(sub)(sum, half), EXP_SHIFT)));
}

/* y 2^n for n <= 0 down to twice as far as numbers go: by four powers, none of which is subnormal. Unless
 * y is subnormal or close to it, only the last product rounds. */
static inline vr REAL(scale_far_down)(vr y, vu n)
{
    const vu sum = VU(add)(n, VU(set)(3 * EXP_BIASES)), part = VU(shr)(sum, 2); /* four biases */
    const vu rest = VU(sub)(sum, VU(add)(part, VU(add)(part, part)));
    const vu surplus = VU(set)(EXP_HEADROOM);
    const vr step = VU(as_f)(VU(shl)(VU(sub)(part, surplus), EXP_SHIFT));
    y = VR(mul)(VR(mul)(VR(mul)(y, step), step), step);
    return VR(mul)(y, VU(as_f)(VU(shl)(VU(sub)(rest, surplus), EXP_SHIFT)));
}

static inline vr REAL(one_plus)(vr x) { return VR(add)(VR(set)(1), x); }

/* -top / (bottom + more), nearly rounded to nearest: one division, and one Newton step on its remainder. */
static inline vr REAL(minus_quotient)(vr top, vr top_more, vr bottom, vr more)
{
    const vr r = VR(div)(VR(set)(-1), bottom);
    const vr q = VR(mul)(top, r);
    const vr rest = VR(add)(VR(fma)(q, bottom, top), VR(fma)(q, more, top_more));
    return VR(fma)(rest, r, q);
}

#if REAL_BITS == 64
/* log(1 + x) of a finite x >= 0; a NaN stays one. Without fma: it is called once a row. */
static inline double log1p_row(double x)
{
    const double u = 1.0 + x, back = u - 1.0;
    const double error = (1.0 - (u - back)) + (x - back);
    uint64_t bits;
    memcpy(&bits, &u, sizeof bits);
    const uint64_t n = (bits - 0x3FE8000000000000u) >> 52; /* 1 + x = m 2^n, m in [0.75, 1.5) */
    const uint64_t m_bits = bits - (n << 52), unit_bits = (1023 - n) << 52;
    double m, unit;
    memcpy(&m, &m_bits, sizeof m);
    memcpy(&unit, &unit_bits, sizeof unit);
    const double f = (m - 1.0) + error * unit;
    const double z = f / (2.0 + f), w = z * z;
    double r = log1p_rest64[10];
    for (int j = 9; j >= 0; j--)
        r = r * w + log1p_rest64[j];
    return (double)n * log_264[0] + (z * (2.0 + w * r) + (double)n * log_264[1]);
}
#endif
