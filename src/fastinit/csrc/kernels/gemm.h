/* Matrix products, included once for each width (see real32.h).
 *
 * Every element of a product is one chain of fma over ascending k, from +0 or from what the output holds.
 * A tile of outputs lives in registers while k runs; tiles, strips and blocks only choose which chains
 * run side by side, and no bit depends on them.
 *
 * The right-hand matrix comes in strips of TILE_COLUMNS columns. A packed strip holds its rows one after
 * another, and the last, narrower one does so without gaps; the strips of an unpacked matrix have the matrix's
 * own distance between rows, and are all whole.
 */
#undef TILE_COLUMNS
#undef BLOCK_COLUMNS
#define TILE_COLUMNS (FI_TILE_VECTORS * REAL_LANES)
#define BLOCK_COLUMNS ((int64_t)(BLOCK_BYTES / sizeof(real)) / TILE_COLUMNS * TILE_COLUMNS)

#ifndef TILE_ROWS
#define TILE_ROWS FI_TILE_ROWS
/* A block is as much of a matrix as stays in the second-level cache beside the others' blocks. */
#define BLOCK_ROWS 120   /* of the left-hand matrix and of the output */
#define BLOCK_BYTES 2048 /* of a row of the right-hand matrix; of these, whole strips */

/* The shapes of a tile: so many rows of so many strips, as many sums as registers hold; 0 stands for a strip
 * of a single vector. */
#define MOST_STRIPS 4
#define MOST_VECTORS (MOST_STRIPS * FI_TILE_VECTORS)
/* clang-format off */
#if FI_TILE_ROWS == 4
#define EACH_TILE(DO) \
    DO(1, 0) DO(2, 0) DO(3, 0) DO(4, 0) DO(1, 1) DO(2, 1) DO(3, 1) DO(4, 1) DO(1, 2) DO(1, 4)
#elif FI_TILE_ROWS == 6
#define EACH_TILE(DO) \
    DO(1, 0) DO(2, 0) DO(3, 0) DO(4, 0) DO(5, 0) DO(6, 0) DO(1, 1) DO(2, 1) DO(3, 1) DO(4, 1) DO(5, 1) DO(6, 1) \
    DO(1, 2) DO(2, 2) DO(1, 4)
#elif FI_TILE_ROWS == 8
#define EACH_TILE(DO) \
    DO(1, 0) DO(2, 0) DO(3, 0) DO(4, 0) DO(5, 0) DO(6, 0) DO(7, 0) DO(8, 0) DO(1, 1) DO(2, 1) DO(3, 1) DO(4, 1) \
    DO(5, 1) DO(6, 1) DO(7, 1) DO(8, 1) DO(1, 2) DO(2, 2) DO(1, 4) DO(2, 4)
#elif FI_TILE_ROWS == 12
#define EACH_TILE(DO) \
    DO(1, 0) DO(2, 0) DO(3, 0) DO(4, 0) DO(5, 0) DO(6, 0) DO(7, 0) DO(8, 0) DO(9, 0) DO(10, 0) DO(11, 0) DO(12, 0) \
    DO(1, 1) DO(2, 1) DO(3, 1) DO(4, 1) DO(5, 1) DO(6, 1) DO(7, 1) DO(8, 1) DO(9, 1) DO(10, 1) DO(11, 1) DO(12, 1) \
    DO(1, 2) DO(2, 2) DO(3, 2) DO(4, 2) DO(1, 4) DO(2, 4) DO(3, 4)
#endif
/* clang-format on */
#define CACHE_LINE 64
#endif

/* Where the strips are: strip s, row k begins at first + s * strip + k * step. */
typedef struct {
    const real *first;
    ptrdiff_t strip, step;
} REAL(strips);

/* Memory that will be wanted soon: each step of k asks for one line of it, and maybe some behind it. */
typedef struct {
    const char *at;
    ptrdiff_t step;
} REAL(ahead);

/* c[r][..] = (add ? c[r][..] : +0) + sum of a[r * a_row + k * a_step] * b[k][..], and, if it is the end,
 * + bias and relu; for a number of rows and vectors known to the compiler. */
