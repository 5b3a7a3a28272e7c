"""The engine under every initializer: a call describes what it wants, then it is fulfilled.

A description, a `Request`, has been checked in everything but the seed, and nothing has been allocated or drawn.
`initialize` describes many, checks all, and fulfils them in one hand-off. What is ours may be written while requests
are prepared; the caller's own arrays are written last, by one call of the kernels in which nothing can fail.
"""

from __future__ import annotations

import functools
import inspect
import math
import sys
import types
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import _kernels
from .._arguments import (
    BITS,
    DType,
    DTypeLike,
    Index,
    Out,
    Shape,
    Target,
    Threads,
    check_out,
    is_for_bits,
    is_int,
)
from .._memory import HUGE_FROM_IN_A_MODEL, new_array
from ..keys import Seed, key_and_stream
from ..runtime import ALONE_BYTES, thread_limit
from ._checks import unknown_name

P = ParamSpec("P")
R = TypeVar("R")

Array = NDArray[Any]


class Work:
    """What will be written at last: fills, and copies into the caller's arrays."""

    __slots__ = ("copies", "fills")

    def __init__(self) -> None:
        self.fills: list[tuple[_kernels.Task, Array, int, int]] = []
        self.copies: list[tuple[Any, Any]] = []

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

    __slots__ = ("law", "out", "target", "task")

    def __init__(self, target: Target, law: _kernels.Law, out: Out = None, task: _kernels.Task | None = None) -> None:
        self.target = target
        self.law = law
        self.out = target.out if out is None else out
        self.task = task or _kernels.Task(law, None, target.dtype.numpy, target.shape, target.block, target.threads)

    def into(self, out: Array) -> Drawn:
        """The same values, in an array of the caller's."""
        return Drawn(self.target, self.law, out, self.task)

    def whole(self) -> Drawn:
        """The tensor of whose block this is: a law knows nothing of blocks."""
        target = self.target
        nbytes = math.prod(target.shape) * target.dtype.numpy.itemsize
        return Drawn(target._replace(block=None, out=None, block_shape=target.shape, nbytes=nbytes), self.law)

    def prepare(self, work: Work, key: int, stream: int, threads: int) -> Array:
        target, array = self.target, self.out
        if array is None:
            array = new_array(target.block_shape, target.dtype.numpy, HUGE_FROM_IN_A_MODEL, target.nbytes)
        work.fills.append((self.task, array, key, stream))
        return array


class Made:
    """Values that are made in an array of their own, and copied where they belong if the caller has an array.

    `make` gets key, stream and threads, and returns a C-contiguous array of the wanted block. `element` is an array of
    one element, if that is what every element is.
    """

    __slots__ = ("element", "make", "out", "target", "task")

    def __init__(
        self, target: Target, make: Callable[[int, int, int], Array], element: Out = None, out: Out = None
    ) -> None:
        self.target = target
        self.make = make
        self.element = element
        self.out = target.out if out is None else out
        self.task: _kernels.Task | None = None
        if element is not None:
            kind = target.dtype.numpy
            self.task = _kernels.Task(None, element.tobytes(), kind, target.shape, target.block, target.threads)

    def into(self, out: Array) -> Made:
        """The same values, in an array of the caller's."""
        return type(self)(self.target, self.make, self.element, out)

    def prepare(self, work: Work, key: int, stream: int, threads: int) -> Array:
        if self.out is None:
            return self.make(key, stream, threads)
        work.copy(
            self.out, self.make(key, stream, threads) if self.element is None else self.element, self.target.dtype
        )
        return self.out


class Fixed(Made):
    """Values without randomness, which leave a seed alone."""

    __slots__ = ()


def fulfil(request: Drawn | Made, seed: Any) -> Array:
    """Do what one call asks for."""
    target, out = request.target, request.out
    if request.task is not None:
        return request.task.fulfil(out, seed, key_and_stream, thread_limit)
    key, stream = (0, 0) if type(request) is Fixed else key_and_stream(seed)
    threads = 1 if target.nbytes < ALONE_BYTES else target.threads or thread_limit()
    if out is None:
        return request.make(key, stream, threads)
    work = Work()
    array = request.prepare(work, key, stream, threads)
    work.do(1)
    return array


def memory_of(array: Array, dtype: DType) -> Array:
    """What the kernels see of an array: the buffer protocol has no bfloat16, so they are given its bits."""
    return array.view(np.uint16) if dtype.code == _kernels.BFLOAT16 else array


class Initializer(Protocol):
    """An initializer of this package, by what all of them take."""

    def __call__(
        self,
        shape: Shape,
        /,
        *args: Any,
        dtype: DTypeLike = None,
        seed: Seed = None,
        out: Out = None,
        index: Index = None,
        threads: Threads = None,
        **kwargs: Any,
    ) -> Array: ...


registry: dict[str, Callable[..., Array]] = {}
# Of each of these, the requests that it remembers.
known_requests: dict[str, dict[Any, Drawn | Made]] = {}


def initializer(describe: Callable[P, Drawn | Made]) -> Callable[P, Array]:
    """Make a public initializer, registered under its name, of a function that describes what a call asks for."""
    draw = drawing(describe)
    registry[describe.__name__] = draw
    known_requests[describe.__name__] = draw.request.known  # type: ignore[attr-defined]
    return draw


