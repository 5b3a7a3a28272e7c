/* Matrices into packed strips, and back. */
#include <string.h>

#include "kernels/table.h"
#include "work.h"

int fi_strip(fi_dtype dtype) { return fi_current_kernels()->tile_columns[dtype]; }

int64_t fi_packed_size(int64_t depth, int64_t columns) { return round_up(depth * columns, 16); }

void fi_pack(fi_dtype dtype, const void *weight, int64_t row, int64_t column, int64_t depth, int64_t columns,
             void *strips)
{
    fi_current_kernels()->pack[dtype](weight, row, column, depth, columns, strips);
}

void fi_unpack(fi_dtype dtype, const void *strips, int64_t depth, int64_t columns, void *weight)
{
    const size_t itemsize = fi_itemsize(dtype);
    int64_t width;
    for (int64_t c = 0; c < columns; c += width) {
        width = least(fi_strip(dtype), columns - c);
        for (int64_t k = 0; k < depth; k++)
            memcpy(at(weight, k * columns + c, itemsize), at(strips, c * depth + k * width, itemsize),
                   (size_t)width * itemsize);
    }
}
