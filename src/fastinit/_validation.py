"""Every check of an argument, and every error sentence.

A sentence says what must hold, then what came. The functions raise; they never convert silently and
never write.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import _kernels
from ._memory import empty_in_huge_pages

Block = tuple[tuple[int, int], ...]

_MAX_BYTES = 1 << 63


class Target(NamedTuple):
    """What a call fills: all that can be known before anything is allocated or drawn."""

    shape: tuple[int, ...]  # of the whole tensor
    block: Block | None  # the part of it that is wanted, None for all
    dtype: DType
    out: np.ndarray | None
    threads: int | None
    block_shape: tuple[int, ...]
    nbytes: int  # of what is wanted

    def array(self, huge_from: int = 1 << 25) -> np.ndarray:
        """The array to fill: the caller's, or a new one, in huge pages from so many bytes on."""
        if self.out is not None:
            return self.out
        if self.nbytes < huge_from:
            return np.empty(self.block_shape, self.dtype.numpy)
        return empty_in_huge_pages(self.block_shape, self.dtype.numpy)

    @property
    def ends(self) -> Block:
        """Start and stop of what is wanted, on every axis."""
        return tuple([(0, n) for n in self.shape]) if self.block is None else self.block


@dataclass(frozen=True, eq=False)  # one object a dtype: its hash is quick
class DType:
    """A dtype that fastinit fills."""

    numpy: np.dtype
    code: int  # of the kernels
    largest: float  # its largest finite value
    reach: float  # no standard normal of this dtype's kernels lies further out


_DTYPES = {
    np.dtype(np.float32): DType(np.dtype(np.float32), _kernels.FLOAT32, float(np.finfo(np.float32).max), 6.34),
    np.dtype(np.float64): DType(np.dtype(np.float64), _kernels.FLOAT64, float(np.finfo(np.float64).max), 8.3),
    np.dtype(np.float16): DType(np.dtype(np.float16), _kernels.FLOAT16, 65504.0, 6.34),
}
_FLOAT32 = _DTYPES[np.dtype(np.float32)]
_DTYPE_NAMES = "float32, float64, float16 or bfloat16"
# Pairs of reals, for the initializers that make complex tensors.
_COMPLEX_DTYPES = {
    np.dtype(np.complex64): DType(np.dtype(np.complex64), _kernels.FLOAT32, _FLOAT32.largest, 6.34),
    np.dtype(np.complex128): DType(np.dtype(np.complex128), _kernels.FLOAT64, float(np.finfo(np.float64).max), 8.3),
}
_ALL_DTYPE_NAMES = "float32, float64, float16, bfloat16, complex64 or complex128"


def check_target(shape: Any, dtype: Any, out: Any, index: Any, threads: Any, complex_too: bool = False) -> Target:
    """Check the arguments that every initializer takes, but for the seed."""
    if out is None and index is None and dtype is None and threads is None and type(shape) is tuple:
        for n in shape:
            if type(n) is not int:
                break
        else:
            return _plain_target(shape)
    return _checked_target(shape, dtype, out, index, threads, complex_too)


@lru_cache(maxsize=1024)
def _plain_target(shape: tuple[int, ...]) -> Target:
    """The common case, remembered: whoever makes many small tensors makes them of few shapes."""
    return _checked_target(shape, None, None, None, None)


def _checked_target(shape: Any, dtype: Any, out: Any, index: Any, threads: Any, complex_too: bool = False) -> Target:
    limit = None if threads is None else check_threads(threads)
    checked = check_shape(shape)
    if dtype is None:
        kind = _FLOAT32 if out is None else check_dtype(_array(out).dtype, "out.dtype", complex_too)
    else:
        kind = check_dtype(dtype, "dtype", complex_too)
    # NumPy, too, leaves zeros out of this product.
    if math.prod([n for n in checked if n]) * kind.numpy.itemsize >= _MAX_BYTES:
        raise ValueError(f"`shape` must describe fewer than 2**63 bytes. Received: shape={shape}, dtype={kind.numpy}")
    block = None if index is None else check_index(index, checked)
    block_shape = checked if block is None else tuple([stop - start for start, stop in block])
    if out is not None:
        check_out(out, kind, block_shape)
    return Target(checked, block, kind, out, limit, block_shape, math.prod(block_shape) * kind.numpy.itemsize)


