"""The plain distributions: uniform, normal, truncated normal."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from .. import _kernels
from .._arguments import DType, DTypeLike, Index, Out, Shape, Threads, check_choice, check_number, check_target
from ..keys import Seed
from ._checks import check_bounds, check_interval, check_normal_between_fits, check_normal_fits, check_std
from ._engine import Drawn, initializer, remembered


@initializer
def uniform(
    shape: Shape,
    low: float = -0.05,
    high: float = 0.05,
    *,
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Drawn:
    """Draw from the uniform distribution on the half-open interval [low, high).

    Parameters
    ----------
    shape : int or sequence of int
    low, high : float
        Finite, low <= high. ``low == high`` gives that value. The result stays inside the interval in
        every dtype, never reaching `high`, unless the dtype has no value in it: then it is the value
        nearest to `low`.
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Raises
    ------
    TypeError, ValueError
        If an end is not finite or not representable in the dtype, or low > high.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.uniform((784, 128), -1.0, 1.0, seed=0)
    >>> bool((w >= -1.0).all() and (w < 1.0).all())
    True
    """
    target = check_target(shape, dtype, out, index, threads)
    return Drawn(target, _uniform_law(target.dtype, *check_interval(low, high, target.dtype)))


@remembered
def _uniform_law(dtype: DType, low: float, high: float) -> _kernels.Law:
    return _kernels.Law.uniform(dtype.code, low, high)


@initializer
def normal(
    shape: Shape,
    mean: float = 0.0,
    std: float = 0.05,
    *,
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Drawn:
    """Draw from the normal distribution.

    The first number is the mean: a std alone is ``normal(shape, std=0.02)``, and ``normal(shape, 0.02)`` has mean 0.02.

    Every element is the inverse normal CDF of its own random word: 31 bits of magnitude and a sign in
    float32, which reach to 6.34 std, 52 and a sign in float64, which reach to 8.3 std.

    Parameters
    ----------
    shape : int or sequence of int
    mean : float
    std : float
        Finite, >= 0.
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Raises
    ------
    TypeError, ValueError
        If `mean` or `std` is not finite, `std` is negative, or the dtype overflows.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.normal((1000, 1000), std=0.02, seed=0)
    >>> abs(float(w.std()) - 0.02) < 1e-4
    True
    """
    return _normal(shape, mean, std, -math.inf, math.inf, dtype, out, index, threads)


@initializer
def truncated_normal(
    shape: Shape,
    mean: float = 0.0,
    std: float = 0.05,
    lower: float = -2.0,
    upper: float = 2.0,
    *,
    bounds: Literal["std", "absolute"] = "std",
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Drawn:
    """Draw from a normal distribution cut off at ``mean + std * [lower, upper]``, or at [lower, upper].

    The bounds are in units of `std`, as in TensorFlow, Keras and JAX, or with ``bounds="absolute"`` they are
    values, as PyTorch's ``trunc_normal_`` has them: its a and b are ``lower=a, upper=b, bounds="absolute"``.
    `std` is that of the normal before truncation, as in all of these; truncated to ±2 the result's is 0.8796 std.

    Every element is the inverse of the truncated CDF at its own random word. There is no rejection,
    and no bound is too far out: the tail beyond 30 std has its exact shape too.

    Parameters
    ----------
    shape : int or sequence of int
    mean : float
    std : float
        Finite, >= 0.
    lower, upper : float
        lower <= upper; either may be infinite. The result stays inside ``mean + std * [lower, upper]``, or
        [lower, upper], in every dtype, unless the dtype has no value in there: then it is a value nearest to it.
    bounds : {"std", "absolute"}
        What `lower` and `upper` are. Values are held as they are given: a bound that the dtype has is inside.
        In units of std the end is ``mean + std * bound``, rounded, which can miss such a value by a hair. With
        ``std=0`` the result is the value nearest to `mean`.
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Raises
    ------
    TypeError, ValueError
        If `mean` or `std` is not finite, `std` is negative, the bounds are swapped or NaN, or the dtype
        overflows, or the one that it is computed in: float32 for 16 bits.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.truncated_normal((1000, 1000), std=0.02, seed=0)
    >>> bool(abs(w).max() <= 0.04)
    True
    >>> tail = fastinit.truncated_normal(5, 0.0, 1.0, 30.0, 31.0, dtype="float64", seed=0)
    >>> bool((tail >= 30).all() and (tail < 30.5).all())
    True
    >>> w = fastinit.truncated_normal(100000, 0.1, 0.3, 0.5, 1.0, bounds="absolute", dtype="float16", seed=0)
    >>> float(w.min()), float(w.max())
    (0.5, 1.0)
    """
    check_choice("bounds", bounds, ("std", "absolute"))
    law = normal_law if bounds == "std" else _normal_law_between
    return _normal(shape, mean, std, lower, upper, dtype, out, index, threads, law)


def _normal(
    shape: Shape,
    mean: float,
    std: float,
    lower: float,
    upper: float,
    dtype: DTypeLike,
    out: Out,
    index: Index,
    threads: Threads,
    law: Callable[[DType, float, float, float, float], _kernels.Law] | None = None,
) -> Drawn:
    target = check_target(shape, dtype, out, index, threads)
    first, last = check_bounds(lower, upper)
    law = normal_law if law is None else law
    return Drawn(target, law(target.dtype, check_number("mean", mean), check_std(std), first, last))


@remembered
def normal_law(dtype: DType, mean: float, std: float, lower: float, upper: float) -> _kernels.Law:
    check_normal_fits(mean, std, lower, upper, dtype)
    return _kernels.Law.normal(dtype.code, mean, std, lower, upper)


@remembered
def _normal_law_between(dtype: DType, mean: float, std: float, low: float, high: float) -> _kernels.Law:
    check_normal_between_fits(mean, std, low, high, dtype)
    return _kernels.Law.normal_between(dtype.code, mean, std, low, high)
