/* A build's check of itself: one of each kind of computation under every instruction set that runs here, against values
 * that are part of the stream. setup.py calls it after a build, so that no compiler flag changes a bit unseen.
 */
#include <stdio.h>
#include <string.h>

#include "fastinit.h"

#define KEY UINT64_C(0x243F6A8885A308D3)
#define COUNT 333
#define BASIS UINT64_C(0xCBF29CE484222325)
#define BASIS UINT64_C(0xCBF29CE484222325)

/* What is computed of each floating dtype, in this order, with the hash of all its bytes. */
typedef enum { LAWS, ACTIVATIONS, PRODUCTS, ORTHOGONAL, POPULATIONS, KINDS } kind;
static const char *const kinds[KINDS] = {"random values", "activations", "matrix products", "orthogonal matrices",
                                         "populations"};
static const char *const dtypes[FI_DTYPE_COUNT] = {"float32", "float16", "bfloat16", "float64", "the raw words"};
static const uint64_t expected[KINDS][FI_DTYPE_COUNT] = {
    [LAWS] =
        {
            [FI_F32] = UINT64_C(0x3b890b6fed35aa71),
            [FI_F16] = UINT64_C(0x7af5cfaea5025e28),
            [FI_BF16] = UINT64_C(0xf44f377017a7ca23),
            [FI_F64] = UINT64_C(0xa74bdf9664e0f2b9),
            [FI_U32] = UINT64_C(0x764946084b8a6f89),
        },
    [ACTIVATIONS] =
        {
            [FI_F32] = UINT64_C(0xb52e808d5b5b47b6),
            [FI_F64] = UINT64_C(0xd19d30ede43c933a),
        },
    [PRODUCTS] =
        {
            [FI_F32] = UINT64_C(0x35a79bf944b03b6e),
            [FI_F64] = UINT64_C(0x32ccda559098b5fc),
        },
    [ORTHOGONAL] =
        {
            [FI_F32] = UINT64_C(0xed4f8b5f17536bc9),
            [FI_F64] = UINT64_C(0xcee630a19ab08bf7),
        },
    [POPULATIONS] =
        {
            [FI_F32] = UINT64_C(0x644c9c422260dc12),
            [FI_F64] = UINT64_C(0xe563382295c694ed),
        },
};

/* 64-bit FNV-1a, continued. */
static uint64_t hash(uint64_t h, const void *from, size_t count)
{
    const unsigned char *bytes = from;
    for (size_t i = 0; i < count; i++)
        h = (h ^ bytes[i]) * UINT64_C(0x100000001B3);
    return h;
}

static void draw(const fi_law *law, uint64_t stream, int64_t count, void *out)
{
    fi_job job = {.law = law, .source = {KEY, stream, 0}, .ndim = 1, .out = out};
    job.shape[0] = job.stop[0] = count;
    fi_fill(&job, 1, 1);
}

static void draw_normal(fi_dtype dtype, uint64_t stream, int64_t count, void *out)
{
    fi_law law;
    fi_law_normal(&law, dtype, 0.0, 2.0, -(double)__builtin_inff(), (double)__builtin_inff());
    draw(&law, stream, count, out);
}

/* Every method, with values, bounds and parameters down to the subnormal ones. */
static uint64_t check_laws(fi_dtype dtype, unsigned char *memory)
{
    const double endless = (double)__builtin_inff();
    static const struct {
        double std, lower, upper;
    } cut[] = {{1.0, -1.5, 1.5},  {2.0, -1.0, 2.0},   {0.5, 5.0, 8.0},
               {1.0, 1.0, 1.001}, {1e-39, -2.0, 2.0}, {1e-39, 0.0, 3.0}};
    uint64_t h = BASIS;
    fi_law law;
    for (int i = 0; i < (dtype == FI_U32 ? 1 : 9); i++) {
        if (dtype == FI_U32)
            fi_law_words(&law);
        else if (i == 0)
            fi_law_uniform(&law, dtype, -1.0, 2.0);
        else if (i == 1)
            fi_law_symmetric_uniform(&law, dtype, 0.3);
        else if (i == 2)
            fi_law_normal(&law, dtype, 0.5, 2.0, -endless, endless);
        else
            fi_law_normal(&law, dtype, 0.0, cut[i - 3].std, cut[i - 3].lower, cut[i - 3].upper);
        draw(&law, (uint64_t)i, COUNT, memory);
        h = hash(h, memory, COUNT * fi_itemsize(dtype));
    }
    return h;
}

