/* Narrow products, included once for each width (see real32.h): the rows of a tall matrix lie in the lanes, and what
 * it is multiplied with has few columns. A tile of gemm.h, with columns in the lanes, would leave most lanes idle.
 *
 * Every element is the chain of fma that it is there: over ascending k, from +0, then bias and activation. Squares of
 * the tall matrix are transposed in registers; each number of the other one then meets as many rows as there are lanes.
 * Either operand of a product may be the tall one.
 */
#undef LINE
#define LINE ((int64_t)(CACHE_LINE / sizeof(real))) /* elements: one square or more */

#ifndef EACH_ACROSS
/* So many groups of rows, each as many as there are lanes, and so many columns in a pass through the rows: few chains
 * alone would wait for each other. */
#define EACH_ACROSS(DO) \
    DO(1, 1) DO(1, 2) DO(1, 3) DO(1, 4) DO(1, 5) DO(1, 6) DO(1, 7) DO(1, 8) DO(2, 1) DO(2, 2) DO(2, 3) DO(4, 1)
#define ACROSS_GROUPS 4  /* at most */
#define ACROSS_COLUMNS 8 /* of a pass: their sums fill the registers */
#if !FI_FMA /* code for an fma is long, and its time is what counts */
#undef EACH_ACROSS
#undef ACROSS_GROUPS
#undef ACROSS_COLUMNS
#define EACH_ACROSS(DO) DO(1, 1) DO(1, 2) DO(1, 3) DO(1, 4)
#define ACROSS_GROUPS 1
#define ACROSS_COLUMNS 4
#endif
#define ACROSS_DEPTH (1 << 16) /* so many steps of k, or multiplications, before it is asked whether to stop */
#define ACROSS_WORK (1 << 22)
/* Rows whose distance is a multiple of a page share the few lines of one set of the first-level cache, those half a
 * page apart of two, and so on. */
#define PAGE 4096
#define ROWS_OF_A_SET 4
/* A tall matrix of so many bytes is not in the second-level cache: the next group's rows are asked for in time, if
 * those of both stay in the first. */
#define FAR_BYTES (1 << 20)
#define NEXT_BYTES (1 << 14)
#endif

typedef struct {
    int64_t rows, depth, columns; /* at least as many rows as lanes; at most FI_ACROSS_MOST columns */
    const real *tall;
    int64_t tall_row;
    const real *few;
    int64_t few_step, few_column; /* one of them is 1, or columns is */
    const real *bias; /* or NULL */
    int bias_of_rows;
    real *out;
    int64_t out_row, out_column; /* one of them is 1, or columns is */
    fi_activation activation;
    fi_activate_run *activate;
    const fi_function *function;
} REAL(narrow_product);

/* Steps [from, to) of a square of each group. */
FI_ALWAYS_INLINE void REAL(across_part)(const int groups, const int columns, const real *tall, ptrdiff_t tall_row,
                                        const real *few, const ptrdiff_t few_step, const ptrdiff_t few_column, int from,
                                        int to, vr (*sum)[ACROSS_COLUMNS])
{
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) {
        vr x[REAL_LANES];
        VR(load_across)(tall + g * REAL_LANES * tall_row, tall_row, x);
#pragma GCC unroll 1
        for (int k = from; k < to; k++)
#pragma GCC unroll 8
            for (int c = 0; c < columns; c++)
                sum[g][c] = VR(fma)(x[k], VR(set)(few[k * few_step + c * few_column]), sum[g][c]);
    }
}

/* A whole square of each group, in registers. */
FI_ALWAYS_INLINE void REAL(across_squares)(const int groups, const int columns, const real *tall, ptrdiff_t tall_row,
                                           const real *few, const ptrdiff_t few_step, const ptrdiff_t few_column,
                                           vr (*sum)[ACROSS_COLUMNS])
{
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) {
        vr x[REAL_LANES];
        VR(load_across)(tall + g * REAL_LANES * tall_row, tall_row, x);
        const real *factors = few;
#pragma GCC unroll 16
        for (int k = 0; k < REAL_LANES; k++, factors += few_step)
#pragma GCC unroll 8
            for (int c = 0; c < columns; c++)
                sum[g][c] = VR(fma)(x[k], VR(set)(factors[c * few_column]), sum[g][c]);
    }
}

