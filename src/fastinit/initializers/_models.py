"""All tensors of a model in one call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from .. import _kernels
from .._arguments import Out, Shape, Target, Threads, check_target, check_threads, is_for_bits, overlapping
from ..keys import Key, Seed, child_words
from ..runtime import thread_limit
from ._checks import check_converted, check_entries, check_entry, check_made
from ._engine import Array, RememberedRequests, Request, Work, find, known_requests

# (initializer, shape), or (initializer, shape, kwargs)
_Maker = str | Callable[..., Array]
Entry = tuple[_Maker, Shape] | tuple[_Maker, Shape, Mapping[str, Any]]


def initialize(tensors: Mapping[str, Entry], *, seed: Seed = None, threads: Threads = None) -> dict[str, Array]:
    """Initialize all tensors of a model in one call, in parallel.

    Every tensor gets its own stream, ``Key(seed).child(name)``, so the result is that of the separate
    calls, bit for bit: ``initializer(shape, seed=Key(seed).child(name), **kwargs)``. It does not depend
    on the order of the tensors nor on which others there are.

    Parameters
    ----------
    tensors : mapping of str to (initializer, shape) or (initializer, shape, kwargs)
        `initializer` is a name or a function of this package, or any callable that takes a shape and
        ``seed=``. `kwargs` is a dict of its further arguments, ``out=`` included.
    seed : None, int, Key, or numpy.random.SeedSequence, Generator or BitGenerator
        None takes fresh entropy, once for all.
    threads : int
        The most threads that the call may use. Values never depend on it.

    Returns
    -------
    dict of str to numpy.ndarray
        In the order of `tensors`.

    Raises
    ------
    TypeError, ValueError
        If an entry is not as described, its initializer refuses it, or two `out` overlap. The sentence begins with
        the tensor's name. Everything is checked before a generator given as `seed` is advanced, and allocated and
        converted before any array that was passed in is written; only callables of your own run, and what they
        return is checked, between the two.

    Examples
    --------
    >>> import fastinit
    >>> weights = fastinit.initialize(
    ...     {
    ...         "dense.kernel": ("he_normal", (784, 128)),
    ...         "dense.bias": ("zeros", (128,)),
    ...         "head.kernel": ("normal", (128, 10), {"std": 0.02, "dtype": "float64"}),
    ...     },
    ...     seed=0,
    ... )
    >>> bool((weights["head.kernel"] == fastinit.normal(
    ...     (128, 10), std=0.02, dtype="float64", seed=fastinit.Key(0).child("head.kernel"))).all())
    True
    """
    limit = thread_limit() if threads is None else check_threads(threads)
    requests = {}
    for name, entry in check_entries(tensors):
        known = _kernels.known_request(known_requests, entry) if type(name) is str and name.isascii() else None
        requests[name] = known or _described(name, entry)
    _check_apart(requests)
    root = Key(seed)
    work = Work()
    arrays = {}
    for name, request in requests.items():
        key, stream = child_words(root.key, root.stream, name)
        try:
            arrays[name] = request.prepare(work, key, stream, limit)
        except (TypeError, ValueError) as error:
            raise _named(name, error) from error
    work.do(limit)
    return arrays


def _described(name: str, entry: Any) -> Request:
    initializer, shape, kwargs = check_entry(name, entry)
    try:
        function = find(initializer) if isinstance(initializer, str) else initializer
        request: RememberedRequests | None = getattr(function, "request", None)
        return Called(function, shape, kwargs) if request is None else request((shape,), kwargs)
    except (TypeError, ValueError) as error:
        raise _named(name, error) from error


def _named(name: str, error: Exception) -> Exception:
    """The error, with the tensor's name before its sentence; another library's may want more than a sentence."""
    return type(error)(f"{name!r}: {error}") if type(error) in (TypeError, ValueError) else error


def _check_apart(requests: dict[str, Request]) -> None:
    given = [(name, request.out) for name, request in requests.items() if request.out is not None]
    if pair := overlapping([out for _, out in given]):
        first, second = (given[i][0] for i in pair)
        raise ValueError(
            "every `out` must lie apart from the others. "
            f"Received: an `out` of {second!r} that overlaps that of {first!r}"
        )


class Called:
    """What a caller's own initializer returns."""

    def __init__(self, function: Callable[..., Any], shape: Any, kwargs: dict[str, Any]) -> None:
        self.out: Out = kwargs.pop("out", None)
        # bfloat16's bits are made here of whatever numbers the function returns.
        dtype = kwargs.pop("dtype") if is_for_bits(kwargs.get("dtype"), self.out) else None
        self.function = functools.partial(function, shape, **kwargs)
        # What it returns without an `out` is its own affair.
        self.target: Target | None = None
        if self.out is not None:
            self.target = check_target(shape, dtype, self.out, None, None, complex_too=True)

    def prepare(self, work: Work, key: int, stream: int, threads: int) -> Array:
        made = check_made(self.function(seed=Key.from_words(key, stream)))
        if self.target is None or self.out is None:
            return made
        work.copy(self.out, check_converted(made, self.target), self.target.dtype)
        return self.out
