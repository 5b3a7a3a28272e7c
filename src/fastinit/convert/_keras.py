"""Keras's models: a Sequential by its layers, a functional one back from its output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from ._chain import STRANGE, Chain, Place, Unfit, one_or_each, scale_and_shift


def _of_rows(name: str, axis: Any) -> str:
    if axis not in (-1, 1):
        raise Unfit(f"must work along the last axis. Received: axis={axis}")
    return name


def _relu(slope: float, largest: float | None, threshold: float) -> Any:
    if threshold != 0 or (largest is not None and (largest != 6 or slope != 0)):
        received = f"max_value={largest}, negative_slope={slope}, threshold={threshold}"
        raise Unfit(f"must be relu, leaky relu or relu6. Received: {received}")
    return "relu6" if largest is not None else ("leaky_relu", slope) if slope else "relu"


def _prelu(alpha: NDArray[Any]) -> tuple[str, float]:
    if alpha.size != 1:
        raise Unfit(f"must have one slope for all features. Received: {alpha.size}")
    return "leaky_relu", float(alpha.reshape(()))


def _celu(alpha: float) -> tuple[str, float]:
    if alpha != 1:
        raise Unfit(f"must have alpha 1, where it is elu. Received: {alpha}")
    return "elu", 1.0


def _gelu(approximate: bool) -> str:
    return "gelu_tanh" if approximate else "gelu"


# keras.activations by name, with the parameters that they have there by default.
FUNCTIONS: dict[str, Any] = {
    "celu": ("elu", 1.0),
    "elu": ("elu", 1.0),
    "exponential": "exp",
    "gelu": "gelu",
    "hard_shrink": ("hard_shrink", 0.5),
    "hard_sigmoid": "hard_sigmoid",
    "hard_silu": "hard_silu",
    "hard_tanh": "hard_tanh",
    "leaky_relu": ("leaky_relu", 0.2),
    "linear": None,
    "log_sigmoid": "log_sigmoid",
    "log_softmax": "log_softmax",
    "mish": "mish",
    "relu": "relu",
    "relu6": "relu6",
    "selu": "selu",
    "sigmoid": "sigmoid",
    "silu": "silu",
    "soft_shrink": ("soft_shrink", 0.5),
    "softmax": "softmax",
    "softplus": "softplus",
    "softsign": "softsign",
    "sparse_plus": "sparse_plus",
    "sparse_sigmoid": "sparse_sigmoid",
    "squareplus": ("squareplus", 4.0),
    "tanh": "tanh",
    "tanh_shrink": "tanh_shrink",
}

# Layers that are activations.
LAYERS: dict[type, Callable[[Any], Any]] = {
    layers.Activation: lambda layer: _named(layer.activation),
    layers.ELU: lambda layer: ("elu", float(layer.alpha)),
    layers.LeakyReLU: lambda layer: ("leaky_relu", float(layer.negative_slope)),
    layers.PReLU: lambda layer: _prelu(_array(layer.alpha)),
    layers.ReLU: lambda layer: _relu(layer.negative_slope, layer.max_value, layer.threshold),
    layers.Softmax: lambda layer: _of_rows("softmax", layer.axis),
}

# keras.ops in a functional model, by the names of their classes.
OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "Celu": lambda op: _celu(op.alpha),
    "Elu": lambda op: ("elu", float(op.alpha)),
    "Exp": lambda op: "exp",
    "Gelu": lambda op: _gelu(op.approximate),
    "HardSigmoid": lambda op: "hard_sigmoid",
    "HardSilu": lambda op: "hard_silu",
    "LeakyRelu": lambda op: ("leaky_relu", float(op.negative_slope)),
    "LogSoftmax": lambda op: _of_rows("log_softmax", op.axis),
    "Relu": lambda op: "relu",
    "Relu6": lambda op: "relu6",
    "Selu": lambda op: "selu",
    "Sigmoid": lambda op: "sigmoid",
    "Silu": lambda op: "silu",
    "Softmax": lambda op: _of_rows("softmax", op.axis),
    "Softplus": lambda op: "softplus",
    "Softsign": lambda op: "softsign",
    "Tanh": lambda op: "tanh",
}

_NOTHING = (
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.Dropout,
    layers.Flatten,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.InputLayer,
)
_AFFINE: dict[type, Callable[[Any], tuple[Any, Any]]] = {
    layers.BatchNormalization: lambda layer: _batch_normalization(layer),
    layers.Normalization: lambda layer: _normalization(layer),
    layers.Rescaling: lambda layer: (one_or_each(np.asarray(layer.scale)), one_or_each(np.asarray(layer.offset))),
}
_KNOWN = (layers.Dense, *_NOTHING, *_AFFINE, *LAYERS)


def chain_of(model: Any) -> Chain:
    """What a model computes in evaluation."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"`model` must be a keras.Model. Received: {type(model).__name__}")
    reader = _Reader()
    reader.model("", model)
    return reader.chain


