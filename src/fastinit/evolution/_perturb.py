"""Populations: parameters, and noise around them."""

from __future__ import annotations

import math
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from .. import _kernels
from .._arguments import Block, Index, Real, Target, Threads, check_target
from .._memory import new_array
from ..forward._arrays import own
from ..forward._checks import check_real_array
from ..initializers._random import normal_law
from ..keys import Seed, key_and_stream
from ..runtime import THREADED_BYTES, thread_limit
from ._checks import check_apart, check_population, check_sigma


def perturb(
    theta: NDArray[Real],
    sigma: float | NDArray[Real],
    population: SupportsIndex | None = None,
    *,
    seed: Seed,
    out: NDArray[Real] | None = None,
    index: Index = None,
    antithetic: bool = False,
    threads: Threads = None,
) -> NDArray[Real]:
    """Draw a population around `theta`: ``theta + sigma * eps`` with standard normal eps, in one pass.

    The noise is ``fastinit.normal(shape, 0, 1, seed=seed, dtype=theta.dtype)`` of the population's shape, never
    stored: any block of it is made again from the seed, and `recombine` sums it up for an update.

    Parameters
    ----------
    theta : numpy.ndarray
        The centre, of float32 or float64, of any shape and strides.
    sigma : float or numpy.ndarray
        The standard deviation: a number, rounded to the dtype, or an array of the dtype of `theta` that broadcasts to
        the population's shape: one for each parameter (n,), or for each member (P, 1). Finite, >= 0.
    population : int, optional
        How many members, along a first axis of the result: ``(P, *theta.shape)``. By default there is no such axis, and
        every element of `theta` is perturbed once: a single offspring, or a mutation of parents (P, n).
    seed : int, Key, or numpy.random.SeedSequence, Generator or BitGenerator, or None
        As in every initializer. A generator's noise, or fresh entropy's for None, cannot be made again. Give every
        generation a key of its own, ``key.child(generation)``, and every tensor.
    out : numpy.ndarray, optional
        Where to write the result: C-contiguous, writable, of its shape and dtype, and apart from the memory of the
        other arrays; without a population it may be `theta` itself. A call that a signal ends (Ctrl-C:
        KeyboardInterrupt) has written some of it.
    index : tuple of slices, optional
        One slice with step 1 for every axis of the population: only this block is computed and returned, equal bit
        for bit to ``full[index]``. `theta` and `sigma` are still the whole arrays.
    antithetic : bool
        Whether members come in mirrored pairs: with eps of P / 2 rows, members 2 j and 2 j + 1 are
        ``theta + sigma * eps[j]`` and ``theta - sigma * eps[j]``. (Where a library has the mirrored half behind the
        other, its member j is 2 j here, and P / 2 + j is 2 j + 1.)
    threads : int, optional
        The most threads to use; as many as are useful by default. The result does not depend on it.

    Returns
    -------
    numpy.ndarray
        The population, or its block: `out` if it is given, else a new array.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these. Nothing has been written then.

    See Also
    --------
    recombine : the weighted sum of the noise, without storing it.

    Notes
    -----
    Every element is ``fma(sigma, eps, theta)``, rounded once, under every instruction set and for every number of
    threads; infinities and NaNs of `theta` go through. Member i depends on the seed and i, not on how many there are.
    With one theta and sigma for all it is what `normal` gives with that mean and std.

    Antithetic pairs are those of Salimans et al., "Evolution Strategies as a Scalable Alternative to Reinforcement
    Learning" (2017).

    Examples
    --------
    >>> import fastinit
    >>> import numpy as np
    >>> key, theta = fastinit.Key(0), np.zeros(4, np.float32)
    >>> population = fastinit.perturb(theta, 0.1, 256, seed=key.child(0))
    >>> population.shape
    (256, 4)
    >>> member = fastinit.perturb(theta, 0.1, 256, seed=key.child(0), index=(slice(17, 18), slice(None)))
    >>> bool((member[0] == population[17]).all())
    True

    Weights of any shape become those of a population's layer:

    >>> layer = fastinit.he_normal((8, 64), seed=key)
    >>> fastinit.perturb(layer, 0.02, 256, seed=key.child(0, "layer"), antithetic=True).shape
    (256, 8, 64)
    """
    dtype = check_real_array("theta", theta)
    members, pairs = check_population(population, antithetic)
    shape: tuple[int, ...] = theta.shape if members is None else (members, *theta.shape)
    target: Target = check_target(shape, dtype.numpy, out, index, threads)
    spread = check_sigma(sigma, dtype, shape)
    rows, *columns = target.ends if members is not None else ((0, 1), *target.ends)
    part: tuple[Any, ...] = (..., *[slice(*ends) for ends in columns])
    centre = np.asarray(theta)[part]
    _check_out(target.out, centre, spread, members is None)
    if not isinstance(spread, float):
        spread = _in_two_axes(spread, shape, target.ends, members is None)
    noise: tuple[int, ...] = (1, *shape) if members is None else shape
    drawn = rows
    if pairs:
        noise = (noise[0] // 2, *noise[1:])
        drawn = (rows[0] // 2, rows[1] - rows[1] // 2)  # an odd member at either end has its mirror image outside
    law = normal_law(dtype, 0.0, 1.0, -math.inf, math.inf)
    centre = own(centre)
    result = new_array(target.block_shape, dtype.numpy) if target.out is None else target.out
    limit = 1 if target.nbytes < THREADED_BYTES else target.threads or thread_limit()
    key, stream = key_and_stream(seed)  # which advances a generator: nothing fails after it
    _kernels.perturb(law, result, centre, spread, key, stream, noise, (drawn, *columns), rows, pairs, limit)
    return result


def _check_out(out: NDArray[Any] | None, centre: NDArray[Any], sigma: Any, in_place: bool) -> None:
    """`out` is apart from the others, or `in_place` exactly the memory of what is perturbed."""
    same = in_place and out is not None and centre.flags.c_contiguous and centre.ctypes.data == out.ctypes.data
    check_apart(out, theta=None if same else centre, sigma=None if isinstance(sigma, float) else sigma)


def _in_two_axes(sigma: NDArray[Any], shape: tuple[int, ...], block: Block, single: bool) -> NDArray[Any]:
    """The block's sigma as (1 or members, 1 or columns), C-contiguous: what does not vary is there once."""
    if single:
        shape, block = (1, *shape), ((0, 1), *block)
    whole = sigma.reshape((1,) * (len(shape) - sigma.ndim) + sigma.shape)
    part = whole[tuple([slice(*ends) if n > 1 else slice(None) for n, ends in zip(whole.shape, block, strict=True)])]
    if any(n > 1 for n in whole.shape[1:]):
        part = np.broadcast_to(part, (part.shape[0], *[stop - start for start, stop in block[1:]]))
    return own(part.reshape(part.shape[0], math.prod(part.shape[1:])))
