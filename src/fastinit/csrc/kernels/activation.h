/* The activations, for either width: included twice, after real32.h and after real64.h, each time after
 * elementary.h.
 *
 * Whatever decays towards 0 for x -> -inf keeps its relative error down to the subnormals: the arguments
 * of exp carry their rounding errors along, and 2^n is multiplied in last. A NaN stays a NaN: it fails
 * every comparison, and max(low, x) and min(high, x) then give x.
 */
#undef GELU_MOST
#undef GELU_TANH_MOST
#undef TANH_MOST
#undef SOFTSIGN_MOST
#undef EXP_DEEPEST
#undef CELU_LEAST
#undef TANH_SHRINK_MOST
#if REAL_BITS == 32
#define GELU_MOST 15.0f      /* gelu(-x) is 0 from here on */
#define GELU_TANH_MOST 11.0f /* likewise */
#define TANH_MOST 10.0f      /* tanh(x) is 1 from here on */
#define SOFTSIGN_MOST 0x1p30f /* softsign(x) is 1 from here on */
#define EXP_DEEPEST (-195.0f)  /* c exp(x) is 0 from here on down for every c */
#define TANH_SHRINK_MOST 1.0f   /* x - tanh(x) is a polynomial up to here */
#define CELU_LEAST (-0x1p-26f) /* expm1(x) is x from here on up to 0 */
#else
#define GELU_MOST 39.0
#define GELU_TANH_MOST 22.0
#define TANH_MOST 20.0
#define SOFTSIGN_MOST 0x1p60
#define EXP_DEEPEST (-1460.0)
#define TANH_SHRINK_MOST 1.0
#define CELU_LEAST (-0x1p-55)
#endif

static inline vr REAL(zero)(void) { return VR(set)(0); }
static inline vr REAL(clamp_low)(vr x, real low) { return VR(max)(VR(set)(low), x); }
static inline vr REAL(clamp_high)(vr x, real high) { return VR(min)(VR(set)(high), x); }
static inline vrm REAL(negative)(vr x) { return VR(lt)(x, REAL(zero)()); }
static inline vr REAL(with_sign_of)(vr magnitude, vr x) { return VR(flip_sign)(magnitude, VR(bits)(x)); }
static inline vr REAL(minus)(vr x) { return VR(flip_sign)(x, VR(bits)(VR(set)(-1))); }

/* A zero of x's sign, and a NaN of a NaN. */
static inline vr REAL(vanished)(vr x) { return VR(mul)(REAL(clamp_high)(REAL(clamp_low)(x, -1), 1), REAL(zero)()); }

/* ---- piecewise linear ---- */

/* Adding +0 turns -0 into +0 and changes nothing else. */
static inline vr REAL(relu)(vr x) { return VR(add)(REAL(clamp_low)(x, 0), REAL(zero)()); }

/* Any straight line below the threshold. A slope of 0 gives 0 also at -inf. */
static inline vr REAL(relu_of_any)(vr x, vr slope, vr most, vr threshold)
{
    const vr steep = VR(mul)(slope, VR(sub)(x, threshold));
    const vr below = VR(select)(VR(lt)(REAL(zero)(), VR(abs)(slope)), steep, REAL(zero)());
    return VR(add)(VR(select)(VR(lt)(x, threshold), below, VR(min)(most, x)), REAL(zero)());
}

static inline vr REAL(relu6)(vr x) { return REAL(clamp_high)(REAL(relu)(x), 6); }

static inline vr REAL(leaky_relu)(vr x, vr slope) { return VR(select)(REAL(negative)(x), VR(mul)(x, slope), x); }

static inline vr REAL(hard_sigmoid)(vr x)
{
    const vr raised = VR(add)(x, VR(set)(3));
    return VR(div)(REAL(clamp_high)(REAL(clamp_low)(raised, 0), 6), VR(set)(6));
}

static inline vr REAL(hard_sigmoid_of_any)(vr x, vr alpha, vr beta)
{
    /* A slope of 0 gives the constant also at an infinity. */
    const vrm rises = VR(lt)(REAL(zero)(), VR(abs)(alpha));
    const vr line = VR(select)(rises, VR(fma)(alpha, x, beta), VR(add)(beta, REAL(vanished)(x)));
    return REAL(clamp_high)(REAL(clamp_low)(line, 0), 1);
}

static inline vr REAL(hard_silu)(vr x) { return VR(mul)(REAL(clamp_low)(x, -3), REAL(hard_sigmoid)(x)); }

static inline vr REAL(softsign)(vr x)
{
    const vr a = REAL(clamp_high)(VR(abs)(x), SOFTSIGN_MOST);
    return REAL(with_sign_of)(VR(div)(a, REAL(one_plus)(a)), x);
}

static inline vr REAL(hard_tanh)(vr x, vr low, vr high) { return VR(min)(high, VR(max)(low, x)); }

static inline vr REAL(hard_shrink)(vr x, vr threshold)
{
    return VR(select)(VR(lt)(threshold, VR(abs)(x)), x, REAL(vanished)(x));
}

static inline vr REAL(soft_shrink)(vr x, vr threshold)
{
    return REAL(with_sign_of)(REAL(clamp_low)(VR(sub)(VR(abs)(x), threshold), 0), x);
}

/* The value, where x is at most the threshold; a NaN stays a NaN. */
static inline vr REAL(threshold)(vr x, vr threshold, vr value)
{
    return VR(select)(VR(lt)(threshold, x), x, VR(add)(value, REAL(vanished)(VR(abs)(x))));
}

