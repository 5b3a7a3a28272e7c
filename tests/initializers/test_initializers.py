"""What every initializer gives: values, blocks, dtypes, and the places where they are put."""

import inspect
import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import fastinit
from fastinit import Key, _kernels

BF16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = [np.dtype("f4"), np.dtype("f8"), np.dtype("f2"), BF16]
SCHEMES = [f"{who}_{law}" for who in ("glorot", "he", "lecun") for law in ("uniform", "normal")]
ALIASES = {
    "xavier_uniform": "glorot_uniform",
    "xavier_normal": "glorot_normal",
    "kaiming_uniform": "he_uniform",
    "kaiming_normal": "he_normal",
}
# Every initializer in each way that it computes: name, then arguments after the shape.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "zeros": ("zeros", {}),
    "ones": ("ones", {}),
    "constant": ("constant", {"value": -1.7}),
    "identity": ("identity", {"gain": 1.3}),
    "dirac": ("dirac", {}),
    "uniform": ("uniform", {"low": -1.0, "high": 3.0}),
    "uniform positive": ("uniform", {"low": 1.0, "high": 1.1}),
    "uniform single": ("uniform", {"low": 0.3, "high": 0.3}),
    "normal": ("normal", {"mean": 0.5, "std": 2.0}),
    "normal zero": ("normal", {"mean": -0.7, "std": 0.0}),
    "truncated": ("truncated_normal", {"std": 0.02}),
    "truncated 1.5": ("truncated_normal", {"mean": 1.0, "std": 0.25, "lower": -1.5, "upper": 1.5}),
    "truncated lopsided": ("truncated_normal", {"std": 1.0, "lower": -0.5, "upper": 2.5}),
    "truncated one-sided": ("truncated_normal", {"std": 1.0, "lower": 0.25, "upper": math.inf}),
    "truncated narrow": ("truncated_normal", {"std": 1.0, "lower": 1.0, "upper": 1.01}),
    "truncated tail": ("truncated_normal", {"std": 1.0, "lower": 5.0, "upper": 8.0}),
    "truncated far": ("truncated_normal", {"std": 0.1, "lower": -40.0, "upper": -39.0}),
    "scaled untruncated": ("variance_scaling", {"mode": "fan_geo_avg", "distribution": "untruncated_normal"}),
    "scaled uniform": ("variance_scaling", {"scale": 3.0, "mode": "fan_out", "distribution": "uniform"}),
    "sparse": ("sparse", {"sparsity": 0.3, "std": 1.0}),
    **{name: (name, {}) for name in SCHEMES},
}
RANDOM = [case for case in CASES if CASES[case][0] not in ("zeros", "ones", "constant", "identity", "dirac")]
RANKS = {"identity": (2, 5), "dirac": (3, 5), "sparse": (2, 2)}


def call(case: str, shape: Any, **keywords: Any) -> np.ndarray:
    name, arguments = CASES[case]
    return fastinit.get(name)(shape, **arguments, **keywords)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Same dtype, shape and bits."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def some_shape(case: str) -> tuple[int, ...]:
    return {"dirac": (3, 9, 13)}.get(CASES[case][0], (37, 13))


@st.composite
def blocks(draw: st.DrawFn, rank: tuple[int, int]) -> tuple[tuple[int, ...], tuple[slice, ...]]:
    """A shape, and a block of it in one of Python's spellings."""
    shape = tuple(draw(st.lists(st.integers(0, 19), min_size=rank[0], max_size=rank[1])))
    index = []
    for size in shape:
        start = draw(st.integers(0, size))
        stop = draw(st.integers(start, size))
        ends: list[int | None] = [start, stop]
        if draw(st.booleans()):
            # Python's negative ends, or None, for the same block
            ends = [start - size if start < size else start, None if stop == size else stop - size]
        index.append(slice(*ends, draw(st.sampled_from([None, 1]))))
    return shape, tuple(index)


