"""Any bytes of a file of a checkpoint, drawn into memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import initializers
from ..initializers import initialize
from ..keys import Key
from ..rules import Entry, out_in
from ._blocks import blocks_of
from ._dtypes import Kind
from ._format import Place
from ._tensors import Wanted

Bytes = NDArray[np.uint8]

# A block of a row costs these about as much as the whole, which is drawn once and kept while it is written.
_BY_THE_WHOLE = tuple(
    form
    for function in (initializers.orthogonal, initializers.delta_orthogonal, initializers.sparse)
    for form in (function, out_in(function, {})[0])
)


class Drawing:
    """The contents of one file."""

    def __init__(
        self, header: bytes, places: tuple[Place, ...], entries: dict[str, Entry], key: Key, threads: int | None
    ) -> None:
        self._header = np.frombuffer(header, np.uint8)
        # Those without elements would hide others that begin where they do.
        self._places = [place for place in places if place.start < place.stop]
        self._starts = [place.start for place in self._places]
        self._entries = entries
        self._key = key
        self._threads = threads
        self._whole: tuple[str, NDArray[Any]] | None = None  # the last that was drawn as a whole

    def fill(self, start: int, memory: Bytes) -> None:
        """Write what stands in the file from byte `start` on; it divides no element."""
        stop = start + len(memory)
        if start < len(self._header):
            part = self._header[start:stop]
            memory[: len(part)] = part
        work = Blocks(self._entries)
        first = max(0, bisect_right(self._starts, start) - 1)
        covered: list[tuple[Wanted, int, NDArray[Any]]] = []
        for tensor, begin, end in self._places[first:]:
            if begin >= stop:
                break
            low, high = max(begin, start), min(end, stop)
            if low >= high:
                continue
            part = memory[low - start : high - start]
            if not tensor.kind.is_drawn:
                part[:] = 0
                continue
            elements = part.view(tensor.kind.memory)
            offset = (low - begin) // tensor.kind.itemsize
            covered.append((tensor, offset, elements))
            if draws_blocks(self._entries[tensor.name].initializer):
                work.add(tensor, offset, elements)
            else:
                elements[:] = self._kept(tensor)[offset : offset + len(elements)]
        work.do(self._key, self._threads)
        for tensor, offset, elements in covered:
            clear_rows(tensor, offset, elements)

    def _kept(self, tensor: Wanted) -> NDArray[Any]:
        if self._whole is None or self._whole[0] != tensor.name:
            self._whole = None  # before the next one takes its memory
            self._whole = (tensor.name, drawn_whole(tensor, self._entries[tensor.name], self._key, self._threads))
        return self._whole[1]


class Blocks:
    """Consecutive elements of many tensors, drawn at once.

    `initialize` draws one block of a name. What is asked of one tensor here may be several, and takes several turns.
    """

    def __init__(self, entries: dict[str, Entry]) -> None:
        self._entries = entries
        self._turns: list[dict[str, tuple[Any, ...]]] = []

    def add(self, tensor: Wanted, offset: int, out: NDArray[Any]) -> None:
        """Elements from `offset` on, as many as `out` has."""
        initializer, shape, kwargs = self._entries[tensor.name]
        done = 0
        for turn, block in enumerate(blocks_of(shape, offset, offset + len(out))):
            sizes = tuple([part.stop - part.start for part in block])
            size = int(np.prod(sizes, dtype=np.int64))
            given = {"out": out[done : done + size].reshape(sizes), "index": block, **dtype_kwargs(tensor.kind)}
            if turn == len(self._turns):
                self._turns.append({})
            self._turns[turn][tensor.name] = (initializer, shape, {**kwargs, **given})
            done += size

    def do(self, key: Key, threads: int | None) -> None:
        for turn in self._turns:
            initialize(turn, seed=key, threads=threads)


def drawn_whole(tensor: Wanted, entry: Entry, key: Key, threads: int | None) -> NDArray[Any]:
    """All elements of a tensor, one after another."""
    out = np.empty(tensor.shape, tensor.kind.memory)
    kwargs = {**entry.kwargs, "out": out, **dtype_kwargs(tensor.kind)}
    initialize({tensor.name: (entry.initializer, tensor.shape, kwargs)}, seed=key, threads=threads)
    return out.reshape(-1)


def clear_rows(tensor: Wanted, offset: int, elements: NDArray[Any]) -> None:
    """Set those of the elements, which begin at `offset`, to zero that lie in the tensor's rows of zeros."""
    for row in tensor.zero_rows:
        length = tensor.size // tensor.shape[0]
        low, high = row * length - offset, (row + 1) * length - offset
        elements[max(0, low) : max(0, high)] = 0


def draws_blocks(initializer: Callable[..., Any]) -> bool:
    return is_ours(initializer) and initializer not in _BY_THE_WHOLE


def is_ours(initializer: Callable[..., Any]) -> bool:
    return str(getattr(initializer, "__module__", "")).partition(".")[0] == "fastinit"


def dtype_kwargs(kind: Kind) -> dict[str, Any]:
    """What an initializer must be told beside its `out`, whose dtype says the rest."""
    return {"dtype": "bfloat16"} if kind.code == "BF16" else {}