static inline vr REAL(relu_squared)(vr x)
{
    const vr above = REAL(clamp_low)(x, 0);
    return VR(mul)(above, above);
}

/* (x + s) / 2 of s = sqrt(x^2 + b), for x < 0 b / (2 (s - x)): with the larger of |x| and sqrt(b) outside of the root
 * and the quotient of both inside, and halves of all, nothing overflows. */
static inline vr REAL(squareplus)(vr x, vr b)
{
    const vr a = VR(abs)(x), c = VR(sqrt)(b), large = VR(max)(c, a), small = VR(min)(c, a);
    const vr q = VR(div)(small, VR(max)(VR(set)(REAL_LEAST), large)); /* 0 / 0 is 0 */
    const vr s = VR(mul)(large, VR(sqrt)(VR(fma)(q, q, VR(set)(1))));
    const vr half = VR(set)(0.5f), y = VR(fma)(half, s, VR(mul)(half, a));
    return VR(select)(REAL(negative)(x), VR(mul)(VR(div)(b, y), VR(set)(0.25f)), y);
}

static inline vr REAL(sparse_plus)(vr x)
{
    const vr raised = REAL(clamp_low)(VR(add)(x, VR(set)(1)), 0);
    return VR(select)(VR(lt)(x, VR(set)(1)), VR(mul)(VR(mul)(raised, raised), VR(set)(0.25f)), x);
}

static inline vr REAL(sparse_sigmoid)(vr x)
{
    const vr raised = VR(add)(x, VR(set)(1));
    return VR(mul)(REAL(clamp_high)(REAL(clamp_low)(raised, 0), 2), VR(set)(0.5f));
}

/* ---- of exp ---- */

static inline vr REAL(exp)(vr x)
{
    const vr clamped = REAL(clamp_low)(REAL(clamp_high)(x, EXP_HIGHEST), EXP_LOWEST);
    const REAL(power) e = REAL(exp_split)(clamped, REAL(zero)());
    return REAL(scale)(REAL(one_plus)(e.rest), e.n);
}

/* exp(x) - 1 for x <= 0, as high + more: with s = 2^n the sum of s - 1 and s rest, which do not cancel. */
typedef struct {
    vr high, more;
} REAL(pair);

static inline REAL(pair) REAL(expm1)(vr x)
{
    const REAL(power) e = REAL(exp_split)(REAL(clamp_low)(x, EXP_LOWEST), REAL(zero)());
    const vr s = REAL(scale_down)(VR(set)(1), e.n), base = VR(sub)(s, VR(set)(1)), rest = VR(mul)(e.rest, s);
    REAL(pair) y;
    y.high = VR(add)(base, rest);
    y.more = VR(sub)(rest, VR(sub)(y.high, base));
    return y;
}

static inline vr REAL(elu)(vr x, vr alpha)
{
    return VR(select)(REAL(negative)(x), VR(mul)(alpha, REAL(expm1)(x).high), x);
}

static inline vr REAL(selu)(vr x)
{
    const vr below = VR(mul)(VR(set)(REAL(selu_scale)[1]), REAL(expm1)(x).high);
    return VR(select)(REAL(negative)(x), below, VR(mul)(VR(set)(REAL(selu_scale)[0]), x));
}

/* gamma x, for x < 0 gamma alpha (exp(x) - 1) */
static inline vr REAL(selu_of_any)(vr x, vr alpha, vr gamma)
{
    const vr below = VR(mul)(VR(mul)(gamma, alpha), REAL(expm1)(x).high);
    return VR(select)(REAL(negative)(x), below, VR(mul)(gamma, x));
}

/* x, for x < 0 alpha (exp(x / alpha) - 1), which is x again while x / alpha is as good as 0 */
static inline vr REAL(celu)(vr x, vr alpha)
{
    const vr u = VR(div)(x, alpha);
    return VR(select)(VR(lt)(VR(set)(CELU_LEAST), u), x, VR(mul)(alpha, REAL(expm1)(u).high));
}

/* -e / (2 + e) of e = exp(-2 |x|) - 1 */
static inline vr REAL(tanh)(vr x)
{
    const vr a = REAL(clamp_high)(VR(abs)(x), TANH_MOST);
    const REAL(pair) e = REAL(expm1)(VR(mul)(a, VR(set)(-2)));
    const vr bottom = VR(add)(VR(set)(2), e.high);
    const vr more = VR(add)(VR(add)(VR(sub)(VR(set)(2), bottom), e.high), e.more);
    return REAL(with_sign_of)(VR(abs)(REAL(minus_quotient)(e.high, e.more, bottom, more)), x);
}

/* x - tanh(x), x^3 times a polynomial in x^2 up to TANH_SHRINK_MOST; from there on, with e = exp(-2 |x|),
 * (|x| - 1 + e (|x| + 1)) / (1 + e). */
