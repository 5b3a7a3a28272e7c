/* A strip's elements, of any width, to where they are wanted. Rows of complex numbers come in pairs, whose elements
 * follow each other in the output. */
FI_ALWAYS_INLINE void scatter_items(const int64_t item, int64_t parts, int64_t rows, int64_t columns,
                                    const unsigned char *strip, int64_t strip_row, unsigned char *out, int64_t row_step,
                                    int64_t column_step)
{
    if (parts == 1 && column_step == 1 && columns > 1) {
        for (int64_t r = 0; r < rows; r++)
            memcpy(out + r * row_step * item, strip + r * strip_row * item, (size_t)(columns * item));
        return;
    }
    for (int64_t top = 0; top < rows; top += 16) /* a few lines of each column at a time */
        for (int64_t c = 0; c < columns; c++)
            for (int64_t r = top; r < rows && r < top + 16; r++)
                memcpy(out + ((r / parts * row_step + c * column_step) * parts + r % parts) * item,
                       strip + (r * strip_row + c) * item, (size_t)item);
}

static void scatter(size_t item, int64_t parts, int64_t rows, int64_t columns, const unsigned char *strip,
                    int64_t strip_row, unsigned char *out, int64_t row_step, int64_t column_step)
{
    if (item == 2)
        scatter_items(2, parts, rows, columns, strip, strip_row, out, row_step, column_step);
    else if (item == 4)
        scatter_items(4, parts, rows, columns, strip, strip_row, out, row_step, column_step);
    else
        scatter_items(8, parts, rows, columns, strip, strip_row, out, row_step, column_step);
}
