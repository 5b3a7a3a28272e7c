"""PyTorch: a tensor takes the memory of the array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import torch

from ._other import place, refuse_layout
from ._seeds import Seed, key_of

__all__ = ["make", "place"]


def make(fill: Callable[..., np.ndarray], shape: tuple[int, ...], dtype: str, seed: Seed, layout: Any) -> Any:
    """Values of `fill` as a tensor on the device that Keras has chosen."""
    refuse_layout(layout)
    # On this device Keras infers shapes: nobody sees values, and no generator may advance.
    if keras.ops.convert_to_tensor(0.0).device.type == "meta":
        return keras.ops.empty(shape, dtype)
    array = fill(shape, dtype=dtype, seed=key_of(seed))
    if dtype == "bfloat16":  # which PyTorch does not take from NumPy
        tensor = torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    else:
        tensor = torch.from_numpy(array)
    return keras.ops.convert_to_tensor(tensor)  # moves it to another device, and does nothing on the CPU
