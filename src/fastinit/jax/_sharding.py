"""Arrays over several devices: each block drawn where it is wanted, and no more than once."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec, Sharding

from fastinit import Key

from ._keys import check_not_tracing, key_of
from ._recipes import Index, Recipe, check_dtype, sizes_of


def make_array(
    shape: Any,
    sharding: Any,
    initializer: Any,
    *,
    seed: Any,
    dtype: Any = None,
    **kwargs: Any,
) -> jax.Array:
    """Make one array that is sharded over devices, each process drawing the blocks of its own.

    Each distinct block is drawn once, however many devices hold it, straight from the stream: no process makes
    the whole, none communicates, and the values do not depend on the sharding.

    Parameters
    ----------
    shape : sequence of int
        Shape of the whole array.
    sharding : jax.sharding.Sharding or PartitionSpec
        A PartitionSpec is one of the mesh that ``jax.set_mesh`` has set.
    initializer : str or callable
        A name or a function of `fastinit` or `fastinit.schemes`, or any callable that takes a shape, ``dtype=``
        and ``seed=`` and returns a NumPy array.
    seed : int, Key or jax.Array
        The same for every process: an int or a fastinit `Key`, or a JAX key, as in `key_of`.
    dtype : dtype
        JAX's default float dtype if None.
    **kwargs
        The initializer's further arguments.

    Returns
    -------
    jax.Array

    Raises
    ------
    TypeError, ValueError
        If the initializer refuses an argument, JAX cannot hold the dtype, the sharding does not divide the shape, or
        JAX is tracing, as under jit.

    Notes
    -----
    A matrix of `orthogonal` depends on all of its columns before, so that several blocks of it are cut from one
    whole, made by each process. The same holds for callables that are not fastinit's.

    Examples
    --------
    >>> import jax, fastinit, fastinit.jax
    >>> from jax.sharding import NamedSharding, PartitionSpec
    >>> mesh = jax.make_mesh((1,), ("x",), devices=jax.devices()[:1])
    >>> w = fastinit.jax.make_array((8, 4), NamedSharding(mesh, PartitionSpec("x")), "he_normal", seed=0)
    >>> bool((w == fastinit.he_normal((8, 4), seed=0)).all())
    True
    """
    check_not_tracing("make_array")
    recipe, kind = Recipe(initializer, kwargs), check_dtype(dtype)
    recipe.check(shape, kind)
    sizes = sizes_of(shape)
    return drawn_in_blocks(recipe, key_of(seed), sizes, kind, resolve(sharding, "sharding"))


def drawn_in_blocks(
    recipe: Recipe, key: Key | None, shape: tuple[int, ...], dtype: np.dtype[Any], sharding: Any
) -> jax.Array:
    """Draw the blocks that this process's devices hold."""
    parts = sharding.addressable_devices_indices_map(shape).values()
    distinct = {_ends(index, shape) for index in parts}
    everything = tuple([(0, n) for n in shape])
    whole = None
    if distinct == {everything} or (distinct and recipe.whole_is_cheaper and (len(distinct) > 1 or not recipe.own)):
        whole = recipe.draw(shape, dtype, key)
    blocks: dict[tuple[tuple[int, int], ...], np.ndarray] = {}

    def block(index: Index | None) -> np.ndarray:
        ends = _ends(index, shape)
        if ends not in blocks:
            place = tuple([slice(*both) for both in ends])
            if whole is None:
                blocks[ends] = recipe.block(shape, dtype, key, place)
            else:
                blocks[ends] = whole if ends == everything else whole[place].copy()
        return blocks[ends]

    return jax.make_array_from_callback(shape, sharding, block)


def resolve(sharding: Any, name: str = "out_sharding") -> Sharding:
    """The sharding with the devices of the mesh that was set, where it names none itself."""
    if isinstance(sharding, PartitionSpec):
        return NamedSharding(_needed_mesh(sharding, name), sharding)
    if isinstance(sharding, NamedSharding) and isinstance(sharding.mesh, jax.sharding.AbstractMesh):
        mesh = _needed_mesh(sharding, name)
        if mesh.abstract_mesh != sharding.mesh:
            raise ValueError(f"`{name}` must be one of the mesh that is set, {mesh}. Received: {name}={sharding}")
        return NamedSharding(mesh, sharding.spec)
    if not isinstance(sharding, Sharding):
        raise TypeError(f"`{name}` must be a jax.sharding.Sharding or PartitionSpec. Received: {name}={sharding!r}")
    return sharding


def context_mesh() -> Any:
    """The mesh that `jax.set_mesh` has set, or None: also where JAX does not tell, in its transformations."""
    get_mesh = getattr(jax.sharding, "get_mesh", None)  # older JAX has no such mesh
    try:
        mesh = None if get_mesh is None else get_mesh()
    except ValueError:
        return None
    return None if mesh is None or mesh.empty else mesh


def _needed_mesh(sharding: Any, name: str) -> Any:
    mesh = context_mesh()
    if mesh is None:
        raise ValueError(
            f"`{name}` must name its devices: give a NamedSharding, or set a mesh by jax.set_mesh. "
            f"Received: {name}={sharding}"
        )
    return mesh


def _ends(index: Index | None, shape: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    parts = [slice(None)] * len(shape) if index is None else index
    return tuple([part.indices(n)[:2] for part, n in zip(parts, shape, strict=True)])
