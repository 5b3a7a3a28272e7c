"""fastinit's own initializers in place, for torch's layout, (out, in, *spatial*)."""

from __future__ import annotations

from typing import Any

from torch import Generator, Tensor

import fastinit

from ..rules import out_in
from ._fill import fill
from ._traced import traced


@traced
def truncated_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 0.05,
    lower: float = -2.0,
    upper: float = 2.0,
    *,
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Draw from a normal distribution cut off at ``mean + std * [lower, upper]``: `fastinit.truncated_normal`.

    Parameters
    ----------
    tensor : torch.Tensor
    mean, std : float
        Finite, std >= 0.
    lower, upper : float
        In units of std; those of `trunc_normal_` are absolute.
    seed, generator, threads
        See `fastinit.torch`.

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
    >>> w = init.truncated_normal_(torch.empty(100, 100), std=0.02, seed=0)
    >>> bool(w.abs().max() <= 0.04)
    True
    """
    arguments = {"mean": mean, "std": std, "lower": lower, "upper": upper}
    return fill(tensor, fastinit.truncated_normal, arguments, seed, generator, threads)


@traced
def variance_scaling_(
    tensor: Tensor,
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "truncated_normal",
    *,
    in_axis: Any = 1,
    out_axis: Any = 0,
    batch_axis: Any = (),
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Draw with variance ``scale / n``, where n is a fan of the tensor: `fastinit.variance_scaling`.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*) with the default axes.
    scale : float
        Finite, > 0.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo_avg"}
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
    in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`. A transposed convolution stores
        (in, out, *spatial*): 0 and 1.
    seed, generator, threads
        See `fastinit.torch`.

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
    >>> w = init.variance_scaling_(torch.empty(256, 784), 2.0, "fan_out", seed=0)
    >>> abs(float(w.std()) / (2 / 256) ** 0.5 - 1) < 0.01
    True
    """
    law = {"scale": scale, "mode": mode, "distribution": distribution}
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    return fill(tensor, fastinit.variance_scaling, {**law, **axes}, seed, generator, threads)


@traced
def glorot_uniform_(
    tensor: Tensor,
    *,
    in_axis: Any = 1,
    out_axis: Any = 0,
    batch_axis: Any = (),
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Draw uniformly in ±sqrt(6 / (fan_in + fan_out)): `fastinit.glorot_uniform`.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*) with the default axes.
    in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`.
    seed, generator, threads
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
    >>> w = init.glorot_uniform_(torch.empty(256, 784), seed=0)
    >>> abs(float(w.std()) / (2 / (256 + 784)) ** 0.5 - 1) < 0.01
    True
    """
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    return fill(tensor, fastinit.glorot_uniform, axes, seed, generator, threads)


@traced
def glorot_normal_(
    tensor: Tensor,
    *,
    in_axis: Any = 1,
    out_axis: Any = 0,
    batch_axis: Any = (),
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Draw from a truncated normal of std sqrt(2 / (fan_in + fan_out)): `fastinit.glorot_normal`.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*) with the default axes.
    in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`.
    seed, generator, threads
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
    >>> w = init.glorot_normal_(torch.empty(256, 784), seed=0)
    >>> abs(float(w.std()) / (2 / (256 + 784)) ** 0.5 - 1) < 0.01
    True
    """
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    return fill(tensor, fastinit.glorot_normal, axes, seed, generator, threads)


@traced
def he_uniform_(
    tensor: Tensor,
    *,
    in_axis: Any = 1,
    out_axis: Any = 0,
    batch_axis: Any = (),
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Draw uniformly in ±sqrt(6 / fan_in): `fastinit.he_uniform`.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*) with the default axes.
    in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`.
    seed, generator, threads
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
    >>> w = init.he_uniform_(torch.empty(256, 784), seed=0)
    >>> abs(float(w.std()) / (2 / 784) ** 0.5 - 1) < 0.01
    True
    """
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    return fill(tensor, fastinit.he_uniform, axes, seed, generator, threads)


@traced
def he_normal_(
    tensor: Tensor,
    *,
    in_axis: Any = 1,
    out_axis: Any = 0,
    batch_axis: Any = (),
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Draw from a truncated normal of std sqrt(2 / fan_in): `fastinit.he_normal`.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*) with the default axes.
    in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`.
    seed, generator, threads
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
    >>> w = init.he_normal_(torch.empty(256, 784), seed=0)
    >>> abs(float(w.std()) / (2 / 784) ** 0.5 - 1) < 0.01
    True
    """
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    return fill(tensor, fastinit.he_normal, axes, seed, generator, threads)


@traced
def lecun_uniform_(
    tensor: Tensor,
    *,
    in_axis: Any = 1,
    out_axis: Any = 0,
    batch_axis: Any = (),
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Draw uniformly in ±sqrt(3 / fan_in): `fastinit.lecun_uniform`.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*) with the default axes.
    in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`.
    seed, generator, threads
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
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, eq. 16.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.lecun_uniform_(torch.empty(256, 784), seed=0)
    >>> abs(float(w.std()) / (1 / 784) ** 0.5 - 1) < 0.01
    True
    """
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    return fill(tensor, fastinit.lecun_uniform, axes, seed, generator, threads)


@traced
def lecun_normal_(
    tensor: Tensor,
    *,
    in_axis: Any = 1,
    out_axis: Any = 0,
    batch_axis: Any = (),
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Draw from a truncated normal of std sqrt(1 / fan_in): `fastinit.lecun_normal`.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*) with the default axes.
    in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`.
    seed, generator, threads
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
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, eq. 16.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.lecun_normal_(torch.empty(256, 784), seed=0)
    >>> abs(float(w.std()) / (1 / 784) ** 0.5 - 1) < 0.01
    True
    """
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    return fill(tensor, fastinit.lecun_normal, axes, seed, generator, threads)


@traced
def delta_orthogonal_(
    tensor: Tensor,
    gain: float = 1.0,
    *,
    precise: bool = False,
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Fill a convolution's weight so that it keeps the norm of its input: `fastinit.delta_orthogonal`.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*) with one to three spatial axes, in <= out; complex64 and complex128, too.
    gain : float
        Finite.
    precise : bool
        Compute in float64 and round last.
    seed, generator, threads
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
    Xiao et al., "Dynamical isometry and a mean field theory of CNNs", ICML 2018.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.delta_orthogonal_(torch.empty(16, 8, 3, 3), seed=0)
    >>> torch.allclose(w[:, :, 1, 1].T @ w[:, :, 1, 1], torch.eye(8), atol=1e-6), int(w.any(1).any(0).sum())
    (True, 1)
    """
    initializer, arguments = out_in(fastinit.delta_orthogonal, {"gain": gain, "precise": precise})
    return fill(tensor, initializer, arguments, seed, generator, threads, complex_too=True)
