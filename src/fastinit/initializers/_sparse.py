"""Random matrices with a structure."""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import Any

import numpy as np

from .. import _kernels
from .._arguments import DTypeLike, Index, Out, Shape, Target, Threads, check_rank, check_target, plain_number
from .._memory import new_array
from ..keys import Key, Seed
from ._checks import check_fraction, check_std
from ._engine import Array, Made, initializer, memory_of
from ._random import normal_law


@initializer
def sparse(
    shape: Shape,
    sparsity: float,
    std: float = 0.01,
    *,
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Made:
    """Draw a matrix whose columns each hold an exact number of zeros, the rest normal.

    Parameters
    ----------
    shape : sequence of int
        (in, out): two axes.
    sparsity : float
        Share of zeros in every column (in the inputs of every unit), in [0, 1]:
        ceil(sparsity * in) of its entries, chosen independently for each column. The product is that of
        the decimal number as it is written, so 0.14 of 50 is 7; and below 1 at least one entry is left.
    std : float
        Standard deviation of the other entries, which are those of ``normal(shape, 0, std)``.
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Raises
    ------
    TypeError, ValueError
        If the shape has not two axes, or `sparsity` or `std` is out of range.

    References
    ----------
    Martens, "Deep learning via Hessian-free optimization", ICML 2010. PyTorch's ``sparse_`` has as
    many zeros in every column of its (out, in) tensors, that is, for every *input*: ``sparse((out, in), ...)`` does
    the same to such a tensor as it lies. Zeros for every unit, as here and in the paper, are
    ``sparse((in, out), ...).T`` there.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.sparse((10, 4), sparsity=0.75, seed=0)
    >>> (w == 0).sum(axis=0)
    array([8, 8, 8, 8])
    """
    target = check_target(shape, dtype, out, index, threads)
    check_rank(target.shape, 2, 2, "`shape` must have two axes, (in, out)")
    check_fraction("sparsity", sparsity)
    width = check_std(std)
    law = normal_law(target.dtype, 0.0, width, -math.inf, math.inf)
    return Made(target, functools.partial(_make, target, law, _zeros_in_a_column(sparsity, target.shape[0])))


def _zeros_in_a_column(sparsity: Any, rows: int) -> int:
    """ceil(sparsity * rows) of the decimal that was written, but not all rows unless it is 1."""
    share = Fraction(str(plain_number(sparsity)))
    return rows if share == 1 else min(math.ceil(share * rows), max(rows - 1, 0))


def _make(target: Target, law: _kernels.Law, count: int, key: int, stream: int, threads: int) -> Array:
    array = new_array(target.block_shape, target.dtype.numpy)
    _kernels.fill(law, memory_of(array, target.dtype), key, stream, target.shape, target.block, threads)
    if count and array.size:
        rows = target.shape[0]
        (first, last), columns = target.ends
        # A column's zeros depend on all of its words, so whole columns are ranked, also for a block.
        words = np.empty((rows, columns[1] - columns[0]), np.uint32)
        mask = Key.from_words(key, stream).child("sparse.mask")
        _kernels.fill(_kernels.Law.words(), words, mask.key, mask.stream, target.shape, ((0, rows), columns), threads)
        # Equal words are ranked by row, which a stable sort does.
        zero_rows = np.argsort(words, axis=0, kind="stable")[:count]
        is_zero = np.zeros(words.shape, bool)
        is_zero.put(np.ravel_multi_index((zero_rows, np.arange(words.shape[1])), words.shape), True)
        np.copyto(array, np.zeros((), array.dtype), where=is_zero[first:last])
    return array
