"""The best that NumPy alone does for each distribution, as one who knows it well would write it.

The choices were measured: SFC64 is NumPy's fastest generator for normals and level with PCG64 for
uniforms; drawing float32 into `out=` beats drawing float64 and converting; and working in blocks that
stay in the cache saves the passes over memory that scaling and redrawing would cost, up to a quarter
of the time of a large truncated normal.
"""

from collections.abc import Sequence

import numpy as np
from harness import Array, Shape

BLOCK = 1 << 16
# The std of a standard normal that is cut off at -2 and 2.
TRUNCATED_STD = 0.87962566103423978


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


def uniform(rng: np.random.Generator, shape: Shape, low: float, high: float, *, out: Array | None = None) -> Array:
    values = np.empty(shape, np.float32) if out is None else out
    for block in _blocks(values):
        rng.random(dtype=np.float32, out=block)
        block *= high - low
        block += low
    return values


def normal(rng: np.random.Generator, shape: Shape, std: float, *, out: Array | None = None) -> Array:
    values = np.empty(shape, np.float32) if out is None else out
    for block in _blocks(values):
        rng.standard_normal(dtype=np.float32, out=block)
        block *= std
    return values


def truncated_normal(rng: np.random.Generator, shape: Shape, std: float, *, out: Array | None = None) -> Array:
    """`std` is that before the truncation, which is at two of them."""
    values = np.empty(shape, np.float32) if out is None else out
    for block in _blocks(values):
        rng.standard_normal(dtype=np.float32, out=block)
        outside = np.flatnonzero(np.abs(block) > 2)
        while outside.size:
            redrawn = rng.standard_normal(outside.size, dtype=np.float32)
            block[outside] = redrawn
            outside = outside[np.abs(redrawn) > 2]
        block *= std
    return values


def he_normal(rng: np.random.Generator, shape: Shape, *, out: Array | None = None) -> Array:
    fan_in, _ = shape
    return truncated_normal(rng, shape, (2 / fan_in) ** 0.5 / TRUNCATED_STD, out=out)


def _blocks(values: Array) -> Sequence[Array]:
    flat = values.reshape(-1)
    if flat.size <= BLOCK:
        return (flat,)
    return [flat[start : start + BLOCK] for start in range(0, flat.size, BLOCK)]
