"""A whole module in one hand-off, by rules."""

from __future__ import annotations

import copy
import functools
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import Embedding, EmbeddingBag, Module

import fastinit

from .._memory import prefer_huge_pages
from ..keys import Key
from ..rules import Entry, Rules, out_in
from ._dtensor import Piece, is_distributed, pieces
from ._fill import check_arguments
from ._names import Named, tensors_of
from ._ranks import agreed, is_drawn
from ._seed import key_of
from ._tensor import changed, check, dtype_kwargs, is_abstract, is_direct, place, view, written

_COMPLEX_TOO = tuple(out_in(function, {})[0] for function in (fastinit.orthogonal, fastinit.delta_orthogonal))
# Tensors that are drawn beside their own memory take no more than this at a time (or one of them does).
_STAGED_BYTES = 1 << 26


def init_(
    module: Module,
    rules: Any,
    *,
    seed: Any,
    skip: str | Iterable[str] = (),
    strict_buffers: bool = False,
    threads: int | None = None,
) -> Module:
    """Initialize all parameters of a module by rules, in one hand-off.

    The tensor named "a.b.c" gets the initializer of the first rule whose pattern matches the whole name, with the key
    ``Key(seed).child("a.b.c")``, in PyTorch's layout, (out, in, *spatial*): its values depend on the seed, its name
    and its shape, and not on the order of the modules, on threads or ranks. Layouts and dtypes are as for all of
    `fastinit.torch`.

    **Buffers are left alone unless a rule of their own matches them. After** ``to_empty`` **they hold garbage, and
    nothing can tell**: compute them again, or give them rules; ``strict_buffers=True`` makes every buffer without a
    rule an error.

    Parameters
    ----------
    module : torch.nn.Module
        With memory: ``to_empty`` comes first. It unties tied parameters; tie them again before.
    rules : fastinit.Rules, or what it is made from
        Names are those of ``named_parameters()``, without what wrappers add: ``_orig_mod.`` of torch.compile,
        ``module.`` of DataParallel, DistributedDataParallel and AveragedModel, ``_checkpoint_wrapped_module.``,
        ``_fsdp_wrapped_module.``. A tied parameter has its first name. A parametrized tensor has its own name
        (``weight``, not ``parametrizations.weight.original``) and is assigned, which needs its parametrizations to
        have ``right_inverse``. Pruning and the hook of the old weight_norm rename parameters: ``weight_orig``.
    seed : int, fastinit.Key, torch.Generator, None, or a seed of NumPy's
        None takes one word of torch's default generator for all tensors. Ranks that share DTensors take the word, or
        what they draw from a generator, of the first of them: a collective call, once for the module.
    skip : str or iterable of str
        Patterns of names that stay as they are.
    strict_buffers : bool
        Whether a buffer needs a rule, too.
    threads : int
        The most threads that the call may use. Values never depend on it.

    Returns
    -------
    torch.nn.Module
        `module`. The row ``padding_idx`` of an embedding is zero.

    Raises
    ------
    TypeError, ValueError
        If names and rules do not fit each other, a rule of parameters matches a buffer, too, or a tensor cannot be
        filled. One sentence lists all names; nothing has been written then.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> with torch.device("meta"):
    ...     model = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    >>> rules = [(".*weight", "he_normal"), (".*bias", "zeros")]
    >>> model = init.init_(model.to_empty(device="cpu"), rules, seed=0)
    >>> abs(model[0].weight.std().item() / (2 / 784) ** 0.5 - 1) < 0.01
    True
    """
    work = _Work(module, rules, seed, skip, strict_buffers, threads)
    work.fill_all()
    return module


