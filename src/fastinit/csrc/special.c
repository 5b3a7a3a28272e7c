/* exp, log, erf and erfc in float64 for the constants of a law.
 *
 * They use + - * / and scaling by powers of two alone, in a fixed order and without fma or libm, so that
 * their bits are the same everywhere and in tests/oracle/stream.py. Errors are below 1e-15 relative, which
 * tests/kernels/test_reference.py asserts.
 */
#include "special.h"

#include <string.h>

#include "fastinit.h"
#include "generated/tables.h"

#define LENGTH(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* sqrt(2 / pi) */
double special_sqrt2_over_pi(void) { return fi_erf_series[0]; }

static double horner(const double *c, int count, double x)
{
    double r = c[count - 1];
    for (int j = count - 2; j >= 0; j--)
        r = r * x + c[j];
    return r;
}

/* 2^n for -1022 <= n <= 1023 */
static double power_of_two(int n)
{
    uint64_t bits = (uint64_t)(n + 1023) << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* exp(high + low), |low| far smaller; 0 below -745, where the result would round to it. */
static double exp_sum(double high, double low)
{
    if (high < -745.0)
        return 0.0;
    int n = (int)(high / fi_ln2[0] + (high < 0 ? -0.5 : 0.5));
    double r = ((high - n * fi_ln2[0]) - n * fi_ln2[1]) + low;
    double e = horner(fi_exp_series, LENGTH(fi_exp_series), r);
    int half = n / 2;
    return e * power_of_two(half) * power_of_two(n - half);
}

/* x < 709 */
double fi_exp(double x) { return exp_sum(x, 0.0); }

/* x positive and normal */
double fi_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int n = (int)(bits >> 52) - 1023;
    bits = (bits & 0x000FFFFFFFFFFFFFu) | 0x3FF0000000000000u;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m = m * 0.5;
        n = n + 1;
    }
    double f = (m - 1.0) / (m + 1.0);
    double log_m = f * horner(fi_log_series, LENGTH(fi_log_series), f * f);
    return n * fi_ln2[0] + (log_m + n * fi_ln2[1]);
}

/* exp(-x^2 / 2): the square enters with its rounding error (Dekker's product). */
double special_exp_minus_half_square(double x)
{
    if (x > 40.0)
        return 0.0;
    double big = x * 134217729.0; /* 2^27 + 1 */
    double head = big - (big - x), tail = x - head;
    double square = x * x;
    double error = ((head * head - square) + 2.0 * head * tail) + tail * tail;
    return exp_sum(-0.5 * square, -0.5 * error);
}

/* Mills' ratio P(Z > x) / density(x), x >= 3/7. */
double special_mills(double x)
{
    double u = (x - 3.0) / (x + 3.0);
    double s = (u + 0.75) * 8.0 / 7.0 - 1.0;
    return horner(fi_mills, LENGTH(fi_mills), s) / (1.0 + x);
}

double fi_erfc_sqrt2(double x)
{
    if (x < 1.0)
        return 1.0 - fi_erf_sqrt2(x);
    if (x > 40.0)
        return 0.0;
    return special_sqrt2_over_pi() * special_exp_minus_half_square(x) * special_mills(x);
}

double fi_erf_sqrt2(double x)
{
    if (x < 1.0)
        return x * horner(fi_erf_series, LENGTH(fi_erf_series), x * x);
    return 1.0 - fi_erfc_sqrt2(x);
}
