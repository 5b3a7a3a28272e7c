"""What `propagate` and `lsuv` take for a network, as one list of layers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ._engine import find
from ._slopes import NAMES, PARAMETRIC
from ._validation import check_layer, check_layer_activation, check_made, check_network, check_same_dtype
from .keys import Key


class Layer(NamedTuple):
    """activation(x @ weight + bias)."""

    weight: np.ndarray
    bias: np.ndarray | None
    activation: tuple[str, float | None]  # its name, and its parameter unless that is the default

    @property
    def forward_name(self) -> Any:
        """The activation as the forward pass takes it."""
        return self.activation[0] if self.activation[1] is None else self.activation


def layers_of(
    network: Any, initializer: str | Callable[..., np.ndarray], activation: Any, key: Key, dtype: np.dtype
) -> list[Layer]:
    """The layers of a network: those it has, or new ones between its widths.

    The weight of layer i = 1, 2, ... of new ones has the key ``key.child("layer", i)``. They have no biases.
    """
    common = check_layer_activation(activation, NAMES, PARAMETRIC)
    make = initializer if callable(initializer) else find(initializer)
    widths, given = check_network(network)
    layers: list[Layer] = []
    if widths is not None:
        for number, shape in enumerate(pairwise(widths), 1):
            weight = make(shape, dtype=dtype, seed=key.child("layer", number))
            layers.append(Layer(check_made(weight, shape, dtype), None, common))
        return layers
    for number, layer in enumerate(given or (), 1):
        weight, bias, name = check_layer(number, layer, layers[-1].weight.shape[1] if layers else None)
        layers.append(Layer(weight, bias, check_layer_activation(name, NAMES, PARAMETRIC)))
        check_same_dtype(number, weight.dtype, layers[0].weight.dtype)
    return layers
