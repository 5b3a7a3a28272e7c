"""The stream to the bit: Philox's published answers, and every kernel against the oracle."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastinit import _kernels
from oracle import stream as oracle_stream
from support.law_cases import (
    ALL,
    COUNTS,
    DTYPES,
    FIRSTS,
    INFINITE,
    KEY,
    LAWS,
    ONE_PER_METHOD,
    STREAM,
    edge_case,
    edge_words,
    oracle,
    oracle_bits,
)

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


def law_of(law: str, dtype: str) -> _kernels.Law:
    # Not cached: the constants are fitted with the kernels of the instruction set in use.
    maker, *arguments = LAWS[law]
    return getattr(_kernels.Law, maker)(getattr(_kernels, dtype.upper()), *arguments)


def filled(of: _kernels.Law, unsigned: Any, shape: tuple[int, ...], block: Any, key: int = KEY) -> np.ndarray:
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
    lines = (Path(__file__).resolve().parents[1] / "data" / "philox4x32_kat.txt").read_text().splitlines()
    rows = [[int(word, 16) for word in line.split()] for line in lines if line and not line.startswith("#")]
    assert len(rows) == 3
    return [(row[:4], row[4:6], row[6:]) for row in rows]


@pytest.mark.parametrize(("counter", "key", "answer"), known_answers())
def test_oracle_gives_the_published_answers(counter: list[int], key: list[int], answer: list[int]) -> None:
    assert [int(word) for word in oracle_stream.philox4x32(counter, key)] == answer


def test_kernels_give_the_published_answer(isa: str) -> None:
    """The two other counters are blocks near 2^64, beyond every tensor (word numbers are below 2^63): those
    only the oracle can be asked for, and it vouches for the kernels below."""
    counter, key, answer = known_answers()[0]
    assert counter == [0] * 4
    assert key == [0] * 2
    words = np.empty(4, np.uint32)
    _kernels.fill(_kernels.Law.words(), words, 0, 0, (4,))
    assert words.tolist() == answer


def test_published_keys_and_streams_at_reachable_blocks(isa: str) -> None:
    for counter, key, _ in known_answers():
        key64, stream64 = key[1] << 32 | key[0], counter[3] << 32 | counter[2]
        for first in (0, 2**34 - 70, 2**60 + 4 * (counter[0] >> 1) + 1):  # across the carry of the block number
            words = np.empty(300, np.uint32)
            _kernels.fill(_kernels.Law.words(), words, key64, stream64, (2**61,), ((first, first + 300),))
            assert np.array_equal(words, oracle_stream.philox_words(key64, stream64, first, 300))


def test_oracle_words_do_not_depend_on_the_start() -> None:
    whole = oracle_stream.philox_words(KEY, STREAM, 2**64 - 100, 100)
    for first in range(10):
        assert np.array_equal(
            oracle_stream.philox_words(KEY, STREAM, 2**64 - 100 + first, 90), whole[first : first + 90]
        )
    key, stream = (KEY & 0xFFFFFFFF, KEY >> 32), (STREAM & 0xFFFFFFFF, STREAM >> 32)
    last = oracle_stream.philox4x32((0xFFFFFFFF, 0x3FFFFFFF, *stream), key)
    assert whole[-4:].tolist() == [int(word) for word in last]


# ---- values ----


@pytest.mark.parametrize("law", METHODS)
def test_laws_take_the_methods_they_are_listed_for(law: str) -> None:
    assert {oracle(law, dtype).method for dtype in DTYPES} == {METHODS[law]}


@pytest.mark.parametrize(("law", "dtype"), ALL)
def test_runs_around_every_boundary(isa: str, law: str, dtype: str) -> None:
    expected, of = oracle_bits(law, dtype, 127 + 1000), law_of(law, dtype)
    for first, count in itertools.product(FIRSTS, COUNTS):
        found = filled(of, DTYPES[dtype], (2000,), ((first, first + count),))
        assert np.array_equal(found, expected[first : first + count]), (first, count)


@pytest.mark.parametrize(("law", "dtype"), ALL)
def test_elements_beyond_2_to_the_33(isa: str, law: str, dtype: str) -> None:
    # The block number of a float32 passes 2^32 at element 2^34, that of a float64 at 2^33.
    shape = (3, 2**33)
    block = ((1, 3), (2**33 - 150, 2**33))
    expected = oracle_stream.block(oracle(law, dtype), KEY, STREAM, shape, block).view(DTYPES[dtype])
    assert np.array_equal(filled(law_of(law, dtype), DTYPES[dtype], shape, block), expected)
    far = 2**60 - 77 if dtype == "float64" else 2**61 - 77
    expected = oracle(law, dtype).elements(KEY, STREAM, far, 77).view(DTYPES[dtype])
    assert np.array_equal(filled(law_of(law, dtype), DTYPES[dtype], (far + 77,), ((far, far + 77),)), expected)


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
        expected = oracle_stream.block(oracle(law, dtype), KEY, STREAM, shape, block).view(DTYPES[dtype])
        assert np.array_equal(filled(law_of(law, dtype), DTYPES[dtype], shape, block), expected), (shape, block)


def test_oracle_blocks_are_slices_of_the_whole() -> None:
    for dtype in DTYPES:
        for shape, block in BLOCKS:
            if math.prod(shape) > 10_000:
                continue
            whole = oracle("uniform", dtype).elements(KEY, STREAM, 0, math.prod(shape)).reshape(shape)
            found = oracle_stream.block(oracle("uniform", dtype), KEY, STREAM, shape, block)
            assert np.array_equal(found, whole[tuple(slice(*ends) for ends in block)])


# ---- the edges of the maps ----


def mapped(of: _kernels.Law, unsigned: Any, words: np.ndarray) -> np.ndarray:
    out = np.empty(len(words) // (2 if unsigned is np.uint64 else 1), unsigned)
    _kernels.map_words(of, words, out.view(np.uint8))
    return out


@pytest.mark.parametrize(("law", "dtype"), ALL)
def test_edge_words(isa: str, law: str, dtype: str) -> None:
    words, expected = edge_case(law, dtype)
    found = mapped(law_of(law, dtype), DTYPES[dtype], words)
    wrong = np.flatnonzero(found != expected)
    assert wrong.size == 0, (wrong[:5], found[wrong[:5]], expected[wrong[:5]])


def test_edge_words_reach_both_sides_of_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbouring words among the edge words lie in neighbouring rows: no row's edge was missed."""
    rows: list[np.ndarray] = []
    polynomial = oracle_stream._polynomial
    monkeypatch.setattr(oracle_stream, "_polynomial", lambda f, t, row, x: rows.append(row) or polynomial(f, t, row, x))
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
        expected = oracle_stream.normal(dtype, mean, std, lower, upper).map_words(words).view(DTYPES[dtype])
        found = mapped(_kernels.Law.normal(code, mean, std, lower, upper), DTYPES[dtype], words)
        assert np.array_equal(found, expected), (mean, std, lower, upper)
