/* From a distribution and its bounds to the constants of a kernel. docs/stream.md states the formulas.
 *
 * The arithmetic here is float64 + - * /, in this order, without fma: its results reach the bits.
 */
#include <string.h>

#include "kernels/table.h"
#include "simd/fpmode.h"
#include "special.h"

#define INFINITE __builtin_inf()
#define TRUNCATED_STD 0.87962566103423978 /* of a standard normal in [-2, 2]: sqrt(1 - 4 density(2) / P(|Z| < 2)) */
#define NOINLINE __attribute__((noinline)) /* so that no arithmetic leaves the bracket of fpmode */

static double larger(double a, double b) { return a > b ? a : b; }
static double magnitude(double x) { return x < 0.0 ? -x : x; }
static double square_root(double x) { return __builtin_sqrt(x); } /* an instruction, rounded correctly: no libm */

/* ---- rounding to a dtype ---- */

static double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static uint64_t bits_of(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}
static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static uint32_t bits_of32(float x)
{
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static double below64(double x) /* the largest double below x */
{
    return x == 0.0 ? -double_of(1) : double_of(bits_of(x) + (x > 0.0 ? (uint64_t)-1 : 1));
}

/* The spacing of the dtype's values at x, as a power of two. */
static double quantum(double x, fi_dtype dtype)
{
    const int digits = dtype == FI_F32 ? 24 : dtype == FI_F16 ? 11 : 8;
    const int lowest = dtype == FI_F16 ? -14 : -126;
    int exponent = (int)(bits_of(x) >> 52 & 0x7FF) - 1023;
    if (exponent < lowest)
        exponent = lowest;
    return double_of((uint64_t)(exponent - digits + 1 + 1023) << 52);
}

static int is_infinite(double x) { return magnitude(x) == INFINITE; }

/* The largest value of the dtype that is <= x. */
static double round_down(double x, fi_dtype dtype)
{
    if (dtype == FI_F64 || is_infinite(x))
        return x;
    double unit = quantum(x, dtype), n = x / unit, whole = (double)(int64_t)n;
    return (whole > n ? whole - 1.0 : whole) * unit;
}

/* Subtracted from zero, not negated: a bound of zero is +0. */
static double round_up(double x, fi_dtype dtype) { return 0.0 - round_down(-x, dtype); }

static double round_nearest(double x, fi_dtype dtype)
{
    if (dtype == FI_F64 || is_infinite(x))
        return x;
    double unit = quantum(x, dtype);
    const double shift = 0x1.8p52; /* adding it rounds to an integer, ties to even */
    return ((x / unit + shift) - shift) * unit;
}

/* ---- common parts ---- */

static void begin(fi_law *law, fi_dtype dtype, fi_method method)
{
    memset(law, 0, sizeof *law);
    law->dtype = dtype;
    law->method = method;
}

static void set_affine(fi_law *law, double std, double mean)
{
    law->f32.std = (float)std;
    law->f32.mean = (float)mean;
    law->f64.std = std;
    law->f64.mean = mean;
}

static void set_bounds(fi_law *law, double low, double high)
{
    law->f32.low = (float)low;
    law->f32.high = (float)high;
    law->f64.low = low;
    law->f64.high = high;
}

/* The closed interval, rounded inward; to nearest if no value of the dtype lies inside. */
static void set_closed_bounds(fi_law *law, double low, double high)
{
    double up = round_up(low, law->dtype), down = round_down(high, law->dtype);
    if (up <= down)
        set_bounds(law, up, down);
    else
        set_bounds(law, round_nearest(low, law->dtype), round_nearest(high, law->dtype));
}

static void set_uniform(fi_law *law, double half_width, double middle)
{
    set_affine(law, half_width, middle);
    law->f32.scale_first = (float)half_width < 0x1p-90f;
    if (!law->f32.scale_first)
        law->f32.std *= 0x1p-31f; /* exact */
}

/* ---- uniform ---- */

NOINLINE static void law_uniform(fi_law *law, fi_dtype dtype, double low, double high)
{
    low += 0.0; /* equal arguments give equal bits: no zero has a sign */
    high += 0.0;
    begin(law, dtype, FI_METHOD_UNIFORM);
    set_uniform(law, high * 0.5 - low * 0.5, low * 0.5 + high * 0.5);
    double first = round_up(low, dtype), last = round_down(below64(high), dtype);
    if (first <= last)
        set_bounds(law, first, last);
    else /* low == high, or no value of the dtype between them */
        set_bounds(law, round_nearest(low, dtype), round_nearest(low, dtype));
}

NOINLINE static void law_symmetric_uniform(fi_law *law, fi_dtype dtype, double limit)
{
    begin(law, dtype, FI_METHOD_UNIFORM);
    set_uniform(law, limit, 0.0);
    /* float32's limit is itself rounded to nearest; the shorter dtypes stay inside of it. */
    const double inside = dtype == FI_F64 ? limit : round_down((double)(float)limit, dtype);
    set_bounds(law, -inside, inside);
}

/* ---- normal ---- */

typedef struct {
    double low, high;
} ends;

/* z of two elements, by the law's own kernel; `words` are theirs, one or two each. */
static ends z_of_words(const fi_law *law, const uint32_t words[4])
{
    uint32_t padded[FI_WORDS_PADDING] = {words[0], words[1], words[2], words[3]};
    fi_source source = {0, 0, padded};
    fi_law bare = *law;
    float z32[2];
    double z64[2];
    set_affine(&bare, 1.0, 0.0);
    set_bounds(&bare, -INFINITE, INFINITE);
    if (law->dtype == FI_F64) {
        fi_current_kernels()->fill[law->method][FI_F64](&bare, &source, 0, 2, z64);
        return (ends){z64[0], z64[1]};
    }
    fi_current_kernels()->fill[law->method][FI_F32](&bare, &source, 0, 2, z32);
    return (ends){z32[0], z32[1]};
}

/* The outermost words must not fall outside the bounds: what is clamped there piles up. The constants
 * are rounded, so a few of the last values could. Then the constant that rules the tail's mass at this
 * end moves inward by a few units in its last place, which hardly shows elsewhere. The limit on the steps
 * only makes the loop's end evident. */
#define MOST_STEPS 64
#define ULPS_PER_STEP 2

static float moved32(float x, int ulps) { return float_of(bits_of32(x) + (uint32_t)ulps); }
static double moved64(double x, int ulps) { return double_of(bits_of(x) + (uint64_t)(int64_t)ulps); }

/* The bound as a z of the law's kernel can be: in float32, or in float64. */
static double z_nearest(const fi_law *law, double bound)
{
    return law->dtype == FI_F64 || is_infinite(bound) ? bound : (double)(float)bound;
}

static void fit_symmetric(fi_law *law, double bound)
{
    const uint32_t last32[4] = {0x7FFFFFFFu, 0x7FFFFFFFu, 0, 0};
    const uint32_t last64[4] = {0xFFFFFFFFu, 0x000FFFFFu, 0xFFFFFFFFu, 0x000FFFFFu};
    const uint32_t *last = law->dtype == FI_F64 ? last64 : last32;
    const double most = z_nearest(law, bound);
    for (int i = 0; i < MOST_STEPS && z_of_words(law, last).high > most; i++) {
        law->f32.q_offset = moved32(law->f32.q_offset, ULPS_PER_STEP);
        law->f64.q_offset = moved64(law->f64.q_offset, ULPS_PER_STEP);
    }
}

static void fit_asymmetric(fi_law *law, double lower, double upper)
{
    const uint32_t ends32[4] = {0, 0xFFFFFFFFu, 0, 0};
    const uint32_t ends64[4] = {0, 0, 0xFFFFFFFFu, 0x000FFFFFu};
    const uint32_t *words = law->dtype == FI_F64 ? ends64 : ends32;
    const double least = z_nearest(law, lower), most = z_nearest(law, upper);
    fi_law32 *f = &law->f32;
    fi_law64 *d = &law->f64;
    for (int i = 0; i < MOST_STEPS; i++) {
        const ends z = z_of_words(law, words);
        if (z.low >= least && z.high <= most)
            break;
        if (z.low < least && lower < 0.0) {
            f->lo_offset = moved32(f->lo_offset, 1);
            d->lo_offset = moved64(d->lo_offset, 1);
        } else if (z.low < least) {
            f->hi_scale = moved32(f->hi_scale, -1);
            d->hi_scale = moved64(d->hi_scale, -1);
        }
        if (z.high > most && upper > 0.0) {
            f->hi_offset = moved32(f->hi_offset, 1);
            d->hi_offset = moved64(d->hi_offset, 1);
        } else if (z.high > most) {
            f->lo_scale = moved32(f->lo_scale, -1);
            d->lo_scale = moved64(d->lo_scale, -1);
        }
    }
}

static void set_symmetric(fi_law *law, double bound)
{
    const int whole = is_infinite(bound);
    const double c = whole ? 1.0 : fi_erf_sqrt2(bound), rest = whole ? 0.0 : fi_erfc_sqrt2(bound);
    law->method = FI_METHOD_SYMMETRIC;
    law->f32.y_scale = (float)(c * 0x1p-31);
    law->f32.y_offset = law->f32.y_scale * 0.5f;
    law->f32.q_scale = (float)(c * 0x1p-30);
    law->f32.q_offset = (float)(2.0 * rest + c * 0x1p-31);
    law->f64.y_scale = c;
    law->f64.q_scale = 2.0 * c;
    law->f64.q_offset = 2.0 * rest;
    if (!whole)
        fit_symmetric(law, bound);
}

/* 2 P(Z > x) */
static double twice_above(double x) { return x >= 0.0 ? fi_erfc_sqrt2(x) : 1.0 + fi_erf_sqrt2(-x); }

/* 2 P(lower < Z < upper) */
static double twice_between(double lower, double upper)
{
    if (lower >= 0.0)
        return fi_erfc_sqrt2(lower) - fi_erfc_sqrt2(upper);
    if (upper <= 0.0)
        return fi_erfc_sqrt2(-upper) - fi_erfc_sqrt2(-lower);
    return fi_erf_sqrt2(-lower) + fi_erf_sqrt2(upper);
}

static void set_asymmetric(fi_law *law, double lower, double upper, double mass)
{
    const double below = 2.0 * twice_above(-lower), above = 2.0 * twice_above(upper);
    law->method = FI_METHOD_ASYMMETRIC;
    law->f32.lo_scale = law->f32.hi_scale = (float)(mass * 0x1p-30);
    law->f32.lo_offset = (float)(below + mass * 0x1p-31);
    law->f32.hi_offset = (float)(above + mass * 0x1p-31);
    law->f64.lo_scale = law->f64.hi_scale = 2.0 * mass;
    law->f64.lo_offset = below;
    law->f64.hi_offset = above;
    fit_asymmetric(law, lower, upper);
}

/* Where a normal is cut off: in units of its std, and where the values end. */
typedef struct {
    double lower, upper, width; /* of z; the width is no difference of the two where that would lose digits */
    double low, high, middle, half_width; /* of the values */
    double point; /* the one value, if the width is zero */
} cut;

/* With middle m and half width h, h max(1, |m|) <= 1/8 or so: the density over its value at m is
 * exp(-m s - s^2 / 2) = sum of f_n s^n, f_{n+1} = -(m f_n + f_{n-1}) / (n + 1), integrated term by term;
 * the inverse X(p) obeys X' = U, U' = X U^2, and U = the integral at the middle. */
static void set_narrow(fi_law *law, const cut *at, double std)
{
    enum { TERMS = FI_SERIES_TERMS + 1 };
    const double h = at->width * 0.5, m = at->lower + h, mh = m * h, hh = h * h;
    double before = 0.0, term = 1.0, left = 0.0, right = 0.0;
    double x[TERMS], u[TERMS], v[TERMS];

    for (int n = 0; n < 2 * TERMS; n++) { /* term = f_n h^n */
        const double part = term / (n + 1), next = -(mh * term + hh * before) / (n + 1);
        right = right + part;
        left = left + (n % 2 ? -part : part);
        before = term;
        term = next;
    }
    x[0] = m;
    u[0] = h * (left + right);
    for (int n = 0; n < TERMS - 1; n++) {
        double square = 0.0, product = 0.0;
        for (int j = 0; j <= n; j++)
            square = square + u[j] * u[n - j];
        v[n] = square;
        for (int j = 0; j <= n; j++)
            product = product + x[j] * v[n - j];
        u[n + 1] = product / (n + 1);
        x[n + 1] = u[n] / (n + 1);
    }
    law->method = FI_METHOD_NARROW;
    law->f64.centre = left / (left + right);
    for (int j = 0; j < FI_SERIES_TERMS; j++)
        law->f64.series[j] = x[j + 1];
    set_affine(law, std, at->middle);
}

static void set_tail(fi_law *law, double near, double far, double mean, double std)
{
    const double mills = special_mills(near);
    double rest = 0.0;
    if (!is_infinite(far))
        rest = fi_exp(-0.5 * ((far - near) * (far + near))) * special_mills(far) / mills;
    law->method = FI_METHOD_TAIL;
    law->f64.tail_rest = rest;
    law->f64.tail_mass = 1.0 - rest;
    law->f64.tail_log = 0.5 * (near * near) - fi_log(special_sqrt2_over_pi() * mills);
    set_affine(law, std, mean);
}

/* The bounds are in units of std. */
NOINLINE static cut cut_of_z(double mean, double std, double lower, double upper)
{
    cut at = {.lower = lower, .upper = upper, .width = upper - lower};
    at.low = is_infinite(lower) ? lower : mean + std * lower;
    at.high = is_infinite(upper) ? upper : mean + std * upper;
    at.middle = mean + std * (lower + at.width * 0.5);
    at.half_width = std * (at.width * 0.5);
    at.point = at.low;
    return at;
}

static double standardised(double bound, double mean, double std)
{
    const double apart = bound - mean;
    if (is_infinite(bound) || !is_infinite(apart))
        return is_infinite(bound) ? bound : apart / std;
    return (bound * 0.5 - mean * 0.5) / std * 2.0;
}

/* The bounds are values. */
NOINLINE static cut cut_of_values(double mean, double std, double low, double high)
{
    cut at = {.low = low, .high = high, .middle = low * 0.5 + high * 0.5, .half_width = high * 0.5 - low * 0.5};
    at.point = low;
    if (std == 0.0) { /* the value nearest to the mean */
        at.point = mean < low ? low : mean > high ? high : mean;
        return at;
    }
    at.lower = standardised(low, mean, std);
    at.upper = standardised(high, mean, std);
    at.width = (high - low) / std;
    return at;
}

NOINLINE static void law_normal(fi_law *law, fi_dtype dtype, double mean, double std, const cut *at)
{
    const double lower = at->lower, upper = at->upper;
    const double size = larger(magnitude(lower), magnitude(upper));
    const double least = magnitude(lower) < magnitude(upper) ? magnitude(lower) : magnitude(upper);
    const double mass = twice_between(lower, upper);

    begin(law, dtype, FI_METHOD_SYMMETRIC);
    set_closed_bounds(law, at->low, at->high);
    set_affine(law, std, mean);

    if (at->width == 0.0) { /* a single point */
        law->method = FI_METHOD_UNIFORM;
        set_uniform(law, 0.0, at->point);
    } else if (lower == -upper && size < 0x1p-30) { /* the density varies by less than 2^-60 */
        law->method = FI_METHOD_UNIFORM;
        set_uniform(law, at->half_width, at->middle);
    } else if (mass >= 0.125) {
        if (lower == -upper)
            set_symmetric(law, upper);
        else
            set_asymmetric(law, lower, upper, mass);
    } else if (at->width * larger(1.0, size) <= 0.25) {
        set_narrow(law, at, std);
    } else if (least >= 0x1p30) { /* all but 2^-60 of it rounds to the near end */
        law->method = FI_METHOD_UNIFORM;
        set_uniform(law, 0.0, lower > 0.0 ? at->low : at->high);
    } else if (lower > 0.0) {
        set_tail(law, lower, upper, mean, std);
    } else { /* the lower tail is the upper one mirrored */
        set_tail(law, -upper, -lower, mean, -std);
    }
}

NOINLINE static double scaled_spread(double scale, double fans, fi_fan fan, fi_scaled kind)
{
    const double n = fan == FI_FAN_HALF ? fans * 0.5 : fan == FI_FAN_ROOT ? square_root(fans) : fans;
    const double variance = scale / larger(1.0, n);
    if (kind == FI_SCALED_UNIFORM)
        return square_root(3.0 * variance);
    return kind == FI_SCALED_NORMAL ? square_root(variance) : square_root(variance) / TRUNCATED_STD;
}

/* ---- the interface ---- */

void fi_law_words(fi_law *law) { begin(law, FI_U32, FI_METHOD_WORDS); }

void fi_law_uniform(fi_law *law, fi_dtype dtype, double low, double high)
{
    const fpmode before = fpmode_enter();
    law_uniform(law, dtype, low, high);
    fpmode_leave(before);
}

void fi_law_symmetric_uniform(fi_law *law, fi_dtype dtype, double limit)
{
    const fpmode before = fpmode_enter();
    law_symmetric_uniform(law, dtype, limit);
    fpmode_leave(before);
}

double fi_scaled_spread(double scale, double fans, fi_fan fan, fi_scaled kind)
{
    const fpmode before = fpmode_enter();
    const double spread = scaled_spread(scale, fans, fan, kind);
    fpmode_leave(before);
    return spread;
}

void fi_law_normal(fi_law *law, fi_dtype dtype, double mean, double std, double lower, double upper)
{
    const fpmode before = fpmode_enter();
    /* No zero has a sign, as in law_uniform. */
    const cut at = cut_of_z(mean + 0.0, std + 0.0, lower + 0.0, upper + 0.0);
    law_normal(law, dtype, mean + 0.0, std + 0.0, &at);
    fpmode_leave(before);
}

void fi_law_normal_between(fi_law *law, fi_dtype dtype, double mean, double std, double low, double high)
{
    const fpmode before = fpmode_enter();
    const cut at = cut_of_values(mean + 0.0, std + 0.0, low + 0.0, high + 0.0);
    law_normal(law, dtype, mean + 0.0, std + 0.0, &at);
    fpmode_leave(before);
}
