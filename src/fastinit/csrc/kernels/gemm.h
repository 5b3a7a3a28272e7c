/* Matrix products, included once for each width (see real32.h).
 *
 * Tiles, strips and blocks only choose which chains run side by side (see tile.h), and no bit depends on them.
 *
 * The right-hand matrix comes in strips of TILE_COLUMNS columns. A packed strip holds its rows one after
 * another, and the last, narrower one does so without gaps; the strips of an unpacked matrix have the matrix's
 * own distance between rows, and are all whole. The left-hand matrix comes as it is, or is copied in panels as high as
 * a tile, block by block.
 */
#undef BLOCK_COLUMNS
#define BLOCK_COLUMNS ((int64_t)(FI_BLOCK_BYTES / sizeof(real)) / TILE_COLUMNS * TILE_COLUMNS)

/* From a buffer, of which whole vectors may be read, to an output of which nothing more may be written. */
static inline void REAL(store_columns)(real *to, const real *from, int64_t columns)
{
    int64_t i = 0;
    for (; i + REAL_LANES <= columns; i += REAL_LANES)
        VR(store)(to + i, VR(load)(from + i));
    if (i < columns)
        VR(store_part)(to + i, VR(load)(from + i), (int)(columns - i));
}

/* A block of a product: some rows, some columns and some steps of k. Its tiles are of nearly equal height, because a
 * short one at the end would read the strip for too little: the first `tall` ones have a row more. */
typedef struct {
    const fi_product *p;
    const real *x, *panels;
    real *out;
    int64_t from, to; /* columns */
    int rows, count, height, tall;
    REAL(tiles) t;
} REAL(block);

/* Where the left-hand matrix of a tile's rows lies, the first of so many tiles of this height. */
static inline const real *REAL(place_rows)(REAL(block) *block, int row, int high)
{
    REAL(tiles) *const t = &block->t;
    if (block->panels) {
        t->a_row = 1;
        t->a_step = high;
        t->a_tile = high * (int64_t)t->depth;
        return block->panels + row * (int64_t)t->depth;
    }
    t->a_row = block->p->x_row;
    t->a_step = 1;
    t->a_tile = high * block->p->x_row;
    return block->x + row * block->p->x_row;
}

/* Whole strips, some of them in each of these groups, by all tiles. */
static inline void REAL(whole_strips)(REAL(block) *block, int strips, int64_t groups, real *out)
{
    REAL(tiles) *const t = &block->t;
    int row = 0, i = 0;
#if TILE_COPIES
    if (t->copy) {
        const int high = block->height + (block->tall > 0);
        REAL(first_tile)(high, t, REAL(place_rows)(block, 0, high), out);
        t->b = t->copy;
        t->step = TILE_COLUMNS;
        row = high;
        i = 1;
    }
#endif
    while (i < block->count) {
        const int high = block->height + (i < block->tall), end = i < block->tall ? block->tall : block->count;
        const real *const x = REAL(place_rows)(block, row, high);
        REAL(tiles_any)(high, strips, t, groups, end - i, x, out + row * block->p->out_row);
        row += (end - i) * high;
        i = end;
    }
}

/* Through a buffer: what must not be stored whole, or not as it is. So many strips, or 0 for a single vector. */
static void REAL(buffered_strips)(REAL(block) *block, int strips, int64_t columns, int activates, real *out)
{
    const fi_product *const p = block->p;
    REAL(tiles) *const t = &block->t;
    const int64_t width = strips == 0 ? REAL_LANES : strips * TILE_COLUMNS;
    const size_t bytes = (size_t)columns * sizeof(real);
    _Alignas(64) real buffer[TILE_ROWS * TILE_COLUMNS], bias[TILE_COLUMNS];
    if (t->bias && columns < width) {
        memset(bias, 0, sizeof bias);
        memcpy(bias, t->bias, bytes);
        t->bias = bias;
    }
    t->c_row = width;
    for (int i = 0, row = 0, high; i < block->count; i++, row += high) {
        real *const c = out + row * p->out_row;
        high = block->height + (i < block->tall);
        if (t->add) {
            memset(buffer, 0, (size_t)(high * width) * sizeof(real));
            for (int r = 0; r < high; r++)
                memcpy(buffer + r * width, c + r * p->out_row, bytes);
        }
        REAL(tiles_any)(high, strips, t, 1, 1, REAL(place_rows)(block, row, high), buffer);
        if (activates)
            p->activate(p->function, buffer, buffer, 1, (size_t)(high * width));
        for (int r = 0; r < high; r++)
            REAL(store_columns)(c + r * p->out_row, buffer + r * width, columns);
    }
    t->c_row = p->out_row;
}

