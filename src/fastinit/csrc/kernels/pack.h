/* Copies of matrices that a product reads in one stream, included once for each width (see real32.h): the right-hand
 * one in strips, the left-hand one in panels.
 */

/* So many vectors of as many lanes change rows for columns. */
FI_ALWAYS_INLINE void REAL(transpose)(vr x[REAL_LANES])
{
#pragma GCC unroll 4
    for (int distance = 1; distance < REAL_LANES; distance *= 2)
#pragma GCC unroll 16
        for (int i = 0; i < REAL_LANES / 2; i++) {
            const int j = i / distance * 2 * distance + i % distance; /* without this bit */
            VR(swap)(&x[j], &x[j + distance], distance);
        }
}

/* REAL_LANES columns that each lie in one piece become as many rows of a strip. */
static inline void REAL(pack_square)(const real *from, ptrdiff_t column, real *to)
{
    vr x[REAL_LANES];
#pragma GCC unroll 16
    for (int i = 0; i < REAL_LANES; i++)
        x[i] = VR(load)(from + i * column);
    REAL(transpose)(x);
#pragma GCC unroll 16
    for (int i = 0; i < REAL_LANES; i++)
        VR(store)(to + i * TILE_COLUMNS, x[i]);
}

/* A strip: by whole vectors where columns lie in one piece. */
static inline void REAL(pack_strip)(const real *from, ptrdiff_t row, ptrdiff_t column, int64_t rows, int64_t width,
                                    real *to)
{
    int64_t packed = 0;
    if (row == 1 && width == TILE_COLUMNS)
        for (; packed + REAL_LANES <= rows; packed += REAL_LANES)
            for (int v = 0; v < FI_TILE_VECTORS; v++)
                REAL(pack_square)(from + v * REAL_LANES * column + packed, column,
                                  to + packed * TILE_COLUMNS + v * REAL_LANES);
    for (int64_t i = 0; i < width; i++)
        for (int64_t k = packed; k < rows; k++)
            to[k * width + i] = from[i * column + k * row];
}

/* A matrix into packed strips. Behind a narrow last one stand zeros: its rows are loaded as whole ones. */
static void REAL(pack)(const void *weight, ptrdiff_t row, ptrdiff_t column, int64_t depth, int64_t columns,
                       void *strips)
{
    int64_t whole = column == 1 ? columns / TILE_COLUMNS * TILE_COLUMNS : 0;
    /* Whole rows are one stream to read: half the time that the strips take one by one. */
    for (int64_t k = 0; k < depth && whole > 0; k++)
        for (int64_t c = 0; c < whole; c += REAL_LANES)
            VR(store)((real *)strips + c / TILE_COLUMNS * TILE_COLUMNS * depth + k * TILE_COLUMNS + c % TILE_COLUMNS,
                      VR(load)((const real *)weight + k * row + c));
    for (int64_t c = whole; c < columns; c += TILE_COLUMNS) {
        const int64_t width = columns - c < TILE_COLUMNS ? columns - c : TILE_COLUMNS;
        REAL(pack_strip)((const real *)weight + c * column, row, column, depth, width, (real *)strips + c * depth);
    }
    if (columns % TILE_COLUMNS != 0)
        memset((real *)strips + depth * columns, 0, (TILE_COLUMNS - 1) * sizeof(real));
}

#undef PANEL_VECTORS
#define PANEL_VECTORS ((TILE_ROWS + REAL_LANES - 1) / REAL_LANES)

/* Rows, at most TILE_ROWS, that each lie in one piece, into a panel, where they are columns. Whole vectors are stored:
 * what is too much is written over by what follows, and at last up to FI_PACKED_SLACK elements stand behind. */
static inline void REAL(pack_panel)(const real *x, ptrdiff_t row, int rows, int64_t depth, real *panel)
{
    int64_t k = 0;
    for (; k + REAL_LANES <= depth; k += REAL_LANES) {
        vr square[PANEL_VECTORS][REAL_LANES];
#pragma GCC unroll 4
        for (int g = 0; g < PANEL_VECTORS; g++) {
#pragma GCC unroll 16
            for (int i = 0; i < REAL_LANES; i++) {
                const int r = g * REAL_LANES + i;
                square[g][i] = VR(load)(x + (r < rows ? r : rows - 1) * row + k);
            }
            REAL(transpose)(square[g]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < REAL_LANES; i++)
#pragma GCC unroll 4
            for (int g = 0; g < PANEL_VECTORS; g++)
                VR(store)(panel + (k + i) * rows + g * REAL_LANES, square[g][i]);
    }
    for (; k < depth; k++)
        for (int r = 0; r < rows; r++)
            panel[k * rows + r] = x[r * row + k];
}
