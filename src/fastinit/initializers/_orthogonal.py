"""Orthogonal matrices."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from .. import _kernels
from .._arguments import (
    Axes,
    Block,
    DType,
    DTypeLike,
    Index,
    Out,
    Shape,
    Target,
    Threads,
    check_dtype,
    check_flag,
    check_rank,
    check_target,
)
from .._memory import new_array, new_zeros
from ..keys import Seed
from ..runtime import THREADED_PRODUCTS
from ._checks import check_gain, check_matrix_axes, check_widening
from ._engine import Array, Made, initializer, remembered
from ._random import normal_law

_FLOAT32, _FLOAT64 = check_dtype(np.float32), check_dtype(np.float64)
# What an element, or a part of a complex one, is copied as, by the dtype's code.
_REALS = {
    _kernels.FLOAT32: np.float32,
    _kernels.FLOAT64: np.float64,
    _kernels.FLOAT16: np.uint16,
    _kernels.BFLOAT16: np.uint16,
}


@initializer
def orthogonal(
    shape: Shape,
    gain: float = 1.0,
    column_axis: int = -1,
    batch_axis: Axes = (),
    *,
    precise: bool = False,
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Made:
    """Draw orthogonal matrices, uniformly: from the Haar distribution, times `gain`.

    The matrix has orthonormal columns if it is tall, orthonormal rows if it is wide. It is the Q of the QR
    decomposition of a normal matrix with a positive diagonal of R, as in other libraries, but the normal
    matrix never exists: the Householder vectors of that decomposition are themselves normal, so they are drawn
    and multiplied out::

        Q = H_1 H_2 ... H_n diag(-sgn x_k),  H_k = I - 2 v_k v_k' / (v_k' v_k),  v_k = x_k + sgn(x_k1) |x_k| e_1

    with x_k of m - k + 1 standard normals. That is half the work, and a block of columns takes only its share.

    Parameters
    ----------
    shape : sequence of int
        At least two axes besides `batch_axis`. With more, as for convolutions, all but `column_axis` are
        flattened to the matrix's rows, as in Keras and JAX.
    gain : float
    column_axis : int
        The axis of the matrix's columns; the last as in Keras and JAX, 0 for PyTorch's (out, in, *spatial*).
    batch_axis : int or sequence of int
        Axes that count independent matrices.
    precise : bool
        Compute in float64 and round last. float32 matrices are orthogonal to a few 1e-7 otherwise.
    dtype : dtype
        As for every initializer, and complex64 or complex128, which give unitary matrices. float16
        and bfloat16 are the float32 values, rounded.
    seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`. A block of columns (of rows,
        if the matrix is wide) is computed without those after it; a block of the other axis saves nothing.

    Raises
    ------
    TypeError, ValueError
        If the shape has fewer than two axes besides `batch_axis`, an axis is named twice or does not exist,
        or `gain` is not finite.

    References
    ----------
    Stewart, "The efficient generation of random orthogonal matrices with an application to condition
    estimators", SIAM J. Numer. Anal. 17, 1980. Mezzadri, "How to generate random matrices from the
    classical compact groups", Notices of the AMS 54, 2007. Saxe, McClelland and Ganguli, "Exact solutions
    to the nonlinear dynamics of learning in deep linear neural networks", ICLR 2014.

    Examples
    --------
    >>> import numpy as np
    >>> import fastinit
    >>> w = fastinit.orthogonal((256, 64), seed=0)
    >>> bool(np.allclose(w.T @ w, np.eye(64), atol=1e-6))
    True
    >>> columns = fastinit.orthogonal((256, 64), seed=0, index=(slice(None), slice(16, 32)))
    >>> bool((columns == w[:, 16:32]).all())
    True
    """
    target = check_target(shape, dtype, out, index, threads, complex_too=True)
    scale = check_gain(gain, target.dtype)
    exact = check_flag("precise", precise)
    layout = _layout(target.shape, target.ends, *check_matrix_axes(target.shape, column_axis, batch_axis))
    return _request(target, layout, scale, exact, ())


@initializer
def delta_orthogonal(
    shape: Shape,
    gain: float = 1.0,
    *,
    precise: bool = False,
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Made:
    """Fill a convolution kernel so that it keeps the norm of its input: an orthogonal matrix at its centre.

    All other taps are zero. The matrix is that of ``orthogonal(shape[-2:], gain)`` with the same key, and the
    centre of an axis of k taps is tap (k - 1) // 2, as in JAX.

    Parameters
    ----------
    shape : sequence of int
        (*spatial*, in, out) with one to three spatial axes, in <= out.
    gain : float
    precise : bool
        As in `orthogonal`.
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.
        complex64 and complex128, too.

    Raises
    ------
    TypeError, ValueError
        If the shape has another number of axes or more inputs than outputs, or `gain` is not finite.

    References
    ----------
    Xiao et al., "Dynamical isometry and a mean field theory of CNNs", ICML 2018.

    Examples
    --------
    >>> import numpy as np
    >>> import fastinit
    >>> w = fastinit.delta_orthogonal((3, 3, 8, 16), seed=0)
    >>> bool((w[1, 1] == fastinit.orthogonal((8, 16), seed=0)).all()), int(np.count_nonzero(w.any(axis=(2, 3))))
    (True, 1)
    """
    target = check_target(shape, dtype, out, index, threads, complex_too=True)
    check_rank(target.shape, 3, 5, "`shape` must be that of a 1-D to 3-D convolution, (*spatial, in, out)")
    scale = check_gain(gain, target.dtype)
    exact = check_flag("precise", precise)
    inputs, outputs = check_widening(target.shape)
    around, ends = target.ends[:-2], target.ends[-2:]
    centre = [(k - 1) // 2 for k in target.shape[:-2]]
    inside = all(start <= c < stop for c, (start, stop) in zip(centre, around, strict=True))
    at = tuple([c - start for c, (start, _) in zip(centre, around, strict=True)]) if inside else None
    return _request(target, _layout((inputs, outputs), ends, (), 1), scale, exact, at)


class _Layout(NamedTuple):
    """Where the wanted block lies in the tall matrices that the kernels make.

    A tall matrix has rows >= columns; a wide one is the transpose of a tall one.
    """

    matrix: tuple[int, int]
    runs: tuple[tuple[int, int], ...]  # of consecutive matrices
    columns: tuple[int, int]  # of the tall matrix: those made,
    rows: tuple[int, int]  # and these rows
    transposed: bool  # the array, if `direct`, else what is made, holds a column of the tall matrix after another
    direct: bool  # what is made is the block as it lies in the array
    made: tuple[int, ...]  # what is made if not: matrices, row axes and columns of the matrix asked for,
    wanted: tuple[slice, ...]  # what of it is wanted,
    sizes: tuple[int, ...]  # the sizes of batch axes, row axes and the column axis in the block,
    order: tuple[int, ...]  # and where each axis of the array stands among them
    products: int  # as many multiplications as it takes, roughly


@remembered
def _layout(shape: tuple[int, ...], ends: Block, batch: tuple[int, ...], column: int) -> _Layout:
    rest = tuple([axis for axis in range(len(shape)) if axis not in (*batch, column)])
    rows, columns = math.prod([shape[axis] for axis in rest]), shape[column]
    order = (*batch, *rest, column)
    sizes = tuple([ends[axis][1] - ends[axis][0] for axis in order])
    if not all(sizes):
        return _Layout((rows, columns), (), (0, 0), (0, 0), False, True, (), (), sizes, order, 0)

    runs = _runs(shape, ends, batch)
    count = sum([last - first for first, last in runs])
    (top, bottom), row_shape, row_block = _hull(shape, ends, rest)
    without_gaps = all(part == (0, n) for part, n in zip(row_block, row_shape, strict=True))
    wide = rows < columns
    beside = len(shape) - len(batch)
    leading = batch == tuple(range(len(batch))) and len(runs) == 1
    last_axis, first_axis = column == len(shape) - 1, column == len(shape) - beside
    direct = leading and without_gaps and (last_axis or first_axis)
    return _Layout(
        matrix=(columns, rows) if wide else (rows, columns),
        runs=runs,
        columns=(top, bottom) if wide else ends[column],
        rows=ends[column] if wide else (top, bottom),
        transposed=wide == (last_axis or not direct),
        direct=direct,
        made=(count, *row_shape, ends[column][1] - ends[column][0]),
        wanted=(slice(None), *[slice(*part) for part in row_block]),
        sizes=sizes,
        order=tuple([order.index(axis) for axis in range(len(shape))]),
        products=rows * columns * (bottom if wide else ends[column][1]) * count,
    )


def _runs(shape: tuple[int, ...], ends: Block, axes: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """The block's runs of consecutive places in the flattening of some axes, ascending."""
    whole = 1
    while axes and ends[axes[-1]] == (0, shape[axes[-1]]):
        whole *= shape[axes[-1]]
        axes = axes[:-1]
    if not axes:
        return ((0, whole),)
    n, (start, stop) = shape[axes[-1]], ends[axes[-1]]
    places = [0]
    for axis in axes[:-1]:
        places = [place * shape[axis] + i for place in places for i in range(*ends[axis])]
    return tuple([((place * n + start) * whole, (place * n + stop) * whole) for place in places])


def _hull(
    shape: tuple[int, ...], ends: Block, axes: tuple[int, ...]
) -> tuple[tuple[int, int], tuple[int, ...], tuple[tuple[int, int], ...]]:
    """A stretch of places in the flattening of some axes that holds the block: its ends, its shape with a size for
    each axis, and where the block lies in that."""
    ones, place = 0, 0
    while ones < len(axes) - 1 and ends[axes[ones]][1] - ends[axes[ones]][0] == 1:
        place = place * shape[axes[ones]] + ends[axes[ones]][0]
        ones += 1
    first, inner = axes[ones], axes[ones + 1 :]
    (start, stop), whole = ends[first], math.prod([shape[axis] for axis in inner])
    place *= shape[first]
    sizes = (1,) * ones + (stop - start,) + tuple([shape[axis] for axis in inner])
    block = ((0, 1),) * ones + ((0, stop - start),) + tuple([ends[axis] for axis in inner])
    return ((place + start) * whole, (place + stop) * whole), sizes, block


def _request(target: Target, layout: _Layout, gain: float, precise: bool, at: tuple[int, ...] | None) -> Made:
    """The block, or one whose part `at` it is, with zeros elsewhere; None is no part at all."""

    def make(key: int, stream: int, threads: int) -> Array:
        new = new_array if at == () else new_zeros
        array = new(target.block_shape, target.dtype.numpy)
        if at is not None:
            _write(array[at], target.dtype, key, stream, layout, gain, precise, threads)
        return array

    return Made(target, make)


def _write(
    array: np.ndarray,
    dtype: DType,
    key: int,
    stream: int,
    layout: _Layout,
    gain: float,
    precise: bool,
    threads: int,
) -> None:
    """Fill a C-contiguous array of the block's shape."""
    if not layout.runs:
        return  # an empty block
    kind = _FLOAT64 if precise or dtype.code == _kernels.FLOAT64 else _FLOAT32
    pairs = dtype.numpy.kind == "c"
    threads = 1 if layout.products < THREADED_PRODUCTS else threads
    reals = array.view(_REALS[dtype.code])
    made = reals if layout.direct else new_array(layout.made + (2,) * pairs, reals.dtype)
    done = 0
    for first, last in layout.runs:
        _kernels.orthogonal(
            _standard_normal(kind),
            made if len(layout.runs) == 1 else made[done : done + last - first],
            key,
            stream,
            layout.matrix,
            (first, last),
            layout.columns,
            layout.transposed,
            pairs,
            gain,
            threads,
            layout.rows,
            dtype.code,
        )
        done += last - first

    if not layout.direct:
        block = made[layout.wanted].reshape(layout.sizes + (2,) * pairs)
        block = block.transpose(layout.order + (block.ndim - 1,) * pairs)
        reals.reshape(block.shape)[...] = block


@functools.cache
def _standard_normal(kind: DType) -> _kernels.Law:
    return normal_law(kind, 0.0, 1.0, -math.inf, math.inf)
