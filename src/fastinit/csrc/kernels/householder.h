/* Orthogonal matrices from random Householder vectors (Stewart, 1980). docs/stream.md states the operations.
 *
 * The vectors come in panels. The reflections of a panel, with the vectors as V's columns, are together
 * I - V S^-1 V', S the upper triangle of V'V with half its diagonal (the UT transform): three matrix products,
 * applied to columns of the identity, last panel first. A panel does not touch the rows above its own first
 * vector, nor any column left of it. The columns are kept in strips as wide as the product's tile, a row
 * after the other, which is how the product wants its right factor.
 */

#define GRAM_ROW ((FI_PANEL + TILE_COLUMNS - 1) / TILE_COLUMNS * TILE_COLUMNS)
/* Rows of a strip that stay in the first-level cache while all vectors of a panel pass by. */
#define DEPTH ((int64_t)(24576 / sizeof(real) / TILE_COLUMNS))
/* Vectors that begin so early are drawn in one run with what stands before them: starting a run costs
 * as much as some hundred numbers. */
#define DRAWN_WHOLE 128
#define DRAWN_HEIGHT 2048 /* as long as that is worth the memory */

static real *REAL(panel_vectors)(const fi_orthogonal_matrix *q, int64_t panel)
{
    real *at = q->panels;
    for (int64_t p = 0; p < panel; p++)
        at += FI_PANEL * fi_panel_stride(q->height, p);
    return at;
}

/* All numbers of so many matrices. */
static void REAL(draw)(const fi_orthogonal_matrix *first, int64_t matrices, void *numbers)
{
    const fi_orthogonal_job *job = first->job;
    const uint64_t each = (uint64_t)(first->vectors / (job->complex_numbers ? 2 : 1) * first->height);
    REAL(fill_symmetric_f)(job->normal, &job->source, (uint64_t)first->number * each,
                           (size_t)((uint64_t)matrices * each), numbers);
}

/* A row of so many elements, of which [from, to) are given and the others zero. So many are read, too. */
static inline void REAL(copy_vector)(const real *numbers, int64_t from, int64_t to, int64_t stride, real *row)
{
    static const real place[FI_PANEL] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                         16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
    const vr zero = VR(set)(0), begin = VR(set)((real)from);
    int64_t c = 0;
    for (; c < from; c += REAL_LANES)
        VR(store)(row + c, VR(select)(VR(lt)(VR(load)(place + c), begin), zero, VR(load)(numbers + c)));
    for (; c < stride; c += REAL_LANES)
        VR(store)(row + c, VR(load)(numbers + c));
    if (to < stride) {
        const int64_t tail = stride < FI_PANEL ? 0 : stride - FI_PANEL;
        const vr end = VR(set)((real)(to - tail));
        for (c = 0; c < stride - tail; c += REAL_LANES)
            VR(store)(row + tail + c, VR(select)(VR(lt)(VR(load)(place + c), end), VR(load)(row + tail + c), zero));
    }
}

/* Row i of the panel becomes x_(first + i) from its own first element on, with zeros around it. In the complex
 * case the odd rows are left for later. */
static void REAL(draw_panel)(const fi_orthogonal_matrix *q, int64_t first, int64_t width, real *v, int64_t stride,
                             real *scratch)
{
    const fi_orthogonal_job *job = q->job;
    const int64_t parts = job->complex_numbers ? 2 : 1, rest = q->height - first;
    const uint64_t position = (uint64_t)(q->number * q->vectors / parts + first / parts) * (uint64_t)q->height;
    const real *numbers = q->drawn ? (const real *)q->drawn + first / parts * q->height : NULL;
    if (!numbers && first < DRAWN_WHOLE && q->height <= DRAWN_HEIGHT) {
        REAL(fill_symmetric_f)(job->normal, &job->source, position, (size_t)(width / parts * q->height), scratch);
        numbers = scratch;
    }
    for (int64_t i = 0; i < width; i += parts) {
        real *row = v + i * stride;
        if (numbers) {
            REAL(copy_vector)(numbers + i / parts * q->height + first, i, rest, stride, row);
            continue;
        }
        memset(row, 0, (size_t)i * sizeof(real));
        REAL(fill_symmetric_f)(job->normal, &job->source, position + (uint64_t)(i / parts * q->height + first + i),
                               (size_t)(rest - i), row + i);
        memset(row + rest, 0, (size_t)(stride - rest) * sizeof(real));
    }
}

