"""Populations and the weighted sums of their noise once more, in plain NumPy: section 10 of docs/stream.md."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from oracle import stream
from oracle.stream import fma32, fma64

Reals = Any  # arrays of float32 or float64


@functools.lru_cache(maxsize=256)
def noise(shape: tuple[int, ...], dtype: np.dtype[Any], key: int) -> Reals:
    """Standard normals: `normal(shape, 0, 1)` under a key."""
    law = stream.normal(dtype.name)
    return law.elements(key, 0, 0, math.prod(shape)).reshape(shape)


def _fma(dtype: Any) -> Any:
    return fma32 if np.dtype(dtype) == np.float32 else fma64


def perturb(theta: Reals, sigma: Any, population: int | None, key: int, antithetic: bool = False) -> Reals:
    shape = theta.shape if population is None else (population, *theta.shape)
    spread = np.broadcast_to(np.asarray(sigma, theta.dtype), shape)
    centre = np.broadcast_to(theta, shape)
    if not antithetic:
        return _fma(theta.dtype)(spread, noise(shape, theta.dtype, key), centre)
    eps = np.empty(shape, theta.dtype)
    eps[0::2] = noise((shape[0] // 2, *theta.shape), theta.dtype, key)
    eps[1::2] = -eps[0::2]
    return _fma(theta.dtype)(spread, eps, centre)


def recombine(weights: Any, like: Reals, key: int, antithetic: bool = False, squares: bool = False) -> Reals:
    rows = np.asarray(weights, like.dtype)
    if antithetic:
        rows = rows[0::2] + rows[1::2] if squares else rows[0::2] - rows[1::2]
    eps = noise((len(rows), *like.shape), like.dtype, key)
    total = np.zeros(like.shape, like.dtype)
    for weight, row in zip(rows, eps * eps if squares else eps, strict=True):
        if weight != 0:
            total = _fma(like.dtype)(weight, row, total)
    return total
