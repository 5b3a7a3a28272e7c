"""Random matrices with a structure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _kernels
from .._arguments import check_rank, check_target
from ..keys import Key
from ._checks import check_fraction, check_std
from ._engine import Shape, draw, initializer
from ._random import normal_law


@initializer
def sparse(
    shape: Shape,
    sparsity: float,
    std: float = 0.01,
    *,
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Draw a matrix whose columns each hold an exact number of zeros, the rest normal.

    Parameters
    ----------
    shape : sequence of int
        (in, out): two axes.
    sparsity : float
        Share of zeros in every column (in the inputs of every unit), in [0, 1]:
        ceil(sparsity * in) of its entries, the product taken in float64 as in PyTorch, chosen
        independently for each column.
    std : float
        Standard deviation of the other entries, which are those of ``normal(shape, 0, std)``.
    {common}

    Raises
    ------
    TypeError, ValueError
        If the shape has not two axes, or `sparsity` or `std` is out of range.

    References
    ----------
    Martens, "Deep learning via Hessian-free optimization", ICML 2010. PyTorch's ``sparse_`` has the
    same zeros per column of its (out, in) tensors, that is, per *input*; pass its transpose.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.sparse((10, 4), sparsity=0.75, seed=0)
    >>> (w == 0).sum(axis=0)
    array([8, 8, 8, 8])
    """
    target = check_target(shape, dtype, out, index, threads)
    check_rank(target.shape, 2, 2, "`shape` must have two axes, (in, out)")
    share, width = check_fraction("sparsity", sparsity), check_std(std)
    key = Key(seed)
    array = draw(target, key, normal_law(target.dtype, 0.0, width, -math.inf, math.inf))

    rows, columns = target.shape
    count = math.ceil(share * rows)
    (first, last), (left, right) = target.block or ((0, rows), (0, columns))
    if count and array.size:
        # A column's zeros depend on all of its words, so whole columns are ranked, also for a block.
        words = np.empty((rows, right - left), np.uint32)
        mask_key = key.child("sparse.mask")
        _kernels.fill(
            _kernels.Law.words(), words, mask_key.key, mask_key.stream, target.shape, ((0, rows), (left, right))
        )
        # Equal words are ranked by row, which a stable sort does.
        zero_rows = np.argsort(words, axis=0, kind="stable")[:count]
        is_zero = np.zeros(words.shape, bool)
        np.put_along_axis(is_zero, zero_rows, True, axis=0)
        array[is_zero[first:last]] = 0.0
    return array
