/* Orthogonal matrices of no more vectors than one panel holds, part of householder.h.
 *
 * No row of such a matrix needs another row but the topmost, so that it is made from few rows at a time. A panel
 * that is too large to be kept is drawn whenever it is wanted: for the vectors' lengths, for their products with
 * each other, and for the matrix. Of it only the topmost rows are kept, which hold the pivots.
 */
#define THIN_ROWS 1024 /* at a time: a multiple of 16 */
#define THIN_STRIDE (THIN_ROWS + 16) /* not a power of two, whose multiples share the cache's few ways */
#define MOST_COLUMNS (FI_PANEL + TILE_COLUMNS) /* of whole strips */
#define THIN_SCRATCH \
    (FI_PANEL * THIN_STRIDE + (THIN_ROWS + DEPTH + 8) * TILE_COLUMNS + FI_PANEL * (TILE_COLUMNS + MOST_COLUMNS))

/* Elements [from, from + rows) of vector i, behind zeros and before zeros up to a multiple of 16. */
static void REAL(draw_part)(const fi_orthogonal_matrix *q, int64_t i, int64_t from, int64_t rows, real *row)
{
    const int64_t parts = q->job->complex_numbers ? 2 : 1, zeros = i < from ? 0 : i - from < rows ? i - from : rows;
    const uint64_t vector = (uint64_t)((q->number * q->vectors + i) / parts);
    memset(row, 0, (size_t)zeros * sizeof(real));
    if (rows > zeros)
        REAL(fill_symmetric_f)(q->job->normal, &q->job->source, vector * (uint64_t)q->height + (uint64_t)(from + zeros),
                               (size_t)(rows - zeros), row + zeros);
    memset(row + rows, 0, (size_t)(-rows & 15) * sizeof(real));
}

/* Rows [from, from + rows) of the panel: where they are kept, or drawn anew into `drawn`. */
static const real *REAL(panel_rows)(const fi_orthogonal_matrix *q, int64_t from, int64_t rows, real *drawn,
                                    int64_t *stride)
{
    const int64_t parts = q->job->complex_numbers ? 2 : 1;
    if (q->kept) {
        *stride = fi_panel_stride(q->height, 0);
        return (const real *)q->panels + from;
    }
    *stride = THIN_STRIDE;
    for (int64_t i = 0; i < q->wanted; i += parts) {
        real *row = drawn + i * THIN_STRIDE;
        REAL(draw_part)(q, i, from, rows, row);
        if (from == 0)
            memcpy(row, (const real *)q->panels + i * FI_PANEL, FI_PANEL * sizeof(real));
        if (parts == 2)
            REAL(times_i)(row, rows, row + THIN_STRIDE);
    }
    return drawn;
}

/* What orthogonal_panel does, for a panel that is not kept. */
static void REAL(thin_panel)(const fi_orthogonal_matrix *q, void *scratch)
{
    const fi_orthogonal_job *job = q->job;
    const int64_t parts = job->complex_numbers ? 2 : 1;
    const double gain = job->gain + 0.0;
    real *const top = q->panels, *const drawn = scratch, *const strip = drawn + FI_PANEL * THIN_STRIDE;
    real diagonal[FI_PANEL], s[FI_PANEL * GRAM_ROW];
    for (int64_t i = 0; i < q->wanted; i += parts) {
        real *const row = top + i * FI_PANEL, *const scale = (real *)q->scales + i;
        squares lengths;
        squares_begin(&lengths);
        for (int64_t from = 0; from < q->height && (from == 0 || !fi_stop_asked()); from += THIN_ROWS) {
            const int64_t rows = q->height - from < THIN_ROWS ? q->height - from : THIN_ROWS;
            REAL(draw_part)(q, i, from, rows, drawn);
            REAL(add_squares)(&lengths, drawn, (rows + 15) & ~15);
            if (from == 0)
                memcpy(row, drawn, FI_PANEL * sizeof(real));
        }
        const double sum = squares_end(&lengths);
        if (parts == 1) {
            diagonal[i] = REAL(reflect)(row, i, sum, q->height - i == 1, gain, scale);
        } else {
            diagonal[i] = REAL(reflect_complex)(row, i, sum, q->height - i == 2, gain, scale);
            diagonal[i + 1] = diagonal[i];
            REAL(times_i)(row, FI_PANEL, row + FI_PANEL);
        }
    }
    for (int64_t from = 0; from < q->height && (from == 0 || !fi_stop_asked()); from += THIN_ROWS) {
        const int64_t rows = q->height - from < THIN_ROWS ? q->height - from : THIN_ROWS;
        int64_t stride;
        const real *const v = REAL(panel_rows)(q, from, rows, drawn, &stride);
        REAL(gram)(v, stride, q->wanted, rows, s, strip, from > 0);
    }
    REAL(factor)(s, q->wanted, parts, diagonal, q->factors);
}

/* The wanted ones of rows [from, to), `from` a multiple of THIN_ROWS, in all columns wanted. */
static void REAL(thin_rows)(const fi_orthogonal_matrix *q, int64_t from, int64_t to, void *scratch)
{
    const fi_orthogonal_job *job = q->job;
    const int64_t parts = job->complex_numbers ? 2 : 1, width = q->wanted;
    const int64_t first = job->first_column, last = job->last_column;
    const int64_t stride = q->kept ? fi_panel_stride(q->height, 0) : FI_PANEL;
    real *const drawn = scratch, *const strip = drawn + FI_PANEL * THIN_STRIDE;
    real *const w = strip + THIN_ROWS * TILE_COLUMNS, *const nw = w + FI_PANEL * TILE_COLUMNS;
    for (int64_t left = first; left < last; left += TILE_COLUMNS) {
        const int64_t columns = last - left < TILE_COLUMNS ? last - left : TILE_COLUMNS;
        if (parts == 1)
            REAL(project_identity)(q->panels, stride, width, left, columns, w);
        else
            for (int64_t i = 0; i < width; i++)
                for (int64_t c = 0; c < TILE_COLUMNS; c++)
                    w[i * TILE_COLUMNS + c] =
                        c < columns ? ((const real *)q->panels)[i * stride + (left + c) * parts] : 0;
        REAL(weigh)(width, q->factors, w, nw + (left - first) * FI_PANEL);
    }
    for (; from < to; from += THIN_ROWS) {
        const int64_t rows = to - from < THIN_ROWS ? to - from : THIN_ROWS;
        int64_t apart;
        const real *const v = REAL(panel_rows)(q, from, rows, drawn, &apart);
        for (int64_t left = first; left < last; left += TILE_COLUMNS) {
            const int64_t columns = last - left < TILE_COLUMNS ? last - left : TILE_COLUMNS;
            memset(strip, 0, (size_t)(rows * TILE_COLUMNS) * sizeof(real));
            for (int64_t c = 0; c < columns; c++) {
                const int64_t one = (left + c) * parts - from;
                if (one >= 0 && one < rows)
                    strip[one * TILE_COLUMNS + c] = 1;
            }
            REAL(reflect_strip)(v, apart, width, rows, nw + (left - first) * FI_PANEL, strip);
            REAL(finish_strip)(q, left, columns, strip, from, from + rows);
        }
    }
}
