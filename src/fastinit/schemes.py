"""Initializations from the literature, for particular architectures.

Functions that take a shape draw a weight, by one call of an initializer of this package: `common` are
the keyword arguments that every initializer takes (see `fastinit.initializers`), and ``in_axis``,
``out_axis`` and ``batch_axis`` where a fan is needed. The others return the factors that a scheme
multiplies existing initializations with. Shapes are (in, out) with the default axes.

============================  ====================================================================
transformers, by std          `gpt2_residual`, `small_init`, `wang_init`, `t5`
transformers, by factors      `deepnorm`, `subln`, `t_fixup`
residual networks             `fixup`, `zero_hadamard`
implicit representations      `siren`
one model at several widths   `mup`, `mup_rate`
============================  ====================================================================
"""

from __future__ import annotations

import math
import sys
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict

import numpy as np

from ._arguments import (
    Axes,
    DTypeLike,
    Index,
    Out,
    Shape,
    Threads,
    brief,
    check_axes,
    check_choice,
    check_flag,
    check_positive,
    check_positive_int,
    check_rank,
    check_shape,
    check_target,
)
from ._arithmetic import own_arithmetic
from .initializers import constant, normal, variance_scaling
from .initializers._checks import check_std
from .initializers._engine import Drawn, Made, described, drawing
from .initializers._fans import compute_fans
from .keys import Seed

if sys.version_info >= (3, 11):
    from typing import Unpack
elif TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "Factors",
    "deepnorm",
    "fixup",
    "gpt2_residual",
    "mup",
    "mup_rate",
    "siren",
    "small_init",
    "subln",
    "t5",
    "t_fixup",
    "wang_init",
    "zero_hadamard",
]


class Common(TypedDict, total=False):
    """The keyword arguments of every initializer."""

    dtype: DTypeLike
    seed: Seed
    out: Out
    index: Index
    threads: Threads


class CommonWithFans(Common, total=False):
    """These, and the axes of a fan."""

    in_axis: Axes
    out_axis: Axes
    batch_axis: Axes


# Transformers, by std


@drawing
def gpt2_residual(shape: Shape, layers: int, std: float = 0.02, **common: Unpack[Common]) -> Drawn | Made:
    """Draw a projection that ends on GPT-2's residual stream: N(0, std² / (2 layers)).

    A block adds to the stream twice, after its attention and after its MLP, so the variance that
    `layers` blocks add is that of one projection of std `std`. All other weights are
    ``normal(shape, std=std)``.

    Parameters
    ----------
    shape : int or sequence of int
    layers : int
        Blocks of the model.
    std : float
    **common
        See the module.

    References
    ----------
    Radford et al., "Language models are unsupervised multitask learners", 2019, section 2.3.

    Examples
    --------
    >>> from fastinit import schemes
    >>> w = schemes.gpt2_residual((768, 768), layers=12, seed=0)
    >>> abs(float(w.std()) / (0.02 / 24**0.5) - 1) < 0.01
    True
    """
    return described(normal, shape, 0.0, _quotient(check_std(std), 2 * _check_count("layers", layers)), **common)


@drawing
def small_init(shape: Shape, dim: int, **common: Unpack[Common]) -> Drawn | Made:
    """Draw N(0, 2 / (5 dim)), for the embeddings and weights of a transformer of width `dim`.

    It is Xavier's variance for a feed-forward layer from dim to 4 dim, taken for all of them.

    Parameters
    ----------
    shape : int or sequence of int
    dim : int
        Width of the residual stream.
    **common
        See the module.

    References
    ----------
    Nguyen and Salazar, "Transformers without tears", IWSLT 2019, section 2.2.

    Examples
    --------
    >>> from fastinit import schemes
    >>> w = schemes.small_init((512, 2048), dim=512, seed=0)
    >>> abs(float(w.std()) / (2 / (5 * 512)) ** 0.5 - 1) < 0.01
    True
    """
    return described(normal, shape, 0.0, _small_std(_check_count("dim", dim)), **common)


