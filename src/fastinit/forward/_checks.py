"""Checks and error sentences of the forward pass: activations, layers and networks. See `_arguments`."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import _kernels
from .._arguments import (
    DTYPES,
    DType,
    brief,
    check_dtype,
    check_fits,
    check_out,
    has_masked,
    is_int,
    is_sequence,
    real_number,
    suggestion,
)

# What other libraries call activations that are here; the aliases of csrc/activations.def beside.
_ELSEWHERE = {
    "geluapproximate": "gelu_tanh",
    "gelupytorchtanh": "gelu_tanh",
    "none": "linear",
    "thresholdrelu": "thresholded_relu",
}
_SENTENCE = "an activation must be a name, a (name, parameter) pair or a (name, {parameter: value}) pair"


def check_activation(activation: Any, known: Mapping[str, Mapping[str, tuple[float, str]]]) -> tuple[str, list[Any]]:
    """The name of an activation and the values of all its parameters, in their order.

    `known` holds the names, and for each the parameters with their standard values and what they may be. A value for
    each column stays an array.
    """
    name, given = activation, None
    if isinstance(activation, tuple):
        if len(activation) != 2:
            raise TypeError(f"{_SENTENCE}. Received: {brief(activation)}")
        name, given = activation
    if not isinstance(name, str):
        raise TypeError(f"{_SENTENCE}. Received: {brief(activation)}")
    name = _kernels.ACTIVATION_ALIASES.get(name, name)
    if name not in known:
        aliases = {alias.replace("_", ""): own for alias, own in _kernels.ACTIVATION_ALIASES.items()}
        hint = suggestion(name, known, _ELSEWHERE | aliases)
        raise ValueError(f"an activation must be one of {', '.join(known)}. {hint}Received: {brief(name)}")
    parameters = known[name]
    if given is None:
        given = {}
    elif not parameters:
        raise ValueError(f"the activation {name} takes no parameter. Received: {brief(activation)}")
    elif not isinstance(given, Mapping):
        given = {next(iter(parameters)): given}
    for word in given:
        if word not in parameters:
            hint = suggestion(word, parameters)
            raise ValueError(f"the parameters of {name} are {', '.join(parameters)}. {hint}Received: {brief(word)}")
    values: list[Any] = []
    for word, (standard, limit) in parameters.items():
        value = given.get(word)
        values.append(standard if value is None else _parameter(name, word, value, limit, values))
    for (word, (_, limit)), value in zip(parameters.items(), values, strict=True):
        if limit == "at least":
            _check_order(name, word, value, list(parameters), values)
    return name, values


def _parameter(name: str, word: str, value: Any, limit: str, before: list[Any]) -> Any:
    """A value that its limit allows."""
    if limit == "finite, or an array":
        if isinstance(value, np.ndarray) and value.ndim == 1:
            check_real_array(word, value)
            if has_masked(value):
                raise ValueError(f"`{word}` of {name} must hold no masked element. Received: a masked array")
            if not np.isfinite(value).all():
                raise ValueError(f"`{word}` of {name} must be finite. Received: infinities or NaN")
            return np.array(value)
        if isinstance(value, np.ndarray) and value.ndim > 1:
            raise ValueError(
                f"`{word}` of {name} must be a number or an array of one axis, a value for each column. "
                f"Received: shape {value.shape}"
            )
    number = real_number(word, value)
    allowed = {
        "finite": math.isfinite(number),
        "finite, or an array": math.isfinite(number),
        "finite and > 0": 0.0 < number < math.inf,
        "finite and >= 0": 0.0 <= number < math.inf,
        ">= 0": number >= 0.0,
    }
    if not allowed.get(limit, not math.isnan(number)):
        word_for = "a number" if limit == "at least" else limit.partition(",")[0]
        raise ValueError(f"`{word}` of {name} must be {word_for}. Received: {word}={brief(value)}")
    return number


def _check_order(name: str, word: str, value: float, words: list[str], values: list[Any]) -> None:
    lower = words.index(word) - 1
    if not values[lower] <= value:
        raise ValueError(
            f"`{word}` of {name} must be at least `{words[lower]}`. "
            f"Received: {words[lower]}={values[lower]}, {word}={value}"
        )


def check_activation_parameters(
    name: str, parameters: Mapping[str, tuple[float, str]], values: Sequence[Any], dtype: DType
) -> None:
    """What is left to check of parameters once the dtype that they are rounded to is known."""
    least = float(np.finfo(dtype.numpy).tiny)
    for (word, (_, limit)), value in zip(parameters.items(), values, strict=True):
        if isinstance(value, np.ndarray):
            _check_like(word, value, dtype)
            continue
        if math.isfinite(value):
            check_fits(abs(value), f"{name} with {word}={value}", dtype)
        if limit == "finite and > 0" and value < least:
            raise ValueError(
                f"`{word}` of {name} must be at least {least:.6g} in {dtype.numpy}. Received: {word}={value}"
            )


def check_activation_columns(name: str, values: Sequence[Any], columns: int) -> None:
    """Whether an activation can be computed of rows of so many columns."""
    if name in _kernels.GATED_ACTIVATIONS and columns % 2 != 0:
        raise ValueError(
            f"{name} must have an even number of columns, the second half of which are its gates. Received: {columns}"
        )
    for value in values:
        if isinstance(value, np.ndarray) and value.shape != (columns,):
            raise ValueError(
                f"the parameter of {name} must be a number or have a value for each of the {columns} columns. "
                f"Received: shape {value.shape}"
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


def check_float_array(name: str, value: Any) -> tuple[DType, DType]:
    """The dtype of an array of a float dtype, and that in which it is computed."""
    sentence = f"`{name}` must be a NumPy array of float32, float64, float16 or bfloat16"
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{sentence}. Received: {type(value).__name__}")
    dtype = DTYPES.get(value.dtype)
    if dtype is None:
        if value.dtype.name == "bfloat16" and value.dtype.isnative:
            dtype = check_dtype(value.dtype)
        else:
            order = "" if value.dtype.isnative else " in native byte order"
            raise TypeError(f"{sentence}{order}. Received: dtype {value.dtype!r}")
    return dtype, DTYPES[np.dtype(np.float64 if dtype.code == _kernels.FLOAT64 else np.float32)]


def check_of_rows(name: str, axis: Any, where: Any) -> None:
    """For an activation of single values."""
    word = "`where`" if where is not None else "`axis`" if type(axis) is not int or axis != -1 else None
    if word is not None:
        raise ValueError(f"{word} must be left out where an activation takes single values. Received: {name}")


def check_row_axes(name: str, x: np.ndarray, axis: Any, several: bool) -> tuple[int, ...]:
    """The axes of an activation's rows, in their order."""
    if x.ndim == 0:
        raise ValueError(f"`x` must have at least one axis for {name}. Received: a 0-D array")
    given = axis if isinstance(axis, tuple) and several else (axis,)
    kinds = "an int or a tuple of ints" if several else "an int"
    if not all(is_int(a) for a in given):
        raise TypeError(f"`axis` must be {kinds} for {name}. Received: axis={brief(axis)}")
    places = [operator.index(a) for a in given]
    if not places or not all(-x.ndim <= a < x.ndim for a in places) or len({a % x.ndim for a in places}) < len(places):
        raise ValueError(
            f"`axis` must name axes of `x`, each once and at least one, in [{-x.ndim}, {x.ndim}). "
            f"Received: axis={brief(axis)}"
        )
    return tuple(sorted(a % x.ndim for a in places))


