"""The factories: names, arguments and meaning of `jax.nn.initializers`, and fastinit's own beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

import fastinit

from ._init import Init
from ._recipes import check_number

Axes = int | Sequence[int]

_DISTRIBUTIONS = ("truncated_normal", "normal", "uniform")


def zeros(key: Any, shape: Any, dtype: Any = None, out_sharding: Any = None) -> jax.Array:
    """Return zeros. This is an initializer itself, no factory, as in JAX; `key` is ignored.

    Parameters
    ----------
    key : object
    shape : sequence of int
    dtype, out_sharding
        As for every initializer of `fastinit.jax`.

    Examples
    --------
    >>> import fastinit.jax
    >>> fastinit.jax.zeros(None, (2,))
    Array([0., 0.], dtype=float32)
    """
    return _ZEROS(key, shape, dtype, out_sharding)


def ones(key: Any, shape: Any, dtype: Any = None, out_sharding: Any = None) -> jax.Array:
    """Return ones. This is an initializer itself, no factory, as in JAX; `key` is ignored.

    Parameters
    ----------
    key : object
    shape : sequence of int
    dtype, out_sharding
        As for every initializer of `fastinit.jax`.

    Examples
    --------
    >>> import fastinit.jax
    >>> fastinit.jax.ones(None, (2,))
    Array([1., 1.], dtype=float32)
    """
    return _ONES(key, shape, dtype, out_sharding)


def constant(value: Any, dtype: Any = None) -> Init:
    """Make an initializer that returns a constant; its key is ignored.

    Parameters
    ----------
    value : float or array_like
        A real number, or an array of them that broadcasts to the shape.
    dtype : dtype
        JAX's default float dtype if None.

    Examples
    --------
    >>> import fastinit.jax
    >>> fastinit.jax.constant(-7)(None, (2,))
    Array([-7., -7.], dtype=float32)
    """
    number = check_number("value", value)
    return Init("constant", dtype, value=np.asarray(number) if isinstance(number, jax.Array) else number)


def uniform(scale: Any = 1e-2, dtype: Any = None) -> Init:
    """Make an initializer that draws uniformly from [0, scale), as JAX's.

    ``initializer("uniform", low=..., high=...)`` has any interval.

    Parameters
    ----------
    scale : float
        Finite, >= 0.
    dtype : dtype
        JAX's default float dtype if None.

    Raises
    ------
    TypeError, ValueError
        If `scale` is not as described.

    Examples
    --------
    >>> import jax, fastinit.jax
    >>> w = fastinit.jax.uniform(10.0)(jax.random.key(0), (1000,))
    >>> bool(w.min() >= 0) and bool(w.max() < 10)
    True
    """
    return Init("uniform", dtype, low=0.0, high=_at_least_zero("scale", scale))


def normal(stddev: Any = 1e-2, dtype: Any = None) -> Init:
    """Make an initializer that draws from N(0, stddev²).

    Parameters
    ----------
    stddev : float
        Finite, >= 0.
    dtype : dtype
        JAX's default float dtype if None.

    Raises
    ------
    TypeError, ValueError
        If `stddev` is not as described.

    Examples
    --------
    >>> import jax, fastinit, fastinit.jax
    >>> w = fastinit.jax.normal(0.02)(jax.random.key(7), (64, 64))
    >>> bool((w == fastinit.normal((64, 64), std=0.02, seed=7)).all())
    True
    """
    return Init("normal", dtype, mean=0.0, std=_at_least_zero("stddev", stddev))


def truncated_normal(stddev: Any = 1e-2, dtype: Any = None, lower: Any = -2.0, upper: Any = 2.0) -> Init:
    """Make an initializer that draws from N(0, stddev²), cut off at ``stddev * [lower, upper]``.

    `stddev` is that of the normal before truncation, as in JAX; truncated to ±2 the result's is 0.8796 stddev.

    Parameters
    ----------
    stddev : float
        Finite, >= 0.
    dtype : dtype
        JAX's default float dtype if None.
    lower, upper : float
        lower <= upper, in units of `stddev`.

    Raises
    ------
    TypeError, ValueError
        If `stddev` is not as described.

    Examples
    --------
    >>> import jax, fastinit.jax
    >>> w = fastinit.jax.truncated_normal(0.5)(jax.random.key(0), (1000,))
    >>> bool(abs(w).max() <= 1)
    True
    """
    std = _at_least_zero("stddev", stddev)
    low, high = check_number("lower", lower), check_number("upper", upper)
    return Init("truncated_normal", dtype, mean=0.0, std=std, lower=low, upper=high)


def variance_scaling(
    scale: Any,
    mode: str,
    distribution: str,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = None,
) -> Init:
    """Make an initializer that draws with variance ``scale / n``, where n is a fan of the tensor.

    Parameters
    ----------
    scale : float
        Finite, > 0.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo_avg"}
        n is the fan named, or the arithmetic or geometric mean of both.
    distribution : {"truncated_normal", "normal", "uniform"}
        As in JAX, "normal" is not truncated: `fastinit.variance_scaling` says "untruncated_normal". The truncated
        one is cut off at two of its own std, and its result has the std that was asked for.
    in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors. A shape with fewer than two axes needs an `in_axis`.
    dtype : dtype
        JAX's default float dtype if None.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described; what depends on the shape is checked when that is known.

    Examples
    --------
    >>> import jax, fastinit, fastinit.jax
    >>> init = fastinit.jax.variance_scaling(2.0, "fan_in", "normal")
    >>> w = init(jax.random.key(0), (512, 512))
    >>> bool((w == fastinit.variance_scaling((512, 512), 2.0, "fan_in", "untruncated_normal", seed=0)).all())
    True
    """
    if distribution not in _DISTRIBUTIONS:
        raise ValueError(
            f"`distribution` must be one of {', '.join(_DISTRIBUTIONS)}. Received: distribution={distribution!r}"
        )
    return Init(
        _scaled,
        dtype,
        scale=check_number("scale", scale),
        mode=mode,
        distribution="untruncated_normal" if distribution == "normal" else distribution,
        in_axis=in_axis,
        out_axis=out_axis,
        batch_axis=batch_axis,
    )


def glorot_uniform(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Init:
    """Make Glorot and Bengio's uniform initializer: ``variance_scaling(1.0, "fan_avg", "uniform")``.

    Parameters
    ----------
    in_axis, out_axis, batch_axis, dtype
        As in `variance_scaling`.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.

    Examples
    --------
    >>> import jax, fastinit, fastinit.jax
    >>> w = fastinit.jax.glorot_uniform()(jax.random.key(0), (784, 128))
    >>> bool((w == fastinit.glorot_uniform((784, 128), seed=0)).all())
    True
    """
    return variance_scaling(1.0, "fan_avg", "uniform", in_axis, out_axis, batch_axis, dtype)


def glorot_normal(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Init:
    """Make Glorot and Bengio's normal initializer: ``variance_scaling(1.0, "fan_avg", "truncated_normal")``.

    Parameters
    ----------
    in_axis, out_axis, batch_axis, dtype
        As in `variance_scaling`.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.

    Examples
    --------
    >>> import jax, fastinit, fastinit.jax
    >>> w = fastinit.jax.glorot_normal()(jax.random.key(0), (784, 128))
    >>> bool((w == fastinit.glorot_normal((784, 128), seed=0)).all())
    True
    """
    return variance_scaling(1.0, "fan_avg", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


def lecun_uniform(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Init:
    """Make LeCun's uniform initializer: ``variance_scaling(1.0, "fan_in", "uniform")``.

    Parameters
    ----------
    in_axis, out_axis, batch_axis, dtype
        As in `variance_scaling`.

    References
    ----------
    LeCun, Bottou, Orr and Müller, "Efficient backprop", 1998.

    Examples
    --------
    >>> import jax, fastinit, fastinit.jax
    >>> w = fastinit.jax.lecun_uniform()(jax.random.key(0), (784, 128))
    >>> bool((w == fastinit.lecun_uniform((784, 128), seed=0)).all())
    True
    """
    return variance_scaling(1.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


def lecun_normal(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Init:
    """Make LeCun's normal initializer: ``variance_scaling(1.0, "fan_in", "truncated_normal")``.

    Parameters
    ----------
    in_axis, out_axis, batch_axis, dtype
        As in `variance_scaling`.

    References
    ----------
    LeCun, Bottou, Orr and Müller, "Efficient backprop", 1998.

    Examples
    --------
    >>> import jax, fastinit, fastinit.jax
    >>> w = fastinit.jax.lecun_normal()(jax.random.key(0), (784, 128))
    >>> bool((w == fastinit.lecun_normal((784, 128), seed=0)).all())
    True
    """
    return variance_scaling(1.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


def he_uniform(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Init:
    """Make He's uniform initializer: ``variance_scaling(2.0, "fan_in", "uniform")``.

    Parameters
    ----------
    in_axis, out_axis, batch_axis, dtype
        As in `variance_scaling`.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> import jax, fastinit, fastinit.jax
    >>> w = fastinit.jax.he_uniform()(jax.random.key(0), (784, 128))
    >>> bool((w == fastinit.he_uniform((784, 128), seed=0)).all())
    True
    """
    return variance_scaling(2.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


def he_normal(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Init:
    """Make He's normal initializer: ``variance_scaling(2.0, "fan_in", "truncated_normal")``.

    Parameters
    ----------
    in_axis, out_axis, batch_axis, dtype
        As in `variance_scaling`.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> import jax, fastinit, fastinit.jax
    >>> w = fastinit.jax.he_normal()(jax.random.key(0), (784, 128))
    >>> bool((w == fastinit.he_normal((784, 128), seed=0)).all())
    True
    """
    return variance_scaling(2.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


def orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = None) -> Init:
    """Make an initializer that draws orthogonal matrices from the Haar distribution, times `scale`.

    Parameters
    ----------
    scale : float
    column_axis : int
        The axis of the matrix's columns; all others are flattened to its rows.
    dtype : dtype
        JAX's default float dtype if None; also complex64 and complex128, which give unitary matrices.

    Raises
    ------
    TypeError
        If `scale` is no number.

    Examples
    --------
    >>> import jax, fastinit, fastinit.jax
    >>> w = fastinit.jax.orthogonal()(jax.random.key(0), (64, 32))
    >>> bool((w == fastinit.orthogonal((64, 32), seed=0)).all())
    True
    """
    return Init("orthogonal", dtype, gain=check_number("scale", scale), column_axis=column_axis)


def delta_orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = None) -> Init:
    """Make an initializer for convolutions that keep their input's norm: an orthogonal matrix at the centre.

    Parameters
    ----------
    scale : float
    column_axis : int
        Of the two last axes, (in, out), the one of the matrix's columns.
    dtype : dtype
        As in `orthogonal`.

    Raises
    ------
    TypeError
        If `scale` is no number.

    References
    ----------
    Xiao et al., "Dynamical isometry and a mean field theory of CNNs", ICML 2018.

    Examples
    --------
    >>> import jax, fastinit, fastinit.jax
    >>> w = fastinit.jax.delta_orthogonal()(jax.random.key(0), (3, 3, 8, 16))
    >>> bool((w == fastinit.delta_orthogonal((3, 3, 8, 16), seed=0)).all())
    True
    """
    gain = check_number("scale", scale)
    if column_axis in (-1, 1):
        return Init("delta_orthogonal", dtype, gain=gain)
    return Init(_delta_orthogonal_by_rows, dtype, gain=gain, column_axis=column_axis)


def identity(gain: Any = 1.0, dtype: Any = None) -> Init:
    """Make an initializer that returns identity matrices, times `gain`; its key is ignored.

    Parameters
    ----------
    gain : float
    dtype : dtype
        JAX's default float dtype if None.

    Examples
    --------
    >>> import fastinit.jax
    >>> fastinit.jax.identity()(None, (2, 2))
    Array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    return Init("identity", dtype, gain=check_number("gain", gain))


