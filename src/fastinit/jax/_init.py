"""What a factory returns: the function that Flax and others call, with a value's equality."""

from __future__ import annotations

from typing import Any

import jax

from ._arrays import make
from ._recipes import Recipe

_PLAIN = (int, float, str, bool, type(None))


class Init:
    """An initializer: ``init(key, shape, dtype=None, out_sharding=None)``.

    Two of the same function and arguments are equal, so that JAX compiles once what takes them as static.

    Parameters
    ----------
    key : jax.Array, int or Key
        As in `key_of`.
    shape : sequence of int
    dtype : dtype
        The factory's, or JAX's default float dtype, if None.
    out_sharding : jax.sharding.Sharding or PartitionSpec
        Draw the blocks of this sharding, as `make_array` does.

    Returns
    -------
    jax.Array
    """

    def __init__(self, initializer: Any, dtype: Any, **kwargs: Any) -> None:
        self._recipe = Recipe(initializer, kwargs)
        self._dtype = dtype

    def __call__(self, key: Any, shape: Any, dtype: Any = None, out_sharding: Any = None) -> jax.Array:
        return make(self._recipe, key, shape, self._dtype if dtype is None else dtype, out_sharding)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Init):
            return NotImplemented
        return self is other or (self._token is not None and self._token == other._token)

    def __hash__(self) -> int:
        return object.__hash__(self) if self._token is None else hash(self._token)

    def __repr__(self) -> str:
        name = getattr(self._recipe.function, "__name__", repr(self._recipe.function)).removeprefix("_")
        arguments = [f"{name}={value!r}" for name, value in self._recipe.kwargs.items()]
        dtype = [] if self._dtype is None else [f"dtype={self._dtype!r}"]
        return f"{name}({', '.join(arguments + dtype)})"

    @property
    def _token(self) -> tuple[Any, ...] | None:
        """What is equal where the values that are drawn are; None where that cannot be told."""
        values = tuple(self._recipe.kwargs.values())
        parts = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
        if not self._recipe.own or not all(type(part) in _PLAIN for part in parts):
            return None
        # By their digits: 0.0 equals -0.0, but is another value.
        return self._recipe.function, tuple(self._recipe.kwargs), repr(values), str(self._dtype)
