"""The stream to the bit: Philox's published answers, and every kernel against the oracle."""

import functools
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastinit import _kernels, _reference

INFINITE = math.inf
KEY, STREAM = 0x0123456789ABCDEF, 0xFEDCBA9876543210

# Every dtype with the unsigned integers that its bits are compared as.
DTYPES: dict[str, Any] = {"float32": np.uint32, "float64": np.uint64, "float16": np.uint16, "bfloat16": np.uint16}

# Name: constructor and its arguments after the dtype.
LAWS: dict[str, tuple[Any, ...]] = {
    "uniform": ("uniform", -0.05, 0.05),
    "uniform off centre": ("uniform", 3.0, 3.7),
    "uniform from zero": ("uniform", 0.0, 1.0),
    "uniform point": ("uniform", 0.3, 0.3),
    "uniform subnormal": ("uniform", -1e-41, 3e-41),
    "symmetric uniform": ("symmetric_uniform", 0.3),
    "symmetric uniform tiny": ("symmetric_uniform", 1e-30),
    "symmetric uniform of zero": ("symmetric_uniform", 0.0),
    "normal": ("normal", 0.0, 1.0, -INFINITE, INFINITE),
    "normal with mean": ("normal", 0.75, 0.02, -INFINITE, INFINITE),
    "normal tiny": ("normal", 0.0, 1e-30, -INFINITE, INFINITE),
    "normal subnormal": ("normal", 0.0, 1e-39, -INFINITE, INFINITE),
    "normal of one value": ("normal", -0.4, 0.0, -INFINITE, INFINITE),
    "normal huge": ("normal", 0.0, 1e30, -INFINITE, INFINITE),
    "truncated": ("normal", 0.0, 0.05, -2.0, 2.0),
    "truncated with mean": ("normal", 1.0, 1e-3, -2.0, 2.0),
    "truncated tiny": ("normal", 0.0, 1e-30, -2.0, 2.0),
    "truncated huge": ("normal", 0.0, 1e30, -2.0, 2.0),
    "truncated close": ("normal", 0.0, 1.0, -0.5, 0.5),
    "truncated closer": ("normal", 0.0, 1.0, -1e-8, 1e-8),
    "truncated to a uniform": ("normal", 0.1, 1.0, -1e-12, 1e-12),
    "asymmetric": ("normal", 0.0, 1.0, -1.0, 3.0),
    "asymmetric with mean": ("normal", -2.0, 0.3, -1.0, 3.0),
    "asymmetric positive": ("normal", 0.0, 1.0, 0.2, 1.7),
    "half normal": ("normal", 0.0, 1.0, 0.0, INFINITE),
    "half normal below": ("normal", 0.0, 0.3, -INFINITE, 0.0),
    "one bound": ("normal", 0.0, 1.0, -INFINITE, 1.0),
    "narrow": ("normal", 0.0, 1.0, 1.0, 1.0 + 1e-6),
    "narrow around zero": ("normal", 0.0, 1.0, -0.01, 0.02),
    "narrow with mean": ("normal", 0.5, 3.0, -1.2, -1.1),
    "narrow far out": ("normal", 0.0, 1.0, 100.0, 100.002),
    "tail": ("normal", 0.0, 1.0, 5.0, 8.0),
    "tail far": ("normal", 0.0, 1.0, 30.0, 31.0),
    "tail below": ("normal", 0.0, 1.0, -40.0, -39.0),
    "tail near": ("normal", 0.0, 1.0, 1.9, 2.2),
    "tail open": ("normal", 0.0, 1.0, 5.0, INFINITE),
    "tail open with mean": ("normal", -3.0, 0.1, -INFINITE, -6.0),
    "tail beyond reach": ("normal", 0.0, 1e-9, 2.0**31, INFINITE),
    "point": ("normal", 0.5, 2.0, 0.3, 0.3),
}
ALL = [(law, dtype) for law in LAWS for dtype in DTYPES if not (law.endswith("huge") and dtype == "float16")]
# What float32 could not hold: here the oracle's fma computes with fractions.
WIDE_LAWS = {
    "normal, std 1e300": ("normal", 0.0, 1e300, -INFINITE, INFINITE),
    "truncated, std 1e-305": ("normal", 0.0, 1e-305, -2.0, 2.0),
    "uniform, 1e-310": ("uniform", -1e-310, 1e-310),
}
LAWS |= WIDE_LAWS
ALL += [(law, "float64") for law in WIDE_LAWS]
# One law per method is enough where the way to the elements is tested, not the map.
ONE_PER_METHOD = [(law, d) for law in ("uniform", "truncated", "asymmetric", "narrow", "tail") for d in DTYPES]