/* The square of a row's length; it begins with i zeros. */
FI_ALWAYS_INLINE double REAL(length)(const real *row, int64_t i, int64_t rest)
{
    const int64_t from = i & ~15;
    squares sum;
    squares_begin(&sum);
    REAL(add_squares)(&sum, row + from, ((rest + 15) & ~15) - from);
    return squares_end(&sum);
}

/* From x to v = x + sgn(x_0) |x| e_0, in place; what a column is scaled with: -sgn(x_0) times the gain; and
 * -2 / |v|^2, which is returned. A vector of one element reflects nothing and scales by its sign. */
static inline real REAL(reflect)(real *row, int64_t i, double sum, int last, double gain, real *scale)
{
    const double x = row[i], norm = __builtin_sqrt(sum);
    const double sign = __builtin_copysign(1.0, x + 0.0); /* of -0.0, too, it is 1; no branch could foresee it */
    if (last) {
        *scale = (real)(sign * gain);
        row[i] = 0;
        return 0;
    }
    const double pivot = (double)(real)(x + sign * norm);
    *scale = (real)(sign * -gain);
    row[i] = (real)pivot;
    return (real)(-2.0 / ((sum - x * x) + pivot * pivot));
}

/* The same of complex numbers: x_0 / |x_0| takes the place of the sign. */
static inline real REAL(reflect_complex)(real *row, int64_t i, double sum, int last, double gain, real scale[2])
{
    const double re = row[i], im = row[i + 1], norm = __builtin_sqrt(sum);
    const double square = re * re + im * im, size = __builtin_sqrt(square), sign = last ? gain : -gain;
    scale[0] = (real)(sign * (re / size));
    scale[1] = (real)(sign * (im / size));
    const double stretch = norm / size;
    row[i] = last ? 0 : (real)(re + re * stretch);
    row[i + 1] = last ? 0 : (real)(im + im * stretch);
    const double p = row[i], t = row[i + 1];
    return last ? 0 : (real)(-2.0 / ((sum - square) + (p * p + t * t)));
}

/* A complex vector's second row: i times the first. */
static inline void REAL(times_i)(const real *restrict row, int64_t rows, real *restrict next)
{
    for (int64_t r = 0; r < rows; r += 2) {
        next[r] = -row[r + 1];
        next[r + 1] = row[r];
    }
}

/* Rows of the next tile, so that the last is not much shorter than the others. */
static inline int64_t REAL(tile_height)(int64_t rest)
{
    const int64_t tiles = (rest + TILE_ROWS - 1) / TILE_ROWS;
    return rest <= TILE_ROWS ? rest : rest < 3 * TILE_ROWS ? (rest + tiles - 1) / tiles : TILE_ROWS;
}

/* So many vectors into a strip, where they are columns: by squares, and what is left by eights of rows, up to seven
 * too many; a vector's stride has them. */
