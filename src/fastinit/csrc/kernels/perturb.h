/* What evolution strategies do with standard normals eps that lie in the first-level cache. The rest of a run that fills
 * no vector goes through buffers. */

FI_ALWAYS_INLINE void REAL(perturb_vector)(const real *theta, vr sigma, int negated, const real *eps, real *out)
{
    const vr centre = VR(load)(theta), e = VR(load)(eps);
    VR(store)(out, negated ? VR(fnma)(sigma, e, centre) : VR(fma)(sigma, e, centre));
}

FI_ALWAYS_INLINE void REAL(perturb_run)(const real *theta, const real *sigma, const int varies, const int negated,
                                        const real *eps, real *out, size_t count)
{
    const vr same = VR(set)(*sigma);
    size_t i = 0;
    for (; i + REAL_LANES <= count; i += REAL_LANES)
        REAL(perturb_vector)(theta + i, varies ? VR(load)(sigma + i) : same, negated, eps + i, out + i);
    if (i < count) {
        const size_t rest = (count - i) * sizeof(real);
        real t[REAL_LANES] = {0}, s[REAL_LANES] = {0}, e[REAL_LANES] = {0};
        memcpy(t, theta + i, rest);
        memcpy(e, eps + i, rest);
        if (varies)
            memcpy(s, sigma + i, rest);
        REAL(perturb_vector)(t, varies ? VR(load)(s) : same, negated, e, t);
        memcpy(out + i, t, rest);
    }
}

static void REAL(perturb)(const void *theta, const void *sigma, int varies, int negated, const void *eps, void *out,
                          size_t count)
{
    if (varies)
        REAL(perturb_run)(theta, sigma, 1, negated, eps, out, count);
    else
        REAL(perturb_run)(theta, sigma, 0, negated, eps, out, count);
}

FI_ALWAYS_INLINE void REAL(add_vector)(vr weight, const int squares, const real *eps, real *sum)
{
    const vr e = VR(load)(eps);
    VR(store)(sum, VR(fma)(weight, squares ? VR(mul)(e, e) : e, VR(load)(sum)));
}

FI_ALWAYS_INLINE void REAL(add_run)(const real *weight, const int squares, const real *eps, real *sum, size_t count)
{
    const vr w = VR(set)(*weight);
    size_t i = 0;
    for (; i + REAL_LANES <= count; i += REAL_LANES)
        REAL(add_vector)(w, squares, eps + i, sum + i);
    if (i < count) {
        const size_t rest = (count - i) * sizeof(real);
        real e[REAL_LANES] = {0}, s[REAL_LANES] = {0};
        memcpy(e, eps + i, rest);
        memcpy(s, sum + i, rest);
        REAL(add_vector)(w, squares, e, s);
        memcpy(sum + i, s, rest);
    }
}

static void REAL(add_weighted)(const void *weight, int squares, const void *eps, void *sum, size_t count)
{
    if (squares)
        REAL(add_run)(weight, 1, eps, sum, count);
    else
        REAL(add_run)(weight, 0, eps, sum, count);
}
