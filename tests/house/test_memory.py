"""New arrays in huge pages: aligned, writable, alive as long as they are used, and like any other."""

from __future__ import annotations

import copy
import gc
import pickle

import numpy as np
import pytest

import fastinit
from fastinit import _memory


@pytest.mark.parametrize("shape", [(1 << 21,), (3, 700, 1001), (2**20 + 1, 2)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_large_arrays(shape: tuple[int, ...], dtype: str) -> None:
    array = _memory.empty_in_huge_pages(shape, np.dtype(dtype))
    assert array.shape == shape
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert array.flags.aligned
    if array.base is not None:  # where the system has huge pages
        assert array.__array_interface__["data"][0] % (1 << 21) == 0
    array[...] = 1.5
    kept = array[-1:]
    del array
    gc.collect()
    assert (kept == 1.5).all()


def test_small_and_empty_arrays_are_numpys_own() -> None:
    assert fastinit.normal((300, 400), seed=0).flags.owndata
    assert _memory.empty_in_huge_pages((0, 4), np.dtype("float32")).shape == (0, 4)


def test_a_large_tensor_behaves_like_any_array() -> None:
    shape = (4100, 2100)
    w = fastinit.normal(shape, seed=1)
    assert w.nbytes > 1 << 25
    assert np.array_equal(w, fastinit.normal(shape, seed=1, out=np.empty(shape, np.float32)))
    assert np.array_equal(pickle.loads(pickle.dumps(w)), w)
    assert np.array_equal(copy.deepcopy(w), w)
    w *= 2.0
    assert w.std() == pytest.approx(0.1, rel=1e-3)
