"""What stands between the caller's arrays and the kernels."""

from __future__ import annotations

import numpy as np

MOST_AXES = 32  # of an array that the kernels take


def written(out: np.ndarray | None) -> np.ndarray:
    """The kernels' result; for them to leave a checked call to Python would be a fault."""
    if out is None:
        raise AssertionError("the kernels refused a call that had passed every check; please report this")
    return out


def own(array: np.ndarray) -> np.ndarray:
    """The array, or a copy that the kernels can read in one piece."""
    return array if array.flags.c_contiguous and array.flags.aligned else np.array(array, order="C")


def halved(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what an activation of halves makes of an array of this one."""
    return shape[:-1] + (shape[-1] // 2,)  # noqa: RUF005
