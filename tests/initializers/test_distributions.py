"""What users get has the distribution they asked for: moments, Kolmogorov-Smirnov, bounds.

Seeds are fixed, so nothing here is random; tolerances are what samples of these sizes allow.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

import fastinit

N = 1 << 20
INF = math.inf


def ks_distance(sample: np.ndarray, cdf: np.ndarray) -> float:
    """Of a sorted sample and the distribution's CDF at it."""
    ranks = np.arange(1, len(sample) + 1) / len(sample)
    return float(max(np.max(ranks - cdf), np.max(cdf - ranks + 1 / len(sample))))


def truncated_cdf(z: np.ndarray, lower: float, upper: float) -> np.ndarray:
    if lower > 0:  # in logarithms: the tail's mass itself may underflow
        near = special.log_ndtr(-lower)
        return special.expm1(special.log_ndtr(-z) - near) / special.expm1(special.log_ndtr(-upper) - near)
    return (special.ndtr(z) - special.ndtr(lower)) / (special.ndtr(upper) - special.ndtr(lower))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_ks_of_2_24_truncated_normals(seed: int) -> None:
    n = 1 << 24
    sample = np.sort(fastinit.truncated_normal(n, 0.0, 1.0, seed=seed)).astype(np.float64)
    assert ks_distance(sample, truncated_cdf(sample, -2.0, 2.0)) < 1.95 / math.sqrt(n)


def test_std_and_fourth_moment_of_he_normal() -> None:
    w = fastinit.he_normal((4096, 4096), seed=0).ravel()
    second = np.dot(w, w.astype(np.float64)) / w.size
    fourth = np.mean(np.square(w, dtype=np.float64) ** 2)
    assert math.sqrt(second) == pytest.approx(math.sqrt(2 / 4096), rel=1e-3)
    # E z^4 and E z^2 of a normal truncated to [-2, 2], by parts.
    edge = 2 * math.exp(-2.0) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2.0))
    z2 = 1 - 2 * edge
    z4 = 3 * z2 - 8 * edge
    assert fourth / second**2 == pytest.approx(z4 / z2**2, rel=2e-3)


BOUNDS = [
    (-INF, INF),
    (-2.0, 2.0),
    (-0.3, 0.3),
    (0.0, INF),
    (-INF, 0.5),
    (-1.0, 3.0),
    (0.8, 1.0),
    (2.5, INF),
    (5.0, 8.0),
    (-8.0, -5.0),
    (30.0, 31.0),
    (-40.0, -39.0),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("lower", "upper"), BOUNDS)
def test_ks_for_any_bounds(lower: float, upper: float, dtype: str) -> None:
    w = fastinit.truncated_normal(N, 0.0, 1.0, lower, upper, dtype=dtype, seed=3)
    z = np.sort(w.astype(np.float64))
    assert z[0] >= lower
    assert z[-1] <= upper
    if upper < 0:
        z, lower, upper = -z[::-1], -upper, -lower
    assert ks_distance(z, truncated_cdf(z, lower, upper)) < 1.95 / math.sqrt(N)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_very_narrow_bounds_are_uniform(dtype: str) -> None:
    upper = 1 + 1e-6
    w = fastinit.truncated_normal(N, 0.0, 1.0, 1.0, upper, dtype=dtype, seed=4)
    assert w.min() >= 1.0
    assert w.max() <= upper
    if dtype == "float64":
        assert ks_distance(np.sort(w), (np.sort(w) - 1.0) / (upper - 1.0)) < 1.95 / math.sqrt(N)
    else:  # nine float32 values lie inside
        values, counts = np.unique(w, return_counts=True)
        assert len(values) == 9
        assert counts[1:-1] / N == pytest.approx(np.full(7, 2.0**-23 * 1e6), rel=0.02)


@pytest.mark.parametrize("std", [1e-30, 1e-3, 0.05, 1.0, 1e30])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_any_std(std: float, dtype: str) -> None:
    w = fastinit.truncated_normal(N, 0.0, std, dtype=dtype, seed=5).astype(np.float64)
    assert np.isfinite(w).all()
    assert np.abs(w).max() <= 2 * std
    assert (w / std).std() == pytest.approx(0.87962566103423978, rel=3e-3)
    assert abs((w / std).mean()) < 4 * 0.88 / math.sqrt(N)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize(("low", "high"), [(-0.05, 0.05), (0.0, 1.0), (2.0, 3.0), (-1.0, 0.0), (1e-3, 1.0)])