@drawing
def wang_init(shape: Shape, dim: int, layers: int, **common: Unpack[Common]) -> Drawn | Made:
    """Draw N(0, (2 / (layers sqrt(dim)))²), for the output projections of a transformer's blocks.

    `small_init` is for the other weights.

    Parameters
    ----------
    shape : int or sequence of int
    dim : int
        Width of the residual stream.
    layers : int
        Blocks of the model.
    **common
        See the module.

    References
    ----------
    Wang and Komatsuzaki, GPT-J (Mesh Transformer JAX), 2021; Black et al., "GPT-NeoX-20B", 2022,
    section 3.4.

    Examples
    --------
    >>> from fastinit import schemes
    >>> w = schemes.wang_init((2048, 512), dim=512, layers=12, seed=0)
    >>> abs(float(w.std()) / (2 / (12 * 512**0.5)) - 1) < 0.01
    True
    """
    std = _wang_std(_check_count("layers", layers), _check_count("dim", dim))
    return described(normal, shape, 0.0, std, **common)


@drawing
def t5(shape: Shape, head_dim: int = 1, factor: float = 1.0, **common: Unpack[CommonWithFans]) -> Drawn | Made:
    """Draw a weight of T5: N(0, factor² / (fan_in head_dim)).

    One rule for all: ``t5((d, h * d_kv), head_dim=d_kv)`` for queries, whose dot products T5 does not
    divide by sqrt(d_kv); ``t5(shape)`` for keys, values, the output of attention and both feed-forward
    weights. Embeddings are ``normal(shape, std=factor)``.

    Parameters
    ----------
    shape : sequence of int
    head_dim : int
        d_kv for the queries, else 1.
    factor : float
        ``initializer_factor`` of the published configurations.
    **common
        See the module.

    References
    ----------
    Raffel et al., "Exploring the limits of transfer learning with a unified text-to-text transformer",
    JMLR 2020; the published code of Mesh TensorFlow.

    Examples
    --------
    >>> from fastinit import schemes
    >>> w = schemes.t5((512, 512), head_dim=64, seed=0)
    >>> abs(float(w.std()) / (512 * 64) ** -0.5 - 1) < 0.01
    True
    """
    scale = _t5_scale(factor, _check_count("head_dim", head_dim))
    return described(variance_scaling, shape, scale, "fan_in", "untruncated_normal", **common)


# Transformers, by factors


class Factors(NamedTuple):
    """What a scheme multiplies with, in one stack of a transformer.

    Attributes
    ----------
    weight : float
        Of the weights that the scheme scales.
    residual : float
        Of the residual stream, before a sublayer's output is added to it.
    """

    weight: float
    residual: float = 1.0


def deepnorm(*, encoder_layers: int = 0, decoder_layers: int = 0) -> tuple[Factors, Factors]:
    """Return the factors of DeepNorm, ``LayerNorm(alpha x + sublayer(x))``.

    `weight` (the paper's beta) is the gain of Xavier's initialization for the values, the output of
    attention and both feed-forward weights, ``variance_scaling(shape, weight**2, "fan_avg",
    "untruncated_normal")``; queries and keys have gain 1. `residual` is alpha.

    Parameters
    ----------
    encoder_layers, decoder_layers : int
        N and M; 0 where there is no such stack.

    Returns
    -------
    (Factors, Factors)
        Of the encoder and of the decoder: (8N)^(-1/4) and (2N)^(1/4) for a single stack; with both
        0.87 (N⁴M)^(-1/16), 0.81 (N⁴M)^(1/16) and (12M)^(-1/4), (3M)^(1/4). Of a stack that is not there, 1 and 1.

    References
    ----------
    Wang et al., "DeepNet: scaling transformers to 1,000 layers", 2022, figure 2.

    Examples
    --------
    >>> from fastinit import schemes
    >>> _, decoder = schemes.deepnorm(decoder_layers=24)
    >>> decoder.weight == 192**-0.25, decoder.residual == 48**0.25
    (True, True)
    """
    n, m = _check_layer_counts(encoder_layers, decoder_layers)
    if n and m:
        mixed = _power(n**4 * m, 1, 16)
        with own_arithmetic():
            first = Factors(0.87 / mixed, 0.81 * mixed)
        return first, Factors(_power(12 * m, -1, 4), _power(3 * m, 1, 4))
    alone = Factors(_power(8 * (n or m), -1, 4), _power(2 * (n or m), 1, 4))
    return (alone, Factors(1.0)) if n else (Factors(1.0), alone)


