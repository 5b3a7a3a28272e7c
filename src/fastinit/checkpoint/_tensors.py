"""What a file shall hold: tensors by name, shape and dtype."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from .._arguments import brief, check_shape, is_int, is_sequence
from ._dtypes import Kind, kind_of


class Tensor(NamedTuple):
    """A tensor of a checkpoint, before it is drawn. A plain tuple of its first two parts, or of three, does as well.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
        "float32", "float64", "float16" or "bfloat16"; or another of safetensors' dtypes, for zeros.
    zero_rows : tuple of int
        Rows that are zero whatever the rule says, as the ``padding_idx`` of an embedding.
    """

    shape: tuple[int, ...]
    dtype: str
    zero_rows: tuple[int, ...] = ()


class Wanted(NamedTuple):
    """A tensor whose description has been checked."""

    name: str
    shape: tuple[int, ...]
    kind: Kind
    zero_rows: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.kind.itemsize


def checked(tensors: Any, dtype: Any) -> list[Wanted]:
    """Every tensor's description, with `dtype` in the place of any float's; in the order of `tensors`."""
    if not isinstance(tensors, Mapping):
        raise TypeError(
            "`tensors` must be a dict of (shape, dtype) by name, as tensors_of() makes of files. "
            f"Received: {brief(tensors)}"
        )
    if not tensors:
        raise ValueError("`tensors` must hold at least one. Received: none")
    instead = None if dtype is None else kind_of(dtype)
    if instead is not None and not instead.is_drawn:
        raise TypeError(f"`dtype` must be float32, float64, float16 or bfloat16. Received: {brief(dtype)}")
    return [_wanted(name, tensor, instead) for name, tensor in tensors.items()]


def _wanted(name: Any, tensor: Any, instead: Kind | None) -> Wanted:
    if not isinstance(name, str) or name == "__metadata__":
        raise TypeError(f"a tensor's name must be a str, and not __metadata__. Received: {name!r}")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"a tensor's name must be text that UTF-8 encodes. Received: {name!r}") from None
    try:
        if not isinstance(tensor, (tuple, list)) or len(tensor) not in (2, 3) or is_int(tensor[1]):
            raise TypeError(f"a tensor must be given as (shape, dtype). Received: {brief(tensor)}")
        shape, kind = check_shape(tensor[0]), kind_of(tensor[1])
        zero_rows = _rows(tensor[2], shape) if len(tensor) == 3 else ()
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name!r}: {error}") from None
    if instead is not None and kind.is_float:
        kind = instead
    return Wanted(name, shape, kind, zero_rows)


def _rows(rows: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    count = shape[0] if shape else 0
    if not is_sequence(rows) or not all(is_int(row) and -count <= row < count for row in rows):
        raise ValueError(f"rows that are zero must be ints that name rows of shape {shape}. Received: {brief(rows)}")
    return tuple([int(row) % count for row in rows])
