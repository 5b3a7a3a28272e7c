"""Checks and error sentences of the forward pass: activations, layers and networks. See `_arguments`."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import _kernels
from .._arguments import (
    DTYPES,
    DType,
    brief,
    check_fits,
    check_number,
    check_out,
    is_int,
    is_sequence,
    suggestion,
)

# What other libraries call activations that are here.
_ELSEWHERE = {
    "geluapproximate": "gelu_tanh",
    "gelunew": "gelu_tanh",
    "hardswish": "hard_silu",
    "identity": "linear",
    "logistic": "sigmoid",
    "none": "linear",
    "swish": "silu",
}


def check_activation(activation: Any, parameters: Mapping[str, float | None]) -> tuple[str, float]:
    """A name, or a pair of a name and its parameter; `parameters` holds the names and their defaults."""
    name, given = activation, None
    if isinstance(activation, tuple):
        if len(activation) != 2:
            raise TypeError(f"an activation must be a name or a (name, parameter) pair. Received: {brief(activation)}")
        name, given = activation
    if not isinstance(name, str):
        raise TypeError(f"an activation must be a name or a (name, parameter) pair. Received: {brief(activation)}")
    if name not in parameters:
        hint = suggestion(name, parameters, _ELSEWHERE)
        raise ValueError(f"an activation must be one of {', '.join(parameters)}. {hint}Received: {brief(name)}")
    default = parameters[name]
    if given is None:
        return name, 0.0 if default is None else default
    if default is None:
        takers = ", ".join(each for each, value in parameters.items() if value is not None)
        raise ValueError(f"only the activations {takers} take a parameter. Received: {brief(activation)}")
    number = check_number("parameter", given)
    if name == "softplus" and not number > 0.0:
        raise ValueError(f"the parameter of softplus, beta, must be > 0. Received: beta={given}")
    return name, number


def check_activation_parameter(name: str, parameter: float, dtype: DType) -> None:
    """What is left to check of a parameter once the dtype that it is rounded to is known."""
    check_fits(abs(parameter), f"{name} with parameter {parameter}", dtype)
    least = float(np.finfo(dtype.numpy).tiny)
    if name == "softplus" and parameter < least:
        raise ValueError(
            f"the parameter of softplus, beta, must be at least {least:.6g} in {dtype.numpy}. "
            f"Received: beta={parameter}"
        )


def check_real_array(name: str, value: Any) -> DType:
    """The dtype of an array of float32 or float64."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"`{name}` must be a NumPy array of float32 or float64. Received: {type(value).__name__}")
    dtype = DTYPES.get(value.dtype)
    if dtype is None or dtype.code not in (_kernels.FLOAT32, _kernels.FLOAT64):
        order = "" if value.dtype.isnative else " in native byte order"
        raise TypeError(f"`{name}` must be a NumPy array of float32 or float64{order}. Received: dtype {value.dtype!r}")
    return dtype


def check_rows(name: str, x: np.ndarray) -> None:
    if x.ndim == 0:
        raise ValueError(f"`x` must have at least one axis for {name}. Received: a 0-D array")


def check_result(out: np.ndarray | None, dtype: DType, shape: tuple[int, ...], **inputs: np.ndarray | None) -> None:
    """The caller's `out`, if there is one, takes this result, and shares no element with the inputs."""
    if out is None:
        return
    check_out(out, dtype, shape)
    for name, array in inputs.items():
        if array is not None and np.may_share_memory(out, array) and np.shares_memory(out, array):
            raise ValueError(f"`out` must lie apart from the other arrays. Received: an `out` that overlaps `{name}`")


def check_dense(x: Any, weight: Any, bias: Any, transpose_weight: bool) -> tuple[DType, tuple[int, ...]]:
    """The dtype and the shape of a dense layer's result."""
    dtype = check_real_array("x", x)
    _check_like("weight", weight, dtype)
    layout = "(..., out, in)" if transpose_weight else "(..., in, out)"
    received = f"Received: x of shape {x.shape}, weight of shape {weight.shape}"
    if x.ndim < 1:
        raise ValueError("`x` must have at least one axis. Received: a 0-D array")
    if weight.ndim < 2:
        raise ValueError(f"`weight` must have at least two axes, {layout}. {received}")
    inputs, outputs = (-1, -2) if transpose_weight else (-2, -1)
    if weight.shape[inputs] != x.shape[-1]:
        raise ValueError(f"`weight` must be {layout}, with as many inputs as the last axis of `x`. {received}")
    try:
        leading = np.broadcast_shapes(x.shape[:-2], weight.shape[:-2])
    except ValueError:
        raise ValueError(f"the leading axes of `x` and `weight` must fit as in numpy.matmul. {received}") from None
    if bias is not None:
        _check_like("bias", bias, dtype)
        fits = bias.ndim >= 1 and bias.shape[-1] == weight.shape[outputs] and bias.ndim - 1 <= len(leading)
        try:
            fits = fits and np.broadcast_shapes(leading, bias.shape[:-1]) == leading
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                "`bias` must be (out,), or (..., out) with leading axes that fit those of the result. "
                f"Received: bias of shape {bias.shape}, weight of shape {weight.shape}"
            )
    shape = (*leading, *x.shape[-2:-1], weight.shape[outputs])
    if max(len(shape), weight.ndim) > 32:
        raise ValueError(f"arrays must have at most 32 axes, and so must the result. {received}")
    return dtype, shape


