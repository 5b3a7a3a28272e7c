/* Fills buffers through the interface of fastinit.h and prints a hash of each: the kernels without Python,
 * for machines that only an emulator offers. test_native.py compiles, feeds and judges it.
 *
 *     harness            one line per instruction set: its name, compiled in (0 or 1), runnable (0 or 1)
 *     harness NAME       one hash per row of standard input, filled under that instruction set
 *
 * A row is a law and where its words come from, in fields between blanks:
 *     law dtype a b c d philox key stream rows columns row_start row_stop column_start column_stop
 *     law dtype a b c d given count word ...
 *     law dtype a b c d orthogonal key stream rows columns first_column last_column number pairs transposed gain
 * The law is `words` (a to d unused), `uniform` (low, high), `symmetric_uniform` (limit) or `normal` (mean,
 * std, lower, upper; standard for `orthogonal`); a to d are C's floating constants or inf; key, stream and words are hexadecimal; count
 * is a multiple of FI_WORDS_PADDING. Or it is `activate` (the activation's code, its parameter, columns, d
 * unused), applied in place to given values, as many words as there may be; all NaNs are made one.
 *
 * The hash is 64-bit FNV-1a over the values' bytes: h = 0xCBF29CE484222325, then for each byte
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

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    if (!memory)
        fail("no memory", "");
    return memory;
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
static uint64_t hash_of_block(fi_job *job)
{
    const unsigned char untouched[8] = {0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5};
    const size_t itemsize = fi_itemsize(job->plan->dtype);
    const size_t bytes = (size_t)((job->stop[0] - job->start[0]) * (job->stop[1] - job->start[1])) * itemsize;
    unsigned char *memory = allocate(itemsize + bytes);
    memset(memory, 0xA5, itemsize + bytes);
    job->out = memory + itemsize;
    fi_fill(job, 1, 1);
    if (memcmp(memory, untouched, itemsize) != 0)
        fail("written before the block", "");
    const uint64_t hash = fnv1a(job->out, bytes);
    free(memory);
    return hash;
}

static uint64_t hash_from_philox(const fi_plan *plan)
{
    fi_job job = {.plan = plan, .ndim = 2};
    if (scanf("%" SCNx64 " %" SCNx64, &job.source.key, &job.source.stream) != 2 ||
        scanf("%" SCNd64 " %" SCNd64, &job.shape[0], &job.shape[1]) != 2 ||
        scanf("%" SCNd64 " %" SCNd64, &job.start[0], &job.stop[0]) != 2 ||
        scanf("%" SCNd64 " %" SCNd64, &job.start[1], &job.stop[1]) != 2)
        fail("a block that is none", "");
    return hash_of_block(&job);
}

static uint64_t hash_from_given(const fi_plan *plan)
{
    int64_t count;
    if (scanf("%" SCNd64, &count) != 1 || count <= 0 || count % FI_WORDS_PADDING != 0)
        fail("a number of words that is none", "");
    uint32_t *words = allocate((size_t)count * sizeof *words);
    for (int64_t i = 0; i < count; i++)
        if (scanf("%" SCNx32, &words[i]) != 1)
            fail("a word that is none", "");
    const int64_t elements = plan->dtype == FI_F64 ? count / 2 : count;
    fi_job job = {plan, {0, 0, words}, .ndim = 2, .shape = {1, elements}, .stop = {1, elements}};
    const uint64_t hash = hash_of_block(&job);
    free(words);
    return hash;
}

static uint64_t hash_of_activation(fi_dtype dtype, const double a[4])
{
    const size_t itemsize = fi_itemsize(dtype);
    int64_t count;
    if (scanf("%" SCNd64, &count) != 1 || count <= 0 || (size_t)count * 4 % itemsize != 0)
        fail("a number of words that is none", "");
    uint32_t *words = allocate((size_t)count * sizeof *words);
    for (int64_t i = 0; i < count; i++)
        if (scanf("%" SCNx32, &words[i]) != 1)
            fail("a word that is none", "");
    const int64_t elements = (int64_t)((size_t)count * 4 / itemsize), columns = (int64_t)a[2];
    fi_activate(dtype, (fi_activation)(int)a[0], a[1], words, words, elements / columns, columns, 1);
    for (int64_t i = 0; i < elements; i++) {
        if (dtype == FI_F64) {
            uint64_t bits;
            memcpy(&bits, words + 2 * i, sizeof bits);
            if ((bits & 0x7FFFFFFFFFFFFFFFu) > 0x7FF0000000000000u)
                bits = 0x7FF8000000000000u;
            memcpy(words + 2 * i, &bits, sizeof bits);
        } else if ((words[i] & 0x7FFFFFFFu) > 0x7F800000u) {
            words[i] = 0x7FC00000u;
        }
    }
    const uint64_t hash = fnv1a((const unsigned char *)words, (size_t)count * sizeof *words);
    free(words);
    return hash;
}

/* Columns of one matrix, on two threads, between the ends of allocations of exactly the size asked for. */
static uint64_t hash_of_orthogonal(const fi_plan *plan)
{
    fi_orthogonal_job job = {.normal = plan, .matrices = 1};
    int transposed;
    if (scanf("%" SCNx64 " %" SCNx64, &job.source.key, &job.source.stream) != 2 ||
        scanf("%" SCNd64 " %" SCNd64, &job.rows, &job.columns) != 2 ||
        scanf("%" SCNd64 " %" SCNd64, &job.first_column, &job.last_column) != 2 ||
        scanf("%" SCNd64 " %d %d %lf", &job.first_matrix, &job.complex_numbers, &transposed, &job.gain) != 4)
        fail("an orthogonal matrix that is none", "");
    const int64_t columns = job.last_column - job.first_column;
    const size_t itemsize = fi_itemsize(plan->dtype);
    const size_t bytes = (size_t)(job.rows * columns) * itemsize * (job.complex_numbers ? 2 : 1);
    unsigned char *memory = allocate(itemsize + bytes);
    void *workspace = allocate(fi_orthogonal_workspace(&job, 2));
    job.out = memory + itemsize;
    job.row_step = transposed ? 1 : columns;
    job.column_step = transposed ? job.rows : 1;
    fi_orthogonal(&job, workspace, 2);
    const uint64_t hash = fnv1a(job.out, bytes);
    free(workspace);
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
    char law[32], dtype[16], origin[16];
    double a[4];
    int fields;

    if (argc < 2) {
        list_isas();
        return 0;
    }
    use_isa(argv[1]);
    /* A caller's own rounding mode must change no bit, and be there again afterwards. */
    if (fesetround(FE_UPWARD) != 0)
        fail("no rounding upward", "");
    while ((fields = scanf("%31s %15s %lf %lf %lf %lf %15s", law, dtype, &a[0], &a[1], &a[2], &a[3], origin)) == 7) {
        uint64_t hash;
        if (strcmp(law, "activate") == 0) {
            hash = hash_of_activation(dtype_of(dtype), a);
        } else {
            const fi_plan plan = plan_of(law, dtype_of(dtype), a);
            if (strcmp(origin, "philox") == 0)
                hash = hash_from_philox(&plan);
            else if (strcmp(origin, "given") == 0)
                hash = hash_from_given(&plan);
            else if (strcmp(origin, "orthogonal") == 0)
                hash = hash_of_orthogonal(&plan);
            else
                fail("no such origin of values: ", origin);
        }
        printf("%016" PRIx64 "\n", hash);
        if (fegetround() != FE_UPWARD)
            fail("the rounding mode was not put back", "");
    }
    if (fields != EOF)
        fail("a row that is none", "");
    return 0;
}