def test_uniform(low: float, high: float, dtype: str) -> None:
    w = fastinit.uniform(N, low, high, dtype=dtype, seed=6).astype(np.float64)
    assert w.min() >= low
    assert w.max() < high
    digits = {"float16": 11, "bfloat16": 8}.get(dtype, 24)
    grid = 2.0 ** (1 - digits) * max(abs(low), abs(high)) / (high - low)  # a step of the coarsest values
    cdf = (np.sort(w) - low) / (high - low)
    assert ks_distance(np.sort(w), cdf) < 1.95 / math.sqrt(N) + grid


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_of_tiny_width_is_not_flushed(dtype: str) -> None:
    w = fastinit.uniform(N, -1e-37, 1e-37, dtype=dtype, seed=7).astype(np.float64)
    assert w.std() == pytest.approx(1e-37 / math.sqrt(3), rel=3e-3)


def test_uniform_includes_its_closed_ends_only_where_promised() -> None:
    w = fastinit.variance_scaling((N,), 3.0, "fan_in", "uniform", seed=8)
    limit = np.float32(math.sqrt(9.0 / N))
    assert np.abs(w).max() <= limit
    assert np.abs(w).max() > limit * (1 - 1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_tail_by_octaves(dtype: str) -> None:
    n = 1 << 23
    z = np.abs(fastinit.normal(n, 0.0, 1.0, dtype=dtype, seed=9).astype(np.float64))
    for octave in range(1, 18):
        expected = n * 2.0**-octave
        count = np.count_nonzero(z > -special.ndtri(2.0 ** -(octave + 1)))
        assert abs(count - expected) < 4.5 * math.sqrt(expected)


@pytest.mark.parametrize(("dtype", "std"), [("float16", 0.02), ("bfloat16", 0.02), ("bfloat16", 1e-30)])
def test_short_floats_have_no_outliers_and_no_pile_up(dtype: str, std: float) -> None:
    # The failures that users met elsewhere: bounds reached by a saturated CDF, infinities, lost tails.
    w = fastinit.truncated_normal(N, 0.0, std, dtype=dtype, seed=10).astype(np.float64)
    kurtosis = np.mean(w**4) / np.mean(w**2) ** 2
    assert kurtosis == pytest.approx(2.3655, rel=0.01)
    _, counts = np.unique(np.abs(w), return_counts=True)
    assert counts[-1] <= 2 * counts[-2]
    z = fastinit.normal(N, 0.0, std, dtype=dtype, seed=10).astype(np.float64) / std
    assert 4.5 < np.abs(z).max() < 6.4


def test_float16_underflow_is_rounding() -> None:
    w = fastinit.normal(N, 0.0, 2.0**-24, dtype="float16", seed=11).astype(np.float64) * 2.0**24
    expected = np.array([stats.norm.cdf(k + 0.5) - stats.norm.cdf(k - 0.5) for k in range(-3, 4)])
    counts = np.array([np.count_nonzero(w == k) for k in range(-3, 4)])
    assert counts / N == pytest.approx(expected, abs=4 * math.sqrt(0.25 / N))


def test_streams_of_children_are_unrelated() -> None:
    key = fastinit.Key(0)
    a, b = (fastinit.normal(N, 0.0, 1.0, seed=key.child(name), dtype="float64") for name in ("a", "b"))
    for lag in (0, 1, 2, 16):
        assert abs(np.mean(a[: N - lag] * b[lag:])) < 4.5 / math.sqrt(N)
        if lag:
            assert abs(np.mean(a[: N - lag] * a[lag:])) < 4.5 / math.sqrt(N)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_sign_of_a_zero_changes_nothing(dtype: str) -> None:
    # Equal arguments share a remembered plan, so what came first must not matter either.
    for zero in (-0.0, 0.0):
        for values in (
            fastinit.normal(9, zero, zero, dtype=dtype, seed=1),
            fastinit.uniform(9, zero, zero, dtype=dtype, seed=1),
            fastinit.truncated_normal(9, zero, 1.0, zero, zero, dtype=dtype, seed=1),
        ):
            assert not np.signbit(values).any()
            assert not values.any()
