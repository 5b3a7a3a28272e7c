"""What a checkpoint will be: which tensor by which rule, in which file, on which host. Nothing is drawn or written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .._arguments import brief, check_choice, check_positive_int, is_int, is_sequence
from ..initializers import zeros
from ..rules import Entry, Rules
from ._draw import dtype_kwargs, is_ours
from ._format import Place, laid_out
from ._spread import std_of
from ._tensors import Tensor, Wanted, checked

INDEX = "model.safetensors.index.json"
_FRAMEWORKS = {"out_in": "pt", "in_out": "flax"}


class Shard(NamedTuple):
    """One file of a checkpoint.

    Attributes
    ----------
    name : str
        "model.safetensors", or "model-00001-of-00002.safetensors".
    nbytes : int
        Of the whole file.
    header : bytes
        What stands before the tensors.
    places : tuple
        The tensors in the order in which they lie, each with the bytes of the file where it begins and ends.
    """

    name: str
    nbytes: int
    header: bytes
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Plan:
    """A whole checkpoint, and which part of it is written here.

    Attributes
    ----------
    shards : tuple of Shard
        All files.
    part : tuple of int
        (i, n): this host is number i of n.
    mine : tuple of Shard
        The files of this part.
    entries : dict of str to Entry
        What is drawn for each tensor: the plan of the rules.
    tensors : dict of str to Tensor
        Of the whole checkpoint, with the dtypes that they get.
    index : bytes or None
        The file ``model.safetensors.index.json``; None if one file holds all.
    """

    shards: tuple[Shard, ...]
    part: tuple[int, int]
    mine: tuple[Shard, ...]
    entries: dict[str, Entry]
    tensors: dict[str, Tensor]
    index: bytes | None

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors: what the index calls total_size."""
        return sum(place.stop - place.start for shard in self.shards for place in shard.places)

    def std(self, name: str) -> float | None:
        """The standard deviation of a tensor's first 262144 elements, with the seed 0.

        None where there are none, or they say little of the others: matrices with a structure, and initializers that
        are not of this package.
        """
        return std_of(name, self.tensors[name], self.entries[name])


def plan(
    tensors: Mapping[str, Any],
    rules: Any,
    *,
    dtype: Any = None,
    max_shard_bytes: int = 5_000_000_000,
    part: tuple[int, int] = (0, 1),
    skip: str | Iterable[str] = (),
    layout: str = "out_in",
) -> Plan:
    """Return what `write` would write, with everything checked that can be checked without drawing.

    Parameters
    ----------
    tensors, rules, dtype, max_shard_bytes, part, skip, layout
        As in `write`.

    Returns
    -------
    Plan

    Raises
    ------
    TypeError, ValueError
        As `write`.

    Examples
    --------
    >>> import fastinit.checkpoint as checkpoint
    >>> tensors = {"up.weight": ((4096, 1024), "bfloat16"), "up.bias": ((4096,), "float32")}
    >>> plan = checkpoint.plan(tensors, {".*weight": "he_normal", ".*bias": "zeros"})
    >>> [(shard.name, shard.nbytes) for shard in plan.shards]
    [('model.safetensors', 8405184)]
    """
    wanted = checked(tensors, dtype)
    listed = rules if isinstance(rules, Rules) else Rules(rules)
    check_choice("layout", layout, tuple(_FRAMEWORKS))
    most = check_positive_int("max_shard_bytes", max_shard_bytes)
    number, of = check_part(part)
    entries = listed.plan({tensor.name: tensor.shape for tensor in wanted}, skip, layout=layout)
    written = [tensor for tensor in wanted if tensor.name in entries]
    if not written:
        raise ValueError("at least one tensor must be left to be written. Received: a `skip` that matches all")
    _check_drawable(written, entries, listed)
    groups = _divided(written, most)
    shards = tuple([_shard(_name(i, len(groups)), group, _FRAMEWORKS[layout]) for i, group in enumerate(groups)])
    return Plan(
        shards,
        (number, of),
        _share(shards, number, of),
        entries,
        {tensor.name: Tensor(tensor.shape, tensor.kind.name, tensor.zero_rows) for tensor in written},
        _index(shards) if len(shards) > 1 else None,
    )


