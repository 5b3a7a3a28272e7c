"""The names of a tree's tensors."""

from __future__ import annotations

from typing import Any

import jax

# Flax's boxes around an array, that have metadata beside it. Boxed or not, a tensor has one name: else to say how it
# is sharded would change its key.
_BOXES = {
    ("flax.core.meta", "AxisMetadata"),
    ("flax.nnx.variablelib", "Variable"),
    ("flax.nnx.variablelib", "VariableState"),  # older Flax
}


def names_of(tree: Any) -> list[str | None]:
    """The name of each leaf that has a shape and a dtype, None of other leaves."""
    boxes = {
        _parts(path) for path, node in jax.tree_util.tree_flatten_with_path(tree, is_leaf=_is_box)[0] if _is_box(node)
    }
    return [
        _name(_parts(path), boxes) if hasattr(leaf, "shape") and hasattr(leaf, "dtype") else None
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    ]


def _name(parts: tuple[str, ...], boxes: set[tuple[str, ...]]) -> str:
    return ".".join([part for depth, part in enumerate(parts) if parts[:depth] not in boxes])


def _parts(path: tuple[Any, ...]) -> tuple[str, ...]:
    """Each step of a path as `jax.tree_util.keystr` writes it in its simple form, which older JAX lacks."""
    return tuple([str(next((getattr(key, a) for a in ("key", "idx", "name") if hasattr(key, a)), key)) for key in path])


def _is_box(node: Any) -> bool:
    return any((base.__module__, base.__name__) in _BOXES for base in type(node).__mro__)
