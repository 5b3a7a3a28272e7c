/* A tile of a matrix product, included once for each width (see real32.h): outputs that live in registers while k runs.
 *
 * Every element is one chain of fma over ascending k, from +0 or from what the output holds. Tiles of every shape
 * compute the same bits.
 */
#undef TILE_COLUMNS
#define TILE_COLUMNS (FI_TILE_VECTORS * REAL_LANES)

#ifndef TILE_ROWS
#define TILE_ROWS FI_TILE_ROWS

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

/* Where a row of a strip is one line of the cache, or less, an unpacked strip is slow to read: the first tile leaves it
 * packed for the others. Tiles that are the first of several have these heights. */
#define TILE_COPIES (FI_TILE_VECTORS * FI_LANES * 4 <= CACHE_LINE)
#if FI_TILE_ROWS == 4
#define EACH_FIRST_TILE(DO) DO(3) DO(4)
#elif FI_TILE_ROWS == 6
#define EACH_FIRST_TILE(DO) DO(4) DO(5) DO(6)
#elif FI_TILE_ROWS == 8
#define EACH_FIRST_TILE(DO) DO(5) DO(6) DO(7) DO(8)
#endif
#endif

/* Memory that will be wanted soon: each step of k asks for one line of it, up to `end`. */
typedef struct {
    const char *at, *end;
    ptrdiff_t step, tile; /* bytes from line to line, and from the first of a tile to that of the next */
} REAL(ahead);

/* Tiles that stand one below the other, for one group of strips or several side by side: c[r][..] = (add ? c[r][..] :
 * +0) + sum of a[r * a_row + k * a_step] * b[k][..] and, if it is the end, + bias and relu. */
typedef struct {
    size_t depth;
    ptrdiff_t a_row, a_step, a_tile; /* from tile to tile */
    const real *b; /* strip s, row k begins at b + s * strip + k * step */
    ptrdiff_t strip, step;
    ptrdiff_t c_row;
    int add, relu;
    const real *bias;
    real *copy; /* the first tile leaves the strip packed here, from where the others read it; or NULL */
    int asks; /* whether there is any of what follows */
    REAL(ahead) near, far; /* asked for one after the other, a tile's share at a time */
} REAL(tiles);

static const real REAL(zeros)[REAL_LANES];

/* What a tile's loop is made of is known to the compiler: so many rows and vectors; whether the left-hand matrix lies
 * `across`, a column's elements side by side, or a row's; and whether the strip is copied. One pointer stands for three
 * rows, whose distances an address can hold: a register for each row would be too many. Distances are in bytes here, of
 * which an address takes multiples. */

FI_ALWAYS_INLINE const real *REAL(past)(const real *p, ptrdiff_t bytes)
{
    return (const real *)((const char *)p + bytes);
}

/* One k; `i` is counted from where the pointers are. */
FI_ALWAYS_INLINE void REAL(tile_step)(const int rows, const int vectors, const int across, const int copies,
                                      vr sum[TILE_ROWS][MOST_VECTORS], const real *const *rows_of_3,
                                      const ptrdiff_t *apart, int i, const real *b, ptrdiff_t strip, real *copy)
{
    vr factor[MOST_VECTORS];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; v++) {
        const vr x = VR(load)(REAL(past)(b, v / FI_TILE_VECTORS * strip) + v % FI_TILE_VECTORS * REAL_LANES);
        factor[v] = rows > 1 || copies ? VR(held)(x) : x;
        if (copies)
            VR(store)(copy + v * REAL_LANES, factor[v]);
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        const vr x = VR(set)(across ? rows_of_3[0][r] : REAL(past)(rows_of_3[r / 3], apart[r % 3])[i]);
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            sum[r][v] = VR(fma)(x, factor[v], sum[r][v]);
        VR(kept)(x);
    }
#pragma GCC unroll 16
    for (int v = 0; v < vectors && rows > 1; v++)
        VR(kept)(factor[v]);
}

/* Where sums are read from or written to: one pointer for three rows here, too. */
FI_ALWAYS_INLINE void REAL(load_sums)(const int rows, const int vectors, const real *from, ptrdiff_t row,
                                      vr sum[TILE_ROWS][MOST_VECTORS])
{
    FI_OPAQUE(row); /* as in the loop over k */
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        if (r > 0 && r % 3 == 0)
            from = REAL(past)(from, 3 * row);
        FI_OPAQUE(from);
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            sum[r][v] = VR(load)(REAL(past)(from, r % 3 * row) + v * REAL_LANES);
    }
}