def check_shape(shape: Any) -> tuple[int, ...]:
    if type(shape) is tuple:
        for n in shape:
            if type(n) is not int or n < 0:
                break
        else:
            if len(shape) <= 32:
                return shape
    sizes: Any
    if is_int(shape):
        sizes = (shape,)
    elif is_sequence(shape):
        sizes = shape
    else:
        raise TypeError(f"`shape` must be an int or a sequence of ints. Received: shape={shape!r}")
    result = []
    for n in sizes:
        if not is_int(n):
            raise TypeError(f"`shape` must be an int or a sequence of ints. Received: shape={shape!r}")
        if n < 0:
            raise ValueError(f"`shape` must hold no negative size. Received: shape={shape!r}")
        result.append(operator.index(n))
    if len(result) > 32:
        raise ValueError(f"`shape` must have at most 32 axes. Received: {len(result)} axes")
    return tuple(result)


def check_dtype(dtype: Any, name: str = "dtype", complex_too: bool = False) -> DType:
    try:
        return _resolve_dtype(dtype, name, complex_too)
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        names = _ALL_DTYPE_NAMES if complex_too else _DTYPE_NAMES
        raise TypeError(f"`{name}` must be {names}. Received: {dtype!r}") from None


@lru_cache(maxsize=64)
def _resolve_dtype(dtype: Any, name: str, complex_too: bool) -> DType:
    names = _ALL_DTYPE_NAMES if complex_too else _DTYPE_NAMES
    if isinstance(dtype, str) and dtype == "bfloat16":
        try:
            import ml_dtypes
        except ImportError as error:
            raise ImportError(
                "dtype 'bfloat16' needs the package ml_dtypes: pip install 'fastinit[bfloat16]'"
            ) from error
        dtype = ml_dtypes.bfloat16
    if dtype is None:  # np.dtype(None) would be float64
        raise TypeError(f"`{name}` must be {names}. Received: None")
    try:
        resolved = np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError):  # NumPy reads strings as a small language
        raise TypeError(f"`{name}` must be {names}. Received: {dtype!r}") from None
    if resolved in _DTYPES:
        return _DTYPES[resolved]
    if complex_too and resolved in _COMPLEX_DTYPES:
        return _COMPLEX_DTYPES[resolved]
    if resolved.name == "bfloat16" and resolved.itemsize == 2:
        return DType(resolved, _kernels.BFLOAT16, float.fromhex("0x1.fep127"), 6.34)
    raise TypeError(f"`{name}` must be {names} in native byte order. Received: {resolved!r}")


def check_out(out: Any, dtype: DType, shape: tuple[int, ...]) -> None:
    if _array(out).dtype != dtype.numpy:
        raise TypeError(f"`out` must have dtype {dtype.numpy}. Received: {out.dtype!r}")
    if out.shape != shape:
        raise ValueError(f"`out` must have shape {shape}. Received: {out.shape}")
    flags = out.flags
    if not flags.writeable:
        raise ValueError("`out` must be writable. Received: a read-only array")
    if not flags.c_contiguous:
        raise ValueError(f"`out` must be C-contiguous. Received: strides {out.strides}")
    if not flags.aligned:
        raise ValueError("`out` must be aligned to its dtype. Received: an unaligned array")


def _array(out: Any) -> np.ndarray:
    if not isinstance(out, np.ndarray):
        raise TypeError(f"`out` must be a NumPy array. Received: {type(out).__name__}")
    return out


