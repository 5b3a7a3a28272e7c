"""The forward pass: a dense layer, an activation, and networks of dense layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import _kernels
from ._activation import Activation, activate, resolve
from ._memory import empty_in_huge_pages
from ._validation import DType, check_flag, check_out, check_threads
from ._validation_forward import (
    check_activation_parameter,
    check_apart,
    check_as_many,
    check_dense,
    check_layers,
    check_mlp,
    check_network_input,
    check_position,
    check_real_array,
    check_update,
)
from .runtime import thread_limit

__all__ = ["MLP", "Layer", "activate", "dense"]


def dense(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    activation: Activation = None,
    *,
    out: np.ndarray | None = None,
    transpose_weight: bool = False,
    threads: Any = None,
) -> np.ndarray:
    """Compute ``activation(x @ weight + bias)`` in one call.

    Parameters
    ----------
    x : numpy.ndarray
        Shape (in,), (batch, in) or (..., batch, in), of float32 or float64, with any strides.
    weight : numpy.ndarray
        Shape (in, out) or (..., in, out), of the dtype of `x`. Leading axes of `x` and `weight` are
        broadcast as in `numpy.matmul`: many small networks in one call.
    bias : numpy.ndarray, optional
        Shape (out,) or (..., out); its leading axes are those of `weight`, or are broadcast to those of
        the result. It is added as ``bias[..., None, :]``, once, after the last product.
    activation : str or (str, float), optional
        A name as in `activate`, with a value for its parameter or not. softmax and log_softmax work on
        the last axis.
    out : numpy.ndarray, optional
        Where to write the result: C-contiguous, writable, of its shape and dtype, and apart from the memory of
        the other arrays.
    transpose_weight : bool
        Whether `weight` is (..., out, in), as PyTorch stores it.
    threads : int, optional
        The most threads to use; as many as are useful by default.

    Returns
    -------
    numpy.ndarray
        The shape is that of ``numpy.matmul(x, weight)``: a 1-D `x` gives a result without the batch axis.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes do not fit, or an argument is none of these. Nothing has been written then.

    Notes
    -----
    Every element is the sum over k, from 0 and in ascending order, of the products x[k] weight[k], each added
    by a fused multiply-add: ``fma(x[n - 1], w[n - 1], ... fma(x[0], w[0], 0.0))``. The order is the same for
    every batch size, number of threads and instruction set, and so are the bits. Products with zero are not
    left out: infinities and NaNs go through, though not the signs of NaNs. Chains run side by side in a vector's
    lanes, one for each output: with a few outputs, such as a critic's single one, most lanes are idle, and libraries
    that split the chain are faster.

    For one weight and many calls, `MLP` keeps a packed copy.

    Examples
    --------
    >>> import fastinit
    >>> import numpy as np
    >>> x, weight = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, -1.0], [0.5, 1.0, 0.0]])
    >>> fastinit.dense(x, weight, np.array([0.0, -3.0, 0.5]), "relu")
    array([[2., 0., 0.]])
    >>> population = np.stack([weight, -weight])
    >>> fastinit.dense(x, population).shape
    (2, 1, 3)
    """
    kind, parameter = resolve(activation)
    if isinstance(activation, tuple):
        check_activation_parameter(activation[0], parameter, check_real_array("x", x))
    if type(transpose_weight) is not bool:
        transpose_weight = check_flag("transpose_weight", transpose_weight)
    limit = thread_limit if threads is None else check_threads(threads)
    result = _kernels.dense(x, weight, bias, kind, parameter, out, transpose_weight, limit)
    if result is not None:
        return result

    # Either an argument is wrong, or something has to be allocated or copied first.
    dtype, shape = check_dense(x, weight, bias, transpose_weight)
    out = _checked_out(out, dtype, shape, x=x, weight=weight, bias=bias)
    own_bias = None if bias is None else _own(bias)
    return _written(_kernels.dense(_own(x), _own(weight), own_bias, kind, parameter, out, transpose_weight, limit))


def _written(out: np.ndarray | None) -> np.ndarray:
    """The kernels' result; for them to leave a checked and copied call to Python would be a fault."""
    if out is None:
        raise AssertionError("the kernels refused a call that had passed every check; please report this")
    return out