FI_ALWAYS_INLINE void REAL(store_sums)(const int rows, const int vectors, real *to, ptrdiff_t row,
                                       vr sum[TILE_ROWS][MOST_VECTORS])
{
    FI_OPAQUE(row);
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        if (r > 0 && r % 3 == 0)
            to = (real *)REAL(past)(to, 3 * row);
        FI_OPAQUE(to);
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            VR(store)((real *)REAL(past)(to, r % 3 * row) + v * REAL_LANES, sum[r][v]);
    }
}

/* The next tile's share of what will be wanted, or NULL. */
static inline const char *REAL(next_line)(REAL(tiles) *t, ptrdiff_t *step)
{
    *step = 0;
    if (!t->asks)
        return 0;
    REAL(ahead) *const ahead = t->near.at < t->near.end ? &t->near : &t->far;
    const char *const line = ahead->at;
    *step = ahead->step;
    if (line >= ahead->end)
        return 0;
    ahead->at = line + ahead->tile;
    return line;
}

/* `groups` of strips, as many of them in each as the vectors make, by `count` tiles. */
FI_ALWAYS_INLINE void REAL(tiles_of)(const int rows, const int vectors, const int across, const int copies,
                                     REAL(tiles) *t, int64_t groups, int count, const real *a, real *c)
{
    const int pointers = across ? 1 : (rows + 2) / 3;
    const ptrdiff_t size = sizeof(real), a_step = t->a_step * size, step = t->step * size, strip = t->strip * size;
    const ptrdiff_t c_row = t->c_row * size, c_tile = rows * c_row;
    const real *top = t->b, *bias = t->bias;
    for (; groups > 0; groups--, c += vectors * REAL_LANES) {
        const real *x = a;
        real *to = c;
        for (int tile = count; tile > 0; tile--, x += t->a_tile, to = (real *)REAL(past)(to, c_tile)) {
            vr sum[TILE_ROWS][MOST_VECTORS];
            if (t->add) {
                REAL(load_sums)(rows, vectors, to, c_row, sum);
            } else {
#pragma GCC unroll 16
                for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
                    for (int v = 0; v < vectors; v++)
                        sum[r][v] = VR(set)(0);
            }

            const ptrdiff_t a_row = t->a_row * size;
            ptrdiff_t line_step, apart[3] = {0, a_row, 2 * a_row};
            const char *line = REAL(next_line)(t, &line_step);
            const real *b = top, *rows_of_3[(TILE_ROWS + 2) / 3];
            real *copy = t->copy;
#pragma GCC unroll 16
            for (int i = 0; i < pointers; i++)
                rows_of_3[i] = REAL(past)(x, 3 * i * a_row);
            size_t k = t->depth;
#if FI_TILE_STEPS > 1
            for (; k >= FI_TILE_STEPS; k -= FI_TILE_STEPS) {
                if (FI_UNLIKELY(line)) {
#pragma GCC unroll 16
                    for (int i = 0; i < FI_TILE_STEPS; i++, line += line_step)
                        __builtin_prefetch(line, 0, 3);
                }
                FI_OPAQUE(apart[1]); /* else what is added to them would be added beforehand, and kept in registers */
                FI_OPAQUE(apart[2]);
#pragma GCC unroll 16
                for (int i = 0; i < FI_TILE_STEPS; i++) {
                    FI_OPAQUE(b);
                    REAL(tile_step)(rows, vectors, across, copies, sum, rows_of_3, apart, i, b, strip,
                                    copies ? copy + i * TILE_COLUMNS : 0);
                    b = REAL(past)(b, step);
                    rows_of_3[0] = REAL(past)(rows_of_3[0], across ? a_step : 0);
                }
#pragma GCC unroll 16
                for (int i = 0; i < pointers; i++) {
                    rows_of_3[i] += across ? 0 : FI_TILE_STEPS;
                    FI_OPAQUE(rows_of_3[i]);
                }
                if (copies)
                    copy += FI_TILE_STEPS * TILE_COLUMNS;
            }
            line = 0;
#endif
            for (; k > 0; k--) {
                if (line) {
                    __builtin_prefetch(line, 0, 3);
                    line += line_step;
                }
                FI_OPAQUE(k); /* else there would be a copy of the loop for every small number */
                REAL(tile_step)(rows, vectors, across, copies, sum, rows_of_3, apart, 0, b, strip, copy);
                b = REAL(past)(b, step);
#pragma GCC unroll 16
                for (int i = 0; i < pointers; i++)
                    rows_of_3[i] = REAL(past)(rows_of_3[i], across ? a_step : size);
                if (copies)
                    copy += TILE_COLUMNS;
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
            if (t->relu) { /* the greater of 0 and x is x if that is NaN; adding +0 makes a zero positive */
                const real *nothing = REAL(zeros);
                FI_OPAQUE(nothing);
                const vr zero = VR(load)(nothing);
#pragma GCC unroll 16
                for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
                    for (int v = 0; v < vectors; v++)
                        sum[r][v] = VR(add)(VR(max)(zero, sum[r][v]), zero);
            }
            REAL(store_sums)(rows, vectors, to, c_row, sum);
        }
        top = REAL(past)(top, vectors / FI_TILE_VECTORS * strip);
        bias += bias ? vectors * REAL_LANES : 0;
    }
}

#define TILE_ARGUMENTS(strips) (strips) > 0 ? (strips) * FI_TILE_VECTORS : 1
#define TILE(rows, strips) \
    static void REAL(tiles_##rows##_##strips##_)(REAL(tiles) *t, int64_t groups, int count, const real *a, real *c) \
    { \
        REAL(tiles_of)(rows, TILE_ARGUMENTS(strips), 0, 0, t, groups, count, a, c); \
    } \
    static void REAL(across_##rows##_##strips##_)(REAL(tiles) *t, int64_t groups, int count, const real *a, real *c) \
    { \
        if (strips <= 1) \
            REAL(tiles_of)(rows, TILE_ARGUMENTS(strips), 1, 0, t, groups, count, a, c); \
    }
EACH_TILE(TILE)
#undef TILE

/* Tiles of 1 <= rows <= TILE_ROWS, and as many strips in a group as strips_at_once says, or one, or a single vector; of
 * one at most where the left-hand matrix lies across. */
static inline void REAL(tiles_any)(int rows, int strips, REAL(tiles) *t, int64_t groups, int count, const real *a,
                                   real *c)
{
    typedef void run(REAL(tiles) *t, int64_t groups, int count, const real *a, real *c);
    static run *const tiles[2][TILE_ROWS + 1][MOST_STRIPS + 1] = {
#define TILE(rows, strips) [0][rows][strips] = REAL(tiles_##rows##_##strips##_),
        EACH_TILE(TILE)
#undef TILE
#define TILE(rows, strips) [1][rows][strips] = REAL(across_##rows##_##strips##_),
            EACH_TILE(TILE)
#undef TILE
    };
    tiles[t->a_step != 1][rows][strips](t, groups, count, a, c);
}

#if TILE_COPIES
static inline void REAL(first_tile)(int rows, REAL(tiles) *t, const real *a, real *c)
{
    switch (rows) {
#define TILE(rows) \
    case rows: REAL(tiles_of)(rows, FI_TILE_VECTORS, 0, 1, t, 1, 1, a, c); break;
        EACH_FIRST_TILE(TILE)
#undef TILE
    }
}
#endif

/* Few rows make few chains; more strips at a time keep the multipliers busy. */
static inline int REAL(strips_at_once)(int rows, int64_t whole_strips)
{
    return 4 * rows <= TILE_ROWS && whole_strips >= 4 ? 4 : 3 * rows <= TILE_ROWS && whole_strips >= 2 ? 2 : 1;
}

/* The plain product of a tile with one packed strip, for kernels that are made of products. */
static inline void REAL(tile)(int rows, size_t depth, const real *a, ptrdiff_t a_row, ptrdiff_t a_step, const real *b,
                              real *c, ptrdiff_t c_row, int add)
{
    REAL(tiles) t; /* set field by field: to clear it first takes as long as a short tile */
    t.depth = depth;
    t.a_row = a_row;
    t.a_step = a_step;
    t.a_tile = t.strip = 0;
    t.b = b;
    t.step = TILE_COLUMNS;
    t.c_row = c_row;
    t.add = add;
    t.relu = 0;
    t.bias = 0;
    t.copy = 0;
    t.asks = 0;
    REAL(tiles_any)(rows, 1, &t, 1, 1, a, c);
}
