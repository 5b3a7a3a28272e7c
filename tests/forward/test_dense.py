"""dense(): the oracle's bits for every shape, memory layout, number of threads and instruction set."""

from __future__ import annotations

import functools
import math
from collections import namedtuple
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastinit
from fastinit import MLP, _kernels, dense
from fastinit.forward import _activation
from oracle import forward as oracle_forward
from support.bits import assert_same_bits
from support.floating_point import DAZ, FTZ, UPWARD, mode
from support.forward_cases import ACTIVATIONS, DTYPES, first_words, laid_out, values
from support.guard import Guarded
from support.isas import RUNNABLE


@functools.cache
def case(rows: int, depth: int, columns: int, dtype: Any) -> tuple[np.ndarray, ...]:
    """x, weight, bias and, without and with the bias, what the oracle makes of them."""
    x, weight = values((rows, depth), dtype, 1), values((depth, columns), dtype, 2)
    bias = values((columns,), dtype, 3)
    product = oracle_forward.dense(x, weight)
    return x, weight, bias, product, product + bias


def check(rows: int, depth: int, columns: int, dtype: Any, threads: int | None = None) -> None:
    x, weight, bias, product, total = case(rows, depth, columns, dtype)
    assert_same_bits(dense(x, weight, threads=threads), product)
    assert_same_bits(dense(x, weight, bias, threads=threads), total)
    across = np.ascontiguousarray(weight.T)
    assert_same_bits(dense(x, across, bias, transpose_weight=True, threads=threads), total)


# ---- the oracle ----


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_size_to_70_in_every_dimension(isa: str, dtype: Any) -> None:
    for rows in range(71):
        check(rows, rows * 30 % 71, rows * 44 % 71, dtype)  # 71 is a prime: each of them takes every value
        check(rows, 1 + rows % 3, 70 - rows, dtype)


@functools.cache
def tiles(dtype: Any) -> tuple[np.ndarray, ...]:
    return case(29, 9, 200, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_height_and_width_of_a_tile(isa: str, dtype: Any) -> None:
    x, weight, bias, product, total = tiles(dtype)
    for rows in range(1, 30):
        for columns in (*range(1, 53), 63, 64, 65, 72, 95, 96, 97, 127, 128, 129, 143, 144, 160, 192, 193):
            found = dense(x[:rows], weight[:, :columns], bias[:columns])
            assert found.tobytes() == total[:rows, :columns].tobytes(), (rows, columns)
            packed = dense(x[29 - rows :], weight[:, 200 - columns :].T.copy(), transpose_weight=True)
            assert packed.tobytes() == product[29 - rows :, 200 - columns :].tobytes(), (rows, columns)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("depth", [0, 1, 2, 383, 384, 385, 767, 768, 769])
def test_blocks_of_depth(isa: str, depth: int, dtype: Any) -> None:
    for rows, columns in ((1, 1), (1, 70), (5, 33), (13, 7)):
        check(rows, depth, columns, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [239, 240, 241, 480, 483])
def test_blocks_of_rows(isa: str, rows: int, dtype: Any) -> None:
    check(rows, 3, 37, dtype)
    check(rows, 385, 3, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("columns", [511, 512, 513, 1023, 1024, 1025, 1056, 1536, 2040, 2048, 2049])
def test_pieces_of_columns(isa: str, columns: int, dtype: Any) -> None:
    check(3, 5, columns, dtype)
    check(14, 1, columns, dtype)


# Products that are too large to ask the oracle for all of them: rows, depth, columns. Weights are packed from
# 128 rows and 1 MiB on, and threads divide them by rows, by columns or by both.
LARGE = [
    (127, 512, 513),
    (128, 513, 512),
    (128, 511, 512),
    (300, 257, 1100),
    (1, 1000, 2100),
    (7, 600, 1201),
    (1500, 45, 31),
    (2000, 1001, 1),
]


@functools.cache
def large_case(rows: int, depth: int, columns: int, dtype: Any) -> tuple[np.ndarray, ...]:
    """x, weight, bias, some rows and columns, and the oracle's answer there."""
    x, weight = values((rows, depth), dtype, 4), values((depth, columns), dtype, 5)
    bias = values((columns,), dtype, 6)
    generator = np.random.default_rng(7)
    some_rows = np.unique([0, rows - 1, min(rows, 240) - 1, *generator.integers(0, rows, 5)])
    some_columns = np.unique([0, columns - 1, min(columns, 1025) - 1, *generator.integers(0, columns, 30)])
    total = oracle_forward.dense(x[some_rows], weight[:, some_columns], bias[some_columns])
    return x, weight, bias, some_rows, some_columns, total


@functools.cache
def large_bytes(size: tuple[int, int, int], dtype: Any) -> bytes:
    """The whole result by the best instruction set and one thread, right where it was asked for."""
    x, weight, bias, some_rows, some_columns, total = large_case(*size, dtype)
    found = dense(x, weight, bias, threads=1)
    assert_same_bits(found[np.ix_(some_rows, some_columns)], total)
    return found.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", LARGE)
def test_large_products_on_any_number_of_threads(isa: str, size: tuple[int, int, int], dtype: Any) -> None:
    if isa == "scalar" and math.prod(size) > 4_000_000:
        pytest.skip("slow without vectors; test_large_products_without_vectors")
    check_large(size, dtype, (1, 2, 3, 8, 300) if isa != "scalar" else (3,))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", LARGE)
def test_large_products_without_vectors(size: tuple[int, int, int], dtype: Any) -> None:
    expected = large_bytes(size, dtype)
    before = _kernels.current_isa()
    _kernels.use_isa("scalar")
    try:
        check_large(size, dtype, (1, 2, 8))
    finally:
        _kernels.use_isa(before)
    assert expected == large_bytes(size, dtype)


def check_large(size: tuple[int, int, int], dtype: Any, thread_counts: tuple[int, ...]) -> None:
    expected = large_bytes(size, dtype)
    x, weight, bias = large_case(*size, dtype)[:3]
    for threads in thread_counts:
        assert dense(x, weight, bias, threads=threads).tobytes() == expected
    across = weight.T.copy()
    for threads in thread_counts[:2]:
        assert dense(x, across, bias, transpose_weight=True, threads=threads).tobytes() == expected


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(7, 40, 50, 160), (1, 200, 64, 170), (70, 3, 100, 111), (3000, 2, 20, 21)])
def test_items_on_any_number_of_threads(shape: tuple[int, int, int, int], dtype: Any) -> None:
    items, rows, depth, columns = shape
    x, weight = values((items, rows, depth), dtype), values((items, depth, columns), dtype)
    bias = values((items, columns), dtype)
    alone = [dense(x[i], weight[i], bias[i], "softmax", threads=1) for i in range(items)]
    for threads in (1, 2, 3, 8, None):
        assert_same_bits(dense(x, weight, bias, "softmax", threads=threads), np.stack(alone))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threads", [1, 4, 256, 257, 10**30])