# ---- blocks ----


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_a_block_is_that_part_of_the_whole(case: str, dtype: np.dtype) -> None:
    name = CASES[case][0]

    @hypothesis_settings(max_examples=15)
    @given(blocks(RANKS.get(name, (1, 5))), st.integers(0, 2**64 - 1))
    def check(shape_and_index: Any, seed: int) -> None:
        shape, index = shape_and_index
        axes = {"in_axis": (), "out_axis": -1} if name in (*SCHEMES, "variance_scaling") and len(shape) == 1 else {}
        full = call(case, shape, dtype=dtype, seed=seed, **axes)
        part = call(case, shape, dtype=dtype, seed=seed, index=index, **axes)
        assert full.shape == shape
        assert full.dtype == part.dtype == dtype
        assert same(part, np.ascontiguousarray(full[index]).reshape(part.shape))
        assert part.shape == full[index].shape
        assert part.flags.c_contiguous
        assert part.base is None or part.base.nbytes <= part.nbytes + 64  # not of the whole

    check()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_blocks_that_tile_the_whole(case: str, dtype: np.dtype) -> None:
    shape = some_shape(case)
    full = call(case, shape, dtype=dtype, seed=4)
    tiled = np.empty_like(full)
    for rows in (
        (slice(0, 1), slice(1, 2), slice(2, 36), slice(36, 37)) if len(shape) == 2 else (slice(0, 2), slice(2, 3))
    ):
        for columns in (slice(0, 5), slice(5, 13)):
            index = (rows, *(slice(None) for _ in shape[2:]), columns)
            tiled[index] = call(case, shape, dtype=dtype, seed=4, index=index)
    assert same(tiled, full)


@pytest.mark.parametrize("case", CASES)
def test_index_ends_may_be_numpy_ints(case: str) -> None:
    shape = some_shape(case)
    index = tuple(slice(np.int8(1), np.uint64(n - 1), np.int64(1)) for n in shape)
    assert same(call(case, shape, seed=4, index=index), call(case, shape, seed=4)[index].copy())


@pytest.mark.parametrize("case", [*RANDOM, "constant", "zeros"])
def test_a_block_of_a_tensor_too_large_for_memory(case: str) -> None:
    shape = (2**12, 2**36) if CASES[case][0] == "sparse" else (2**30, 2**28)
    index = (slice(shape[0] - 3, shape[0]), slice(shape[1] - 5, shape[1]))
    part = call(case, shape, seed=1, index=index)
    assert part.shape == (3, 5)
    wider = call(case, shape, seed=1, index=(index[0], slice(shape[1] - 9, shape[1])))
    assert same(part, wider[:, 4:].copy())


@pytest.mark.parametrize("name", ["identity", "dirac"])
def test_a_block_costs_no_memory_beyond_itself(name: str) -> None:
    n = 2**22
    shape = (n, n) if name == "identity" else (3, n, n)
    index = (*(slice(1, 2) for _ in shape[2:]), slice(n - 8, n), slice(n - 8, n))
    tracemalloc.start()
    try:
        part = fastinit.get(name)(shape, index=index)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (part.reshape(8, 8) == np.eye(8)).all()
    assert peak < 100_000


# ---- constant ----


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_zeros_ones_and_constant(dtype: np.dtype) -> None:
    for shape in ((), (3,), (2, 3, 4), (0, 2)):
        assert same(fastinit.zeros(shape, dtype=dtype), np.zeros(shape, dtype))
        assert same(fastinit.ones(shape, dtype=dtype), np.ones(shape, dtype))
        assert same(fastinit.constant(shape, 0.1, dtype=dtype), np.full(shape, np.float64(0.1).astype(dtype)))
    assert math.copysign(1, fastinit.zeros(1, dtype=dtype)[0]) == 1
    assert math.copysign(1, fastinit.constant(1, -0.0, dtype=dtype)[0]) == -1


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    "value",
    [
        2,
        np.int8(-3),
        np.float16(1.5),
        [1.0, 2.0, 3.0],
        [[1], [2]],
        np.arange(6).reshape(2, 3),
        np.arange(6.0).reshape(3, 2).T,
        np.arange(3, dtype=">f4"),
        np.arange(3).astype(BF16),
        np.arange(3, dtype=np.uint64),
        np.ones((1, 1, 1)),
    ],
    ids=repr,
)
def test_constant_broadcasts_arrays(value: Any, dtype: np.dtype) -> None:
    shape = (4, 2, 3)
    expected = np.broadcast_to(np.asarray(value), shape).astype(dtype, order="C")
    assert same(fastinit.constant(shape, value, dtype=dtype), expected)
    index = (slice(1, 3), slice(1, 2), slice(0, 2))
    assert same(fastinit.constant(shape, value, dtype=dtype, index=index), expected[index].copy())
    out = np.empty(shape, dtype)
    assert fastinit.constant(shape, value, out=out) is out
    assert same(out, expected)