def drawing(describe: Callable[P, Drawn | Made]) -> Callable[P, Array]:
    """Make a public function of one that describes what a call asks for.

    Its attribute `request` is that function, and remembers.
    """
    request = RememberedRequests(describe)
    known, at_once = request.known, _kernels.at_once

    @functools.wraps(describe)
    def draw(*args: P.args, **kwargs: P.kwargs) -> Array:
        array = at_once(known, args, kwargs, key_and_stream, thread_limit)
        if array is not None:
            return array
        seed = kwargs.pop("seed", None)
        try:
            asked = request(args, kwargs)
        except TypeError as error:
            if _is_shape_in_pieces(error, args):
                raise TypeError(f"{error}. A shape of several axes is one tuple: {describe.__name__}({args})") from None
            raise
        return fulfil(asked, seed)

    # To the reader it is one function: its signature is that of `describe` but for the result.
    del draw.__wrapped__
    signature = inspect.signature(describe)
    draw.__signature__ = signature.replace(return_annotation="NDArray[Any]")  # type: ignore[attr-defined]
    # Not as strings, which whoever asks for them would look up in this module; Python 3.10 has not all of the names.
    annotations = inspect.get_annotations(describe, eval_str=sys.version_info >= (3, 11))
    draw.__annotations__ = {**annotations, "return": Array}
    draw.request = request  # type: ignore[attr-defined]
    return draw


def described(initializer: Callable[..., Array], *args: Any, **kwargs: Any) -> Drawn | Made:
    """What a call of an initializer of this package would ask for."""
    request: Drawn | Made = initializer.request(args, kwargs)  # type: ignore[attr-defined]
    return request


def alias(name: str, of: Callable[P, Array]) -> Callable[P, Array]:
    """The same initializer under another name, which its errors speak of."""
    describe = of.request.describe  # type: ignore[attr-defined]
    same = types.FunctionType(
        describe.__code__, describe.__globals__, name, describe.__defaults__, describe.__closure__
    )
    functools.update_wrapper(same, describe)
    del same.__wrapped__  # type: ignore[attr-defined]
    same.__kwdefaults__ = describe.__kwdefaults__
    same.__name__ = same.__qualname__ = name
    same.__doc__ = f"{describe.__doc__}".replace("\n", f"\n\n    This is `{describe.__name__}` by another name.\n", 1)
    return initializer(same)


def _is_shape_in_pieces(error: TypeError, args: tuple[Any, ...]) -> bool:
    """Whether Python refused he_normal(784, 128) for its many arguments."""
    return "positional argument" in str(error) and len(args) > 1 and all(is_int(n) for n in args)


# In a process whose subnormals count as zero, this and others like it equal zero, and nothing may be looked up.
_SMALLEST = 5e-324
_MOST_REMEMBERED = 1024


class RememberedRequests:
    """Requests by the arguments that describe them: whoever makes many tensors makes them of few kinds."""

    __slots__ = ("describe", "known")

    def __init__(self, describe: Callable[..., Drawn | Made]) -> None:
        self.describe = describe
        self.known: dict[Any, Drawn | Made] = {}

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Drawn | Made:
        out = kwargs.pop("out", None)
        if out is None:
            return self.remember(args, kwargs)
        bits = is_for_bits(kwargs.get("dtype"), out)
        if not bits and (not isinstance(out, np.ndarray) or kwargs.get("dtype") is not None):
            return self.describe(*args, out=out, **kwargs)
        try:
            request = self.remember(args, {**kwargs, "dtype": BITS if bits else out.dtype})
        except TypeError:  # which should speak of `out` if it is its dtype that is wrong
            return self.describe(*args, out=out, **kwargs)
        check_out(out, request.target.dtype, request.target.block_shape)
        return request.into(out)

    def remember(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Drawn | Made:
        """A request without an `out`. Of the blocks of a tensor, it is the tensor that is remembered."""
        index = kwargs.pop("index", None)
        key = _kernels.call_key(args, kwargs)
        request = self.known.get(key) if index is None else None
        if request is None:
            request = self.describe(*args, **kwargs) if index is None else self.describe(*args, index=index, **kwargs)
            whole = request if index is None else request.whole() if isinstance(request, Drawn) else None
            if key is not None and whole is not None:
                if len(self.known) >= _MOST_REMEMBERED:
                    self.known.clear()
                self.known[key] = whole
        return request


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """Remember the results of a function whose arguments have been checked, so that equal ones mean the same."""
    cached = functools.lru_cache(maxsize=_MOST_REMEMBERED)(function)

    @functools.wraps(function)
    def remember(*args: P.args, **kwargs: P.kwargs) -> R:
        return cached(*args, **kwargs) if _SMALLEST else function(*args, **kwargs)  # type: ignore[arg-type]

    remember.cache_clear = cached.cache_clear  # type: ignore[attr-defined]
    return remember


def find(name: Any) -> Initializer:
    """The initializer of a name."""
    if not isinstance(name, str) or name not in registry:
        raise unknown_name(name, registry)
    return registry[name]