static void REAL(pack_vectors)(const real *restrict v, int64_t stride, int64_t rows, int64_t columns,
                               real *restrict strip)
{
    for (int64_t r = 0; r < rows; r += 8, strip += 8 * TILE_COLUMNS) {
        int64_t done = 0;
        for (; REAL_LANES <= 8 && done + REAL_LANES <= columns; done += REAL_LANES)
#pragma GCC unroll 8
            for (int i = 0; i < 8; i += REAL_LANES) {
                vr square[REAL_LANES];
                VR(load_across)(v + done * stride + r + i, stride, square);
#pragma GCC unroll 8
                for (int j = 0; j < REAL_LANES; j++)
                    VR(store)(strip + (i + j) * TILE_COLUMNS + done, square[j]);
            }
        for (int64_t c = done; c < columns; c++) {
            const real *from = v + c * stride + r;
            for (int i = 0; i < 8; i++)
                strip[i * TILE_COLUMNS + c] = from[i];
        }
    }
}

/* The products of the vectors with each other, above the diagonal; to be added if these are not the first rows. */
static void REAL(gram)(const real *v, int64_t stride, int64_t width, int64_t rest, real *s, real *strip, int add)
{
    for (int64_t left = 0; left < width; left += TILE_COLUMNS) {
        const int64_t columns = width - left < TILE_COLUMNS ? width - left : TILE_COLUMNS;
        const int64_t top = add ? 0 : left & ~7; /* above, the columns are zero */
        for (int64_t from = top; from < rest && !fi_stop_asked(); from += DEPTH) {
            const int64_t depth = rest - from < DEPTH ? rest - from : DEPTH;
            REAL(pack_vectors)(v + left * stride + from, stride, depth, columns, strip);
            for (int64_t i = 0, rows; i < left + columns; i += rows) {
                rows = REAL(tile_height)(left + columns - i);
                REAL(tile)((int)rows, (size_t)depth, v + i * stride + from, stride, 1, strip, s + i * GRAM_ROW + left,
                           GRAM_ROW, add || from > top);
            }
        }
    }
}

/* N = -S^-1, from the last row upwards: N_ii = -1 / S_ii is given, and the rest of the row is N_ii times the sum over
 * l > i, descending, of S_il N_l. Here come so many rows, which are then added at once to the sums of all above. Left of
 * the diagonal stand zeros of either sign. */
FI_ALWAYS_INLINE void REAL(invert_rows)(const real *restrict s, const int rows, int64_t first, int64_t end,
                                        const real *restrict diagonal, real *restrict n)
{
    const int64_t from = first / REAL_LANES * REAL_LANES;
    for (int64_t l = first + rows - 1; l >= first; l--) {
        for (int64_t c = from; c < end; c += REAL_LANES)
            VR(store)(n + l * FI_PANEL + c, VR(mul)(VR(load)(n + l * FI_PANEL + c), VR(set)(diagonal[l])));
        n[l * FI_PANEL + l] = diagonal[l];
        for (int64_t i = first; i < l; i++)
            for (int64_t c = from; c < end; c += REAL_LANES) {
                real *sum = n + i * FI_PANEL + c;
                VR(store)(sum, VR(fma)(VR(set)(s[i * GRAM_ROW + l]), VR(load)(n + l * FI_PANEL + c), VR(load)(sum)));
            }
    }
    for (int64_t c = from; c < end; c += REAL_LANES) {
        vr done[4];
#pragma GCC unroll 4
        for (int l = 0; l < rows; l++)
            done[l] = VR(load)(n + (first + l) * FI_PANEL + c);
        for (int64_t i = 0; i < first; i++) {
            vr sum = VR(load)(n + i * FI_PANEL + c);
#pragma GCC unroll 4
            for (int l = rows - 1; l >= 0; l--)
                sum = VR(fma)(VR(set)(s[i * GRAM_ROW + first + l]), done[l], sum);
            VR(store)(n + i * FI_PANEL + c, sum);
        }
    }
}

static void REAL(invert)(const real *restrict s, int64_t width, const real *restrict diagonal, real *restrict n)
{
    const int64_t end = (width + REAL_LANES - 1) / REAL_LANES * REAL_LANES;
    int64_t l = width;
    memset(n, 0, (size_t)(width * FI_PANEL) * sizeof(real));
    for (; l % 4 != 0; l--)
        REAL(invert_rows)(s, 1, l - 1, end, diagonal, n);
    for (; l > 0; l -= 4)
        REAL(invert_rows)(s, 4, l - 4, end, diagonal, n);
}