/* sums[(g * FI_ACROSS_MOST + c) * REAL_LANES ..] = (add ? itself : +0) + the chains of group g and column c; for
 * numbers of groups and columns known to the compiler, and one of the two distances. */
FI_ALWAYS_INLINE void REAL(across_of)(const int groups, const int columns, int64_t depth, const real *tall,
                                      ptrdiff_t tall_row, const real *few, const ptrdiff_t few_step,
                                      const ptrdiff_t few_column, real *sums, int add, int next)
{
    const ptrdiff_t sums_group = FI_ACROSS_MOST * REAL_LANES;
    vr sum[ACROSS_GROUPS][ACROSS_COLUMNS];
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++)
#pragma GCC unroll 8
        for (int c = 0; c < columns; c++)
            sum[g][c] = add ? VR(load)(sums + g * sums_group + c * REAL_LANES) : VR(set)(0);

    /* Of rows that share a set, no line is to be wanted twice: from the first whole line on, each is read at once. */
    int64_t to_line = (int64_t)(-(uintptr_t)tall % CACHE_LINE / sizeof(real));
    if (tall_row * (int64_t)sizeof(real) % PAGE != 0 || to_line + REAL_LANES > depth)
        to_line = 0;
    _Alignas(64) real square[ACROSS_GROUPS * REAL_LANES * REAL_LANES];
    int64_t k = 0;
    while (k < depth) {
        const int64_t left = (k < to_line ? to_line : depth) - k;
#if FI_FMA
        if (left >= REAL_LANES) {
            if (next && k % LINE == 0)
#pragma GCC unroll 32
                for (int i = 0; i < groups * REAL_LANES; i++)
                    __builtin_prefetch(tall + (groups * REAL_LANES + i) * tall_row + k, 0, 3);
            REAL(across_squares)(groups, columns, tall + k, tall_row, few + k * few_step, few_step, few_column, sum);
            k += REAL_LANES;
            continue;
        }
#else
        (void)next;
#endif
        const real *from = tall + k;
        ptrdiff_t from_row = tall_row;
        int before = 0; /* steps of the square that are done already */
        const int count = left < REAL_LANES ? (int)left : REAL_LANES;
        if (depth < REAL_LANES) { /* its rows may not be read whole */
            memset(square, 0, sizeof square);
            for (int i = 0; i < groups * REAL_LANES; i++)
                memcpy(square + i * REAL_LANES, tall + i * tall_row, (size_t)count * sizeof(real));
            from = square;
            from_row = REAL_LANES;
        } else if (depth - k < REAL_LANES) { /* the last square overlaps the one before */
            before = REAL_LANES - count;
        }
        REAL(across_part)(groups, columns, from - before, from_row, few + (k - before) * few_step, few_step, few_column,
                          before, before + count, sum);
        k += count;
    }

#pragma GCC unroll 4
    for (int g = 0; g < groups; g++)
#pragma GCC unroll 8
        for (int c = 0; c < columns; c++)
            VR(store)(sums + g * sums_group + c * REAL_LANES, sum[g][c]);
}

/* Each once for a few of consecutive columns, and once for a few of consecutive steps. */
#define ACROSS_PARAMETERS \
    int64_t depth, const real *tall, ptrdiff_t tall_row, const real *few, ptrdiff_t few_apart, real *sums, int add, \
        int next
