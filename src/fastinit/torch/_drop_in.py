"""The functions of torch.nn.init: its names, arguments, distributions and layouts, drawn by fastinit."""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.init import calculate_gain

import fastinit

from ..rules import out_in
from ._dtensor import check_placements, is_distributed
from ._fill import fill
from ._traced import traced

_AXES = {"in_axis": 1, "out_axis": 0}


@traced
def uniform_(
    tensor: Tensor,
    a: float = 0.0,
    b: float = 1.0,
    generator: Generator | None = None,
    *,
    seed: Any = None,
    threads: int | None = None,
) -> Tensor:
    """Draw from the uniform distribution on [a, b), as ``torch.nn.init.uniform_`` does.

    Parameters
    ----------
    tensor : torch.Tensor
    a, b : float
        Finite, a <= b.
    generator, seed, threads
        See `fastinit.torch`.

    Returns
    -------
    torch.Tensor
        `tensor`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or the tensor's dtype cannot hold an end.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.uniform_(torch.empty(3, 5), -1.0, 1.0, seed=0)
    >>> bool((w >= -1).all() and (w < 1).all())
    True
    """
    low, high = _real("a", a), _real("b", b)
    if not -math.inf < low <= high < math.inf:
        raise ValueError(f"`a` and `b` must be finite, `a` <= `b`. Received: a={a}, b={b}")
    arguments = {"low": low, "high": high}
    return fill(tensor, fastinit.uniform, arguments, seed, generator, threads)


@traced
def normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    generator: Generator | None = None,
    *,
    seed: Any = None,
    threads: int | None = None,
) -> Tensor:
    """Draw from the normal distribution, as ``torch.nn.init.normal_`` does.

    Parameters
    ----------
    tensor : torch.Tensor
    mean, std : float
        Finite, std >= 0.
    generator, seed, threads
        See `fastinit.torch`.

    Returns
    -------
    torch.Tensor
        `tensor`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or the tensor's dtype overflows.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.normal_(torch.empty(1000, 1000), std=0.02, seed=0)
    >>> abs(float(w.std()) - 0.02) < 1e-4
    True
    """
    arguments = {"mean": _real("mean", mean), "std": _real("std", std)}
    return fill(tensor, fastinit.normal, arguments, seed, generator, threads)