def _checked_out(
    out: np.ndarray | None, dtype: DType, shape: tuple[int, ...], **inputs: np.ndarray | None
) -> np.ndarray:
    """The caller's array, if it is one to write this result to, or a new one."""
    if out is None:
        return empty_in_huge_pages(shape, dtype.numpy)
    check_out(out, dtype, shape)
    check_apart(out, **inputs)
    return out


class Layer(NamedTuple):
    """A dense layer: ``activation(x @ weight + bias)``."""

    weight: np.ndarray
    bias: np.ndarray | None
    activation: Activation


class MLP:
    """A network of dense layers whose weights are packed once, run by one call.

    Parameters
    ----------
    layers : iterable of (weight, bias, activation)
        As for `dense`: weights (in, out) or (..., in, out), biases (out,) or (..., out) or None, activations by
        name, by (name, parameter) or None. All arrays have one dtype, float32 or float64. Where weights have leading
        axes, they are those of a population: as many networks, each with its own rows of x; the leading axes
        of all layers are the same, or none for a layer that all networks share. The arrays are copied.

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

    def __init__(self, layers: Iterable[tuple[np.ndarray, np.ndarray | None, Activation]]) -> None:
        given = [Layer(*layer) for layer in check_layers(layers)]
        dtype, leading = check_mlp([(layer.weight, layer.bias) for layer in given])
        described = []
        for layer in given:
            kind, parameter = resolve(layer.activation)
            if isinstance(layer.activation, tuple):
                check_activation_parameter(layer.activation[0], parameter, dtype)
            bias = None if layer.bias is None else _own(layer.bias)
            described.append((_own(layer.weight), bias, kind, parameter))
        self._dtype = dtype
        self._network = _kernels.Network(dtype.code, described, leading)
        self._activations = [layer.activation for layer in given]

    @classmethod
    def from_arrays(
        cls,
        weights: Sequence[np.ndarray],
        biases: Sequence[np.ndarray | None] | None = None,
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

    def __call__(self, x: np.ndarray, out: np.ndarray | None = None, *, threads: Any = None) -> np.ndarray:
        """Run x, of shape (in,), (batch, in) or (..., batch, in), through all layers."""
        limit = thread_limit if threads is None else check_threads(threads)
        result = self._network.run(x, out, limit)
        if result is not None:
            return result
        leading = self._network.leading
        shape = check_network_input(x, self._dtype, self._network.inputs, self._network.outputs, leading)
        out = _checked_out(out, self._dtype, shape, x=x)
        if leading and x.ndim > 2:
            x = np.broadcast_to(x, leading + x.shape[-2:])
        return _written(self._network.run(_own(x), out, limit))

    def update(self, index: int, weight: np.ndarray | None = None, bias: np.ndarray | None = None) -> None:
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
        self._network.set(index, None if weight is None else _own(weight), None if bias is None else _own(bias))

    @property
    def layers(self) -> list[Layer]:
        """Copies of the arrays, and the activations, layer by layer."""
        return [Layer(*self._network.get(i), activation) for i, activation in enumerate(self._activations)]

    @property
    def num_parameters(self) -> int:
        """Elements of all weights and biases."""
        return sum(math.prod(shape) for pair in self._network.shapes for shape in pair if shape is not None)

    @property
    def dtype(self) -> np.dtype:
        """Of weights, inputs and outputs."""
        return self._dtype.numpy

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ([tuple(layer) for layer in self.layers],)

    def __repr__(self) -> str:
        steps = [str(self._network.inputs)]
        for name, (weight, _) in zip(self._activations, self._network.shapes, strict=True):
            word = "linear" if name is None else name if isinstance(name, str) else f"{name[0]}({name[1]})"
            steps.append(f"{weight[-1]} {word}")
        population = f"population {self._network.leading}, " if self._network.leading else ""
        return f"MLP({' -> '.join(steps)}, {population}{self.dtype}, {self.num_parameters} parameters)"


def _own(array: np.ndarray) -> np.ndarray:
    """The array, or a copy that the kernels can read in one piece."""
    return array if array.flags.c_contiguous and array.flags.aligned else np.array(array, order="C")
