/* What this processor and its operating system can run. */
#ifndef FASTINIT_CPU_H
#define FASTINIT_CPU_H

int cpu_has_neon(void);
int cpu_has_sse42(void);  /* with POPCNT, which compilers may use with it */
int cpu_has_avx2(void);   /* with FMA and F16C */
int cpu_has_avx512(void); /* F, BW, DQ and VL, and all that AVX2 needs */

/* The name and the family that an x86-64 processor gives itself, or "" and 0. */
typedef struct {
    char vendor[13];
    int family;
} cpu_kind;
cpu_kind cpu_identity(void);

#endif