def by_module(
    module: Module,
    rules: Any,
    *,
    seed: Any,
    skip: str | Iterable[str] = (),
    strict_buffers: bool = False,
    threads: int | None = None,
) -> Callable[[Module], None]:
    """Return a function that fills the tensors of one module inside `module`, for code that goes module by module.

    For ``module.apply``, for ``_init_weights(module)`` and ``reset_parameters`` style code: what it fills is what
    `init_` would, name by name, whatever the order. Names and rules are checked now, the tensors when they are
    filled; so `module` may still be on the meta device.

    Parameters
    ----------
    module : torch.nn.Module
        The whole, which decides the names.
    rules, seed, skip, strict_buffers, threads
        As in `init_`.

    Returns
    -------
    callable
        Takes a module of `module`, fills the tensors that are this module's own, and returns None.

    Raises
    ------
    TypeError, ValueError
        As `init_`; the function also if a module is none of `module`, or a parameter that was tied no longer is.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))
    >>> rules = [(".*weight", "he_normal"), (".*bias", "zeros")]
    >>> model = model.apply(init.by_module(model, rules, seed=0))
    >>> again = init.init_(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2)), rules, seed=0)
    >>> torch.equal(model[1].weight, again[1].weight)
    True
    """
    work = _Work(module, rules, seed, skip, strict_buffers, threads)
    return work.fill_own


