"""The types that the peers share."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, int]

# Does the work once more and returns what it made, as whatever array the library has.
Job = Callable[[], Any]
