"""One seed for all ranks that share a tensor, where each would draw its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..keys import Key
from ._dtensor import is_distributed


def is_drawn(seed: Any, generator: Any = None) -> bool:
    """Whether a seed comes from a state that is each rank's own, rather than being the same number everywhere."""
    drawing = (torch.Generator, np.random.Generator, np.random.BitGenerator)
    return generator is not None or seed is None or isinstance(seed, drawing)


def agreed(seed: Any, tensors: Iterable[Tensor]) -> Any:
    """The seed of the first rank of the mesh that the DTensors among `tensors` are on, by one broadcast.

    A collective call of that mesh's ranks. Without a DTensor `seed` itself.
    """
    meshes = list(dict.fromkeys([_mesh(tensor) for tensor in tensors if is_distributed(tensor)]))
    if not meshes:
        return seed
    mesh = max(meshes, key=_size)  # the first of equal ones, on every rank
    ranks = _ranks(mesh)
    if any(_ranks(other) - ranks for other in meshes):
        said = ", ".join(str(sorted(_ranks(other))) for other in meshes)
        raise ValueError(
            "a seed must be given where no mesh has the ranks of all others: `seed=` an int or a fastinit.Key. "
            f"Received: one that each rank draws, and meshes of ranks {said}"
        )
    return _broadcast(Key(seed), mesh)


def _broadcast(key: Key, mesh: Any) -> Key:
    coordinate = mesh.get_coordinate()
    if coordinate is None:
        return key
    words = np.array([key.key, key.stream], np.uint64).view(np.int64)
    sent = torch.tensor(words.tolist(), dtype=torch.int64, device=mesh.device_type)
    for axis in range(mesh.ndim):  # along each axis from its first rank: at last all have what the very first had
        if mesh.size(axis) > 1:
            first = mesh.mesh[tuple([0 if i == axis else place for i, place in enumerate(coordinate)])]
            torch.distributed.broadcast(sent, src=int(first), group=mesh.get_group(axis))
    key_word, stream = (int(word) for word in sent.cpu().numpy().view(np.uint64))
    return Key.from_words(key_word, stream)


def _mesh(tensor: Any) -> Any:
    return tensor.device_mesh


def _size(mesh: Any) -> int:
    return int(mesh.size())


def _ranks(mesh: Any) -> set[int]:
    return {int(rank) for rank in mesh.mesh.flatten()}