class _Work:
    """What `init_` does: names against rules first, then the tensors of some names."""

    def __init__(
        self, module: Any, rules: Any, seed: Any, skip: Any, strict_buffers: bool, threads: int | None
    ) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"`module` must be a torch.nn.Module. Received: {type(module).__name__}")
        _refuse_flat(module)
        _reshard(module)
        self._module = module
        self._every = list(tensors_of(module))
        self._threads = threads
        self._padded = [
            part
            for part in module.modules()
            if isinstance(part, (Embedding, EmbeddingBag)) and part.padding_idx is not None
        ]
        firsts: dict[int, Named] = {}
        # A computed tensor is new whenever one asks for it, and tied to nothing.
        self._first = {
            (id(named.owner), named.attribute): (
                named if named.is_parametrized else firsts.setdefault(id(named.tensor), named)
            )
            for named in self._every
        }
        found = _each_once(self._first.values())
        listed = rules if isinstance(rules, Rules) else Rules(rules)
        if not isinstance(skip, str) and isinstance(skip, Iterable):
            skip = tuple(skip)
        buffers = [name for name, named in found.items() if named.is_buffer]
        shapes = {name: _shape(named) for name, named in found.items()}
        self._entries = listed.plan(shapes, skip, layout="out_in", optional=() if strict_buffers else buffers)
        _check_buffers(listed, found, self._entries)
        self.planned = {name: found[name] for name in self._entries}
        patterns = (skip,) if isinstance(skip, str) else skip
        skipped = {name for name in found if any(re.fullmatch(pattern, name) for pattern in patterns)}
        self._left = [found[name] for name in buffers if name not in self._entries and name not in skipped]
        self._key = Key(key_of(seed))
        self._is_own = is_drawn(seed)

    def fill_all(self) -> None:
        self._fill(list(self.planned.values()), self._left)

    def fill_own(self, module: Module) -> None:
        own = [named for named in self._every if named.owner is module]
        if not own and module not in set(self._module.modules()):
            raise ValueError(f"a module must be one of those that have been named. Received: {type(module).__name__}")
        untied = [
            (named.name, first.name)
            for named in own
            if (first := self._first[id(module), named.attribute]) is not named and first.tensor is not named.tensor
        ]
        if untied:
            said = ", ".join(f"{name!r}, which was {first!r}" for name, first in untied)
            raise ValueError(f"a parameter that was tied must be tied again before it is filled. Received: {said}")
        self._fill(
            [named for named in own if self.planned.get(named.name) is named],
            [named for named in self._left if named.owner is module],
        )

    def _fill(self, wanted: list[Named], left: list[Named]) -> None:
        _reshard(self._module)
        _refuse_abstract([*wanted, *left])
        computed: list[_Part] = []
        direct: list[_Part] = []
        staged: list[_Part] = []
        by_name = {named.name: named for named in wanted}
        tensors: dict[str, Tensor] = {}
        for name, named in by_name.items():
            tensors[name] = tensor = named.tensor
            held = _checked(named, tensor, self._entries[name])
            if named.is_parametrized:
                computed.append(_Part(name, torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu"), None))
                continue
            for piece in held:
                (direct if is_direct(piece.tensor) else staged).append(_Part(name, *piece))
        padding = {name: self._padding(by_name[name], tensor) for name, tensor in tensors.items()}
        self._agree(tensors.values())
        # What is assigned may be refused by what it is assigned to, so it is drawn first.
        if computed:
            self._draw(computed)
        for name, value, _ in computed:
            _zero(value, None, padding[name])
            _check_assignment(by_name[name], value)

        self._draw(direct)
        changed([part.tensor for part in direct])
        for name, value, _ in computed:
            owner, attribute = by_name[name].owner, by_name[name].attribute
            setattr(owner, attribute, value.to(getattr(owner, attribute).device))
        for group in _groups(dict(enumerate([part.tensor for part in staged]))):
            places = [place(tensor) for tensor in group.values()]
            self._draw([staged[i] for i in group], [placed.out for placed in places])
            written(places)
        for name, tensor, block in [*direct, *staged]:
            _zero(tensor, block, padding[name])
        changed([tensor for tensor in tensors.values() if is_distributed(tensor)])

    def _agree(self, tensors: Iterable[Tensor]) -> None:
        """Before the first tensor that ranks share, let them have one key: for all of the module, at once."""
        if self._is_own and any(is_distributed(tensor) for tensor in tensors):
            planned = [named.tensor for named in self.planned.values() if not named.is_parametrized]
            self._key = agreed(self._key, planned)
            self._is_own = False

    def _draw(self, parts: list[_Part], outs: list[np.ndarray] | None = None) -> None:
        turns: list[dict[str, Any]] = [{}]  # most tensors have one block here; others need more turns
        for i, (name, tensor, block) in enumerate(parts):
            out = view(tensor) if outs is None else outs[i]
            prefer_huge_pages(out)  # after to_empty every page of it is new
            if name in turns[-1]:
                turns.append({})
            turn = next(turn for turn in turns if name not in turn)
            turn[name] = _described(self._entries[name], block, {"out": out, **dtype_kwargs(tensor)})
        for described in turns:
            fastinit.initialize(described, seed=self._key, threads=self._threads)

    def _padding(self, named: Named, tensor: Tensor) -> list[int]:
        """The rows that an embedding wants to be zero, also where another module has its weight's first name."""
        return [
            row
            for embedding in self._padded
            if (row := embedding.padding_idx) is not None
            and (named.owner is embedding if named.is_parametrized else embedding.weight is tensor)
        ]


class _Part(NamedTuple):
    """Memory to be filled, with a block of the tensor of a name."""

    name: str
    tensor: Tensor
    block: tuple[slice, ...] | None  # None for the whole


def _described(entry: Entry, block: tuple[slice, ...] | None, kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """What `fastinit.initialize` is told to draw a block."""
    initializer, shape, given = entry
    if block is None:
        return initializer, shape, {**given, **kwargs}
    if _is_ours(initializer):
        return initializer, shape, {**given, **kwargs, "index": block}
    sizes = tuple([part.stop - part.start for part in block])
    return functools.partial(_cut, initializer, shape, block), sizes, {**given, **kwargs}


def _cut(initializer: Any, shape: tuple[int, ...], block: tuple[slice, ...], _sizes: Any, **kwargs: Any) -> np.ndarray:
    """A block of what a caller's own initializer returns, which knows whole tensors only."""
    whole = np.asarray(initializer(shape, **kwargs))
    if whole.shape != shape:
        raise ValueError(f"an initializer must return the shape that it is given, {shape}. Received: {whole.shape}")
    return whole[block]


def _zero(tensor: Tensor, block: tuple[slice, ...] | None, rows: Iterable[int]) -> None:
    with torch.no_grad():
        for row in rows:
            if block is None:
                tensor[row].zero_()
            elif block[0].start <= row < block[0].stop:
                tensor[row - block[0].start].zero_()


def _each_once(named: Iterable[Named]) -> dict[str, Named]:
    found: dict[str, Named] = {}
    for one in named:
        if found.setdefault(one.name, one) is not one:
            raise ValueError(f"every tensor must have a name of its own. Received: two tensors named {one.name!r}")
    return found


def _shape(named: Named) -> tuple[int, ...]:
    with torch.no_grad(), _about(named.name):
        tensor = named.tensor
        if torch.nn.parameter.is_lazy(tensor):
            check(tensor)
        return tuple(tensor.shape)


def _check_buffers(rules: Rules, found: dict[str, Named], planned: dict[str, Entry]) -> None:
    """A rule that was written for parameters must not reach a mask or a running mean by accident."""
    chosen = {name: rules.match(name) for name in planned}
    of_parameters = {id(chosen[name]) for name in planned if not found[name].is_buffer}
    shared = [name for name in planned if found[name].is_buffer and id(chosen[name]) in of_parameters]
    if shared:
        said = ", ".join(f"{name!r} by {rule.pattern!r}" for name in shared if (rule := chosen[name]))
        raise ValueError(
            "a rule that matches parameters must match no buffer: give buffers rules of their own, or skip them. "
            f"Received: {said}"
        )


def _refuse_abstract(tensors: Iterable[Named]) -> None:
    abstract = [repr(named.name) for named in tensors if is_abstract(named.tensor)]
    if abstract:
        raise ValueError(
            "a module must have memory before it is filled: call module.to_empty(device='cpu'), then tie what was "
            f"tied. Received: meta or fake tensors {', '.join(abstract)}"
        )


def _refuse_flat(module: Module) -> None:
    # Importing this module of torch takes a second; where nobody did, nothing is wrapped by it.
    fsdp: Any = sys.modules.get("torch.distributed.fsdp.fully_sharded_data_parallel")
    for name, part in module.named_modules() if fsdp else ():
        if isinstance(part, fsdp.FullyShardedDataParallel) and part.training_state.name != "SUMMON_FULL_PARAMS":
            raise ValueError(
                "FullyShardedDataParallel must show whole parameters: fill the module before it is wrapped, within "
                f"summon_full_params(), or use fully_shard(). Received: {name or 'the module itself'!r}, wrapped by it"
            )


def _reshard(module: Module) -> None:
    """Let fully_shard's modules show their shards: after a forward pass some show what they will throw away."""
    kind: Any = getattr(sys.modules.get("torch.distributed.fsdp"), "FSDPModule", None)
    for part in module.modules() if kind else ():
        if isinstance(part, kind):
            part.reshard()


def _checked(named: Named, tensor: Tensor, entry: Entry) -> list[Piece]:
    """Everything that can be known of one tensor before it is drawn, and what of it is here."""
    with _about(named.name):
        check(tensor, complex_too=entry.initializer in _COMPLEX_TOO)
        held = pieces(tensor)
        if not (held and all(is_direct(piece.tensor) for piece in held)) and _is_ours(entry.initializer):
            check_arguments(tensor, entry.initializer, entry.kwargs)  # of the others, when all are drawn
        if named.is_parametrized:
            if is_distributed(tensor):
                raise ValueError(
                    "a parametrized tensor must be whole to be filled: fill it before it is sharded, or skip it. "
                    "Received: a DTensor"
                )
            parts = named.owner.parametrizations[named.attribute]
            fixed = [type(part).__name__ for part in parts if not hasattr(part, "right_inverse")]
            if fixed:
                raise ValueError(
                    "a parametrized tensor must have a right_inverse to be filled: fill it before it is parametrized, "
                    f"or skip it. Received: {', '.join(fixed)}, which have none"
                )
    return held


def _is_ours(initializer: Callable[..., np.ndarray]) -> bool:
    return str(getattr(initializer, "__module__", "")).partition(".")[0] == "fastinit"


def _check_assignment(named: Named, value: Tensor) -> None:
    with torch.no_grad(), _about(named.name):
        for part in reversed(named.owner.parametrizations[named.attribute]):
            value = copy.deepcopy(part).right_inverse(value)  # some keep what they have seen


def _groups(tensors: dict[int, Tensor]) -> Iterator[dict[int, Tensor]]:
    group: dict[int, Tensor] = {}
    size = 0
    for which, tensor in tensors.items():
        size += tensor.numel() * tensor.element_size()
        if group and size > _STAGED_BYTES:
            yield group
            group, size = {}, tensor.numel() * tensor.element_size()
        group[which] = tensor
    if group:
        yield group


@contextmanager
def _about(name: str) -> Iterator[None]:
    """Let an error begin with the name of its tensor."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name!r}: {error}") from None
    except RuntimeError as error:  # torch's
        raise ValueError(f"{name!r}: {str(error).splitlines()[0]}") from None
