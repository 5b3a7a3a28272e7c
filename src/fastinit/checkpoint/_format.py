"""The safetensors format: a header of JSON, and the tensors behind it.

https://github.com/huggingface/safetensors describes it: eight bytes of the header's length, little-endian; the header,
padded with spaces to a multiple of eight; the bytes of each tensor in C order, without gaps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from .._arguments import is_int
from ._dtypes import KINDS
from ._tensors import Wanted

_MOST_HEADER_BYTES = 100_000_000  # what the library reads
_RANK = {kind.code: rank for rank, kind in enumerate(KINDS)}


class Place(NamedTuple):
    """Where a tensor lies in a file."""

    tensor: Wanted
    start: int
    stop: int


def in_file_order(tensors: Iterable[Wanted]) -> list[Wanted]:
    """The order in which the library writes: by dtype, then by name."""
    return sorted(tensors, key=lambda tensor: (_RANK[tensor.kind.code], tensor.name))


def laid_out(tensors: Iterable[Wanted], framework: str) -> tuple[bytes, list[Place]]:
    """What stands before the tensors of a file, and where each of them lies."""
    entries: dict[str, Any] = {"__metadata__": {"format": framework}}
    ends: list[tuple[Wanted, int, int]] = []
    position = 0
    for tensor in in_file_order(tensors):
        start, position = position, position + tensor.nbytes
        entries[tensor.name] = {
            "dtype": tensor.kind.code,
            "shape": list(tensor.shape),
            "data_offsets": [start, position],
        }
        ends.append((tensor, start, position))
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > _MOST_HEADER_BYTES:
        raise ValueError(
            f"a file's header must have at most {_MOST_HEADER_BYTES} bytes, so give a smaller `max_shard_bytes`. "
            f"Received: {len(ends)} tensors in one file, {len(text)} bytes"
        )
    header = len(text).to_bytes(8, "little") + text
    return header, [Place(tensor, len(header) + start, len(header) + stop) for tensor, start, stop in ends]


def read_header(path: str | os.PathLike[str]) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and dtype, as the header says it, of every tensor of a file, in the header's order."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _MOST_HEADER_BYTES):
            raise _no_safetensors(path, f"a header of {length} bytes in a file of {size}")
        text = file.read(length)
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise _no_safetensors(path, f"a header that is no JSON: {error}") from None
    if not isinstance(entries, dict):
        raise _no_safetensors(path, "a header that is no object")
    entries.pop("__metadata__", None)
    return {name: _described(path, name, entry) for name, entry in entries.items()}


def _described(path: Any, name: str, entry: Any) -> tuple[tuple[int, ...], str]:
    shape, dtype = (entry.get("shape"), entry.get("dtype")) if isinstance(entry, dict) else (None, None)
    if not isinstance(dtype, str) or not isinstance(shape, list) or not all(is_int(n) and n >= 0 for n in shape):
        raise _no_safetensors(path, f"{name!r} without a shape and a dtype")
    return tuple(shape), dtype


def _no_safetensors(path: Any, why: str) -> ValueError:
    return ValueError(f"a file must be one of safetensors. Received: {str(path)!r}, {why}")
