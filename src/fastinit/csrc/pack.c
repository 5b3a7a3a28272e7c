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

FI_ALWAYS_INLINE int same_elements(const size_t size, const unsigned char *weight, int64_t row, int64_t column,
                                   int64_t depth, int64_t columns, int64_t strip, const unsigned char *strips)
{
    int64_t width;
    for (int64_t c = 0; c < columns; c += width) {
        width = least(strip, columns - c);
        for (int64_t k = 0; k < depth; k++)
            for (int64_t i = 0; i < width; i++)
                if (memcmp(weight + (k * row + (c + i) * column) * (int64_t)size,
                           strips + (c * depth + k * width + i) * (int64_t)size, size) != 0)
                    return 0;
    }
    return 1;
}

int fi_is_packed(fi_dtype dtype, const void *weight, int64_t row, int64_t column, int64_t depth, int64_t columns,
                 const void *strips)
{
    if (fi_itemsize(dtype) == 4)
        return same_elements(4, weight, row, column, depth, columns, fi_strip(dtype), strips);
    return same_elements(8, weight, row, column, depth, columns, fi_strip(dtype), strips);
}
