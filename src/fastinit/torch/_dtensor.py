"""What a rank holds of a DTensor: blocks of the whole, found without asking another rank."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

Run = tuple[int, int]  # consecutive places of an axis: the first, and the one after the last


class Piece(NamedTuple):
    """Memory of this process, and the block of the whole tensor that belongs there."""

    tensor: Tensor
    block: tuple[slice, ...] | None  # None for the whole


def is_distributed(tensor: Any) -> bool:
    """Whether a tensor is a DTensor."""
    # Importing this module of torch takes longer than most fills; where nobody did, there are no DTensors.
    kind = getattr(sys.modules.get("torch.distributed.tensor"), "DTensor", None)
    return kind is not None and isinstance(tensor, kind)


def local(tensor: Tensor) -> Tensor:
    """What this process has of a tensor: the tensor itself, or a DTensor's memory, unknown to autograd."""
    if not is_distributed(tensor):
        return tensor
    shown: Any = tensor
    with torch.no_grad():
        here: Tensor = shown.to_local()
    return here


def pieces(tensor: Tensor) -> list[Piece]:
    """The blocks of a tensor that this process holds; none if its share is empty, one if the tensor is no DTensor."""
    if not is_distributed(tensor):
        return [Piece(tensor, None)]
    shared: Any = tensor
    check_placements(tensor)
    here = local(tensor)
    if shared.device_mesh.get_coordinate() is None or not here.numel():  # the mesh is of other ranks, or has too many
        return []
    runs = [_runs(shared, axis, here) for axis in range(tensor.ndim)]
    if all(axis == [(0, size)] for axis, size in zip(runs, tensor.shape, strict=True)):
        return [Piece(here, None)]
    return [
        Piece(
            here if here.shape == _lengths(block) else here[tuple([slice(*place) for place, _ in block])],
            tuple([slice(*run) for _, run in block]),
        )
        for block in itertools.product(*[_with_places(axis) for axis in runs])
    ]


def check_placements(tensor: Any) -> None:
    """Refuse a DTensor whose ranks do not hold its elements themselves."""
    placements = tensor.placements
    for placement in placements:
        if placement.is_partial():
            raise ValueError(
                "`tensor` must not be Partial, a sum that is still to be taken: redistribute() it before. "
                f"Received: placements {tuple(placements)}"
            )
        if not (placement.is_replicate() or _divides(placement)):
            raise TypeError(
                f"`tensor` must have the placements Shard and Replicate. Received: placements {tuple(placements)}"
            )


def _divides(placement: Any) -> bool:
    # _StridedShard, which FSDP2 makes of a tensor parallel parameter, is a Shard in some versions of torch only.
    return bool(placement.is_shard()) or hasattr(placement, "split_factor")


def _with_places(runs: list[Run]) -> list[tuple[Run, Run]]:
    """Where each run lies in this rank's memory, and the run."""
    ends = list(itertools.accumulate([stop - start for start, stop in runs], initial=0))
    return list(zip(itertools.pairwise(ends), runs, strict=True))


def _lengths(block: Sequence[tuple[Run, Run]]) -> tuple[int, ...]:
    return tuple([stop - start for _, (start, stop) in block])


class _Split(NamedTuple):
    """A mesh axis that divides an axis of a tensor."""

    parts: int
    which: int  # this rank's
    factor: int | None  # of a _StridedShard


def _runs(tensor: Any, axis: int, here: Tensor) -> list[Run]:
    """This rank's places on an axis of the whole, in the order in which it holds them."""
    size, held = tensor.shape[axis], here.shape[axis]
    coordinate = tensor.device_mesh.get_coordinate()
    splits = [
        _Split(tensor.device_mesh.size(i), coordinate[i], getattr(placement, "split_factor", None))
        for i, placement in enumerate(tensor.placements)
        if _divides(placement) and placement.dim % tensor.ndim == axis
    ]
    possible = _possible(tensor, axis, splits)
    fitting = [runs for runs in possible if sum(stop - start for start, stop in runs) == held]
    if len(fitting) == 1:
        return fitting[0]
    needed = (
        "the uneven shard of an axis that three mesh axes divide must be of one division: make the axis even, or give "
        "the mesh axes different axes"  # else it would be guessed whether FSDP2 made it, or distribute_tensor
        if fitting
        else "a DTensor must hold the shard that its placements describe"
    )
    raise ValueError(
        f"{needed}. Received: {held} of {size} on axis {axis}, placements {tensor.placements}, at {coordinate} of a "
        f"mesh of shape {tuple(tensor.device_mesh.shape)}"
    )


def _possible(tensor: Any, axis: int, splits: list[_Split]) -> list[list[Run]]:
    """What a rank may hold on an axis: one thing, but for uneven shards of FSDP2 over tensor parallelism.

    There FSDP2 divides what tensor parallelism has left it, and the placements describe another division.
    """
    size = tensor.shape[axis]
    nested = _nested((0, size), splits)
    as_nested = [] if nested is None else [[nested]]
    is_even = size % math.prod([split.parts for split in splits]) == 0
    if nested is not None and (is_even or all(split.factor is None for split in splits)):
        return as_nested
    as_described = _described(tensor, axis)
    return as_nested if as_described in as_nested else [*as_nested, as_described]


def _nested(run: Run, splits: Sequence[_Split]) -> Run | None:
    """Divide by one mesh axis after the other: by a _StridedShard after those that it was made to come after."""
    if not splits:
        return run
    first, later = splits[0], splits[1:]
    if first.factor is None:
        return _nested(_chunk(run, first), later)
    if first.factor != math.prod([split.parts for split in later]):
        return None
    inner = _nested(run, later)
    return None if inner is None else _chunk(inner, first)


def _chunk(run: Run, split: _Split) -> Run:
    """As torch.chunk does, which Shard is specified by; the last chunks may be empty."""
    start, stop = run
    step = -(-(stop - start) // split.parts)
    return min(start + split.which * step, stop), min(start + (split.which + 1) * step, stop)


def _described(tensor: Any, axis: int) -> list[Run]:
    """Let torch divide the places themselves, which tells of any placements; nothing is sent."""
    from torch.distributed.tensor import Replicate, distribute_tensor

    placements = [
        _on_first_axis(placement) if _divides(placement) and placement.dim % tensor.ndim == axis else Replicate()
        for placement in tensor.placements
    ]
    places = torch.arange(tensor.shape[axis], device="cpu")
    held = local(distribute_tensor(places, tensor.device_mesh, placements, src_data_rank=None)).cpu().numpy()
    parts = np.split(held, np.flatnonzero(np.diff(held) != 1) + 1)
    return [(int(part[0]), int(part[-1]) + 1) for part in parts if part.size]


def _on_first_axis(placement: Any) -> Any:
    factor = getattr(placement, "split_factor", None)
    return type(placement)(0) if factor is None else type(placement)(0, split_factor=factor)
