"""Initializers without randomness."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import (
    DTypeLike,
    Index,
    Out,
    Shape,
    Target,
    Threads,
    check_fits,
    check_number,
    check_positive_int,
    check_rank,
    check_target,
)
from .._arithmetic import own_arithmetic
from .._memory import new_array, new_zeros
from ..keys import Seed
from ._checks import check_constant
from ._engine import Array, Fixed, initializer


@initializer
def zeros(
    shape: Shape,
    *,
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Fixed:
    """Fill with zeros.

    Parameters
    ----------
    shape : int or sequence of int
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.zeros(3)
    array([0., 0., 0.], dtype=float32)
    """
    target = check_target(shape, dtype, out, index, threads)
    block, kind = target.block_shape, target.dtype.numpy
    return Fixed(target, lambda *_: new_zeros(block, kind), np.zeros(1, kind))


@initializer
def ones(
    shape: Shape,
    *,
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Fixed:
    """Fill with ones.

    Parameters
    ----------
    shape : int or sequence of int
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.ones((1, 2))
    array([[1., 1.]], dtype=float32)
    """
    return _everywhere(check_target(shape, dtype, out, index, threads), 1.0)


@initializer
def constant(
    shape: Shape,
    value: ArrayLike,
    *,
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Fixed:
    """Fill with a constant.

    Parameters
    ----------
    shape : int or sequence of int
    value : float or array_like
        A real number, or an array of them that broadcasts to `shape`.
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Raises
    ------
    TypeError, ValueError
        If `value` is not real, does not broadcast, or overflows the dtype.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.constant((2, 2), [1.5, -1.0])
    array([[ 1.5, -1. ],
           [ 1.5, -1. ]], dtype=float32)
    """
    target = check_target(shape, dtype, out, index, threads)
    values = check_constant(value, target.shape, target.dtype)
    if values.ndim == 0:
        return _everywhere(target, values)
    block = tuple([slice(*ends) for ends in target.ends])
    return Fixed(target, lambda *_: _rounded(target.block_shape, target, np.broadcast_to(values, target.shape)[block]))


@initializer
def identity(
    shape: Shape,
    gain: float = 1.0,
    *,
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Fixed:
    """Fill with identity matrices: `gain` on the main diagonal, zero elsewhere.

    Parameters
    ----------
    shape : sequence of int
        (..., rows, columns), square or rectangular; leading axes stack independent matrices.
    gain : float
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Raises
    ------
    ValueError
        If the shape has fewer than two axes or `gain` is not finite.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.identity((2, 3), gain=2.0)
    array([[2., 0., 0.],
           [0., 2., 0.]], dtype=float32)
    """
    target = check_target(shape, dtype, out, index, threads)
    check_rank(target.shape, 2, 32, "`shape` must have at least two axes, (..., rows, columns)")
    scale = check_number("gain", gain)
    check_fits(abs(scale), f"gain={gain}", target.dtype)
    (top, bottom), (left, right) = target.ends[-2:]
    diagonal = np.arange(max(top, left), min(bottom, right))
    return _zeros_but(target, (..., diagonal - top, diagonal - left), scale)


@initializer
def dirac(
    shape: Shape,
    groups: int = 1,
    *,
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Fixed:
    """Fill a convolution kernel so that it passes its input channels through unchanged.

    Within each group, output channel d is input channel d, as far as there are both: one at the
    kernel's centre, zero elsewhere. The centre of an axis of k taps is tap k // 2, as in PyTorch's
    ``dirac_``, which stores the same kernel as (out, in / groups, *spatial*).

    Parameters
    ----------
    shape : sequence of int
        (*spatial*, in / groups, out) with one to three spatial axes.
    groups : int
        Number of groups of the convolution; it divides the number of outputs.
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Raises
    ------
    ValueError
        If the shape has another number of axes, or `groups` does not divide the outputs.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.dirac((3, 2, 2))[1]
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    target = check_target(shape, dtype, out, index, threads)
    check_rank(target.shape, 3, 5, "`shape` must be that of a 1-D to 3-D convolution, (*spatial, in / groups, out)")
    count = check_positive_int("groups", groups)
    *spatial, inputs, outputs = target.shape
    if outputs % count:
        raise ValueError(f"`groups` must divide the number of outputs, {outputs}. Received: groups={groups}")
    *around, (top, bottom), (left, right) = target.ends
    centre = [k // 2 for k in spatial]
    if not all(start <= c < stop for c, (start, stop) in zip(centre, around, strict=True)):
        return _everywhere(target, 0.0)
    column = np.arange(left, right)
    row = column % (outputs // count) if outputs else column
    passed = (top <= row) & (row < min(bottom, inputs))
    at = tuple([c - start for c, (start, _) in zip(centre, around, strict=True)])
    return _zeros_but(target, (*at, row[passed] - top, column[passed] - left), 1.0)


def _everywhere(target: Target, value: Any) -> Fixed:
    element = _rounded((1,), target, value)

    def make(*_: int) -> Array:
        array = new_array(target.block_shape, target.dtype.numpy)
        array[...] = element
        return array

    return Fixed(target, make, element)


def _rounded(shape: tuple[int, ...], target: Target, values: Any) -> Array:
    array = new_array(shape, target.dtype.numpy)
    with own_arithmetic():
        array[...] = target.dtype.stored(values)  # rounded to the dtype
    return array


def _zeros_but(target: Target, at: tuple[Any, ...], value: float) -> Fixed:
    element = _rounded((1,), target, value)

    def make(*_: int) -> Array:
        array = new_zeros(target.block_shape, target.dtype.numpy)
        array[at] = element
        return array

    return Fixed(target, make)