def check_mask(name: str, where: Any, shape: tuple[int, ...], maskable: Collection[str]) -> np.ndarray:
    """A mask, broadcast to a shape."""
    if name not in maskable:
        raise ValueError(f"`where` must be left out for all but {', '.join(maskable)}. Received: {name}")
    if not isinstance(where, np.ndarray) or where.dtype != np.bool_ or has_masked(where):
        received = f"dtype {where.dtype}" if isinstance(where, np.ndarray) else type(where).__name__
        raise TypeError(f"`where` must be a NumPy array of bool. Received: {received}")
    try:
        return np.broadcast_to(where, shape)
    except ValueError:
        raise ValueError(
            f"`where` must be broadcast to the shape of `x`, {shape}. Received: shape {where.shape}"
        ) from None


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


def check_mlp(
    arrays: Sequence[tuple[Any, Any]], gated: Sequence[bool], transpose_weight: bool = False
) -> tuple[DType, tuple[int, ...]]:
    """The dtype of a network, and the leading axes of its population; gated layers have half as many outputs."""
    dtype = check_real_array("weight", arrays[0][0])
    layout = "(..., out, in)" if transpose_weight else "(..., in, out)"
    inputs, outputs = (-1, -2) if transpose_weight else (-2, -1)
    leading: tuple[int, ...] = ()
    width = None
    for i, (weight, bias) in enumerate(arrays):
        name = f"layers[{i}]"
        _check_like(f"{name}: weight", weight, dtype, "the first weight")
        if weight.ndim < 2:
            raise ValueError(f"`{name}: weight` must have at least two axes, {layout}. Received: {weight.shape}")
        if weight.ndim > 32:
            raise ValueError(f"`{name}: weight` must have at most 32 axes. Received: {weight.ndim}")
        if width is not None and weight.shape[inputs] != width:
            raise ValueError(
                f"`{name}: weight` must have as many inputs as the layer before has outputs. "
                f"Received: shapes {arrays[i - 1][0].shape} and {weight.shape}"
            )
        width = weight.shape[outputs]
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
        if gated[i]:
            width //= 2
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
        hint = "each() takes one row for each network. " if x.shape == (*leading, inputs) else ""
        raise ValueError(
            f"`x` must be ({inputs},), (batch, {inputs}) or have the population's leading axes {leading} before these. "
            f"{hint}Received: {x.shape}"
        )
    return (*leading, *x.shape[-2:-1], outputs)