def subln(*, encoder_layers: int = 0, decoder_layers: int = 0) -> tuple[Factors, Factors]:
    """Return the factors of Sub-LN, the transformer with a second LayerNorm inside each sublayer.

    `weight` (the paper's gamma) is the gain of Xavier's initialization for the values, the output of
    attention and both feed-forward weights; queries and keys have gain 1.

    Parameters
    ----------
    encoder_layers, decoder_layers : int
        N and M; 0 where there is no such stack.

    Returns
    -------
    (Factors, Factors)
        Of the encoder and of the decoder: sqrt(log(2N)) for a single stack; with both
        sqrt(log(3M) log(2N) / 3) and sqrt(log(3M)). Of a stack that is not there, 1.

    References
    ----------
    Wang et al., "Foundation transformers" (Magneto), 2022, figure 2.

    Examples
    --------
    >>> from fastinit import schemes
    >>> encoder, _ = schemes.subln(encoder_layers=12)
    >>> round(encoder.weight, 6)
    1.78271
    """
    n, m = _check_layer_counts(encoder_layers, decoder_layers)
    if n and m:
        cross = _EXACT.ln(3 * m)
        both = _EXACT.divide(_EXACT.multiply(cross, _EXACT.ln(2 * n)), 3)
        return Factors(_rounded(_EXACT.sqrt(both))), Factors(_rounded(_EXACT.sqrt(cross)))
    alone = Factors(_rounded(_EXACT.sqrt(_EXACT.ln(2 * (n or m)))))
    return (alone, Factors(1.0)) if n else (Factors(1.0), alone)


def t_fixup(*, encoder_layers: int = 0, decoder_layers: int = 0) -> tuple[Factors, Factors]:
    """Return the factors of T-Fixup, the transformer without LayerNorm and without warm-up.

    All weights are Xavier's; then `weight` multiplies the values, the output of attention and both
    feed-forward weights of the stack. Embeddings are N(0, 1 / d) times (9 layers)^(-1/4) of their stack.

    Parameters
    ----------
    encoder_layers, decoder_layers : int
        N and M; 0 where there is no such stack.

    Returns
    -------
    (Factors, Factors)
        0.67 N^(-1/4) of the encoder and (9M)^(-1/4) of the decoder. Of a stack that is not there, 1.

    References
    ----------
    Huang, Perez, Ba and Volkovs, "Improving transformer optimization through better initialization",
    ICML 2020, section 3.2.

    Examples
    --------
    >>> from fastinit import schemes
    >>> encoder, decoder = schemes.t_fixup(encoder_layers=6, decoder_layers=6)
    >>> encoder.weight == 0.67 * 6**-0.25, decoder.weight == 54**-0.25
    (True, True)
    """
    n, m = _check_layer_counts(encoder_layers, decoder_layers)
    with own_arithmetic():
        encoder = 0.67 * _power(n, -1, 4) if n else 1.0
    return Factors(encoder), Factors(_power(9 * m, -1, 4) if m else 1.0)


# Residual networks


