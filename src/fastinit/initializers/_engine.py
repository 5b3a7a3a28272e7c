"""The engine under every initializer: the registry, laws that are remembered, and the one draw."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, SupportsIndex, TypeVar

import numpy as np

from .. import _kernels
from .._arguments import Target
from ..keys import Key, key_and_stream
from ..runtime import thread_limit
from ._checks import unknown_name

Shape = SupportsIndex | Sequence[SupportsIndex]
F = TypeVar("F", bound=Callable[..., np.ndarray])

_COMMON = """dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`."""

_FAN_AXES = """in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`."""

registry: dict[str, Callable[..., np.ndarray]] = {}


def initializer(function: F) -> F:
    """Register an initializer under its name, and complete its docstring."""
    registry[function.__name__] = function
    if function.__doc__:
        function.__doc__ = function.__doc__.replace("{common}", _COMMON).replace("{axes}", _FAN_AXES)
    return function


class Batch:
    """Stands for the key of a tensor of `initialize`: its draw is only noted down, not done.

    Fills are noted as `requests`, to be done side by side; other work as `calls` that take the number of threads.
    """

    def __init__(self, key: Key, requests: list[tuple[Any, ...]], calls: list[Callable[[int], None]]) -> None:
        self.key = key
        self.requests = requests
        self.calls = calls


_MODEL_HUGE_FROM = 1 << 21

# From so many bytes on, a call may be worth more than one thread.
_THREADED_BYTES = 1 << 18


def draw(target: Target, seed: Any, law: _kernels.Law) -> np.ndarray:
    """Fill the target from the stream. All arguments but the seed have been checked."""
    key, stream = key_and_stream(seed.key if type(seed) is Batch else seed)
    # A single array below 32 MB may get memory that was used before, which beats any new pages; a model's
    # arrays live side by side and do not.
    array = target.array(_MODEL_HUGE_FROM) if type(seed) is Batch else target.array()
    # The buffer protocol has no bfloat16; the kernels see its bits.
    buffer = array.view(np.uint16) if target.dtype.code == _kernels.BFLOAT16 else array
    if type(seed) is Batch:
        seed.requests.append((law, buffer, key, stream, target.shape, target.block))
    elif target.nbytes < _THREADED_BYTES:
        _kernels.fill(law, buffer, key, stream, target.shape, target.block)
    else:
        threads = target.threads or thread_limit()
        _kernels.fill(law, buffer, key, stream, target.shape, target.block, threads)
    return array


# Laws are remembered: whoever makes many tensors makes them by few laws. Only arguments of these types
# are looked up, because others may be unhashable, or equal to a number without being one; and only while
# SMALLEST is true: in a process whose subnormals count as zero, it and others like it equal zero.
PLAIN = frozenset({float, int})
SMALLEST = 5e-324
remembered = functools.lru_cache(maxsize=1024, typed=True)


def find(name: Any) -> Callable[..., np.ndarray]:
    """The initializer of a name."""
    if not isinstance(name, str) or name not in registry:
        raise unknown_name(name, registry)
    return registry[name]
