"""Initializers scaled by fan: one engine, `variance_scaling`, and its specialisations."""

from __future__ import annotations

import math
from typing import Literal

from .. import _kernels
from .._arguments import Axes, DType, DTypeLike, Index, Out, Shape, Threads, check_choice, check_fits, check_target
from ..keys import Seed
from ._checks import check_scale
from ._engine import Drawn, alias, initializer, remembered
from ._fans import compute_fans
from ._random import normal_law

Mode = Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]
Distribution = Literal["truncated_normal", "untruncated_normal", "uniform"]

_NORMAL_HINT = 'Not "normal", which means truncated_normal in TensorFlow and untruncated_normal in JAX. '


@initializer
def variance_scaling(
    shape: Shape,
    scale: float = 1.0,
    mode: Mode = "fan_in",
    distribution: Distribution = "truncated_normal",
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Drawn:
    """Draw with variance ``scale / n``, where n is a fan of the tensor.

    The engine of all ``glorot_*``, ``he_*`` and ``lecun_*``. With sigma = sqrt(scale / max(1, n)):
    "truncated_normal" cuts a normal off at ±2 of its own std, which is sigma / 0.87962566103423978 so
    that the *result* has std sigma exactly, as in Keras, JAX and TensorFlow; "untruncated_normal" is a
    normal of std sigma, as in PyTorch; "uniform" lies in the closed [-L, L] with L = sqrt(3) sigma.

    Fans are those of the whole tensor, also when `index` asks for a block.

    Parameters
    ----------
    shape : int or sequence of int
        (*receptive field*, in, out) with the default axes; see `fastinit.fans`.
    scale : float
        Finite, > 0. He initialization for a leaky ReLU of slope a is ``scale=2 / (1 + a**2)``.
        PyTorch's default for Linear and convolutions is ``variance_scaling(shape, 1/3, "fan_in",
        "uniform")``, with ``in_axis=1, out_axis=0`` for its layout.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo_avg"}
        n is the fan named, or the arithmetic or geometric mean of both.
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
    in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`.
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    References
    ----------
    Keras's VarianceScaling and JAX's variance_scaling define the same distributions.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.variance_scaling((1000, 1000), 2.0, "fan_in", "untruncated_normal", seed=0)
    >>> abs(float(w.std()) - (2 / 1000) ** 0.5) < 1e-4
    True
    """
    axes = in_axis, out_axis, batch_axis
    return _scaled(shape, scale, mode, distribution, axes, dtype, out, index, threads)


def _scaled(
    shape: Shape,
    scale: float,
    mode: Mode,
    distribution: Distribution,
    axes: tuple[Axes, Axes, Axes],
    dtype: DTypeLike,
    out: Out,
    index: Index,
    threads: Threads,
) -> Drawn:
    target = check_target(shape, dtype, out, index, threads)
    factor = check_scale(scale)
    check_choice("mode", mode, _kernels.FANS)
    check_choice("distribution", distribution, _kernels.SCALED, _NORMAL_HINT if str(distribution) == "normal" else "")
    fan_in, fan_out = compute_fans(target.shape, *axes)
    # Of integers, so that the result is exact, or rounded to nearest, whatever the floating-point mode.
    if mode == "fan_in":
        fans = float(fan_in)
    elif mode == "fan_out":
        fans = float(fan_out)
    elif mode == "fan_avg":
        fans = float(fan_in + fan_out)
    else:
        fans = float(fan_in * fan_out)
    return Drawn(target, _scaled_law(target.dtype, factor, fans, mode, distribution))


@remembered
def _scaled_law(dtype: DType, scale: float, fans: float, mode: Mode, distribution: Distribution) -> _kernels.Law:
    spread = _kernels.scaled_spread(scale, fans, _kernels.FANS[mode], _kernels.SCALED[distribution])
    if distribution == "uniform":
        check_fits(spread, f"scale={scale}", dtype)
        return _kernels.Law.symmetric_uniform(dtype.code, spread)
    bound = 2.0 if distribution == "truncated_normal" else math.inf
    return normal_law(dtype, 0.0, spread, -bound, bound)


@initializer
def glorot_uniform(
    shape: Shape,
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Drawn:
    """Draw uniformly in [-L, L], L = sqrt(6 / (fan_in + fan_out)).

    ``variance_scaling(shape, 1.0, "fan_avg", "uniform")``. Alias: ``xavier_uniform``.

    Parameters
    ----------
    shape : int or sequence of int
        (*receptive field*, in, out) with the default axes; see `fastinit.fans`.
    in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`.
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010, eq. 16. Also known as Xavier initialization.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.glorot_uniform((784, 128), seed=0)
    >>> abs(float(w.std()) / (2 / (784 + 128)) ** 0.5 - 1) < 0.01
    True
    """
    axes = in_axis, out_axis, batch_axis
    return _scaled(shape, 1.0, "fan_avg", "uniform", axes, dtype, out, index, threads)


@initializer
def glorot_normal(
    shape: Shape,
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Drawn:
    """Draw from a truncated normal of std sqrt(2 / (fan_in + fan_out)).

    ``variance_scaling(shape, 1.0, "fan_avg", "truncated_normal")``. Alias: ``xavier_normal``.

    Truncated at ±2 std of the underlying normal as in Keras and JAX, unlike PyTorch's
    ``xavier_normal_``, which is ``variance_scaling(shape, 1.0, "fan_avg", "untruncated_normal")``.

    Parameters
    ----------
    shape : int or sequence of int
        (*receptive field*, in, out) with the default axes; see `fastinit.fans`.
    in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`.
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010, eq. 12. Also known as Xavier initialization.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.glorot_normal((784, 128), seed=0)
    >>> abs(float(w.std()) / (2 / (784 + 128)) ** 0.5 - 1) < 0.01
    True
    """
    axes = in_axis, out_axis, batch_axis
    return _scaled(shape, 1.0, "fan_avg", "truncated_normal", axes, dtype, out, index, threads)


@initializer
def he_uniform(
    shape: Shape,
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Drawn:
    """Draw uniformly in [-L, L], L = sqrt(6 / fan_in).

    ``variance_scaling(shape, 2.0, "fan_in", "uniform")``. Alias: ``kaiming_uniform``.

    Parameters
    ----------
    shape : int or sequence of int
        (*receptive field*, in, out) with the default axes; see `fastinit.fans`.
    in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`.
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, eq. 10. Also known as Kaiming
    initialization.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.he_uniform((784, 128), seed=0)
    >>> abs(float(w.std()) / (2 / 784) ** 0.5 - 1) < 0.01
    True
    """
    axes = in_axis, out_axis, batch_axis
    return _scaled(shape, 2.0, "fan_in", "uniform", axes, dtype, out, index, threads)


@initializer
def he_normal(
    shape: Shape,
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Drawn:
    """Draw from a truncated normal of std sqrt(2 / fan_in).

    ``variance_scaling(shape, 2.0, "fan_in", "truncated_normal")``. Alias: ``kaiming_normal``.

    Truncated at ±2 std of the underlying normal as in Keras and JAX, unlike PyTorch's
    ``kaiming_normal_``, which is ``variance_scaling(shape, 2.0, "fan_in", "untruncated_normal")``.

    Parameters
    ----------
    shape : int or sequence of int
        (*receptive field*, in, out) with the default axes; see `fastinit.fans`.
    in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`.
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, eq. 10. Also known as Kaiming
    initialization.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.he_normal((784, 128), seed=0)
    >>> abs(float(w.std()) / (2 / 784) ** 0.5 - 1) < 0.01
    True
    """
    axes = in_axis, out_axis, batch_axis
    return _scaled(shape, 2.0, "fan_in", "truncated_normal", axes, dtype, out, index, threads)


@initializer
def lecun_uniform(
    shape: Shape,
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Drawn:
    """Draw uniformly in [-L, L], L = sqrt(3 / fan_in).

    ``variance_scaling(shape, 1.0, "fan_in", "uniform")``.

    Parameters
    ----------
    shape : int or sequence of int
        (*receptive field*, in, out) with the default axes; see `fastinit.fans`.
    in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`.
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    References
    ----------
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, eq. 16.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.lecun_uniform((784, 128), seed=0)
    >>> abs(float(w.std()) / (1 / 784) ** 0.5 - 1) < 0.01
    True
    """
    axes = in_axis, out_axis, batch_axis
    return _scaled(shape, 1.0, "fan_in", "uniform", axes, dtype, out, index, threads)


@initializer
def lecun_normal(
    shape: Shape,
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DTypeLike = None,
    seed: Seed = None,
    out: Out = None,
    index: Index = None,
    threads: Threads = None,
) -> Drawn:
    """Draw from a truncated normal of std sqrt(1 / fan_in).

    ``variance_scaling(shape, 1.0, "fan_in", "truncated_normal")``.

    Parameters
    ----------
    shape : int or sequence of int
        (*receptive field*, in, out) with the default axes; see `fastinit.fans`.
    in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`.
    dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    References
    ----------
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, eq. 16. Klambauer et al.,
    "Self-normalizing neural networks", NeurIPS 2017, use it with SELU.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.lecun_normal((784, 128), seed=0)
    >>> abs(float(w.std()) / (1 / 784) ** 0.5 - 1) < 0.01
    True
    """
    axes = in_axis, out_axis, batch_axis
    return _scaled(shape, 1.0, "fan_in", "truncated_normal", axes, dtype, out, index, threads)


xavier_uniform = alias("xavier_uniform", glorot_uniform)
xavier_normal = alias("xavier_normal", glorot_normal)
kaiming_uniform = alias("kaiming_uniform", he_uniform)
kaiming_normal = alias("kaiming_normal", he_normal)