def _check_like(name: str, value: Any, dtype: DType, like: str = "`x`") -> None:
    if check_real_array(name, value) is not dtype:
        raise TypeError(f"`{name}` must have the dtype of {like}, {dtype.numpy}. Received: dtype {value.dtype!r}")


def check_layers(layers: Any) -> list[tuple[Any, Any, Any]]:
    """Layers as a list of triples."""
    sentence = "`layers` must be an iterable of (weight, bias, activation)"
    if not isinstance(layers, Iterable):
        raise TypeError(f"{sentence}. Received: {type(layers).__name__}")
    result = list(layers)
    if not result:
        raise ValueError(f"{sentence}, at least one. Received: none")
    for i, layer in enumerate(result):
        if not isinstance(layer, (tuple, list)) or len(layer) != 3:
            what = f"{len(layer)} things" if isinstance(layer, (tuple, list)) else type(layer).__name__
            raise TypeError(f"{sentence}. Received: {what} as layer {i}")
    return result


def check_mlp(arrays: Sequence[tuple[Any, Any]]) -> tuple[DType, tuple[int, ...]]:
    """The dtype of a network, and the leading axes of its population."""
    dtype = check_real_array("weight", arrays[0][0])
    leading: tuple[int, ...] = ()
    width = None
    for i, (weight, bias) in enumerate(arrays):
        name = f"layers[{i}]"
        _check_like(f"{name}: weight", weight, dtype, "the first weight")
        if weight.ndim < 2:
            raise ValueError(f"`{name}: weight` must have at least two axes, (..., in, out). Received: {weight.shape}")
        if weight.ndim > 32:
            raise ValueError(f"`{name}: weight` must have at most 32 axes. Received: {weight.ndim}")
        if width is not None and weight.shape[-2] != width:
            raise ValueError(
                f"`{name}: weight` must have as many inputs as the layer before has outputs. "
                f"Received: shapes {arrays[i - 1][0].shape} and {weight.shape}"
            )
        width = weight.shape[-1]
        if bias is not None:
            _check_like(f"{name}: bias", bias, dtype, "the first weight")
            if bias.shape not in ((width,), (*weight.shape[:-2], width)):
                raise ValueError(
                    f"`{name}: bias` must be (out,) or (..., out) with the weight's leading axes. "
                    f"Received: bias of shape {bias.shape}, weight of shape {weight.shape}"
                )
        if weight.ndim > 2:
            if leading and weight.shape[:-2] != leading:
                raise ValueError(
                    f"the leading axes of all weights must be the same, or none. "
                    f"Received: {leading} and, in {name}, {weight.shape[:-2]}"
                )
            leading = weight.shape[:-2]
    return dtype, leading


def check_network_input(x: Any, dtype: DType, inputs: int, outputs: int, leading: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a network's result."""
    _check_like("x", x, dtype, "the network")
    if x.ndim > 32:
        raise ValueError(f"`x` must have at most 32 axes. Received: {x.ndim}")
    if x.ndim < 1 or x.shape[-1] != inputs:
        raise ValueError(f"`x` must be (..., {inputs}), as the first layer has {inputs} inputs. Received: {x.shape}")
    if not leading:
        return (*x.shape[:-1], outputs)
    try:
        fits = np.broadcast_shapes(x.shape[:-2], leading) == leading
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"`x` must be ({inputs},), (batch, {inputs}) or have the population's leading axes {leading} before these. "
            f"Received: {x.shape}"
        )
    return (*leading, *x.shape[-2:-1], outputs)


def check_update(name: str, new: Any, dtype: DType, shape: tuple[int, ...] | None) -> None:
    if shape is None:
        raise ValueError(f"`{name}` must be None for a layer without one. Received: {type(new).__name__}")
    if check_real_array(name, new) is not dtype or new.shape != shape:
        raise ValueError(
            f"`{name}` must be like the one it replaces, {dtype.numpy} of shape {shape}. "
            f"Received: {new.dtype} of shape {new.shape}"
        )


def check_position(index: Any, count: int) -> int:
    if not is_int(index):
        raise TypeError(f"a layer's index must be an int. Received: {index!r}")
    if not -count <= index < count:
        raise IndexError(f"a layer's index must lie in [{-count}, {count}). Received: {index}")
    return operator.index(index) % count


def check_as_many(weights: Any, biases: Any) -> None:
    for name, values in (("weights", weights), ("biases", biases)):
        if values is not None and not is_sequence(values):
            raise TypeError(f"`{name}` must be a sequence of arrays. Received: {type(values).__name__}")
    if weights is None or len(weights) == 0:
        raise ValueError("`weights` must hold at least one array. Received: none")
    if biases is not None and len(biases) != len(weights):
        raise ValueError(
            f"`biases` must be as many as the weights. Received: {len(biases)} biases, {len(weights)} weights"
        )


def check_same_or_apart(x: np.ndarray, out: np.ndarray) -> None:
    """`out`, which is C-contiguous and of x's shape, is exactly the memory of `x` or none of it."""
    same = x.flags.c_contiguous and x.ctypes.data == out.ctypes.data
    if not same and np.may_share_memory(x, out) and np.shares_memory(x, out):
        raise ValueError("`out` must be the memory of `x` or apart from it. Received: an `out` that overlaps `x`")
