"""From a recipe, a key and a shape to a JAX array: at once without a copy, sharded, or by a callback while tracing."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

import fastinit
from fastinit import Key

from ._keys import Words, read, tracing
from ._recipes import Recipe, check_dtype, sizes_of
from ._sharding import context_mesh, drawn_in_blocks, resolve


def make(recipe: Recipe, key: Any, shape: Any, dtype: Any, out_sharding: Any) -> jax.Array:
    """What an initializer returns."""
    kind = check_dtype(dtype)
    words = Words("", np.zeros(0, np.uint32), None) if recipe.keyless else read(key)
    traced = tracing() if words.traced is None else words.traced
    known = None if recipe.keyless or traced else words.key()
    if out_sharding is None and not traced:
        return _put(recipe.draw(shape, kind, known), _place_of(key))
    recipe.check(shape, kind)
    if traced:
        return _traced(recipe, words, sizes_of(shape), kind, out_sharding)
    return drawn_in_blocks(recipe, known, sizes_of(shape), kind, resolve(out_sharding))


# JAX takes about 90 µs to be handed an array and 50 to copy one of up to 64 KB (0.10.2, one core of a Zen 3).
_HANDED_OVER_FROM = 1 << 16


def _put(array: np.ndarray, place: Any) -> jax.Array:
    if place is None and array.nbytes < _HANDED_OVER_FROM:
        return jax.numpy.asarray(array)
    # Zero-copy where the memory is aligned to 64 bytes. Nobody else has the array, so nobody can write to it.
    return jax.device_put(array, place)


def _place_of(key: Any) -> Any:
    """Where JAX's own initializers leave their result: where the key was put, or on the mesh that was set."""
    if isinstance(key, jax.Array) and not isinstance(key, jax.core.Tracer) and key.committed:
        sharding = key.sharding
        return NamedSharding(sharding.mesh, PartitionSpec()) if isinstance(sharding, NamedSharding) else sharding
    mesh = context_mesh()
    return None if mesh is None else NamedSharding(mesh, PartitionSpec())


def _traced(recipe: Recipe, words: Words, shape: tuple[int, ...], dtype: np.dtype[Any], out_sharding: Any) -> jax.Array:
    if out_sharding is not None:
        raise ValueError(
            "`out_sharding` must be None while JAX traces, because a callback makes the whole array on one device; "
            "draw outside jit, or by fastinit.jax.initialize. "
            f"Received: out_sharding={out_sharding}"
        )
    _check_magnitudes(recipe)
    plain = _by_xla(recipe, shape, dtype)
    if plain is not None:
        return plain

    def on_the_host(traced_words: Any) -> np.ndarray:
        return _for_each(recipe, words, np.asarray(traced_words), shape, dtype)

    # Mapped over many keys, it is one call with an axis more for each map, before the words' own.
    result = jax.ShapeDtypeStruct(shape, dtype)
    return jax.pure_callback(on_the_host, result, words.words, vmap_method="expand_dims")


# XLA's threads count subnormals as zero. The kernels do not; what Python computes of an argument before them, by
# fans of at most 2**63, then stays normal.
_SMALLEST = 2.0**-900


def _check_magnitudes(recipe: Recipe) -> None:
    for name, value in recipe.kwargs.items():
        if isinstance(value, (int, float)) and 0.0 < abs(value) < _SMALLEST:
            raise ValueError(f"`{name}` must be 0 or at least 2**-900 while JAX traces. Received: {name}={value}")


def _by_xla(recipe: Recipe, shape: tuple[int, ...], dtype: np.dtype[Any]) -> jax.Array | None:
    """What takes no callback: a few values, rounded by fastinit, that XLA lays out.

    XLA's threads count subnormals as zero, and so does NumPy on them; here nothing is computed on those.
    """
    values = {fastinit.zeros: 0.0, fastinit.ones: 1.0, fastinit.constant: recipe.kwargs.get("value")}
    if recipe.function in values:
        value = np.asarray(values[recipe.function])
        return jax.numpy.broadcast_to(fastinit.constant(value.shape, value, dtype=dtype), shape)
    if recipe.function is fastinit.identity:
        gain = fastinit.identity((1, 1), dtype=dtype, **recipe.kwargs)[0, 0]
        row, column = (jax.lax.broadcasted_iota(np.int32, shape, len(shape) - axis) for axis in (2, 1))
        return jax.numpy.where(row == column, gain, np.zeros((), dtype))
    return None


def _for_each(
    recipe: Recipe, words: Words, keys: np.ndarray, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> np.ndarray:
    """The tensor of one key, or those of a whole array of keys, whose words lie along the last axis."""

    def key_of(row: np.ndarray) -> Key | None:
        return None if recipe.keyless else words.key(row)

    batch = keys.shape[:-1]
    if not batch:
        return recipe.draw(shape, dtype, key_of(keys))
    count = math.prod(batch)
    made = np.empty((count, *shape), dtype)
    for i, row in enumerate(keys.reshape(count, keys.shape[-1])):
        recipe.fill(made[i : i + 1].reshape(shape), key_of(row))
    return made.reshape((*batch, *shape))
