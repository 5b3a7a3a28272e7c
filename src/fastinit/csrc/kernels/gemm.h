/* Matrix products, included once for each width (see real32.h).
 *
 * Every element of a product is one chain of fma over ascending k, from +0 or from what the output holds.
 * A tile of outputs lives in registers while k runs; tiles, strips and blocks only choose which chains
 * run side by side, and no bit depends on them.
 *
 * The right-hand matrix comes in strips of TILE_COLUMNS columns. A packed strip holds its rows one after
 * another, padded with zeros; a strip of an unpacked matrix has the matrix's own distance between rows.
 */
#undef TILE_COLUMNS
#define TILE_COLUMNS (FI_TILE_VECTORS * REAL_LANES)

#ifndef TILE_ROWS
#define TILE_ROWS FI_TILE_ROWS
#define BLOCK_ROWS 240 /* of the left-hand block, so that it stays in the second-level cache */

/* The shapes of a tile: so many rows of so many strips, as many sums as registers hold. */
#define MOST_STRIPS 4
#if FI_TILE_ROWS == 4
#define EACH_TILE(DO) DO(1, 1) DO(1, 2) DO(1, 4) DO(2, 1) DO(3, 1) DO(4, 1)
#elif FI_TILE_ROWS == 6
#define EACH_TILE(DO) DO(1, 1) DO(1, 2) DO(1, 4) DO(2, 1) DO(2, 2) DO(3, 1) DO(4, 1) DO(5, 1) DO(6, 1)
#elif FI_TILE_ROWS == 8
#define EACH_TILE(DO) \
    DO(1, 1) DO(1, 2) DO(1, 4) DO(2, 1) DO(2, 2) DO(2, 4) DO(3, 1) DO(4, 1) DO(5, 1) DO(6, 1) DO(7, 1) DO(8, 1)
#elif FI_TILE_ROWS == 12
#define EACH_TILE(DO) \
    DO(1, 1) DO(1, 2) DO(1, 4) DO(2, 1) DO(2, 2) DO(2, 4) DO(3, 1) DO(3, 2) DO(3, 4) DO(4, 1) DO(4, 2) DO(5, 1) \
    DO(6, 1) DO(7, 1) DO(8, 1) DO(9, 1) DO(10, 1) DO(11, 1) DO(12, 1)
#endif
#endif

/* The strips' place: strip s, row k begins at first + s * strip + k * step. */
typedef struct {
    const real *first;
    ptrdiff_t strip, step;
} REAL(strips);

/* c[r][..] = (add ? c[r][..] : +0) + sum of a[r * a_row + k * a_step] * b[k][..], and, if it is the end,
 * + bias and relu; for a number of rows and strips known to the compiler. */
FI_ALWAYS_INLINE void REAL(tile_of)(const int rows, const int strips, size_t depth, const real *a, ptrdiff_t a_row,
                                    ptrdiff_t a_step, const REAL(strips) *b, real *c, ptrdiff_t c_row, int add,
                                    const real *bias, int relu)
{
    vr sum[TILE_ROWS][MOST_STRIPS * FI_TILE_VECTORS];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
        for (int v = 0; v < strips * FI_TILE_VECTORS; v++)
            sum[r][v] = add ? VR(load)(c + r * c_row + v * REAL_LANES) : VR(set)(0);

    const real *row = b->first;
    const ptrdiff_t strip = b->strip, step = b->step;
    for (size_t k = 0; k < depth; k++) {
        vr factor[MOST_STRIPS * FI_TILE_VECTORS];
#pragma GCC unroll 16
        for (int s = 0; s < strips; s++)
#pragma GCC unroll 16
            for (int v = 0; v < FI_TILE_VECTORS; v++) {
                const vr x = VR(load)(row + s * strip + v * REAL_LANES);
                factor[s * FI_TILE_VECTORS + v] = rows > 1 ? VR(held)(x) : x;
            }
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            const vr x = VR(set)(a[r * a_row]);
#pragma GCC unroll 16
            for (int v = 0; v < strips * FI_TILE_VECTORS; v++)
                sum[r][v] = VR(fma)(x, factor[v], sum[r][v]);
        }
        row += step;
        a += a_step;
    }

    if (bias) {
#pragma GCC unroll 16
        for (int v = 0; v < strips * FI_TILE_VECTORS; v++) {
            const vr addend = VR(load)(bias + v * REAL_LANES);
#pragma GCC unroll 16
            for (int r = 0; r < rows; r++)
                sum[r][v] = VR(add)(sum[r][v], addend);
        }
    }
    if (relu) { /* the greater of 0 and x is x if that is NaN; adding +0 makes a zero positive */
        const vr zero = VR(set)(0);
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
            for (int v = 0; v < strips * FI_TILE_VECTORS; v++)
                sum[r][v] = VR(add)(VR(max)(zero, sum[r][v]), zero);
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
        for (int v = 0; v < strips * FI_TILE_VECTORS; v++)
            VR(store)(c + r * c_row + v * REAL_LANES, sum[r][v]);
}

/* What every tile is called with. */
#define TILE_PARAMETERS \
    size_t depth, const real *a, ptrdiff_t a_row, ptrdiff_t a_step, const REAL(strips) *b, real *c, ptrdiff_t c_row, \
        int add, const real *bias, int relu
#define TILE_ARGUMENTS depth, a, a_row, a_step, b, c, c_row, add, bias, relu

