"""What every call takes, shape, dtype, out, index, threads, axes and numbers, and the sentences that many say.

What one wing alone checks stands in its `_checks`, what one module alone says in that module.

A sentence says what must hold, then what came. The functions raise; they never convert silently and
never write.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple, SupportsIndex, TypeVar

import numpy as np
import numpy.typing as npt

from . import _kernels

# What the arguments may be.
Shape = SupportsIndex | Sequence[SupportsIndex]
Axes = SupportsIndex | Sequence[SupportsIndex]
DTypeLike = npt.DTypeLike | None
Out = npt.NDArray[Any] | None
Index = tuple[slice, ...] | None
Threads = SupportsIndex | None

# What the forward pass computes in: all arrays of a call have one of the two dtypes.
Real = TypeVar("Real", np.float32, np.float64)
Reals = npt.NDArray[np.float32] | npt.NDArray[np.float64]

Block = tuple[tuple[int, int], ...]

_MAX_BYTES = 1 << 63
_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
_MOST_THREADS = 1 << 30  # no machine has as many, and C's int holds it


class Target(NamedTuple):
    """What a call fills: all that can be known before anything is allocated or drawn."""

    shape: tuple[int, ...]  # of the whole tensor
    block: Block | None  # the part of it that is wanted, None for all
    dtype: DType
    out: Out
    threads: int | None
    block_shape: tuple[int, ...]
    nbytes: int  # of what is wanted

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

    @property
    def name(self) -> str:
        return "bfloat16" if self.code == _kernels.BFLOAT16 else str(self.numpy)

    @property
    def is_bits(self) -> bool:
        return self.code == _kernels.BFLOAT16 and self.numpy == np.uint16

    def stored(self, values: Any) -> Any:
        """Values in a form that an array of this dtype takes: as bits where it holds those."""
        if not self.is_bits:
            return values
        whole = np.asarray(values)
        # What is broadcast is converted once.
        parts = whole[tuple([slice(0, 1 if stride == 0 else None) for stride in whole.strides])]
        reals = np.ascontiguousarray(parts, np.float32)
        bits = np.empty(reals.shape, np.uint16)
        _kernels.narrow(_kernels.FLOAT32, reals, _kernels.BFLOAT16, bits)
        return np.broadcast_to(bits.reshape(parts.shape), whole.shape)

    @property
    def computing_largest(self) -> float:
        """The largest value of the type that the kernels compute in."""
        return self.largest if self.numpy.itemsize > 4 else _LARGEST_FLOAT32


DTYPES = {
    np.dtype(np.float32): DType(np.dtype(np.float32), _kernels.FLOAT32, float(np.finfo(np.float32).max), 6.34),
    np.dtype(np.float64): DType(np.dtype(np.float64), _kernels.FLOAT64, float(np.finfo(np.float64).max), 8.3),
    np.dtype(np.float16): DType(np.dtype(np.float16), _kernels.FLOAT16, 65504.0, 6.34),
}
_FLOAT32 = DTYPES[np.dtype(np.float32)]
_BFLOAT16_LARGEST = float.fromhex("0x1.fep127")
# bfloat16 in an array of uint16 that the caller brings: NumPy itself has no such dtype. This is its name within the
# package.
BITS = "bfloat16, as bits"
_BFLOAT16_BITS = DType(np.dtype(np.uint16), _kernels.BFLOAT16, _BFLOAT16_LARGEST, 6.34)
_DTYPE_NAMES = "float32, float64, float16 or bfloat16"
# Pairs of reals, for the initializers that make complex tensors.
_COMPLEX_DTYPES = {
    np.dtype(np.complex64): DType(np.dtype(np.complex64), _kernels.FLOAT32, _FLOAT32.largest, 6.34),
    np.dtype(np.complex128): DType(np.dtype(np.complex128), _kernels.FLOAT64, float(np.finfo(np.float64).max), 8.3),
}
_DTYPE_ALIASES = {
    "bf16": "bfloat16",
    "brainfloat": "bfloat16",
    "f2": "float16",
    "f4": "float32",
    "f8": "float64",
    "f16": "float16",
    "fp16": "float16",
    "f32": "float32",
    "fp32": "float32",
    "f64": "float64",
    "fp64": "float64",
}
_ALL_DTYPE_NAMES = "float32, float64, float16, bfloat16, complex64 or complex128"


def check_target(shape: Any, dtype: Any, out: Any, index: Any, threads: Any, complex_too: bool = False) -> Target:
    """Check the arguments that every initializer takes, but for the seed."""
    limit = None if threads is None else check_threads(threads)
    checked = check_shape(shape)
    if dtype is None:
        kind = _FLOAT32 if out is None else check_dtype(_array(out).dtype, "out.dtype", complex_too)
    elif is_for_bits(dtype, out):
        kind = _BFLOAT16_BITS
    else:
        kind = check_dtype(dtype, "dtype", complex_too)
    # NumPy, too, leaves zeros out of this product.
    if math.prod([n for n in checked if n]) * kind.numpy.itemsize >= _MAX_BYTES:
        raise ValueError(
            f"`shape` must describe fewer than 2**63 bytes. Received: shape={brief(shape)}, dtype={kind.numpy}"
        )
    block = None if index is None else check_index(index, checked)
    block_shape = checked if block is None else tuple([stop - start for start, stop in block])
    if out is not None:
        check_out(out, kind, block_shape)
    return Target(checked, block, kind, out, limit, block_shape, math.prod(block_shape) * kind.numpy.itemsize)


def is_for_bits(dtype: Any, out: Any) -> bool:
    """Whether a call asks for the bits of bfloat16, in an array that NumPy can have without ml_dtypes."""
    return isinstance(dtype, str) and dtype == "bfloat16" and isinstance(out, np.ndarray) and out.dtype == np.uint16


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
        raise TypeError(f"`shape` must be an int or a sequence of ints. Received: shape={brief(shape)}")
    result = []
    for n in sizes:
        if not is_int(n):
            raise TypeError(f"`shape` must be an int or a sequence of ints. Received: shape={brief(shape)}")
        if n < 0:
            raise ValueError(f"`shape` must hold no negative size. Received: shape={brief(shape)}")
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
        raise TypeError(f"`{name}` must be {names}. Received: {brief(dtype)}") from None


@lru_cache(maxsize=64)
def _resolve_dtype(dtype: Any, name: str, complex_too: bool) -> DType:
    names = _ALL_DTYPE_NAMES if complex_too else _DTYPE_NAMES
    if isinstance(dtype, str) and dtype == BITS:
        return _BFLOAT16_BITS
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
        hint = suggestion(dtype, names.replace(" or ", ", ").split(", "), _DTYPE_ALIASES)
        raise TypeError(f"`{name}` must be {names}. {hint}Received: {brief(dtype)}") from None
    if resolved in DTYPES:
        return DTYPES[resolved]
    if complex_too and resolved in _COMPLEX_DTYPES:
        return _COMPLEX_DTYPES[resolved]
    if resolved.name == "bfloat16" and resolved.itemsize == 2:
        return DType(resolved, _kernels.BFLOAT16, _BFLOAT16_LARGEST, 6.34)
    hint = suggestion(dtype, names.replace(" or ", ", ").split(", "), _DTYPE_ALIASES)
    raise TypeError(f"`{name}` must be {names} in native byte order. {hint}Received: {resolved!r}")


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
        raise TypeError(f"`index` must be a tuple of slices. Received: index={brief(index)}")
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
    if type(threads) is int and 0 < threads < _MOST_THREADS:  # as most are
        return threads
    if not is_int(threads):
        raise TypeError(f"`threads` must be None or an int. Received: threads={brief(threads)}")
    if threads < 1:
        raise ValueError(f"`threads` must be >= 1. Received: threads={brief(threads)}")
    return min(int(threads), _MOST_THREADS)


def check_axes(ndim: int, **axes: Any) -> list[tuple[int, ...]]:
    """Non-negative axes of each keyword, none of them named twice."""
    result: list[tuple[int, ...]] = []
    for name, value in axes.items():
        parts = value if is_sequence(value) else (value,)
        checked = []
        for axis in parts:
            if not is_int(axis):
                raise TypeError(f"`{name}` must be an int or a sequence of ints. Received: {name}={brief(value)}")
            if not -ndim <= axis < ndim:
                raise ValueError(f"`{name}` must name axes of a {ndim}-D shape. Received: {name}={brief(value)}")
            checked.append(operator.index(axis) % ndim)
        result.append(tuple(checked))
    every = [axis for group in result for axis in group]
    if len(set(every)) != len(every):
        received = ", ".join(f"{name}={brief(value)}" for name, value in axes.items())
        raise ValueError(f"no axis of a {ndim}-D shape may be named twice. Received: {received}")
    return result


def check_flag(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"`{name}` must be a bool. Received: {name}={brief(value)}")
    return bool(value)


def check_number(name: str, value: Any) -> float:
    """A finite float."""
    number = real_number(name, value)
    if not math.isfinite(number):
        raise ValueError(f"`{name}` must be finite. Received: {name}={brief(value)}")
    return number


def check_positive(name: str, value: Any) -> float:
    number = real_number(name, value)
    if not 0.0 < number < math.inf:
        raise ValueError(f"`{name}` must be finite and > 0. Received: {name}={brief(value)}")
    return number


def check_positive_int(name: str, value: Any, least: int = 1) -> int:
    if not is_int(value):
        raise TypeError(f"`{name}` must be an int. Received: {name}={brief(value)}")
    if value < least:
        raise ValueError(f"`{name}` must be >= {least}. Received: {name}={brief(value)}")
    return int(value)


def check_fits(magnitude: float, received: str, dtype: DType) -> None:
    if not magnitude <= dtype.largest:
        raise ValueError(
            f"every value must be finite in {dtype.name}, at most {dtype.largest:.6g}. Received: {received}"
        )


def check_rank(shape: tuple[int, ...], least: int, most: int, what: str) -> None:
    if not least <= len(shape) <= most:
        raise ValueError(f"{what}. Received: shape={shape}")


def check_choice(name: str, value: Any, choices: Collection[str], hint: str = "") -> None:
    if not isinstance(value, str) or value not in choices:
        hint = hint or suggestion(value, choices)
        raise ValueError(f"`{name}` must be one of {', '.join(choices)}. {hint}Received: {name}={brief(value)}")


def is_int(value: Any) -> bool:
    """A number of integers' kind: no bool, and no timedelta64, which NumPy derives from its integers."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64))


