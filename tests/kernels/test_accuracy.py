"""How far the inverse CDFs are from the exact ones, and that nothing piles up on a bound.

Everything goes through `_kernels.map_words`, so the words are chosen: the ends of the range, both sides
of every octave of the tail's mass, and a dense random sample. Instruction sets give the same bits
(test_stream.py), so one is enough here.
"""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from scipy import special

from fastinit import _kernels

INF = math.inf


def mapped(dtype: int, words: np.ndarray, lower: float, upper: float) -> np.ndarray:
    """z of each word (float32) or pair of words (float64), truncated to [lower, upper]."""
    plan = _kernels.Law.normal(dtype, 0.0, 1.0, lower, upper)
    wide = 2 if dtype == _kernels.FLOAT64 else 1
    count = len(words) // wide
    padded = np.zeros(-(-len(words) // 256) * 256, np.uint32)
    padded[: len(words)] = words
    out = np.empty(len(padded) // wide, np.float64 if dtype == _kernels.FLOAT64 else np.float32)
    _kernels.map_words(plan, padded, out.view(np.uint8))
    return out[:count]


def pairs(low52: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """The words of float64 elements with these 52 low bits and sign bits."""
    return (low52 | sign << np.uint64(63)).astype("<u8").view(np.uint32)


def exact_quantile(p: mp.mpf, lower: float, upper: float, start: float) -> mp.mpf:
    """z with P(Z < z | lower < Z < upper) = p, by Newton's method from a value close to it."""
    a, b = mp.mpf(lower), mp.mpf(upper)
    # Work in the tail where the interval lies, for the sake of its relative precision.
    mirrored = a + b < 0 if mp.isfinite(a + b) else b < mp.inf
    if mirrored:
        return -exact_quantile(1 - p, -upper, -lower, -start)

    def above(x: mp.mpf) -> mp.mpf:
        return mp.erfc(x / mp.sqrt(2)) / 2

    wanted = above(a) - p * (above(a) - above(b))
    z = mp.mpf(start)
    for _ in range(40):
        step = (above(z) - wanted) * mp.sqrt(2 * mp.pi) * mp.exp(z * z / 2)
        z += step
        if abs(step) <= abs(z) * mp.mpf(10) ** -25:
            return z
    raise AssertionError(f"{start} is no approximation of the quantile of {p}")


def farthest(bits: int) -> mp.mpf:
    """The largest |z| of the tables: a tail mass below 2^-bits counts as that."""
    return mp.sqrt(2) * mp.erfinv(1 - mp.mpf(2) ** -bits)


def edge_magnitudes(bits: int) -> np.ndarray:
    """Magnitudes at both ends and on both sides of every power of two, from both ends."""
    top = (1 << bits) - 1
    powers = [1 << k for k in range(bits)]
    near = {m + d for m in [0, *powers] for d in (-2, -1, 0, 1, 2)}
    both = sorted(m for m in near | {top - m for m in near} if 0 <= m <= top)
    return np.array(both, np.uint64)


SYMMETRIC = [INF, 2.0, 1.0, 0.5, 0.1, 3.0, 0.7272405682762879, 0.9406329552213597, 1.9829926025730582, 4.5]


@pytest.mark.parametrize("bound", SYMMETRIC)
def test_float32_symmetric_is_within_4_ulp_at_every_edge(bound: float) -> None:
    with mp.workdps(40):
        m = edge_magnitudes(31)
        z = mapped(_kernels.FLOAT32, m.astype(np.uint32), -bound, bound)
        for magnitude, value in zip(m, z, strict=True):
            p = mp.mpf(1) / 2 + mp.mpf(2 * int(magnitude) + 1) / 2**33
            exact = exact_quantile(p, -bound, bound, float(value))
            assert abs(float(value) - exact) <= 4 * float(np.spacing(np.float32(exact)))
        assert np.array_equal(mapped(_kernels.FLOAT32, (m + 2**31).astype(np.uint32), -bound, bound), -z)


@pytest.mark.parametrize("bound", SYMMETRIC)
def test_float32_symmetric_is_within_4_ulp_on_a_dense_sample(bound: float) -> None:
    m = np.concatenate([np.arange(0, 2**31, 4099), 2**31 - 1 - np.arange(100_000), np.arange(100_000)]).astype(
        np.uint64
    )
    z = mapped(_kernels.FLOAT32, m.astype(np.uint32), -bound, bound).astype(np.float64)
    mass = special.erf(bound / math.sqrt(2))
    y = mass * (2 * m.astype(np.float64) + 1) * 2.0**-32
    q = special.erfc(bound / math.sqrt(2)) + mass * (2 * (2.0**31 - 1 - m) + 1) * 2.0**-32
    exact = np.where(y < 0.5, math.sqrt(2) * special.erfinv(np.minimum(y, 0.5)), -special.ndtri(q / 2))
    assert np.max(np.abs(z - exact) / np.spacing(exact.astype(np.float32))) <= 4


ASYMMETRIC = [(-1.0, 3.0), (0.0, INF), (-INF, 1.0), (-INF, -1.0), (0.3, 1.7), (-2.5, 0.25), (-0.1, 0.4), (1.0, 8.0)]


@pytest.mark.parametrize(("lower", "upper"), ASYMMETRIC)
def test_float32_asymmetric(lower: float, upper: float) -> None:
    with mp.workdps(40):
        w = np.unique(np.concatenate([edge_magnitudes(31), np.arange(0, 2**31, 2**31 // 500, dtype=np.uint64)]))
        z = mapped(_kernels.FLOAT32, (2 * w).astype(np.uint32), lower, upper)
        for word, value in zip(w, z, strict=True):
            p = mp.mpf(2 * int(word) + 1) / 2**32
            exact = exact_quantile(p, lower, upper, float(value))
            exact = max(-farthest(32), min(farthest(32), exact))
            assert abs(float(value) - exact) <= 4 * float(np.spacing(abs(np.float32(exact)))) + 2**-23


@pytest.mark.parametrize("bound", [INF, 2.0, 0.5, 0.08])
def test_float64_symmetric_is_within_4_ulp(bound: float) -> None:
    with mp.workdps(50):
        m = np.unique(np.concatenate([edge_magnitudes(52), np.arange(0, 2**52, 2**52 // 1000, dtype=np.uint64)]))
        z = mapped(_kernels.FLOAT64, pairs(m, np.zeros_like(m)), -bound, bound)
        for magnitude, value in zip(m, z, strict=True):
            p = mp.mpf(1) / 2 + mp.mpf(2 * int(magnitude) + 1) / 2**54
            exact = exact_quantile(p, -bound, bound, float(value))
            assert abs(float(value) - exact) <= 4 * float(np.spacing(float(exact)))
        assert np.array_equal(mapped(_kernels.FLOAT64, pairs(m, np.ones_like(m)), -bound, bound), -z)


@pytest.mark.parametrize(("lower", "upper"), ASYMMETRIC)
def test_float64_asymmetric(lower: float, upper: float) -> None:
    with mp.workdps(50):
        m = np.unique(np.concatenate([edge_magnitudes(52), np.arange(0, 2**52, 2**52 // 300, dtype=np.uint64)]))
        z = mapped(_kernels.FLOAT64, pairs(m, np.zeros_like(m)), lower, upper)
        for magnitude, value in zip(m, z, strict=True):
            exact = exact_quantile(mp.mpf(2 * int(magnitude) + 1) / 2**53, lower, upper, float(value))
            exact = max(-farthest(53), min(farthest(53), exact))
            assert abs(float(value) - exact) <= 4 * float(np.spacing(abs(float(exact)))) + 2**-52


SMALL_MASS = [
    (5.0, 8.0),
    (30.0, 31.0),
    (-40.0, -39.0),
    (1.0, 1 + 1e-6),
    (-1.25, -1.0),
    (5.0, INF),
    (-INF, -2.0),
    (100.0, 100.001),
    (1e6, 1e6 + 1e-4),
    (0.8, 0.95),
    (1e-20, 2e-20),
    (0.79, 1.03),
]


@pytest.mark.parametrize(("lower", "upper"), SMALL_MASS)
def test_narrow_and_far_bounds(lower: float, upper: float) -> None:
    digits = 60 if max(abs(lower), abs(upper if math.isfinite(upper) else lower)) < 1e3 else 40
    with mp.workdps(digits):
        m = np.unique(np.concatenate([edge_magnitudes(52), np.arange(0, 2**52, 2**52 // 200, dtype=np.uint64)]))
        # The lower tail is the upper one mirrored, its words too.
        z = mapped(_kernels.FLOAT64, pairs(m, np.zeros_like(m)), lower, upper)
        narrow = (upper - lower) * max(1, abs(lower), abs(upper)) <= 0.25
        for magnitude, value in zip(m, z, strict=True):
            p = mp.mpf(2 * int(magnitude) + 1) / 2**53
            exact = exact_quantile(1 - p if upper < 0 and not narrow else p, lower, upper, float(value))
            assert abs(float(value) - exact) <= 1e-12 * abs(exact)


@pytest.mark.parametrize(("lower", "upper"), [(-0.01, 0.02), (-0.01, 0.01), (-1e-9, 1e-9)])
def test_narrow_bounds_around_zero(lower: float, upper: float) -> None:
    with mp.workdps(50):
        m = np.arange(0, 2**52, 2**52 // 500, dtype=np.uint64)
        z = mapped(_kernels.FLOAT64, pairs(m, np.zeros_like(m)), lower, upper)
        for magnitude, value in zip(m, z, strict=True):
            exact = exact_quantile(mp.mpf(2 * int(magnitude) + 1) / 2**53, lower, upper, float(value))
            # Asymmetric bounds have no exact zero crossing, so there the error is relative to the bounds.
            tolerance = 4 * np.spacing(abs(float(exact))) if lower == -upper else 2**-51 * upper
            assert abs(float(value) - exact) <= tolerance


# Bounds and which of them to look at; an asymmetric bound near 0 is coarser than its dtype by contract.
PILES = [(-b, b) for b in (2.0, 1.0, 0.5, 3.0, 1.9829926025730582, 0.1)] + [
    (-1.0, 3.0),
    (1.0, 8.0),
    (-INF, -1.0),
    (0.5, 1.7),
    (-1.5, 0.75),
]


@pytest.mark.parametrize(("lower", "upper"), PILES)
@pytest.mark.parametrize("std", [1.0, 0.05, 0.02])
def test_float32_does_not_pile_up_on_a_bound(lower: float, upper: float, std: float) -> None:
    # All words near the bound, counted: the bound's own share is at most twice an ulp's probability.
    symmetric = lower == -upper
    count = 1 << 21
    plan = _kernels.Law.normal(_kernels.FLOAT32, 0.0, std, lower, upper)
    mass = 1.0 if math.isinf(lower) and math.isinf(upper) else special.ndtr(upper) - special.ndtr(lower)
    for bound, first in ((lower, 0), (upper, 2**32 - count)):
        if math.isinf(bound):
            continue
        if symmetric:
            first = 2**32 - count if bound < 0 else 2**31 - count
        words = np.arange(first, first + count, dtype=np.uint64).astype(np.uint32)
        values = np.empty(count, np.float32)
        _kernels.map_words(plan, words, values.view(np.uint8))
        extreme = values.min() if bound == lower else values.max()
        if bound == lower:
            assert extreme >= std * bound
        else:
            assert extreme <= std * bound
        # An interval of the value's last place, but z is a float32 too and may be the coarser.
        ulp = max(float(np.spacing(abs(extreme))) / std, float(np.spacing(np.float32(abs(bound)))))
        density = math.exp(-bound * bound / 2) / math.sqrt(2 * math.pi) / mass
        probability = np.count_nonzero(values == extreme) / 2**32
        # Integers beyond 2^24 come in steps of at most 2^7 words (2^8 where a bit of the word is unused).
        step = 2**-32 * (128 if symmetric else 256)
        assert probability <= 2 * max(density * ulp, step)


@pytest.mark.parametrize(("dtype", "digits"), [(_kernels.FLOAT16, 11), (_kernels.BFLOAT16, 8)])
@pytest.mark.parametrize("std", [1.0, 0.02, 0.37])
def test_short_floats_do_not_pile_up_on_a_bound(dtype: int, digits: int, std: float) -> None:
    bound = 2.0
    words = np.arange(0, 2**32, 1021, dtype=np.uint64).astype(np.uint32)
    words = words[: len(words) // 256 * 256]
    out = np.empty(len(words), np.uint16)
    _kernels.map_words(_kernels.Law.normal(dtype, 0.0, std, -bound, bound), words, out.view(np.uint8))
    magnitude = out & np.uint16(0x7FFF)
    values, counts = np.unique(magnitude, return_counts=True)
    if dtype == _kernels.FLOAT16:
        largest = float(values[-1:].view(np.float16)[0])
    else:
        largest = float((values[-1:].astype(np.uint32) << np.uint32(16)).view(np.float32)[0])
    exponent = math.frexp(std * bound)[1]
    assert std * bound - 2.0 ** (exponent - digits) < largest <= std * bound
    assert values[-1] - values[-2] == 1
    assert counts[-1] <= 2 * counts[-2]


def test_narrow_interval_does_not_pile_up() -> None:
    lower, upper = 1.0, 1.0 + 2.0**-45  # 128 doubles
    out = np.empty(1 << 17)
    plan = _kernels.Law.normal(_kernels.FLOAT64, 0.0, 1.0, lower, upper)
    _kernels.fill(plan, out, 5, 0, out.shape)
    values, counts = np.unique(out, return_counts=True)
    assert len(values) == 129
    assert values[0] == lower
    assert values[-1] == upper
    assert counts[[0, -1]].max() <= 2 * counts[[1, -2]].min()
    assert counts[1:-1].max() / counts[1:-1].min() < 1.4
