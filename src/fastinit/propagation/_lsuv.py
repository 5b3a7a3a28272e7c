"""Layer-sequential unit-variance initialization."""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import Threads, check_positive, check_positive_int
from .._arithmetic import own_arithmetic
from .._terminal import Progress
from ..forward import Activation, Layer, activate, dense
from ..keys import Key, Seed
from ._checks import check_batch, no_signal, not_converged, weight_beyond
from ._layers import Default, Network, default, layers_of
from ._range import exponent_beyond, moved, moved_back


class LSUV(NamedTuple):
    """What `lsuv` returns: the layers, and for each how often it was scaled and the std it ended at.

    Attributes
    ----------
    layers : list of `fastinit.forward.Layer`, (weight, bias, activation)
        As `MLP`, `dense` and `propagate` take them.
    iterations : list of int
        How often each weight was scaled.
    stds : list of float
        The standard deviation of each pre-activation on the batch, after the last of these.
    """

    layers: list[Layer]
    iterations: list[int]
    stds: list[float]


def lsuv(
    layers: Network,
    x: ArrayLike,
    *,
    activation: Activation = default("relu"),  # noqa: B008
    tolerance: float = 0.02,
    max_iterations: int = 10,
    seed: Seed = 0,
    threads: Threads = None,
) -> LSUV:
    """Scale the layers of a network, one after the other, until each pre-activation has variance one.

    Every weight starts orthonormal; then, from the first layer to the last, it is divided by the standard
    deviation of ``x W + b`` on the batch until that is 1 within `tolerance`. Unlike a gain from a table
    this fits any activation, and the data.

    Parameters
    ----------
    layers : list of int, MLP, or list of (weight, bias, activation)
        Widths such as ``[784, 512, 512, 10]``, of layers without biases to which `activation` applies:
        their weights start as ``orthogonal`` of the keys ``Key(seed).child("layer", i)``, i = 1, 2, ...
        Layers that are given keep their biases, and copies of their own weights are scaled.
    x : array_like
        (batch, inputs), finite: a batch like those that the network will see.
    activation : str, (str, float), (str, {str: float}) or None
        As in `dense`, after every new layer. For widths only: layers that are given have their own.
    tolerance : float
        Of the standard deviation, > 0. The paper's is 0.1.
    max_iterations : int
        The most that one weight is scaled. If that does not do, it is an error.
    seed : int, Key, or another `seed` of fastinit
    threads : int
        The most threads of the forward pass.

    Returns
    -------
    LSUV
        ``(layers, iterations, stds)``.

    Raises
    ------
    TypeError, ValueError
        If the layers do not fit each other or the batch, or an argument is not as described; or if a
        pre-activation does not vary at all, or does not come to variance one: where the biases alone have
        more, no scale of the weight does it. The layers that were given are left as they were.

    Notes
    -----
    The weights have the same bits on every machine, as those of the initializers have: the sums in the
    standard deviations are added in an order of their own, and not in that of the installed NumPy.

    References
    ----------
    Mishkin and Matas, "All you need is a good init", ICLR 2016, algorithm 1.

    Examples
    --------
    >>> import fastinit
    >>> x = fastinit.uniform((256, 64), 0.0, 1.0, seed=1)
    >>> layers, iterations, stds = fastinit.lsuv([64] + [128] * 30 + [10], x, activation="gelu")
    >>> max(abs(std - 1) for std in stds) < 0.02
    True
    >>> fastinit.MLP(fastinit.lsuv([64, 32, 10], x).layers)
    MLP(64 -> 32 relu -> 10 relu, float32, 2368 parameters)
    """
    allowed, most = check_positive("tolerance", tolerance), check_positive_int("max_iterations", max_iterations)
    wanted = np.dtype(np.float64 if getattr(x, "dtype", None) == np.float64 else np.float32)
    start = layers_of("layers", layers, Default("orthogonal"), activation, Key(seed), wanted)
    signal = check_batch(x, start[0].weight.shape[0], start[0].weight.dtype)
    result = LSUV([], [], [])
    with Progress(sys.stderr, after=2.0) as progress, own_arithmetic():
        for number, layer in enumerate(start, 1):
            progress.bar(number, len(start), "layers")
            weight, z, std, count = _scale(layer, signal, number, allowed, most, threads)
            result.layers.append(layer._replace(weight=weight))
            result.iterations.append(count)
            result.stds.append(std)
            signal = activate(z, layer.activation, threads=threads)
    return result


def _scale(
    layer: Layer, x: np.ndarray, number: int, tolerance: float, most: int, threads: Threads
) -> tuple[np.ndarray, np.ndarray, float, int]:
    """The scaled weight, its pre-activation and the std of that, and how often it was scaled."""
    # A batch or a weight whose squares do not fit the dtype is moved near one; what the weight was before does not
    # matter to what it becomes, and what the batch is moved by the weight makes good in the end.
    far = exponent_beyond(x)
    near = moved(x, -far)
    weight, count = moved(layer.weight, -exponent_beyond(layer.weight)).copy(), 0
    while True:
        z = dense(near, weight, layer.bias, threads=threads)
        std = _std(z)
        if not 0.0 < std < np.inf:
            raise no_signal(number, std)
        if abs(std - 1.0) <= tolerance:
            if not far:
                return weight, z, std, count
            weight = moved(weight, -far)
            z = dense(x, weight, layer.bias, threads=threads)
            std = _std(z)
            if not abs(std - 1.0) <= tolerance:
                raise weight_beyond(number, weight.dtype)
            return weight, z, std, count
        if count == most:
            raise not_converged(number, std, count, 0.0 if layer.bias is None else _std(layer.bias))
        weight /= weight.dtype.type(std)
        count += 1


def _std(values: np.ndarray) -> float:
    exponent = exponent_beyond(values)
    wide = moved(values, -exponent).astype(np.float64).ravel()
    wide -= _sum(wide) / wide.size
    return moved_back(math.sqrt(_sum(wide * wide) / wide.size), exponent)


def _sum(values: np.ndarray) -> float:
    """The sum of a vector in an order that no version of NumPy changes: its halves are added, then theirs."""
    while values.size > 1:
        half, odd = divmod(values.size, 2)
        shorter = values[:half] + values[half : 2 * half]
        if odd:
            shorter[0] += values[-1]
        values = shorter
    return float(values[0])