def check_index(index: Any, shape: tuple[int, ...]) -> Block:
    if not isinstance(index, tuple) or not all(isinstance(part, slice) for part in index):
        raise TypeError(f"`index` must be a tuple of slices. Received: index={index!r}")
    if len(index) != len(shape):
        raise ValueError(f"`index` must hold one slice for each of {len(shape)} axes. Received: index={index!r}")
    block = []
    for axis, (part, size) in enumerate(zip(index, shape, strict=True)):
        if part.step is not None and (not is_int(part.step) or part.step != 1):
            raise ValueError(f"`index` must have step 1. Received: {part} on axis {axis}")
        start = _slice_end(part.start, 0, size, part)
        stop = _slice_end(part.stop, size, size, part)
        if not 0 <= start <= stop <= size:
            raise ValueError(
                f"`index` must lie inside the shape: 0 <= start <= stop <= {size} on axis {axis}. Received: {part}"
            )
        block.append((start, stop))
    return tuple(block)


def _slice_end(end: Any, default: int, size: int, part: slice) -> int:
    if end is None:
        return default
    if not is_int(end):
        raise TypeError(f"`index` must hold slices of ints. Received: {part}")
    position = operator.index(end)
    return position + size if position < 0 else position


def check_threads(threads: Any) -> int:
    if not is_int(threads):
        raise TypeError(f"`threads` must be None or an int. Received: threads={threads!r}")
    if threads < 1:
        raise ValueError(f"`threads` must be >= 1. Received: threads={threads}")
    return int(threads)


def check_axes(ndim: int, **axes: Any) -> list[tuple[int, ...]]:
    """Non-negative axes of each keyword, none of them named twice."""
    result: list[tuple[int, ...]] = []
    for name, value in axes.items():
        parts = value if is_sequence(value) else (value,)
        checked = []
        for axis in parts:
            if not is_int(axis):
                raise TypeError(f"`{name}` must be an int or a sequence of ints. Received: {name}={value!r}")
            if not -ndim <= axis < ndim:
                raise ValueError(f"`{name}` must name axes of a {ndim}-D shape. Received: {name}={value!r}")
            checked.append(operator.index(axis) % ndim)
        result.append(tuple(checked))
    every = [axis for group in result for axis in group]
    if len(set(every)) != len(every):
        received = ", ".join(f"{name}={value!r}" for name, value in axes.items())
        raise ValueError(f"no axis of a {ndim}-D shape may be named twice. Received: {received}")
    return result


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


def check_flag(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"`{name}` must be a bool. Received: {name}={value!r}")
    return bool(value)


def check_number(name: str, value: Any) -> float:
    """A finite float."""
    number = _real(name, value)
    if not math.isfinite(number):
        raise ValueError(f"`{name}` must be finite. Received: {name}={value}")
    return number


def check_std(value: Any) -> float:
    number = _real("std", value)
    if not 0.0 <= number < math.inf:
        raise ValueError(f"`std` must be finite and >= 0. Received: std={value}")
    return number


def check_scale(value: Any) -> float:
    return check_positive("scale", value)


def check_fraction(name: str, value: Any) -> float:
    number = _real(name, value)
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"`{name}` must lie in [0, 1]. Received: {name}={value}")
    return number


def check_positive(name: str, value: Any) -> float:
    number = _real(name, value)
    if not 0.0 < number < math.inf:
        raise ValueError(f"`{name}` must be finite and > 0. Received: {name}={value}")
    return number


def check_positive_int(name: str, value: Any, least: int = 1) -> int:
    if not is_int(value):
        raise TypeError(f"`{name}` must be an int. Received: {name}={value!r}")
    if value < least:
        raise ValueError(f"`{name}` must be >= {least}. Received: {name}={value}")
    return int(value)