@drawing
def fixup(shape: Shape, branches: int, depth: int = 2, **common: Unpack[CommonWithFans]) -> Drawn | Made:
    """Draw a weight inside a residual branch of a network without normalization.

    He's normal initialization times ``branches**(-1 / (2 depth - 2))``. The last weight of each branch
    and that of the classifier are zero, all others He's; a scalar bias goes before each weight and a
    scalar factor into each branch.

    Parameters
    ----------
    shape : sequence of int
    branches : int
        L, the residual branches of the network.
    depth : int
        m >= 2, the weights of one branch.
    **common
        See the module.

    References
    ----------
    Zhang, Dauphin and Ma, "Fixup initialization: residual learning without normalization", ICLR 2019,
    section 3.

    Examples
    --------
    >>> from fastinit import schemes
    >>> w = schemes.fixup((3, 3, 64, 64), branches=16, seed=0)
    >>> abs(float(w.std()) / ((2 / 576) ** 0.5 / 4) - 1) < 0.01
    True
    """
    length, weights = _check_count("branches", branches), _check_count("depth", depth, least=2)
    # A variance takes the square of the factor; twice it is exact in any floating-point mode.
    scale = 2.0 * _power(length, -1, weights - 1)
    return described(variance_scaling, shape, scale, "fan_in", "untruncated_normal", **common)


@drawing
def zero_hadamard(shape: Shape, **common: Unpack[Common]) -> Drawn | Made:
    """Return a weight of the ZerO initialization: identity or Hadamard, without randomness.

    The identity if the layer does not widen; else the leading block of a Hadamard matrix of order
    2^m, m = ceil(log2(out)), times 2^(-(m - 1) / 2): an identity there would leave units that are the
    same. Its columns are distinct and its entries all as large as one another.

    Parameters
    ----------
    shape : sequence of int
        (..., in, out); leading axes stack the same matrix.
    **common
        See the module.

    References
    ----------
    Zhao, Schäfer and Anandkumar, "ZerO initialization: initializing neural networks with only zeros
    and ones", TMLR 2022, algorithm 1.

    Examples
    --------
    >>> from fastinit import schemes
    >>> schemes.zero_hadamard((2, 2))
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    >>> schemes.zero_hadamard((2, 4), dtype="float64").round(4)
    array([[ 0.7071,  0.7071,  0.7071,  0.7071],
           [ 0.7071, -0.7071,  0.7071, -0.7071]])
    """
    sizes = check_shape(shape)
    check_rank(sizes, 2, 32, "`shape` must have at least two axes, (..., in, out)")
    check_target(sizes, None, None, None, None)  # a size that no array has is not for NumPy to refuse
    inputs, outputs = sizes[-2:]
    if outputs <= inputs:
        return described(constant, sizes, np.eye(inputs, outputs), **common)
    order = (outputs - 1).bit_length()
    shared = np.arange(inputs)[:, None] & np.arange(outputs)
    odd = np.zeros(shared.shape, bool)
    for bit in range(order):  # the sign is the parity of the bits that both indices have
        odd ^= (shared >> bit & 1).astype(bool)
    with own_arithmetic():
        size = math.sqrt(math.ldexp(1.0, 1 - order))
    return described(constant, sizes, np.where(odd, -size, size), **common)


# Implicit representations


@drawing
def siren(shape: Shape, first: bool = False, omega: float = 30.0, **common: Unpack[CommonWithFans]) -> Drawn | Made:
    """Draw a weight of a sinusoidal network, ``sin(omega (x W + b))``.

    Uniform in ±sqrt(6 / fan_in) / omega, so that what enters each sine has a std of about 1; in the first
    layer, which sees coordinates in [-1, 1], in ±1 / fan_in.

    Parameters
    ----------
    shape : sequence of int
    first : bool
        Whether the layer is the first.
    omega : float
        Finite, > 0.
    **common
        See the module.

    References
    ----------
    Sitzmann et al., "Implicit neural representations with periodic activation functions",
    NeurIPS 2020, section 3.2.

    Examples
    --------
    >>> from fastinit import schemes
    >>> w = schemes.siren((256, 256), seed=0)
    >>> bool(abs(w).max() <= (6 / 256) ** 0.5 / 30)
    True
    >>> bool(abs(schemes.siren((2, 256), first=True, seed=0)).max() <= 1 / 2)
    True
    """
    scale = _siren_scale(omega)
    if not check_flag("first", first):
        return described(variance_scaling, shape, scale, "fan_in", "uniform", **common)
    # A limit L is a variance of L² / 3, which is scale / fan_in.
    axes = common.get("in_axis", -2), common.get("out_axis", -1), common.get("batch_axis", ())
    fan_in, _ = compute_fans(check_shape(shape), *axes)
    return described(variance_scaling, shape, _siren_first_scale(fan_in), "fan_in", "uniform", **common)