def is_sequence(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray))


def real_number(name: str, value: Any) -> float:
    if type(value) is float:
        return value
    number = plain_number(value)
    if number is None:
        raise TypeError(f"`{name}` must be a real number. Received: {name}={brief(value)}")
    try:
        return float(number)
    except OverflowError:
        raise ValueError(f"`{name}` must be finite. Received: {name}={brief(value)}") from None


def plain_number(value: Any) -> Any:
    """The value as a number of Python's or NumPy's, of any type with `__float__` that is not complex; or None.

    An array of no dimension, NumPy's or another library's, is its element. A bool, a string, a masked element, a
    time and an array of one dimension or more are no numbers.
    """
    if type(value) in (int, float):
        return value
    if hasattr(value, "item") and not isinstance(value, np.generic):
        value = _element(value)
    if isinstance(value, (np.bool_, np.timedelta64, np.datetime64, np.complexfloating, bool, str, bytes)):
        return None
    return value if isinstance(value, (int, float)) or hasattr(type(value), "__float__") else None


def _element(array: Any) -> Any:
    """The element of an array of no dimension; None of another, or where a framework has no value to give."""
    try:
        if tuple(array.shape) != () or has_masked(array):
            return None
        # NumPy's scalars keep their precision, and so how they are written; other frameworks' arrays become NumPy's.
        if hasattr(array, "__array__") and not _wants_gradient(array):
            with suppress(Exception):  # of a dtype that NumPy does not have
                return np.asarray(array)[()]
        return array.item()
    except Exception:  # whatever another library raises
        return None


