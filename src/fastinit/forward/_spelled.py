"""Activations as callers spell them, a name or a name with parameters: kept, compared and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._activation import described


def with_arrays(activation: Any, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Any:
    """The same activation, its parameters that are arrays changed."""
    if not isinstance(activation, tuple):
        return activation
    name, given = activation
    if isinstance(given, Mapping):
        return name, {word: change(value) if isinstance(value, np.ndarray) else value for word, value in given.items()}
    return name, change(given) if isinstance(given, np.ndarray) else given


def is_same(activation: Any, other: Any) -> bool:
    """Whether two ways to write an activation mean the same."""
    (name, values), (other_name, others) = described(activation), described(other)
    return name == other_name and all(np.array_equal(a, b) for a, b in zip(values, others, strict=True))


def in_words(activation: Any) -> str:
    """As a network's repr shows it; arrays as dots."""
    if not isinstance(activation, tuple):
        return activation or "linear"
    name, given = activation
    if not isinstance(given, Mapping):
        return f"{name}({given})" if not isinstance(given, np.ndarray) else f"{name}(...)"
    words = [f"{word}={'...' if isinstance(value, np.ndarray) else value}" for word, value in given.items()]
    return f"{name}({', '.join(words)})"