FI_ALWAYS_INLINE void REAL(tile_of)(const int rows, const int vectors, size_t depth, const real *a, ptrdiff_t a_row,
                                    ptrdiff_t a_step, const REAL(strips) *b, real *c, ptrdiff_t c_row, int add,
                                    const real *bias, int relu, const REAL(ahead) *ahead)
{
    vr sum[TILE_ROWS][MOST_VECTORS];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            sum[r][v] = add ? VR(load)(c + r * c_row + v * REAL_LANES) : VR(set)(0);

    const real *row = b->first;
    const ptrdiff_t strip = b->strip, step = b->step;
    /* One pointer for three rows, whose distances an address can hold: a register for each row would be too many. */
    const real *rows_of_3[(TILE_ROWS + 2) / 3];
#pragma GCC unroll 16
    for (int i = 0; i < (rows + 2) / 3; i++) {
        rows_of_3[i] = a + 3 * i * a_row;
        FI_OPAQUE(rows_of_3[i]);
    }
    const char *line = ahead->at;
    const ptrdiff_t line_step = ahead->step;
    for (size_t k = 0; k < depth; k++) {
        vr factor[MOST_VECTORS];
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++) {
            const vr x = VR(load)(row + v / FI_TILE_VECTORS * strip + v % FI_TILE_VECTORS * REAL_LANES);
            factor[v] = rows > 1 ? VR(held)(x) : x;
        }
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            const vr x = VR(set)(rows_of_3[r / 3][r % 3 * a_row]);
#pragma GCC unroll 16
            for (int v = 0; v < vectors; v++)
                sum[r][v] = VR(fma)(x, factor[v], sum[r][v]);
        }
        __builtin_prefetch(line, 0, 3);
        line += line_step;
        row += step;
#pragma GCC unroll 16
        for (int i = 0; i < (rows + 2) / 3; i++)
            rows_of_3[i] += a_step;
    }

    if (bias) {
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++) {
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
            for (int v = 0; v < vectors; v++)
                sum[r][v] = VR(add)(VR(max)(zero, sum[r][v]), zero);
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            VR(store)(c + r * c_row + v * REAL_LANES, sum[r][v]);
}

/* What every tile is called with. */
#define TILE_PARAMETERS \
    size_t depth, const real *a, ptrdiff_t a_row, ptrdiff_t a_step, const REAL(strips) *b, real *c, ptrdiff_t c_row, \
        int add, const real *bias, int relu, const REAL(ahead) *ahead
#define TILE_ARGUMENTS depth, a, a_row, a_step, b, c, c_row, add, bias, relu, ahead

#define TILE(rows, strips) \
    static void REAL(tile_##rows##_##strips##_)(TILE_PARAMETERS) \
    { \
        REAL(tile_of)(rows, strips > 0 ? strips * FI_TILE_VECTORS : 1, TILE_ARGUMENTS); \
    }
EACH_TILE(TILE)
#undef TILE

/* A tile of 1 <= rows <= TILE_ROWS, and as many strips as strips_at_once says, or one, or a single vector. */
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
    const REAL(ahead) none = {(const char *)b, 0};
    REAL(tile_any)(rows, 1, depth, a, a_row, a_step, &strip, c, c_row, add, 0, 0, &none);
}

/* Few rows make few chains; more strips at a time keep the multipliers busy. */
static inline int REAL(strips_at_once)(int rows, int64_t whole_strips)
{
    return 4 * rows <= TILE_ROWS && whole_strips >= 4 ? 4 : 3 * rows <= TILE_ROWS && whole_strips >= 2 ? 2 : 1;
}

/* From a buffer, of which whole vectors may be read, to an output of which nothing more may be written. */
static inline void REAL(store_columns)(real *to, const real *from, int64_t columns)
{
    int64_t i = 0;
    for (; i + REAL_LANES <= columns; i += REAL_LANES)
        VR(store)(to + i, VR(load)(from + i));
    if (i < columns)
        VR(store_part)(to + i, VR(load)(from + i), (int)(columns - i));
}

