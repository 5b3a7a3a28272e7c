"""The best that NumPy alone does for each distribution, as one who knows it well would write it.

The choices were measured: SFC64 is NumPy's fastest generator for normals and level with PCG64 for
uniforms; drawing float32 into `out=` beats drawing float64 and converting; and working in blocks that
stay in the cache saves the passes over memory that scaling and redrawing would cost (a fifth of the
time for a large truncated normal).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BLOCK = 1 << 16
# std of the standard normal cut off at +-2
TRUNCATED_STD = 0.87962566103423978


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


def _blocks(values: Array) -> Iterator[Array]:
    flat = values.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        yield flat[start : start + BLOCK]


def uniform(rng: np.random.Generator, out: Array, low: float, high: float) -> Array:
    for block in _blocks(out):
        rng.random(dtype=np.float32, out=block)
        block *= np.float32(high - low)
        block += np.float32(low)
    return out


def normal(rng: np.random.Generator, out: Array, std: float) -> Array:
    for block in _blocks(out):
        rng.standard_normal(dtype=np.float32, out=block)
        block *= np.float32(std)
    return out


def truncated_normal(rng: np.random.Generator, out: Array, std: float) -> Array:
    """`std` is that before the truncation at two of them."""
    for block in _blocks(out):
        rng.standard_normal(dtype=np.float32, out=block)
        outside = np.flatnonzero(np.abs(block) > 2)
        while outside.size:
            redrawn = rng.standard_normal(outside.size, dtype=np.float32)
            block[outside] = redrawn
            outside = outside[np.abs(redrawn) > 2]
        block *= np.float32(std)
    return out


def he_normal(rng: np.random.Generator, out: Array) -> Array:
    return truncated_normal(rng, out, (2 / out.shape[0]) ** 0.5 / TRUNCATED_STD)
