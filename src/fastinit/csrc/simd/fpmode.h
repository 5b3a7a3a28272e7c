/* The floating-point mode that the bits are promised in: round to nearest, subnormals kept. A library
 * built with -Ofast may have set another for the whole process; the caller's mode is put back. */
#ifndef FASTINIT_FPMODE_H
#define FASTINIT_FPMODE_H

#include <stdint.h>

typedef uint64_t fpmode;

#if defined(__x86_64__)

static inline fpmode fpmode_enter(void)
{
    unsigned before = __builtin_ia32_stmxcsr();
    if ((before & ~0x3Fu) != 0x1F80) /* the default: all exceptions masked, nothing flushed; below it are flags */
        __builtin_ia32_ldmxcsr(0x1F80);
    return before;
}
static inline void fpmode_leave(fpmode before) { __builtin_ia32_ldmxcsr((unsigned)before); }

#elif defined(__aarch64__)

static inline fpmode fpmode_enter(void)
{
    fpmode before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"((fpmode)0));
    return before;
}
static inline void fpmode_leave(fpmode before) { __asm__ volatile("msr fpcr, %0" : : "r"(before)); }

#else
#error "fastinit runs on x86-64 and aarch64"
#endif
#endif
