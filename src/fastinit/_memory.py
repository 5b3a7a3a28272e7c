"""New arrays in huge pages, where the system offers them.

Filling new memory costs a page fault for every page, and with small pages the faults cost more than the
values. NumPy asks for huge pages too, but its memory begins just behind a boundary of them, so that the
first and the last of every array stay small pages. Here an array begins on a boundary.
"""

from __future__ import annotations

import contextlib
import math
import mmap

import numpy as np

_HUGE_PAGE = 1 << 21


def empty_in_huge_pages(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialized array like `numpy.empty`'s that begins on a boundary of huge pages."""
    size = math.prod(shape) * dtype.itemsize
    if size == 0 or not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.empty(shape, dtype)
    # A little more address space than is used, to find a boundary in; what is not touched takes no memory.
    try:
        memory = mmap.mmap(-1, size + _HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (OSError, OverflowError):
        return np.empty(shape, dtype)  # which finds the memory or says what is missing
    address = np.frombuffer(memory, np.uint8, 1).__array_interface__["data"][0]
    offset = -address % _HUGE_PAGE
    with contextlib.suppress(OSError):  # a kernel without huge pages
        memory.madvise(mmap.MADV_HUGEPAGE, offset, size)
    return np.frombuffer(memory, np.uint8, size, offset).view(dtype).reshape(shape)