def check_rows_for_each(x: Any, dtype: DType, shape: tuple[int, ...]) -> None:
    _check_like("x", x, dtype, "the network")
    if x.shape != shape:
        raise ValueError(f"`x` must be {shape}, a row for each network. Received: {x.shape}")


def check_same_layers(layers: Sequence[tuple[Any, Any, Any]], count: int) -> None:
    if len(layers) != count:
        raise ValueError(f"`layers` must be as many as the network has, {count}. Received: {len(layers)}")


def check_same_activation(index: int, same: bool, new: Any, old: Any) -> None:
    if not same:
        raise ValueError(
            f"`layers[{index}]: activation` must be the network's, {brief(old)}; make a new one. Received: {brief(new)}"
        )


def check_network_dtype(dtype: Any) -> DType:
    found = check_dtype(dtype)
    if found.code not in (_kernels.FLOAT32, _kernels.FLOAT64):
        raise TypeError(f"`dtype` must be float32 or float64. Received: {brief(dtype)}")
    return found


def check_rounded(index: int, name: str, array: np.ndarray, rounded: np.ndarray) -> None:
    """What was finite still is."""
    if not np.isfinite(rounded).all() and (np.isinf(rounded) & np.isfinite(array)).any():
        raise ValueError(
            f"every finite value must be finite in {rounded.dtype}. "
            f"Received: {np.abs(array[np.isfinite(array)]).max():.6g} in layers[{index}]: {name}"
        )


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


def check_same_or_apart(x: np.ndarray, out: np.ndarray, apart: bool = False) -> None:
    """`out`, which is C-contiguous and of x's shape, is exactly the memory of `x` or none of it."""
    if apart:
        if np.may_share_memory(x, out) and np.shares_memory(x, out):
            raise ValueError(
                "`out` must be apart from the memory of `x` where it has half its columns. "
                "Received: an `out` that overlaps `x`"
            )
        return
    same = x.flags.c_contiguous and x.ctypes.data == out.ctypes.data
    if not same and np.may_share_memory(x, out) and np.shares_memory(x, out):
        raise ValueError("`out` must be the memory of `x` or apart from it. Received: an `out` that overlaps `x`")