def check_layer_counts(encoder_layers: Any, decoder_layers: Any) -> tuple[int, int]:
    counts = (
        check_positive_int("encoder_layers", encoder_layers, least=0),
        check_positive_int("decoder_layers", decoder_layers, least=0),
    )
    if counts == (0, 0):
        raise ValueError("`encoder_layers` or `decoder_layers` must be >= 1. Received: 0 and 0")
    return counts


def check_base_shape(shape: tuple[int, ...], base_shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if len(shape) != len(base_shape) or 0 in shape or 0 in base_shape:
        raise ValueError(
            "`base_shape` must have as many axes as `shape`, none of size 0. "
            f"Received: shape={shape}, base_shape={base_shape}"
        )
    return shape, base_shape


def check_interval(low: Any, high: Any, dtype: DType) -> tuple[float, float]:
    """Ends of a uniform distribution."""
    first, last = check_number("low", low), check_number("high", high)
    if first > last:
        raise ValueError(f"`low` must be <= `high`. Received: low={low}, high={high}")
    check_fits(max(abs(first), abs(last)), f"low={low}, high={high}", dtype)
    return first, last


def check_bounds(lower: Any, upper: Any) -> tuple[float, float]:
    """Bounds of a truncated normal in units of its std, finite or not."""
    first, last = _real("lower", lower), _real("upper", upper)
    if not first <= last or first == math.inf or last == -math.inf:
        raise ValueError(f"`lower` must be <= `upper`, and neither NaN. Received: lower={lower}, upper={upper}")
    return first, last


def check_normal_fits(mean: float, std: float, lower: float, upper: float, dtype: DType) -> None:
    """No value that can come out may be infinite in the dtype."""
    ends = (_end(mean, std, lower, -upper, dtype), _end(mean, std, upper, lower, dtype))
    check_fits(max(ends), f"mean={mean}, std={std}, lower={lower}, upper={upper}", dtype)


def _end(mean: float, std: float, bound: float, other: float, dtype: DType) -> float:
    """How far out one end reaches; `other` is the other bound, seen from this end's side."""
    if not math.isinf(bound):
        return abs(mean + std * bound)
    # As far as the words resolve a tail; from a bound inside that tail, correspondingly further.
    reach = dtype.reach if other <= 0.0 else math.hypot(dtype.reach + 0.5, other)
    return abs(mean) + std * reach


def check_fits(magnitude: float, received: str, dtype: DType) -> None:
    if not magnitude <= dtype.largest:
        raise ValueError(
            f"every value must be finite in {dtype.numpy}, at most {dtype.largest:.6g}. Received: {received}"
        )


def check_rank(shape: tuple[int, ...], least: int, most: int, what: str) -> None:
    if not least <= len(shape) <= most:
        raise ValueError(f"{what}. Received: shape={shape}")


def check_choice(name: str, value: Any, choices: Sequence[str], hint: str = "") -> None:
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"`{name}` must be one of {', '.join(choices)}. {hint}Received: {name}={value!r}")