@pytest.mark.parametrize("value", [2**63, 2**64, -(2**64), 10**30, [2**64, 1.0, 3], [2**64, 1, 3]], ids=repr)
def test_constant_takes_ints_of_any_size(value: Any) -> None:
    expected = np.broadcast_to(np.array(value, np.float64).astype("f4"), 3)
    assert same(fastinit.constant(3, value), expected.copy())


def test_constant_copies_its_value() -> None:
    value = np.arange(3, dtype="f4")
    result = fastinit.constant(3, value)
    value[:] = 9
    assert result.tolist() == [0, 1, 2]


def test_constant_may_be_built_from_its_own_out() -> None:
    out = np.arange(6, dtype="f4")
    assert fastinit.constant(6, out[::-1], out=out) is out
    assert out.tolist() == [5, 4, 3, 2, 1, 0]


# ---- identity ----


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    "shape", [(4, 4), (3, 5), (5, 3), (1, 4), (4, 1), (0, 3), (3, 0), (0, 0), (2, 3, 4), (2, 1, 5, 3)]
)
def test_identity(shape: tuple[int, ...], dtype: np.dtype) -> None:
    for gain in (1.0, -2.5, 0.0):
        expected = np.zeros(shape)
        for lead in np.ndindex(*shape[:-2]):
            for i in range(min(shape[-2:])):
                expected[(*lead, i, i)] = gain
        assert (fastinit.identity(shape, gain, dtype=dtype) == expected).all()
    assert same(
        fastinit.identity(shape, dtype=dtype), np.broadcast_to(np.eye(*shape[-2:]), shape).astype(dtype, order="C")
    )


def test_identity_passes_vectors_through() -> None:
    x = np.random.default_rng(0).normal(size=(7, 3, 5)).astype("f4")
    assert (x @ fastinit.identity((5, 5)) == x).all()
    assert (x @ fastinit.identity((7, 5, 5)) == x).all()
    wide = x @ fastinit.identity((5, 8), gain=2.0)
    assert (wide[..., :5] == 2 * x).all()
    assert (wide[..., 5:] == 0).all()
    assert (x @ fastinit.identity((5, 2)) == x[..., :2]).all()


# ---- dirac ----


