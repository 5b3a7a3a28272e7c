"""What `propagate` and `lsuv` take for a network, as one list of layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, SupportsIndex, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from .._arguments import Reals
from ..forward import MLP, Activation, Layer
from ..forward._activation import PARAMETERS
from ..forward._checks import check_activation
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


def named(activation: Any) -> tuple[str, float]:
    """The name and the parameter of an activation as `dense` takes it; none is linear."""
    return check_activation("linear" if activation is None else activation, PARAMETERS)


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
        named(activation)
        activation = cast(Activation, str(activation)) if isinstance(activation, Default) else activation
        make = initializer if callable(initializer) else find(initializer)
        for number, shape in enumerate(pairwise(widths), 1):
            weight = make(shape, dtype=dtype, seed=key.child("layer", number))
            layers.append(Layer(check_made(weight, shape, dtype), None, activation))
        return layers
    for word, value in (("initializer", initializer), ("activation", activation)):
        if not isinstance(value, Default):
            raise only_for_widths(word, value)
    for number, layer in enumerate(given or (), 1):
        weight, bias, own = check_layer(number, layer, layers[-1].weight.shape[1] if layers else None)
        named(own)
        layers.append(Layer(weight, bias, own))
        check_same_dtype(number, weight.dtype, layers[0].weight.dtype)
    return layers