def check_part(part: Any) -> tuple[int, int]:
    if not is_sequence(part) or len(part) != 2 or not all(is_int(n) for n in part):
        raise TypeError(f"`part` must be two ints, (i, n). Received: part={brief(part)}")
    number, of = int(part[0]), int(part[1])
    if not 0 <= number < of:
        raise ValueError(f"`part` must be (i, n) with 0 <= i < n. Received: part={brief(part)}")
    return number, of


def _check_drawable(wanted: list[Wanted], entries: dict[str, Entry], rules: Rules) -> None:
    """Let every initializer refuse what it would refuse, by asking for nothing of each tensor."""
    known: set[tuple[Any, ...]] = set()  # layers are alike, and one of them answers for all
    for name, shape, kind, _ in wanted:
        initializer, _, kwargs = entries[name]
        if not kind.is_drawn:
            if initializer is not zeros:
                raise TypeError(
                    f"{name!r}, by the rule {_pattern(rules, name)!r}: a tensor of {kind.name} must be zeros, or be "
                    f"skipped. Received: {getattr(initializer, '__name__', initializer)}"
                )
            continue
        alike = (initializer, shape, kind.code, repr(kwargs)) if is_ours(initializer) else None
        if alike is None or alike in known:
            continue
        known.add(alike)
        # Without an axis there is no block of no elements; one element is as little.
        nothing = {"out": np.empty((0,) * len(shape), kind.memory), "index": (slice(0, 0),) * len(shape)}
        try:
            initializer(shape, seed=0, **kwargs, **nothing, **dtype_kwargs(kind))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name!r}, by the rule {_pattern(rules, name)!r}: {error}") from None


def _pattern(rules: Rules, name: str) -> str | None:
    rule = rules.match(name)
    return rule.pattern if rule else None


def _divided(wanted: list[Wanted], most: int) -> list[list[Wanted]]:
    """The files' tensors, as Hugging Face divides them: in order, and what is larger than a file by itself."""
    groups: list[list[Wanted]] = []
    group: list[Wanted] = []
    size = 0
    for tensor in wanted:
        if tensor.nbytes > most:
            groups.append([tensor])
            continue
        if size + tensor.nbytes > most:
            groups.append(group)
            group, size = [], 0
        group.append(tensor)
        size += tensor.nbytes
    return [*groups, group] if group else groups


def _name(number: int, of: int) -> str:
    return "model.safetensors" if of == 1 else f"model-{number + 1:05d}-of-{of:05d}.safetensors"


def _shard(name: str, tensors: list[Wanted], framework: str) -> Shard:
    header, places = laid_out(tensors, framework)
    return Shard(name, places[-1].stop, header, tuple(places))


def _share(shards: tuple[Shard, ...], number: int, of: int) -> tuple[Shard, ...]:
    """This host's files: the largest first, each goes to the host that has the least to write."""
    loads = [0] * min(of, len(shards))
    hosts: dict[str, int] = {}
    for shard in sorted(shards, key=lambda shard: -shard.nbytes):
        hosts[shard.name] = host = loads.index(min(loads))
        loads[host] += shard.nbytes
    return tuple([shard for shard in shards if hosts[shard.name] == number])


def _index(shards: tuple[Shard, ...]) -> bytes:
    files = {place.tensor.name: shard.name for shard in shards for place in shard.places}
    total = sum(place.tensor.nbytes for shard in shards for place in shard.places)
    index = {"metadata": {"total_size": total}, "weight_map": files}
    return (json.dumps(index, indent=2, sort_keys=True) + "\n").encode()
