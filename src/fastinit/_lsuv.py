"""Layer-sequential unit-variance initialization."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np

from ._network import Layer, layers_of
from ._terminal import Progress
from ._validation import check_batch, check_positive, check_positive_int, no_signal
from .dense import activate, dense
from .keys import Key


class LSUV(NamedTuple):
    """What `lsuv` returns: the layers, and for each how often it was scaled and the std it ended at.

    Attributes
    ----------
    layers : list of (weight, bias, activation)
        As `MLP`, `dense` and `propagate` take them.
    iterations : list of int
        How often each weight was scaled.
    stds : list of float
        The standard deviation of each pre-activation on the batch, after the last of these.
    """

    layers: list[tuple[np.ndarray, np.ndarray | None, Any]]
    iterations: list[int]
    stds: list[float]


def lsuv(
    layers: Any,
    x: Any,
    *,
    activation: str | tuple[str, float] | None = "relu",
    tolerance: float = 0.02,
    max_iterations: int = 10,
    seed: Any = 0,
    threads: Any = None,
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
    activation : str, (str, float) or None
        As in `dense`, after every new layer.
    tolerance : float
        Of the standard deviation, > 0. The paper's is 0.1.
    max_iterations : int
        The most that one weight is scaled.
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
        pre-activation does not vary at all, so that no scale gives it variance one.

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
    """
    allowed, most = check_positive("tolerance", tolerance), check_positive_int("max_iterations", max_iterations)
    wanted = np.dtype(np.float64 if getattr(x, "dtype", None) == np.float64 else np.float32)
    start = layers_of(layers, "orthogonal", activation, Key(seed), wanted)
    signal = check_batch(x, start[0].weight.shape[0], start[0].weight.dtype)
    result = LSUV([], [], [])
    with Progress(sys.stderr, after=2.0) as progress, np.errstate(all="ignore"):
        for number, layer in enumerate(start, 1):
            progress.bar(number, len(start), "layers")
            weight, z, std, count = _scale(layer, signal, number, allowed, most, threads)
            result.layers.append((weight, layer.bias, layer.forward_name))
            result.iterations.append(count)
            result.stds.append(std)
            signal = activate(z, layer.forward_name, threads=threads)
    return result


def _scale(
    layer: Layer, x: np.ndarray, number: int, tolerance: float, most: int, threads: Any
) -> tuple[np.ndarray, np.ndarray, float, int]:
    """The scaled weight, its pre-activation and the std of that, and how often it was scaled."""
    weight, count = layer.weight.copy(), 0
    while True:
        z = dense(x, weight, layer.bias, threads=threads)
        std = float(z.std(dtype=np.float64))
        if not 0.0 < std < np.inf:
            raise no_signal(number, std)
        if abs(std - 1.0) <= tolerance or count == most:
            return weight, z, std, count
        weight /= weight.dtype.type(std)
        count += 1