#define TILE(rows, strips) \
    static void REAL(tile_##rows##_##strips##_)(TILE_PARAMETERS) { REAL(tile_of)(rows, strips, TILE_ARGUMENTS); }
EACH_TILE(TILE)
#undef TILE

/* A tile of 1 <= rows <= TILE_ROWS, and as many strips as strips_at_once says, or one. */
static void REAL(tile_any)(int rows, int strips, TILE_PARAMETERS)
{
    switch (rows * 8 + strips) {
#define TILE(rows, strips) \
    case rows * 8 + strips: REAL(tile_##rows##_##strips##_)(TILE_ARGUMENTS); break;
        EACH_TILE(TILE)
#undef TILE
    }
}

/* The plain product of a tile with one packed strip, for kernels that are made of products. */
static inline void REAL(tile)(int rows, size_t depth, const real *a, ptrdiff_t a_row, ptrdiff_t a_step, const real *b,
                              real *c, ptrdiff_t c_row, int add)
{
    const REAL(strips) strip = {b, 0, TILE_COLUMNS};
    REAL(tile_any)(rows, 1, depth, a, a_row, a_step, &strip, c, c_row, add, 0, 0);
}

/* Few rows make few chains; more strips at a time keep the multipliers busy. */
static inline int REAL(strips_at_once)(int rows, int64_t whole_strips)
{
    return 4 * rows <= TILE_ROWS && whole_strips >= 4 ? 4 : 3 * rows <= TILE_ROWS && whole_strips >= 2 ? 2 : 1;
}

/* The part of a product that lies in rows .. and in one block of k. */
static void REAL(product_block)(const fi_product *p, int64_t row, int64_t rows, int64_t k, int64_t depth)
{
    const int add = p->add || k > 0, last = p->finish && k + depth == p->depth;
    const int in_tile = p->activation == FI_LINEAR || p->activation == FI_RELU;
    const int relu = last && p->activation == FI_RELU;
    const int64_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
    const real *const x = (const real *)p->x + row * p->x_row + k;
    real *const out = (real *)p->out + row * p->out_row;
    int at_once;

    for (int64_t column = 0; column < p->columns; column += at_once * TILE_COLUMNS) {
        const int64_t strip = column / TILE_COLUMNS;
        const REAL(strips) b = {(const real *)p->weight + strip * p->strip + k * p->step, p->strip, p->step};
        at_once = REAL(strips_at_once)((int)((rows + tiles - 1) / tiles), p->columns / TILE_COLUMNS - strip);
        const int64_t width = at_once * TILE_COLUMNS;
        const int64_t columns = p->columns - column < width ? p->columns - column : width;
        _Alignas(64) real padded_bias[TILE_COLUMNS];
        const real *bias = 0;
        if (last && p->bias) {
            bias = (const real *)p->bias + column;
            if (columns < width) {
                memset(padded_bias, 0, sizeof padded_bias);
                memcpy(padded_bias, bias, (size_t)columns * sizeof(real));
                bias = padded_bias;
            }
        }

        /* Tiles of nearly equal height: a short one at the end would read the strip for too little. */
        for (int64_t tile = 0, r = 0; tile < tiles; tile++) {
            const int height = (int)(rows / tiles + (tile < rows % tiles));
            const real *const a = x + r * p->x_row;
            real *const c = out + r * p->out_row + column;
            r += height;
            if (columns == width && (in_tile || !last)) {
                REAL(tile_any)(height, at_once, (size_t)depth, a, p->x_row, 1, &b, c, p->out_row, add, bias, relu);
                continue;
            }
            /* Through a buffer: what must not be stored whole, or not as it is. */
            _Alignas(64) real buffer[TILE_ROWS * TILE_COLUMNS];
            const size_t bytes = (size_t)columns * sizeof(real);
            if (add) {
                memset(buffer, 0, (size_t)(height * width) * sizeof(real));
                for (int i = 0; i < height; i++)
                    memcpy(buffer + i * width, c + i * p->out_row, bytes);
            }
            REAL(tile_any)(height, at_once, (size_t)depth, a, p->x_row, 1, &b, buffer, width, add, bias, relu);
            if (last && !in_tile)
                p->activate(p->parameter, buffer, buffer, (size_t)(height * width));
            for (int i = 0; i < height; i++)
                memcpy(c + i * p->out_row, buffer + i * width, bytes);
        }
    }
}

static void REAL(product)(const fi_product *p)
{
    int64_t k = 0;
    do { /* also without any k: then the sums are +0 */
        const int64_t depth = p->depth - k < FI_BLOCK_DEPTH ? p->depth - k : FI_BLOCK_DEPTH;
        for (int64_t row = 0; row < p->rows; row += BLOCK_ROWS)
            REAL(product_block)(p, row, p->rows - row < BLOCK_ROWS ? p->rows - row : BLOCK_ROWS, k, depth);
        k += depth;
    } while (k < p->depth);
}

/* A matrix into packed strips. */
static void REAL(pack)(const void *weight, ptrdiff_t row, ptrdiff_t column, int64_t depth, int64_t columns, void *strips)
{
    real *to = strips;
    for (int64_t c = 0; c < columns; c += TILE_COLUMNS) {
        const int64_t width = columns - c < TILE_COLUMNS ? columns - c : TILE_COLUMNS;
        const real *from = (const real *)weight + c * column;
        for (int64_t k = 0; k < depth; k++, from += row, to += TILE_COLUMNS) {
            if (width == TILE_COLUMNS && column == 1) {
                for (int v = 0; v < FI_TILE_VECTORS; v++)
                    VR(store)(to + v * REAL_LANES, VR(load)(from + v * REAL_LANES));
                continue;
            }
            for (int64_t i = 0; i < width; i++)
                to[i] = from[i * column];
            for (int64_t i = width; i < TILE_COLUMNS; i++)
                to[i] = 0;
        }
    }
}
#undef TILE_PARAMETERS
#undef TILE_ARGUMENTS
