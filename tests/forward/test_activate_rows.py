"""Rows along any axis, masks, 16 bits, and slopes for columns: what `activate` takes beside the last axis of floats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import fastinit
from oracle import forward as oracle_forward
from support.activation_cases import NAMES, row_cases
from support.bits import assert_same_bits, bits

ROWS: list[Any] = ["softmax", "log_softmax", "softmin", "sparsemax", "hardmax"]
DTYPES = [np.float32, np.float64]


def values(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(list(shape)).normal(0.0, 3.0, shape).astype(dtype)


# ---- axis ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("name", [*ROWS, "prelu", "glu", "swiglu", "geglu"])
def test_any_axis(name: Any, axis: int, dtype: Any) -> None:
    x = values(4, 6, 8, dtype=dtype)
    expected = np.moveaxis(oracle_forward.activate(np.ascontiguousarray(np.moveaxis(x, axis, -1)), name), -1, axis)
    found = fastinit.activate(x, name, axis=axis)
    assert found.flags.c_contiguous
    assert_same_bits(found, expected)
    out = np.full(expected.shape, 77, dtype)
    assert fastinit.activate(x, name, out, axis=axis) is out
    assert_same_bits(out, expected)
    if name not in ("glu", "swiglu", "geglu"):
        assert fastinit.activate(x, name, x, axis=axis) is x
        assert_same_bits(x, expected)


@pytest.mark.parametrize("axis", [(0,), (0, 1), (2, 0), (-1, -2), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("name", ROWS)
def test_several_axes_are_one_row(name: Any, axis: tuple[int, ...]) -> None:
    x = values(3, 4, 5)
    axes = sorted(a % 3 for a in axis)
    moved = np.moveaxis(x, axes, range(-len(axes), 0))
    rows = moved.reshape(*moved.shape[: 3 - len(axes)], -1)
    expected = oracle_forward.activate(np.ascontiguousarray(rows), name).reshape(moved.shape)
    assert_same_bits(fastinit.activate(x, name, axis=axis), np.moveaxis(expected, range(-len(axes), 0), axes))


def test_a_slope_for_each_column() -> None:
    x = values(7, 5, 3)
    for axis, n in ((0, 7), (1, 5), (-1, 3)):
        slope = np.linspace(-1, 2, n, dtype=np.float32)
        shape = [1, 1, 1]
        shape[axis] = n
        expected = np.where(x < 0, x * slope.reshape(shape), x)
        for given in (slope, slope[::-1][::-1], {"negative_slope": slope}):
            assert_same_bits(fastinit.activate(x, ("prelu", given), axis=axis), expected)
    assert_same_bits(fastinit.activate(x, ("prelu", 0.3)), fastinit.activate(x, ("leaky_relu", 0.3)))
    assert_same_bits(fastinit.activate(x, "prelu"), fastinit.activate(x, ("leaky_relu", 0.25)))


# ---- where ----


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ROWS)
def test_where(name: Any, dtype: Any, axis: Any) -> None:
    """What does not take part is not there: the rest has the bits of a row of its own, but for the sums' lanes."""
    x = values(5, 6, 7, dtype=dtype)
    mask = np.random.default_rng(3).random(x.shape) < 0.6
    mask[1, 2], mask[:, 4, 4], mask[0] = False, False, False
    hidden = np.where(mask, x, np.nan)
    found = fastinit.activate(hidden, name, axis=axis, where=mask)
    filled = np.where(mask, x, math.inf if name == "softmin" else -math.inf).astype(dtype)
    plain = fastinit.activate(filled, name, axis=axis)
    absent = -math.inf if name == "log_softmax" else 0.0
    assert_same_bits(found, np.where(mask, plain, absent).astype(dtype))
    assert not np.isnan(found).any()
    assert (found[~mask] == absent).all()
    if name != "log_softmax":
        total = found.sum(axis=axis)
        assert total == pytest.approx(mask.any(axis=axis).astype(float), abs=1e-5)


def test_where_is_broadcast_and_all_or_nothing_of_a_row() -> None:
    x = values(4, 3)
    mask = np.array([True, False, True])
    assert_same_bits(fastinit.activate(x, "softmax", where=mask), fastinit.activate(x, "softmax", where=mask[None]))
    nothing = np.zeros((4, 1), bool)
    for name in ROWS:
        absent = -math.inf if name == "log_softmax" else 0.0
        assert (fastinit.activate(x, name, where=nothing) == absent).all(), name
        assert_same_bits(fastinit.activate(x, name, where=~nothing), fastinit.activate(x, name))
    assert_same_bits(
        fastinit.activate(x.copy(), "softmax", x, where=mask),
        fastinit.activate(x * 0 + values(4, 3), "softmax", where=mask),
    )