def test_softmax_after_a_divided_product(threads: int, dtype: Any) -> None:
    x, weight, bias = large_case(300, 257, 1100, dtype)[:3]
    expected = fastinit.activate(dense(x, weight, bias, threads=1), "log_softmax", threads=1)
    assert_same_bits(dense(x, weight, bias, "log_softmax", threads=threads), expected)


def test_calls_at_once() -> None:
    x, weight, bias = large_case(300, 257, 1100, np.float32)[:3]
    small = [values((i + 1, 40), np.float32) for i in range(20)]
    expected = dense(x, weight, bias).tobytes(), [dense(each, weight[:40], bias).tobytes() for each in small]

    def calls(_: int) -> bool:
        one = dense(x, weight, bias, threads=3).tobytes() == expected[0]
        return one and [dense(each, weight[:40], bias).tobytes() for each in small] == expected[1]

    with ThreadPoolExecutor(8) as executor:
        assert all(executor.map(calls, range(24)))


# ---- batches ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["linear", "gelu", "softmax"])
def test_a_row_alone_is_the_row_in_any_batch(isa: str, activation: str, dtype: Any) -> None:
    x, weight, bias = values((50, 390), dtype), values((390, 53), dtype), values((53,), dtype)
    whole = dense(x, weight, bias, activation)
    for i in (0, 1, 30, 49):
        assert_same_bits(dense(x[i], weight, bias, activation), whole[i])
        assert_same_bits(dense(x[i : i + 1], weight, bias, activation), whole[i : i + 1])
    for size in (2, 3, 5, 12, 13, 25, 49):
        assert_same_bits(dense(x[:size], weight, bias, activation), whole[:size])
        assert_same_bits(dense(x[-size:], weight, bias, activation), whole[-size:])


def test_leading_axes_of_x_are_a_batch() -> None:
    x, weight, bias = values((3, 4, 5, 6), np.float32), values((6, 7), np.float32), values((7,), np.float32)
    expected = oracle_forward.dense(x.reshape(60, 6), weight, bias).reshape(3, 4, 5, 7)
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1)):
        found = dense(x.transpose(*order, 3), weight, bias)
        assert_same_bits(found, expected.transpose(*order, 3))
    assert_same_bits(dense(x[::2, ::-1, 1::3], weight, bias), expected[::2, ::-1, 1::3])
    repeated = np.broadcast_to(x[:, :1], x.shape)
    assert_same_bits(dense(repeated, weight, bias), np.broadcast_to(expected[:, :1], expected.shape))
    apart = np.broadcast_to(x[:1, :, :1], (2, 4, 1, 6))
    assert_same_bits(dense(apart, weight, bias), np.broadcast_to(expected[:1, :, :1], (2, 4, 1, 7)))


SHAPES: list[tuple[int, ...]] = [
    (3,), (2, 3), (1, 3), (0, 3), (4, 2, 3), (1, 2, 3), (4, 1, 3), (0, 2, 3), (5, 4, 2, 3), (5, 1, 2, 3), (1, 4, 1, 3),
]  # fmt: skip
WEIGHT_SHAPES: list[tuple[int, ...]] = [
    (3, 2), (3, 1), (3, 0), (4, 3, 2), (1, 3, 2), (5, 4, 3, 2), (5, 1, 3, 2), (1, 1, 3, 1), (2, 3, 2), (0, 3, 2),
]  # fmt: skip


@pytest.mark.parametrize("weight_shape", WEIGHT_SHAPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_are_those_of_matmul(shape: tuple[int, ...], weight_shape: tuple[int, ...]) -> None:
    x, weight = values(shape, np.float64), values(weight_shape, np.float64)
    try:
        expected = np.matmul(x, weight)
    except ValueError:
        with pytest.raises(ValueError, match=r"leading axes of `x` and `weight` must fit as in numpy\.matmul"):
            dense(x, weight)
        return
    found = dense(x, weight)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)
    assert_same_bits(found, oracle_forward.dense(x, weight))
    # A bias may have any of the leading axes.
    leading = np.broadcast_shapes(shape[:-2], weight_shape[:-2])
    for start in range(len(leading) + 1):
        for ones in (False, True):
            bias = values((*(1 if ones else n for n in leading[start:]), weight_shape[-1]), np.float64)
            assert_same_bits(dense(x, weight, bias), oracle_forward.dense(x, weight, bias))


