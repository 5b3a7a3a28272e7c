"""PyTorch's initializers, fast, and the same weights on every number of ranks."""

from ._tensor import array

__all__ = ["array"]
