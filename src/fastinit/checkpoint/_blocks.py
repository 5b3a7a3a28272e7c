"""From consecutive elements of a tensor to blocks of it, which is what an initializer draws."""

from __future__ import annotations

import math
from collections.abc import Iterator

Block = tuple[slice, ...]


def blocks_of(shape: tuple[int, ...], start: int, stop: int) -> Iterator[Block]:
    """The blocks that elements start to stop of the flattened tensor consist of, in order.

    Every block is consecutive in the tensor: the end of a row that is begun, whole rows, the beginning of the next.
    """
    if start >= stop:
        return
    if not shape:
        yield ()
        return
    row = math.prod(shape[1:])
    first, last = -(-start // row), stop // row
    if first > last:  # all within one row
        yield from _within(shape, last, start - last * row, stop - last * row)
        return
    yield from _within(shape, first - 1, row + start - first * row, row)
    if first < last:
        yield (slice(first, last), *(slice(0, n) for n in shape[1:]))
    yield from _within(shape, last, 0, stop - last * row)


def _within(shape: tuple[int, ...], row: int, start: int, stop: int) -> Iterator[Block]:
    for block in blocks_of(shape[1:], start, stop):
        yield (slice(row, row + 1), *block)
