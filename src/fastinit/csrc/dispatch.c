/* Which instruction set runs: the ordered table, and the one in use. */
#include "cpu.h"
#include "kernels/table.h"
#include "simd/fpmode.h"

typedef struct {
    const char *name;
    const fi_kernels *kernels; /* NULL where not compiled in */
    int (*runnable)(void);
} isa_entry;

static int always(void) { return 1; }

#if defined(__x86_64__)
static const isa_entry isas[] = {
    {"scalar", &fi_kernels_scalar, always},         {"neon", 0, cpu_has_neon},
    {"sse42", &fi_kernels_sse42, cpu_has_sse42},    {"avx2", &fi_kernels_avx2, cpu_has_avx2},
    {"avx512", &fi_kernels_avx512, cpu_has_avx512},
};
#else
static const isa_entry isas[] = {
    {"scalar", &fi_kernels_scalar, always},
    {"neon", &fi_kernels_neon, cpu_has_neon},
    {"sse42", 0, cpu_has_sse42},
    {"avx2", 0, cpu_has_avx2},
    {"avx512", 0, cpu_has_avx512},
};
#endif

/* Set once at import, under the import lock; the tests alone change it later. */
static int current = 0;

int fi_isa_count(void) { return (int)(sizeof isas / sizeof isas[0]); }
const char *fi_isa_name(int isa) { return isas[isa].name; }
int fi_isa_compiled(int isa) { return isas[isa].kernels != 0; }
int fi_isa_runnable(int isa) { return isas[isa].runnable(); }
int fi_isa_current(void) { return current; }
void fi_isa_use(int isa) { current = isa; }
const fi_kernels *fi_current_kernels(void) { return isas[current].kernels; }
float fi_multiply_adds(int64_t count) { return isas[current].kernels->multiply_adds(count); }

void fi_fma(fi_dtype dtype, int negated, const void *a, const void *b, const void *c, void *out, int64_t count)
{
    const fpmode before = fpmode_enter();
    isas[current].kernels->fma(dtype, negated, a, b, c, out, count);
    fpmode_leave(before);
}
