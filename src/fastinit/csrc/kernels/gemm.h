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

/* The part of a product that lies in these rows, in the columns `from` to `to` and in one block of k. */
static void REAL(product_block)(const fi_product *p, int64_t row, int64_t block_rows, int64_t from, int64_t to,
                                int64_t k, int64_t depth, const char **next)
{
    const int last = p->finish && k + depth == p->depth;
    const int in_tile = p->activation == FI_LINEAR || p->activation == FI_RELU;
    /* Tiles of nearly equal height: a short one at the end would read the strip for too little. First the tall ones. */
    const int rows = (int)block_rows, tiles = (rows + TILE_ROWS - 1) / TILE_ROWS,
              height = tiles > 1 ? rows / tiles : rows;
    const int tall = rows - height * tiles, tallest = height + (tall > 0);
    const real *const x = (const real *)p->x + row * p->x_row + k;
    real *const out = (real *)p->out + row * p->out_row;
    REAL(tiles) t; /* set field by field: to clear it first takes as long as a short tile */
    t.depth = (size_t)depth;
    t.c_row = p->out_row;
    t.strip = p->strip;
    t.add = p->add || k > 0;
    t.relu = last && p->activation == FI_RELU;
    t.far = (REAL(ahead)){*next, p->next_end, CACHE_LINE, depth * CACHE_LINE};
    if (p->panels)
        for (int r = 0, i = 0, high; i < tiles; i++, r += high) {
            high = height + (i < tall);
            REAL(pack_panel)(x + r * p->x_row, p->x_row, high, depth, (real *)p->panels + r * depth);
        }

    int64_t width;
    for (int64_t column = from; column < to; column += width) {
        const int at_once = REAL(strips_at_once)(tallest, (to - column) / TILE_COLUMNS);
        const int64_t columns = to - column < at_once * TILE_COLUMNS ? to - column : at_once * TILE_COLUMNS;
        const int narrow = columns <= REAL_LANES;
        width = narrow ? REAL_LANES : at_once * TILE_COLUMNS;
        t.step = p->packed && columns < TILE_COLUMNS ? columns : p->step;
        t.b = (const real *)p->weight + column / TILE_COLUMNS * p->strip + k * t.step;
        _Alignas(64) real padded_bias[TILE_COLUMNS];
        t.bias = 0;
        if (last && p->bias) {
            t.bias = (const real *)p->bias + column;
            if (columns < width) {
                memset(padded_bias, 0, sizeof padded_bias);
                memcpy(padded_bias, t.bias, (size_t)columns * sizeof(real));
                t.bias = padded_bias;
            }
        }
        t.near.at = t.near.end = 0;
        /* While many rows meet one strip, the next strip comes nearer; else what the caller wants next: line by line
         * of a packed strip; of an unpacked one, a line of each row. */
        if (tiles > 2 && column + width + TILE_COLUMNS <= to) {
            const char *const near = (const char *)(t.b + p->strip);
            if (p->packed)
                t.near = (REAL(ahead)){near, near + depth * TILE_COLUMNS * (int64_t)sizeof(real), CACHE_LINE,
                                       depth * CACHE_LINE};
            else
                t.near = (REAL(ahead)){near, near + TILE_COLUMNS * sizeof(real), t.step * (ptrdiff_t)sizeof(real),
                                       CACHE_LINE};
        }
        const int whole = columns == width && (in_tile || !last), strips = narrow ? 0 : at_once;
        t.copy = 0;
#if TILE_COPIES
        if (p->copy && whole && strips == 1 && tiles > 1)
            t.copy = p->copy;
#endif

        for (int r = 0, i = 0, count, high; i < tiles; r += count * high, i += count) {
            high = i < tall ? height + 1 : height;
            count = !whole ? 1 : i < tall ? tall - i : tiles - i;
            const real *a = x + r * p->x_row;
            t.a_row = p->x_row;
            t.a_step = 1;
            t.a_tile = high * p->x_row;
            if (p->panels) {
                a = (const real *)p->panels + r * depth;
                t.a_row = 1;
                t.a_step = high;
                t.a_tile = high * depth;
            }
            real *const c = out + r * p->out_row + column;
            if (whole) {
#if TILE_COPIES
                if (t.copy && t.b != t.copy) {
                    REAL(first_tile)(high, &t, a, c);
                    t.b = t.copy;
                    t.step = TILE_COLUMNS;
                    count = 1;
                    continue;
                }
#endif
                REAL(tiles_any)(high, strips, &t, count, a, c);
                continue;
            }
            /* Through a buffer: what must not be stored whole, or not as it is. */
            _Alignas(64) real buffer[TILE_ROWS * TILE_COLUMNS];
            const size_t bytes = (size_t)columns * sizeof(real);
            if (t.add) {
                memset(buffer, 0, (size_t)(high * width) * sizeof(real));
                for (int i = 0; i < high; i++)
                    memcpy(buffer + i * width, c + i * p->out_row, bytes);
            }
            t.c_row = width;
            REAL(tiles_any)(high, strips, &t, 1, a, buffer);
            t.c_row = p->out_row;
            if (last && !in_tile)
                p->activate(p->function, buffer, buffer, (size_t)(high * width));
            for (int i = 0; i < high; i++)
                REAL(store_columns)(c + i * p->out_row, buffer + i * width, columns);
        }
    }
    *next = t.far.at;
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