static inline vr REAL(tanh_shrink)(vr x)
{
    const vr a = VR(abs)(x), near = REAL(clamp_high)(a, TANH_SHRINK_MOST), far = REAL(clamp_high)(a, TANH_MOST);
    const vr w = VR(mul)(near, near), cubed = VR(mul)(VR(mul)(near, w), HORNER(tanh_shrink_rest, w));
    const REAL(power) p = REAL(exp_split)(VR(mul)(far, VR(set)(-2)), REAL(zero)());
    const vr e = REAL(scale_down)(REAL(one_plus)(p.rest), p.n);
    const vr top = VR(fma)(e, REAL(one_plus)(far), VR(sub)(far, VR(set)(1)));
    const vr y = VR(select)(VR(lt)(a, VR(set)(TANH_SHRINK_MOST)), cubed, VR(div)(top, REAL(one_plus)(e)));
    return REAL(with_sign_of)(VR(select)(VR(lt)(a, VR(set)(TANH_MOST)), y, VR(sub)(a, VR(set)(1))), x);
}

/* With e = exp(-|x|): 1 / (1 + e), for x < 0 e / (1 + e). */
static inline vr REAL(sigmoid)(vr x)
{
    const vr a = REAL(clamp_low)(VR(sub)(REAL(zero)(), VR(abs)(x)), EXP_LOWEST);
    const REAL(power) e = REAL(exp_split)(a, REAL(zero)());
    const vr p = REAL(one_plus)(e.rest), scaled = REAL(scale_down)(p, e.n), bottom = REAL(one_plus)(scaled);
    const vr more = VR(add)(VR(sub)(VR(set)(1), bottom), scaled);
    const vr top = VR(select)(REAL(negative)(x), p, VR(set)(1));
    const vr y = VR(abs)(REAL(minus_quotient)(top, REAL(zero)(), bottom, more));
    return VR(select)(REAL(negative)(x), REAL(scale_down)(y, e.n), y);
}

/* x / (1 + e), for x < 0 x e / (1 + e), of e = exp(minus - less) = (1 + rest) 2^n */
static inline vr REAL(gated)(vr x, real lowest, vr minus, vr less)
{
    const REAL(power) e = REAL(exp_split)(minus, less);
    const vr bottom = REAL(one_plus)(REAL(scale_down)(REAL(one_plus)(e.rest), e.n));
    const vr clamped = REAL(clamp_low)(x, lowest); /* its product with 1 + rest is rounded once */
    const vr top = VR(select)(REAL(negative)(x), VR(fma)(clamped, e.rest, clamped), x);
    const vr y = VR(div)(top, bottom);
    return VR(select)(REAL(negative)(x), REAL(scale_down)(y, e.n), y);
}

static inline vr REAL(silu)(vr x)
{
    const vr minus = REAL(clamp_low)(VR(sub)(REAL(zero)(), VR(abs)(x)), EXP_LOWEST);
    return REAL(gated)(x, EXP_LOWEST, minus, REAL(zero)());
}

/* x sigmoid(beta x) of any beta, also one so small that exp(beta x) is far below the least number before x is large. */
static inline vr REAL(silu_of_any)(vr x, vr beta)
{
    const vr bounded = REAL(clamp_high)(REAL(clamp_low)(x, -REAL_MOST), REAL_MOST), deepest = VR(set)(EXP_DEEPEST);
    /* 0 times an infinity is 0: x sigmoid(0) is x / 2. */
    const vr u = VR(select)(VR(lt)(REAL(zero)(), VR(abs)(beta)), VR(mul)(x, beta), REAL(vanished)(x));
    const vr minus = VR(sub)(REAL(zero)(), VR(abs)(u));
    const vrm below = REAL(negative)(u), near = VR(lt)(deepest, minus);
    const vr error = VR(fnma)(bounded, beta, u), less = VR(select)(below, error, VR(sub)(REAL(zero)(), error));
    const REAL(power) e = REAL(exp_split)(VR(max)(deepest, minus), VR(select)(near, less, REAL(zero)()));
    const vr p = REAL(one_plus)(e.rest), bottom = REAL(one_plus)(REAL(scale_far_down)(p, e.n));
    const vr top = VR(select)(below, VR(fma)(bounded, e.rest, bounded), x);
    const vr y = VR(div)(top, bottom);
    return VR(select)(below, REAL(scale_far_down)(y, e.n), y);
}

static inline vr REAL(quick_gelu)(vr x)
{
    const vr c = VR(set)(REAL(quick_gelu_slope)[0]), c_rest = VR(set)(REAL(quick_gelu_slope)[1]);
    const vr a = VR(sub)(REAL(zero)(), REAL(clamp_high)(VR(abs)(x), -EXP_LOWEST)), minus = VR(mul)(a, c);
    const vr less = VR(fnma)(a, c_rest, VR(fnma)(a, c, minus));
    const vrm near = VR(lt)(VR(set)(EXP_LOWEST), minus);
    return REAL(gated)(x, EXP_LOWEST, REAL(clamp_low)(minus, EXP_LOWEST), VR(select)(near, less, REAL(zero)()));
}

/* x / (1 + exp(-2 u)) with 2 u = x (linear + cubic x^2), all of it as a number and its error */
static inline vr REAL(gelu_tanh)(vr x)
{
    const vr linear = VR(set)(REAL(gelu_tanh_linear)[0]), cubic = VR(set)(REAL(gelu_tanh_cubic)[0]);
    const vr a = REAL(clamp_high)(VR(abs)(x), GELU_TANH_MOST), minus_a = VR(sub)(REAL(zero)(), a);
    const vr square = VR(mul)(a, a), square_less = VR(fnma)(a, a, square);
    const vr bent = VR(mul)(cubic, square), bent_less = VR(fnma)(cubic, square, bent);
    const vr v = VR(add)(linear, bent), back = VR(sub)(v, linear);
    vr less = VR(add)(VR(sub)(VR(sub)(v, back), linear), VR(sub)(back, bent)); /* of the sum (Knuth) */
    less = VR(fma)(cubic, square_less, VR(add)(less, bent_less));
    less = VR(fnma)(VR(set)(REAL(gelu_tanh_cubic)[1]), square, less);
    less = VR(sub)(less, VR(set)(REAL(gelu_tanh_linear)[1]));
    const vr minus = VR(mul)(minus_a, v);
    return REAL(gated)(x, -GELU_TANH_MOST, minus, VR(fma)(minus_a, less, VR(fnma)(minus_a, v, minus)));
}