METHODS = {
    "uniform": "uniform",
    "normal": "symmetric",
    "truncated": "symmetric",
    "truncated to a uniform": "uniform",
    "asymmetric": "asymmetric",
    "half normal": "asymmetric",
    "narrow": "narrow",
    "narrow around zero": "narrow",
    "tail": "tail",
    "tail below": "tail",
    "tail beyond reach": "uniform",
    "point": "uniform",
}


@functools.cache
def oracle(law: str, dtype: str) -> _reference.Plan:
    maker, *arguments = LAWS[law]
    return getattr(_reference, maker)(dtype, *arguments)


def plan(law: str, dtype: str) -> _kernels.Plan:
    # Not cached: the constants are fitted with the kernels of the instruction set in use.
    maker, *arguments = LAWS[law]
    return getattr(_kernels.Plan, maker)(getattr(_kernels, dtype.upper()), *arguments)


@functools.cache
def oracle_bits(law: str, dtype: str, count: int) -> np.ndarray:
    return oracle(law, dtype).elements(KEY, STREAM, 0, count).view(DTYPES[dtype])


def filled(of: _kernels.Plan, unsigned: Any, shape: tuple[int, ...], block: Any, key: int = KEY) -> np.ndarray:
    """The block by the kernels, as raw bits; beyond it not a byte may change."""
    extent = tuple(stop - start for start, stop in block)
    count = math.prod(extent)
    guarded = np.full(count + 16, 0xA5A5, unsigned)
    _kernels.fill(of, guarded[8 : 8 + count], key, STREAM, shape, block)
    assert np.all(guarded[:8] == 0xA5A5)
    assert np.all(guarded[8 + count :] == 0xA5A5)
    return guarded[8 : 8 + count].reshape(extent)


# ---- words ----


def known_answers() -> list[tuple[list[int], list[int], list[int]]]:
    lines = (Path(__file__).parent / "data" / "philox4x32_kat.txt").read_text().splitlines()
    rows = [[int(word, 16) for word in line.split()] for line in lines if line and not line.startswith("#")]
    assert len(rows) == 3
    return [(row[:4], row[4:6], row[6:]) for row in rows]


@pytest.mark.parametrize(("counter", "key", "answer"), known_answers())
def test_oracle_gives_the_published_answers(counter: list[int], key: list[int], answer: list[int]) -> None:
    assert [int(word) for word in _reference.philox4x32(counter, key)] == answer


def test_kernels_give_the_published_answer(isa: str) -> None:
    """The two other counters are blocks near 2^64, beyond every tensor (word numbers are below 2^63): those
    only the oracle can be asked for, and it vouches for the kernels below."""
    counter, key, answer = known_answers()[0]
    assert counter == [0] * 4
    assert key == [0] * 2
    words = np.empty(4, np.uint32)
    _kernels.fill(_kernels.Plan.words(), words, 0, 0, (4,))
    assert words.tolist() == answer


