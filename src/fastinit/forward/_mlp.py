"""Networks of dense layers with packed weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import _kernels
from .._arguments import DTypeLike, Real, Reals, Threads, check_flag, check_threads
from .._safetensors import PathLike
from ..runtime import thread_limit
from . import _files
from ._activation import GATED, Activation, check_columns, check_parameters, described, resolve
from ._arrays import converted, own, packable, written
from ._checks import (
    check_as_many,
    check_layers,
    check_mlp,
    check_network_dtype,
    check_network_input,
    check_position,
    check_result,
    check_rounded,
    check_rows_for_each,
    check_same_activation,
    check_same_layers,
    check_update,
)
from ._spelled import in_words, is_same, with_arrays

Network = TypeVar("Network", bound="MLP")


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
    transpose_weight : bool
        Whether the weights are (..., out, in), as PyTorch stores them.

    Attributes
    ----------
    layers : list of Layer
        Copies of the arrays, and the activations.
    weights, biases : list of numpy.ndarray
        The same arrays alone. They are copies, because weights lie packed, in an order of the instruction set's.
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
    each. With as many networks as rows, (P, in) is still one batch for all: `each` takes it for a row for each.

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

    def __init__(
        self, layers: Iterable[tuple[Reals, Reals | None, Activation]], *, transpose_weight: bool = False
    ) -> None:
        given = [Layer(*layer) for layer in check_layers(layers)]
        transpose_weight = check_flag("transpose_weight", transpose_weight)
        functions = [resolve(layer.activation) for layer in given]
        gated = [function.takes == _kernels.HALVES for function in functions]
        dtype, leading = check_mlp([(layer.weight, layer.bias) for layer in given], gated, transpose_weight)
        parts = []
        for layer, function in zip(given, functions, strict=True):
            weight = layer.weight.swapaxes(-1, -2) if transpose_weight else layer.weight
            check_parameters(layer.activation, dtype)
            check_columns(layer.activation, weight.shape[-1])
            parts.append((packable(weight), None if layer.bias is None else own(layer.bias), function))
        self._dtype = dtype
        self._network = _kernels.Network(dtype.code, parts, leading)
        self._activations = [with_arrays(layer.activation, np.array) for layer in given]  # no caller can change them

    @classmethod
    def from_arrays(
        cls,
        weights: Sequence[Reals],
        biases: Sequence[Reals | None] | None = None,
        activation: Activation = "relu",
        output_activation: Activation = None,
        *,
        transpose_weight: bool = False,
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
        layers = zip(weights, [None] * len(weights) if biases is None else biases, activations, strict=True)
        return cls(layers, transpose_weight=transpose_weight)

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

    def each(self, x: NDArray[Real], out: NDArray[Real] | None = None, *, threads: Threads = None) -> NDArray[Real]:
        """Run one row for each network of a population: x of shape (P, in), a result of (P, out).

        P are the population's leading axes, any number of them; without any it is the plain call for one row. A plain
        call takes (P, in) for one batch that all networks run.

        Examples
        --------
        >>> import fastinit
        >>> import numpy as np
        >>> population = fastinit.MLP([(np.arange(3.0).reshape(3, 1, 1), None, None)])
        >>> population.each(np.ones((3, 1)))
        array([[0.],
               [1.],
               [2.]])
        >>> population(np.ones((3, 1))).shape
        (3, 3, 1)
        """
        leading: tuple[int, ...] = self._network.leading
        check_rows_for_each(x, self._dtype, (*leading, self._network.inputs))
        if out is None:
            return self(x[..., None, :], threads=threads)[..., 0, :]
        check_result(out, self._dtype, (*leading, self._network.outputs), x=x)
        self(x[..., None, :], out[..., None, :], threads=threads)
        return out

    def predict(self, x: Any, out: NDArray[Real] | None = None, *, threads: Threads = None) -> NDArray[Any]:
        """Run whatever NumPy makes an array of real numbers of, rounded to the network's dtype.

        Lists, integers, other floats, tensors on the CPU. The plain call takes arrays of the network's dtype alone, so
        that nothing is converted by mistake, again and again.

        Examples
        --------
        >>> import fastinit
        >>> import numpy as np
        >>> fastinit.MLP([(np.eye(2, dtype=np.float32), None, "relu")]).predict([[1, -2]])
        array([[1., 0.]], dtype=float32)
        """
        return self(converted(x, self._dtype.numpy), out, threads=threads)

    def update(
        self,
        index: int,
        weight: Reals | None = None,
        bias: Reals | None = None,
        *,
        transpose_weight: bool = False,
    ) -> None:
        """Copy new values into a layer, in place; None leaves the old ones.

        The arrays have the shapes and the dtype of those that they replace, but for a weight (..., out, in) with
        `transpose_weight`.

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
        transpose_weight = check_flag("transpose_weight", transpose_weight)
        for name, new, shape in zip(
            ("weight", "bias"), (weight, bias), self._shapes(index, transpose_weight), strict=True
        ):
            if new is not None:
                check_update(name, new, self._dtype, shape)
        self._set(index, weight, bias, transpose_weight)

    def update_from(
        self, layers: MLP | Iterable[tuple[Reals, Reals | None, Activation]], *, transpose_weight: bool = False
    ) -> None:
        """Copy the values of other layers into all of these, in place.

        Layers that hold these bits already are left as they are. The others' shapes, dtype and activations are those
        of the network, and `fastinit.convert.layers_of` makes layers of a framework's model:
        ``policy.update_from(layers_of(module))``.

        Parameters
        ----------
        layers : MLP or iterable of (weight, bias, activation)
            As many as the network has.
        transpose_weight : bool
            Whether the weights are (..., out, in).

        Raises
        ------
        TypeError, ValueError
            If one does not fit. Nothing has been written then.

        Examples
        --------
        >>> import fastinit
        >>> import numpy as np
        >>> network = fastinit.MLP([(np.zeros((2, 2)), None, "tanh")])
        >>> network.update_from([(np.eye(2), None, "tanh")])
        >>> network.weights
        [array([[1., 0.],
               [0., 1.]])]
        """
        new = [Layer(*layer) for layer in check_layers(layers.layers if isinstance(layers, MLP) else layers)]
        transpose_weight = check_flag("transpose_weight", transpose_weight)
        check_same_layers(new, len(self._activations))
        for i, layer in enumerate(new):
            weight, bias = self._shapes(i, transpose_weight)
            check_update(f"layers[{i}]: weight", layer.weight, self._dtype, weight)
            if layer.bias is not None or bias is not None:
                check_update(f"layers[{i}]: bias", layer.bias, self._dtype, bias)
            old = self._activations[i]
            check_same_activation(i, is_same(layer.activation, old), layer.activation, old)
        for i, layer in enumerate(new):
            self._set(i, layer.weight, layer.bias, transpose_weight)

    def _shapes(self, index: int, transpose_weight: bool) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
        """Of a layer's weight, as the caller has it, and of its bias."""
        weight, bias = self._network.shapes[index]
        return ((*weight[:-2], weight[-1], weight[-2]) if transpose_weight else weight), bias

    def _set(self, index: int, weight: Reals | None, bias: Reals | None, transpose_weight: bool) -> None:
        if weight is not None and transpose_weight:
            weight = weight.swapaxes(-1, -2)
        self._network.set(index, None if weight is None else packable(weight), None if bias is None else own(bias))

    def astype(self: Network, dtype: DTypeLike) -> Network:
        """Return a copy whose arrays are rounded to another dtype, float32 or float64.

        Examples
        --------
        >>> import fastinit
        >>> import numpy as np
        >>> fastinit.MLP([(np.eye(2), None, "tanh")]).astype("float32")
        MLP(2 -> 2 tanh, float32, 4 parameters)
        """
        kind = check_network_dtype(dtype).numpy
        layers = []
        for i, (weight, bias, activation) in enumerate(self.layers):
            arrays: list[Any] = []
            for name, array in (("weight", weight), ("bias", bias)):
                with np.errstate(over="ignore"):
                    arrays.append(None if array is None else array.astype(kind))
                if array is not None:
                    check_rounded(i, name, array, arrays[-1])
            layers.append((*arrays, with_arrays(activation, lambda values: values.astype(kind))))
        again = copy.copy(self)
        MLP.__init__(again, layers)
        return again

    def save(self, path: PathLike) -> None:
        """Write the network as a safetensors file.

        Weights (in, out) and biases are its tensors, ``layers.0.weight``, ``layers.0.bias`` and so on; the activations
        stand in its metadata. A file that was there before stays whole until the new one is.

        Examples
        --------
        >>> import fastinit, pathlib, tempfile
        >>> import numpy as np
        >>> network = fastinit.MLP([(np.eye(2), None, ("leaky_relu", 0.2))])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "network.safetensors"
        ...     network.save(path)
        ...     fastinit.MLP.load(path)
        MLP(2 -> 2 leaky_relu(0.2), float64, 4 parameters)
        """
        _files.write(path, self.layers, self._more())

    @classmethod
    def load(cls: type[Network], path: PathLike) -> Network:
        """Read a network that `save` wrote, bit for bit.

        Raises
        ------
        OSError, ValueError
            If there is no file, or it is another's. `fastinit.convert.from_safetensors` reads those.
        """
        layers, metadata = _files.read(path)
        network = _restored(cls, layers)
        network._take(metadata)
        return network

    def _more(self) -> dict[str, str]:
        """What a subclass adds to a file's metadata."""
        return {}

    def _take(self, metadata: dict[str, str]) -> None:
        """What a subclass reads of it again."""

    @property
    def layers(self) -> list[Layer]:
        """Copies of the arrays, and the activations, layer by layer."""
        return [Layer(*self._network.get(i), activation) for i, activation in enumerate(self._activations)]

    @property
    def weights(self) -> list[Reals]:
        """Copies of the weights, layer by layer."""
        return [layer.weight for layer in self.layers]

    @property
    def biases(self) -> list[Reals | None]:
        """Copies of the biases, layer by layer; None for a layer without one."""
        return [layer.bias for layer in self.layers]

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
            steps.append(f"{outputs} {in_words(name)}")
        population = f"population {self._network.leading}, " if self._network.leading else ""
        return (
            f"{type(self).__name__}({' -> '.join(steps)}, {population}{self.dtype}, {self.num_parameters} parameters)"
        )


# What the layers alone make.
_OF_A_NETWORK = frozenset({"_dtype", "_network", "_activations"})


def _restored(kind: type[Network], layers: list[tuple[Any, Any, Any]]) -> Network:
    network: Network = object.__new__(kind)
    MLP.__init__(network, layers)
    return network
