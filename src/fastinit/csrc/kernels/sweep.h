/* Few rows times a large matrix that lies row by row, included once for each width (see real32.h).
 *
 * A tile of gemm.h goes down a strip of the matrix, and reads a piece of a page of every row. Here the outputs stay in
 * the cache, and a few whole rows at a time stream past: memory is read in order. Every output is still one chain
 * of fma over ascending k, from +0, and only lies in memory in between.
 */
#undef SWEEP_COLUMNS
#define SWEEP_COLUMNS (16384 / (int64_t)sizeof(real)) /* of a pass: their outputs stay in the first caches */

#ifndef SWEEP_DEPTH
#define SWEEP_DEPTH 16 /* rows of the matrix that stay in the second-level cache while all rows of x meet them */
#define SWEEP_ROWS 4   /* of x at a time */
#define SWEEP_STEPS 8  /* rows of the matrix at once, at most */
/* Rows of x, and rows of the matrix at once: fewer streams are slower, even where their factors are in memory. */
#define EACH_SWEEP(DO) DO(1, 8) DO(2, FI_LANES == 16 ? 8 : 4) DO(3, 4) DO(4, 4)
#endif

/* One vector of every output: plus so many steps of k; from +0 if these are the first. */
FI_ALWAYS_INLINE void REAL(sweep_vector)(const int rows, const int steps, const vr (*factor)[SWEEP_STEPS],
                                         const real *weight, ptrdiff_t weight_row, real *out, ptrdiff_t out_row,
                                         int first)
{
    vr sum[SWEEP_ROWS];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
        sum[r] = first ? VR(set)(0) : VR(load)(out + r * out_row);
#pragma GCC unroll 8
    for (int k = 0; k < steps; k++) {
        const vr x = VR(load)(weight + k * weight_row);
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++)
            sum[r] = VR(fma)(factor[r][k], x, sum[r]);
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
        VR(store)(out + r * out_row, sum[r]);
}

/* A pass: some columns of some rows of x, and what lies behind their last whole vector. */
typedef struct {
    const real *x, *weight;
    ptrdiff_t x_row, weight_row, out_row;
    int64_t columns;
    real *out;
    real *rest; /* the last vector's outputs, if that overlaps the one before, or NULL */
} REAL(sweep_pass);

/* Steps [from, to) of k, a number of them at a time. */
FI_ALWAYS_INLINE void REAL(sweep_steps)(const int rows, const int steps, const REAL(sweep_pass) *pass, int64_t from,
                                        int64_t to)
{
    const ptrdiff_t weight_row = pass->weight_row, out_row = pass->out_row;
    const int64_t columns = pass->columns;
    real *const out = pass->out;
    for (int64_t k = from; k < to; k += steps) {
        const real *const weight = pass->weight + k * weight_row;
        vr factor[SWEEP_ROWS][SWEEP_STEPS];
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
            for (int i = 0; i < steps; i++)
                factor[r][i] = VR(held)(VR(set)(pass->x[r * pass->x_row + k + i]));
        int64_t c = 0;
        if (k == 0)
            for (; c + REAL_LANES <= columns; c += REAL_LANES)
                REAL(sweep_vector)(rows, steps, factor, weight + c, weight_row, out + c, out_row, 1);
        for (; c + REAL_LANES <= columns; c += REAL_LANES)
            REAL(sweep_vector)(rows, steps, factor, weight + c, weight_row, out + c, out_row, 0);
        if (pass->rest)
            REAL(sweep_vector)(rows, steps, factor, weight + columns - REAL_LANES, weight_row, pass->rest, REAL_LANES,
                               k == 0);
    }
}

#define SWEEP(rows, steps) \
    static void REAL(sweep_##rows##_)(const REAL(sweep_pass) *pass, int64_t from, int64_t to) \
    { \
        const int64_t whole = to - (to - from) % (steps); \
        REAL(sweep_steps)(rows, steps, pass, from, whole); \
        REAL(sweep_steps)(rows, 1, pass, whole, to); \
    }
EACH_SWEEP(SWEEP)
#undef SWEEP

/* Some columns of all rows, from sums to results. */
static void REAL(finish_sweep)(const fi_direct *p, int64_t column, int64_t columns, const real *rest)
{
    const real *const bias = p->bias ? (const real *)p->bias + column : 0;
    const vr zero = VR(set)(0);
    for (int64_t r = 0; r < p->rows; r++) {
        real *const out = (real *)p->out + r * p->out_row + column;
        for (int64_t c = 0; c < columns; c += REAL_LANES) {
            const int overlaps = columns - c < REAL_LANES;
            if (overlaps)
                c = columns - REAL_LANES;
            vr x = VR(load)(overlaps ? rest + r * REAL_LANES : out + c);
            if (bias)
                x = VR(add)(x, VR(load)(bias + c));
            if (p->activation == FI_RELU) /* as in gemm.h */
                x = VR(add)(VR(max)(zero, x), zero);
            VR(store)(out + c, x);
        }
        if (p->activation != FI_LINEAR && p->activation != FI_RELU)
            p->activate(p->function, out, out, 1, (size_t)columns);
    }
}

/* At most FI_SWEEP_MOST rows, at least one step of k, at least as many columns as lanes. */
static void REAL(sweep)(const fi_direct *p)
{
    int64_t columns;
    for (int64_t column = 0; column < p->columns; column += columns) {
        const int64_t left = p->columns - column;
        columns = left < SWEEP_COLUMNS + REAL_LANES ? left : SWEEP_COLUMNS; /* no fewer than lanes remain */
        real rest[FI_SWEEP_MOST * REAL_LANES];
        for (int64_t k = 0; k < p->depth; k += SWEEP_DEPTH) {
            const int64_t to = p->depth - k < SWEEP_DEPTH ? p->depth : k + SWEEP_DEPTH;
            int rows;
            for (int r = 0; r < p->rows; r += rows) {
                rows = p->rows - r < SWEEP_ROWS ? (int)p->rows - r : SWEEP_ROWS;
                const REAL(sweep_pass) pass = {
                    .x = (const real *)p->x + r * p->x_row,
                    .weight = (const real *)p->weight + column,
                    .x_row = p->x_row,
                    .weight_row = p->weight_row,
                    .out_row = p->out_row,
                    .columns = columns,
                    .out = (real *)p->out + r * p->out_row + column,
                    .rest = columns % REAL_LANES != 0 ? rest + r * REAL_LANES : 0,
                };
                switch (rows) {
#define SWEEP(rows, steps) \
    case rows: REAL(sweep_##rows##_)(&pass, k, to); break;
                    EACH_SWEEP(SWEEP)
#undef SWEEP
                }
            }
            if (fi_stop_asked())
                return;
        }
        REAL(finish_sweep)(p, column, columns, rest);
    }
}