# One model at several widths


@drawing
def mup(shape: Shape, base_shape: Shape, std: float = 0.02, **common: Unpack[CommonWithFans]) -> Drawn | Made:
    """Draw a weight of a model that shares its hyperparameters with a narrower one (muP).

    N(0, std²) at `base_shape`. In a model that is wider, with r = fan_in / base_fan_in, the std is
    divided by sqrt(r) if both fans grew (a hidden weight), by r if only fan_in did (the output), and
    kept if fan_in did not (the input, and embeddings). A shape of one axis is a bias, which goes with
    the input's weights: its std is kept. The learning rate changes with it: `mup_rate`.

    Parameters
    ----------
    shape, base_shape : sequence of int
        Of this model and of the one that was tuned, with as many axes.
    std : float
        Of this weight in the model that was tuned.
    **common
        See the module.

    References
    ----------
    Yang et al., "Tensor programs V: tuning large neural networks via zero-shot hyperparameter
    transfer", NeurIPS 2021, table 3.

    Examples
    --------
    >>> from fastinit import schemes
    >>> w = schemes.mup((1024, 1024), (64, 64), std=0.05, seed=0)
    >>> abs(float(w.std()) / (0.05 / 4) - 1) < 0.01
    True
    """
    axes = common.pop("in_axis", -2), common.pop("out_axis", -1), common.pop("batch_axis", ())
    grown_in, grown_out = _growth(shape, base_shape, *axes)
    return described(normal, shape, 0.0, _mup_std(check_std(std), grown_in, grown_out), **common)


def mup_rate(
    shape: Shape,
    base_shape: Shape,
    optimizer: Literal["adam", "sgd"] = "adam",
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
) -> float:
    """Return what muP multiplies the learning rate of a weight with, beside the model that was tuned.

    Parameters
    ----------
    shape, base_shape : sequence of int
        As in `mup`.
    optimizer : {"adam", "sgd"}
    in_axis, out_axis, batch_axis : int or sequence of int
        As in `fastinit.fans`.

    Returns
    -------
    float
        With r = fan_in / base_fan_in and s = fan_out / base_fan_out: Adam 1 for the input and its
        embeddings, else 1 / r; SGD s for the input, 1 for hidden weights, 1 / r for the output.
        A bias, of one axis, goes with the input's weights: 1 for Adam, the ratio of its sizes for SGD.

    References
    ----------
    Yang et al., "Tensor programs V", NeurIPS 2021, table 3.

    Examples
    --------
    >>> from fastinit import schemes
    >>> schemes.mup_rate((1024, 1024), (64, 64)), schemes.mup_rate((784, 1024), (784, 64), "sgd")
    (0.0625, 16.0)
    >>> schemes.mup_rate((1024,), (64,)), schemes.mup_rate((1024,), (64,), "sgd")
    (1.0, 16.0)
    """
    check_choice("optimizer", optimizer, ("adam", "sgd"))
    grown_in, grown_out = _growth(shape, base_shape, in_axis, out_axis, batch_axis)
    with own_arithmetic():
        return _mup_rate(optimizer, grown_in, grown_out)


def _mup_rate(optimizer: str, grown_in: float, grown_out: float) -> float:
    if optimizer == "adam":
        return 1.0 / grown_in
    return grown_out if grown_in == 1.0 else 1.0 / grown_in if grown_out == 1.0 else 1.0


def _growth(shape: Shape, base_shape: Shape, in_axis: Axes, out_axis: Axes, batch_axis: Axes) -> tuple[float, float]:
    """By what factors fan_in and fan_out are larger than those of the base shape."""
    sizes, base = _check_base_shape(check_shape(shape), check_shape(base_shape))
    if (in_axis, out_axis) in ((-2, -1), (1, 0)):  # the axes of weights, here and in PyTorch
        (batch,) = check_axes(len(sizes), batch_axis=batch_axis)
        left = [axis for axis in range(len(sizes)) if axis not in batch]
        if len(left) == 1:  # a bias is the weight of an input that is always one
            return 1.0, _ratio(sizes[left[0]], base[left[0]])
    fan_in, fan_out = compute_fans(sizes, in_axis, out_axis, batch_axis)
    base_in, base_out = compute_fans(base, in_axis, out_axis, batch_axis)
    return _ratio(fan_in, base_in), _ratio(fan_out, base_out)


