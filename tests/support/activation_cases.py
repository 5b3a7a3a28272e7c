"""Inputs at which activations are tested."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastinit.forward import _activation

NAMES = list(_activation.PARAMETERS)
ROWS = sorted(_activation.OF_ROWS)
HALVES = sorted(_activation.GATED)
VALUES = [name for name in NAMES if name not in (*ROWS, *HALVES)]
# Values for the first parameters, beside the standard ones.
PARAMETERS: dict[str, list[tuple[float, ...]]] = {
    "relu": [(0.25, 6.0, 1.0), (0.0, 6.0), (-0.5, math.inf, -1.0), (0.0, 1.0, 2.0), (1e-38,), (0.1,)],
    "leaky_relu": [(0.2,), (-1.5,), (0.0,), (1e30,), (1e-38,)],
    "elu": [(2.5,), (-1.0,), (0.0,), (1e30,), (1e-38,)],
    "selu": [(1.5, 1.0), (-1.0, 2.0), (0.0, 0.0), (1e-30, 1e30)],
    "silu": [(1.702,), (0.3,), (-2.0,), (0.0,), (1e-30,), (1e30,), (-1e-38,)],
    "hard_sigmoid": [(0.2, 0.5), (0.25, 0.0), (-1.0, 0.3), (0.0, 0.7), (1e30, -1e30)],
    "softplus": [
        (0.1,), (7.0,), (1e30,), (1e-30,), (1.0000001,), (1.0, 20.0), (0.5, 3.0), (1.0, -math.inf), (1.2e-38,),
    ],
    "celu": [(2.5,), (0.1,), (1e30,), (1e-30,)],
    "hard_tanh": [(-2.0, 0.5), (0.0, 0.0), (-math.inf, 3.0), (1.0, math.inf)],
    "hard_shrink": [(0.0,), (2.0,), (math.inf,), (1e-38,)],
    "soft_shrink": [(0.0,), (2.0,), (1e-38,), (1e30,)],
    "threshold": [(0.5, 20.0), (-1.0, -3.0), (1e30, 1e-38)],
    "thresholded_relu": [(0.0,), (-2.0,), (1e30,)],
    "squareplus": [(0.0,), (1.0,), (1e-38,), (1e30,), (0.3,)],
    "prelu": [(0.2,), (-1.5,)],
}  # fmt: skip


def with_neighbours(points: list[float], dtype: Any) -> np.ndarray:
    x = np.array(points, dtype)
    x = np.concatenate([x, -x])
    return np.concatenate([x, np.nextafter(x, dtype(np.inf)), np.nextafter(x, dtype(-np.inf))])


def edge_values(dtype: Any) -> np.ndarray:
    """Specials, powers of two, both sides of every threshold of the kernels, and of every change of n."""
    info = np.finfo(dtype)
    special = [0.0, math.inf, math.nan, float(info.tiny), float(info.smallest_subnormal), float(info.max), 1.5]
    thresholds = [
        0.02,
        0.5,
        1.0,
        2.0,
        3.0,
        6.0,
        195.0,
        1460.0,
        10,
        11,
        15,
        20,
        22,
        39,
        100,
        120,
        720,
        760,
        2.0**30,
        2.0**60,
        104,
        88.72283,
        87.33654,
    ]
    thresholds += [103.97208, 709.782712893384, 708.3964185322641, 745.1332191019411, 744.4400719213812, 14.3, 38.5]
    halves = [(k + 0.5) * math.log(2) for k in (*range(0, 40), 62, 63, 64, 126, 127, 128, 149, 511, 512, 1022, 1074)]
    octaves = [2.0**k for k in range(-30, 12)] + [1.5 * 2.0**k - 1 for k in range(5)]
    with np.errstate(over="ignore"):
        return np.concatenate(
            [
                with_neighbours(special, dtype),
                with_neighbours([2.0**k for k in range(int(info.minexp) - 3, int(info.maxexp), 7)], dtype),
                with_neighbours(thresholds + octaves, dtype),
                with_neighbours(halves, dtype),
                with_neighbours([value / 2 for value in halves], dtype),
            ]
        )


def random_values(dtype: Any, count: int, seed: int = 0) -> np.ndarray:
    """A third each of random bit patterns, of normal values and of wide ones."""
    rng = np.random.default_rng(seed)
    unsigned = np.uint32 if dtype is np.float32 else np.uint64
    patterns = rng.integers(0, np.iinfo(unsigned).max, count // 3, dtype=unsigned, endpoint=True).view(dtype)
    wide = rng.uniform(-120, 120, count // 3) * (1 if dtype is np.float32 else 7)
    return np.concatenate([patterns, (rng.normal(size=count // 3) * 4).astype(dtype), wide.astype(dtype)])


def row_cases(dtype: Any, columns: int) -> np.ndarray:
    rng = np.random.default_rng(columns)
    big = float(np.finfo(dtype).max)
    rows = [rng.normal(size=columns) * scale for scale in (0.0, 1e-3, 1.0, 30.0, 300.0)]
    rows += [np.full(columns, value) for value in (-0.0, math.inf, -math.inf, math.nan, big, 5e-324)]
    for value in (math.nan, math.inf, -math.inf, big, -big, 50.0):
        rows.append(rng.normal(size=columns))
        rows[-1][rng.integers(columns)] = value
    rows.append(np.where(rng.random(columns) < 0.5, 0.0, -0.0))
    rows.append(np.where(rng.random(columns) < 0.5, big, -big))
    rows.append(rng.integers(-2, 1, columns) * 40.0)
    with np.errstate(over="ignore"):
        return np.array(rows).astype(dtype)