class _Reader:
    def __init__(self) -> None:
        self.chain = Chain()
        self._position = 0

    def model(self, name: str, model: Any) -> None:
        if not model.built:
            raise ValueError("`model` must be built: give it an Input, or call it once. Received: one without weights")
        bases: tuple[Any, ...] = type(model).__mro__
        kind = next((base for base in bases if base.__name__ in ("Sequential", "Functional")), None)
        if kind is None or type(model).call is not kind.call:
            raise ValueError(
                "`model` must be a Sequential or a functional model: what a call() of its own computes cannot be read. "
                f"Received: {type(model).__name__}"
            )
        steps = list(model.layers) if kind.__name__ == "Sequential" else self._backwards(model)
        for step in steps:
            self._step(f"{name}.{step.name}" if name else step.name, step)

    def _backwards(self, model: Any) -> list[Any]:
        """The operations of a functional model, from the last to the first, and turned round."""
        if len(model.inputs) != 1 or len(model.outputs) != 1:
            received = f"{len(model.inputs)} inputs, {len(model.outputs)} outputs"
            raise ValueError(f"`model` must have one input and one output. Received: {received}")
        steps = []
        tensor = model.outputs[0]
        while tensor is not model.inputs[0]:
            operation, index, _ = tensor._keras_history
            tensors = operation._inbound_nodes[index].input_tensors
            if len(tensors) != 1:
                raise ValueError(
                    f"`model` must be one chain of layers. Received: {type(operation).__name__} ({operation.name}), "
                    f"which takes {len(tensors)} tensors"
                )
            steps.append(operation)
            tensor = tensors[0]
        return steps[::-1]

    def _step(self, name: str, step: Any) -> None:
        if isinstance(step, keras.Model):
            return self.model(name, step)
        self._position += 1
        place = Place(self._position - 1, name, type(step).__name__)
        kind = next((base for base in _KNOWN if isinstance(step, base) and type(step).call is base.call), None)
        try:
            self._known(place, kind, step)
        except Unfit as why:
            raise place.error(why) from None
        return None

    def _known(self, place: Place, kind: type | None, step: Any) -> None:
        if not getattr(step, "built", True):
            raise Unfit("must be built: call the model once")
        if kind is layers.Dense:
            if getattr(step, "quantization_mode", None) is not None:
                raise Unfit(f"must not be quantized. Received: {step.quantization_mode}")
            self.chain.dense(place, _array(step.kernel), None if step.bias is None else _array(step.bias))
            if isinstance(step.activation, layers.Layer):
                self._position -= 1  # it belongs to this layer
                self._step(place.name, step.activation)
            else:
                self.chain.activation(place, _named(step.activation))
        elif kind in LAYERS:
            self.chain.activation(place, LAYERS[kind](step))
        elif kind in _AFFINE:
            self.chain.affine(place, *_AFFINE[kind](step))
        elif kind is None and type(step).__module__.startswith("keras.src.ops.") and place.kind in OPERATIONS:
            self.chain.activation(place, OPERATIONS[place.kind](step))
        elif kind not in _NOTHING:
            raise Unfit(STRANGE)


def _array(variable: Any) -> NDArray[Any]:
    """By NumPy itself: keras.ops.convert_to_numpy warns on the torch backend."""
    value = variable.value if isinstance(variable, keras.Variable) else variable
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    array: NDArray[Any] = np.asarray(value)
    return array


def _named(function: Any) -> Any:
    """The activation that one of keras.activations' functions is."""
    if function is None:
        return None
    for name, activation in FUNCTIONS.items():
        if getattr(keras.activations, name, None) is function:
            return activation
    raise Unfit(f"has an activation that fastinit does not have: {getattr(function, '__name__', function)}")


def _batch_normalization(layer: Any) -> tuple[Any, Any]:
    if layer.axis not in (-1, 1):
        raise Unfit(f"must work along the last axis. Received: axis={layer.axis}")
    gamma, beta = (None if each is None else _array(each) for each in (layer.gamma, layer.beta))
    return scale_and_shift(_array(layer.moving_mean), _array(layer.moving_variance), layer.epsilon, gamma, beta)


def _normalization(layer: Any) -> tuple[Any, Any]:
    mean, variance = (one_or_each(_array(each).astype(np.float64)) for each in (layer.mean, layer.variance))
    spread = np.maximum(np.sqrt(variance), keras.config.epsilon())
    return (spread, mean) if layer.invert else (1 / spread, -mean / spread)