def dirac(groups: int = 1, dtype: Any = None) -> Init:
    """Make an initializer for convolutions that pass their input through; its key is ignored.

    Parameters
    ----------
    groups : int
        Number of groups of the convolution.
    dtype : dtype
        JAX's default float dtype if None.

    Examples
    --------
    >>> import fastinit.jax
    >>> fastinit.jax.dirac()(None, (3, 2, 2))[1]
    Array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    return Init("dirac", dtype, groups=groups)


def sparse(sparsity: Any, stddev: Any = 1e-2, dtype: Any = None) -> Init:
    """Make an initializer of matrices whose columns each hold an exact number of zeros, the rest normal.

    Parameters
    ----------
    sparsity : float
        Share of zeros in every column, in [0, 1].
    stddev : float
        Of the other entries; finite, >= 0.
    dtype : dtype
        JAX's default float dtype if None.

    References
    ----------
    Martens, "Deep learning via Hessian-free optimization", ICML 2010.

    Examples
    --------
    >>> import jax, fastinit.jax
    >>> w = fastinit.jax.sparse(0.75)(jax.random.key(0), (10, 4))
    >>> (w == 0).sum(axis=0).tolist()
    [8, 8, 8, 8]
    """
    share = check_number("sparsity", sparsity)
    return Init("sparse", dtype, sparsity=share, std=_at_least_zero("stddev", stddev))


def initializer(initializer: Any, dtype: Any = None, **kwargs: Any) -> Init:
    """Make an initializer of any function that draws: of `fastinit`, of `fastinit.schemes`, or your own.

    Parameters
    ----------
    initializer : str or callable
        A name or a function of `fastinit` or `fastinit.schemes`, or any callable that takes a shape, ``dtype=``
        and ``seed=``, a fastinit `Key`, and returns a NumPy array.
    dtype : dtype
        JAX's default float dtype if None.
    **kwargs
        The function's further arguments, by its own names.

    Raises
    ------
    TypeError, ValueError
        If there is no function of this name, or `kwargs` hold what belongs to a call.

    Examples
    --------
    >>> import jax, fastinit.jax
    >>> init = fastinit.jax.initializer("gpt2_residual", layers=12)
    >>> init(jax.random.key(0), (768, 768)).shape
    (768, 768)
    """
    numbers = {name: check_number(name, value) for name, value in kwargs.items()}
    return Init(initializer, dtype, **numbers)


def _at_least_zero(name: str, value: Any) -> Any:
    number = check_number(name, value)
    if isinstance(number, (int, float)) and not (0.0 <= number < math.inf):
        raise ValueError(f"`{name}` must be finite and >= 0. Received: {name}={number}")
    return number


def _scaled(shape: Any, *, in_axis: Axes, **kwargs: Any) -> np.ndarray:
    # JAX refuses what Keras, and fastinit with it, takes for a bias.
    if in_axis == -2 and (not hasattr(shape, "__len__") or len(shape) < 2):
        raise ValueError(f"`shape` must have at least two axes unless `in_axis` is given. Received: shape={shape}")
    return fastinit.variance_scaling(shape, in_axis=in_axis, **kwargs)


def _delta_orthogonal_by_rows(
    shape: Any, gain: float, column_axis: int, *, index: Any = None, out: Any = None, **common: Any
) -> np.ndarray:
    """`fastinit.delta_orthogonal`, but for the axis of the matrix's columns."""
    # What it says of shapes, gains and blocks holds here.
    fastinit.delta_orthogonal(shape, gain, index=tuple([slice(0, 0)] * len(shape)), **common)
    made = fastinit.zeros(shape, index=index, out=out, dtype=common.get("dtype"))
    parts = [slice(None)] * len(shape) if index is None else index
    ends = [part.indices(n)[:2] for part, n in zip(parts, shape, strict=True)]
    centre = [(k - 1) // 2 - start for k, (start, _) in zip(shape[:-2], ends[:-2], strict=True)]
    around = [stop - start for start, stop in ends[:-2]]
    if all(0 <= at < size for at, size in zip(centre, around, strict=True)):
        block = tuple([slice(*both) for both in ends[-2:]])
        made[tuple(centre)] = fastinit.orthogonal(shape[-2:], gain, column_axis, index=block, **common)
    return made


_ZEROS, _ONES = Init("zeros", None), Init("ones", None)

kaiming_normal, kaiming_uniform = he_normal, he_uniform
xavier_normal, xavier_uniform = glorot_normal, glorot_uniform
