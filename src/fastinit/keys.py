"""Keys of the random stream, and everything that a ``seed`` may be.

A stream is named by two 64-bit numbers, Philox's key and the upper half of its counter. docs/stream.md
specifies how each kind of seed becomes such a pair.
"""

from __future__ import annotations

import hashlib
import os
import struct
from typing import Any

import numpy as np

from ._arguments import brief, is_int

_LIMIT = 1 << 64
_EMPTY = hashlib.blake2b(digest_size=16, person=b"fastinit.v1")  # a copy takes a third of a new one's time
_HEAD = struct.Struct("<QQcQ")
_WORDS = struct.Struct("<QQ")


class Key:
    """The name of one stream of random numbers.

    A key is a value: immutable, hashable, comparable, picklable, and the same on every machine. It is
    passed as ``seed=``; the same key always gives the same numbers. `child` derives the keys of a
    model's tensors from one, by name, so that adding, removing or reordering tensors changes no other.

    Parameters
    ----------
    seed : int, numpy.random.SeedSequence, Generator or BitGenerator, Key, or None
        As in every initializer: an int in [0, 2**64) is the Philox key itself; None takes fresh
        entropy from the operating system; a generator is advanced.

    Raises
    ------
    TypeError, ValueError
        If `seed` is of another kind (a bool is no seed) or out of range.

    Examples
    --------
    >>> import fastinit
    >>> key = fastinit.Key(0)
    >>> key.child("encoder", 0, "kernel") == key.child("encoder").child(0).child("kernel")
    True
    >>> w = fastinit.he_normal((784, 128), seed=key.child("encoder.kernel"))
    """

    __slots__ = ("key", "stream")
    key: int
    stream: int

    def __new__(cls, seed: Seed = None) -> Key:
        return cls.from_words(*key_and_stream(seed))

    @classmethod
    def from_words(cls, key: int, stream: int) -> Key:
        """The key with these two 64-bit numbers, as `Key.key` and `Key.stream` give them.

        Examples
        --------
        >>> from fastinit import Key
        >>> Key.from_words(7, 0) == Key(7)
        True
        """
        self = object.__new__(cls)
        _set_key(self, _checked_word(key))
        _set_stream(self, _checked_word(stream))
        return self

    def child(self, *parts: str | int | bytes) -> Key:
        """Derive a key from this one along a path of names and numbers.

        Each part is folded in with BLAKE2b, typed and with its length, so that ``child("1")`` differs
        from ``child(1)`` and ``child("a", "b")`` from ``child("ab")``. By convention the tensor named
        "a.b.c" uses ``Key(seed).child("a.b.c")``, the whole name as one string.

        Parameters
        ----------
        *parts : str, int or bytes
            At least one; ints of any size and sign.

        Raises
        ------
        TypeError
            If there is no part, or one of another type (a bool is none of these).

        Examples
        --------
        >>> from fastinit import Key
        >>> Key(0).child("encoder").child(0) == Key(0).child("encoder", 0)
        True
        """
        if not parts:
            raise _no_key_part()
        key, stream = self.key, self.stream
        for part in parts:
            key, stream = child_words(key, stream, part)
        child = object.__new__(Key)
        _set_key(child, key)
        _set_stream(child, stream)
        return child

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Key is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Key is immutable")

    def __eq__(self, other: object) -> bool:
        if not is_key(other):
            return NotImplemented
        return (self.key, self.stream) == (other.key, other.stream)  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((self.key, self.stream))

    def __reduce_ex__(self, protocol: Any) -> Any:
        """The words make the key, whatever a subclass's own constructor takes; what else it holds is its state."""
        if type(self).__reduce__ is not object.__reduce__:
            return self.__reduce__()
        state = super().__reduce_ex__(2)[2]
        plain = (None, {"key": self.key, "stream": self.stream})
        return type(self).from_words, (self.key, self.stream), None if state == plain else state

    def __setstate__(self, state: Any) -> None:
        for attributes in state if isinstance(state, tuple) else (state,):
            for name, value in (attributes or {}).items():
                object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        if self.stream == 0:
            return f"Key({self.key})"
        return f"Key.from_words({self.key:#018x}, {self.stream:#018x})"