def convolve(x: np.ndarray, kernel: np.ndarray, groups: int) -> np.ndarray:
    """The definition of a convolution with 'same' padding: x (*spatial, in), kernel (*taps, in / groups, out).

    Output position p sees the inputs p + t - k // 2 under tap t of k, zeros beyond the edges.
    """
    *taps, inputs, outputs = kernel.shape
    assert x.shape[-1] == inputs * groups
    padded = np.pad(x, [(k // 2, k - 1 - k // 2) for k in taps] + [(0, 0)])
    result = np.zeros((*x.shape[:-1], outputs))
    per_group = outputs // groups
    for at in np.ndindex(*x.shape[:-1]):
        for tap in np.ndindex(*taps):
            seen = padded[tuple(p + t for p, t in zip(at, tap, strict=True))]
            for g in range(groups):
                columns = slice(g * per_group, (g + 1) * per_group)
                result[at][columns] += seen[g * inputs : (g + 1) * inputs] @ kernel[tap][:, columns]
    return result


DIRACS = [
    ((3, 4, 4), 1), ((1, 4, 4), 1), ((4, 4, 4), 1), ((5, 2, 6), 1), ((3, 6, 2), 1), ((3, 3, 3, 3), 1),
    ((2, 3, 2, 4), 1), ((4, 1, 3, 2), 1), ((3, 3, 3, 2, 2), 1), ((2, 3, 4, 2, 3), 1), ((3, 2, 6), 3), ((3, 4, 2), 2),
    ((2, 3, 2, 4), 2),    ((3, 1, 3), 3), ((3, 1, 6), 3), ((3, 3, 1, 1, 4), 2), ((3, 2, 2, 3, 4), 2), ((3, 5, 4), 4),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "groups"), DIRACS)
def test_dirac_passes_channels_through_a_convolution(shape: tuple[int, ...], groups: int) -> None:
    *taps, inputs, outputs = shape
    kernel = fastinit.dirac(shape, groups)
    x = np.random.default_rng(1).integers(1, 100, (*range(4, 4 + len(taps)), inputs * groups)).astype(float)
    y = convolve(x, kernel, groups)
    per_group = outputs // groups
    kept = min(inputs, per_group)
    for g in range(groups):
        out = y[..., g * per_group : (g + 1) * per_group]
        assert (out[..., :kept] == x[..., g * inputs : g * inputs + kept]).all()
        assert (out[..., kept:] == 0).all()
    assert sorted(set(kernel.ravel().tolist())) == [0.0, 1.0]
    assert kernel.sum() == groups * kept


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("shape", "groups"), DIRACS)
def test_blocks_of_grouped_diracs(shape: tuple[int, ...], groups: int, dtype: np.dtype) -> None:
    full = fastinit.dirac(shape, groups, dtype=dtype)
    rng = np.random.default_rng(2)
    for _ in range(12):
        index = tuple(slice(*sorted(rng.integers(0, n + 1, 2).tolist())) for n in shape)
        assert same(fastinit.dirac(shape, groups, dtype=dtype, index=index), full[index].copy())


def test_dirac_by_hand() -> None:
    kernel = fastinit.dirac((4, 2, 4), groups=2)
    assert kernel[2].tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]  # tap 4 // 2 of an even kernel, as PyTorch
    assert (kernel[[0, 1, 3]] == 0).all()


@pytest.mark.parametrize("shape", [(0, 3, 3), (3, 0, 3), (3, 3, 0), (0, 3, 2, 2), (3, 0, 2, 2)])
def test_dirac_of_nothing(shape: tuple[int, ...]) -> None:
    for groups in (1, 2):
        if shape[-1] % groups == 0:
            assert same(fastinit.dirac(shape, groups), np.zeros(shape, "f4"))


# ---- sparse ----


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.9, 0.999, 1.0, 1, 0])
@pytest.mark.parametrize("shape", [(50, 20), (1, 7), (7, 1), (33, 65)])
def test_sparse_zeros_the_smallest_words_of_every_column(
    shape: tuple[int, int], sparsity: float, dtype: np.dtype
) -> None:
    key = Key(77)
    matrix = fastinit.sparse(shape, sparsity, 0.5, seed=key, dtype=dtype)
    mask_key = key.child("sparse.mask")
    words = np.empty(shape, np.uint32)
    _kernels.fill(_kernels.Law.words(), words, mask_key.key, mask_key.stream, shape)
    count = shape[0] if sparsity == 1 else min(math.ceil(sparsity * shape[0]), shape[0] - 1)
    expected = fastinit.normal(shape, 0.0, 0.5, seed=key, dtype=dtype)
    assert (expected != 0).all()
    for column in range(shape[1]):
        ranked = sorted((int(words[row, column]), row) for row in range(shape[0]))
        for _, row in ranked[:count]:
            expected[row, column] = 0
    assert same(matrix, expected)
    assert ((matrix == 0).sum(axis=0) == count).all()


def test_sparse_breaks_ties_by_row() -> None:
    # With 2^17 rows, two words of a column agree by the birthday rule: 2^34 / 2^33 = 2 pairs are expected.
    shape, key = (2**17, 4), Key(0)
    mask_key = key.child("sparse.mask")
    words = np.empty(shape, np.uint32)
    _kernels.fill(_kernels.Law.words(), words, mask_key.key, mask_key.stream, shape)
    found = 0
    for column in range(4):
        order = np.lexsort((np.arange(shape[0]), words[:, column]))
        ranked = words[order, column]
        for tie in np.flatnonzero(ranked[1:] == ranked[:-1])[:1]:
            matrix = fastinit.sparse(
                shape, (tie + 1) / shape[0], seed=key, index=(slice(None), slice(column, column + 1))
            )
            assert np.array_equal(np.flatnonzero(matrix[:, 0] == 0), np.sort(order[: tie + 1]))
            found += 1
    assert found


