"""A whole model: from the shapes of its tensors, by rules and names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import PartitionSpec, Sharding

import fastinit
from fastinit import Key, Rules

from ._keys import check_not_tracing, key_of
from ._names import names_of
from ._recipes import Recipe, check_dtype
from ._sharding import drawn_in_blocks, resolve


class _Tensor(NamedTuple):
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    sharding: Any  # None where JAX may choose the device


def initialize(
    shapes: Any,
    rules: Any,
    *,
    seed: Any,
    sharding: Any = None,
    skip: str | Iterable[str] = (),
    layout: str = "in_out",
    threads: int | None = None,
) -> Any:
    """Initialize a whole model from the shapes of its tensors.

    A tensor's name is the path to it in the tree, joined by dots ("params.Dense_0.kernel"), as
    ``jax.tree_util.keystr(path, simple=True, separator=".")`` writes it but without the ``value`` of Flax's boxes
    (``nn.Partitioned``, ``nnx.Param``). Its key is ``Key(seed).child(name)``. So its values depend on its name, shape
    and rule alone: not on the other tensors, their order or their sharding, and they are those that
    `fastinit.initialize`, `fastinit.torch` and a checkpoint have for the same name, shape and rule. All tensors are
    drawn at once, in parallel; nothing is traced or compiled.

    Parameters
    ----------
    shapes : pytree
        Of `jax.ShapeDtypeStruct`, as `jax.eval_shape`, ``nnx.eval_shape`` and ``eqx.filter_eval_shape`` return, or of
        arrays, whose values are not looked at. Leaves without shape and dtype, such as functions, stay as they are.
    rules : Rules, or what `Rules` takes
        Which initializer each name gets.
    seed : int, Key or jax.Array
        As in `key_of`; the same for every process.
    sharding : pytree of jax.sharding.Sharding or PartitionSpec
        Like `shapes`, or a prefix of it: one for all. Each process draws the blocks of its own devices, as
        `make_array` does. None, here or in the tree, takes the leaf's own, if it has one.
    skip : str or iterable of str
        Patterns of names that stay as they are: buffers, counters, keys.
    layout : {"in_out", "out_in"}
        How the tensors are stored: (*spatial*, in, out) as in Flax and Haiku, or (out, in, *spatial*) as in Equinox.
        Axes that a rule gives itself stay.
    threads : int
        The most threads that the call may use. Values never depend on it.

    Returns
    -------
    pytree
        Like `shapes`, with a `jax.Array` for every tensor.

    Raises
    ------
    TypeError, ValueError
        If names and rules do not fit each other, an initializer refuses a tensor, two tensors have one name, or JAX
        cannot hold a dtype; the sentence begins with the tensor's name. Everything is checked before anything is
        drawn. Also if JAX is tracing, as under jit: the weights would become constants of what is compiled.

    Examples
    --------
    >>> import jax, fastinit, fastinit.jax
    >>> shapes = jax.eval_shape(lambda: {"kernel": jax.numpy.zeros((784, 128)), "bias": jax.numpy.zeros(128)})
    >>> weights = fastinit.jax.initialize(shapes, {"kernel": "he_normal", "bias": "zeros"}, seed=0)
    >>> bool((weights["kernel"] == fastinit.he_normal((784, 128), seed=fastinit.Key(0).child("kernel"))).all())
    True
    """
    check_not_tracing("initialize")
    root = key_of(seed)
    ordered = rules if isinstance(rules, Rules) else Rules(rules)
    leaves, structure = jax.tree_util.tree_flatten(shapes)
    names = names_of(shapes)
    where = _spread(sharding, shapes)
    found: dict[str, tuple[Any, Any]] = {}
    for name, leaf, place in zip(names, leaves, where, strict=True):
        if name in found:
            raise ValueError(f"every tensor must have a name of its own. Received: {name!r} twice")
        if name is not None:
            found[name] = (leaf, place)
    plan = ordered.plan({name: (leaf.shape, leaf.dtype) for name, (leaf, _) in found.items()}, skip, layout=layout)
    made = _drawn(plan, {name: found[name] for name in plan}, root, threads)
    return structure.unflatten(
        [leaf if name is None else made.get(name, leaf) for name, leaf in zip(names, leaves, strict=True)]
    )


def _drawn(plan: Any, found: dict[str, tuple[Any, Any]], root: Key, threads: int | None) -> dict[str, jax.Array]:
    recipes: dict[str, Recipe] = {}
    tensors: dict[str, _Tensor] = {}
    for name, entry in plan.items():
        leaf, place = found[name]
        kwargs = {key: value for key, value in entry.kwargs.items() if key != "dtype"}
        try:
            kind = check_dtype(leaf.dtype)
            recipes[name] = Recipe(entry.initializer, kwargs)
            recipes[name].check(entry.shape, kind)
            tensors[name] = _Tensor(entry.shape, kind, _place(leaf, place))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name!r}: {error}") from None
    whole = {name: plan[name] for name, tensor in tensors.items() if tensor.sharding is None}
    arrays = fastinit.initialize(whole, seed=root, threads=threads)
    for name in whole:
        if not recipes[name].own:
            arrays[name] = np.array(arrays[name])  # another's callable may keep its array, and write to it
    # Zero-copy where the memory is aligned; nobody else has the arrays, so nobody can write to them.
    made: dict[str, jax.Array] = jax.device_put(arrays)
    for name, (shape, dtype, place) in tensors.items():
        if place is not None:
            made[name] = drawn_in_blocks(recipes[name], root.child(name), shape, dtype, place)
    return made


def _place(leaf: Any, place: Any) -> Any:
    """Where a tensor is wanted; None leaves it to JAX."""
    if place is not None:
        return resolve(place, "sharding")
    own = getattr(leaf, "sharding", None)
    if own is None or (isinstance(leaf, jax.Array) and not leaf.committed):
        return None
    return resolve(own, "sharding")


def _spread(sharding: Any, shapes: Any) -> list[Any]:
    """One sharding, or None, for every leaf."""

    def is_one(node: Any) -> bool:
        return node is None or isinstance(node, (Sharding, PartitionSpec))

    try:
        spread = jax.tree_util.tree_map(
            lambda one, below: [one] * jax.tree_util.tree_structure(below).num_leaves, sharding, shapes, is_leaf=is_one
        )
    except ValueError as error:
        raise ValueError(f"`sharding` must be a tree like `shapes`, or a prefix of it. Received: {error}") from None
    return list(jax.tree_util.tree_leaves(spread, is_leaf=is_one))
