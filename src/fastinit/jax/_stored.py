"""What a checkpoint of a tree holds: names, shapes and dtypes."""

from __future__ import annotations

from typing import Any

import jax

from ._names import names_of


def tensors_of(shapes: Any) -> dict[str, tuple[tuple[int, ...], str]]:
    """Tell which tensors a checkpoint of a tree holds, for `fastinit.checkpoint.write`.

    The names are those that `initialize` uses, so that with the same rules, seed and layout (``layout="in_out"`` of
    `fastinit.checkpoint.write`, for Flax and Haiku) a file holds what `initialize` returns.

    Parameters
    ----------
    shapes : pytree
        Of `jax.ShapeDtypeStruct`, as `jax.eval_shape` returns, or of arrays, whose values are not looked at. Leaves
        without shape and dtype are left out.

    Returns
    -------
    dict of str to (shape, dtype)
        Dtypes as str.

    Raises
    ------
    ValueError
        If two tensors have one name.

    Examples
    --------
    >>> import jax, fastinit.jax
    >>> shapes = jax.eval_shape(lambda: {"kernel": jax.numpy.zeros((784, 128)), "bias": jax.numpy.zeros(128)})
    >>> fastinit.jax.tensors_of({"dense": shapes})
    {'dense.bias': ((128,), 'float32'), 'dense.kernel': ((784, 128), 'float32')}
    """
    found: dict[str, tuple[tuple[int, ...], str]] = {}
    for name, leaf in zip(names_of(shapes), jax.tree_util.tree_leaves(shapes), strict=True):
        if name in found:
            raise ValueError(f"every tensor must have a name of its own. Received: {name!r} twice")
        if name is not None:
            found[name] = (tuple(leaf.shape), str(leaf.dtype))
    return found
