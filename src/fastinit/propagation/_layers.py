"""What `propagate` and `lsuv` take for a network, as one list of layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, SupportsIndex, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from .._arguments import Reals
from ..forward import MLP, Activation, Layer
from ..forward._activation import GATED, check_columns, described
from ..initializers._engine import find
from ..keys import Key
from ._checks import check_layer, check_made, check_network, check_same_dtype, only_for_widths

T = TypeVar("T")

# All layers or all widths; as two kinds of sequence, a list display would not be read as either.
Network = MLP | Sequence[tuple[Reals, Reals | None, Activation] | SupportsIndex]


class Default(str):
    """A name that stands in a signature: by its type it is told from the same one that a caller gives."""

    __slots__ = ()


def default(name: T) -> T:
    """The name as a `Default`, which to a type checker stays what it is."""
    return cast(T, Default(name))


def layers_of(
    name: str,
    network: Network,
    initializer: str | Callable[..., NDArray[Any]],
    activation: Activation,
    key: Key,
    dtype: np.dtype[Any],
) -> list[Layer]:
    """The layers of a network: those it has, or new ones between its widths.

    `name` is that of the caller's argument. The weight of layer i = 1, 2, ... of new ones has the key
    ``key.child("layer", i)``. They have no biases. A network that has layers takes no initializer and no
    activation but a `Default`.
    """
    widths, given = check_network(name, network)
    layers: list[Layer] = []
    if widths is not None:
        halves = 2 if described(activation)[0] in GATED else 1
        activation = cast(Activation, str(activation)) if isinstance(activation, Default) else activation
        make = initializer if callable(initializer) else find(initializer)
        for number, (inputs, outputs) in enumerate(pairwise(widths), 1):
            shape = inputs, halves * outputs
            check_columns(activation, shape[1])
            weight = make(shape, dtype=dtype, seed=key.child("layer", number))
            layers.append(Layer(check_made(weight, shape, dtype), None, activation))
        return layers
    for word, value in (("initializer", initializer), ("activation", activation)):
        if not isinstance(value, Default):
            raise only_for_widths(word, value)
    for number, layer in enumerate(given or (), 1):
        weight, bias, own = check_layer(number, layer, _outputs(layers[-1]) if layers else None)
        check_columns(own, weight.shape[1])
        layers.append(Layer(weight, bias, own))
        check_same_dtype(number, weight.dtype, layers[0].weight.dtype)
    return layers


def _outputs(layer: Layer) -> int:
    columns = int(layer.weight.shape[1])
    return columns // 2 if described(layer.activation)[0] in GATED else columns