# The numbers: whatever floating-point mode the caller has, and by operations that round alike on every system, which
# libm's pow and log do not.

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN, Emax=MAX_EMAX, Emin=MIN_EMIN)


def _power(base: int, numerator: int, denominator: int) -> float:
    """base ** (numerator / denominator), rounded once."""
    exponent = _EXACT.divide(Decimal(numerator), Decimal(denominator))
    return _rounded(_EXACT.exp(_EXACT.multiply(_EXACT.ln(Decimal(base)), exponent)))


def _rounded(exact: Decimal) -> float:
    with own_arithmetic():
        return float(exact)


@own_arithmetic()
def _quotient(std: float, variances: int) -> float:
    return std / math.sqrt(variances)


@own_arithmetic()
def _small_std(dim: int) -> float:
    return math.sqrt(2.0 / (5.0 * dim))


@own_arithmetic()
def _wang_std(layers: int, dim: int) -> float:
    return 2.0 / (layers * math.sqrt(dim))


@own_arithmetic()
def _t5_scale(factor: Any, head_dim: int) -> float:
    number = check_positive("factor", factor)
    return _check_variance(number * number / head_dim, f"factor={brief(factor)}")


@own_arithmetic()
def _siren_scale(omega: Any) -> float:
    frequency = check_positive("omega", omega)
    square = frequency * frequency
    return _check_variance(2.0 / square if square else math.inf, f"omega={brief(omega)}")


@own_arithmetic()
def _siren_first_scale(fan_in: int) -> float:
    return 1.0 / (3.0 * min(max(1, fan_in), 1 << 63))


@own_arithmetic()
def _mup_std(std: float, grown_in: float, grown_out: float) -> float:
    if grown_in == 1.0:
        return std
    return std / grown_in if grown_out == 1.0 else std / math.sqrt(grown_in)


@own_arithmetic()
def _ratio(size: int, base: int) -> float:
    """The quotient of two sizes, by which a learning rate is multiplied or divided."""
    try:
        ratio = size / base
    except OverflowError:
        ratio = 0.0
    if not 2.0**-1000 < ratio < 2.0**1000:
        raise ValueError(
            "`shape` and `base_shape` must not differ by more than float64 holds. "
            f"Received: fans of {brief(size)} and {brief(base)}"
        )
    return ratio


# Checks


def _check_count(name: str, value: Any, least: int = 1) -> int:
    """A number of layers or units: float64 holds it exactly, so that nothing made of it overflows."""
    count = check_positive_int(name, value, least)
    if count > 1 << 53:
        raise ValueError(f"`{name}` must be at most 2**53. Received: {name}={brief(value)}")
    return count


def _check_variance(variance: float, received: str) -> float:
    if not 0.0 < variance < math.inf:
        raise ValueError(f"the variance must be finite and > 0 in float64. Received: {received}")
    return variance


def _check_layer_counts(encoder_layers: Any, decoder_layers: Any) -> tuple[int, int]:
    counts = (
        _check_count("encoder_layers", encoder_layers, least=0),
        _check_count("decoder_layers", decoder_layers, least=0),
    )
    if counts == (0, 0):
        raise ValueError("`encoder_layers` or `decoder_layers` must be >= 1. Received: 0 and 0")
    return counts


def _check_base_shape(shape: tuple[int, ...], base_shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if len(shape) != len(base_shape) or 0 in shape or 0 in base_shape:
        raise ValueError(
            "`base_shape` must have as many axes as `shape`, none of size 0. "
            f"Received: shape={shape}, base_shape={base_shape}"
        )
    return shape, base_shape