static void REAL(factor)(real *s, int64_t width, int64_t parts, const real *diagonal, real *n)
{
    if (parts == 2)
        for (int64_t i = 0; i < width; i += 2)
            s[i * GRAM_ROW + i + 1] = 0; /* v and iv are at right angles, exactly */
    REAL(invert)(s, width, diagonal, n);
}

static void REAL(orthogonal_panel)(const fi_orthogonal_matrix *q, int64_t panel, void *scratch)
{
    const fi_orthogonal_job *job = q->job;
    const int64_t first = panel * FI_PANEL, rest = q->height - first, stride = fi_panel_stride(q->height, panel);
    const int64_t width = q->wanted - first < FI_PANEL ? q->wanted - first : FI_PANEL;
    real *v = REAL(panel_vectors)(q, panel), *scales = (real *)q->scales + first;
    const int64_t parts = job->complex_numbers ? 2 : 1;
    const double gain = job->gain + 0.0; /* no zero has a sign */
    double sums[FI_PANEL];
    real diagonal[FI_PANEL], s[FI_PANEL * GRAM_ROW];

    REAL(draw_panel)(q, first, width, v, stride, scratch);
    for (int64_t i = 0; i < width; i += parts)
        sums[i] = REAL(length)(v + i * stride, i, rest);
    for (int64_t i = 0; i < width; i += parts) { /* apart, so that the roots and quotients overlap */
        real *row = v + i * stride;
        if (parts == 1) {
            diagonal[i] = REAL(reflect)(row, i, sums[i], rest - i == 1, gain, scales + i);
        } else {
            diagonal[i] = REAL(reflect_complex)(row, i, sums[i], rest - i == 2, gain, scales + i);
            diagonal[i + 1] = diagonal[i];
            REAL(times_i)(row, stride, row + stride);
        }
    }
    REAL(gram)(v, stride, width, rest, s, scratch, 0);
    REAL(factor)(s, width, parts, diagonal, (real *)q->factors + panel * FI_PANEL * FI_PANEL);
}

/* w = V' c for the rows of a strip from the panel's first on. Zeros on top of the vectors are skipped; below
 * `depth` the strip is still zero. */
static void REAL(project)(const real *v, int64_t stride, int64_t width, int64_t depth, const real *c, real *w)
{
    for (int64_t from = 0; from < depth; from += DEPTH)
        for (int64_t i = 0, rows; i < width; i += rows) {
            rows = REAL(tile_height)(width - i);
            const int64_t to = depth - from < DEPTH ? depth : from + DEPTH;
            int64_t k = from > (i & ~1) ? from : i & ~1; /* in a complex pair the second begins with the first */
            k = k < to ? k : to;
            REAL(tile)((int)rows, (size_t)(to - k), v + i * stride + k, stride, 1, c + k * TILE_COLUMNS,
                       w + i * TILE_COLUMNS, TILE_COLUMNS, from > 0);
        }
}

/* The same where the strip's columns are still those of the identity, with ones from row `at` on: their products
 * are the vectors' own elements. Columns whose one is above the panel are zero in it. */
static void REAL(project_identity)(const real *v, int64_t stride, int64_t width, int64_t at, int64_t columns, real *w)
{
    const int64_t skip = at < 0 ? -at : 0;
    if (skip == 0 && columns == TILE_COLUMNS) { /* the copy is a few vectors then */
        for (int64_t i = 0; i < width; i++)
            memcpy(w + i * TILE_COLUMNS, v + i * stride + at, TILE_COLUMNS * sizeof(real));
        return;
    }
    for (int64_t i = 0; i < width; i++, w += TILE_COLUMNS) {
        memset(w, 0, TILE_COLUMNS * sizeof(real));
        memcpy(w + skip, v + i * stride + at + skip, (size_t)(columns - skip) * sizeof(real));
    }
}