def _wants_gradient(array: Any) -> bool:
    """PyTorch hands such a tensor's value out by `item` alone."""
    return getattr(array, "requires_grad", False) is True


def has_masked(array: Any) -> bool:
    """Whether elements of a NumPy array are hidden behind a mask, which plain memory would show."""
    return isinstance(array, np.ma.MaskedArray) and bool(np.ma.getmaskarray(array).any())


def brief(value: Any) -> str:
    """What came, on one line of a sentence: an array by its type and shape, and all else cut where it is long."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"{type(value).__name__} of shape {tuple(shape)}"
    if isinstance(value, (tuple, list)) and len(value) <= 8:
        inner = ", ".join(brief(part) for part in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner},)" if len(value) == 1 else f"({inner})"
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # an int of more digits than Python writes
        text = f"{type(value).__name__} of {value.bit_length()} bits"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


_LONGEST = 200


def suggestion(value: Any, names: Collection[str], aliases: Mapping[str, str] | None = None) -> str:
    """ "Did you mean ...? " where a name is close to one of these, or is known elsewhere for one of them."""
    if not isinstance(value, str):
        return ""
    known = {_letters(name): name for name in names}
    known.update({word: name for word, name in (aliases or {}).items() if name in names})
    close = get_close_matches(_letters(value), known, n=1, cutoff=0.7)
    return f"Did you mean {known[close[0]]!r}? " if close else ""


def _letters(name: str) -> str:
    """HeNormal, he-normal and he_normal_ are spellings of one name."""
    return "".join(c for c in name.lower() if c.isalnum())


def overlapping(arrays: Sequence[npt.NDArray[Any]]) -> tuple[int, int] | None:
    """Places i < j of two arrays that share an element's memory: the least j, and with it the least i; or None.

    Arrays that span memory in common are looked for in the order of their addresses, and of these alone it is asked,
    exactly, whether they lie in each other's gaps: many that are apart take little more than to sort them.
    """
    spans = [_span(array) for array in arrays]
    before: list[int] = []  # those that begin before the one in hand, and reach beyond its beginning
    for j in sorted((i for i, (low, high) in enumerate(spans) if low < high), key=spans.__getitem__):
        before = [i for i in before if spans[i][1] > spans[j][0]]
        if any(np.shares_memory(arrays[i], arrays[j]) for i in before):
            break
        before.append(j)
    else:
        return None
    # There are some; which are named shall not depend on where arrays lie.
    lows, highs = np.array(spans, np.uint64).T
    for j in range(1, len(arrays)):
        for i in np.flatnonzero((lows[:j] < highs[j]) & (highs[:j] > lows[j])).tolist():
            if np.shares_memory(arrays[i], arrays[j]):
                return i, j
    raise AssertionError("two arrays shared memory, and then did not")


def _span(array: npt.NDArray[Any]) -> tuple[int, int]:
    """The first byte of an array's elements and the one behind the last; the same if it has none."""
    low: int = array.__array_interface__["data"][0]
    if array.flags.c_contiguous:
        return low, low + array.nbytes
    high = low + array.itemsize
    for n, stride in zip(array.shape, array.strides, strict=True):
        low += min(0, (n - 1) * stride)
        high += max(0, (n - 1) * stride)
    return low, high
