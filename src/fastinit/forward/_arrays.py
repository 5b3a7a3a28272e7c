"""What stands between the caller's arrays and the kernels."""

from __future__ import annotations

import numpy as np

from .._arguments import DType, check_out
from .._memory import new_array
from ._checks import check_apart


def written(out: np.ndarray | None) -> np.ndarray:
    """The kernels' result; for them to leave a checked and copied call to Python would be a fault."""
    if out is None:
        raise AssertionError("the kernels refused a call that had passed every check; please report this")
    return out


def checked_out(
    out: np.ndarray | None, dtype: DType, shape: tuple[int, ...], **inputs: np.ndarray | None
) -> np.ndarray:
    """The caller's array, if it is one to write this result to, or a new one."""
    if out is None:
        return new_array(shape, dtype.numpy)
    check_out(out, dtype, shape)
    check_apart(out, **inputs)
    return out


def own(array: np.ndarray) -> np.ndarray:
    """The array, or a copy that the kernels can read in one piece."""
    return array if array.flags.c_contiguous and array.flags.aligned else np.array(array, order="C")
