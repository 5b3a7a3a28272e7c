"""Which function draws and with which arguments, apart from the tensor that it draws."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

import fastinit
from fastinit import Key

Draws = Callable[..., np.ndarray]
Index = tuple[slice, ...]

# These belong to a tensor or to a call, not to a recipe.
_NOT_OF_A_RECIPE = ("shape", "dtype", "seed", "out", "index", "threads")

# Nothing of these is random, so no key is read.
_KEYLESS = frozenset({fastinit.zeros, fastinit.ones, fastinit.constant, fastinit.identity, fastinit.dirac})


class Recipe:
    """A function that draws, of fastinit or another callable, and its arguments."""

    def __init__(self, initializer: Any, kwargs: Mapping[str, Any]) -> None:
        if not isinstance(initializer, str) and not callable(initializer):
            raise TypeError(f"an initializer must be a name or a callable. Received: {initializer!r}")
        self.function: Draws = _function_of(initializer) if isinstance(initializer, str) else initializer
        self.kwargs = dict(kwargs)
        foreign = [name for name in self.kwargs if name in _NOT_OF_A_RECIPE]
        if foreign:
            raise TypeError(
                f"an initializer's arguments must hold none of {', '.join(_NOT_OF_A_RECIPE)}. "
                f"Received: {', '.join(foreign)}"
            )
        plain = inspect.isfunction(self.function)
        # Of a function of fastinit it is known that its arrays are new, and that it takes `index` and `out`.
        self.own = plain and self.function.__module__.split(".")[0] == "fastinit"
        self.keyless = plain and self.function in _KEYLESS
        # A block costs these about as much as the whole.
        self.whole_is_cheaper = not self.own or self.function in _WHOLE

    def check(self, shape: Any, dtype: np.dtype[Any]) -> None:
        """Raise what drawing would raise. Nothing is drawn; another's callable is not called."""
        nothing = (slice(0, 0),) * (len(shape) if hasattr(shape, "__len__") else 1)
        if self.own:
            self.function(shape, dtype=dtype, seed=0, index=nothing, **self.kwargs)
        else:
            fastinit.zeros(shape, index=nothing)  # which says what a shape must be

    def draw(self, shape: Any, dtype: np.dtype[Any], key: Key | None) -> np.ndarray:
        """A new array that nothing else refers to."""
        if self.own:
            return self.function(shape, dtype=dtype, seed=key, **self.kwargs)
        self.check(shape, dtype)
        return _checked(self.function(shape, dtype=dtype, seed=key, **self.kwargs), sizes_of(shape), dtype)

    def block(self, shape: tuple[int, ...], dtype: np.dtype[Any], key: Key | None, index: Index) -> np.ndarray:
        """The same of a block of the tensor."""
        return self.function(shape, dtype=dtype, seed=key, index=index, **self.kwargs)

    def fill(self, out: np.ndarray, key: Key | None) -> None:
        if self.own:
            self.function(out.shape, dtype=out.dtype, seed=key, out=out, **self.kwargs)
        else:
            out[...] = self.draw(out.shape, out.dtype, key)


_WHOLE = frozenset({fastinit.orthogonal, fastinit.delta_orthogonal})


def _function_of(name: str) -> Draws:
    scheme = getattr(fastinit.schemes, name, None) if name in fastinit.schemes.__all__ else None
    return scheme if scheme is not None else fastinit.get(name)


def _checked(made: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """A copy of what another's callable returned, which it may keep and write to."""
    array = np.array(made)
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(
            f"an initializer must return an array of shape {shape} and dtype {dtype}. "
            f"Received: one of shape {array.shape} and dtype {array.dtype}"
        )
    return array


def check_dtype(dtype: Any) -> np.dtype[Any]:
    """The dtype of an array that JAX shall hold; None, and Python's own types, are JAX's defaults."""
    if dtype is None or dtype is float or dtype is complex:
        default: np.dtype[Any] = np.dtype(jax.numpy.result_type(float if dtype is None else dtype))
        return default
    try:
        resolved: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"`dtype` must be one of float32, float64, float16 or bfloat16. Received: {dtype!r}") from None
    if jax.dtypes.canonicalize_dtype(resolved) != resolved:
        raise ValueError(
            f"`dtype` must be one that JAX holds, and {resolved} needs jax.config.update('jax_enable_x64', True). "
            f"Received: dtype={resolved}"
        )
    return resolved


def sizes_of(shape: Any) -> tuple[int, ...]:
    """A shape that has been checked, as a tuple."""
    return tuple([int(n) for n in shape]) if hasattr(shape, "__len__") else (int(shape),)


def check_number(name: str, value: Any) -> Any:
    """A number as Python has it; JAX's scalars are arrays without axes."""
    if isinstance(value, jax.core.Tracer):
        raise TypeError(f"`{name}` must be known when the initializer is made, not traced. Received: {value}")
    return value.item() if isinstance(value, (jax.Array, np.ndarray)) and value.ndim == 0 else value