#if REAL_BITS == 64
/* A polynomial of 9 to 16 coefficients by Estrin's scheme. Its roundings grow with the logarithm of the
 * degree; those of the powers of x cancel in a quotient. */
FI_ALWAYS_INLINE vd estrin64(const double *c, size_t count, vd x)
{
    vd part[8];
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++)
        part[i] = 2 * i + 1 < count ? vd_fma(vd_set(c[2 * i + 1]), x, vd_set(c[2 * i]))
                                    : vd_set(2 * i < count ? c[2 * i] : 0);
#pragma GCC unroll 3
    for (size_t n = 4, pairs = (count + 1) / 2; n > 0; n /= 2, pairs = (pairs + 1) / 2) {
        x = vd_mul(x, x);
#pragma GCC unroll 4
        for (size_t i = 0; i < n; i++)
            part[i] = 2 * i + 1 < pairs ? vd_fma(part[2 * i + 1], x, part[2 * i]) : part[2 * i];
    }
    return part[0];
}
#endif

/* a P(Z > a) exp(a^2 / 2) of a standard normal Z, 0 <= a <= GELU_MOST */
static inline vr REAL(a_mills)(vr a)
{
#if REAL_BITS == 32
    /* By half octaves of a + 1. A quotient of polynomials, as below, errs by twice as much. */
    const vu y = vf_bits(vf_add(a, vf_set(1))), half_octave = vu_shr32(y, 22);
    const vf t = vf_sub(vu_as_f32(vu_merge(y, vu_set32(0x003FFFFFu), vu_set32(0x3F800000u))), vf_set(1.25f));
    vf r = vf_lookup_near(mills_rows32[7], half_octave);
    for (int j = 6; j >= 0; j--)
        r = vf_fma(r, t, vf_lookup_near(mills_rows32[j], half_octave));
    return vf_mul(a, r);
#else
    const vd p = estrin64(mills_p64, sizeof mills_p64 / sizeof(double), a);
    return vd_div(vd_mul(a, p), estrin64(mills_q64, sizeof mills_q64 / sizeof(double), a));
#endif
}

/* With a = |x| and t = a P(Z > a): x - t, for x < 0 -t. */
static inline vr REAL(gelu)(vr x)
{
    const vr magnitude = VR(abs)(x), a = REAL(clamp_high)(magnitude, GELU_MOST);
    const vr half = VR(mul)(a, VR(set)(-0.5f)), minus = VR(mul)(a, half);
    const REAL(power) e = REAL(exp_split)(minus, VR(fnma)(a, half, minus));
    const vr p = REAL(a_mills)(a);
    const vr t = REAL(scale_down)(VR(fma)(p, e.rest, p), e.n);
    const vr y = VR(select)(VR(lt)(REAL(zero)(), x), VR(sub)(magnitude, t), t);
    return REAL(with_sign_of)(y, x);
}

/* x tanh(softplus(x)), with e = exp(-|x|): x (1 - 2 e^2 / (1 + 2 e + 2 e^2)), for x < 0
 * x e (1 - e (1 + e) / (2 + e (2 + e))) */
static inline vr REAL(mish)(vr x)
{
    const vrm below = REAL(negative)(x);
    const vr minus = REAL(clamp_low)(VR(sub)(REAL(zero)(), VR(abs)(x)), EXP_LOWEST);
    const REAL(power) e = REAL(exp_split)(minus, REAL(zero)());
    const vr scaled = REAL(scale_down)(REAL(one_plus)(e.rest), e.n), twice = VR(add)(scaled, scaled);
    const vr top_below = VR(fma)(scaled, scaled, scaled), top_above = VR(mul)(twice, scaled);
    const vr bottom_below = VR(fma)(scaled, VR(add)(VR(set)(2), scaled), VR(set)(2));
    const vr bottom_above = VR(add)(REAL(one_plus)(twice), top_above);
    const vr lost = VR(div)(VR(select)(below, top_below, top_above), VR(select)(below, bottom_below, bottom_above));
    const vr clamped = REAL(clamp_low)(x, EXP_LOWEST);
    const vr top = VR(select)(below, VR(fma)(clamped, e.rest, clamped), x);
    const vr y = VR(mul)(top, VR(sub)(VR(set)(1), lost));
    return VR(select)(below, REAL(scale_down)(y, e.n), y);
}

/* max(x, 0) + log(1 + e) / beta of e = exp(-beta |x|); with z = e / (2 + e), log(1 + e) is z times a
 * polynomial in z^2. Division by a beta of one changes nothing: the caller's constant leaves it out. */