/* A NaN has one form here: its sign and payload are no part of a result. */
static void unify_nans(fi_dtype dtype, unsigned char *memory, int count)
{
    for (int i = 0; i < count; i++) {
        if (dtype == FI_F64) {
            uint64_t bits;
            memcpy(&bits, memory + 8 * i, sizeof bits);
            bits = (bits & INT64_MAX) > UINT64_C(0x7FF0000000000000) ? UINT64_C(0x7FF8000000000000) : bits;
            memcpy(memory + 8 * i, &bits, sizeof bits);
        } else {
            uint32_t bits;
            memcpy(&bits, memory + 4 * i, sizeof bits);
            bits = (bits & INT32_MAX) > 0x7F800000u ? 0x7FC00000u : bits;
            memcpy(memory + 4 * i, &bits, sizeof bits);
        }
    }
}

/* Also of zeros, subnormals, large numbers, infinities and NaN, which whole rows do without. */
static uint64_t check_activations(fi_dtype dtype, unsigned char *memory)
{
    const size_t item = fi_itemsize(dtype), bytes = COUNT * item;
    const double endless = (double)__builtin_inff(), none = (double)__builtin_nanf("");
    const double special[] = {-0.0,  0.0,  1e-40, -1e-40,  1e-310,   -1e-310, 90.0,
                              -90.0, 1e30, -1e30, endless, -endless, none};
    const int specials = (int)(sizeof special / sizeof special[0]);
    uint64_t h = BASIS;
    draw_normal(dtype, 1, COUNT, memory);
    for (int i = 0; i < specials; i++) {
        if (dtype == FI_F64)
            ((double *)memory)[i] = special[i];
        else
            ((float *)memory)[i] = (float)special[i];
    }
    /* Later ones are made of the same operations. */
    for (int i = 0; i <= FI_LOG_SOFTMAX; i++) {
        const int skip = fi_activation_takes((fi_activation)i) == FI_VALUES ? 0 : specials, count = COUNT - skip;
        fi_function function = fi_standard_function((fi_activation)i);
        if (i == FI_LEAKY_RELU || i == FI_ELU || i == FI_SOFTPLUS)
            function.parameter[0] = 0.25;
        fi_activate(dtype, &function, memory + (size_t)skip * item, memory + bytes, 1, count, 1);
        unify_nans(dtype, memory + bytes, count);
        h = hash(h, memory + bytes, (size_t)count * item);
    }
    return h;
}

/* With weights that lie in rows and in columns, and any activation after the sums. */
static uint64_t check_products(fi_dtype dtype, unsigned char *memory)
{
    enum { ROWS = 13, DEPTH = 19, COLUMNS = 41 };
    const size_t item = fi_itemsize(dtype);
    unsigned char *const weight = memory + ROWS * DEPTH * item, *const bias = weight + DEPTH * COLUMNS * item;
    unsigned char *const out = bias + COLUMNS * item;
    unsigned char *const workspace = memory + FI_CHECK_BYTES / 2;
    uint64_t h = BASIS;
    draw_normal(dtype, 1, ROWS * DEPTH, memory);
    draw_normal(dtype, 2, DEPTH * COLUMNS, weight);
    draw_normal(dtype, 3, COLUMNS, bias);
    for (int i = 0; i < 4; i++) {
        fi_dense_plan plan;
        fi_dense_job job = {.dtype = dtype, .rows = ROWS, .depth = DEPTH, .columns = COLUMNS};
        job.x = memory;
        job.x_row = DEPTH;
        job.weight = weight;
        job.weight_row = i % 2 ? 1 : COLUMNS;
        job.weight_column = i % 2 ? DEPTH : 1;
        job.bias = bias;
        job.out = out;
        job.function = fi_standard_function(i < 2 ? FI_RELU : FI_TANH);
        fi_plan_dense(&job, 1, &plan);
        fi_dense(&job, &plan, workspace);
        h = hash(h, out, ROWS * COLUMNS * item);
    }
    return h;
}