/* N w */
static void REAL(weigh)(int64_t width, const real *n, const real *w, real *nw)
{
    for (int64_t i = 0, rows; i < width; i += rows) {
        rows = REAL(tile_height)(width - i);
        REAL(tile)((int)rows, (size_t)(width - i), n + i * FI_PANEL + i, FI_PANEL, 1, w + i * TILE_COLUMNS,
                   nw + i * TILE_COLUMNS, TILE_COLUMNS, 0);
    }
}

/* c += V N w, for any rows */
static void REAL(reflect_strip)(const real *v, int64_t stride, int64_t width, int64_t rest, const real *nw, real *c)
{
    for (int64_t r = 0, rows; r < rest; r += rows) {
        rows = REAL(tile_height)(rest - r);
        REAL(tile)((int)rows, (size_t)width, v + r, 1, stride, nw, c + r * TILE_COLUMNS, TILE_COLUMNS, 1);
    }
}

/* Multiply rows [from, to) of a strip by the columns' scales, round them to the output's dtype and put there
 * those that are wanted: at once, if whole rows of the strip can go there as they are. The strip is used up. */
static void REAL(finish_strip)(const fi_orthogonal_matrix *q, int64_t first, int64_t columns, real *strip, int64_t from,
                               int64_t to)
{
    const fi_orthogonal_job *job = q->job;
    const int64_t parts = job->complex_numbers ? 2 : 1, wanted = job->first_row * parts;
    const real *scales = (const real *)q->scales + first * parts;
    const size_t item = fi_itemsize(job->dtype);
    const int same = item == sizeof(real),
              whole = same && parts == 1 && job->column_step == 1 && columns == TILE_COLUMNS;

    if (from < wanted) {
        strip += (wanted - from) * TILE_COLUMNS;
        from = wanted;
    }
    const int64_t rows = (to < job->last_row * parts ? to : job->last_row * parts) - from;
    if (rows <= 0)
        return;
    unsigned char *out = (unsigned char *)job->out +
                         ((q->number - job->first_matrix) * job->matrix_step + (from - wanted) / parts * job->row_step +
                          (first - job->first_column) * job->column_step) *
                             parts * (int64_t)item;
    real *const target = whole ? (real *)out : strip;
    const int64_t target_row = whole ? job->row_step : TILE_COLUMNS;
    real re[TILE_COLUMNS] = {0}, im[TILE_COLUMNS] = {0}, minus_im[TILE_COLUMNS] = {0};
    for (int64_t c = 0; c < columns; c++) {
        re[c] = scales[c * parts];
        im[c] = scales[c * parts + parts - 1];
        minus_im[c] = -im[c];
    }
    for (int64_t r = 0; r < rows; r += parts)
        for (int j = 0; j < TILE_COLUMNS; j += REAL_LANES) {
            real *x = strip + r * TILE_COLUMNS + j, *y = x + TILE_COLUMNS;
            const vr a = VR(load)(x), s = VR(load)(re + j);
            if (parts == 1) {
                VR(store)(target + r * target_row + j, VR(mul)(a, s));
            } else {
                const vr b = VR(load)(y);
                VR(store)(x, VR(fma)(a, s, VR(mul)(b, VR(load)(minus_im + j))));
                VR(store)(y, VR(fma)(a, VR(load)(im + j), VR(mul)(b, s)));
            }
        }
    if (whole)
        return;
    if (!same)
        narrow_in_place(REAL_DTYPE, strip, job->dtype, rows * TILE_COLUMNS);
    scatter(item, parts, rows, columns, (const unsigned char *)strip, TILE_COLUMNS, out, job->row_step,
            job->column_step);
}

/* Columns [first, last), in as many strips as there is scratch for: they share a panel while it is in the second-level
 * cache. */