static inline vr REAL(softplus)(vr x, vr beta, int beta_is_one)
{
    const vr a = VR(sub)(REAL(zero)(), VR(abs)(x)), minus = VR(mul)(a, beta);
    const vr lowest = VR(set)(EXP_LOWEST), end = beta_is_one ? lowest : VR(set)(EXP_DEEPEST);
    const vr less = VR(select)(VR(lt)(end, minus), VR(fnma)(a, beta, minus), REAL(zero)()); /* no inf - inf */
    const REAL(power) e = REAL(exp_split)(VR(max)(end, minus), less);
    const vr p = REAL(one_plus)(e.rest);
    vr scaled = REAL(scale_down)(p, e.n);
    if (!beta_is_one) /* where that is out of reach, it is as good as nothing beside 2 */
        scaled = VR(select)(VR(lt)(lowest, minus), scaled, REAL(zero)());
    const vr y = VR(div)(p, VR(add)(VR(set)(2), scaled));
    vr z = REAL(scale_down)(y, e.n);
    if (!beta_is_one)
        z = VR(select)(VR(lt)(lowest, minus), z, REAL(zero)());
    const vr w = VR(mul)(z, z);
    vr t = VR(fma)(VR(mul)(y, w), HORNER(log1p_rest, w), VR(add)(y, y));
    if (beta_is_one) {
        t = REAL(scale_down)(t, e.n);
    } else {
        /* A quotient may be too large for the shortcut of scale_down; else both give the same. */
        const vr quotient = VR(div)(t, beta);
        t = VR(select)(VR(lt)(lowest, minus), REAL(scale)(quotient, e.n), REAL(scale_far_down)(quotient, e.n));
    }
    return VR(select)(VR(lt)(REAL(zero)(), x), VR(add)(x, t), t);
}

/* -softplus(-x), which nears 0 from below */
static inline vr REAL(log_sigmoid)(vr x) { return REAL(minus)(REAL(softplus)(REAL(minus)(x), VR(set)(1), 1)); }

/* ---- runs ---- */

/* out[i] = formula of x and of the parameters c, c1 and c2. The last values go through a buffer, and memory beyond
 * the ends is never touched. */
#define RUN_VECTORS 2 /* to hide latencies; more gains nothing measurable */

#define RUN(name, formula) \
    static void REAL(activate_##name)(const fi_function *function, const void *from, void *to, size_t rows, \
                                      size_t columns) \
    { \
        size_t count = rows * columns; \
        const vr c = VR(set)((real)function->parameter[0]), c1 = VR(set)((real)function->parameter[1]); \
        const vr c2 = VR(set)((real)function->parameter[2]); \
        const real *in = from; \
        real *out = to; \
        (void)c, (void)c1, (void)c2; \
        while (count > 0) { \
            real buffer[RUN_VECTORS * REAL_LANES]; \
            const int whole = count >= RUN_VECTORS * REAL_LANES; \
            real *target = out; \
            if (!whole) { \
                memset(buffer, 0, sizeof buffer); \
                memcpy(buffer, in, count * sizeof *in); \
                in = target = buffer; \
            } \
            for (int j = 0; j < RUN_VECTORS; j++) { \
                const vr x = VR(load)(in + j * REAL_LANES); \
                VR(store)(target + j * REAL_LANES, formula); \
            } \
            if (!whole) { \
                memcpy(out, buffer, count * sizeof *out); \
                return; \
            } \
            in += RUN_VECTORS * REAL_LANES; \
            out += RUN_VECTORS * REAL_LANES; \
            count -= RUN_VECTORS * REAL_LANES; \
        } \
    }

