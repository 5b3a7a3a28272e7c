"""What a directory holds already: files of this checkpoint, and others."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from ..keys import Key
from ..rules import Entry
from ._draw import Blocks, clear_rows, drawn_whole, is_ours
from ._files import temporary_name
from ._plan import INDEX, Plan, Shard

# Of every tensor, its first elements are compared.
_COMPARED = 64
_HUGGING_FACE = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?(\.tmp)?")


def why_unfinished(path: Path, shard: Shard, entries: dict[str, Entry], key: Key, threads: int | None) -> str:
    """What shows that a file is not this shard; "" if nothing does.

    A file that has its name was whole when it got it, so that size and header tell whether it is meant to be this one.
    They do not tell the seed and the rules, which the first elements of each tensor do.
    """
    size = os.stat(path).st_size
    if size != shard.nbytes:
        return f"a file of {size} bytes instead of {shard.nbytes}"
    with open(path, "rb") as file:
        if file.read(len(shard.header)) != shard.header:
            return "a file of other tensors"
        work = Blocks(entries)
        compared = []
        for tensor, start, _ in shard.places:
            count = min(tensor.size, _COMPARED)
            file.seek(start)
            found = file.read(count * tensor.kind.itemsize)
            if not tensor.kind.is_drawn:
                expected = np.zeros(len(found), np.uint8)
            elif is_ours(entries[tensor.name].initializer):
                expected = np.empty(count, tensor.kind.memory)
                work.add(tensor, 0, expected)
            else:
                expected = drawn_whole(tensor, entries[tensor.name], key, threads)[:count]
            compared.append((tensor, found, expected))
    work.do(key, threads)
    for tensor, found, expected in compared:
        if tensor.kind.is_drawn:
            clear_rows(tensor, 0, expected)
        if found != expected.tobytes():
            return f"other values of {tensor.name!r}, by another seed or rule"
    return ""


def strangers(directory: Path, plan: Plan) -> list[Path]:
    """Files with names of checkpoints that are none of this one's, and would be read instead of it or beside it."""
    names = {shard.name for shard in plan.shards} | ({INDEX} if plan.index else set())
    known = names | {temporary_name(Path(name)).name for name in names}
    return sorted(path for path in directory.iterdir() if _HUGGING_FACE.fullmatch(path.name) and path.name not in known)