# A key sets its own words past its `__setattr__`.
_set_key, _set_stream = vars(Key)["key"].__set__, vars(Key)["stream"].__set__

Seed = None | int | np.integer[Any] | Key | np.random.SeedSequence | np.random.Generator | np.random.BitGenerator


def child_words(key: int, stream: int, part: str | int | bytes) -> tuple[int, int]:
    """The words of the child that one part derives from the key of these words."""
    tag, payload = _encode(part)
    state = _EMPTY.copy()
    state.update(_HEAD.pack(key, stream, tag, len(payload)) + payload)
    return _WORDS.unpack(state.digest())


def is_key(value: Any) -> bool:
    """A key, also one that was made before this module was imported anew."""
    if isinstance(value, Key):
        return True
    return any((kind.__module__, kind.__qualname__) == (__name__, "Key") for kind in type(value).__mro__)


def key_and_stream(seed: Any) -> tuple[int, int]:
    """The stream that a ``seed`` names: (Philox key, upper counter half)."""
    if type(seed) is int:
        if 0 <= seed < _LIMIT:
            return seed, 0
        raise _bad_seed_range(seed)
    if isinstance(seed, Key) or is_key(seed):
        return seed.key, seed.stream
    if seed is None:
        entropy = os.urandom(16)
        return int.from_bytes(entropy[:8], "little"), int.from_bytes(entropy[8:], "little")
    if is_int(seed):
        return key_and_stream(int(seed))
    if isinstance(seed, np.random.SeedSequence):
        key, stream = seed.generate_state(2, np.uint64)
        return int(key), int(stream)
    if isinstance(seed, np.random.Generator):
        seed = seed.bit_generator
    if isinstance(seed, np.random.BitGenerator):
        # One call for all four, so that its lock covers them together.
        a, b, c, d = (int(word) & 0xFFFFFFFF for word in seed.random_raw(4))
        return a | b << 32, c | d << 32
    raise _bad_seed(seed)


def _checked_word(word: int) -> int:
    if not is_int(word):
        raise _bad_seed(word)
    if not 0 <= word < _LIMIT:
        raise _bad_seed_range(int(word))
    return int(word)


def _encode(part: str | int | bytes) -> tuple[bytes, bytes]:
    if isinstance(part, str):
        try:
            return b"s", part.encode()
        except UnicodeEncodeError:
            raise _no_unicode(part) from None
    if isinstance(part, bytes):
        return b"b", part
    if is_int(part):
        number = int(part)
        # The shortest two's complement: one bit for the sign beside those of the number.
        bits = (number if number >= 0 else ~number).bit_length() + 1
        return b"i", number.to_bytes((bits + 7) // 8, "little", signed=True)
    raise _bad_key_part(part)


def _bad_seed(seed: Any) -> TypeError:
    return TypeError(
        "`seed` must be None, an int, a fastinit.Key, or a numpy.random SeedSequence, Generator or BitGenerator. "
        f"Received: {brief(seed)}"
    )


def _bad_seed_range(seed: int) -> ValueError:
    return ValueError(f"`seed` must lie in [0, 2**64). Received: seed={brief(seed)}")


def _no_key_part() -> TypeError:
    return TypeError("`child` must be given at least one part. Received: none")


def _bad_key_part(part: Any) -> TypeError:
    return TypeError(f"a part of a key's path must be a str, an int or bytes. Received: {brief(part)}")


def _no_unicode(part: str) -> ValueError:
    return ValueError(
        f"a part of a key's path must be text that UTF-8 encodes, without lone surrogates. Received: {brief(part)}"
    )
