/* Which kernel takes a product: its shape decides, and no bit depends on it. */
#ifndef FASTINIT_DIRECT_H
#define FASTINIT_DIRECT_H

#include "kernels/table.h"

/* For a weight whose elements are so many elements apart; of one that lies in strips, only FI_ACROSS_ROWS and FI_TILES
 * can be, and only if there is a single strip, with rows `columns` apart. */
fi_product_kernel fi_kernel_for(fi_dtype dtype, int64_t rows, int64_t depth, int64_t columns, int64_t weight_row,
                                int64_t weight_column);

#endif