@traced
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
    *,
    seed: Any = None,
    threads: int | None = None,
) -> Tensor:
    """Draw from a normal distribution cut off at a and b, as ``torch.nn.init.trunc_normal_`` does.

    The bounds are absolute, as in torch; those of `truncated_normal_` are in units of std. Every element is the
    inverse of the truncated CDF at its own random word: no redrawing, and no bound is too far out.

    Parameters
    ----------
    tensor : torch.Tensor
    mean, std : float
        Of the normal before it is cut off; finite, std > 0.
    a, b : float
        a <= b; either may be infinite. No value lies outside.
    generator, seed, threads
        See `fastinit.torch`.

    Returns
    -------
    torch.Tensor
        `tensor`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or the tensor's dtype overflows.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.trunc_normal_(torch.empty(1000, 1000), std=0.02, a=-0.03, b=0.03, seed=0)
    >>> bool(w.abs().max() <= 0.03)
    True
    """
    centre, width = _real("mean", mean), _real("std", std)
    first, last = _real("a", a), _real("b", b)
    if not 0.0 < width < math.inf:
        raise ValueError(f"`std` must be finite and > 0. Received: std={std}")
    if not math.isfinite(centre):
        raise ValueError(f"`mean` must be finite. Received: mean={mean}")
    if not first <= last or first == math.inf or last == -math.inf:
        raise ValueError(f"`a` must be <= `b`, and neither NaN. Received: a={a}, b={b}")
    lower, upper = (first - centre) / width, (last - centre) / width
    # The way back may round beyond the bound by one place of a float64.
    while centre + width * lower < first:
        lower = math.nextafter(lower, math.inf)
    while centre + width * upper > last:
        upper = math.nextafter(upper, -math.inf)
    arguments = {"mean": centre, "std": width, "lower": min(lower, upper), "upper": upper}
    return fill(tensor, fastinit.truncated_normal, arguments, seed, generator, threads)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with a number, as ``torch.nn.init.constant_`` does; a tensor of any dtype on any device.

    Parameters
    ----------
    tensor : torch.Tensor
    val : float

    Returns
    -------
    torch.Tensor
        `tensor`.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> init.constant_(torch.empty(2), 0.3)
    tensor([0.3000, 0.3000])
    """
    if is_distributed(tensor):
        check_placements(tensor)
    with torch.no_grad():
        return tensor.fill_(val)  # at the speed of memory already


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones, as ``torch.nn.init.ones_`` does; a tensor of any dtype on any device.

    Parameters
    ----------
    tensor : torch.Tensor

    Returns
    -------
    torch.Tensor
        `tensor`.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> init.ones_(torch.empty(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros, as ``torch.nn.init.zeros_`` does; a tensor of any dtype on any device.

    Parameters
    ----------
    tensor : torch.Tensor

    Returns
    -------
    torch.Tensor
        `tensor`.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> init.zeros_(torch.empty(2))
    tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


@traced
def eye_(tensor: Tensor) -> Tensor:
    """Fill with the identity matrix, as ``torch.nn.init.eye_`` does.

    Parameters
    ----------
    tensor : torch.Tensor
        Of two axes, square or not.

    Returns
    -------
    torch.Tensor
        `tensor`.

    Raises
    ------
    TypeError, ValueError
        If the tensor has not two axes.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> init.eye_(torch.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    _check_axes(tensor, 2, 2, "two axes")
    return fill(tensor, fastinit.identity, {}, seed=0)


@traced
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that it passes its input channels through, as ``torch.nn.init.dirac_`` does.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in / groups, *spatial*) with one to three spatial axes.
    groups : int
        Of the convolution; it divides the number of outputs.

    Returns
    -------
    torch.Tensor
        `tensor`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> init.dirac_(torch.empty(2, 2, 3))[:, :, 1]
    tensor([[1., 0.],
            [0., 1.]])
    """
    _check_axes(tensor, 3, 5, "three to five axes, (out, in / groups, *spatial)")
    initializer, arguments = out_in(fastinit.dirac, {"groups": groups})
    return fill(tensor, initializer, arguments, seed=0)


@traced
def xavier_uniform_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: Generator | None = None,
    *,
    seed: Any = None,
    threads: int | None = None,
) -> Tensor:
    """Draw uniformly in ±gain sqrt(6 / (fan_in + fan_out)), as ``torch.nn.init.xavier_uniform_`` does.

    The values are those of ``fastinit.variance_scaling(shape, gain**2, "fan_avg", "uniform", in_axis=1, out_axis=0)``.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*).
    gain : float
        Finite, >= 0.
    generator, seed, threads
        See `fastinit.torch`.

    Returns
    -------
    torch.Tensor
        `tensor`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.xavier_uniform_(torch.empty(128, 784), gain=init.calculate_gain("relu"), seed=0)
    >>> bool(w.abs().max() <= 2**0.5 * (6 / (128 + 784)) ** 0.5)
    True
    """
    return _xavier(tensor, gain, "uniform", generator, seed, threads)


@traced
def xavier_normal_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: Generator | None = None,
    *,
    seed: Any = None,
    threads: int | None = None,
) -> Tensor:
    """Draw from a normal of std gain sqrt(2 / (fan_in + fan_out)), as ``torch.nn.init.xavier_normal_`` does.

    Not truncated, unlike `glorot_normal_`. The values are those of ``fastinit.variance_scaling(shape, gain**2,
    "fan_avg", "untruncated_normal", in_axis=1, out_axis=0)``.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*).
    gain : float
        Finite, >= 0.
    generator, seed, threads
        See `fastinit.torch`.

    Returns
    -------
    torch.Tensor
        `tensor`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.xavier_normal_(torch.empty(128, 784), seed=0)
    >>> abs(float(w.std()) / (2 / (128 + 784)) ** 0.5 - 1) < 0.01
    True
    """
    return _xavier(tensor, gain, "untruncated_normal", generator, seed, threads)


@traced
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
    *,
    seed: Any = None,
    threads: int | None = None,
) -> Tensor:
    """Draw uniformly in ±gain sqrt(3 / fan), as ``torch.nn.init.kaiming_uniform_`` does.

    The values are those of ``fastinit.variance_scaling(shape, gain**2, mode, "uniform", in_axis=1, out_axis=0)``.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*).
    a : float
        The slope of a leaky ReLU below zero.
    mode : {"fan_in", "fan_out"}
    nonlinearity : str
        As for `calculate_gain`.
    generator, seed, threads
        See `fastinit.torch`.

    Returns
    -------
    torch.Tensor
        `tensor`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.kaiming_uniform_(torch.empty(128, 784), a=5**0.5, seed=0)  # torch.nn.Linear's default
    >>> bool(w.abs().max() <= 784**-0.5)
    True
    """
    return _kaiming(tensor, a, mode, nonlinearity, "uniform", generator, seed, threads)


@traced
def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
    *,
    seed: Any = None,
    threads: int | None = None,
) -> Tensor:
    """Draw from a normal of std gain / sqrt(fan), as ``torch.nn.init.kaiming_normal_`` does.

    Not truncated, unlike `he_normal_`. The values are those of ``fastinit.variance_scaling(shape, gain**2, mode,
    "untruncated_normal", in_axis=1, out_axis=0)``.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*).
    a : float
        The slope of a leaky ReLU below zero.
    mode : {"fan_in", "fan_out"}
    nonlinearity : str
        As for `calculate_gain`.
    generator, seed, threads
        See `fastinit.torch`.

    Returns
    -------
    torch.Tensor
        `tensor`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.kaiming_normal_(torch.empty(128, 784), mode="fan_out", nonlinearity="relu", seed=0)
    >>> abs(float(w.std()) / (2 / 128) ** 0.5 - 1) < 0.01
    True
    """
    return _kaiming(tensor, a, mode, nonlinearity, "untruncated_normal", generator, seed, threads)


@traced
def orthogonal_(
    tensor: Tensor,
    gain: float = 1,
    generator: Generator | None = None,
    *,
    seed: Any = None,
    threads: int | None = None,
) -> Tensor:
    """Draw an orthogonal matrix, uniformly, as ``torch.nn.init.orthogonal_`` does.

    The values are those of ``fastinit.orthogonal(shape, gain, column_axis=0)``.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, ...): at least two axes, all but the first of which count as one. complex64 and complex128, too:
        a unitary matrix.
    gain : float
        Finite.
    generator, seed, threads
        See `fastinit.torch`.

    Returns
    -------
    torch.Tensor
        `tensor`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    References
    ----------
    Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", ICLR 2014.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.orthogonal_(torch.empty(64, 256), seed=0)
    >>> torch.allclose(w @ w.T, torch.eye(64), atol=1e-6)
    True
    """
    _check_axes(tensor, 2, 32, "at least two axes")
    arguments = {"gain": _real("gain", gain), "column_axis": 0}
    return fill(tensor, fastinit.orthogonal, arguments, seed, generator, threads, complex_too=True)


@traced
def sparse_(
    tensor: Tensor,
    sparsity: float,
    std: float = 0.01,
    generator: Generator | None = None,
    *,
    seed: Any = None,
    threads: int | None = None,
) -> Tensor:
    """Draw a normal matrix with a number of zeros in every column, as ``torch.nn.init.sparse_`` does.

    A column of torch's (out, in) holds the weights of one *input*. The values are those of
    ``fastinit.sparse(shape, sparsity, std)``, whose shape is (in, out): for zeros among the inputs of every unit, as
    a rule "sparse" of `init_` gives, fill ``tensor.T``.

    Parameters
    ----------
    tensor : torch.Tensor
        Of two axes.
    sparsity : float
        Share of zeros in every column, in [0, 1].
    std : float
        Of the other entries; finite, >= 0.
    generator, seed, threads
        See `fastinit.torch`.

    Returns
    -------
    torch.Tensor
        `tensor`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    References
    ----------
    Martens, "Deep learning via Hessian-free optimization", ICML 2010.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.sparse_(torch.empty(10, 4), sparsity=0.75, seed=0)
    >>> (w == 0).sum(0)
    tensor([8, 8, 8, 8])
    """
    _check_axes(tensor, 2, 2, "two axes")
    arguments = {"sparsity": _real("sparsity", sparsity), "std": _real("std", std)}
    return fill(tensor, fastinit.sparse, arguments, seed, generator, threads)


def _xavier(tensor: Tensor, gain: Any, distribution: str, generator: Any, seed: Any, threads: Any) -> Tensor:
    _check_axes(tensor, 2, 32, "at least two axes, (out, in, *spatial)")
    factor = _real("gain", gain)
    if not 0.0 <= factor < math.inf:
        raise ValueError(f"`gain` must be finite and >= 0. Received: gain={gain}")
    if factor == 0.0:
        return fill(tensor, fastinit.zeros, {}, seed, generator, threads)
    arguments = {"scale": factor * factor, "mode": "fan_avg", "distribution": distribution, **_AXES}
    return fill(tensor, fastinit.variance_scaling, arguments, seed, generator, threads)


def _kaiming(
    tensor: Tensor, a: Any, mode: Any, nonlinearity: Any, distribution: str, generator: Any, seed: Any, threads: Any
) -> Tensor:
    shape = tensor.shape if isinstance(tensor, Tensor) else (1, 1)
    if 0 in shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=4)
        return tensor
    if len(shape) < 2:
        _check_axes(tensor, 2, 32, "at least two axes, (out, in, *spatial)")
    plain = type(a) in (int, float) and type(mode) is type(nonlinearity) is str
    arguments = (_kaiming_law if plain else _kaiming_law.__wrapped__)(a, mode, nonlinearity, distribution)
    return fill(tensor, fastinit.variance_scaling, arguments, seed, generator, threads)


@functools.lru_cache(maxsize=64)
def _kaiming_law(a: Any, mode: Any, nonlinearity: Any, distribution: str) -> dict[str, Any]:
    fan = mode.lower() if isinstance(mode, str) else mode
    if fan not in ("fan_in", "fan_out"):
        raise ValueError(f"`mode` must be one of fan_in, fan_out. Received: mode={mode!r}")
    return {"scale": _squared_gain(nonlinearity, a), "mode": fan, "distribution": distribution, **_AXES}


def _squared_gain(nonlinearity: Any, a: Any) -> float:
    """calculate_gain(nonlinearity, a) ** 2, without the rounding of a root and its square where that is exact."""
    gain = float(calculate_gain(nonlinearity, a))  # which refuses what it does not know
    if nonlinearity == "relu":
        return 2.0
    if nonlinearity == "leaky_relu":
        slope = 0.01 if a is None else float(a)
        return 2.0 / (1.0 + slope * slope)
    return gain * gain


def _check_axes(tensor: Any, least: int, most: int, what: str) -> None:
    if isinstance(tensor, Tensor) and not least <= tensor.ndim <= most:
        raise ValueError(f"`tensor` must have {what}. Received: shape {tuple(tensor.shape)}")


def _real(name: str, value: Any) -> float:
    if type(value) is float:
        return value
    try:
        if not isinstance(value, (bool, str, bytes)):
            return float(value)
    except (TypeError, ValueError, RuntimeError):
        pass
    raise TypeError(f"`{name}` must be a real number. Received: {name}={value!r}")
