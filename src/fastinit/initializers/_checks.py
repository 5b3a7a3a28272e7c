"""Checks and error sentences of the initializers. See `_arguments`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments import (
    DType,
    Target,
    brief,
    check_axes,
    check_fits,
    check_number,
    check_positive,
    has_masked,
    is_int,
    is_sequence,
    real_number,
    suggestion,
)
from .._arithmetic import own_arithmetic


def check_matrix_axes(shape: tuple[int, ...], column_axis: Any, batch_axis: Any) -> tuple[tuple[int, ...], int]:
    """The axes that count matrices, ascending, and the one of their columns; at least one is left for rows."""
    count = len(batch_axis) if is_sequence(batch_axis) else 1
    if len(shape) < 2 + count:
        besides = " besides `batch_axis`" if count else ""
        raise ValueError(f"`shape` must have at least two axes{besides}. Received: shape={shape}")
    if not is_int(column_axis):
        raise TypeError(f"`column_axis` must be an int. Received: column_axis={column_axis!r}")
    (column,), batch = check_axes(len(shape), column_axis=column_axis, batch_axis=batch_axis)
    return tuple(sorted(batch)), column


def check_widening(shape: tuple[int, ...]) -> tuple[int, int]:
    """The last two sizes, (in, out), of a shape that has them in this order."""
    inputs, outputs = shape[-2:]
    if inputs > outputs:
        raise ValueError(f"`shape` must have no more inputs than outputs, (..., in, out). Received: shape={shape}")
    return inputs, outputs


def check_gain(value: Any, dtype: DType) -> float:
    """A finite factor for numbers in [-1, 1], which rounding errors may leave by a little."""
    number = check_number("gain", value)
    reach = abs(number) * (1.0 + 2.0**-16)
    if not reach <= dtype.largest:
        check_fits(reach, f"gain={value}", dtype)
    return number


def check_std(value: Any) -> float:
    number = real_number("std", value)
    if not 0.0 <= number < math.inf:
        raise ValueError(f"`std` must be finite and >= 0. Received: std={value}")
    return number


def check_scale(value: Any) -> float:
    return check_positive("scale", value)


def check_fraction(name: str, value: Any) -> float:
    number = real_number(name, value)
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"`{name}` must lie in [0, 1]. Received: {name}={value}")
    return number


def check_interval(low: Any, high: Any, dtype: DType) -> tuple[float, float]:
    """Ends of a uniform distribution."""
    first, last = check_number("low", low), check_number("high", high)
    if first > last:
        raise ValueError(f"`low` must be <= `high`. Received: low={low}, high={high}")
    check_fits(max(abs(first), abs(last)), f"low={low}, high={high}", dtype)
    return first, last


def check_bounds(lower: Any, upper: Any) -> tuple[float, float]:
    """Bounds of a truncated normal, finite or not."""
    first, last = real_number("lower", lower), real_number("upper", upper)
    if not first <= last or first == math.inf or last == -math.inf:
        raise ValueError(f"`lower` must be <= `upper`, and neither NaN. Received: lower={lower}, upper={upper}")
    return first, last


def check_normal_fits(mean: float, std: float, lower: float, upper: float, dtype: DType) -> None:
    """No value that can come out may be infinite in the dtype."""
    received = f"mean={mean}, std={std}, lower={lower}, upper={upper}"
    ends = (_end(mean, std, lower, -upper, dtype), _end(mean, std, upper, lower, dtype))
    check_fits(max(ends), received, dtype)
    _check_computable(mean, std, received, dtype)


def check_normal_between_fits(mean: float, std: float, low: float, high: float, dtype: DType) -> None:
    """The same of one whose bounds are values."""
    received = f"mean={mean}, std={std}, lower={low}, upper={high}"
    # An infinite bound leaves the tail as it is beyond the finite one, wherever that lies.
    first, last = ((bound - mean) / std if std else 0.0 for bound in (low, high))
    for bound, ends in ((low, (first, -last)), (high, (last, first))):
        check_fits(
            abs(bound) if math.isfinite(bound) else _end(mean, std, *ends, dtype) if std else 0.0, received, dtype
        )
    _check_computable(mean, std, received, dtype)


def _check_computable(mean: float, std: float, received: str, dtype: DType) -> None:
    """Values may fit a dtype though the std that they are computed with does not."""
    if not max(abs(mean), std) <= dtype.computing_largest:
        raise ValueError(
            f"`mean` and `std` must be finite in the type that {dtype.name} is computed in, at most "
            f"{dtype.computing_largest:.6g}. Received: {received}"
        )


def _end(mean: float, std: float, bound: float, other: float, dtype: DType) -> float:
    """How far out one end reaches; `other` is the other bound, seen from this end's side."""
    if not math.isinf(bound):
        return abs(mean + std * bound)
    # As far as the words resolve a tail; from a bound inside that tail, correspondingly further.
    reach = dtype.reach if other <= 0.0 else math.hypot(dtype.reach + 0.5, other)
    return abs(mean) + std * reach


