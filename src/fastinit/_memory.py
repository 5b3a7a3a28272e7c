"""Where new arrays come from: the one place that knows alignment, thresholds and huge pages.

Filling new memory costs a page fault for every page, and with small pages the faults cost more than the
values. NumPy asks for huge pages too, but its memory begins just behind a boundary of them, so that the
first and the last of every array stay small pages. Here a large array begins on a boundary.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import mmap
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _kernels

# From so many bytes on huge pages pay. A single array below 32 MB may get memory that was used before, which beats
# any new pages; a model's arrays live side by side and do not; and what is read again and again, packed weights and
# workspace, gains from the shorter walk through page tables too.
HUGE_FROM = 1 << 25
HUGE_FROM_IN_A_MODEL = 1 << 21
HUGE_FROM_IF_KEPT = 1 << 20
_HUGE_PAGE = 1 << 21

_MOST_BYTES = (1 << 63) - 1  # of these, too, NumPy says that they cannot be had


def new_array(
    shape: tuple[int, ...], dtype: np.dtype[Any], huge_from: int = HUGE_FROM, size: int | None = None
) -> NDArray[Any]:
    """An uninitialized array, in huge pages from so many bytes on; `size` is its bytes, if they are known."""
    if size is None:
        size = min(math.prod(shape) * dtype.itemsize, _MOST_BYTES)
    if size >= huge_from and (memory := _huge_pages(size)) is not None:
        return np.ndarray(shape, dtype, memory)
    return _kernels.aligned(shape, dtype, size)


def new_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array of zeros, whose pages cost nothing until somebody touches them."""
    return _kernels.aligned(shape, dtype, min(math.prod(shape) * dtype.itemsize, _MOST_BYTES), True)


def prefer_huge_pages(array: NDArray[Any]) -> None:
    """Ask for huge pages in memory that another library allocated and that nobody has touched yet.

    For arrays that will be kept, like a model's weights: what has been touched may be moved into huge pages later.
    """
    if array.nbytes < HUGE_FROM_IN_A_MODEL or _advise is None:
        return
    address = _kernels.address(array)
    first = address + -address % _HUGE_PAGE
    size = (address + array.nbytes) // _HUGE_PAGE * _HUGE_PAGE - first
    if size > 0:
        _advise(first, size, mmap.MADV_HUGEPAGE)  # a kernel without them says no, which changes nothing


def _system_call() -> Callable[[int, int, int], int] | None:
    """madvise for memory that is no mmap of Python's, where there is such a thing."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return None
    try:
        call = ctypes.CDLL(None).madvise
    except (AttributeError, OSError):
        return None
    call.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return call


_advise = _system_call()


def _huge_pages(size: int) -> NDArray[np.uint8] | None:
    """So many bytes that begin on a boundary of huge pages, where the system has any to offer."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return None
    # A little more address space than is used, to find a boundary in; what is not touched takes no memory.
    try:
        memory = mmap.mmap(-1, size + _HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (OSError, OverflowError):
        return None  # NumPy finds the memory or says what is missing
    offset = -_kernels.address(memory) % _HUGE_PAGE
    with contextlib.suppress(OSError):  # a kernel without huge pages
        memory.madvise(mmap.MADV_HUGEPAGE, offset, size)
    return np.frombuffer(memory, np.uint8, size, offset)
