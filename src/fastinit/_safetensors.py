"""The safetensors format: eight bytes that say how long a JSON header is, the header, the tensors' bytes.

https://huggingface.co/docs/safetensors describes it. What is written here has, byte for byte, what the safetensors
library writes of the same tensors: wider dtypes first, names in order within one, spaces up to a multiple of eight.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Bits of an element, in the library's own order of dtypes, which is that of its enum.
BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
_RANK = {code: rank for rank, code in enumerate(BITS)}
MOST_HEADER_BYTES = 100_000_000  # what the library reads

# Dtypes that NumPy has; bfloat16 is read as its bits.
NUMPY = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "I16": np.dtype("<i2"),
    "U16": np.dtype("<u2"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "I32": np.dtype("<i4"),
    "U32": np.dtype("<u4"),
    "F32": np.dtype("<f4"),
    "C64": np.dtype("<c8"),
    "F64": np.dtype("<f8"),
    "I64": np.dtype("<i8"),
    "U64": np.dtype("<u8"),
}
_CODES = {dtype: code for code, dtype in NUMPY.items() if code != "BF16"}

PathLike = str | os.PathLike[str]


class Entry(NamedTuple):
    """A tensor in a file."""

    dtype: str  # as the format names it: "F32"
    shape: tuple[int, ...]
    start: int  # bytes from where the data begin
    stop: int


class Header(NamedTuple):
    """What a file says of its tensors."""

    tensors: dict[str, Entry]  # as their bytes follow each other
    metadata: dict[str, str]
    size: int  # bytes of the file before the data


def placed(tensors: Mapping[str, tuple[str, Sequence[int]]]) -> dict[str, Entry]:
    """Tensors, each of a dtype and a shape, in the order of a file, and where their bytes stand."""
    entries, start = {}, 0
    for name in sorted(tensors, key=lambda name: (-_RANK[tensors[name][0]], name)):
        dtype, shape = tensors[name]
        stop = start + prod(shape) * BITS[dtype] // 8
        entries[name] = Entry(dtype, tuple(shape), start, stop)
        start = stop
    return entries


def write_header(tensors: Mapping[str, tuple[str, Sequence[int]]], metadata: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a file before its data; these follow in the order of `placed`."""
    described: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    for name, entry in placed(tensors).items():
        described[name] = {"dtype": entry.dtype, "shape": entry.shape, "data_offsets": (entry.start, entry.stop)}
    text = json.dumps(described, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def read_header(path: PathLike) -> Header:
    """What the file says of its tensors, if that is true as far as sizes can tell."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        end = os.fstat(file.fileno()).st_size
        if not 2 <= length <= min(MOST_HEADER_BYTES, end - 8):
            raise _no_file(path, "a header whose length cannot be")
        text = file.read(length)
    try:
        described = json.loads(text)
        metadata = described.pop("__metadata__", None) or {}
        entries = {
            name: Entry(each["dtype"], tuple(each["shape"]), *each["data_offsets"]) for name, each in described.items()
        }
        whole = all(
            type(n) is int and n >= 0 for each in entries.values() for n in (*each.shape, each.start, each.stop)
        )
        whole = whole and all(isinstance(part, str) for pair in metadata.items() for part in pair)
    except (ValueError, TypeError, KeyError, AttributeError):
        whole = False
    if not whole:
        raise _no_file(path, "a header that is none")
    place = 0
    entries = dict(sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)))
    for name, entry in entries.items():
        if entry.dtype not in BITS:
            raise _no_file(path, f"{name!r} of dtype {entry.dtype!r}")
        if entry.start != place or (entry.stop - entry.start) * 8 != prod(entry.shape) * BITS[entry.dtype]:
            raise _no_file(path, f"{name!r} of shape {entry.shape} in the bytes {entry.start} to {entry.stop}")
        place = entry.stop
    if 8 + length + place != end:
        raise _no_file(path, f"{end} bytes, where its header asks for {8 + length + place}")
    return Header(entries, metadata, 8 + length)


def read_arrays(path: PathLike, names: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
    """New arrays of these tensors, or of all; bfloat16 as bits. Their dtypes must be NumPy's."""
    header = read_header(path)
    arrays: dict[str, NDArray[Any]] = {}
    with open(path, "rb") as file:
        for name in header.tensors if names is None else names:
            entry = header.tensors[name]
            array = np.empty(entry.shape, NUMPY[entry.dtype])
            file.seek(header.size + entry.start)
            if array.size and file.readinto(array.reshape(-1).view(np.uint8).data) != array.nbytes:
                raise _no_file(path, f"{name!r} cut off")
            arrays[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
    return arrays


def write_arrays(path: PathLike, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None) -> None:
    """Write a file; what had its name before stays whole until all of it is written."""
    tensors = {name: (_CODES[array.dtype.newbyteorder("<")], array.shape) for name, array in arrays.items()}
    header = write_header(tensors, metadata)
    beside = f"{os.fspath(path)}.{os.getpid()}.tmp"
    try:
        with open(beside, "wb") as file:
            file.write(header)
            for name in placed(tensors):
                array = arrays[name]
                little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
                file.write(little.reshape(-1).view(np.uint8).data)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.remove(beside)
        raise


def _no_file(path: PathLike, what: str) -> ValueError:
    return ValueError(f"`path` must be a whole safetensors file. Received: {os.fspath(path)!r}, with {what}")