def check_constant(value: Any, shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    """`value` as an array that broadcasts to the shape, each element representable."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O" and all(is_int(x) or isinstance(x, float) for x in array.flat):
            array = array.astype(np.float64)  # ints beyond 64 bits
    except (ValueError, OverflowError):
        raise ValueError(f"`value` must be a finite number or an array of them. Received: value={value!r}") from None
    if array.dtype.kind not in "fiu" and array.dtype.name != "bfloat16":
        raise TypeError(f"`value` must be a real number or an array of them. Received: value={value!r}")
    try:
        broadcast = np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(
            f"`value` must broadcast to shape {shape}. Received: an array of shape {array.shape}"
        ) from None
    with np.errstate(over="ignore"):
        largest = np.max(np.abs(array.astype(np.float64)), initial=0.0)
    if not np.isfinite(largest):
        raise ValueError(f"`value` must be finite. Received: value={value!r}")
    check_fits(float(largest), f"value={value!r}", dtype)
    return broadcast


def check_entry(name: Any, entry: Any) -> tuple[Any, Any, dict[str, Any]]:
    """An entry of `initialize`: (initializer, shape) or (initializer, shape, kwargs)."""
    if not isinstance(name, str):
        raise TypeError(f"a tensor's name must be a str. Received: {name!r}")
    if not isinstance(entry, (tuple, list)) or len(entry) not in (2, 3):
        raise TypeError(
            "a tensor must be given as (initializer, shape) or (initializer, shape, kwargs). "
            f"Received: {name!r}: {entry!r}"
        )
    initializer, shape, *rest = entry
    kwargs = rest[0] if rest else {}
    if not isinstance(initializer, str) and not callable(initializer):
        raise TypeError(f"an initializer must be a name or a callable. Received: {name!r}: {initializer!r}")
    if not isinstance(kwargs, Mapping) or "seed" in kwargs or "threads" in kwargs:
        raise TypeError(
            f"kwargs must be a dict that holds neither `seed` nor `threads`. Received: {name!r}: {kwargs!r}"
        )
    return initializer, shape, dict(kwargs)


def check_activation(activation: Any, parameters: Mapping[str, float | None]) -> tuple[str, float]:
    """A name, or a pair of a name and its parameter; `parameters` holds the names and their defaults."""
    name, given = activation, None
    if isinstance(activation, tuple):
        if len(activation) != 2:
            raise TypeError(f"an activation must be a name or a (name, parameter) pair. Received: {activation!r}")
        name, given = activation
    if not isinstance(name, str):
        raise TypeError(f"an activation must be a name or a (name, parameter) pair. Received: {activation!r}")
    if name not in parameters:
        raise ValueError(f"an activation must be one of {', '.join(parameters)}. Received: {name!r}")
    default = parameters[name]
    if given is None:
        return name, 0.0 if default is None else default
    if default is None:
        takers = ", ".join(each for each, value in parameters.items() if value is not None)
        raise ValueError(f"only the activations {takers} take a parameter. Received: {activation!r}")
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
    dtype = _DTYPES.get(value.dtype)
    if dtype is None or dtype.code not in (_kernels.FLOAT32, _kernels.FLOAT64):
        raise TypeError(f"`{name}` must be a NumPy array of float32 or float64. Received: dtype {value.dtype!r}")
    return dtype


def check_rows(name: str, x: np.ndarray) -> None:
    if x.ndim == 0:
        raise ValueError(f"`x` must have at least one axis for {name}. Received: a 0-D array")


def check_apart(out: np.ndarray, **inputs: np.ndarray | None) -> None:
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


def unknown_name(name: Any, names: Iterable[str]) -> Exception:
    if not isinstance(name, str):
        return TypeError(f"an initializer's name must be a str. Received: {name!r}")
    return ValueError(f"an initializer's name must be one of {', '.join(sorted(names))}. Received: {name!r}")


def no_gain(name: str) -> ValueError:
    return ValueError(f"`activation` must be elementwise to have a gain. Received: activation={name!r}")


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
        f"Received: {name}={value!r}"
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
            f"the weight of layer {number} must be a float32 or float64 array (in, out). Received: {received}"
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
    return weight, bias, activation


def check_same_dtype(number: int, dtype: np.dtype, first: np.dtype) -> None:
    if dtype != first:
        raise TypeError(f"every layer must have the dtype of the first, {first}. Received: {dtype} in layer {number}")


def check_made(weight: Any, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """What a caller's own initializer returned."""
    if not isinstance(weight, np.ndarray) or weight.shape != shape or weight.dtype != dtype:
        received = f"{weight.dtype} {weight.shape}" if isinstance(weight, np.ndarray) else type(weight).__name__
        raise ValueError(f"`initializer` must return a {dtype} array {shape}. Received: {received}")
    return weight


def check_batch(x: Any, inputs: int, dtype: np.dtype) -> np.ndarray:
    """A batch of rows for a network of so many inputs, in its dtype."""
    array = np.asarray(x)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"`x` must be an array of real numbers. Received: {array.dtype}")
    if array.ndim != 2 or array.shape[1] != inputs or not array.size:
        raise ValueError(f"`x` must have shape (batch, {inputs}) and at least one row. Received: {array.shape}")
    with np.errstate(over="ignore"):  # an infinity is refused below
        array = np.ascontiguousarray(array, dtype)
    if not np.isfinite(array).all():
        raise ValueError(f"`x` must be finite in {dtype}. Received: infinities or NaN")
    return array


