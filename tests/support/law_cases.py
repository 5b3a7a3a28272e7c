"""Laws at which the stream is tested, and what the oracle makes of them."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from oracle import stream as oracle_stream

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
    "between": ("normal_between", 0.1, 0.3, 0.5, 1.0),
    "between, symmetric": ("normal_between", 0.5, 0.25, 0.0, 1.0),
    "between, a tail": ("normal_between", 0.1, 0.02, 0.5, 1.0),
    "between, below": ("normal_between", 7.0, 0.5, -INFINITE, 1.0),
    "between, narrow": ("normal_between", 0.7, 3.0, 0.5, 0.75),
    "between, narrower than z resolves": ("normal_between", 1e6, 1e-1, 1e6 + 1.0, 1e6 + 1.0625),
    "between, beyond reach": ("normal_between", 0.0, 1e-12, 0.5, 1.0),
    "between, of one value": ("normal_between", 0.3, 0.0, 0.5, 1.0),
    "between, all": ("normal_between", 0.1, 0.3, -INFINITE, INFINITE),
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


@functools.cache
def oracle(law: str, dtype: str) -> oracle_stream.Law:
    maker, *arguments = LAWS[law]
    return getattr(oracle_stream, maker)(dtype, *arguments)


@functools.cache
def oracle_bits(law: str, dtype: str, count: int) -> np.ndarray:
    return oracle(law, dtype).elements(KEY, STREAM, 0, count).view(DTYPES[dtype])


FIRSTS = (0, 1, 2, 3, 5, 127)
COUNTS = (*range(10), 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1000)


def around(points: np.ndarray, limit: int) -> list[int]:
    """Integers at and around these fractions of the limit, near enough for float64 and as far as float32 needs."""
    steps = [0, *(sign * 2**j for j in range(11) for sign in (1, -1))]
    whole = [int(point * limit) for point in points if 0.0 <= point <= 1.0]
    found = {point + step for point in whole for step in steps}
    return sorted(x for x in found if 0 <= x < limit)


def fractions_at_table_edges(of: oracle_stream.Law) -> np.ndarray:
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


def edge_words(of: oracle_stream.Law) -> np.ndarray:
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