def check_constant(value: Any, shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    """`value` as an array that broadcasts to the shape, each element representable."""
    if has_masked(value):
        raise ValueError("`value` must hold no masked element. Received: a masked array")
    try:
        array = np.asarray(value.detach() if getattr(value, "requires_grad", False) is True else value)
        if array.dtype.kind == "O" and all(is_int(x) or isinstance(x, float) for x in array.flat):
            array = array.astype(np.float64)  # ints beyond 64 bits
    except (ValueError, OverflowError):
        raise ValueError(
            f"`value` must be a finite number or an array of them. Received: value={brief(value)}"
        ) from None
    except Exception as error:  # what another library's array raises that NumPy cannot read
        raise TypeError(
            f"`value` must be a real number or an array of them that NumPy can read. Received: {type(value).__name__}"
        ) from error
    if array.dtype.kind not in "fiu" and array.dtype.name != "bfloat16":
        raise TypeError(f"`value` must be a real number or an array of them. Received: value={brief(value)}")
    try:
        np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(
            f"`value` must broadcast to shape {shape}. Received: an array of shape {array.shape}"
        ) from None
    with own_arithmetic():
        largest = np.max(np.abs(array.astype(np.float64)), initial=0.0)
    if not np.isfinite(largest):
        raise ValueError(f"`value` must be finite. Received: value={brief(value)}")
    check_fits(float(largest), f"value={brief(value)}", dtype)
    return array


def check_entries(tensors: Any) -> list[tuple[Any, Any]]:
    """The argument of `initialize`, as pairs of a name and an entry."""
    if not isinstance(tensors, Mapping):
        raise TypeError(
            "`tensors` must be a mapping of names to (initializer, shape) or (initializer, shape, kwargs). "
            f"Received: {type(tensors).__name__}"
        )
    return list(tensors.items())


def check_made(made: Any) -> NDArray[Any]:
    """What a caller's own initializer returned."""
    if not isinstance(made, np.ndarray):
        raise TypeError(f"an initializer must return a NumPy array. Received: {type(made).__name__}")
    return made


def check_converted(made: NDArray[Any], target: Target) -> NDArray[Any]:
    """It in the shape and the dtype of `out`, C-contiguous."""
    if has_masked(made):
        raise ValueError("an initializer must return no masked element. Received: a masked array")
    values, dtype = np.asarray(made), target.dtype
    if values.shape != target.block_shape:
        raise ValueError(
            f"an initializer must return the shape of its `out`, {target.block_shape}. Received: {values.shape}"
        )
    if values.dtype != dtype.numpy or dtype.is_bits:
        kinds = "fiuc" if dtype.numpy.kind == "c" else "fiu"
        if values.dtype.kind not in kinds and values.dtype.name != "bfloat16":
            raise TypeError(
                f"an initializer must return numbers that its `out` of {dtype.name} can hold. Received: {values.dtype}"
            )
        with own_arithmetic():
            converted = dtype.stored(values) if dtype.is_bits else values.astype(dtype.numpy)
            finite = converted & 0x7F80 != 0x7F80 if dtype.is_bits else np.isfinite(converted)
            lost = np.isfinite(values) & ~finite
        if lost.any():
            raise ValueError(
                f"an initializer must return values that are finite in {dtype.name}, like its `out`. "
                f"Received: {values[lost][0]!r}"
            )
        values = converted
    return np.ascontiguousarray(values).reshape(target.block_shape)


def check_entry(name: Any, entry: Any) -> tuple[Any, Any, dict[str, Any]]:
    """An entry of `initialize`: (initializer, shape) or (initializer, shape, kwargs)."""
    if not isinstance(name, str):
        raise TypeError(f"a tensor's name must be a str. Received: {brief(name)}")
    if not name.isascii() and any("\ud800" <= c <= "\udfff" for c in name):
        raise ValueError(
            f"a tensor's name must be text that UTF-8 encodes, without lone surrogates. Received: {name!r}"
        )
    if not isinstance(entry, (tuple, list)) or len(entry) not in (2, 3):
        raise TypeError(
            "a tensor must be given as (initializer, shape) or (initializer, shape, kwargs). "
            f"Received: {name!r}: {brief(entry)}"
        )
    initializer, shape = entry[:2]
    kwargs = entry[2] if len(entry) > 2 else {}
    if not isinstance(initializer, str) and not callable(initializer):
        raise TypeError(f"an initializer must be a name or a callable. Received: {name!r}: {brief(initializer)}")
    if not isinstance(kwargs, (dict, Mapping)) or "seed" in kwargs or "threads" in kwargs:
        raise TypeError(
            f"kwargs must be a dict that holds neither `seed` nor `threads`. Received: {name!r}: {brief(kwargs)}"
        )
    return initializer, shape, dict(kwargs)


def unknown_name(name: Any, names: Iterable[str]) -> Exception:
    if not isinstance(name, str):
        return TypeError(f"an initializer's name must be a str. Received: {brief(name)}")
    names = sorted(names)
    hint = suggestion(name, names, _ELSEWHERE)
    return ValueError(f"an initializer's name must be one of {', '.join(names)}. {hint}Received: {brief(name)}")


# What other libraries call initializers that are here.
_ELSEWHERE = {
    "const": "constant",
    "eye": "identity",
    "randomnormal": "normal",
    "randomuniform": "uniform",
    "truncnormal": "truncated_normal",
}