def test_published_keys_and_streams_at_reachable_blocks(isa: str) -> None:
    for counter, key, _ in known_answers():
        key64, stream64 = key[1] << 32 | key[0], counter[3] << 32 | counter[2]
        for first in (0, 2**34 - 70, 2**60 + 4 * (counter[0] >> 1) + 1):  # across the carry of the block number
            words = np.empty(300, np.uint32)
            _kernels.fill(_kernels.Plan.words(), words, key64, stream64, (2**61,), ((first, first + 300),))
            assert np.array_equal(words, _reference.philox_words(key64, stream64, first, 300))


def test_oracle_words_do_not_depend_on_the_start() -> None:
    whole = _reference.philox_words(KEY, STREAM, 2**64 - 100, 100)
    for first in range(10):
        assert np.array_equal(_reference.philox_words(KEY, STREAM, 2**64 - 100 + first, 90), whole[first : first + 90])
    key, stream = (KEY & 0xFFFFFFFF, KEY >> 32), (STREAM & 0xFFFFFFFF, STREAM >> 32)
    last = _reference.philox4x32((0xFFFFFFFF, 0x3FFFFFFF, *stream), key)
    assert whole[-4:].tolist() == [int(word) for word in last]


# ---- values ----


@pytest.mark.parametrize("law", METHODS)
def test_laws_take_the_methods_they_are_listed_for(law: str) -> None:
    assert {oracle(law, dtype).method for dtype in DTYPES} == {METHODS[law]}


FIRSTS = (0, 1, 2, 3, 5, 127)
COUNTS = (*range(10), 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1000)


@pytest.mark.parametrize(("law", "dtype"), ALL)
def test_runs_around_every_boundary(isa: str, law: str, dtype: str) -> None:
    expected, of = oracle_bits(law, dtype, 127 + 1000), plan(law, dtype)
    for first, count in itertools.product(FIRSTS, COUNTS):
        found = filled(of, DTYPES[dtype], (2000,), ((first, first + count),))
        assert np.array_equal(found, expected[first : first + count]), (first, count)


@pytest.mark.parametrize(("law", "dtype"), ALL)
def test_elements_beyond_2_to_the_33(isa: str, law: str, dtype: str) -> None:
    # The block number of a float32 passes 2^32 at element 2^34, that of a float64 at 2^33.
    shape = (3, 2**33)
    block = ((1, 3), (2**33 - 150, 2**33))
    expected = _reference.block(oracle(law, dtype), KEY, STREAM, shape, block).view(DTYPES[dtype])
    assert np.array_equal(filled(plan(law, dtype), DTYPES[dtype], shape, block), expected)
    far = 2**60 - 77 if dtype == "float64" else 2**61 - 77
    expected = oracle(law, dtype).elements(KEY, STREAM, far, 77).view(DTYPES[dtype])
    assert np.array_equal(filled(plan(law, dtype), DTYPES[dtype], (far + 77,), ((far, far + 77),)), expected)


BLOCKS: list[tuple[tuple[int, ...], tuple[tuple[int, int], ...]]] = [
    ((), ()),
    ((0,), ((0, 0),)),
    ((300,), ((7, 7),)),
    ((300,), ((0, 300),)),
    ((9, 31), ((0, 9), (0, 31))),
    ((9, 31), ((2, 8), (0, 31))),
    ((9, 31), ((0, 9), (3, 30))),
    ((9, 31), ((4, 4), (0, 31))),
    ((40, 1), ((3, 39), (0, 1))),
    ((5, 7, 11), ((1, 4), (0, 7), (0, 11))),
    ((5, 7, 11), ((0, 5), (2, 5), (0, 11))),
    ((5, 7, 11), ((1, 5), (2, 5), (5, 6))),
    ((5, 1, 11), ((1, 5), (0, 1), (0, 11))),
    ((3, 4, 5, 6), ((0, 3), (1, 3), (0, 5), (0, 6))),
    ((3, 4, 5, 6), ((1, 3), (0, 4), (1, 5), (1, 6))),
    ((2, 3, 2, 3, 70), ((0, 2), (1, 3), (0, 2), (1, 2), (0, 70))),
    ((2, 3, 2, 3, 70), ((1, 2), (0, 3), (0, 2), (0, 3), (1, 69))),
    ((2**20, 3, 2**20, 2), ((2**20 - 2, 2**20), (0, 2), (2**20 - 9, 2**20), (0, 2))),
    ((2**11, 2**10, 2**9, 2**8, 2**7), ((5, 7), (2**10 - 1, 2**10), (3, 5), (2**8 - 1, 2**8), (1, 2**7))),
]


