"""JAX's keys as fastinit's: what a ``key`` may be, and which stream it names."""

from __future__ import annotations

import functools
import re
from typing import Any, NamedTuple

import jax
import numpy as np

from fastinit import Key

_THREEFRY = "threefry2x32"
# The "implementation" of a key that is fastinit's already: its words are `Key.key` and `Key.stream`.
_FASTINIT = ""


class Words(NamedTuple):
    """A key as its implementation's name and its words, which may be traced."""

    implementation: str
    words: Any  # uint32, one axis
    traced: bool | None  # whether JAX is tracing, so that only a callback can draw; None if the key does not tell

    def key(self, words: Any = None) -> Key:
        """The fastinit key that these words name; those of the key itself if none are given."""
        return _key_of_words(self.implementation, np.asarray(self.words if words is None else words))


def key_of(key: Any) -> Key:
    """Convert a JAX key to the fastinit `Key` that this module's initializers draw with.

    A threefry key, JAX's default, of the words (a, b) is ``Key(a << 32 | b)``: so ``jax.random.key(7)`` is
    ``Key(7)``. Keys of another implementation name streams of their own, also where their words are equal:
    ``Key(0).child("jax", implementation, words)``, the words as little-endian bytes.

    Parameters
    ----------
    key : jax.Array, int or Key
        One key: typed, of any implementation, or raw, an array of uint32 words that JAX's default
        implementation takes. An int or a fastinit `Key` is taken as every initializer's ``seed``.

    Returns
    -------
    Key

    Raises
    ------
    TypeError, ValueError
        If `key` is none of these, an array of several keys, or traced.

    Examples
    --------
    >>> import jax, fastinit, fastinit.jax
    >>> fastinit.jax.key_of(jax.random.key(7)) == fastinit.Key(7)
    True
    >>> fastinit.jax.key_of(jax.random.key(7, impl="rbg")) == fastinit.Key(7)
    False
    """
    words = read(key)
    if isinstance(words.words, jax.core.Tracer):
        raise TypeError(f"`key` must be known here, not traced. Received: {key}")
    return words.key()


def read(key: Any) -> Words:
    """Any key that is accepted, as words."""
    if isinstance(key, (jax.Array, np.ndarray)):
        return _read_array(key)
    # An int may be a seed of any size that fastinit takes; it says what it must be.
    seed = key if isinstance(key, Key) else Key(key) if _is_int(key) else None
    if seed is None:
        raise TypeError(f"`key` must be one JAX key, an int or a fastinit.Key. Received: {key!r}")
    both = seed.key | seed.stream << 64
    words = np.array([both >> shift & 0xFFFFFFFF for shift in (0, 32, 64, 96)], np.uint32)
    return Words(_FASTINIT, words, None)


def tracing() -> bool:
    """Whether JAX is staging what it runs, as under jit: then also what depends on no argument is traced."""
    return isinstance(jax.random.wrap_key_data(_probe(), impl=_THREEFRY), jax.core.Tracer)


def check_not_tracing(what: str) -> None:
    # Unlike the other probe, this one compiles nothing: a first call stays quick.
    if isinstance(jax.device_put(np.zeros((), np.float32)), jax.core.Tracer):
        raise ValueError(
            f"fastinit.jax.{what} must be called outside jit, where its arrays would be constants. Received: a trace"
        )


@functools.cache
def _probe() -> jax.Array:
    with jax.ensure_compile_time_eval():
        return jax.device_put(np.zeros(2, np.uint32))


def _read_array(key: Any) -> Words:
    typed = jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key)
    if not typed and key.dtype != np.uint32:
        raise TypeError(
            f"`key` must be one JAX key, an int or a fastinit.Key. Received: an array of {key.dtype}{list(key.shape)}"
        )
    try:
        wrapped = key if typed else jax.random.wrap_key_data(key)
    except TypeError:
        raise ValueError(
            "a raw `key` must have the words that JAX's default implementation takes; wrap others by "
            f"jax.random.wrap_key_data(key, impl=...). Received: an array of uint32{list(key.shape)}"
        ) from None
    if wrapped.ndim:
        raise ValueError(
            f"`key` must be one key; jax.vmap draws for several. Received: an array of keys of shape {wrapped.shape}"
        )
    words = jax.random.key_data(key) if typed else key
    # What depends on a known key is traced, too, while JAX is staging.
    traced = isinstance(words if typed else wrapped, jax.core.Tracer)
    return Words(_implementation(wrapped), words, traced)


_implementations: dict[Any, str] = {}


def _implementation(key: Any) -> str:
    """The name of a typed key's implementation, remembered because JAX takes its time to tell it."""
    name = _implementations.get(key.dtype)
    if name is None:
        found = jax.random.key_impl(key)
        # Its name; or, from older JAX and of an implementation that is not registered, an object that shows it.
        shown = re.fullmatch(r"PRNGSpec\(['\"](.*)['\"]\)", repr(found))
        name = _implementations[key.dtype] = shown[1] if shown else str(found)
    return name


def _key_of_words(implementation: str, words: np.ndarray) -> Key:
    numbers = [int(word) for word in words]
    if implementation == _FASTINIT:
        a, b, c, d = numbers
        return Key.from_words(a | b << 32, c | d << 32)
    if implementation == _THREEFRY:
        high, low = numbers
        return Key(high << 32 | low)
    return Key(0).child("jax", implementation, words.astype("<u4").tobytes())


def _is_int(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64))
