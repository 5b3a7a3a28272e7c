/* Fills buffers through the interface of fastinit.h and prints a hash of each: the kernels without Python,
 * for machines that only an emulator offers. test_native.py compiles, feeds and judges it.
 *
 *     harness            one line per instruction set: its name, compiled in (0 or 1), runnable (0 or 1)
 *     harness NAME       one hash per line of standard input, filled under that instruction set
 *
 * A line of input has 14 fields between blanks:
 *     law dtype a b c d key stream rows columns row_start row_stop column_start column_stop
 * law is `words` (a to d unused), `uniform` (low, high), `symmetric_uniform` (limit) or `normal` (mean, std,
 * lower, upper); a to d are C's floating constants, hexadecimal ones too, or inf; key and stream hexadecimal.
 *
 * The hash is 64-bit FNV-1a over the block's bytes: h = 0xCBF29CE484222325, then for each byte
 * h = (h ^ byte) * 0x100000001B3 mod 2^64.
 */
#include <fenv.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastinit.h"

static const char *const dtype_names[FI_DTYPE_COUNT] = {
    [FI_F32] = "float32", [FI_F16] = "float16", [FI_BF16] = "bfloat16", [FI_F64] = "float64", [FI_U32] = "uint32",
};

static _Noreturn void fail(const char *what, const char *detail)
{
    fprintf(stderr, "harness: %s%s\n", what, detail);
    exit(1);
}

static fi_dtype dtype_of(const char *name)
{
    for (int i = 0; i < FI_DTYPE_COUNT; i++)
        if (strcmp(name, dtype_names[i]) == 0)
            return (fi_dtype)i;
    fail("no such dtype: ", name);
}

static fi_plan plan_of(const char *law, fi_dtype dtype, const double a[4])
{
    fi_plan plan;
    if (strcmp(law, "words") == 0)
        fi_plan_words(&plan);
    else if (strcmp(law, "uniform") == 0)
        fi_plan_uniform(&plan, dtype, a[0], a[1]);
    else if (strcmp(law, "symmetric_uniform") == 0)
        fi_plan_symmetric_uniform(&plan, dtype, a[0]);
    else if (strcmp(law, "normal") == 0)
        fi_plan_normal(&plan, dtype, a[0], a[1], a[2], a[3]);
    else
        fail("no such law: ", law);
    return plan;
}

static uint64_t fnv1a(const unsigned char *bytes, size_t count)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < count; i++)
        h = (h ^ bytes[i]) * 0x100000001B3u;
    return h;
}

/* The block lies one element behind the start of its allocation and ends with it, so that a kernel that
 * asks for more alignment than an element's, or writes beyond the end, shows under a sanitizer. */
static uint64_t hash_of_block(const fi_plan *plan, const fi_source *source, const int64_t shape[2],
                              const int64_t start[2], const int64_t stop[2])
{
    const unsigned char untouched[8] = {0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5};
    const size_t itemsize = fi_itemsize(plan->dtype);
    const size_t bytes = (size_t)((stop[0] - start[0]) * (stop[1] - start[1])) * itemsize;
    unsigned char *memory = malloc(itemsize + bytes);
    if (!memory)
        fail("no memory", "");
    memset(memory, 0xA5, itemsize + bytes);
    fi_fill(plan, source, 2, shape, start, stop, memory + itemsize);
    if (memcmp(memory, untouched, itemsize) != 0)
        fail("written before the block", "");
    const uint64_t hash = fnv1a(memory + itemsize, bytes);
    free(memory);
    return hash;
}

static void list_isas(void)
{
    for (int i = 0; i < fi_isa_count(); i++)
        printf("%s %d %d\n", fi_isa_name(i), fi_isa_compiled(i), fi_isa_runnable(i));
}

static void use_isa(const char *name)
{
    for (int i = 0; i < fi_isa_count(); i++) {
        if (strcmp(name, fi_isa_name(i)) == 0 && fi_isa_compiled(i) && fi_isa_runnable(i)) {
            fi_isa_use(i);
            return;
        }
    }
    fail("not compiled in, or cannot run here: ", name);
}

int main(int argc, char **argv)
{
    char law[32], dtype[16];
    double a[4];
    fi_source source = {0, 0, NULL};
    int64_t shape[2], start[2], stop[2];
    int fields;

    if (argc < 2) {
        list_isas();
        return 0;
    }
    use_isa(argv[1]);
    /* A caller's own rounding mode must change no bit, and be there again afterwards. */
    if (fesetround(FE_UPWARD) != 0)
        fail("no rounding upward", "");
    while ((fields = scanf("%31s %15s %lf %lf %lf %lf %" SCNx64 " %" SCNx64 " %" SCNd64 " %" SCNd64 " %" SCNd64
                           " %" SCNd64 " %" SCNd64 " %" SCNd64,
                           law, dtype, &a[0], &a[1], &a[2], &a[3], &source.key, &source.stream, &shape[0],
                           &shape[1], &start[0], &stop[0], &start[1], &stop[1])) == 14) {
        const fi_plan plan = plan_of(law, dtype_of(dtype), a);
        printf("%016" PRIx64 "\n", hash_of_block(&plan, &source, shape, start, stop));
        if (fegetround() != FE_UPWARD)
            fail("the rounding mode was not put back", "");
    }
    if (fields != EOF)
        fail("a line of input that is no row", "");
    return 0;
}
