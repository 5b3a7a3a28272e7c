/* STAND-IN */
#undef TILE_ROWS
#undef TILE_COLUMNS
#define TILE_ROWS (FI_LANES == 16 ? 12 : FI_LANES == 8 ? 6 : 4)
#define TILE_COLUMNS (2 * REAL_LANES)

static inline __attribute__((always_inline)) void REAL(tile_n)(const int rows, size_t depth, const real *a, ptrdiff_t a_row, ptrdiff_t a_step,
                       const real *b, real *c, ptrdiff_t c_row, int add)
{
    vr acc[12][2];
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        acc[r][0] = add ? VR(load)(c + r * c_row) : VR(set)(0);
        acc[r][1] = add ? VR(load)(c + r * c_row + REAL_LANES) : VR(set)(0);
    }
    for (size_t k = 0; k < depth; k++) {
        const vr b0 = VR(load)(b + k * TILE_COLUMNS), b1 = VR(load)(b + k * TILE_COLUMNS + REAL_LANES);
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++) {
            const vr x = VR(set)(a[r * a_row + (ptrdiff_t)k * a_step]);
            acc[r][0] = VR(fma)(x, b0, acc[r][0]);
            acc[r][1] = VR(fma)(x, b1, acc[r][1]);
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        VR(store)(c + r * c_row, acc[r][0]);
        VR(store)(c + r * c_row + REAL_LANES, acc[r][1]);
    }
}
static void REAL(tile)(int rows, size_t depth, const real *a, ptrdiff_t a_row, ptrdiff_t a_step,
                       const real *b, real *c, ptrdiff_t c_row, int add)
{
    switch (rows) {
#define CASE(n) case n: REAL(tile_n)(n, depth, a, a_row, a_step, b, c, c_row, add); break;
    CASE(1) CASE(2) CASE(3) CASE(4)
#if FI_LANES > 4
    CASE(5) CASE(6)
#endif
#if FI_LANES > 8
    CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
#endif
    }
#undef CASE
}