#define ACROSS(groups, columns) \
    static void REAL(across_##groups##_##columns##_by_rows_)(ACROSS_PARAMETERS) \
    { \
        REAL(across_of)(groups, columns, depth, tall, tall_row, few, few_apart, 1, sums, add, next); \
    } \
    static void REAL(across_##groups##_##columns##_by_columns_)(ACROSS_PARAMETERS) \
    { \
        REAL(across_of)(groups, columns, depth, tall, tall_row, few, 1, few_apart, sums, add, next); \
    }
EACH_ACROSS(ACROSS)
#undef ACROSS
#undef ACROSS_PARAMETERS

/* Of rows in a pass, if so many are left: few chains would wait for each other. */
static int REAL(across_groups)(const REAL(narrow_product) *p, int64_t rows)
{
    int groups = p->columns == 1 && REAL_LANES < 8 ? 4 : p->columns <= 3 ? 2 : 1;
    groups = groups < ACROSS_GROUPS ? groups : ACROSS_GROUPS;
    const int64_t bytes = p->tall_row * (int64_t)sizeof(real);
    const int sets = bytes % PAGE == 0 ? 1 : bytes % (PAGE / 2) == 0 ? 2 : bytes % (PAGE / 4) == 0 ? 4 : 8;
    while (groups > 1 && (groups * REAL_LANES > rows || groups * REAL_LANES > ROWS_OF_A_SET * sets))
        groups /= 2;
    return groups;
}

/* The sums of so many groups from row `row` on, in blocks of k; 1 if it is to stop. */
static int REAL(across_sums)(const REAL(narrow_product) *p, int groups, int64_t row, real *sums)
{
    const int64_t bytes = p->tall_row * (int64_t)sizeof(real);
    const int next = p->rows * bytes >= FAR_BYTES && groups * REAL_LANES * bytes <= NEXT_BYTES &&
                     row + 2 * groups * REAL_LANES <= p->rows;
    const int passes = (int)((p->columns + ACROSS_COLUMNS - 1) / ACROSS_COLUMNS);
    const int shared = passes == 1 ? (int)p->columns : (int)p->columns / passes; /* nearly equal numbers of columns */
    int64_t k = 0;
    do { /* also without any k: then the sums are +0 */
        const int64_t depth = p->depth - k < ACROSS_DEPTH ? p->depth - k : ACROSS_DEPTH;
        const real *const tall = p->tall + row * p->tall_row + k;
        for (int pass = 0, column = 0, columns; pass < passes; pass++, column += columns) {
            columns = shared + (pass < p->columns - passes * shared);
            const real *const few = p->few + k * p->few_step + column * p->few_column;
            real *const to = sums + column * REAL_LANES;
            const int by_rows = p->few_column == 1 || p->columns == 1;
            const int ahead = next && pass == 0;
            switch (groups * 16 + columns) {
#define ACROSS(groups, columns) \
    case groups * 16 + columns: \
        if (by_rows) \
            REAL(across_##groups##_##columns##_by_rows_)(depth, tall, p->tall_row, few, p->few_step, to, k > 0, \
                                                         ahead); \
        else \
            REAL(across_##groups##_##columns##_by_columns_)(depth, tall, p->tall_row, few, p->few_column, to, k > 0, \
                                                            ahead); \
        break;
                EACH_ACROSS(ACROSS)
#undef ACROSS
            }
        }
        k += depth;
    } while (k < p->depth && !fi_stop_asked());
    return k < p->depth;
}

/* From sums to results, row by row in the lanes. */
static void REAL(finish_across)(const REAL(narrow_product) *p, int64_t row, real *sums)
{
    const vr zero = VR(set)(0), of_rows = p->bias && p->bias_of_rows ? VR(load)(p->bias + row) : zero;
    if (p->bias || p->activation == FI_RELU)
        for (int64_t c = 0; c < p->columns; c++) {
            vr x = VR(load)(sums + c * REAL_LANES);
            if (p->bias)
                x = VR(add)(x, p->bias_of_rows ? of_rows : VR(set)(p->bias[c]));
            if (p->activation == FI_RELU) /* as in gemm.h */
                x = VR(add)(VR(max)(zero, x), zero);
            VR(store)(sums + c * REAL_LANES, x);
        }
    if (p->activation != FI_LINEAR && p->activation != FI_RELU)
        p->activate(p->function, sums, sums, 1, (size_t)(p->columns * REAL_LANES));
}

/* A group's rows out of its columns, into memory where they follow each other: whole vectors, of which the next row's
 * overwrite what is too much. */
FI_ALWAYS_INLINE void REAL(turn_rows)(const int parts, const real *sums, int64_t columns, real *to)
{
    vr rows[2][REAL_LANES];
#pragma GCC unroll 2
    for (int part = 0; part < parts; part++)
        VR(load_across)(sums + part * REAL_LANES * REAL_LANES, REAL_LANES, rows[part]);
#pragma GCC unroll 16
    for (int i = 0; i < REAL_LANES; i++)
#pragma GCC unroll 2
        for (int part = 0; part < parts; part++)
            VR(store)(to + i * columns + part * REAL_LANES, rows[part][i]);
}

/* The results of a group. `room`: elements behind them that later groups of rows overwrite. */
static void REAL(store_across)(const REAL(narrow_product) *p, const real *sums, real *out, int64_t room)
{
    if (p->out_row == 1) {
        for (int64_t c = 0; c < p->columns; c++)
            VR(store)(out + c * p->out_column, VR(load)(sums + c * REAL_LANES));
        return;
    }
    real buffer[(FI_ACROSS_MOST + 1) * REAL_LANES];
    real *const to = room < REAL_LANES ? buffer : out;
    switch ((p->columns + REAL_LANES - 1) / REAL_LANES) {
    case 1: REAL(turn_rows)(1, sums, p->columns, to); break;
    case 2: REAL(turn_rows)(2, sums, p->columns, to); break;
    default: /* of few lanes alone */
        for (int64_t c = 0; c < p->columns; c++)
            for (int i = 0; i < REAL_LANES; i++)
                to[i * p->columns + c] = sums[c * REAL_LANES + i];
    }
    if (to == buffer)
        for (int64_t c = 0; c < p->columns; c++)
            VR(store)(out + c * REAL_LANES, VR(load)(buffer + c * REAL_LANES));
}

static void REAL(across)(const REAL(narrow_product) *p)
{
    _Alignas(64) real sums[ACROSS_GROUPS * FI_ACROSS_MOST * REAL_LANES];
    const int most_groups = REAL(across_groups)(p, p->rows);
    if (p->out_row != 1) /* what turn_rows reads beyond the last column */
        for (int g = 0; g < most_groups; g++)
            for (int64_t c = p->columns; c % REAL_LANES != 0; c++)
                VR(store)(sums + (g * FI_ACROSS_MOST + c) * REAL_LANES, VR(set)(0));
    int64_t rows;
    double work = 0; /* since it was asked whether to stop */
    for (int64_t row = 0; row < p->rows; row += rows) {
        if (p->rows - row < REAL_LANES)
            row = p->rows - REAL_LANES; /* the first lanes repeat what has been done */
        const int groups = REAL(across_groups)(p, p->rows - row);
        if (REAL(across_sums)(p, groups, row, sums))
            return;
        rows = groups * REAL_LANES;
        work += (double)rows * (double)p->depth * (double)p->columns;
        if (work > ACROSS_WORK) {
            if (fi_stop_asked())
                return;
            work = 0;
        }
        for (int g = 0; g < groups; g++) {
            const int64_t first = row + g * REAL_LANES;
            real *const of_group = sums + g * FI_ACROSS_MOST * REAL_LANES;
            REAL(finish_across)(p, first, of_group);
            REAL(store_across)(p, of_group, p->out + first * p->out_row, (p->rows - first - REAL_LANES) * p->columns);
        }
    }
}

/* Rows of x in the lanes. */
static void REAL(across_rows)(const fi_direct *p)
{
    const REAL(narrow_product) product = {
        .rows = p->rows,
        .depth = p->depth,
        .columns = p->columns,
        .tall = p->x,
        .tall_row = p->x_row,
        .few = p->weight,
        .few_step = p->weight_row,
        .few_column = p->weight_column,
        .bias = p->bias,
        .out = p->out,
        .out_row = p->out_row,
        .out_column = 1,
        .activation = p->activation,
        .activate = p->activate,
        .function = p->function,
    };
    REAL(across)(&product);
}

/* Columns of the weight in the lanes: each is one piece of memory. */
static void REAL(across_columns)(const fi_direct *p)
{
    const REAL(narrow_product) product = {
        .rows = p->columns,
        .depth = p->depth,
        .columns = p->rows,
        .tall = p->weight,
        .tall_row = p->weight_column,
        .few = p->x,
        .few_step = 1,
        .few_column = p->x_row,
        .bias = p->bias,
        .bias_of_rows = 1,
        .out = p->out,
        .out_row = 1,
        .out_column = p->out_row,
        .activation = p->activation,
        .activate = p->activate,
        .function = p->function,
    };
    REAL(across)(&product);
}
