"""The schemes of fastinit.schemes that draw, in place, for torch's layout, (out, in, *spatial*)."""

from __future__ import annotations

from typing import Any

from torch import Generator, Tensor

from fastinit import schemes

from ..rules import out_in
from ._fill import fill
from ._traced import traced


@traced
def gpt2_residual_(
    tensor: Tensor,
    layers: int,
    std: float = 0.02,
    *,
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Draw a projection that ends on GPT-2's residual stream, N(0, std² / (2 layers)).

    Parameters
    ----------
    tensor : torch.Tensor
    layers : int
        Blocks of the model.
    std : float
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
    Radford et al., "Language models are unsupervised multitask learners", 2019, section 2.3.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.gpt2_residual_(torch.empty(768, 768), layers=12, seed=0)
    >>> abs(float(w.std()) / (0.02 / 24**0.5) - 1) < 0.01
    True
    """
    arguments = {"layers": layers, "std": std}
    return fill(tensor, schemes.gpt2_residual, arguments, seed, generator, threads)


@traced
def small_init_(
    tensor: Tensor,
    dim: int,
    *,
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Draw N(0, 2 / (5 dim)), for the embeddings and weights of a transformer of width `dim`.

    Parameters
    ----------
    tensor : torch.Tensor
    dim : int
        Width of the residual stream.
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
    Nguyen and Salazar, "Transformers without tears", IWSLT 2019, section 2.2.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.small_init_(torch.empty(2048, 512), dim=512, seed=0)
    >>> abs(float(w.std()) / (2 / (5 * 512)) ** 0.5 - 1) < 0.01
    True
    """
    arguments = {"dim": dim}
    return fill(tensor, schemes.small_init, arguments, seed, generator, threads)


@traced
def wang_init_(
    tensor: Tensor,
    dim: int,
    layers: int,
    *,
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Draw N(0, (2 / (layers sqrt(dim)))²), for the output projections of a transformer's blocks.

    Parameters
    ----------
    tensor : torch.Tensor
    dim : int
        Width of the residual stream.
    layers : int
        Blocks of the model.
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
    Black et al., "GPT-NeoX-20B", 2022, section 3.4.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.wang_init_(torch.empty(512, 2048), dim=512, layers=12, seed=0)
    >>> abs(float(w.std()) / (2 / (12 * 512**0.5)) - 1) < 0.01
    True
    """
    arguments = {"dim": dim, "layers": layers}
    return fill(tensor, schemes.wang_init, arguments, seed, generator, threads)


@traced
def t5_(
    tensor: Tensor,
    head_dim: int = 1,
    factor: float = 1.0,
    *,
    in_axis: Any = 1,
    out_axis: Any = 0,
    batch_axis: Any = (),
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Draw a weight of T5, N(0, factor² / (fan_in head_dim)).

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*) with the default axes.
    head_dim : int
        d_kv for the queries, else 1.
    factor : float
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
    Raffel et al., "Exploring the limits of transfer learning with a unified text-to-text transformer", JMLR 2020.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.t5_(torch.empty(512, 512), head_dim=64, seed=0)
    >>> abs(float(w.std()) / (512 * 64) ** -0.5 - 1) < 0.01
    True
    """
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    arguments = {"head_dim": head_dim, "factor": factor, **axes}
    return fill(tensor, schemes.t5, arguments, seed, generator, threads)


@traced
def fixup_(
    tensor: Tensor,
    branches: int,
    depth: int = 2,
    *,
    in_axis: Any = 1,
    out_axis: Any = 0,
    batch_axis: Any = (),
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Draw a weight inside a residual branch of a network without normalization.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*) with the default axes.
    branches : int
        The residual branches of the network.
    depth : int
        >= 2, the weights of one branch.
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
    Zhang, Dauphin and Ma, "Fixup initialization: residual learning without normalization", ICLR 2019.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.fixup_(torch.empty(64, 64, 3, 3), branches=16, seed=0)
    >>> abs(float(w.std()) / ((2 / 576) ** 0.5 / 4) - 1) < 0.01
    True
    """
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    arguments = {"branches": branches, "depth": depth, **axes}
    return fill(tensor, schemes.fixup, arguments, seed, generator, threads)


@traced
def zero_hadamard_(
    tensor: Tensor,
    *,
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Fill with the weight of the ZerO initialization, identity or Hadamard, without randomness.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*); the spatial axes repeat the same matrix.
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
    Zhao, Schäfer and Anandkumar, "ZerO initialization", TMLR 2022, algorithm 1.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> init.zero_hadamard_(torch.empty(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    initializer, arguments = out_in(schemes.zero_hadamard, {})
    return fill(tensor, initializer, arguments, seed=0)


@traced
def siren_(
    tensor: Tensor,
    first: bool = False,
    omega: float = 30.0,
    *,
    in_axis: Any = 1,
    out_axis: Any = 0,
    batch_axis: Any = (),
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Draw a weight of a sinusoidal network, ``sin(omega (x W + b))``.

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*) with the default axes.
    first : bool
        Whether the layer is the first.
    omega : float
        Finite, > 0.
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
    Sitzmann et al., "Implicit neural representations with periodic activation functions", NeurIPS 2020.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.siren_(torch.empty(256, 256), seed=0)
    >>> bool(w.abs().max() <= (6 / 256) ** 0.5 / 30)
    True
    """
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    arguments = {"first": first, "omega": omega, **axes}
    return fill(tensor, schemes.siren, arguments, seed, generator, threads)


@traced
def mup_(
    tensor: Tensor,
    base_shape: Any,
    std: float = 0.02,
    *,
    in_axis: Any = 1,
    out_axis: Any = 0,
    batch_axis: Any = (),
    seed: Any = None,
    generator: Generator | None = None,
    threads: int | None = None,
) -> Tensor:
    """Draw a weight of a model that shares its hyperparameters with a narrower one (muP).

    Parameters
    ----------
    tensor : torch.Tensor
        (out, in, *spatial*) with the default axes.
    base_shape : sequence of int
        Of the weight in the model that was tuned.
    std : float
        Of the weight in the model that was tuned.
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
    Yang et al., "Tensor programs V", NeurIPS 2021, table 3.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> w = init.mup_(torch.empty(1024, 1024), (64, 64), std=0.05, seed=0)
    >>> abs(float(w.std()) / (0.05 / 4) - 1) < 0.01
    True
    """
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    arguments = {"base_shape": base_shape, "std": std, **axes}
    return fill(tensor, schemes.mup, arguments, seed, generator, threads)
