"""Memory whose neighbours may not be touched."""

from __future__ import annotations

import ctypes
import mmap

import numpy as np
import pytest


class Guarded:
    """Memory that ends, and begins, at a page that nobody may touch."""

    PAGES = 4

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, (self.PAGES + 2) * mmap.PAGESIZE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        libc = ctypes.CDLL(None, use_errno=True)
        for page in (0, self.PAGES + 1):
            address = ctypes.c_void_p(start + page * mmap.PAGESIZE)
            if libc.mprotect(address, ctypes.c_size_t(mmap.PAGESIZE), 0) != 0:
                pytest.skip("pages cannot be protected here")
        self.bytes = np.frombuffer(self.memory, np.uint8)[mmap.PAGESIZE : -mmap.PAGESIZE]

    def copy_of(self, array: np.ndarray, at_end: bool) -> np.ndarray:
        size = array.nbytes
        part = self.bytes[len(self.bytes) - size :] if at_end else self.bytes[:size]
        result = part.view(array.dtype).reshape(array.shape)
        result[...] = array
        return result