@pytest.mark.parametrize(("law", "dtype"), ONE_PER_METHOD)
def test_blocks_of_any_shape(isa: str, law: str, dtype: str) -> None:
    for shape, block in BLOCKS:
        expected = _reference.block(oracle(law, dtype), KEY, STREAM, shape, block).view(DTYPES[dtype])
        assert np.array_equal(filled(plan(law, dtype), DTYPES[dtype], shape, block), expected), (shape, block)


def test_oracle_blocks_are_slices_of_the_whole() -> None:
    for dtype in DTYPES:
        for shape, block in BLOCKS:
            if math.prod(shape) > 10_000:
                continue
            whole = oracle("uniform", dtype).elements(KEY, STREAM, 0, math.prod(shape)).reshape(shape)
            found = _reference.block(oracle("uniform", dtype), KEY, STREAM, shape, block)
            assert np.array_equal(found, whole[tuple(slice(*ends) for ends in block)])


# ---- the edges of the maps ----


def around(points: np.ndarray, limit: int) -> list[int]:
    """Integers at and around these fractions of the limit, near enough for float64 and as far as float32 needs."""
    steps = [0, *(sign * 2**j for j in range(11) for sign in (1, -1))]
    whole = [int(point * limit) for point in points if 0.0 <= point <= 1.0]
    found = {point + step for point in whole for step in steps}
    return sorted(x for x in found if 0 <= x < limit)


def fractions_at_table_edges(of: _reference.Plan) -> np.ndarray:
    """The fractions p of the interval's mass where a look-up goes from one table row to the next."""
    halves = np.concatenate([2.0 ** np.arange(-55, 2), 1.5 * 2.0 ** np.arange(-55, 1)])  # of 2 q, or 2 s
    scale = 1.0 if of.dtype == "float64" else 2.0**31
    edges = [halves / 2]  # the plain normal's, for every method: 2 (1 - p)
    with np.errstate(all="ignore"):
        if of.method == "symmetric":
            edges.append((halves - of.q_offset) / (of.q_scale * scale))
        if of.method == "asymmetric":
            edges.append((halves - of.lo_offset) / (of.lo_scale * scale))
            edges.append((halves - of.hi_offset) / (of.hi_scale * scale))
        if of.method == "tail":
            log_halves = np.concatenate([2.0 ** np.arange(-1, 30), 1.5 * 2.0 ** np.arange(-1, 30)])
            edges.append((halves / 2 - of.tail_rest) / of.tail_mass)
            edges.append((np.exp(of.tail_log - log_halves) - of.tail_rest) / of.tail_mass)
    found = np.concatenate(edges)
    return np.concatenate([found, 1.0 - found])


def edge_words(of: _reference.Plan) -> np.ndarray:
    """Words, in pairs for float64, at the ends and on both sides of every change of a table row."""
    p = fractions_at_table_edges(of)
    if of.dtype == "float64":
        ends = [0, 1, 2, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1, 2**32, 2**51 - 1, 2**51, 2**52 - 2, 2**52 - 1]
        low = {m | top << 52 for m in {*ends, *around(p, 2**52)} for top in (0, 0x7FF, 0x800, 0xFFF)}
        words = np.array(sorted(low), np.uint64).view(np.uint32)
    else:
        ends = [0, 1, 2, 2**31 - 2, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1]
        halves = around(p, 2**31)
        both = {*ends, *around(p, 2**32), *halves, *(2**31 + m for m in halves)}
        words = np.array(sorted(both), np.uint32)
    return np.concatenate([words, np.zeros(-len(words) % 256, np.uint32)])