def test_hardmax_chooses_among_what_takes_part() -> None:
    low = -math.inf
    x = np.array([[3.0, low, low], [1.0, 2.0, 2.0], [low, low, low], [5.0, 1.0, math.nan]])
    mask = np.array([[False, True, True], [True, False, True], [False, False, True], [False, True, False]])
    expected = [[0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 1, 0]]
    assert fastinit.activate(x, "hardmax", where=mask).tolist() == expected


def test_a_nan_that_takes_part_is_not_hidden() -> None:
    x = np.array([[1.0, math.nan, 2.0]])
    for name in ROWS:
        found = fastinit.activate(x, name, where=np.array([True, True, False]))
        assert np.isnan(found[0, :2]).all()
        assert found[0, 2] == (-math.inf if name == "log_softmax" else 0)


# ---- sparsemax, hardmax, softmin ----


def test_sparsemax_is_the_projection_on_the_simplex() -> None:
    """By sorting, as Martins and Astudillo, "From softmax to sparsemax", ICML 2016, algorithm 1."""
    for columns in (1, 2, 3, 10, 500):
        x = np.random.default_rng(columns).normal(size=(20, columns)) * np.logspace(-3, 3, 20)[:, None]
        ordered = -np.sort(-x, axis=1)
        sums = ordered.cumsum(axis=1) - 1
        count = np.arange(1, columns + 1)
        support = (ordered * count > sums).sum(axis=1)
        t = sums[np.arange(20), support - 1] / support
        expected = np.maximum(x - t[:, None], 0)
        for dtype in DTYPES:
            rows = x.astype(dtype)
            tolerance = 2 * float(np.finfo(dtype).eps) * np.maximum(1, abs(x).max(axis=1, keepdims=True))
            found = fastinit.activate(rows, "sparsemax")
            assert (abs(found - expected) <= tolerance).all()
            assert found.sum(axis=1, dtype=np.float64) == pytest.approx(np.ones(20), abs=columns * 1e-7)


def test_said_values() -> None:
    x = np.array([1.0, 3.0, 3.0, -2.0])
    assert fastinit.activate(x, "hardmax").tolist() == [0, 1, 0, 0]
    assert fastinit.activate(x, "sparsemax").tolist() == [0, 0.5, 0.5, 0]
    assert fastinit.activate(np.array([0.5, 0.0]), "sparsemax").tolist() == [0.75, 0.25]
    assert_same_bits(fastinit.activate(x, "softmin"), fastinit.activate(-x, "softmax"))
    assert np.isnan(fastinit.activate(np.array([1.0, math.inf]), "sparsemax")).all()
    assert fastinit.activate(np.array([1.0, -math.inf]), "sparsemax").tolist() == [1, 0]
    assert fastinit.activate(np.array([-math.inf, -math.inf]), "hardmax").tolist() == [1, 0]


# ---- 16 bits ----


def sixteen_bits() -> list[Any]:
    try:
        import ml_dtypes
    except ImportError:
        return [np.float16]
    return [np.float16, ml_dtypes.bfloat16]


@pytest.mark.parametrize("dtype", sixteen_bits(), ids=lambda dtype: np.dtype(dtype).name)
@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_16_bits(name: Any, dtype: Any) -> None:
    x = np.arange(65536, dtype=np.uint16).view(dtype)
    if fastinit.forward._activation.resolve(name).takes:  # type: ignore[attr-defined]
        with np.errstate(all="ignore"):
            x = row_cases(np.float32, 38).astype(dtype)
    wide = fastinit.activate(x.astype(np.float32), name)
    with np.errstate(all="ignore"):
        expected = wide.astype(dtype)
    found = fastinit.activate(x, name)
    assert found.dtype == x.dtype
    out = np.zeros_like(expected)
    assert fastinit.activate(x, name, out) is out
    with np.errstate(invalid="ignore"):  # of a signalling NaN
        assert_same_bits(found, expected)
        assert np.array_equal(bits(out), bits(found))


