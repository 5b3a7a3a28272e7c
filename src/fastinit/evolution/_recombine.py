"""The noise of a population, summed up by weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _kernels
from .._arguments import DType, Index, Real, Target, Threads, check_flag, check_target
from .._arithmetic import own_arithmetic
from .._memory import new_array
from ..forward._checks import check_real_array
from ..initializers._random import normal_law
from ..keys import Key, key_and_stream
from ..runtime import THREADED_BYTES, thread_limit
from ._checks import check_stream, check_weights, infinite_weights

# Seeds that name the same noise every time.
Stream = int | np.integer[Any] | Key | np.random.SeedSequence


def recombine(
    weights: ArrayLike,
    like: NDArray[Real],
    *,
    seed: Stream,
    out: NDArray[Real] | None = None,
    index: Index = None,
    antithetic: bool = False,
    squares: bool = False,
    threads: Threads = None,
) -> NDArray[Real]:
    """Sum the noise of a population, each member's times its weight, without storing it.

    This is the update of an evolution strategy: ``sum(weights[i] * eps[i])`` with the eps of
    ``perturb(like, sigma, len(weights), seed=seed, antithetic=antithetic)``, made again from the seed.

    Parameters
    ----------
    weights : array_like
        Shape (P,): a finite real number for each member of the population, rounded to the dtype of `like`.
    like : numpy.ndarray
        What `perturb` was given as `theta`: its shape and its dtype alone count, and they name the noise.
    seed : int, Key or numpy.random.SeedSequence
        What `perturb` was given. A generator and None are refused: they would give other noise.
    out : numpy.ndarray, optional
        Where to write the sum: C-contiguous, writable, of the shape and dtype of `like`, or of the block. A call that
        a signal ends (Ctrl-C: KeyboardInterrupt) has written some of it.
    index : tuple of slices, optional
        One slice with step 1 for every axis of `like`: only this block of the sum is computed and returned, equal bit
        for bit to ``full[index]``: workers can share it by columns.
    antithetic : bool
        Whether `perturb` drew mirrored pairs: the sum then is that of ``(weights[2 j] - weights[2 j + 1]) * eps[j]``.
    squares : bool
        Whether to sum ``weights[i] * eps[i] ** 2`` instead, by which a sigma for each parameter is updated; mirrored
        pairs have ``weights[2 j] + weights[2 j + 1]`` then.
    threads : int, optional
        The most threads to use; as many as are useful by default. The result does not depend on it.

    Returns
    -------
    numpy.ndarray
        The sum, of the shape of `like` or of the block: `out` if it is given, else a new array.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these. Nothing has been written then.

    See Also
    --------
    perturb : the population.

    Notes
    -----
    The order of every sum is fixed: ``fma(w[n - 1], eps[n - 1], ... fma(w[0], eps[0], 0.0))``, where pairs have the
    differences (or sums) of their weights, rounded, for w, and a square is rounded before it is weighted. Rows whose w
    is 0 are left out, and not drawn where rows are long: selecting half of the members takes half of the time.

    With ``weights = fitness / (P * sigma)`` the sum is the gradient of the expected fitness by theta (Salimans et al.,
    2017); with the logarithmic weights of the best half it is the step of a (mu/mu_w, lambda) strategy in units of
    sigma (Hansen and Ostermeier, 2001).

    Examples
    --------
    One step uphill on ``-sum((x - 1) ** 2)``:

    >>> import fastinit
    >>> import numpy as np
    >>> theta, sigma, seed = np.zeros(3), 0.1, fastinit.Key(0).child("generation", 0)
    >>> population = fastinit.perturb(theta, sigma, 1000, seed=seed, antithetic=True)
    >>> fitness = -((population - 1) ** 2).sum(axis=1)
    >>> gradient = fastinit.recombine(fitness / (1000 * sigma), theta, seed=seed, antithetic=True)
    >>> gradient.round(1)
    array([2. , 2.2, 2. ])
    """
    dtype = check_real_array("like", like)
    pairs, of_squares = check_flag("antithetic", antithetic), check_flag("squares", squares)
    given = check_weights(weights, pairs)
    target: Target = check_target(like.shape, dtype.numpy, out, index, threads)
    check_stream(seed)
    rows = _weights_of_rows(given, dtype, pairs, of_squares)
    shape: tuple[int, ...] = (len(rows), *target.shape)
    check_target(shape, dtype.numpy, None, None, None)  # the noise, too, has a size
    law = normal_law(dtype, 0.0, 1.0, -math.inf, math.inf)
    result: NDArray[Any] = new_array(target.block_shape, dtype.numpy) if target.out is None else target.out
    limit = 1 if len(rows) * target.nbytes < THREADED_BYTES else target.threads or thread_limit()
    key, stream = key_and_stream(seed)
    block = ((0, len(rows)), *target.ends)
    _kernels.recombine(law, result, rows, key, stream, shape, block, of_squares, limit)
    return result


def _weights_of_rows(given: NDArray[Any], dtype: DType, pairs: bool, squares: bool) -> NDArray[Any]:
    """What each row of the noise is multiplied with: a copy, in memory of its own."""
    with own_arithmetic():
        weights: NDArray[Any] = np.array(given, dtype.numpy, order="C")
        if pairs:
            weights = weights[0::2] + weights[1::2] if squares else weights[0::2] - weights[1::2]
        finite = np.isfinite(weights)
        if not finite.all():
            raise infinite_weights(given, finite, dtype)
    return weights