def test_sparse_columns_are_independent_and_rows_equally_likely() -> None:
    zero = fastinit.sparse((20, 40_000), 0.25, seed=5) == 0
    share = zero.mean(axis=1)
    assert abs(share - 0.25).max() < 5 * math.sqrt(0.25 * 0.75 / 40_000)
    both = (zero[0] & zero[1]).mean()
    assert abs(both - 5 * 4 / (20 * 19)) < 5 * math.sqrt(0.05 / 40_000)
    assert abs((zero[:, 1:] & zero[:, :-1]).mean() - 0.0625) < 5 * math.sqrt(0.06 / 800_000)


def test_the_mask_of_a_generator_and_of_fresh_entropy_has_the_exact_count() -> None:
    for seed in (None, np.random.default_rng(0)):
        matrix = fastinit.sparse((30, 30), 0.5, seed=seed)
        assert ((matrix == 0).sum(axis=0) == 15).all()


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0)])
def test_sparse_of_nothing(shape: tuple[int, int]) -> None:
    assert fastinit.sparse(shape, 0.5, seed=0).shape == shape


# ---- dtypes ----


def grid(dtype: np.dtype) -> np.ndarray:
    """Every finite value of a 16-bit dtype, in order."""
    bits = np.arange(2**16, dtype=np.uint16)
    infinity = np.array(np.inf, dtype).view(np.uint16)
    return np.unique(bits[bits & 0x7FFF < infinity].view(dtype).astype(np.float64))


GRIDS = {dtype: grid(dtype) for dtype in DTYPES[2:]}


def bounds(case: str, shape: tuple[int, int]) -> tuple[float, float, bool]:
    """The interval that a case draws from, and whether it is open above."""
    name, a = CASES[case]
    if name == "uniform":
        return a["low"], a["high"], a["low"] < a["high"]
    if name == "truncated_normal":
        mean, std = a.get("mean", 0.0), a["std"]
        return mean + std * a.get("lower", -2.0), mean + std * a.get("upper", 2.0), False
    scale = a.get("scale", 2.0 if name.startswith("he") else 1.0)
    mode = a.get("mode", "fan_avg" if name.startswith("glorot") else "fan_in")
    fan = {"fan_in": shape[0], "fan_out": shape[1], "fan_avg": sum(shape) / 2}.get(mode, 0)
    if name.endswith("uniform") or a.get("distribution") == "uniform":
        edge = math.sqrt(3 * scale / fan)
    elif name.endswith("_normal"):
        edge = 2 * math.sqrt(scale / fan) / 0.87962566103423978
    else:
        edge = math.inf
    return -edge, edge, False


@pytest.mark.parametrize("dtype", DTYPES[2:], ids=str)
@pytest.mark.parametrize("case", RANDOM)
def test_16_bit_values_are_the_float32_values_rounded_and_held_inside(case: str, dtype: np.dtype) -> None:
    shape = (600, 500)
    wide = call(case, shape, seed=8)
    values = call(case, shape, seed=8, dtype=dtype)
    expected = wide.astype(dtype)  # to nearest even
    low, high, is_open = bounds(case, shape)
    points = GRIDS[dtype]
    first = np.searchsorted(points, low, "left")
    last = np.searchsorted(points, high, "left" if is_open else "right") - 1
    if first <= last:
        lowest, highest = points[first].astype(dtype), points[last].astype(dtype)
        expected = np.where(expected < lowest, lowest, np.where(expected > highest, highest, expected))
        assert (values.astype("f8") >= low).all()
        assert (values.astype("f8") <= high).all()
        assert not (is_open and (values.astype("f8") == high).any())
    assert same(values, expected)


