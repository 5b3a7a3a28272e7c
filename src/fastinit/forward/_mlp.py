"""Networks of dense layers with packed weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _kernels
from .._arguments import Real, Reals, Threads, check_threads
from ..runtime import thread_limit
from ._activation import GATED, Activation, check_columns, check_parameters, described, resolve
from ._arrays import own, written
from ._checks import (
    check_as_many,
    check_layers,
    check_mlp,
    check_network_input,
    check_position,
    check_result,
    check_update,
)


class Layer(NamedTuple):
    """A dense layer: ``activation(x @ weight + bias)``."""

    weight: Reals
    bias: Reals | None
    activation: Activation


class MLP:
    """A network of dense layers whose weights are packed once, run by one call.

    Parameters
    ----------
    layers : iterable of (weight, bias, activation)
        As for `dense`: weights (in, out) or (..., in, out), biases (out,) or (..., out) or None, activations by
        name, by (name, parameter) or None; behind glu, swiglu and geglu the next layer has out / 2 inputs. All arrays
        have one dtype, float32 or float64. Where weights have leading axes, they are those of a population: as many
        networks, each with its own rows of x; the leading axes of all layers are the same, or none for a layer that all
        networks share. The arrays are copied.

    Attributes
    ----------
    layers : list of Layer
        Copies of the arrays, and the activations.
    num_parameters : int
        Elements of all weights and biases.
    dtype : numpy.dtype
        Of weights, inputs and outputs.

    Raises
    ------
    TypeError, ValueError
        If the layers do not fit each other.

    Notes
    -----
    x of shape (in,) or (batch, in) is one batch for every network of a population, and the result has its leading
    axes before those of the batch; x of shape (..., batch, in), with the population's leading axes, holds a batch for
    each. With as many networks as rows, (P, in) is still one batch for all: ``x[:, None]`` is a row for each.

    Copies and pickles hold copies of the weights, and of a subclass all of its attributes; they are made of the layers
    without its own constructor.

    The result has the bits of `dense` called for layer after layer. Calls allocate nothing but their result;
    any number of threads may call one network at once, but not while one updates it.

    Examples
    --------
    >>> import fastinit
    >>> import numpy as np
    >>> hidden, readout = fastinit.he_normal((8, 64), seed=1), fastinit.lecun_normal((64, 4), seed=2)
    >>> policy = fastinit.MLP([(hidden, np.zeros(64, np.float32), "tanh"), (readout, None, None)])
    >>> policy
    MLP(8 -> 64 tanh -> 4 linear, float32, 832 parameters)
    >>> policy(np.ones((32, 8), np.float32)).shape
    (32, 4)

    Three hundred such networks at once, each with sixteen rows of its own:

    >>> population = fastinit.MLP([(fastinit.he_normal((300, 8, 4), batch_axis=0, seed=3), None, "relu")])
    >>> population(np.ones((300, 16, 8), np.float32)).shape
    (300, 16, 4)
    """

    def __init__(self, layers: Iterable[tuple[Reals, Reals | None, Activation]]) -> None:
        given = [Layer(*layer) for layer in check_layers(layers)]
        functions = [resolve(layer.activation) for layer in given]
        gated = [function.takes == _kernels.HALVES for function in functions]
        dtype, leading = check_mlp([(layer.weight, layer.bias) for layer in given], gated)
        parts = []
        for layer, function in zip(given, functions, strict=True):
            check_parameters(layer.activation, dtype)
            check_columns(layer.activation, layer.weight.shape[-1])
            parts.append((own(layer.weight), None if layer.bias is None else own(layer.bias), function))
        self._dtype = dtype
        self._network = _kernels.Network(dtype.code, parts, leading)
        self._activations = [_copied(layer.activation) for layer in given]

    @classmethod
    def from_arrays(
        cls,
        weights: Sequence[Reals],
        biases: Sequence[Reals | None] | None = None,
        activation: Activation = "relu",
        output_activation: Activation = None,
    ) -> MLP:
        """Make a network with one activation for all layers but the last.

        Examples
        --------
        >>> import fastinit
        >>> shapes = {"in": ("he_normal", (8, 64)), "out": ("lecun_normal", (64, 4))}
        >>> fastinit.MLP.from_arrays(list(fastinit.initialize(shapes, seed=0).values()))
        MLP(8 -> 64 relu -> 4 linear, float32, 768 parameters)
        """
        check_as_many(weights, biases)
        activations = [activation] * (len(weights) - 1) + [output_activation]
        return cls(zip(weights, [None] * len(weights) if biases is None else biases, activations, strict=True))

    def __call__(self, x: NDArray[Real], out: NDArray[Real] | None = None, *, threads: Threads = None) -> NDArray[Real]:
        """Run x, of shape (in,), (batch, in) or (..., batch, in), through all layers."""
        limit = thread_limit if threads is None else check_threads(threads)
        result = self._network.run(x, out, limit)
        if result is not None:
            return result
        network = self._network
        shape = check_network_input(x, self._dtype, network.inputs, network.outputs, network.leading)
        check_result(out, self._dtype, shape, x=x)
        return written(network.run(x, out, limit, True))

    def update(self, index: int, weight: Reals | None = None, bias: Reals | None = None) -> None:
        """Copy new values into a layer, in place; None leaves the old ones.

        The arrays have the shapes and the dtype of those that they replace.

        Examples
        --------
        >>> import fastinit
        >>> import numpy as np
        >>> network = fastinit.MLP([(np.eye(2), np.zeros(2), None)])
        >>> network.update(0, bias=np.array([1.0, 2.0]))
        >>> network(np.zeros(2))
        array([1., 2.])
        """
        index = check_position(index, len(self._activations))
        for name, new, shape in zip(("weight", "bias"), (weight, bias), self._network.shapes[index], strict=True):
            if new is not None:
                check_update(name, new, self._dtype, shape)
        self._network.set(index, None if weight is None else own(weight), None if bias is None else own(bias))

    @property
    def layers(self) -> list[Layer]:
        """Copies of the arrays, and the activations, layer by layer."""
        return [Layer(*self._network.get(i), activation) for i, activation in enumerate(self._activations)]

    @property
    def num_parameters(self) -> int:
        """Elements of all weights and biases."""
        return sum(math.prod(shape) for pair in self._network.shapes for shape in pair if shape is not None)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of weights, inputs and outputs."""
        return self._dtype.numpy

    def __reduce_ex__(self, protocol: Any) -> Any:
        """The layers make the network, whatever a subclass's own constructor takes; what else it holds is its state."""
        if type(self).__reduce__ is not object.__reduce__:
            return self.__reduce__()
        state = super().__reduce_ex__(2)[2]
        parts = state if isinstance(state, tuple) else (state, None)
        if isinstance(parts[0], dict):
            rest = {name: value for name, value in parts[0].items() if name not in _OF_A_NETWORK} or None
            state = (rest, parts[1]) if parts[1] else rest
        return _restored, (type(self), [tuple(layer) for layer in self.layers]), state

    def __repr__(self) -> str:
        steps = [str(self._network.inputs)]
        for name, (weight, _) in zip(self._activations, self._network.shapes, strict=True):
            outputs = weight[-1] // 2 if described(name)[0] in GATED else weight[-1]
            steps.append(f"{outputs} {_in_words(name)}")
        population = f"population {self._network.leading}, " if self._network.leading else ""
        return f"MLP({' -> '.join(steps)}, {population}{self.dtype}, {self.num_parameters} parameters)"


def _copied(activation: Any) -> Any:
    """An activation that no caller can change."""
    if not isinstance(activation, tuple):
        return activation
    name, given = activation
    if isinstance(given, Mapping):
        return name, {
            word: np.array(value) if isinstance(value, np.ndarray) else value for word, value in given.items()
        }
    return name, _own(given)


def _own(value: Any) -> Any:
    return np.array(value) if isinstance(value, np.ndarray) and value.ndim else value


def _in_words(activation: Any) -> str:
    if not isinstance(activation, tuple):
        return activation or "linear"
    name, given = activation
    if not isinstance(given, Mapping):
        return f"{name}({given})" if not isinstance(given, np.ndarray) else f"{name}(...)"
    words = [f"{word}={'...' if isinstance(value, np.ndarray) else value}" for word, value in given.items()]
    return f"{name}({', '.join(words)})"


# What the layers alone make.
_OF_A_NETWORK = frozenset({"_dtype", "_network", "_activations"})


def _restored(kind: type[MLP], layers: list[tuple[Any, Any, Any]]) -> MLP:
    network: MLP = object.__new__(kind)
    MLP.__init__(network, layers)
    return network
