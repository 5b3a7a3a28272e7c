/* Which kernel takes a product. The figures are the tiles' time over the other kernel's, of float32 where nothing
 * else is said: AVX2 and SSE4.2 on a Zen 3, AVX-512 on a Zen 4. */
#include "direct.h"

#include "work.h"

/* Rows of x in the lanes, for so many columns at most, by lanes of a vector. AVX2, 512 x 128 times so many columns:
 *     float32   1: 2.4   2: 2.0   3: 1.8   4: 1.4   5: 1.2   6: 1.0 (1.4 of an x that no cache holds)   7: 0.9   8: 0.7
 *     float64   1: 1.5   2: 1.2   3: 1.0   4: 0.7
 * AVX-512, float32, 1024 x 256: 10 columns 0.95, 4 columns 2.2. */
static int64_t most_columns(int64_t lanes) { return lanes >= 16 ? 9 : lanes == 8 ? 6 : lanes / 2; }

/* Without an instruction for it, fma is all that counts: a tile makes so many in a row, one for every lane of its
 * vectors. SSE4.2, 512 x 128:
 *     float32   1: 3.5   2: 1.9   3: 1.3   4: 1.0   5: 1.4   6: 1.15   7: 0.93
 *     float64   1: 1.7   2: 1.0   3: 1.3   5: 1.2 */
static int64_t columns_of_tiles(int64_t columns, int64_t lanes, int64_t strip)
{
    const int64_t rest = columns % strip;
    return columns - rest + (rest == 0 ? 0 : rest <= lanes ? lanes : strip);
}

static int lanes_of_rows_are_better(int64_t rows, int64_t columns, int64_t lanes, int64_t strip, int fused)
{
    const double with_idle_lanes = (double)columns * (double)round_up(rows, lanes) / (double)rows;
    if (fused)
        return with_idle_lanes <= (double)most_columns(lanes);
    return with_idle_lanes <= 0.875 * (double)columns_of_tiles(columns, lanes, strip) - (double)lanes / 16;
}

/* Columns of the weight in the lanes, where else all of it would be packed, for so many rows at most. AVX2, 1, 2, 4,
 * 6, 8 rows times 2048 x 2048: 2.3, 2.3, 1.9, 1.4, 0.8; 512 x 512: 1.4, 1.1, 1.1, 0.95, 0.84. */
#define MOST_ROWS_ACROSS 6

/* The weight's rows stream past, if it has so many bytes. AVX2, 1, 2, 4, 8 rows times 2048 x 2048: 2.6, 3.0, 4.2,
 * 2.1; 512 x 512: 1.15, 1.2, 1.9, 1.5; 200 x 300: 1.3, 1.25, 1.4, 1.1. Packed strips are as fast (0.75 to 1.0 in the
 * caches, 1.0 to 1.3 beyond), so that a network keeps nothing else. */
#define SWEPT_BYTES (1 << 16)

fi_product_kernel fi_kernel_for(fi_dtype dtype, int64_t rows, int64_t depth, int64_t columns, int64_t weight_row,
                                int64_t weight_column)
{
    const fi_kernels *kernels = fi_current_kernels();
    const int64_t lanes = kernels->lanes[dtype], strip = kernels->tile_columns[dtype];
    if (rows == 0 || columns == 0)
        return FI_TILES;
    if (rows >= lanes && columns <= FI_ACROSS_MOST && (weight_row == 1 || weight_column == 1 || columns == 1)) {
        const int fused = kernels->direct[FI_SWEEP][dtype] != 0;
        if (lanes_of_rows_are_better(rows, columns, lanes, strip, fused))
            return FI_ACROSS_ROWS;
    }
    if (columns < lanes || depth == 0)
        return FI_TILES;
    if (weight_column == 1) {
        if (rows <= FI_SWEEP_MOST && kernels->direct[FI_SWEEP][dtype] &&
            (double)depth * (double)columns * (double)real_size(dtype) >= SWEPT_BYTES)
            return FI_SWEEP;
    } else if (weight_row == 1 && rows <= MOST_ROWS_ACROSS) {
        return FI_ACROSS_COLUMNS;
    }
    return FI_TILES;
}