@pytest.mark.parametrize("dtype", DTYPES[2:], ids=str)
def test_16_bit_ties_go_to_even(dtype: np.dtype) -> None:
    # Multiples of a quarter of the spacing in [1, 2): every other one is a tie or needs rounding down or up.
    step = float(np.spacing(np.float16(1))) if dtype == np.float16 else 2.0**-7
    for k in range(64):
        exact = 1 + k * step / 4
        below, above = math.floor(k / 4), math.ceil(k / 4)
        nearest = below if k % 4 < 2 else above if k % 4 > 2 else below + below % 2
        value = fastinit.uniform(1, exact, exact, dtype=dtype, seed=0)[0]
        assert float(value) == 1 + nearest * step
        assert float(fastinit.normal(1, exact, 0.0, dtype=dtype, seed=0)[0]) == 1 + nearest * step


@pytest.mark.parametrize("case", RANDOM)
def test_float64_is_drawn_from_two_words_an_element(case: str) -> None:
    # The same distribution as float32's: their means agree, but not their values.
    shape = (300, 200)
    narrow, wide = call(case, shape, seed=8), call(case, shape, seed=8, dtype="f8")
    assert wide.dtype == np.float64
    spread = max(float(narrow.std(dtype="f8")), 1e-12)
    # 1e-7: one single value, 0.3, in two precisions
    assert abs(narrow.mean(dtype="f8") - wide.mean()) < 6 * spread * math.sqrt(2 / wide.size) + 1e-7
    if spread > 1e-6 and "sparse" not in case:
        assert np.count_nonzero(narrow == wide.astype("f4")) < 20
        assert len(np.unique(wide)) > 0.999 * wide.size
        assert not same(wide, narrow.astype("f8"))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_the_dtype_is_that_of_out_by_default(case: str, dtype: np.dtype) -> None:
    shape = some_shape(case)
    out = np.empty(shape, dtype)
    assert call(case, shape, seed=3, out=out) is out
    assert same(out, call(case, shape, seed=3, dtype=dtype))
    assert call(case, shape, seed=3).dtype == np.float32


# ---- out ----


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_out_is_filled_and_returned(case: str, dtype: np.dtype) -> None:
    shape = some_shape(case)
    fresh = call(case, shape, seed=3, dtype=dtype)
    # Inside of a longer array, whose ends stay as they are.
    storage = np.full(fresh.size + 14, 7, dtype)
    out = storage[7:-7].reshape(shape)
    assert call(case, shape, seed=3, dtype=dtype, out=out) is out
    assert same(out, fresh)
    assert (storage[:7] == 7).all()
    assert (storage[-7:] == 7).all()

    index = tuple(slice(1, n - 1) for n in shape)
    part = np.full(tuple(n - 2 for n in shape), 7, dtype)
    assert call(case, shape, seed=3, dtype=dtype, out=part, index=index) is part
    assert same(part, fresh[index].copy())


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize("case", ["zeros", "constant", "identity", "he_normal", "uniform", "sparse", "truncated tail"])
def test_a_memmap_is_an_out(case: str, dtype: str, tmp_path: Path) -> None:
    shape, path = some_shape(case), tmp_path / "weights.bin"
    out = np.memmap(path, dtype, "w+", offset=64, shape=shape)
    assert call(case, shape, seed=3, out=out) is out
    out.flush()
    del out
    assert path.read_bytes()[64:] == call(case, shape, seed=3, dtype=dtype).tobytes()


def test_a_memmap_of_bfloat16_is_an_out(tmp_path: Path) -> None:
    out = np.memmap(tmp_path / "weights.bin", np.uint16, "w+", shape=(37, 13)).view(BF16)
    assert fastinit.he_normal((37, 13), seed=3, out=out) is out
    out.flush()
    expected = fastinit.he_normal((37, 13), seed=3, dtype="bfloat16").tobytes()
    assert (tmp_path / "weights.bin").read_bytes() == expected


def test_a_read_only_memmap_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    np.arange(12, dtype="f4").tofile(path)
    with pytest.raises(ValueError, match="`out` must be writable"):
        fastinit.normal(12, out=np.memmap(path, "f4", "r"))
    assert path.read_bytes() == np.arange(12, dtype="f4").tobytes()


def test_one_out_again_and_again() -> None:
    out = np.empty(100, "f4")
    draws = [fastinit.normal(100, seed=seed, out=out).tobytes() for seed in (1, 2, 1)]
    assert draws[0] == draws[2] != draws[1]