static void REAL(orthogonal_strips)(const fi_orthogonal_matrix *q, int64_t first, int64_t last, void *scratch)
{
    const int64_t parts = q->job->complex_numbers ? 2 : 1, size = q->height * TILE_COLUMNS;
    const int64_t count = (last - first + TILE_COLUMNS - 1) / TILE_COLUMNS;
    real *strips = scratch, *w = strips + count * size, *nw = w + FI_PANEL * TILE_COLUMNS;

    memset(strips, 0, (size_t)(count * size) * sizeof(real));
    for (int64_t c = 0; c < last - first; c++)
        strips[c / TILE_COLUMNS * size + (first + c) * parts * TILE_COLUMNS + c % TILE_COLUMNS] = 1;

    for (int64_t panel = (last - 1) * parts / FI_PANEL; panel >= 0; panel--) {
        const int64_t top = panel * FI_PANEL, rest = q->height - top, stride = fi_panel_stride(q->height, panel);
        const int64_t width = q->wanted - top < FI_PANEL ? q->wanted - top : FI_PANEL;
        const real *v = REAL(panel_vectors)(q, panel), *n = (real *)q->factors + panel * FI_PANEL * FI_PANEL;
        for (int64_t left = first; left < last && !fi_stop_asked(); left += TILE_COLUMNS) {
            const int64_t right = left + TILE_COLUMNS < last ? left + TILE_COLUMNS : last;
            const int64_t lowest = (right - 1) * parts, own = lowest / FI_PANEL; /* the first to do anything here */
            real *c = strips + (left - first) / TILE_COLUMNS * size + top * TILE_COLUMNS;
            if (panel > own)
                continue;
            if (panel == own && parts == 1)
                REAL(project_identity)(v, stride, width, left - top, right - left, w);
            else
                REAL(project)(v, stride, width, panel == own ? lowest + 1 - top : rest, c, w);
            REAL(weigh)(width, n, w, nw);
            REAL(reflect_strip)(v, stride, width, rest, nw, c);
        }
    }
    for (int64_t left = first; left < last; left += TILE_COLUMNS) {
        const int64_t columns = last - left < TILE_COLUMNS ? last - left : TILE_COLUMNS;
        REAL(finish_strip)(q, left, columns, strips + (left - first) / TILE_COLUMNS * size, 0, q->height);
    }
}

#include "thin.h"

static size_t REAL(panel_scratch)(const fi_orthogonal_matrix *q)
{
    const int64_t drawn = q->height <= DRAWN_HEIGHT ? FI_PANEL * q->height + FI_DRAWN_SLACK : 0,
                  packed = (DEPTH + 8) * TILE_COLUMNS;
    return (size_t)(drawn > packed ? drawn : packed) * sizeof(real);
}

static size_t REAL(strips_scratch)(const fi_orthogonal_matrix *q, int64_t columns)
{
    const int64_t strips = (columns + TILE_COLUMNS - 1) / TILE_COLUMNS;
    return (size_t)((strips * q->height + 2 * FI_PANEL) * TILE_COLUMNS) * sizeof(real);
}

static const fi_orthogonal_kernels REAL(orthogonal) = {
    .draw = REAL(draw),
    .panel_scratch = REAL(panel_scratch),
    .panel = REAL(orthogonal_panel),
    .strips_scratch = REAL(strips_scratch),
    .strips = REAL(orthogonal_strips),
    .strip_columns = TILE_COLUMNS,
    .thin_scratch = THIN_SCRATCH * sizeof(real),
    .thin_panel = REAL(thin_panel),
    .thin_rows = REAL(thin_rows),
    .rows = THIN_ROWS,
};

#undef GRAM_ROW
#undef DEPTH
#undef DRAWN_WHOLE
#undef DRAWN_HEIGHT
#undef THIN_ROWS
#undef MOST_COLUMNS
#undef THIN_STRIDE
#undef THIN_SCRATCH