def no_spread(spread: float) -> ValueError:
    return ValueError(
        "`x` must have rows that differ, or one row that is not zero, with a finite spread: the layers' are compared "
        f"with it. Received: a spread of {spread}"
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


def check_axes_pair(axes: Any) -> Any:
    if not hasattr(axes, "__len__") or len(axes) != 2 or not all(hasattr(ax, "plot") for ax in axes):
        raise TypeError(f"`target` must be a path or two matplotlib Axes. Received: {type(axes).__name__}")
    return axes


def bad_widths(text: str) -> ValueError:
    return ValueError(
        f"`widths` must be two or more sizes such as 784,512x20,10, and at most 10000 of up to six digits. "
        f"Received: {text}"
    )


def bad_scheme(text: str, names: Sequence[str]) -> ValueError:
    name = text.partition(":")[0]
    wanted = ":".join((name, *names)) if names else f"{name}, without a number"
    return ValueError(f"an initializer must be given as {wanted}. Received: {text}")


def repeated_scheme(text: str) -> ValueError:
    return ValueError(f"`init` must name every initializer once. Received: {text} twice")


def bad_scheme_number(text: str) -> ValueError:
    return ValueError(f"what stands between colons must be a number. Received: {text}")


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


def bad_seed(seed: Any) -> TypeError:
    return TypeError(
        "`seed` must be None, an int, a fastinit.Key, or a numpy.random SeedSequence, Generator or BitGenerator. "
        f"Received: {seed!r}"
    )


def bad_seed_range(seed: int) -> ValueError:
    return ValueError(f"`seed` must lie in [0, 2**64). Received: seed={seed}")


def no_key_part() -> TypeError:
    return TypeError("`child` must be given at least one part. Received: none")


def bad_key_part(part: Any) -> TypeError:
    return TypeError(f"a part of a key's path must be a str, an int or bytes. Received: {part!r}")


def bad_thread_limit(wanted: str) -> ImportError:
    return bad_environment(f"FASTINIT_NUM_THREADS must be an int >= 1. Received: {wanted!r}")


def bad_environment(sentence: str) -> ImportError:
    # Naming the module that cannot be imported lets `python -m fastinit` print this one line alone.
    return ImportError(sentence, name="fastinit")


def unknown_isa(name: str, names: Iterable[str]) -> ImportError:
    return bad_environment(f"FASTINIT_ISA must name one of {', '.join(names)}. Received: {name!r}, an unknown name")


def isa_not_compiled(name: str, names: Iterable[str]) -> ImportError:
    return bad_environment(
        f"FASTINIT_ISA={name}: this build of fastinit has no {name} kernels compiled in. "
        f"It can run here: {', '.join(names)}"
    )


def isa_not_runnable(name: str, names: Iterable[str]) -> ImportError:
    return bad_environment(
        f"FASTINIT_ISA={name}: this machine cannot run {name} instructions. It can run: {', '.join(names)}"
    )


def is_int(value: Any) -> bool:
    """A number of integers' kind: no bool, and no timedelta64, which NumPy derives from its integers."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64))


def is_sequence(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray))


def _real(name: str, value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"`{name}` must be a real number. Received: {name}={value!r}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"`{name}` must be finite. Received: {name}={value}") from None