# ---- shapes ----


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_zero_size_shapes(case: str, dtype: np.dtype) -> None:
    least, most = RANKS.get(CASES[case][0], (1, 5))
    for ndim in range(least, most + 1):
        for axis in range(ndim):
            shape = tuple(0 if i == axis else 4 for i in range(ndim))
            array = call(case, shape, seed=0, dtype=dtype)
            assert array.shape == shape
            assert array.dtype == dtype
            out = np.empty(shape, dtype)
            assert call(case, shape, seed=0, out=out) is out
            assert call(case, shape, seed=0, index=(slice(None),) * ndim).shape == shape


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", [case for case in CASES if CASES[case][0] not in RANKS])
def test_scalars_and_ints_as_shapes(case: str, dtype: np.dtype) -> None:
    scalar = call(case, (), seed=6, dtype=dtype)
    assert isinstance(scalar, np.ndarray)
    assert scalar.shape == ()
    out = np.empty((), dtype)
    assert call(case, [], seed=6, out=out) is out
    assert same(out, scalar)
    assert same(call(case, (), seed=6, dtype=dtype, index=()), scalar)
    # A scalar's fans are 1 and 1, as those of one element.
    assert scalar.tobytes() == call(case, 1, seed=6, dtype=dtype).tobytes()

    expected = call(case, (9,), seed=6, dtype=dtype)
    for shape in (9, np.int16(9), np.uint64(9), [9], np.array([9]), (np.int32(9),), range(9, 10)):
        assert same(call(case, shape, seed=6, dtype=dtype), expected)


@pytest.mark.parametrize(
    "case", [case for case in CASES if CASES[case][0] not in (*RANKS, *SCHEMES, "variance_scaling")]
)
def test_a_reshaped_tensor_has_the_same_elements(case: str) -> None:
    flat = call(case, 720, seed=2)
    for shape in ((720, 1), (8, 90), (2, 3, 4, 5, 6), (1,) * 31 + (720,)):
        assert same(call(case, shape, seed=2).ravel(), flat)


@pytest.mark.parametrize(
    "case", [case for case in RANDOM if CASES[case][0] in ("uniform", "normal", "truncated_normal")]
)
def test_a_longer_tensor_begins_with_the_shorter_one(case: str) -> None:
    longest = call(case, 3000, seed=2)
    for n in (1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 63, 65, 255, 256, 257, 1023, 1025, 2049):
        assert same(call(case, n, seed=2), longest[:n].copy())


# ---- calls ----


@pytest.mark.parametrize("case", RANDOM)
def test_a_seed_repeats_and_others_differ(case: str) -> None:
    shape = (37, 13)
    assert same(call(case, shape, seed=1), call(case, shape, seed=1))
    if case in ("uniform single", "normal zero"):
        assert len(np.unique(call(case, shape, seed=1))) == 1
    else:
        seeds = [1, 2, Key(1).child("a"), None, None, np.random.default_rng(0)]
        assert len({call(case, shape, seed=seed).tobytes() for seed in seeds}) == len(seeds)


@pytest.mark.parametrize("case", [case for case in CASES if case not in RANDOM])
def test_initializers_without_randomness_ignore_the_seed(case: str) -> None:
    shape = some_shape(case)
    assert same(call(case, shape, seed=1), call(case, shape))
    assert same(call(case, shape, seed=2), call(case, shape))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_threads_never_change_values(case: str, dtype: np.dtype) -> None:
    shape = (260, 257) if CASES[case][0] != "dirac" else (3, 150, 151)
    index = tuple(slice(1, n - 1) for n in shape)
    alone = call(case, shape, seed=9, dtype=dtype, threads=1)
    for threads in (None, 2, np.int64(3), 64):
        assert same(call(case, shape, seed=9, dtype=dtype, threads=threads), alone)
        assert same(call(case, shape, seed=9, dtype=dtype, threads=threads, index=index), alone[index].copy())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", RANDOM)
def test_instruction_sets_never_change_values(case: str, dtype: np.dtype, isa: str) -> None:
    before = _kernels.current_isa()
    assert before == isa
    values = call(case, (101, 23), seed=9, dtype=dtype)
    _kernels.use_isa("scalar")
    assert same(values, call(case, (101, 23), seed=9, dtype=dtype))


