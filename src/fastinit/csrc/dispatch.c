/* Which instruction set runs: the ordered table, and the one in use. */
#include <string.h>

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

/* Set once at import, under the import lock; the tests alone change them later. */
static int current = 0, of_products = 0; /* the latter's kernels compute products of at least so much work */
static double products_from = 0;

/* Processors on which large products are faster by the kernels of another set than the best one, whose bits they have.
 * Only those that `dense` computes: an MLP keeps its weights as its own set wants them. */
static const struct {
    const char *vendor;
    int family;
    const char *best, *products;
    double from; /* so many multiplications */
} processors[] = {
    /* Zen 4, whose vector units are 256 bits wide. AVX-512's tile took 1.09 times the time of AVX2's at 1024^3 and 2048^3,
     * measured before both sets packed the left-hand matrix, and LLVM's model of the loops of today has 10.7 and 15.9
     * multiply-adds a cycle. Smaller products, and all fills, were faster by AVX-512: 0.67 to 0.80 of the time. */
    {"AuthenticAMD", 0x19, "avx512", "avx2", 0x1p30},
};

int fi_isa_count(void) { return (int)(sizeof isas / sizeof isas[0]); }
const char *fi_isa_name(int isa) { return isas[isa].name; }
int fi_isa_compiled(int isa) { return isas[isa].kernels != 0; }
int fi_isa_runnable(int isa) { return isas[isa].runnable(); }
int fi_isa_current(void) { return current; }
const fi_kernels *fi_current_kernels(void) { return isas[current].kernels; }
const fi_kernels *fi_product_kernels(double work) { return isas[work < products_from ? current : of_products].kernels; }
int fi_isa_of_products(void) { return of_products; }

void fi_isa_use(int isa) { fi_isa_use_both(isa, isa, 0); }

void fi_isa_use_both(int isa, int isa_of_products, double from)
{
    current = isa;
    of_products = isa_of_products;
    products_from = from;
}

static int number_of(const char *name)
{
    int isa = 0;
    while (strcmp(isas[isa].name, name) != 0)
        isa++;
    return isa;
}

double fi_isa_preferred(const char *vendor, int family, int best, int *isa_of_products)
{
    for (size_t i = 0; i < sizeof processors / sizeof processors[0]; i++)
        if (strcmp(processors[i].vendor, vendor) == 0 && processors[i].family == family &&
            strcmp(processors[i].best, isas[best].name) == 0) {
            *isa_of_products = number_of(processors[i].products);
            return processors[i].from;
        }
    *isa_of_products = best;
    return 0;
}

void fi_isa_use_best(int isa)
{
    const cpu_kind cpu = cpu_identity();
    int products;
    const double from = fi_isa_preferred(cpu.vendor, cpu.family, isa, &products);
    fi_isa_use_both(isa, products, from);
}
float fi_multiply_adds(int64_t count) { return isas[current].kernels->multiply_adds(count); }

void fi_fma(fi_dtype dtype, int negated, const void *a, const void *b, const void *c, void *out, int64_t count)
{
    const fpmode before = fpmode_enter();
    isas[current].kernels->fma(dtype, negated, a, b, c, out, count);
    fpmode_leave(before);
}
