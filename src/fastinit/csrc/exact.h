/* No bit is promised from a compiler that may take one value or operation for another. setup.py's flags come last and
 * forbid it; this refuses whatever they did not reach. */
#ifndef FASTINIT_EXACT_H
#define FASTINIT_EXACT_H

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) || \
    defined(__NO_SIGNED_ZEROS__) || defined(__RECIPROCAL_MATH__) || defined(__ASSOCIATIVE_MATH__)
#error "fastinit needs exact floating-point arithmetic: compile it without flags that relax it, such as -ffast-math"
#endif
#if defined(__x86_64__) && (!defined(__SSE2_MATH__) || __FLT_EVAL_METHOD__ < 0)
#error "fastinit needs the arithmetic of SSE2 alone: compile it without -mfpmath=387 and the like"
#endif
_Static_assert(sizeof 0.1 == sizeof(double),
               "fastinit needs constants in float64, without -fsingle-precision-constant");

#endif