def test_a_bias_adds_no_axis() -> None:
    x, weight = values((2, 3), np.float32), values((3, 4), np.float32)
    for shape in ((5, 4), (1, 4), (2, 4), (3,), (1,), (), (5, 3)):
        with pytest.raises(ValueError, match=r"`bias` must be \(out,\).* Received: bias of shape .*weight of shape"):
            dense(x, weight, values(shape, np.float32))


# ---- memory layouts ----


@settings(max_examples=150)
@given(st.data())
def test_any_strides_and_leading_axes(data: st.DataObject) -> None:
    dtype, isa = data.draw(st.sampled_from(DTYPES)), data.draw(st.sampled_from(RUNNABLE))
    size = st.one_of(st.integers(0, 5), st.integers(0, 70))
    rows, depth, columns = data.draw(size), data.draw(size), data.draw(size)
    leading = data.draw(st.lists(st.integers(0, 3), max_size=3))

    def some_of(axes: list[int]) -> tuple[int, ...]:
        kept = axes[data.draw(st.integers(0, len(axes))) :]
        return tuple(data.draw(st.sampled_from([1, n])) for n in kept)

    x_shape = (depth,) if data.draw(st.booleans()) else (*some_of(leading), rows, depth)
    weight_shape = (*some_of(leading), depth, columns)
    x, weight = data.draw(laid_out(x_shape, dtype)), data.draw(laid_out(weight_shape, dtype))
    bias = None
    if data.draw(st.booleans()):
        bias_axes = np.broadcast_shapes(x_shape[:-2], weight_shape[:-2])
        bias = data.draw(laid_out((*some_of(list(bias_axes)), columns), dtype))
    expected = oracle_forward.dense(x, weight, bias)
    before = _kernels.current_isa()
    _kernels.use_isa(isa)
    try:
        if data.draw(st.booleans()):
            found = dense(x, np.swapaxes(weight, -1, -2), bias, transpose_weight=True)
        else:
            found = dense(x, weight, bias)
    finally:
        _kernels.use_isa(before)
    assert_same_bits(found, expected)
    assert found.flags.c_contiguous


