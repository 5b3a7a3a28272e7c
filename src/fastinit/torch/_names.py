"""The tensors of a module, each once, under the name that wrappers do not change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import Tensor
from torch.nn import DataParallel, Module
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parametrize
from torch.optim.swa_utils import AveragedModel

# What torch.compile, FSDP1 and activation checkpointing call the module that they wrap.
_WRAPPED = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
# "module" may be any module's child; in these it is the wrapped one.
_WRAPPERS = (DataParallel, DistributedDataParallel, AveragedModel)


class Named(NamedTuple):
    """A tensor of a module."""

    name: str
    owner: Any  # a Module; its attributes are what torch's types cannot know
    attribute: str
    is_buffer: bool
    is_parametrized: bool  # computed by the owner from other tensors

    @property
    def tensor(self) -> Tensor:
        """The tensor as it is now."""
        tensor: Tensor = getattr(self.owner, self.attribute)
        return tensor


def tensors_of(module: Module) -> Iterator[Named]:
    """Parameters and buffers in the order of `named_parameters`; a tied one under each of its names."""
    seen: set[int] = set()

    def walk(owner: Module, path: tuple[str, ...]) -> Iterator[Named]:
        if id(owner) in seen:
            return
        seen.add(id(owner))
        yield from _own_tensors(owner, path)
        for name, child in owner.named_children():
            if _is_parametrized(owner) and child is owner.parametrizations:
                yield from _within_parametrizations(child, (*path, name), walk)
            else:
                stripped = name in _WRAPPED or (name == "module" and isinstance(owner, _WRAPPERS))
                yield from walk(child, path if stripped else (*path, name))

    yield from walk(module, ())


def _own_tensors(owner: Any, path: tuple[str, ...]) -> Iterator[Named]:
    named = {
        False: owner.named_parameters(recurse=False, remove_duplicate=False),
        True: owner.named_buffers(recurse=False, remove_duplicate=False),
    }
    for is_buffer, tensors in named.items():
        for name, _ in tensors:
            yield Named(".".join((*path, name)), owner, name, is_buffer, False)
    if _is_parametrized(owner):
        for name, parts in owner.parametrizations.items():
            is_buffer = not dict(parts.named_parameters(recurse=False))
            yield Named(".".join((*path, name)), owner, name, is_buffer, True)


def _within_parametrizations(lists: Any, path: tuple[str, ...], walk: Any) -> Iterator[Named]:
    """The tensors of the parametrizing modules; those that they start from are reached through the computed one."""
    for name, parts in lists.named_children():
        for place, part in parts.named_children():
            yield from walk(part, (*path, name, place))


def _is_parametrized(owner: Module) -> bool:
    return bool(parametrize.is_parametrized(owner))