/* While many rows meet one strip, the next strip comes nearer: line by line of a packed strip; of an unpacked one, a
 * line of each row. */
static inline void REAL(ask_for_next_strip)(REAL(tiles) *t, int packed)
{
    const char *const near = (const char *)(t->b + t->strip);
    const ptrdiff_t depth = (ptrdiff_t)t->depth, size = sizeof(real);
    t->asks = 1;
    if (packed)
        t->near = (REAL(ahead)){near, near + depth * TILE_COLUMNS * size, CACHE_LINE, depth * CACHE_LINE};
    else
        t->near = (REAL(ahead)){near, near + TILE_COLUMNS * size, t->step * size, CACHE_LINE};
}

static void REAL(product_block)(const fi_product *p, int64_t row, int64_t rows, int64_t from, int64_t to, int64_t k,
                                int64_t depth, const char **next)
{
    const int last = p->finish && k + depth == p->depth;
    const int activates = last && p->activation != FI_LINEAR && p->activation != FI_RELU;
    REAL(block) block; /* set field by field: to clear it first takes as long as a short tile */
    block.p = p;
    block.x = (const real *)p->x + row * p->x_row + k;
    block.panels = p->panels;
    block.count = ((int)rows + TILE_ROWS - 1) / TILE_ROWS;
    block.height = block.count > 1 ? (int)rows / block.count : (int)rows;
    block.tall = (int)rows - block.height * block.count;
    REAL(tiles) *const t = &block.t;
    t->depth = (size_t)depth;
    t->c_row = p->out_row;
    t->strip = p->strip;
    t->add = p->add || k > 0;
    t->relu = last && p->activation == FI_RELU;
    t->near.at = t->near.end = 0;
    t->far = (REAL(ahead)){*next, p->next_end, CACHE_LINE, depth * CACHE_LINE};
    t->asks = t->far.at < t->far.end;
    if (p->panels)
        for (int r = 0, i = 0, high; i < block.count; i++, r += high) {
            high = block.height + (i < block.tall);
            REAL(pack_panel)(block.x + r * p->x_row, p->x_row, high, depth, (real *)p->panels + r * depth);
        }

    const int64_t strips_bytes = depth * (to - from) * (int64_t)sizeof(real);
    const int tallest = block.height + (block.tall > 0), by_strips = strips_bytes > FI_NEAR_BYTES;
    int64_t columns;
    for (int64_t column = from; column < to; column += columns) {
        const int64_t left = to - column, whole = left / TILE_COLUMNS;
        real *const out = (real *)p->out + row * p->out_row + column;
        t->step = p->packed && whole == 0 ? left : p->step;
        t->b = (const real *)p->weight + column / TILE_COLUMNS * p->strip + k * t->step;
        t->bias = last && p->bias ? (const real *)p->bias + column : 0;
        t->copy = 0;
        const int strips = left <= REAL_LANES ? 0 : REAL(strips_at_once)(tallest, whole);
        const int64_t width = strips == 0 ? REAL_LANES : strips * TILE_COLUMNS;
        if (by_strips && block.count > 2 && whole > strips)
            REAL(ask_for_next_strip)(t, p->packed);
        if (activates || left < width) {
            columns = left < width ? left : width;
            REAL(buffered_strips)(&block, strips, columns, activates, out);
            continue;
        }
        const int64_t groups = by_strips || strips == 0 ? 1 : (int)whole / strips;
        columns = groups * width;
#if TILE_COPIES
        if (p->copy && by_strips && strips == 1 && block.count > 1)
            t->copy = p->copy;
#endif
        REAL(whole_strips)(&block, strips, groups, out);
    }
    *next = t->far.at;
}

static void REAL(product)(const fi_product *p)
{
    const char *next = p->next;
    const int64_t most_rows = FI_BLOCK_ROWS(sizeof(real)), depth = fi_block_depth(p->depth);
    const int64_t block_rows = fi_even(p->rows, most_rows, TILE_ROWS);
    int64_t k = 0;
    do { /* also without any k: then the sums are +0 */
        const int64_t deep = p->depth - k < depth ? p->depth - k : depth;
        for (int64_t from = 0; from < p->columns && (from == 0 || !fi_stop_asked()); from += BLOCK_COLUMNS) {
            const int64_t to = p->columns - from < BLOCK_COLUMNS ? p->columns : from + BLOCK_COLUMNS;
            for (int64_t row = 0; row < p->rows && (row == 0 || !fi_stop_asked()); row += block_rows)
                REAL(product_block)(p, row, p->rows - row < block_rows ? p->rows - row : block_rows, from, to, k, deep,
                                    &next);
        }
        k += deep;
    } while (k < p->depth && !fi_stop_asked());
}