/* The part of a product that lies in these rows, in the columns `from` to `to` and in one block of k. */
static void REAL(product_block)(const fi_product *p, int64_t row, int64_t rows, int64_t from, int64_t to, int64_t k,
                                int64_t depth, const char **next)
{
    const int add = p->add || k > 0, last = p->finish && k + depth == p->depth;
    const int in_tile = p->activation == FI_LINEAR || p->activation == FI_RELU;
    const int relu = last && p->activation == FI_RELU;
    const int64_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS, lines = depth * CACHE_LINE;
    const real *const x = (const real *)p->x + row * p->x_row + k;
    real *const out = (real *)p->out + row * p->out_row;
    int64_t width;

    for (int64_t column = from; column < to; column += width) {
        const int at_once = REAL(strips_at_once)((int)((rows + tiles - 1) / tiles), (to - column) / TILE_COLUMNS);
        const int64_t columns = to - column < at_once * TILE_COLUMNS ? to - column : at_once * TILE_COLUMNS;
        const int narrow = columns <= REAL_LANES;
        width = narrow ? REAL_LANES : at_once * TILE_COLUMNS;
        const ptrdiff_t step = p->packed && columns < TILE_COLUMNS ? columns : p->step;
        const REAL(strips) b = {(const real *)p->weight + column / TILE_COLUMNS * p->strip + k * step, p->strip, step};
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
        /* While many rows meet one strip, the next strip comes nearer; else what the caller wants next. */
        const int to_next_strip = tiles > 2 && column + width + TILE_COLUMNS <= to;
        const char *const near = (const char *)(b.first + p->strip);

        /* Tiles of nearly equal height: a short one at the end would read the strip for too little. */
        for (int64_t tile = 0, r = 0; tile < tiles; tile++) {
            const int height = (int)(rows / tiles + (tile < rows % tiles));
            const real *const a = x + r * p->x_row;
            real *const c = out + r * p->out_row + column;
            REAL(ahead) ahead = {(const char *)b.first, 0};
            if (to_next_strip && tile * CACHE_LINE < TILE_COLUMNS * (int64_t)sizeof(real)) {
                /* Line by line of a packed strip; of an unpacked one, a line of each row. */
                ahead = p->packed ? (REAL(ahead)){near + tile * lines, CACHE_LINE}
                                  : (REAL(ahead)){near + tile * CACHE_LINE, step * (ptrdiff_t)sizeof(real)};
            } else if (*next < (const char *)p->next_end) {
                ahead = (REAL(ahead)){*next, CACHE_LINE};
                *next += lines;
            }
            r += height;
            if (columns == width && (in_tile || !last)) {
                REAL(tile_any)(height, narrow ? 0 : at_once, (size_t)depth, a, p->x_row, 1, &b, c, p->out_row, add,
                               bias, relu, &ahead);
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
            REAL(tile_any)(height, narrow ? 0 : at_once, (size_t)depth, a, p->x_row, 1, &b, buffer, width, add, bias,
                           relu, &ahead);
            if (last && !in_tile)
                p->activate(p->function, buffer, buffer, (size_t)(height * width));
            for (int i = 0; i < height; i++)
                REAL(store_columns)(c + i * p->out_row, buffer + i * width, columns);
        }
    }
}

static void REAL(product)(const fi_product *p)
{
    const char *next = p->next;
    int64_t k = 0;
    do { /* also without any k: then the sums are +0 */
        const int64_t depth = p->depth - k < FI_BLOCK_DEPTH ? p->depth - k : FI_BLOCK_DEPTH;
        for (int64_t from = 0; from < p->columns && (from == 0 || !fi_stop_asked()); from += BLOCK_COLUMNS) {
            const int64_t to = p->columns - from < BLOCK_COLUMNS ? p->columns : from + BLOCK_COLUMNS;
            for (int64_t row = 0; row < p->rows && (row == 0 || !fi_stop_asked()); row += BLOCK_ROWS)
                REAL(product_block)(p, row, p->rows - row < BLOCK_ROWS ? p->rows - row : BLOCK_ROWS, from, to, k, depth,
                                    &next);
        }
        k += depth;
    } while (k < p->depth && !fi_stop_asked());
}

/* REAL_LANES columns that each lie in one piece become as many rows of a strip. */
static inline void REAL(pack_square)(const real *from, ptrdiff_t column, real *to)
{
    vr x[REAL_LANES];
#pragma GCC unroll 16
    for (int i = 0; i < REAL_LANES; i++)
        x[i] = VR(load)(from + i * column);
#pragma GCC unroll 4
    for (int distance = 1; distance < REAL_LANES; distance *= 2)
#pragma GCC unroll 16
        for (int i = 0; i < REAL_LANES / 2; i++) {
            const int j = i / distance * 2 * distance + i % distance; /* without this bit */
            VR(swap)(&x[j], &x[j + distance], distance);
        }
#pragma GCC unroll 16
    for (int i = 0; i < REAL_LANES; i++)
        VR(store)(to + i * TILE_COLUMNS, x[i]);
}

/* A strip: by whole vectors where rows or columns lie in one piece. */
static inline void REAL(pack_strip)(const real *from, ptrdiff_t row, ptrdiff_t column, int64_t rows, int64_t width,
                                    real *to)
{
    if (column == 1 && width == TILE_COLUMNS) {
        for (int64_t k = 0; k < rows; k++)
            for (int v = 0; v < FI_TILE_VECTORS; v++)
                VR(store)(to + k * TILE_COLUMNS + v * REAL_LANES, VR(load)(from + k * row + v * REAL_LANES));
        return;
    }
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
    for (int64_t c = 0; c < columns; c += TILE_COLUMNS) {
        const int64_t width = columns - c < TILE_COLUMNS ? columns - c : TILE_COLUMNS;
        REAL(pack_strip)((const real *)weight + c * column, row, column, depth, width, (real *)strips + c * depth);
    }
    if (columns % TILE_COLUMNS != 0)
        memset((real *)strips + depth * columns, 0, (TILE_COLUMNS - 1) * sizeof(real));
}
#undef TILE_PARAMETERS
#undef TILE_ARGUMENTS
