"""The headers of a checkpoint's files: written for tensors that have no bytes yet, read of whatever a file holds.

Unlike those of `_safetensors`, which reads tensors, they are read alone, and the bytes behind them may be missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from .._arguments import is_int
from .._safetensors import MOST_HEADER_BYTES, placed, write_header
from ._tensors import Wanted


class Place(NamedTuple):
    """Where a tensor lies in a file."""

    tensor: Wanted
    start: int
    stop: int


def laid_out(tensors: Iterable[Wanted], framework: str) -> tuple[bytes, list[Place]]:
    """What stands before the tensors of a file, and where each of them lies, in their order."""
    wanted = {tensor.name: tensor for tensor in tensors}
    described = {name: (tensor.kind.code, tensor.shape) for name, tensor in wanted.items()}
    header = write_header(described, {"format": framework})
    if len(header) - 8 > MOST_HEADER_BYTES:
        raise ValueError(
            f"a file's header must have at most {MOST_HEADER_BYTES} bytes, so give a smaller `max_shard_bytes`. "
            f"Received: {len(wanted)} tensors in one file, {len(header) - 8} bytes"
        )
    starts = placed(described)
    return header, [
        Place(wanted[name], len(header) + entry.start, len(header) + entry.stop) for name, entry in starts.items()
    ]


def read_header(path: str | os.PathLike[str]) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and dtype, as the header says it, of every tensor of a file, in the header's order."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, MOST_HEADER_BYTES):
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
