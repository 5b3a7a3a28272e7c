"""Checks and error sentences of propagate, lsuv and gain. See `_arguments`."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .._arguments import brief, has_masked, is_int
from .._arithmetic import own_arithmetic


def no_gain(name: str) -> ValueError:
    return ValueError(f"`activation` must be elementwise to have a gain. Received: activation={name!r}")


def no_signal_left(name: str, values: list[Any]) -> ValueError:
    return ValueError(
        "an activation must let something of a standard normal signal through to have a gain. "
        f"Received: {name} with the parameters {values}"
    )


def two_parameters(activation: Any, param: Any) -> ValueError:
    return ValueError(
        "the parameter of an activation must be given once, beside its name or as `param`. "
        f"Received: {activation!r} and param={param!r}"
    )


def check_network(name: str, network: Any) -> tuple[list[int] | None, list[Any] | None]:
    """The widths of a network or its layers, whichever it was given by; the other is None."""
    parts = getattr(network, "layers", network)
    if not isinstance(parts, Sequence) or isinstance(parts, (str, bytes)):
        received = f"an array of shape {parts.shape}" if isinstance(parts, np.ndarray) else type(network).__name__
        raise TypeError(
            f"`{name}`, the first argument, must be an MLP, a list of (weight, bias, activation) or a list of widths. "
            f"Received: {received}"
        )
    if not parts:
        raise ValueError(f"`{name}` must have at least one layer. Received: none")
    if all(isinstance(part, (int, float, np.number)) for part in parts):
        if not all(is_int(part) and part >= 1 for part in parts):
            raise ValueError(f"the widths in `{name}` must be ints >= 1. Received: {list(parts)}")
        if len(parts) < 2:
            raise ValueError(f"`{name}` must have at least two widths. Received: {list(parts)}")
        return [operator.index(width) for width in parts], None
    return None, list(parts)


def only_for_widths(name: str, value: Any) -> ValueError:
    return ValueError(
        f"`{name}` must be left out for a network that is given by its layers, which have their own. "
        f"Received: {name}={brief(value)}"
    )


def check_layer(number: int, layer: Any, inputs: int | None) -> tuple[np.ndarray, np.ndarray | None, Any]:
    """The weight, the bias and the activation of a layer that follows one of so many outputs."""
    try:
        weight, bias, activation = layer
    except (TypeError, ValueError):
        raise TypeError(
            f"layer {number} must be (weight, bias, activation). Received: {type(layer).__name__}"
        ) from None
    if not isinstance(weight, np.ndarray) or weight.ndim != 2 or weight.dtype not in (np.float32, np.float64):
        received = f"{weight.dtype} {weight.shape}" if isinstance(weight, np.ndarray) else type(weight).__name__
        raise TypeError(
            f"the weight of layer {number} must be a float32 or float64 array (in, out) in native byte order. "
            f"Received: {received}"
        )
    if 0 in weight.shape or (inputs is not None and weight.shape[0] != inputs):
        least = "at least one input and output" if inputs is None else f"{inputs} inputs"
        raise ValueError(f"the weight of layer {number} must have {least}. Received: shape {weight.shape}")
    if bias is not None and (
        not isinstance(bias, np.ndarray) or bias.shape != weight.shape[1:] or bias.dtype != weight.dtype
    ):
        received = f"{bias.dtype} {bias.shape}" if isinstance(bias, np.ndarray) else type(bias).__name__
        raise ValueError(
            f"the bias of layer {number} must be None or a {weight.dtype} array {weight.shape[1:]}. "
            f"Received: {received}"
        )
    # The plain memory of a subclass: a matrix multiplies otherwise, and a mask hides nothing from a layer.
    return np.asarray(weight), None if bias is None else np.asarray(bias), activation


def check_same_dtype(number: int, dtype: np.dtype, first: np.dtype) -> None:
    if dtype != first:
        raise TypeError(f"every layer must have the dtype of the first, {first}. Received: {dtype} in layer {number}")


def check_made(weight: Any, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """What a caller's own initializer returned."""
    if not isinstance(weight, np.ndarray) or weight.shape != shape or weight.dtype != dtype:
        received = f"{weight.dtype} {weight.shape}" if isinstance(weight, np.ndarray) else type(weight).__name__
        raise ValueError(f"`initializer` must return a {dtype} array {shape}. Received: {received}")
    if has_masked(weight):
        raise ValueError("`initializer` must return no masked element. Received: a masked array")
    return np.asarray(weight)


def check_batch(x: Any, inputs: int, dtype: np.dtype) -> np.ndarray:
    """A batch of rows for a network of so many inputs, in its dtype."""
    if has_masked(x):
        raise ValueError("`x` must hold no masked element. Received: a masked array")
    try:
        array = np.asarray(x)
    except Exception as error:  # whatever NumPy or another library raises
        raise TypeError(f"`x` must be an array that NumPy can read. Received: {type(x).__name__}") from error
    if array.dtype.kind not in "fiu":
        raise TypeError(f"`x` must be an array of real numbers. Received: {array.dtype}")
    if array.ndim != 2 or array.shape[1] != inputs or not array.size:
        raise ValueError(f"`x` must have shape (batch, {inputs}) and at least one row. Received: {array.shape}")
    with own_arithmetic():  # an infinity is refused below
        array = np.ascontiguousarray(array, dtype)
    if not np.isfinite(array).all():
        raise ValueError(f"`x` must be finite in {dtype}. Received: infinities or NaN")
    return array


def no_spread(spread: float) -> ValueError:
    return ValueError(
        "`x` must have rows that differ, or one row that is not zero: the layers' spread is compared with its own. "
        f"Received: a spread of {spread}"
    )


def not_converged(number: int, std: float, count: int, bias_std: float) -> ValueError:
    return ValueError(
        "every pre-activation must come to std 1 within `tolerance` after at most `max_iterations` scalings of its "
        "weight, and cannot where the bias alone has std 1 or more. "
        f"Received: std={std:.6g} after {count} in layer {number}, whose bias has std {bias_std:.6g}"
    )


def no_signal(number: int, std: float) -> ValueError:
    return ValueError(
        f"every layer must have a pre-activation whose std is finite and > 0. Received: std={std} in layer {number}"
    )


def weight_beyond(number: int, dtype: np.dtype) -> ValueError:
    return ValueError(
        f"every scaled weight must fit {dtype}, and give a pre-activation of std 1 there. "
        f"Received: a batch so large or small that the weight of layer {number} does not"
    )


def check_axes_pair(axes: Any) -> Any:
    if not hasattr(axes, "__len__") or len(axes) != 2 or not all(hasattr(ax, "plot") for ax in axes):
        raise TypeError(f"`target` must be a path or two matplotlib Axes. Received: {type(axes).__name__}")
    return axes


def check_figure_file(path: str, formats: Iterable[str]) -> None:
    """Whether a figure can be drawn into this file, before there is one."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder) or os.path.isdir(path) or not os.access(folder, os.W_OK):
        raise ValueError(
            f"a figure must be written to a file in a folder that exists and is writable. Received: {path}"
        )
    if os.path.splitext(path)[1][1:].lower() not in formats:
        endings = ", ".join(f".{ending}" for ending in sorted(formats))
        raise ValueError(f"a figure's file must end in one of {endings}. Received: {path}")


def no_matplotlib() -> ImportError:
    return ImportError("a plot needs the package matplotlib: pip install 'fastinit[plot]'")
