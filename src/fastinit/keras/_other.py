"""What any backend of Keras can do; most copy the values to where they want them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ._seeds import Seed, key_of


def make(fill: Callable[..., np.ndarray], shape: tuple[int, ...], dtype: str, seed: Seed, layout: Any) -> Any:
    """Values of `fill` as a tensor of the backend."""
    refuse_layout(layout)
    return keras.ops.convert_to_tensor(fill(shape, dtype=dtype, seed=key_of(seed)), dtype)


def place(tensor: Any, layout: Any) -> Any:
    """The tensor by a layout: as it is."""
    refuse_layout(layout)
    return tensor


def refuse_layout(layout: Any) -> None:
    if layout is not None:
        raise ValueError(
            f"`layout` must be None with Keras's {keras.backend.backend()} backend. Received: layout={layout!r}"
        )
