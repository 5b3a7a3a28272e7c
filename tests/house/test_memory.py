"""New arrays in huge pages: aligned, writable, alive as long as they are used, and like any other."""

from __future__ import annotations

import copy
import gc
import mmap
import pickle

import numpy as np
import pytest

import fastinit
from fastinit import _memory
from fastinit._arguments import overlapping


@pytest.mark.parametrize("shape", [(1 << 21,), (3, 700, 1001), (2**20 + 1, 2)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_large_arrays(shape: tuple[int, ...], dtype: str) -> None:
    array = _memory.new_array(shape, np.dtype(dtype), huge_from=1 << 21)
    assert array.shape == shape
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert array.flags.aligned
    if hasattr(mmap, "MADV_HUGEPAGE"):
        assert array.__array_interface__["data"][0] % (1 << 21) == 0
    array[...] = 1.5
    kept = array[-1:]
    del array
    gc.collect()
    assert (kept == 1.5).all()


def test_small_and_empty_arrays_are_numpys_own() -> None:
    assert fastinit.normal((30, 34), seed=0).flags.owndata
    assert _memory.new_array((0, 4), np.dtype("float32")).shape == (0, 4)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("count", [2048, 5001, (1 << 20) + 3])
@pytest.mark.parametrize("name", ["zeros", "ones", "normal", "sparse", "identity", "orthogonal"])
def test_every_array_of_4_kb_begins_on_a_cache_line(name: str, count: int, dtype: str) -> None:
    shape = {"sparse": (count, 1), "identity": (1, count), "orthogonal": (1, count)}.get(name, (count,))
    arguments = {"sparse": (0.5,)}.get(name, ())
    array = fastinit.get(name)(shape, *arguments, dtype=dtype, seed=0)
    assert array.nbytes >= 4096
    assert array.__array_interface__["data"][0] % 64 == 0


def test_results_of_the_forward_pass_begin_on_a_cache_line() -> None:
    x = fastinit.normal((64, 32), std=1.0, seed=0)
    network = fastinit.MLP([(x.T.copy(), None, "relu")])
    for array in (fastinit.dense(x, x.T.copy()), network(x), fastinit.activate(x, "tanh")):
        assert array.nbytes >= 4096
        assert array.__array_interface__["data"][0] % 64 == 0


def test_a_large_tensor_behaves_like_any_array() -> None:
    shape = (4100, 2100)
    w = fastinit.normal(shape, seed=1)
    assert w.nbytes > 1 << 25
    assert np.array_equal(w, fastinit.normal(shape, seed=1, out=np.empty(shape, np.float32)))
    assert np.array_equal(pickle.loads(pickle.dumps(w)), w)
    assert np.array_equal(copy.deepcopy(w), w)
    w *= 2.0
    assert w.std() == pytest.approx(0.1, rel=1e-3)


def test_overlapping_arrays_are_found() -> None:
    memory = np.zeros((8, 12), np.float32)
    flat = memory.reshape(-1)
    apart = [memory[:, i] for i in range(12)]
    assert overlapping([]) is None
    assert overlapping(apart) is None
    assert overlapping([*apart[::-1], np.zeros(3), np.zeros(0)]) is None
    assert overlapping([flat[i : i + 8] for i in range(0, 96, 8)]) is None
    assert overlapping([flat[5:5], flat, flat[7:7]]) is None
    assert overlapping([*apart, memory[2, 3:5]]) == (3, 12)
    assert overlapping([memory[:, ::-2], np.zeros(4), memory[3, ::2], memory[3, 1::2]]) == (0, 3)
    assert overlapping([flat[:5], flat[50:60], flat[5:50], flat[59:]]) == (1, 3)
    assert overlapping([flat[90:], flat[0:50], flat[10:12], flat[20:22], flat[0:1]]) == (1, 2)
    assert overlapping([flat[:1], flat.view(np.uint8)[3:9]]) == (0, 1)


def test_overlapping_agrees_with_every_pair() -> None:
    generator = np.random.default_rng(0)
    memory = np.zeros(400, np.uint8)
    for _ in range(300):
        arrays = []
        for _ in range(generator.integers(2, 6)):
            start, stop = np.sort(generator.integers(0, 400, 2))
            arrays.append(memory[start:stop][:: generator.choice([1, 1, 2, 5, -3, 60])])
        pairs = [(i, j) for j in range(len(arrays)) for i in range(j) if np.shares_memory(arrays[i], arrays[j])]
        assert overlapping(arrays) == (pairs[0] if pairs else None)


def test_huge_pages_may_be_asked_for_in_memory_of_others() -> None:
    for size in (0, 100, _memory.HUGE_FROM_IN_A_MODEL, 3 * _memory.HUGE_FROM_IN_A_MODEL + 12345):
        array = np.full(size, 7, np.uint8)
        _memory.prefer_huge_pages(array[1:])
        _memory.prefer_huge_pages(array)
        assert (array == 7).all()