@pytest.mark.parametrize("dtype", sixteen_bits(), ids=lambda dtype: np.dtype(dtype).name)
def test_16_bits_anyhow(dtype: Any) -> None:
    x = values(6, 4, 5).astype(dtype)
    for axis in (0, 1, -1):
        expected = fastinit.activate(x.astype(np.float32), "softmax", axis=axis).astype(dtype)
        assert_same_bits(fastinit.activate(x, "softmax", axis=axis), expected)
    turned = x.transpose(2, 0, 1)[::-1]
    assert_same_bits(
        fastinit.activate(turned, "tanh"), fastinit.activate(turned.astype(np.float32), "tanh").astype(dtype)
    )
    slopes = np.linspace(-1, 1, 5, dtype=np.float32)
    expected = fastinit.activate(x.astype(np.float32), ("prelu", slopes)).astype(dtype)
    assert_same_bits(fastinit.activate(x, ("prelu", slopes)), expected)
    assert fastinit.activate(x, "relu", x) is x
    assert fastinit.activate(x[:0], "tanh").shape == (0, 4, 5)
    assert fastinit.activate(np.array(0.5, dtype), "relu") == 0.5
    with pytest.raises(ValueError, match="`out` must be the memory of `x` or apart from it"):
        fastinit.activate(x.reshape(-1)[:-1], "relu", x.reshape(-1)[1:])
    with pytest.raises(TypeError, match="`out` must have dtype"):
        fastinit.activate(x, "relu", np.zeros(x.shape, np.float32))


# ---- arguments ----

X = np.array([[-1.0, 2.0, 3.0], [0.5, -4.0, 1.0]], np.float32)
MASK = np.ones((2, 3), bool)


@pytest.mark.parametrize(
    ("name", "options", "error", "sentence"),
    [
        (
            "relu",
            {"axis": 0},
            ValueError,
            "`axis` must be left out where an activation takes single values. Received: relu",
        ),
        ("swish", {"where": MASK}, ValueError, "`where` must be left out where .* Received: silu"),
        ("prelu", {"where": MASK}, ValueError, "`where` must be left out for all but softmax, log_softmax, softmin"),
        ("glu", {"where": MASK, "axis": 0}, ValueError, "`where` must be left out for all but softmax"),
        ("softmax", {"axis": 2}, ValueError, r"`axis` must name axes of `x`, .* in \[-2, 2\). Received: axis=2"),
        ("softmax", {"axis": ()}, ValueError, "`axis` must name axes of `x`"),
        ("softmax", {"axis": (0, -2)}, ValueError, "`axis` must name axes of `x`, each once"),
        ("softmax", {"axis": None}, TypeError, "`axis` must be an int or a tuple of ints for softmax"),
        ("softmax", {"axis": 1.0}, TypeError, "`axis` must be an int or a tuple of ints"),
        ("softmax", {"axis": True}, TypeError, "`axis` must be an int or a tuple of ints"),
        ("glu", {"axis": (0,)}, TypeError, "`axis` must be an int for glu"),
        ("softmax", {"where": [True] * 3}, TypeError, "`where` must be a NumPy array of bool. Received: list"),
        ("softmax", {"where": np.ones(3)}, TypeError, "`where` must be a NumPy array of bool. Received: dtype float64"),
        (
            "softmax",
            {"where": np.ones(2, bool)},
            ValueError,
            r"broadcast to the shape of `x`, \(2, 3\). Received: shape",
        ),
        ("glu", {}, ValueError, "glu must have an even number of columns"),
    ],
)
def test_wrong_arguments(name: Any, options: dict[str, Any], error: type, sentence: str) -> None:
    out = np.full((2, 3), 77, np.float32)
    with pytest.raises(error, match=sentence):
        fastinit.activate(X, name, out, **options)
    assert (out == 77).all()


def test_halves_need_an_out_apart() -> None:
    x = np.arange(12, dtype=np.float32).reshape(2, 6)
    for out in (x.reshape(-1)[:6].reshape(2, 3), x.reshape(-1)[3:9].reshape(2, 3)):
        with pytest.raises(
            ValueError, match="`out` must be apart from the memory of `x` where it has half its columns"
        ):
            fastinit.activate(x, "glu", out)
    with pytest.raises(ValueError, match=r"`out` must have shape \(2, 3\)"):
        fastinit.activate(x, "glu", np.zeros((2, 6), np.float32))
    assert np.array_equal(x, np.arange(12).reshape(2, 6))
    gaps = np.zeros((2, 12), np.float32)
    gaps[:, ::2] = x
    spread = gaps.reshape(-1)[::2][:6].reshape(1, 6)
    out = gaps.reshape(-1)[12:15].reshape(1, 3)
    assert_same_bits(fastinit.activate(spread, "glu", out), fastinit.activate(x[:1], "glu"))