def test_get_finds_every_initializer_by_name() -> None:
    names = {name for name, _ in CASES.values()} | {"variance_scaling", *ALIASES}
    for name in names:
        assert fastinit.get(name) is getattr(fastinit, name)
        assert name in fastinit.__all__
    others = {"Key", "__version__", "available_isas", "fans", "get", "info", "isa"}
    assert set(fastinit.__all__) >= names | others
    for name in fastinit.__all__:
        assert hasattr(fastinit, name)


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases(alias: str) -> None:
    function, other = getattr(fastinit, alias), getattr(fastinit, ALIASES[alias])
    assert fastinit.get(alias) is function
    assert function.__name__ == alias
    assert inspect.signature(function) == inspect.signature(other)
    assert (function((3, 4), dtype="float64", seed=7) == other((3, 4), dtype="float64", seed=7)).all()
    with pytest.raises(TypeError, match=rf"^{alias}\(\) "):
        function()


POSITIONAL: list[tuple[Callable[[], np.ndarray], Callable[[], np.ndarray]]] = [
    (lambda: fastinit.constant(3, 2.0), lambda: fastinit.constant(shape=3, value=2.0)),
    (lambda: fastinit.identity((3, 3), 2.0), lambda: fastinit.identity((3, 3), gain=2.0)),
    (lambda: fastinit.dirac((3, 2, 4), 2), lambda: fastinit.dirac((3, 2, 4), groups=2)),
    (lambda: fastinit.uniform(9, seed=0), lambda: fastinit.uniform(9, -0.05, 0.05, seed=0)),
    (lambda: fastinit.uniform(9, 1.0, 2.0, seed=0), lambda: fastinit.uniform(9, low=1.0, high=2.0, seed=0)),
    (lambda: fastinit.normal(9, seed=0), lambda: fastinit.normal(9, 0.0, 0.05, seed=0)),
    (lambda: fastinit.normal(9, 1.0, 2.0, seed=0), lambda: fastinit.normal(9, mean=1.0, std=2.0, seed=0)),
    (
        lambda: fastinit.truncated_normal(9, seed=0),
        lambda: fastinit.truncated_normal(9, mean=0.0, std=0.05, lower=-2.0, upper=2.0, seed=0),
    ),
    (
        lambda: fastinit.truncated_normal(9, 1.0, 2.0, -1.0, 3.0, seed=0),
        lambda: fastinit.truncated_normal(9, mean=1.0, std=2.0, lower=-1.0, upper=3.0, seed=0),
    ),
    (
        lambda: fastinit.variance_scaling((9, 8), seed=0),
        lambda: fastinit.variance_scaling(
            (9, 8), 1.0, "fan_in", "truncated_normal", in_axis=-2, out_axis=-1, batch_axis=(), seed=0
        ),
    ),
    (lambda: fastinit.sparse((9, 8), 0.5, seed=0), lambda: fastinit.sparse((9, 8), sparsity=0.5, std=0.01, seed=0)),
]


@pytest.mark.parametrize(("short", "long"), POSITIONAL)
def test_defaults_and_the_order_of_arguments(short: Callable[[], np.ndarray], long: Callable[[], np.ndarray]) -> None:
    assert same(short(), long())


def test_an_untruncated_normal_is_a_normal() -> None:
    expected = fastinit.normal(999, 0.5, 2.0, seed=1)
    assert same(fastinit.truncated_normal(999, 0.5, 2.0, -math.inf, math.inf, seed=1), expected)


def test_mirrored_bounds_mirror_a_symmetric_draw() -> None:
    values = fastinit.truncated_normal(99_999, 0.0, 1.0, seed=1)
    assert same(fastinit.truncated_normal(99_999, 0.0, 3.0, seed=1), np.float32(3) * values)
    assert abs(values).max() <= 2


@pytest.mark.parametrize("case", CASES)
def test_docstrings_name_every_argument(case: str) -> None:
    function = fastinit.get(CASES[case][0])
    assert function.__doc__
    assert "{" not in function.__doc__.replace('{"', "")
    for argument in ("shape", "dtype, seed, out, index, threads"):
        assert argument in function.__doc__