def strewn(array: np.ndarray) -> list[np.ndarray]:
    """The same values anyhow in memory: transposed, with gaps, backwards, misaligned, in records of an odd size."""
    misaligned = np.zeros(array.nbytes + 3, np.uint8)[3:].view(array.dtype).reshape(array.shape)
    record = np.zeros(array.shape, np.dtype([("odd", np.uint8), ("value", array.dtype)]))["value"]
    found = [np.asfortranarray(array), array.repeat(2, -1)[..., ::2], array[..., ::-1].copy()[..., ::-1]]
    for each in (misaligned, record):
        each[...] = array
        found.append(each)
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("x_shape", "weight_shape"),
    [
        ((32, 8), (8, 4)),
        ((3000, 400), (400, 5)),  # x is gathered in parts
        ((2, 1500, 401), (401, 5)),
        ((3, 1, 1200, 500), (2, 500, 3)),
        ((5, 30, 9000), (5, 9000, 2)),  # of whole items
        ((300, 1030), (1030, 520)),  # weights are packed
        ((2, 1, 70, 9), (3, 9, 40)),
        ((9,), (4, 9, 7)),
    ],
    ids=str,
)
def test_arrays_anywhere_in_memory(isa: str, x_shape: Any, weight_shape: Any, dtype: Any) -> None:
    if isa in ("scalar", "sse42") and math.prod(x_shape) * weight_shape[-1] > 4_000_000:
        pytest.skip("slow without an instruction for fma, and nothing new")
    x, weight, bias = values(x_shape, dtype), values(weight_shape, dtype), values(weight_shape[-1:], dtype)
    expected = dense(x, weight, bias, "gelu")
    for odd_x, odd_weight, odd_bias in zip(strewn(x), strewn(weight), strewn(bias), strict=True):
        for threads in (1, 3):
            assert_same_bits(dense(odd_x, weight, bias, "gelu", threads=threads), expected)
            assert_same_bits(dense(odd_x, odd_weight, odd_bias, "gelu", threads=threads), expected)
        assert_same_bits(dense(x, odd_weight, None, "gelu"), dense(x, weight, None, "gelu"))
        assert_same_bits(dense(x, weight, odd_bias, "softmax"), dense(x, weight, bias, "softmax"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("other", RUNNABLE)
def test_large_products_by_the_kernels_of_another_set(other: str, dtype: Any) -> None:
    """Weights in place, packed, of several items and in parts of x; some products are below the limit."""
    x, weight, bias = values((300, 130), dtype, 1), values((130, 200), dtype, 2), values((200,), dtype, 3)
    calls: list[Callable[[], np.ndarray]] = [
        lambda: dense(x, weight, bias, "relu", threads=1),
        lambda: dense(x, weight, bias, "softmax", threads=3),
        lambda: dense(x[:17, ::2], weight[::2], bias, "gelu"),
        lambda: dense(x, weight.T.copy(), bias, "swiglu", transpose_weight=True),
        lambda: dense(x.reshape(3, 100, 130), weight.reshape(130, 4, 50).swapaxes(0, 1)[:3], None, threads=2),
        lambda: dense(x[:2], weight, bias),
        lambda: dense(x, weight[:, :3], bias[:3]),
        lambda: MLP([(weight, bias, "tanh")])(x),
    ]
    expected = [call() for call in calls]
    before = _kernels.current_isa()
    try:
        for work in (0.0, 1.0, 1e6, 1e30):
            _kernels.use_isas(before, other, work)
            assert (fastinit.isa(), fastinit.info()["large_products"]) == (before, other)
            for call, found in zip(calls, expected, strict=True):
                assert_same_bits(call(), found)
    finally:
        _kernels.use_isa(before)
    assert fastinit.info()["large_products"] == before


def test_repeated_elements_in_any_layout() -> None:
    column = values((40, 1), np.float32)
    wide = np.broadcast_to(column, (40, 9))  # no step along the last axis
    weight, population = values((9, 6), np.float32), values((5, 9, 6), np.float32)
    for x in (wide, wide.T[:9, :9], np.broadcast_to(wide, (5, 40, 9)), np.broadcast_to(wide[:1], (40, 9))):
        assert_same_bits(dense(x, weight), dense(x.copy(), weight))
        assert_same_bits(dense(x, population), dense(x.copy(), population))
    assert_same_bits(dense(wide, np.broadcast_to(weight[:, :1], (9, 30))), dense(wide, weight[:, :1].repeat(30, 1)))
    one = np.broadcast_to(np.float32(0.5), (6,))
    assert_same_bits(dense(wide, weight, one), dense(wide, weight, one.copy()))


def test_axes_of_one_element_with_any_strides() -> None:
    x, weight = values((1, 1, 6), np.float32), values((1, 6, 4), np.float32)
    expected = dense(x, weight)
    strided = np.lib.stride_tricks.as_strided
    for odd in (0, 1, 3, 7, -5, 2**40):
        odd_x, odd_weight = strided(x, strides=(odd, -odd, 4)), strided(weight, strides=(odd, 16, 4))
        assert_same_bits(dense(odd_x, odd_weight), expected)
        odd_out = strided(np.empty((1, 1, 4), np.float32), strides=(odd, odd, 4))
        assert dense(x, weight, out=odd_out) is odd_out
        assert_same_bits(odd_out, expected)
        column = strided(weight[0, :, 0].copy(), (6, 1), (4, odd))
        assert_same_bits(dense(x, column), expected[..., :1])
        row = strided(x[0, 0].copy(), (5, 1), (4, odd))
        assert_same_bits(dense(row, weight[0, :1]), oracle_forward.dense(x[0, 0, :5, None], weight[0, :1]))


def test_empty_arrays_may_begin_anywhere() -> None:
    """NumPy calls them aligned, so that nothing copies them."""
    x, weight = (np.zeros(9, np.uint8)[1:1].view(np.float32).reshape(shape) for shape in ((2, 0), (0, 4)))
    assert_same_bits(dense(x, weight), np.zeros((2, 4), np.float32))
    out = x.reshape(0, 4)
    assert dense(values((0, 3), np.float32), values((3, 4), np.float32), out=out) is out
    assert_same_bits(fastinit.MLP([(weight, None, None)])(x), np.zeros((2, 4), np.float32))


def test_subclasses_give_plain_arrays(tmp_path: Any) -> None:
    x, weight = values((3, 6), np.float32), values((6, 4), np.float32)
    expected = dense(x, weight)
    mapped = np.memmap(tmp_path / "weight", np.float32, "w+", shape=(6, 4))
    mapped[:] = weight
    for sub_x, sub_weight in ((x.view(np.matrix), weight), (np.ma.masked_array(x), weight), (x, mapped)):
        for found in (dense(sub_x, sub_weight), dense(sub_x[::-1], sub_weight)[::-1]):
            assert type(found) is np.ndarray
            assert_same_bits(found, expected)
    result = np.memmap(tmp_path / "result", np.float32, "w+", shape=(3, 4))
    assert dense(x, weight, out=result) is result
    assert_same_bits(np.asarray(result), expected)


def test_32_axes_and_no_more() -> None:
    ones = (1,) * 30
    x, weight = values((2, 3), np.float32), values((3, 4), np.float32)
    expected = dense(x, weight).reshape(*ones, 2, 4)
    assert_same_bits(dense(x.reshape(*ones, 2, 3), weight.reshape(*ones, 3, 4)), expected)
    assert_same_bits(dense(x[0], weight.reshape(*ones, 3, 4)), expected[..., 0, :])
    if np.lib.NumpyVersion(np.__version__) < "2.0.0":
        return  # NumPy had no more
    for wide_x, wide_weight in (
        (x.reshape(1, *ones, 2, 3), weight),
        (x, weight.reshape(1, *ones, 3, 4)),
        (x[0], weight.reshape(1, *ones, 3, 4)),
    ):
        with pytest.raises(ValueError, match="at most 32 axes"):
            dense(wide_x, wide_weight)


# ---- no byte out of bounds ----


@pytest.mark.parametrize("at_end", [True, False], ids=["end", "start"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_outside_the_arrays_is_touched(isa: str, dtype: Any, at_end: bool, guarded: list[Guarded]) -> None:
    for rows, depth, columns in [
        *((rows, 3, columns) for rows in (1, 2, 3, 4, 5, 13) for columns in (1, 2, 5, 15, 17, 31, 33, 47, 64, 65, 97)),
        (1, 385, 5), (5, 385, 3), (1, 1, 1030), (3, 1, 400), (241, 3, 3), (7, 0, 5),
    ]:  # fmt: skip
        arrays = [values((rows, depth), dtype, 1), values((depth, columns), dtype, 2), values((columns,), dtype, 3)]
        x, weight, bias = (place.copy_of(array, at_end) for place, array in zip(guarded, arrays, strict=False))
        out = guarded[3].copy_of(np.full((rows, columns), 9, dtype), at_end)
        rest = guarded[3].bytes[: -out.nbytes] if at_end else guarded[3].bytes[out.nbytes :]
        rest[:] = 0xA5
        expected = dense(*arrays, "gelu")
        assert_same_bits(dense(x, weight, bias, "gelu", out=out), expected)
        assert (rest == 0xA5).all()
        across = guarded[1].copy_of(arrays[1].T, at_end)
        assert_same_bits(dense(x, across, bias, "gelu", out=out, transpose_weight=True), expected)
        assert (rest == 0xA5).all()
        backwards = guarded[0].copy_of(arrays[0][::-1], at_end)[::-1]
        assert_same_bits(dense(backwards, across.T[:, ::-1], bias, out=out), dense(arrays[0], arrays[1][:, ::-1], bias))


def test_a_subclass_that_lies_about_its_shape_is_not_written_beyond() -> None:
    class Liar(np.ndarray):
        shape = property(lambda self: (2, 4))  # type: ignore[assignment]

    memory = np.full(64, 9.0, np.float32)
    with pytest.raises(AssertionError):
        dense(values((2, 3), np.float32), values((3, 4), np.float32), out=memory[:1].view(Liar))
    assert (memory == 9).all()


# ---- against float64, and special values ----


@pytest.mark.parametrize(("rows", "depth", "columns"), [(1, 1000, 3), (37, 300, 41), (130, 700, 400)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_errors_are_within_the_bound_of_a_sum(isa: str, dtype: Any, rows: int, depth: int, columns: int) -> None:
    if isa == "scalar" and rows == 130:
        pytest.skip("the same bits, slowly")
    x, weight, bias = values((rows, depth), dtype), values((depth, columns), dtype), values((columns,), dtype)
    wide = [np.asarray(array, np.longdouble) for array in (x, weight, bias)]
    exact = wide[0] @ wide[1] + wide[2]
    unit = float(np.finfo(dtype).eps) / 2
    bound = (depth + 1) * unit / (1 - (depth + 1) * unit) * (np.abs(wide[0]) @ np.abs(wide[1]) + np.abs(wide[2]))
    assert (np.abs(dense(x, weight, bias) - exact) <= bound).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_rounding_a_step(isa: str, dtype: Any) -> None:
    """1 + eps squared, less 1: without fma the last bit would be lost."""
    eps = np.finfo(dtype).eps
    x, weight = np.array([[-1, 1 + eps]], dtype), np.array([[1 + 2 * eps], [1 + eps]], dtype)
    assert dense(x, weight)[0, 0] == dtype(eps) * dtype(eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 2, 5, 17])
@pytest.mark.parametrize("columns", [1, 3, 40, 130])
def test_zeros_are_not_skipped(isa: str, rows: int, columns: int, dtype: Any) -> None:
    for special in (np.inf, -np.inf, np.nan):
        weight = values((6, columns), dtype)
        weight[2] = special
        x = np.zeros((rows, 6), dtype)
        for activation in ("linear", "relu", "gelu", "sigmoid"):
            assert np.isnan(dense(x, weight, None, activation)).all()
        x = values((rows, 6), dtype)
        x[:, 4] = special
        weight = np.zeros((6, columns), dtype)
        assert np.isnan(dense(x, weight)).all()
    x, weight = np.full((rows, 2), np.inf, dtype), np.ones((2, columns), dtype)
    assert (dense(x, weight) == np.inf).all()
    assert (dense(-x, weight) == -np.inf).all()
    weight[1] = -1
    assert np.isnan(dense(x, weight)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values_equal_the_oracle(isa: str, dtype: Any) -> None:
    generator, info = np.random.default_rng(5), np.finfo(dtype)
    pool = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, info.max, -info.max, info.tiny, info.smallest_subnormal])
    some = np.concatenate([pool.astype(dtype), np.zeros(20, dtype), -np.zeros(20, dtype), np.ones(20, dtype)])
    x, weight, bias = (generator.choice(some, shape) for shape in ((40, 3), (3, 50), (50,)))
    assert_same_bits(dense(x, weight, bias), oracle_forward.dense(x, weight, bias))
    subnormal = values((9, 20), dtype) * info.tiny
    assert_same_bits(
        dense(subnormal, values((20, 33), dtype)), oracle_forward.dense(subnormal, values((20, 33), dtype))
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("columns", [1, 20, 64])
def test_signs_of_zeros(isa: str, columns: int, dtype: Any) -> None:
    x, weight = np.full((3, 2), -0.0, dtype), np.ones((2, columns), dtype)
    minus, plus = np.full(columns, -0.0, dtype), np.zeros(columns, dtype)
    assert not np.signbit(dense(x, weight)).any()  # +0 + -0
    assert not np.signbit(dense(x, weight, minus)).any()
    for bias in (minus, plus):
        assert not np.signbit(dense(x, weight, bias, "relu")).any()
    tiny = np.full((3, 2), -np.finfo(dtype).smallest_subnormal, dtype)
    product = dense(tiny, weight * dtype(0.25))  # rounds to -0
    assert (product == 0).all()
    assert np.signbit(product).all()
    assert not np.signbit(dense(tiny, weight * dtype(0.25), None, "relu")).any()


# ---- activations ----


def with_special_bias(dtype: Any) -> tuple[np.ndarray, ...]:
    """Columns of ordinary values, then columns whose values are the bias alone."""
    large, small = (200.0, 1e-40) if dtype is np.float32 else (2000.0, 1e-310)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, large, -large, small, -small, 20.0, -20.0, 3.0, -3.0]
    x, weight = values((14, 5), dtype), values((5, 40 + len(special)), dtype)
    weight[:, 40:] = 0
    return x, weight, np.concatenate([values((40,), dtype), np.array(special, dtype)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_fused_equals_apart(isa: str, activation: Any, dtype: Any) -> None:
    x, weight, bias = with_special_bias(dtype)
    for given_bias in (bias, None):
        for rows in (1, 3, 14):
            expected = fastinit.activate(dense(x[:rows], weight, given_bias), activation)
            assert_same_bits(dense(x[:rows], weight, given_bias, activation), expected)
            assert_same_bits(dense(x[:rows], weight.T.copy(), given_bias, activation, transpose_weight=True), expected)
    deep_x, deep_weight = values((5, 400), dtype) / 20, values((400, 37), dtype)
    expected = fastinit.activate(dense(deep_x, deep_weight), activation)
    assert_same_bits(dense(deep_x, deep_weight, None, activation), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_without_depth_there_is_the_bias(activation: Any, dtype: Any) -> None:
    bias = with_special_bias(dtype)[2]
    x, weight = np.ones((3, 0), dtype), np.ones((0, len(bias)), dtype)
    expected = fastinit.activate(np.broadcast_to(bias + dtype(0), (3, len(bias))), activation)
    assert_same_bits(dense(x, weight, bias, activation), expected)
    zero = fastinit.activate(np.zeros((3, len(bias)), dtype), activation)
    assert_same_bits(dense(x, weight, None, activation), zero)


def test_names_of_no_activation() -> None:
    x, weight = values((3, 4), np.float32), values((4, 5), np.float32)
    product = dense(x, weight)
    for same in (None, "linear", ("linear", None), ("relu", None)):
        expected = product if same != ("relu", None) else fastinit.activate(product, "relu")
        assert_same_bits(dense(x, weight, None, same), expected)


# ---- the caller's floating-point mode ----


@pytest.mark.parametrize("bits", [FTZ | DAZ, UPWARD], ids=["flush to zero", "upward"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_foreign_mode_changes_no_bit_and_is_kept(
    bits: int,
    dtype: Any,
    isa: str,
    mxcsr: Any,
) -> None:
    x, weight = values((7, 30), dtype) * np.finfo(dtype).tiny, values((30, 35), dtype)
    bias = values((35,), dtype) * np.finfo(dtype).tiny
    expected = {name: dense(x, weight, bias, name).tobytes() for name in ("linear", "relu", "softmax")}
    assert np.any((dense(x, weight, bias) != 0) & (np.abs(dense(x, weight, bias)) < np.finfo(dtype).tiny))
    for name, known in expected.items():
        with mode(mxcsr, bits):
            found = dense(x, weight, bias, name)
            across = dense(x, weight.T, bias, name, transpose_weight=True)
        assert found.tobytes() == known
        assert across.tobytes() == known


def test_a_foreign_mode_on_many_threads(mxcsr: Any) -> None:
    x, weight, bias = large_case(300, 257, 1100, np.float32)[:3]
    tiny = x * np.float32(1e-39)
    expected = dense(tiny, weight, bias * np.float32(0), threads=1).tobytes()
    with mode(mxcsr, FTZ | DAZ):
        found = dense(tiny, weight, bias * np.float32(0), threads=4)
    # The product with 1e-39 was made before: only dense runs in the foreign mode.
    assert found.tobytes() == expected


# ---- out ----


def good() -> dict[str, Any]:
    return {"x": values((2, 3), np.float32), "weight": values((3, 4), np.float32), "bias": values((4,), np.float32)}


@pytest.mark.parametrize("shapes", [((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (5, 3, 4)), ((3,), (5, 3, 4))])
def test_out_is_filled_and_returned(shapes: Any) -> None:
    x, weight = values(shapes[0], np.float64), values(shapes[1], np.float64)
    expected = dense(x, weight)
    out = np.full(expected.shape, 9.0)
    assert dense(x, weight, out=out) is out
    assert_same_bits(out, expected)
    strided = dense(x.repeat(2, -1)[..., ::2], weight, out=out)
    assert strided is out
    assert_same_bits(out, expected)


def test_out_of_broadcast_arrays_is_the_callers_risk() -> None:
    """Such an array is writable, with a warning of NumPy's; it gave None once."""
    arguments = good()
    out = np.broadcast_arrays(np.zeros(4, np.float32), np.zeros((1, 4), np.float32))[0]
    arguments["x"] = arguments["x"][:1]
    with pytest.warns((DeprecationWarning, FutureWarning)):
        found = dense(**arguments, out=out)
    assert found is out
    assert_same_bits(found, dense(**arguments))


WRONG_OUTS: list[tuple[Callable[[], Any], type, str]] = [
    (lambda: [[0.0] * 4] * 2, TypeError, "`out` must be a NumPy array. Received: list"),
    (lambda: np.zeros((2, 4)), TypeError, "`out` must have dtype float32. Received: dtype('float64')"),
    (lambda: np.zeros((2, 4), ">f4"), TypeError, "`out` must have dtype float32. Received: dtype('>f4')"),
    (lambda: np.zeros((4, 2), np.float32), ValueError, "`out` must have shape (2, 4). Received: (4, 2)"),
    (lambda: np.zeros(8, np.float32), ValueError, "`out` must have shape (2, 4). Received: (8,)"),
    (lambda: np.zeros((2, 4, 1), np.float32), ValueError, "`out` must have shape (2, 4). Received: (2, 4, 1)"),
    (lambda: np.zeros((4, 2), np.float32).T, ValueError, "`out` must be C-contiguous. Received: strides (4, 8)"),
    (lambda: np.zeros((2, 8), np.float32)[:, ::2], ValueError, "`out` must be C-contiguous. Received: strides (32, 8)"),
    (lambda: np.zeros((2, 4), np.float32)[::-1], ValueError, "`out` must be C-contiguous. Received: strides (-16, 4)"),
    (
        lambda: np.frombuffer(bytes(32), np.float32).reshape(2, 4),
        ValueError,
        "`out` must be writable. Received: a read-only array",
    ),
    (
        lambda: np.zeros(33, np.uint8)[1:].view(np.float32).reshape(2, 4),
        ValueError,
        "`out` must be aligned to its dtype. Received: an unaligned array",
    ),
]


@pytest.mark.parametrize(("make", "error", "sentence"), WRONG_OUTS, ids=first_words)
def test_wrong_outs(make: Callable[[], Any], error: type, sentence: str) -> None:
    out = make()
    with pytest.raises(error) as caught:
        dense(**good(), out=out)
    assert str(caught.value) == sentence
    assert not np.any(out)


@pytest.mark.parametrize("name", ["x", "weight", "bias"])
@pytest.mark.parametrize("shift", [0, 1, -1])
def test_an_overlapping_out_is_refused_and_left_alone(name: str, shift: int) -> None:
    memory = np.full(64, 9.0, np.float32)
    arguments = {
        key: memory[20 : 20 + value.size].reshape(value.shape) if key == name else value
        for key, value in good().items()
    }
    size = arguments[name].size
    start = {0: 20, 1: 20 + size - 1, -1: 20 - 8 + 1}[shift]
    out = memory[start : start + 8].reshape(2, 4)
    with pytest.raises(ValueError, match=f"`out` must lie apart.* an `out` that overlaps `{name}`"):
        dense(**arguments, out=out)
    assert (memory == 9).all()
    start = {0: 20 + size, 1: 20 + size, -1: 20 - 8}[shift]  # side by side
    assert_same_bits(dense(**arguments, out=memory[start : start + 8].reshape(2, 4)), dense(**arguments))


@pytest.mark.parametrize("name", ["x", "weight", "bias"])
def test_an_out_in_the_gaps_of_any_array_is_apart(name: str) -> None:
    arguments = good()
    memory = np.full((arguments[name].size, 12), 9.0, np.float32)
    memory[:, 0] = arguments[name].ravel()
    arguments[name] = memory[:, 0].reshape(arguments[name].shape)
    assert np.shares_memory(arguments[name], memory)
    expected = dense(**good())
    out = memory[0, 2:10].reshape(2, 4)
    assert dense(**arguments, out=out) is out
    assert_same_bits(out, expected)
    assert (memory[0, [1, 10, 11]] == 9).all()
    with pytest.raises(ValueError, match=f"overlaps `{name}`"):
        dense(**arguments, out=memory.reshape(-1)[5:13].reshape(2, 4))


def test_an_out_in_the_gaps_of_x_is_apart() -> None:
    memory = values((2, 8), np.float64)
    x, out = memory[:, ::7].T, memory[0, 2:6].reshape(2, 2)
    weight = values((2, 2), np.float64)
    expected = dense(x.copy(), weight)
    assert dense(x, weight, out=out) is out
    assert_same_bits(out, expected)
    with pytest.raises(ValueError, match="overlaps `x`"):
        dense(memory[:, 2:4].T, weight, out=out)


# ---- errors ----


Pair = namedtuple("Pair", "name parameter")

ERRORS: list[tuple[dict[str, Any], type, str]] = [
    ({"x": [[1.0, 2.0, 3.0]]}, TypeError, "`x` must be a NumPy array of float32 or float64. Received: list"),
    ({"weight": None}, TypeError, "`weight` must be a NumPy array of float32 or float64. Received: NoneType"),
    ({"bias": [0.0] * 4}, TypeError, "`bias` must be a NumPy array of float32 or float64. Received: list"),
    ({"bias": 0.0}, TypeError, "`bias` must be a NumPy array of float32 or float64. Received: float"),
    (
        {"x": np.ones((2, 3), np.float64)},
        TypeError,
        "`weight` must have the dtype of `x`, float64. Received: dtype dtype('float32')",
    ),
    ({"bias": np.ones(4)}, TypeError, "`bias` must have the dtype of `x`, float32. Received: dtype dtype('float64')"),
    *(
        (
            {"x": np.ones((2, 3), dtype)},
            TypeError,
            f"`x` must be a NumPy array of float32 or float64. Received: dtype {np.dtype(dtype)!r}",
        )
        for dtype in ("i4", "i8", "u1", "?", "f2", "c8", "O", "longdouble")
    ),
    (
        {"x": np.ones((2, 3), ">f4")},
        TypeError,
        "`x` must be a NumPy array of float32 or float64 in native byte order. Received: dtype dtype('>f4')",
    ),
    ({"x": np.float32(3)}, TypeError, "`x` must be a NumPy array of float32 or float64. Received: float32"),
    (
        {"x": np.array(3, np.float32)},
        ValueError,
        "`x` must have at least one axis. Received: a 0-D array",
    ),
    (
        {"weight": np.ones(3, np.float32)},
        ValueError,
        "`weight` must have at least two axes, (..., in, out). Received: x of shape (2, 3), weight of shape (3,)",
    ),
    (
        {"weight": np.ones((4, 3), np.float32)},
        ValueError,
        "`weight` must be (..., in, out), with as many inputs as the last axis of `x`. "
        "Received: x of shape (2, 3), weight of shape (4, 3)",
    ),
    (
        {"transpose_weight": True},
        ValueError,
        "`weight` must be (..., out, in), with as many inputs as the last axis of `x`. "
        "Received: x of shape (2, 3), weight of shape (3, 4)",
    ),
    (
        {"x": np.ones((5, 2, 3), np.float32), "weight": np.ones((4, 3, 4), np.float32)},
        ValueError,
        "the leading axes of `x` and `weight` must fit as in numpy.matmul. "
        "Received: x of shape (5, 2, 3), weight of shape (4, 3, 4)",
    ),
    (
        {"bias": np.ones(3, np.float32)},
        ValueError,
        "`bias` must be (out,), or (..., out) with leading axes that fit those of the result. "
        "Received: bias of shape (3,), weight of shape (3, 4)",
    ),
    (
        {"activation": "rellu"},
        ValueError,
        f"an activation must be one of {', '.join(_activation.PARAMETERS)}. Did you mean 'relu'? Received: 'rellu'",
    ),
    (
        {"activation": ("tanh", 0.1)},
        ValueError,
        "the activation tanh takes no parameter. Received: ('tanh', 0.1)",
    ),
    (
        {"activation": 3},
        TypeError,
        "an activation must be a name, a (name, parameter) pair or a (name, {parameter: value}) pair. Received: 3",
    ),
    (
        {"activation": ("elu",)},
        TypeError,
        "an activation must be a name, a (name, parameter) pair or a (name, {parameter: value}) pair. "
        "Received: ('elu',)",
    ),
    ({"activation": ("elu", math.inf)}, ValueError, "`alpha` of elu must be finite. Received: alpha=inf"),
    ({"activation": ("softplus", 0.0)}, ValueError, "`beta` of softplus must be finite and > 0. Received: beta=0.0"),
    *(
        (
            {"activation": kind("softplus", 1e-300)},
            ValueError,
            "`beta` of softplus must be at least 1.17549e-38 in float32. Received: beta=1e-300",
        )
        for kind in (lambda *pair: pair, Pair)
    ),
    ({"threads": True}, TypeError, "`threads` must be None or an int. Received: threads=True"),
    ({"threads": 2.0}, TypeError, "`threads` must be None or an int. Received: threads=2.0"),
    ({"threads": 0}, ValueError, "`threads` must be >= 1. Received: threads=0"),
    ({"threads": -1}, ValueError, "`threads` must be >= 1. Received: threads=-1"),
]


@pytest.mark.parametrize(("wrong", "error", "sentence"), ERRORS, ids=first_words)
def test_errors_come_before_anything_is_written(wrong: dict[str, Any], error: type, sentence: str) -> None:
    out = np.full((2, 4), 9.0, np.float32)
    for given_out in (out, None):
        with pytest.raises(error) as caught:
            dense(**{**good(), "out": given_out, **wrong})
        assert str(caught.value) == sentence
    assert (out == 9).all()


def test_a_parameter_beyond_float32_is_for_float64() -> None:
    x, weight = values((2, 3), np.float32), values((3, 4), np.float32)
    with pytest.raises(ValueError, match="leaky_relu with negative_slope=1e\\+300"):
        dense(x, weight, None, ("leaky_relu", 1e300))
    assert np.isfinite(dense(x.astype("f8"), weight.astype("f8"), None, ("leaky_relu", 1e300))).all()


def test_results_that_no_memory_holds() -> None:
    one = np.ones(1, np.float32)
    wide = np.broadcast_to(one, (1, 1 << 40))
    for tall in (np.broadcast_to(one, (1 << 40, 1)), np.broadcast_to(one, (1 << 18, 1))):
        with pytest.raises((ValueError, MemoryError)):
            dense(tall, wide)
    assert dense(np.broadcast_to(one, (0, 1)), wide[:, : 1 << 20]).shape == (0, 1 << 20)


def test_a_large_result_begins_on_a_huge_page() -> None:
    x, weight = np.ones((4096, 1), np.float32), np.arange(2100, dtype=np.float32)[None]
    found = dense(x, weight)
    assert (found == weight).all()
    assert_same_bits(dense(x, weight.T, transpose_weight=True), found)
    assert_same_bits(dense(x[::-1], weight[:, ::-1])[:, ::-1], found)


def test_the_kernels_guard_memory() -> None:
    x, weight = values((2, 3), np.float32), values((3, 4), np.float32)
    for code in (-1, 99):
        with pytest.raises(ValueError, match="there is no activation of code"):
            _kernels.Function(code)
    linear = _kernels.Function(0)
    for wrong in ([x, weight.T], [x[0, 0], weight], [x, weight.astype("f8")], [x.astype("f2"), weight], [None, weight]):
        assert _kernels.dense(*wrong, None, linear, None, False, 1) is None
    assert _kernels.dense(x, weight, None, linear, np.zeros((2, 5), np.float32), False, 1) is None