/* The run of a name by one of two formulas: the first where the parameters p, rounded to the dtype, are these. */
#define CHOOSE(name, standard) \
    static void REAL(activate_##name)(const fi_function *function, const void *from, void *to, size_t rows, \
                                      size_t columns) \
    { \
        const real p[] = {(real)function->parameter[0], (real)function->parameter[1], (real)function->parameter[2]}; \
        ((standard) ? REAL(activate_##name##_plain) : REAL(activate_##name##_of_any))(function, from, to, rows, \
                                                                                      columns); \
    }

static void REAL(activate_linear)(const fi_function *function, const void *from, void *to, size_t rows, size_t columns)
{
    (void)function;
    if (to != from)
        memcpy(to, from, rows * columns * sizeof(real));
}

RUN(relu_plain, REAL(relu)(x))
RUN(relu_of_any, REAL(relu_of_any)(x, c, c1, c2))
CHOOSE(relu, p[0] == 0 && p[1] == (real)FI_ENDLESS && p[2] == 0)
RUN(relu6, REAL(relu6)(x))
RUN(leaky_relu, REAL(leaky_relu)(x, c))
RUN(elu, REAL(elu)(x, c))
RUN(selu_plain, REAL(selu)(x))
RUN(selu_of_any, REAL(selu_of_any)(x, c, c1))
CHOOSE(selu, p[0] == (real)FI_SELU_ALPHA && p[1] == (real)FI_SELU_GAMMA)
RUN(gelu, REAL(gelu)(x))
RUN(gelu_tanh, REAL(gelu_tanh)(x))
RUN(silu_plain, REAL(silu)(x))
RUN(silu_of_any, REAL(silu_of_any)(x, c))
CHOOSE(silu, p[0] == 1)
RUN(sigmoid, REAL(sigmoid)(x))
RUN(hard_sigmoid_plain, REAL(hard_sigmoid)(x))
RUN(hard_sigmoid_of_any, REAL(hard_sigmoid_of_any)(x, c, c1))
CHOOSE(hard_sigmoid, p[0] == (real)FI_SIXTH && p[1] == (real)0.5)
RUN(hard_silu, REAL(hard_silu)(x))
RUN(tanh, REAL(tanh)(x))
RUN(softplus_plain, REAL(softplus)(x, c, 1))
RUN(softplus_of_any, VR(select)(VR(lt)(c1, VR(mul)(c, x)), x, REAL(softplus)(x, c, 0)))
CHOOSE(softplus, p[0] == 1 && p[1] == (real)FI_ENDLESS)
RUN(softsign, REAL(softsign)(x))
RUN(mish, REAL(mish)(x))
RUN(exp, REAL(exp)(x))
RUN(celu, REAL(celu)(x, c))
RUN(log_sigmoid, REAL(log_sigmoid)(x))
RUN(hard_tanh, REAL(hard_tanh)(x, c, c1))
RUN(hard_shrink, REAL(hard_shrink)(x, c))
RUN(soft_shrink, REAL(soft_shrink)(x, c))
RUN(tanh_shrink, REAL(tanh_shrink)(x))
RUN(threshold, REAL(threshold)(x, c, c1))
RUN(thresholded_relu, REAL(threshold)(x, c, REAL(zero)()))
RUN(relu_squared, REAL(relu_squared)(x))
RUN(squareplus, REAL(squareplus)(x, c))
RUN(sparse_plus, REAL(sparse_plus)(x))
RUN(sparse_sigmoid, REAL(sparse_sigmoid)(x))
RUN(quick_gelu, REAL(quick_gelu)(x))
/* No activations, but passes of some that work on rows. */
RUN(multiply, VR(mul)(x, c))
RUN(negate, REAL(minus)(x))

/* What of a name works on one row, on all rows. Its output may begin where x does. */
#define ROWS(name, out_columns) \
    static void REAL(activate_##name)(const fi_function *function, const void *from, void *to, size_t rows, \
                                      size_t columns) \
    { \
        for (size_t r = 0; r < rows; r++) \
            REAL(name##_row)(function, (const real *)from + r * columns, (real *)to + r * (out_columns), columns); \
    }

/* out[i] = x[i] f(x[half + i]) of the two halves of a row; `out` may begin where `in` does. */
#define RUN_OF_HALVES(name, formula) \
    static inline void REAL(name##_row)(const fi_function *function, const real *in, real *out, size_t count) \
    { \
        const size_t half = count / 2; \
        const real *const gates = in + half; \
        size_t i = 0; \
        (void)function; \
        for (; i + REAL_LANES <= half; i += REAL_LANES) { \
            const vr x = VR(load)(gates + i); \
            VR(store)(out + i, VR(mul)(VR(load)(in + i), formula)); \
        } \
        if (i < half) { \
            real value[REAL_LANES] = {0}, gate[REAL_LANES] = {0}; \
            memcpy(value, in + i, (half - i) * sizeof(real)); \
            memcpy(gate, gates + i, (half - i) * sizeof(real)); \
            const vr x = VR(load)(gate); \
            VR(store)(value, VR(mul)(VR(load)(value), formula)); \
            memcpy(out + i, value, (half - i) * sizeof(real)); \
        } \
    } \
    ROWS(name, columns / 2)

RUN_OF_HALVES(glu, REAL(sigmoid)(x))
RUN_OF_HALVES(swiglu, REAL(silu)(x))
RUN_OF_HALVES(geglu, REAL(gelu)(x))

/* The slope of each column for x < 0, or one for all. */
static inline void REAL(prelu_row)(const fi_function *function, const real *in, real *out, size_t count)
{
    const real *const slopes = function->of_columns;
    if (!slopes) {
        REAL(activate_leaky_relu)(function, in, out, 1, count);
        return;
    }
    size_t i = 0;
    for (; i + REAL_LANES <= count; i += REAL_LANES)
        VR(store)(out + i, REAL(leaky_relu)(VR(load)(in + i), VR(load)(slopes + i)));
    if (i < count) {
        real value[REAL_LANES] = {0}, slope[REAL_LANES] = {0};
        memcpy(value, in + i, (count - i) * sizeof(real));
        memcpy(slope, slopes + i, (count - i) * sizeof(real));
        VR(store)(value, REAL(leaky_relu)(VR(load)(value), VR(load)(slope)));
        memcpy(out + i, value, (count - i) * sizeof(real));
    }
}
ROWS(prelu, columns)

/* ---- rows ---- */

/* The largest element; anything where one is a NaN. +0 if it is a zero, so that its sign depends on no order. */
static inline real REAL(row_max)(const real *x, size_t count)
{
    vr most = VR(set)(-__builtin_inff()), others[3] = {most, most, most}; /* four at a time: each waits for its last */
    size_t i = 0;
    for (; i + 4 * REAL_LANES <= count; i += 4 * REAL_LANES) {
        most = VR(max)(most, VR(load)(x + i));
        for (int j = 0; j < 3; j++)
            others[j] = VR(max)(others[j], VR(load)(x + i + (size_t)(j + 1) * REAL_LANES));
    }
    for (; i + REAL_LANES <= count; i += REAL_LANES)
        most = VR(max)(most, VR(load)(x + i));
    most = VR(max)(VR(max)(most, others[0]), VR(max)(others[1], others[2]));
    real lanes[REAL_LANES], m;
    VR(store)(lanes, most);
    for (int width = REAL_LANES / 2; width > 0; width /= 2)
        for (int j = 0; j < width; j++)
            lanes[j] = lanes[j + width] > lanes[j] ? lanes[j + width] : lanes[j];
    m = lanes[0];
    for (; i < count; i++)
        m = x[i] > m ? x[i] : m;
    return m + 0;
}

/* x - max as a number and what it is too much; exact but for what exp ignores. */
static inline REAL(pair) REAL(below_max)(vr x, vr max)
{
    const vr lowest = VR(set)(EXP_LOWEST);
    const vr d = VR(sub)(x, max), back = VR(sub)(d, x);
    const vr less = VR(add)(VR(sub)(VR(sub)(d, back), x), VR(add)(max, back)); /* of the sum (Knuth) */
    REAL(pair) y;
    y.high = d;
    y.more = VR(select)(VR(lt)(lowest, d), less, REAL(zero)()); /* no inf - inf */
    return y;
}

/* (x - max) - (high + more), a pass of log_softmax */
static inline vr REAL(lower)(vr x, vr max, vr high, vr more)
{
    const REAL(pair) d = REAL(below_max)(x, max);
    return VR(sub)(VR(sub)(d.high, high), VR(add)(d.more, more));
}
RUN(lower, REAL(lower)(x, c, c1, c2))

/* exp(x - max), a pass of softmax and log_softmax */
static inline vr REAL(term)(vr x, vr max)
{
    const REAL(pair) d = REAL(below_max)(x, max);
    const REAL(power) p = REAL(exp_split)(REAL(clamp_low)(d.high, EXP_LOWEST), d.more);
    return REAL(scale_down)(REAL(one_plus)(p.rest), p.n);
}
RUN(term, REAL(term)(x, c))

/* Lane l of sixteen, in float64 and from +0, adds elements l, l + 16, ...; then the lanes are added. The lanes of float64
 * elements carry their rounding errors along. */
#define BETWEEN_STOPS ((size_t)1 << 18) /* elements of a long row: a multiple of every vector */
#define TERMS 256 /* that lie in the first-level cache between the pass that makes them and the one that adds them */

typedef struct {
    vd sum[SUM_VECTORS], error[SUM_VECTORS];
} REAL(lanes);

/* Add whole blocks of SUM_LANES elements. */
static inline void REAL(add_to_lanes)(REAL(lanes) *lanes, const real *terms, size_t count)
{
    REAL(lanes) l = *lanes;
    for (size_t i = 0; i < count; i += SUM_LANES)
#if REAL_BITS == 32
        for (int j = 0; j < SUM_VECTORS; j += 2) {
            const vf some = vf_load(terms + i + j * (FI_LANES / 2));
            l.sum[j] = vd_add(l.sum[j], vd_from_f32_low(some));
            l.sum[j + 1] = vd_add(l.sum[j + 1], vd_from_f32_high(some));
        }
#else
        for (int j = 0; j < SUM_VECTORS; j++) {
            const vd term = vd_load(terms + i + j * (FI_LANES / 2));
            const vd total = vd_add(l.sum[j], term), back = vd_sub(total, l.sum[j]);
            const vd lost = vd_add(vd_sub(l.sum[j], vd_sub(total, back)), vd_sub(term, back)); /* Knuth */
            l.error[j] = vd_add(l.error[j], lost);
            l.sum[j] = total;
        }
#endif
    *lanes = l;
}

/* The sum of exp(x - max), less one for the element at `first`. The terms go to `out` if there is one. */
static inline double REAL(row_sum)(const real *x, size_t count, real max, real *out, size_t first)
{
    const fi_function of_max = {.parameter = {(double)max}};
    REAL(lanes) lanes;
    for (int j = 0; j < SUM_VECTORS; j++)
        lanes.sum[j] = lanes.error[j] = vd_set(0);
    for (size_t i = 0; i < count; i += TERMS) {
        const size_t n = count - i < TERMS ? count - i : TERMS, whole = n / SUM_LANES * SUM_LANES;
        real buffer[TERMS], *const terms = out ? out + i : buffer;
        if (i % BETWEEN_STOPS == 0 && i > 0 && fi_stop_asked())
            break;
        REAL(activate_term)(&of_max, x + i, terms, 1, n);
        if (first - i < n)
            terms[first - i] -= 1; /* leaves 0 or a NaN */
        REAL(add_to_lanes)(&lanes, terms, whole);
        if (whole < n) {
            real last[SUM_LANES] = {0};
            memcpy(last, terms + whole, (n - whole) * sizeof(real));
            REAL(add_to_lanes)(&lanes, last, SUM_LANES);
        }
    }
    for (int j = 0; j < SUM_VECTORS; j++)
        lanes.sum[j] = vd_add(lanes.sum[j], lanes.error[j]);
    return sum_of_lanes(lanes.sum);
}

/* A pass of a row's elements, with these parameters. */
static void REAL(pass)(fi_activate_run *run, double c, double c1, double c2, const real *x, real *out, size_t count)
{
    const fi_function function = {.parameter = {c, c1, c2}};
    for (size_t i = 0; i < count && (i == 0 || !fi_stop_asked()); i += BETWEEN_STOPS)
        run(&function, x + i, out + i, 1, count - i < BETWEEN_STOPS ? count - i : BETWEEN_STOPS);
}

/* Between its passes a row waits for one number, its maximum, its sum or the sum's logarithm, each of which takes about as
 * long as a hundred elements. Some short rows in step wait for theirs together. */
#define ROWS_IN_STEP 4
#define SHORT_ROW 2048
static inline size_t REAL(rows_in_step)(size_t rows, size_t columns)
{
    return columns > SHORT_ROW ? 1 : rows < ROWS_IN_STEP ? rows : ROWS_IN_STEP;
}

/* The place of the first maximum. */
static inline size_t REAL(first_of_max)(const real *x, size_t count, real max)
{
    size_t first = 0;
    while (first + REAL_LANES <= count && VR(all_less)(VR(load)(x + first), VR(set)(max)))
        first += REAL_LANES;
    while (first < count && x[first] < max)
        first++;
    return first;
}

/* exp(x - max) / sum; or its logarithm, (x - max) - log(sum), the sum being 1 + that of all but the first maximum, so that
 * nothing cancels. */
FI_ALWAYS_INLINE void REAL(shares)(const int logarithm, const real *x, real *out, size_t rows, size_t columns)
{
    for (size_t some; rows > 0; rows -= some, x += some * columns, out += some * columns) {
        real max[ROWS_IN_STEP];
        double sum[ROWS_IN_STEP];
        some = REAL(rows_in_step)(rows, columns);
        for (size_t r = 0; r < some; r++)
            max[r] = REAL(row_max)(x + r * columns, columns);
        for (size_t r = 0; r < some; r++) {
            const real *const row = x + r * columns;
            sum[r] = logarithm ? REAL(row_sum)(row, columns, max[r], NULL, REAL(first_of_max)(row, columns, max[r]))
                               : REAL(row_sum)(row, columns, max[r], out + r * columns, SIZE_MAX);
        }
        for (size_t r = 0; r < some && logarithm; r++)
            sum[r] = log1p_row(sum[r]);
        for (size_t r = 0; r < some; r++) {
            const real high = (real)sum[r], more = (real)(sum[r] - (double)high);
            real *const to = out + r * columns;
            if (logarithm)
                REAL(pass)(REAL(activate_lower), max[r], high, more, x + r * columns, to, columns);
            else
                REAL(pass)(REAL(activate_multiply), 1 / sum[r], 0, 0, to, to, columns);
        }
    }
}

static void REAL(activate_softmax)(const fi_function *function, const void *from, void *to, size_t rows, size_t columns)
{
    (void)function;
    REAL(shares)(0, from, to, rows, columns);
}

static void REAL(activate_log_softmax)(const fi_function *function, const void *from, void *to, size_t rows,
                                       size_t columns)
{
    (void)function;
    REAL(shares)(1, from, to, rows, columns);
}

static void REAL(activate_softmin)(const fi_function *function, const void *from, void *to, size_t rows, size_t columns)
{
    REAL(activate_negate)(function, from, to, rows, columns);
    REAL(activate_softmax)(function, to, to, rows, columns);
}

/* All values NaN, as softmax's of a row that has a NaN or +inf, or -inf alone. */
static void REAL(row_of_nan)(real *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (real)__builtin_nanf("");
}

/* Whether no element is a NaN. */
static inline int REAL(row_is_ordered)(const real *x, size_t count)
{
    int ordered = 1;
    for (size_t i = 0; i < count; i++)
        ordered &= x[i] == x[i];
    return ordered;
}

/* 1 for the first of the largest elements, 0 for others. */
static void REAL(hardmax_row)(const fi_function *function, const real *x, real *out, size_t count)
{
    (void)function;
    if (!REAL(row_is_ordered)(x, count)) {
        REAL(row_of_nan)(out, count);
        return;
    }
    size_t first = 0;
    for (size_t i = 1; i < count; i++)
        first = x[i] > x[first] ? i : first;
    memset(out, 0, count * sizeof *out);
    if (count > 0)
        out[first] = 1;
}
ROWS(hardmax, columns)

/* max(x - t, 0), with the t at which the sum is 1. In float64, of d = x - max: t is the mean of those d that are larger
 * than t, less 1 / their number; it begins at -1, below which none can be, and grows until no d falls out. */
static void REAL(sparsemax_row)(const fi_function *function, const real *x, real *out, size_t count)
{
    (void)function;
    const double max = (double)REAL(row_max)(x, count);
    if (!REAL(row_is_ordered)(x, count) || max - max != 0) {
        REAL(row_of_nan)(out, count);
        return;
    }
    double t = -1;
    for (size_t before = 0, support;; before = support) {
        double sum = 0, error = 0;
        support = 0;
        for (size_t i = 0; i < count; i++) {
            const double d = (double)x[i] - max;
            if (i % BETWEEN_STOPS == 0 && i > 0 && fi_stop_asked())
                return;
            if (!(d > t))
                continue;
            const double total = sum + d, back = total - sum;
            error += (sum - (total - back)) + (d - back); /* Knuth */
            sum = total;
            support++;
        }
        if (support == before)
            break;
        t = ((sum + error) - 1) / (double)support;
    }
    for (size_t i = 0; i < count; i++) {
        const double y = ((double)x[i] - max) - t;
        out[i] = (real)(y > 0 ? y : 0);
    }
}
ROWS(sparsemax, columns)
#undef RUN
#undef ROWS
#undef RUN_OF_HALVES
#undef CHOOSE
#undef RUN_VECTORS
#undef TERMS
#undef BETWEEN_STOPS
#undef ROWS_IN_STEP
#undef SHORT_ROW
