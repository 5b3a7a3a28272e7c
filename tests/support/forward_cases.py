"""Arrays, memory layouts and activations at which the forward pass is tested."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fastinit.forward import _activation

DTYPES = [np.float32, np.float64]
ACTIVATIONS: list[Any] = [
    *(name for name in _activation.PARAMETERS if name not in _activation.GATED),
    ("leaky_relu", 0.3),
    ("relu", {"max_value": 0.5, "negative_slope": 0.1}),
    ("leaky_relu", -2.0),
    ("elu", 0.25),
    ("softplus", 3.0),
]


def values(shape: Any, dtype: Any, seed: int = 0) -> np.ndarray:
    """Normal values: sums in any other order would have other bits."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def first_words(value: Any) -> str | None:
    """Of the sentence that a test expects: its name."""
    return value[:50] if isinstance(value, str) else None


@st.composite
def laid_out(draw: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array of the shape, of small values, anyhow in memory."""
    order = draw(st.permutations(range(len(shape))))
    steps = [draw(st.sampled_from([1, 1, 1, 2, -1, -3, 0])) for _ in shape]
    sizes = [1 if step == 0 else n * abs(step) for n, step in zip(shape, steps, strict=True)]
    offset = draw(st.sampled_from([0, 0, 1, 3]))  # bytes: misaligned
    itemsize = np.dtype(dtype).itemsize
    raw = np.zeros(math.prod(sizes) * itemsize + 8, np.uint8)
    memory = raw[offset : offset + math.prod(sizes) * itemsize].view(dtype)
    memory[:] = values((len(memory),), dtype)
    array = memory.reshape([sizes[axis] for axis in order]).transpose(np.argsort(order))
    array = array[tuple(slice(None, None, step or 1) for step in steps)]
    array = array[tuple(slice(0, n) for n in shape)]
    return np.broadcast_to(array, shape)
