"""Products with few columns or few rows, which have kernels of their own: the oracle's bits, whichever is taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import MLP, dense
from oracle import forward as oracle_forward
from support.bits import assert_same_bits
from support.forward_cases import ACTIVATIONS, DTYPES, values
from support.guard import Guarded

DEPTHS = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 100]


def operands(rows: int, depth: int, columns: int, dtype: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return values((rows, depth), dtype, 1), values((depth, columns), dtype, 2), values((columns,), dtype, 3)


def apart(array: np.ndarray, stride: int, first: int = 0) -> np.ndarray:
    """The same matrix, its rows so many elements apart, the first of them behind so many."""
    memory = np.full((len(array) + 1) * stride, np.nan, array.dtype)
    start = (-memory.ctypes.data // array.itemsize) % (4096 // array.itemsize) % stride + first
    view = np.lib.stride_tricks.as_strided(memory[start:], array.shape, (stride * array.itemsize, array.itemsize))
    view[...] = array
    return view


# ---- few columns ----


@pytest.mark.parametrize("dtype", DTYPES)
def test_few_columns(isa: str, dtype: Any) -> None:
    """Every number of columns and of rows that lanes are filled with, and those around."""
    for depth in DEPTHS:
        x, weight, bias = operands(67, depth, 18, dtype)
        product = oracle_forward.dense(x, weight)
        for columns in range(1, 19):
            for rows in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 67)[columns % 2 :: 2]:
                few = weight[:, :columns]  # rows 18 apart
                expected = product[:rows, :columns] + bias[:columns]
                assert_same_bits(dense(x[:rows], few, bias[:columns]), expected)
                packed = np.ascontiguousarray(few)
                assert_same_bits(dense(x[:rows], packed, bias[:columns]), expected)
                assert_same_bits(MLP([(packed, bias[:columns], None)])(x[:rows]), expected)
                turned = np.ascontiguousarray(few.T)
                assert_same_bits(dense(x[:rows], turned, transpose_weight=True), product[:rows, :columns])
                scattered = np.ascontiguousarray(np.repeat(few, 2, axis=0).repeat(2, axis=1))[::2, ::2]
                assert_same_bits(dense(x[:rows], scattered), product[:rows, :columns])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_activations_of_few_columns(isa: str, activation: Any, dtype: Any) -> None:
    for columns in (1, 2, 3, 5):
        x, weight, bias = operands(45, 20, columns, dtype)
        expected = fastinit.activate(oracle_forward.dense(x, weight, bias), activation)
        assert_same_bits(dense(x, weight, bias, activation), expected)
        assert_same_bits(MLP([(weight, bias, activation)])(x), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_strides_that_share_sets_of_a_cache(isa: str, dtype: Any) -> None:
    """Rows a page, and parts of one, apart: from every element of a line on."""
    page = 4096 // np.dtype(dtype).itemsize
    for stride in (page // 8, page // 4, page // 2, page, 2 * page):
        for first in range(0, 64 // np.dtype(dtype).itemsize, 3):
            for columns, rows in ((1, 40), (2, 33), (5, 9)):
                x, weight, bias = operands(rows, 61, columns, dtype)
                assert_same_bits(dense(apart(x, stride, first), weight, bias), oracle_forward.dense(x, weight, bias))
    for first in range(0, 64 // np.dtype(dtype).itemsize, 3):
        x, weight, bias = operands(5, 61, 37, dtype)
        turned = apart(np.ascontiguousarray(weight.T), page, first)
        found = dense(x, turned, bias, transpose_weight=True)
        assert_same_bits(found, oracle_forward.dense(x, weight, bias))
    upwards = values((40, 61), dtype)
    weight = values((61, 2), dtype)
    assert_same_bits(dense(upwards[::-1], weight), oracle_forward.dense(upwards, weight)[::-1])
    one = np.broadcast_to(upwards[:1], (40, 61))
    assert_same_bits(dense(one, weight), np.broadcast_to(oracle_forward.dense(upwards[:1], weight), (40, 2)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_x_that_no_cache_holds(dtype: Any) -> None:
    x, weight, bias = operands(6001, 100, 3, dtype)
    for columns in (1, 2, 3):
        expected = oracle_forward.dense(x, weight[:, :columns], bias[:columns])
        for threads in (1, 2, 7):
            assert_same_bits(dense(x, weight[:, :columns].copy(), bias[:columns], threads=threads), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [8, 16, 17, 40])
def test_populations_with_few_columns(isa: str, rows: int, dtype: Any) -> None:
    x, weight, bias = values((9, rows, 24), dtype, 1), values((9, 24, 4), dtype, 2), values((9, 4), dtype, 3)
    for columns in (1, 2, 4):
        few, of_few = weight[..., :columns].copy(), bias[:, :columns].copy()
        expected = np.stack([oracle_forward.dense(x[i], few[i], of_few[i]) for i in range(9)])
        assert_same_bits(dense(x, few, of_few), expected)
        assert_same_bits(MLP([(few, of_few, None)])(x), expected)


def test_no_columns_and_no_rows() -> None:
    for rows, depth, columns in ((40, 9, 0), (0, 9, 40), (0, 9, 2), (40, 0, 2), (2, 0, 9000)):
        x, weight, bias = np.ones((rows, depth)), np.ones((depth, columns)), values((columns,), np.float64)
        expected = np.broadcast_to(bias, (rows, columns))
        assert_same_bits(dense(x, weight, bias), expected)
        assert_same_bits(dense(x, weight.T.copy(), bias, transpose_weight=True), expected)
        assert_same_bits(MLP([(weight, bias, None)])(x), expected)


# ---- few rows ----


@pytest.mark.parametrize("dtype", DTYPES)
def test_few_rows(isa: str, dtype: Any) -> None:
    """Weights that are too large for tiles, in both layouts, with ends of every length."""
    for depth, columns in ((300, 61), (1, 17000), (35, 600), (70, 333), (16, 4099), (9, 4111)):
        x, weight, bias = operands(10, depth, columns, dtype)
        product = oracle_forward.dense(x, weight)
        turned = np.ascontiguousarray(weight.T)
        wide = apart(weight, columns + 5, 1)
        for rows in range(1, 11):
            for activation in (None, "relu", "tanh"):
                expected = fastinit.activate(product[:rows] + bias, activation or "linear")
                assert_same_bits(dense(x[:rows], weight, bias, activation), expected)
                assert_same_bits(dense(x[:rows], turned, bias, activation, transpose_weight=True), expected)
            assert_same_bits(dense(x[:rows], wide), product[:rows])
            assert_same_bits(dense(x[:rows][::-1], wide), product[:rows][::-1])


LARGE = [(1, 2048, 2048), (4, 1024, 1100), (8, 600, 901), (3, 5000, 800), (19, 700, 515)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", LARGE, ids=str)
def test_few_rows_on_any_number_of_threads(size: tuple[int, int, int], dtype: Any) -> None:
    x, weight, bias = operands(*size, dtype)
    some = np.arange(0, size[2], 37)
    turned, network = np.ascontiguousarray(weight.T), MLP([(weight, bias, "gelu")])
    expected = dense(x, weight, bias, "gelu", threads=1)
    part = oracle_forward.activate(oracle_forward.dense(x, weight[:, some], bias[some]), "gelu")
    assert_same_bits(expected[:, some], part)
    for threads in (1, 2, 3, 8, 300):
        assert_same_bits(dense(x, weight, bias, "gelu", threads=threads), expected)
        assert_same_bits(dense(x, turned, bias, "gelu", threads=threads, transpose_weight=True), expected)
        assert_same_bits(network(x, threads=threads), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 48, 241])
def test_threads_share_the_columns_of_large_layers(rows: int, dtype: Any) -> None:
    widths, kinds = [100, 2100, 2050, 3, 1900], ["relu", "softmax", None, "log_softmax"]
    layers = [
        (values((n, m), dtype, i) / np.sqrt(n).astype(dtype), values((m,), dtype, i), kind)
        for i, (n, m, kind) in enumerate(zip(widths, widths[1:], kinds, strict=False))
    ]
    network, x = MLP(layers), values((rows, 100), dtype, 9)
    expected = x
    for layer in layers:
        expected = dense(expected, *layer, threads=1)
    scattered = np.repeat(x, 2, axis=1)[:, ::2]
    for threads in (1, 2, 8, 64):
        assert_same_bits(network(x, threads=threads), expected)
    assert_same_bits(network(scattered, threads=2), expected)


# ---- no byte out of bounds, no value taken for another ----


class LargeGuarded(Guarded):
    """For weights that the kernels of few rows are taken for."""

    PAGES = 40


@pytest.fixture(scope="module")
def large_guarded(guarded: list[Guarded]) -> list[Guarded]:
    return [LargeGuarded() for _ in guarded]


@pytest.mark.parametrize("at_end", [True, False], ids=["end", "start"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_outside_the_arrays_is_touched(
    isa: str, dtype: Any, at_end: bool, large_guarded: list[Guarded]
) -> None:
    guarded = large_guarded
    narrow = [(rows, depth, columns) for rows in (4, 8, 17, 33) for depth in (3, 8, 21, 32) for columns in (1, 2, 3, 5)]
    few = [(1, 50, 37), (3, 41, 45), (5, 11, 150), (6, 90, 19)]
    large = [(1, 300, 61), (2, 200, 95), (3, 150, 125), (8, 31, 601)]
    for rows, depth, columns in narrow + few + large:
        arrays = operands(rows, depth, columns, dtype)
        x, weight, bias = (place.copy_of(array, at_end) for place, array in zip(guarded, arrays, strict=False))
        out = guarded[3].copy_of(np.full((rows, columns), 9, dtype), at_end)
        rest = guarded[3].bytes[: -out.nbytes] if at_end else guarded[3].bytes[out.nbytes :]
        rest[:] = 0xA5
        expected = oracle_forward.dense(*arrays)
        assert_same_bits(dense(x, weight, bias, out=out), expected)
        assert (rest == 0xA5).all()
        turned = guarded[1].copy_of(arrays[1].T, at_end)
        assert_same_bits(dense(x, turned, bias, out=out, transpose_weight=True), expected)
        assert (rest == 0xA5).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values_stay_in_their_row(isa: str, dtype: Any) -> None:
    for special in (np.nan, np.inf, -0.0, np.finfo(dtype).smallest_subnormal):
        x, weight, _ = operands(37, 27, 3, dtype)
        x[11, 5] = special
        assert_same_bits(dense(x, weight), oracle_forward.dense(x, weight))
        few, large, _ = operands(2, 60, 700, dtype)
        large[17, 5] = special
        assert_same_bits(dense(few, large), oracle_forward.dense(few, large))
        assert_same_bits(dense(few, large.T.copy(), transpose_weight=True), oracle_forward.dense(few, large))
