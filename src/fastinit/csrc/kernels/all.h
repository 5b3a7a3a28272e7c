/* Every kernel, and the one symbol of an instruction set: its table. The file that includes this has
 * included its vocabulary before. */
#include "table.h"

#include "words.h"

#include "icdf.h"
#include "uniform.h"
#include "normal.h"
#include "fill.h"

#define FILL(method, METHOD, dtype, DTYPE) \
    static void fill_##method##_##dtype(const fi_law *law, const fi_source *source, uint64_t first, size_t count, \
                                        void *out) \
    { \
        fill_run(law, source, first, count, out, METHOD, DTYPE); \
    }

#define FILL_FLOATS(method, METHOD) \
    FILL(method, METHOD, f32, FI_F32) \
    FILL(method, METHOD, f16, FI_F16) \
    FILL(method, METHOD, bf16, FI_BF16) \
    FILL(method, METHOD, f64, FI_F64)

FILL(words, FI_METHOD_WORDS, u32, FI_U32)
FILL_FLOATS(uniform, FI_METHOD_UNIFORM)
FILL_FLOATS(symmetric, FI_METHOD_SYMMETRIC)
FILL_FLOATS(asymmetric, FI_METHOD_ASYMMETRIC)
FILL_FLOATS(narrow, FI_METHOD_NARROW)
FILL_FLOATS(tail, FI_METHOD_TAIL)

#include "narrow.h"
#include "scatter.h"
#include "lanes.h"
#include "squares.h"

/* Once for each width; softmax of either wants the logarithm in float64. */
#include "real64.h"
#include "elementary.h"
#include "activation.h"
#include "tile.h"
#include "pack.h"
#include "gemm.h"
#include "across.h"
#if FI_FMA
#include "sweep.h"
#endif
#include "householder.h"
#include "perturb.h"
#include "real32.h"
#include "elementary.h"
#include "activation.h"
#include "tile.h"
#include "pack.h"
#include "gemm.h"
#include "across.h"
#if FI_FMA
#include "sweep.h"
#endif
#include "householder.h"
#include "perturb.h"
#include "peak.h"

#define ROW(method) \
    {[FI_F32] = fill_##method##_f32, \
     [FI_F16] = fill_##method##_f16, \
     [FI_BF16] = fill_##method##_bf16, \
     [FI_F64] = fill_##method##_f64}

#define NAMED(prefix, isa) prefix##isa
#define TABLE_OF(isa) NAMED(fi_kernels_, isa)

const fi_kernels TABLE_OF(FI_ISA) = {
    .fill =
        {
            [FI_METHOD_WORDS] = {[FI_U32] = fill_words_u32},
            [FI_METHOD_UNIFORM] = ROW(uniform),
            [FI_METHOD_SYMMETRIC] = ROW(symmetric),
            [FI_METHOD_ASYMMETRIC] = ROW(asymmetric),
            [FI_METHOD_NARROW] = ROW(narrow),
            [FI_METHOD_TAIL] = ROW(tail),
        },
    .activate =
        {
#define FI_ACTIVATION(CODE, name, takes) [FI_##CODE] = {[FI_F32] = activate_##name##32, [FI_F64] = activate_##name##64},
#include "../activations.def"
        },
    .product = {[FI_F32] = product32, [FI_F64] = product64},
    .pack = {[FI_F32] = pack32, [FI_F64] = pack64},
    .direct =
        {
            [FI_ACROSS_ROWS] = {[FI_F32] = across_rows32, [FI_F64] = across_rows64},
            [FI_ACROSS_COLUMNS] = {[FI_F32] = across_columns32, [FI_F64] = across_columns64},
#if FI_FMA
            [FI_SWEEP] = {[FI_F32] = sweep32, [FI_F64] = sweep64},
#endif
        },
    .multiply_adds = multiply_adds,
    .fma = fma_run,
    .lanes = {[FI_F32] = FI_LANES, [FI_F64] = FI_LANES / 2},
    .tile_rows = FI_TILE_ROWS,
    .copies = TILE_COPIES,
    .tile_columns = {[FI_F32] = FI_TILE_VECTORS * FI_LANES, [FI_F64] = FI_TILE_VECTORS * FI_LANES / 2},
    .orthogonal = {[FI_F32] = &orthogonal32, [FI_F64] = &orthogonal64},
    .perturb = {[FI_F32] = perturb32, [FI_F64] = perturb64},
    .add_weighted = {[FI_F32] = add_weighted32, [FI_F64] = add_weighted64},
    .narrow = narrow,
};