static uint64_t check_orthogonal(fi_dtype dtype, unsigned char *memory)
{
    enum { ROWS = 40, COLUMNS = 37 };
    uint64_t h = BASIS;
    fi_law normal;
    fi_law_normal(&normal, dtype, 0.0, 1.0, -(double)__builtin_inff(), (double)__builtin_inff());
    for (int complex_numbers = 0; complex_numbers < 2; complex_numbers++) {
        fi_orthogonal_job job = {.normal = &normal, .source = {KEY, 0, 0}, .complex_numbers = complex_numbers};
        job.rows = job.last_row = ROWS;
        job.dtype = dtype;
        job.columns = job.last_column = COLUMNS;
        job.matrices = 1;
        job.gain = 1.5;
        job.out = memory;
        job.matrix_step = ROWS * COLUMNS;
        job.row_step = COLUMNS;
        job.column_step = 1;
        if (fi_orthogonal_workspace(&job, 1) > FI_CHECK_BYTES / 2)
            return 0;
        fi_orthogonal(&job, memory + FI_CHECK_BYTES / 2, 1);
        h = hash(h, memory, (size_t)(ROWS * COLUMNS * (complex_numbers + 1)) * fi_itemsize(dtype));
    }
    return h;
}

/* Pairs around what was drawn before, each element with a sigma, and the sum of squares of their noise. */
static uint64_t check_populations(fi_dtype dtype, unsigned char *memory)
{
    enum { COLUMNS = 37, PAIRS = 3 };
    const size_t item = fi_itemsize(dtype);
    const double weights64[PAIRS] = {0.1, 0.0, -1e-39};
    const float weights32[PAIRS] = {0.1f, 0.0f, -1e-39f};
    fi_law normal;
    fi_law_normal(&normal, dtype, 0.0, 1.0, -(double)__builtin_inff(), (double)__builtin_inff());
    fi_job noise = {.law = &normal, .source = {KEY, 2, 0}, .ndim = 2, .shape = {PAIRS, COLUMNS}};
    memcpy(noise.stop, noise.shape, sizeof noise.stop);
    draw_normal(dtype, 1, COLUMNS, memory);
    fi_perturb_job job = {.noise = noise, .pairs = 1, .members = 2 * PAIRS, .theta = memory};
    job.sigma_array = memory;
    job.sigma_column = 1;
    job.out = memory + COLUMNS * item;
    fi_perturb(&job, 1);
    const uint64_t h = hash(BASIS, job.out, 2 * PAIRS * COLUMNS * item);
    fi_recombine_job sum = {.noise = noise, .squares = 1, .out = memory};
    sum.weights = dtype == FI_F64 ? (const void *)weights64 : weights32;
    fi_recombine(&sum, 1);
    return hash(h, sum.out, COLUMNS * item);
}

#ifdef _WIN32
#define PUBLIC __declspec(dllexport)
#else
#define PUBLIC __attribute__((visibility("default")))
#endif

/* What setup.py recognizes the module by that it made of the same sources with the same flags. */
#ifdef FASTINIT_BUILD
PUBLIC const char fi_build[] = FASTINIT_BUILD;
#endif

PUBLIC const char *fi_check(void *memory)
{
    static uint64_t (*const checks[KINDS])(fi_dtype, unsigned char *) = {check_laws, check_activations, check_products,
                                                                         check_orthogonal, check_populations};
    const int before = fi_isa_current();
    const char *wrong = 0;
    for (int isa = 0; isa < fi_isa_count() && !wrong; isa++) {
        if (!fi_isa_compiled(isa) || !fi_isa_runnable(isa))
            continue;
        fi_isa_use(isa);
        for (int i = 0; i < KINDS * FI_DTYPE_COUNT && !wrong; i++) {
            const int what = i / FI_DTYPE_COUNT, dtype = i % FI_DTYPE_COUNT;
            if (what != LAWS && dtype != FI_F32 && dtype != FI_F64)
                continue;
            const uint64_t found = checks[what]((fi_dtype)dtype, memory);
            if (found != expected[what][dtype]) {
                snprintf(memory, FI_CHECK_BYTES, "%s in %s under %s, hash %016llx instead of %016llx", kinds[what],
                         dtypes[dtype], fi_isa_name(isa), (unsigned long long)found,
                         (unsigned long long)expected[what][dtype]);
                wrong = memory;
            }
        }
    }
    fi_isa_use(before);
    return wrong;
}
