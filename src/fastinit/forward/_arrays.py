"""What stands between the caller's arrays and the kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arguments import has_masked

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


def packable(weight: np.ndarray) -> np.ndarray:
    """The weight, or a copy that can be packed: a single matrix may lie anyhow."""
    return weight if weight.ndim == 2 and weight.flags.aligned else own(weight)


def converted(x: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """Whatever NumPy makes an array of real numbers of, in this dtype."""
    array = x if type(x) is np.ndarray else _as_array(x)
    if array.dtype == dtype:
        return array
    if array.dtype.kind not in "biuf" and not array.dtype.name.startswith(("bfloat", "float")):
        raise TypeError(f"`x` must hold real numbers. Received: dtype {array.dtype!r}")
    return array.astype(dtype)


def _as_array(x: Any) -> np.ndarray:
    sentence = "`x` must be what NumPy makes an array of real numbers of"
    try:
        try:
            array = np.asarray(x)
        except RuntimeError:  # a tensor that wants a gradient
            array = np.asarray(x.detach())
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise TypeError(f"{sentence}. Received: {type(x).__name__} ({str(error).splitlines()[0]})") from None
    if has_masked(x):
        raise TypeError(f"{sentence}. Received: an array with masked elements")
    return array
