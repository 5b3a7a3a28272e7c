"""The types that the benchmarks share."""

from collections.abc import Callable
from typing import Any, Protocol

from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, int]

# Makes the values of a shape, in the given array if there is one.
Fill = Callable[[Shape, Array | None], Array]


class Measure(Protocol):
    """Check that a library's `fill` makes values in [low, high] with this std about 0, then time it."""

    def __call__(self, library: str, fill: Fill, *, low: float, high: float, std: float) -> None: ...
