"""Checks and error sentences of evolution strategies. See `_arguments`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments import (
    DType,
    brief,
    check_fits,
    check_flag,
    check_positive_int,
    has_masked,
    is_int,
    real_number,
)
from .._arithmetic import own_arithmetic
from ..forward._checks import check_real_array
from ..keys import is_key


def check_population(population: Any, antithetic: Any) -> tuple[int | None, bool]:
    """How many members, None for one without an axis of its own; and whether they come in pairs."""
    pairs = check_flag("antithetic", antithetic)
    if population is None:
        if pairs:
            raise ValueError("`population` must be given where antithetic=True. Received: population=None")
        return None, pairs
    members = check_positive_int("population", population)
    check_even("population", members, pairs)
    return members, pairs


def check_even(name: str, members: int, pairs: bool) -> None:
    if pairs and members % 2:
        what = f"`{name}` must be even" if name == "population" else f"`{name}` must be an even number of weights"
        raise ValueError(f"{what} where antithetic=True. Received: {members}")


def check_sigma(sigma: Any, dtype: DType, shape: tuple[int, ...]) -> float | NDArray[Any]:
    """A number, or an array of theta's dtype that broadcasts to the population's shape."""
    if not isinstance(sigma, np.ndarray) or sigma.ndim == 0:
        number = real_number("sigma", sigma)
        if not 0.0 <= number < math.inf:
            raise _negative(sigma)
        check_fits(number, f"sigma={brief(sigma)}", dtype)
        return number + 0.0  # no zero has a sign
    if check_real_array("sigma", sigma) is not dtype:
        raise TypeError(f"`sigma` must have the dtype of `theta`, {dtype.numpy}. Received: dtype {sigma.dtype!r}")
    try:
        fits = np.broadcast_shapes(sigma.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"`sigma` must broadcast to shape {shape}. Received: an array of shape {sigma.shape}")
    if has_masked(sigma):
        raise ValueError("`sigma` must hold no masked element. Received: a masked array")
    with own_arithmetic():
        if not (np.min(sigma, initial=0.0) >= 0.0 and np.max(sigma, initial=0.0) < math.inf):  # a NaN is neither
            raise _negative(sigma)
    return sigma


def _negative(sigma: Any) -> ValueError:
    return ValueError(f"`sigma` must be finite and >= 0. Received: sigma={brief(sigma)}")


def check_weights(weights: Any, pairs: bool) -> NDArray[Any]:
    """The weights as an array of real numbers, not yet of the dtype."""
    if has_masked(weights):
        raise ValueError("`weights` must hold no masked element. Received: a masked array")
    try:
        given = np.asarray(weights)
    except Exception as error:  # of other libraries, or nested unevenly
        raise TypeError(f"`weights` must be a sequence of real numbers. Received: {brief(weights)}") from error
    if given.dtype.kind not in "fiu":
        raise TypeError(f"`weights` must be a sequence of real numbers. Received: {brief(weights)}")
    if given.ndim != 1 or given.size == 0:
        raise ValueError(f"`weights` must have one axis, a weight for each member. Received: shape {given.shape}")
    check_even("weights", given.size, pairs)
    return given


def infinite_weights(given: NDArray[Any], finite: NDArray[Any], dtype: DType) -> ValueError:
    """Of weights, or of pairs of them, those that are not `finite` in the dtype."""
    first = int(np.argmin(finite)) * (given.size // finite.size)
    received = " and ".join(str(weight) for weight in given[first : first + given.size // finite.size])
    each = "differences and sums of pairs included" if finite.size < given.size else "each of them"
    return ValueError(f"`weights` must be finite in {dtype.name}, {each}. Received: {received} at {first}")


def check_stream(seed: Any) -> None:
    """Whether a seed names the same stream every time."""
    if not (is_int(seed) or is_key(seed) or isinstance(seed, np.random.SeedSequence)):
        raise TypeError(
            "`seed` must name the stream that `perturb` drew from: an int, a fastinit.Key or a "
            f"numpy.random.SeedSequence, which give the same numbers again. Received: {brief(seed)}"
        )


def check_apart(out: NDArray[Any] | None, **inputs: NDArray[Any] | None) -> None:
    """The caller's `out` shares no element with other arrays, unless it is an input's very memory where it may be."""
    if out is None:
        return
    for name, array in inputs.items():
        if array is not None and np.may_share_memory(out, array) and np.shares_memory(out, array):
            raise ValueError(f"`out` must lie apart from the other arrays. Received: an `out` that overlaps `{name}`")