@functools.cache
def edge_case(law: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    words = edge_words(oracle(law, dtype))
    return words, oracle(law, dtype).map_words(words).view(DTYPES[dtype])


def mapped(of: _kernels.Plan, unsigned: Any, words: np.ndarray) -> np.ndarray:
    out = np.empty(len(words) // (2 if unsigned is np.uint64 else 1), unsigned)
    _kernels.map_words(of, words, out.view(np.uint8))
    return out


@pytest.mark.parametrize(("law", "dtype"), ALL)
def test_edge_words(isa: str, law: str, dtype: str) -> None:
    words, expected = edge_case(law, dtype)
    found = mapped(plan(law, dtype), DTYPES[dtype], words)
    wrong = np.flatnonzero(found != expected)
    assert wrong.size == 0, (wrong[:5], found[wrong[:5]], expected[wrong[:5]])


def test_edge_words_reach_both_sides_of_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbouring words among the edge words lie in neighbouring rows: no row's edge was missed."""
    rows: list[np.ndarray] = []
    polynomial = _reference._polynomial
    monkeypatch.setattr(_reference, "_polynomial", lambda f, t, row, x: rows.append(row) or polynomial(f, t, row, x))
    for law, least in (("normal", 32), ("truncated", 5), ("asymmetric", 4)):
        of = oracle(law, "float32")
        words = edge_words(of)
        rows.clear()
        of.map_words(words)
        assert len(np.unique(rows[0])) >= least
        order = np.argsort(words, kind="stable")
        jumps = np.flatnonzero(np.diff(rows[0][order]))
        signs = words[order] >> 31
        inside = jumps[signs[jumps] == signs[jumps + 1]]
        gaps = words[order][inside + 1].astype(np.int64) - words[order][inside].astype(np.int64)
        # A float32 of 31 bits keeps 24, so beyond 2^24 the row changes within 2^7 words of the last.
        assert gaps.max() <= 2**10
        assert np.all(np.abs(np.diff(rows[0][order])[inside]) == 1)


def random_bounds(rng: np.random.Generator) -> tuple[float, float]:
    """Bounds of every kind and scale; the oracle fits the same constants to them or the bits differ."""
    a = rng.normal() * 10.0 ** rng.uniform(-10.0, 1.5)
    others = [
        -a,
        INFINITE,
        -INFINITE,
        a + 10.0 ** rng.uniform(-9.0, 1.0),
        rng.normal() * 10.0 ** rng.uniform(-3.0, 1.4),
    ]
    b = others[rng.integers(len(others))]
    return min(a, b), max(a, b)


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_bounds(isa: str, dtype: str) -> None:
    rng = np.random.default_rng(20240607)
    ends = np.array([0, 1, 2**31 - 1, 2**31, 2**32 - 1], np.uint32)
    code = getattr(_kernels, dtype.upper())
    for _ in range(250):
        lower, upper = random_bounds(rng)
        mean, std = float(rng.choice([0.0, rng.normal()])), 10.0 ** rng.uniform(-30.0, 1.0)
        words = rng.integers(0, 2**32, 256, dtype=np.uint32)
        words[:25] = np.stack(np.meshgrid(ends, ends), -1).reshape(-1, 2)[:, 0]
        words[100:150] = np.stack(np.meshgrid(ends, ends), -1).ravel()
        expected = _reference.normal(dtype, mean, std, lower, upper).map_words(words).view(DTYPES[dtype])
        found = mapped(_kernels.Plan.normal(code, mean, std, lower, upper), DTYPES[dtype], words)
        assert np.array_equal(found, expected), (mean, std, lower, upper)
