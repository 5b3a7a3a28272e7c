"""JAX: an array takes the memory of the values, which nothing else has or writes to from then on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import keras
import numpy as np

from ._seeds import Seed, key_of, key_of_words


def make(fill: Callable[..., np.ndarray], shape: tuple[int, ...], dtype: str, seed: Seed, layout: Any) -> Any:
    """Values of `fill` as an array on the default device or, with a layout, block by block on several."""
    # Without 64-bit types JAX would round these values, which are not those of the narrower type.
    dtype = str(jax.dtypes.canonicalize_dtype(dtype))
    if isinstance(jax.numpy.asarray(0.0), jax.core.Tracer):
        return place(_call_back(fill, shape, dtype, seed), layout)
    if layout is None:
        return jax.device_put(fill(shape, dtype=dtype, seed=key_of(seed)))
    return _make_blocks(fill, shape, dtype, seed, layout)


def place(tensor: Any, layout: Any) -> Any:
    """The array by a layout: on its devices."""
    if layout is None:
        return tensor
    if isinstance(tensor, jax.core.Tracer):
        return jax.lax.with_sharding_constraint(tensor, getattr(layout, "backend_layout", layout))
    return jax.device_put(tensor, _sharding(layout))


def _call_back(fill: Callable[..., np.ndarray], shape: tuple[int, ...], dtype: str, seed: Seed) -> Any:
    """The values when the compiled function runs, and none at all where JAX only infers shapes."""
    words = (seed.next(),) if isinstance(seed, keras.random.SeedGenerator) else ()

    def values(*words: Any) -> np.ndarray:
        return fill(shape, dtype=dtype, seed=key_of_words(words[0]) if words else key_of(seed))

    return jax.pure_callback(values, jax.ShapeDtypeStruct(shape, dtype), *words, vmap_method="sequential")


def _make_blocks(fill: Callable[..., np.ndarray], shape: tuple[int, ...], dtype: str, seed: Seed, layout: Any) -> Any:
    sharding = _sharding(layout)
    # Where Keras names axes alone, they are explicit ones, over which its generators cannot advance.
    with jax.set_mesh(sharding.mesh) if _is_abstract(layout) else contextlib.nullcontext():
        key = key_of(seed)

    # Devices that hold the same block ask for it one after another; it is made once.
    blocks: dict[Any, np.ndarray] = {}

    def block(index: Any) -> np.ndarray:
        ends = tuple([(part.start, part.stop) for part in index])
        if ends not in blocks:
            blocks[ends] = fill(shape, dtype=dtype, seed=key, index=index)
        return blocks[ends]

    return jax.make_array_from_callback(shape, sharding, block)


def _sharding(layout: Any) -> Any:
    """The layout over devices. Where Keras names the axes of a mesh alone, it has set that mesh."""
    layout = getattr(layout, "backend_layout", layout)
    return jax.sharding.NamedSharding(jax.sharding.get_mesh(), layout.spec) if _is_abstract(layout) else layout


def _is_abstract(layout: Any) -> bool:
    return isinstance(getattr(layout, "mesh", None), jax.sharding.AbstractMesh)
