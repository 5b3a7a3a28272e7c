/* What the compiler shall do where the speed depends on it. */
#ifndef FASTINIT_INLINE_H
#define FASTINIT_INLINE_H

#if defined(__GNUC__)
#define FI_ALWAYS_INLINE static inline __attribute__((always_inline))
#define FI_OPAQUE(pointer) __asm__("" : "+r"(pointer)) /* the compiler shall not derive it from others */
#define FI_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#else
#define FI_ALWAYS_INLINE static inline
#define FI_OPAQUE(pointer) (void)0
#define FI_UNLIKELY(condition) (condition)
#endif

#endif
