"""Initializers without randomness."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arguments import Target, check_fits, check_number, check_positive_int, check_rank, check_target
from ._checks import check_constant
from ._engine import Shape, initializer


@initializer
def zeros(
    shape: Shape, *, dtype: Any = None, seed: Any = None, out: Any = None, index: Any = None, threads: Any = None
) -> np.ndarray:
    """Fill with zeros.

    Parameters
    ----------
    shape : int or sequence of int
    {common}

    Examples
    --------
    >>> import fastinit
    >>> fastinit.zeros(3)
    array([0., 0., 0.], dtype=float32)
    """
    target = check_target(shape, dtype, out, index, threads)
    if out is None:
        return np.zeros(target.block_shape, target.dtype.numpy)  # pages that nobody touches cost nothing
    return _assign(target, 0.0)


@initializer
def ones(
    shape: Shape, *, dtype: Any = None, seed: Any = None, out: Any = None, index: Any = None, threads: Any = None
) -> np.ndarray:
    """Fill with ones.

    Parameters
    ----------
    shape : int or sequence of int
    {common}

    Examples
    --------
    >>> import fastinit
    >>> fastinit.ones((1, 2))
    array([[1., 1.]], dtype=float32)
    """
    return _assign(check_target(shape, dtype, out, index, threads), 1.0)


@initializer
def constant(
    shape: Shape,
    value: Any,
    *,
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Fill with a constant.

    Parameters
    ----------
    shape : int or sequence of int
    value : float or array_like
        A real number, or an array of them that broadcasts to `shape`.
    {common}

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
    if target.block is not None:
        values = values[tuple([slice(*ends) for ends in target.block])]
    return _assign(target, values)


@initializer
def identity(
    shape: Shape,
    gain: float = 1.0,
    *,
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Fill with identity matrices: `gain` on the main diagonal, zero elsewhere.

    Parameters
    ----------
    shape : sequence of int
        (..., rows, columns), square or rectangular; leading axes stack independent matrices.
    gain : float
    {common}

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
    array = _assign(target, 0.0)
    (top, bottom), (left, right) = target.ends[-2:]
    diagonal = np.arange(max(top, left), min(bottom, right))
    array[..., diagonal - top, diagonal - left] = scale
    return array


@initializer
def dirac(
    shape: Shape,
    groups: int = 1,
    *,
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
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
    {common}

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
    array = _assign(target, 0.0)
    *around, (top, bottom), (left, right) = target.ends
    centre = [k // 2 for k in spatial]
    if all(start <= c < stop for c, (start, stop) in zip(centre, around, strict=True)):
        column = np.arange(left, right)
        row = column % (outputs // count) if outputs else column
        passed = (top <= row) & (row < min(bottom, inputs))
        at: tuple[Any, ...] = tuple([c - start for c, (start, _) in zip(centre, around, strict=True)])
        array[(*at, row[passed] - top, column[passed] - left)] = 1.0
    return array


def _assign(target: Target, values: Any) -> np.ndarray:
    array = target.array()
    np.asarray(array)[...] = values  # past a subclass that would not take them all, such as a mask
    return array
