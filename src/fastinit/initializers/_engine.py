"""The engine under every initializer: a call describes what it wants, then it is fulfilled.

A description, a `Request`, has been checked in everything but the seed, and nothing has been allocated or drawn.
`initialize` describes many, checks all, and fulfils them in one hand-off. What is ours may be written while requests
are prepared; the caller's own arrays are written last, by one call of the kernels in which nothing can fail.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import _kernels
from .._arguments import Block, DType, Out, Target
from .._memory import HUGE_FROM_IN_A_MODEL, new_array
from ..keys import key_and_stream
from ..runtime import THREADED_BYTES, thread_limit
from ._checks import unknown_name

P = ParamSpec("P")
R = TypeVar("R")

Array = NDArray[Any]


class Work:
    """What will be written at last: fills, and copies into the caller's arrays."""

    __slots__ = ("copies", "fills")

    def __init__(self) -> None:
        self.fills: list[tuple[_kernels.Law, Any, int, int, tuple[int, ...], Block | None]] = []
        self.copies: list[tuple[Any, Any]] = []

    def fill(self, array: Array, target: Target, law: _kernels.Law, key: int, stream: int) -> None:
        self.fills.append((law, memory_of(array, target.dtype), key, stream, target.shape, target.block))

    def copy(self, out: Array, values: Array, dtype: DType) -> None:
        """`values` have the shape of `out`, or are one element for all of it, and its dtype."""
        self.copies.append((memory_of(out, dtype), memory_of(values, dtype)))

    def do(self, threads: int) -> None:
        _kernels.fulfil(self.fills, self.copies, threads)


class Request(Protocol):
    """What a call asks for."""

    @property
    def out(self) -> Out:
        """The caller's array, if there is one."""

    def prepare(self, work: Work, key: int, stream: int, threads: int) -> Array:
        """The array that the caller gets, complete as soon as `work` is done."""


class Drawn:
    """Values of a law, one by one from the stream."""

    __slots__ = ("law", "target")

    def __init__(self, target: Target, law: _kernels.Law) -> None:
        self.target = target
        self.law = law

    @property
    def out(self) -> Out:
        return self.target.out

    def prepare(self, work: Work, key: int, stream: int, threads: int) -> Array:
        target, array = self.target, self.target.out
        if array is None:
            array = new_array(target.block_shape, target.dtype.numpy, HUGE_FROM_IN_A_MODEL)
        work.fill(array, target, self.law, key, stream)
        return array


class Made:
    """Values that are made in an array of their own, and copied where they belong if the caller has an array.

    `make` gets key, stream and threads, and returns a C-contiguous array of the wanted block, or of one element that
    is all of it.
    """

    __slots__ = ("make", "target")

    def __init__(self, target: Target, make: Callable[[int, int, int], Array]) -> None:
        self.target = target
        self.make = make

    @property
    def out(self) -> Out:
        return self.target.out

    def prepare(self, work: Work, key: int, stream: int, threads: int) -> Array:
        values = self.make(key, stream, threads)
        if self.target.out is None:
            return values
        work.copy(self.target.out, values, self.target.dtype)
        return self.target.out


class Fixed(Made):
    """Values without randomness, which leave a seed alone."""

    __slots__ = ()


def fulfil(request: Drawn | Made, seed: Any) -> Array:
    """Do what one call asks for."""
    target = request.target
    key, stream = (0, 0) if type(request) is Fixed else key_and_stream(seed)
    if type(request) is Drawn:  # without a list of work to go through
        array = new_array(target.block_shape, target.dtype.numpy) if target.out is None else target.out
        threads = 1 if target.nbytes < THREADED_BYTES else target.threads or thread_limit()
        memory = memory_of(array, target.dtype)
        _kernels.fill(request.law, memory, key, stream, target.shape, target.block, threads)
        return array
    work = Work()
    array = request.prepare(work, key, stream, target.threads or thread_limit())
    work.do(1)
    return array


def memory_of(array: Array, dtype: DType) -> Array:
    """What the kernels see of an array: the buffer protocol has no bfloat16, so they are given its bits."""
    return array.view(np.uint16) if dtype.code == _kernels.BFLOAT16 else array


registry: dict[str, Callable[..., Array]] = {}


def initializer(describe: Callable[P, Drawn | Made]) -> Callable[P, Array]:
    """Make a public initializer, registered under its name, of a function that describes what a call asks for.

    The initializer's attribute `describe` is that function.
    """

    @functools.wraps(describe)
    def draw(*args: P.args, **kwargs: P.kwargs) -> Array:
        return fulfil(describe(*args, **kwargs), kwargs.get("seed"))

    # To the reader it is one function: its signature is that of `describe` but for the result.
    del draw.__wrapped__
    signature = inspect.signature(describe)
    draw.__signature__ = signature.replace(return_annotation="np.ndarray")  # type: ignore[attr-defined]
    draw.__annotations__ = {**describe.__annotations__, "return": "np.ndarray"}
    draw.describe = describe  # type: ignore[attr-defined]
    registry[draw.__name__] = draw
    return draw


# Whoever makes many tensors makes them by few laws. Only arguments of these types are looked up, because others may be
# unhashable, or equal to a number without being one; tuples are shapes and the like that have been checked. And only
# while _SMALLEST is true: in a process whose subnormals count as zero, it and others like it equal zero.
_PLAIN = frozenset({float, int, str, tuple, type(None), DType})
_SMALLEST = 5e-324


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """Remember the results of a function, where its arguments can be told apart by comparing them."""
    cached = functools.lru_cache(maxsize=1024, typed=True)(function)

    @functools.wraps(function)
    def remember(*args: P.args, **kwargs: P.kwargs) -> R:
        if not _SMALLEST:
            return function(*args, **kwargs)
        for argument in args:
            if type(argument) not in _PLAIN:
                return function(*args, **kwargs)
        return cached(*args, **kwargs)  # type: ignore[arg-type]

    return remember


def find(name: Any) -> Callable[..., Array]:
    """The initializer of a name."""
    if not isinstance(name, str) or name not in registry:
        raise unknown_name(name, registry)
    return registry[name]
