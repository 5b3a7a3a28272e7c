"""The weighted sum of a population's noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastinit
from oracle import evolution as oracle
from support.bits import assert_same_bits

DTYPES = ("float32", "float64")
# The axes of theta, and how many members: few and many of either, and rows longer than one piece.
CASES = (((1,), 2), ((1,), 3000), ((10,), 700), ((), 40), ((3, 5), 46), ((257,), 12), ((4996,), 10), ((40_000,), 4))


def some_weights(count: int, seed: int = 3) -> np.ndarray:
    """Some of them zero, in rows and alone."""
    weights = np.random.default_rng(seed).normal(size=count)
    weights[count // 3 : count // 2] = 0.0
    weights[::7] = 0.0
    return weights


@pytest.mark.parametrize("squares", [False, True])
@pytest.mark.parametrize("antithetic", [False, True])
@pytest.mark.parametrize(("shape", "members"), CASES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_are_those_of_the_oracle(
    isa: str, dtype: str, shape: tuple[int, ...], members: int, antithetic: bool, squares: bool
) -> None:
    weights, like = some_weights(members), np.zeros(shape, dtype)
    found = fastinit.recombine(weights, like, seed=5, antithetic=antithetic, squares=squares)
    assert_same_bits(found, oracle.recombine(weights, like, 5, antithetic, squares))


@pytest.mark.parametrize("antithetic", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_sum_is_that_of_the_population(dtype: str, antithetic: bool) -> None:
    """What was added by `perturb`, to the precision of the dtype."""
    theta, weights = fastinit.normal((8, 9), seed=1, dtype=dtype), some_weights(300)
    population = fastinit.perturb(theta, 0.5, 300, seed=5, antithetic=antithetic)
    plain = np.einsum("i,ijk->jk", weights, (population - theta).astype(np.float64) / 0.5)
    found = fastinit.recombine(weights, theta, seed=5, antithetic=antithetic)
    assert np.allclose(found, plain, atol=1e-4 if dtype == "float32" else 1e-12)
    second = np.einsum("i,ijk->jk", weights, ((population - theta).astype(np.float64) / 0.5) ** 2)
    found = fastinit.recombine(weights, theta, seed=5, antithetic=antithetic, squares=True)
    assert np.allclose(found, second, atol=1e-3 if dtype == "float32" else 1e-11)


@st.composite
def blocks(draw: Callable[..., Any]) -> tuple[tuple[int, ...], int, tuple[slice, ...]]:
    shape = tuple(draw(st.lists(st.integers(1, 7), min_size=0, max_size=3)))
    index = []
    for size in shape:
        start = draw(st.integers(0, size))
        index.append(slice(start, draw(st.integers(start, size))))
    return shape, 2 * draw(st.integers(1, 9)), tuple(index)


@settings(max_examples=150)
@given(blocks(), st.sampled_from(DTYPES), st.booleans(), st.booleans())
def test_any_block_is_that_of_the_whole(case: Any, dtype: str, antithetic: bool, squares: bool) -> None:
    shape, members, index = case
    weights, like = some_weights(members), np.zeros(shape, dtype)
    options: dict[str, Any] = {"seed": 5, "antithetic": antithetic, "squares": squares}
    whole = fastinit.recombine(weights, like, **options)
    block = fastinit.recombine(weights, like, index=index, **options)
    assert_same_bits(block, whole[index])
    out = np.full_like(block, 7.0)
    assert fastinit.recombine(weights, like, index=index, out=out, **options) is out
    assert_same_bits(out, block)


@pytest.mark.parametrize("columns", [slice(0, 9000), slice(8191, 30_001), slice(39_990, 40_000)])
def test_blocks_of_long_rows(columns: slice) -> None:
    weights, like = some_weights(6), np.zeros(40_000, np.float32)
    whole = fastinit.recombine(weights, like, seed=5)
    assert_same_bits(fastinit.recombine(weights, like, seed=5, index=(columns,)), whole[columns])


@pytest.mark.parametrize("threads", [2, 3, 8, None])
@pytest.mark.parametrize("shape", [(4996,), (300,), (7,)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_number_of_threads_changes_nothing(isa: str, dtype: str, shape: tuple[int, ...], threads: int) -> None:
    weights, like = some_weights(120), np.zeros(shape, dtype)
    one, many = (fastinit.recombine(weights, like, seed=5, threads=n) for n in (1, threads))
    assert one.tobytes() == many.tobytes()


def test_weights_of_zero_are_left_out() -> None:
    like = np.zeros(500, np.float32)
    weights = some_weights(40)
    best = np.flatnonzero(weights)
    total = np.zeros(500, np.float32)
    for i in best:
        eps = fastinit.normal((40, 500), 0.0, 1.0, seed=5, index=(slice(i, i + 1), slice(None)))[0]
        total = oracle.fma32(np.float32(weights[i]), eps, total)
    assert_same_bits(fastinit.recombine(weights, like, seed=5), total)
    assert_same_bits(fastinit.recombine([0.0, -0.0], like, seed=5), np.zeros(500, np.float32))
    equal = fastinit.recombine([2.0, 2.0, 1.0, 1.0], like, seed=5, antithetic=True)
    assert_same_bits(equal, np.zeros(500, np.float32))


@pytest.mark.parametrize("kind", [list, tuple, np.float32, np.int64, ">f8", "strided"])
def test_weights_may_be_any_real_numbers(kind: Any) -> None:
    plain = np.array([1.0, -2.0, 3.0, 0.0])
    weights: Any = kind(plain.tolist()) if kind in (list, tuple) else np.repeat(plain, 2)[::2]
    if kind not in (list, tuple, "strided"):
        weights = plain.astype(kind)
    like = np.zeros(40, np.float32)
    assert_same_bits(fastinit.recombine(weights, like, seed=5), fastinit.recombine(plain, like, seed=5))
    assert plain.tolist() == [1.0, -2.0, 3.0, 0.0]


def test_of_like_the_shape_and_the_dtype_count() -> None:
    weights, like = some_weights(10), np.full((6, 4), math.nan)
    expected = fastinit.recombine(weights, np.zeros((6, 4)), seed=5)
    assert_same_bits(fastinit.recombine(weights, like, seed=5), expected)
    assert_same_bits(fastinit.recombine(weights, np.broadcast_to(np.float64(1), (6, 4)), seed=5), expected)
    assert fastinit.recombine(weights, like, seed=5, out=like) is like
    assert_same_bits(like, expected)


def test_out_may_hold_the_weights() -> None:
    weights = some_weights(12)
    expected = fastinit.recombine(weights, weights, seed=5)
    assert_same_bits(fastinit.recombine(weights, weights, seed=5, out=weights), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_at_the_ends_of_the_range(isa: str, dtype: str) -> None:
    tiny, largest = float(np.finfo(dtype).smallest_subnormal), float(np.finfo(dtype).max)
    weights, like = [tiny, -tiny, 3 * tiny, 0.0, tiny, -7 * tiny], np.zeros(301, dtype)
    assert_same_bits(fastinit.recombine(weights, like, seed=5), oracle.recombine(weights, like, 5))
    with np.errstate(all="ignore"):
        expected = oracle.recombine([largest, largest], like, 5)
    assert_same_bits(fastinit.recombine([largest, largest], like, seed=5), expected)


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("columns", [1, 3, 7, 8, 15, 17, 63, 64, 65, 200])
def test_nothing_beyond_the_arrays_is_touched(isa: str, guarded: Any, columns: int, at_end: bool) -> None:
    for dtype in DTYPES:
        for squares in (False, True):
            out = guarded[0].copy_of(np.zeros(columns, dtype), at_end)
            fastinit.recombine([1.0, 0.0, -2.0], out, seed=5, out=out, squares=squares)
            assert_same_bits(out, oracle.recombine([1.0, 0.0, -2.0], out, 5, squares=squares))


def test_the_mode_of_the_caller_changes_nothing(mxcsr: Any) -> None:
    from support.floating_point import mode

    weights, like = [1e-40, 2.0, -3e-39, 1.0], np.zeros(70, np.float32)
    expected = fastinit.recombine(weights, like, seed=5, antithetic=True)
    with mode(mxcsr, 0xFFC0):
        found = fastinit.recombine(weights, like, seed=5, antithetic=True)
    assert_same_bits(found, expected)


LIKE = np.zeros((4, 6), np.float32)
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a generator": (
        lambda: fastinit.recombine([1.0], LIKE, seed=np.random.default_rng(0)),
        TypeError,
        "`seed` must name the stream",
    ),
    "entropy": (lambda: fastinit.recombine([1.0], LIKE, seed=None), TypeError, "`seed` must name the stream"),
    "no seed": (lambda: fastinit.recombine([1.0], LIKE), TypeError, "seed"),
    "a shape": (lambda: fastinit.recombine([1.0], (4, 6), seed=0), TypeError, "`like` must be a NumPy array"),
    "no weights": (lambda: fastinit.recombine([], LIKE, seed=0), ValueError, "`weights` must have one axis"),
    "two axes": (lambda: fastinit.recombine([[1.0]], LIKE, seed=0), ValueError, "`weights` must have one axis"),
    "a number": (lambda: fastinit.recombine(1.0, LIKE, seed=0), ValueError, "`weights` must have one axis"),
    "uneven": (lambda: fastinit.recombine([[1.0], 2.0], LIKE, seed=0), TypeError, "a sequence of real numbers"),
    "words": (lambda: fastinit.recombine(["a"], LIKE, seed=0), TypeError, "a sequence of real numbers"),
    "bools": (lambda: fastinit.recombine([True], LIKE, seed=0), TypeError, "a sequence of real numbers"),
    "complex": (lambda: fastinit.recombine([1j], LIKE, seed=0), TypeError, "a sequence of real numbers"),
    "masked": (lambda: fastinit.recombine(np.ma.masked_equal([1.0, 2.0], 2), LIKE, seed=0), ValueError, "masked"),
    "NaN": (lambda: fastinit.recombine([1.0, math.nan], LIKE, seed=0), ValueError, "Received: nan at 1"),
    "too large": (lambda: fastinit.recombine([1.0, 2.0, 1e39], LIKE, seed=0), ValueError, r"Received: 1e\+39 at 2"),
    "too large a difference": (
        lambda: fastinit.recombine([1.0, 2.0, 3e38, -3e38], LIKE, seed=0, antithetic=True),
        ValueError,
        r"Received: 3e\+38 and -3e\+38 at 2",
    ),
    "odd": (lambda: fastinit.recombine([1.0], LIKE, seed=0, antithetic=True), ValueError, "an even number of weights"),
    "squares": (lambda: fastinit.recombine([1.0], LIKE, seed=0, squares=2), TypeError, "`squares` must be a bool"),
    "index": (lambda: fastinit.recombine([1.0], LIKE, seed=0, index=(slice(1),)), ValueError, "one slice for each"),
    "out": (lambda: fastinit.recombine([1.0], LIKE, seed=0, out=np.zeros(24, "f4")), ValueError, "`out` must have"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    call, error, sentence = REFUSED[case]
    with pytest.raises(error, match=sentence):
        call()
    assert not LIKE.any()


def test_empty_parameters() -> None:
    assert fastinit.recombine([1.0, 2.0], np.zeros((0, 3)), seed=0).shape == (0, 3)
