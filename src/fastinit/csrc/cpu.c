#include "cpu.h"
#include "fastinit.h"
#include "simd/fpmode.h"

uint64_t fi_enter_standard_mode(void) { return fpmode_enter(); }
void fi_leave_standard_mode(uint64_t before) { fpmode_leave(before); }

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

#define BIT(x, n) ((x) >> (n) & 1u)

/* The register state that the operating system saves: XCR0, or 0 without XSAVE. */
static uint64_t saved_state(void)
{
    unsigned a, b, c, d;
    uint32_t low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !BIT(c, 27)) /* OSXSAVE */
        return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

int cpu_has_sse42(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    return BIT(c, 0) && BIT(c, 9) && BIT(c, 19) && BIT(c, 20) && BIT(c, 23); /* SSE3, SSSE3, 4.1, 4.2, POPCNT */
}

int cpu_has_avx2(void)
{
    const uint64_t ymm = 0x6; /* SSE and AVX state */
    unsigned a, b, c, d;
    if ((saved_state() & ymm) != ymm || !__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    if (!BIT(c, 12) || !BIT(c, 28) || !BIT(c, 29)) /* FMA, AVX, F16C */
        return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && BIT(b, 5); /* AVX2 */
}

int cpu_has_avx512(void)
{
    const uint64_t zmm = 0xE6; /* the above, mask registers and both halves of the zmm registers */
    unsigned a, b, c, d;
    if (!cpu_has_avx2() || (saved_state() & zmm) != zmm || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return 0;
    return BIT(b, 16) && BIT(b, 17) && BIT(b, 30) && BIT(b, 31); /* F, DQ, BW, VL */
}

int cpu_has_neon(void) { return 0; }

cpu_kind cpu_identity(void)
{
    cpu_kind kind = {"", 0};
    unsigned a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d))
        return kind;
    memcpy(kind.vendor, &b, 4);
    memcpy(kind.vendor + 4, &d, 4);
    memcpy(kind.vendor + 8, &c, 4);
    if (__get_cpuid(1, &a, &b, &c, &d)) {
        kind.family = (int)(a >> 8 & 15);
        kind.family += kind.family == 15 ? (int)(a >> 20 & 255) : 0;
    }
    return kind;
}

#else

cpu_kind cpu_identity(void) { return (cpu_kind){"", 0}; }

int cpu_has_sse42(void) { return 0; }
int cpu_has_avx2(void) { return 0; }
int cpu_has_avx512(void) { return 0; }

#if defined(__aarch64__)
int cpu_has_neon(void) { return 1; } /* part of the architecture */
#else
int cpu_has_neon(void) { return 0; }
#endif

#endif
