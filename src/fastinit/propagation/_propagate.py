"""A signal through a network and its gradient back.

`gain` is theory: the factor an activation asks for. `propagate` measures: it sends a batch through a
network and a gradient back, and says of each layer whether the signal survives it. `lsuv` acts on such a
measurement: it scales each layer until its signal has variance one.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import Threads, check_flag, check_positive_int
from .._arithmetic import own_arithmetic
from .._terminal import Progress
from ..forward import Activation, Layer, activate, dense
from ..forward._activation import described
from ..initializers import normal
from ..keys import Key, Seed
from ._checks import check_batch, no_spread
from ._layers import Default, Network, default, layers_of
from ._range import exponent_beyond, moved, moved_back
from ._report import LayerReport, Report, judge
from ._traits import pull_back, saturated_share, slope


def propagate(
    network: Network,
    x: ArrayLike | None = None,
    *,
    initializer: str | Callable[..., NDArray[Any]] = Default("he_normal"),  # noqa: B008
    activation: Activation = default("relu"),  # noqa: B008
    seed: Seed = 0,
    batch: int = 256,
    condition: bool = False,
    threads: Threads = None,
) -> Report:
    """Send a batch through a network and a gradient back, and report on every layer.

    ``print(report)`` is a table with a verdict for each layer (symmetric, exploding, saturated, vanishing
    or healthy, and the thresholds of these), ``report.plot("signal.png")`` a figure,
    ``report.to_dict()`` its columns.

    Parameters
    ----------
    network : MLP, list of (weight, bias, activation), or list of int
        Weights are float32 or float64 (in, out), biases (out,) or None, activations those of `dense`.
        Or widths such as ``[784, 512, 512, 10]``, of layers without biases to which `initializer` and
        `activation` apply; the weight of layer i = 1, 2, ... has the key ``Key(seed).child("layer", i)``.
    x : array_like, optional
        (batch, inputs), finite, of rows that differ or of one that is not zero. By default a standard
        normal batch of the key ``Key(seed).child("x")``. It is converted to the dtype of the
        weights; new weights are float64 if `x` is, else float32.
    initializer : str or callable
        A name that `fastinit.get` knows, or a function that takes ``shape, dtype=, seed=``. For widths
        only, as `activation` is: layers that are given have their own.
    activation : str, (str, float), (str, {str: float}) or None
        As in `dense`, after every new layer. Where it halves the columns (glu, swiglu, geglu), weights have twice as
        many, and the widths are those of the signal.
    seed : int, Key, or another `seed` of fastinit
    batch : int
        The rows of the default batch.
    condition : bool
        Compute the condition number of every weight too: by SVD, which takes longer than all else.
    threads : int
        The most threads of the forward pass.

    Returns
    -------
    Report
        Its `layers` are described at `fastinit.propagation.LayerReport`.

    Raises
    ------
    TypeError, ValueError
        If the layers do not fit each other or the batch, or an argument is not as described.

    Notes
    -----
    The weights and the forward pass have the same bits on every machine. The statistics and the way back
    are NumPy's sums and products, and reproducible with one version of it on one machine.

    The loss is the sum of the outputs times standard normal numbers (of the key
    ``Key(seed).child("gradient")``), so that the gradient at the output is white. A layer is called
    symmetric (more than half of its units have another's weights and bias, all finite) before anything
    else, because no scale mends it; then exploding if something is not finite, saturated if more than half
    of its outputs lie within 1 % of the activation's range of an asymptote, exploding or vanishing if its
    spread relative to the input's, or the norm of its gradient relative to that at the output, is
    above 100 or below 0.01. The spread and not the RMS, which stays large where all rows have become the
    same; the norm of the gradient, because in a healthy network its RMS changes where the width does.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010, look at the same statistics. Schoenholz et al., "Deep information propagation",
    ICLR 2017, explain them.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.propagate([784] + [256] * 20 + [10]).verdict
    'healthy'
    >>> fastinit.propagate([784] + [256] * 20 + [10], initializer="glorot_normal").verdict
    'vanishing'
    >>> large = lambda shape, **kwargs: fastinit.normal(shape, std=1.0, **kwargs)
    >>> fastinit.propagate([784, 256, 256, 10], initializer=large, activation="tanh").verdict
    'saturated'
    """
    conditioned = check_flag("condition", condition)
    key = Key(seed)
    rows = check_positive_int("batch", batch)
    wanted = np.dtype(np.float64 if getattr(x, "dtype", None) == np.float64 else np.float32)
    layers = layers_of("network", network, initializer, activation, key, wanted)
    inputs, dtype = layers[0].weight.shape[0], layers[0].weight.dtype
    x = normal((rows, inputs), 0.0, 1.0, dtype=dtype, seed=key.child("x")) if x is None else x
    signal = check_batch(x, inputs, dtype)
    with own_arithmetic():
        input_spread = 0.0 if len(signal) > 1 and (signal == signal[0]).all() else _spread(signal)
    if not input_spread > 0.0:
        raise no_spread(input_spread)

    steps = len(layers) * (3 if conditioned else 2)
    forward: list[dict[str, Any]] = []
    slopes: list[tuple[np.ndarray, np.ndarray | None]] = []
    # Overflow is a finding here, not an accident.
    with Progress(sys.stderr, after=2.0) as progress, own_arithmetic():
        for number, layer in enumerate(layers, 1):
            progress.bar(number, steps, "forward")
            z = dense(signal, layer.weight, layer.bias, threads=threads)
            signal = activate(z, layer.activation, threads=threads)
            slopes.append(_slopes(layer, z, signal))
            forward.append(_statistics(layer, signal, slopes[-1][1]))

        gradient = normal(signal.shape, 0.0, 1.0, dtype=dtype, seed=key.child("gradient"))
        norm = _rms(gradient) * math.sqrt(gradient.size)
        backward: list[float] = []
        for number, (layer, (y, own)) in enumerate(zip(layers[::-1], slopes[::-1], strict=True), 1):
            progress.bar(len(layers) + number, steps, "backward")
            gradient = pull_back(described(layer.activation)[0], y, own, gradient)
            backward.append(_rms(gradient))
            gradient = gradient @ layer.weight.T

        reports = []
        for number, (layer, seen, gradient_rms) in enumerate(zip(layers, forward, backward[::-1], strict=True), 1):
            if conditioned:
                progress.bar(2 * len(layers) + number, steps, "condition numbers")
            inputs, outputs = layer.weight.shape
            gradient_norm = gradient_rms * math.sqrt(len(signal) * outputs) / norm
            relative = float(np.float64(seen["spread"]) / input_spread)
            reports.append(
                LayerReport(
                    layer=number,
                    inputs=inputs,
                    outputs=outputs,
                    activation=described(layer.activation)[0],
                    gradient_rms=gradient_rms,
                    gradient_norm=gradient_norm,
                    condition=_condition(layer.weight) if conditioned else None,
                    verdict=judge(relative, gradient_norm, seen["saturated"], seen["symmetric"]),
                    **seen,
                )
            )
    return Report(tuple(reports), input_spread)


def _slopes(layer: Layer, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """What the way back needs of a layer: its slopes, and its outputs if these alone do not do."""
    slopes = slope(*described(layer.activation), z, y)
    return (y if slopes is None else y[:0]), slopes


def _statistics(layer: Layer, y: np.ndarray, slopes: np.ndarray | None) -> dict[str, Any]:
    return {
        "mean": _of_moved(y, lambda values: float(values.mean(dtype=np.float64))),
        "std": _of_moved(y, lambda values: float(values.std(dtype=np.float64))),
        "rms": _rms(y),
        "spread": _spread(y),
        "dead": 0.0 if slopes is None else float((slopes == 0).all(axis=0).mean()),
        "saturated": saturated_share(*described(layer.activation), y),
        "symmetric": _symmetric_share(layer),
    }


def _rms(values: np.ndarray) -> float:
    return _of_moved(values, lambda near: math.sqrt(float(np.square(near, dtype=np.float64).mean())))


def _spread(values: np.ndarray) -> float:
    """The std over the batch, RMS over the units; of a single row, which has none, its RMS."""
    if len(values) == 1:
        return _rms(values)
    return _of_moved(values, lambda near: math.sqrt(float(near.var(axis=0, dtype=np.float64).mean())))


def _of_moved(values: np.ndarray, statistic: Callable[[np.ndarray], float]) -> float:
    """A statistic that grows as the values do, also where their squares do not fit float64."""
    exponent = exponent_beyond(values)
    return moved_back(statistic(moved(values, -exponent)), exponent)


def _symmetric_share(layer: Layer) -> float:
    """The share of units that have the weights and the bias of another one, all of them finite."""
    units: NDArray[Any] = layer.weight.T if layer.bias is None else np.column_stack([layer.weight.T, layer.bias])
    rows = np.ascontiguousarray(units[np.isfinite(units).all(axis=1)] + 0.0)  # which makes every zero positive
    _, counts = np.unique(rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize))), return_counts=True)
    return float(counts[counts > 1].sum() / len(units))


def _condition(weight: np.ndarray) -> float:
    if not np.isfinite(weight).all():
        return math.inf
    singular = np.linalg.svd(weight.astype(np.float64), compute_uv=False)
    return float(singular[0] / singular[-1]) if singular[-1] > 0 else math.inf
