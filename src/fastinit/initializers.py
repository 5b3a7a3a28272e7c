"""Every initializer: one engine for random tensors, one for fans, and their specialisations.

All of them take the same keyword arguments:

dtype : float32 (the default), float64, float16 or "bfloat16"
    Values in float16 and bfloat16 are the float32 values, rounded to nearest and held inside the
    bounds. "bfloat16" needs the package ml_dtypes.
seed : None, int, Key, or numpy.random.SeedSequence, Generator or BitGenerator
    An int in [0, 2**64) or a `Key` gives the same bits in every call and on every machine. None takes
    fresh entropy. A generator is advanced. Initializers without randomness ignore it.
out : numpy.ndarray
    Filled and returned instead of a new array: C-contiguous, writable, of the right shape and dtype.
index : tuple of slices
    One slice with step 1 for every axis. Only this block is computed and returned, equal bit for bit to
    ``full[index]``.
threads : int
    The most threads that the call may use. Values never depend on it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, SupportsIndex, TypeVar

import numpy as np

from . import _kernels
from ._fans import Axes, compute_fans
from ._validation import (
    DType,
    Target,
    check_bounds,
    check_choice,
    check_constant,
    check_entry,
    check_fits,
    check_fraction,
    check_interval,
    check_normal_fits,
    check_number,
    check_positive_int,
    check_rank,
    check_scale,
    check_std,
    check_target,
    check_threads,
    unknown_name,
)
from .keys import Key, key_and_stream
from .runtime import thread_limit

Shape = SupportsIndex | Sequence[SupportsIndex]
F = TypeVar("F", bound=Callable[..., np.ndarray])

_COMMON = """dtype, seed, out, index, threads
        Keyword arguments of every initializer: see `fastinit.initializers`."""

_FAN_AXES = """in_axis, out_axis, batch_axis : int or sequence of int
        The axes of inputs, outputs and stacked tensors, as in `fastinit.fans`."""

# std of a standard normal truncated to [-2, 2]: sqrt(1 - 4 density(2) / P(|Z| < 2)).
_TRUNCATED_STD = 0.87962566103423978

_MODES = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")
_DISTRIBUTIONS = ("uniform", "truncated_normal", "untruncated_normal")
_NORMAL_HINT = 'Not "normal", which means truncated_normal in TensorFlow and untruncated_normal in JAX. '

_registry: dict[str, Callable[..., np.ndarray]] = {}


def _initializer(function: F) -> F:
    """Register an initializer under its name, and complete its docstring."""
    _registry[function.__name__] = function
    if function.__doc__:
        function.__doc__ = function.__doc__.replace("{common}", _COMMON).replace("{axes}", _FAN_AXES)
    return function


def get(name: str) -> Callable[..., np.ndarray]:
    """Look an initializer up by its name.

    Parameters
    ----------
    name : str
        The name of one of this module's initializers, aliases included.

    Returns
    -------
    callable
        The function itself.

    Raises
    ------
    TypeError, ValueError
        If there is no initializer of this name; the sentence lists all names.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.get("he_normal") is fastinit.he_normal
    True
    """
    if not isinstance(name, str) or name not in _registry:
        raise unknown_name(name, _registry)
    return _registry[name]


# ---- constant ----


@_initializer
def zeros(
    shape: Shape, *, dtype: Any = None, seed: Any = None, out: Any = None, index: Any = None, threads: Any = None
) -> np.ndarray:
    """Fill with zeros.

    Parameters
    ----------
    shape : int or sequence of int
    {common}

    Examples
    --------
    >>> import fastinit
    >>> fastinit.zeros(3)
    array([0., 0., 0.], dtype=float32)
    """
    target = check_target(shape, dtype, out, index, threads)
    if out is None:
        return np.zeros(target.block_shape, target.dtype.numpy)  # pages that nobody touches cost nothing
    return _assign(target, 0.0)


@_initializer
def ones(
    shape: Shape, *, dtype: Any = None, seed: Any = None, out: Any = None, index: Any = None, threads: Any = None
) -> np.ndarray:
    """Fill with ones.

    Parameters
    ----------
    shape : int or sequence of int
    {common}

    Examples
    --------
    >>> import fastinit
    >>> fastinit.ones((1, 2))
    array([[1., 1.]], dtype=float32)
    """
    return _assign(check_target(shape, dtype, out, index, threads), 1.0)


@_initializer
def constant(
    shape: Shape,
    value: Any,
    *,
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Fill with a constant.

    Parameters
    ----------
    shape : int or sequence of int
    value : float or array_like
        A real number, or an array of them that broadcasts to `shape`.
    {common}

    Raises
    ------
    TypeError, ValueError
        If `value` is not real, does not broadcast, or overflows the dtype.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.constant((2, 2), [1.5, -1.0])
    array([[ 1.5, -1. ],
           [ 1.5, -1. ]], dtype=float32)
    """
    target = check_target(shape, dtype, out, index, threads)
    values = check_constant(value, target.shape, target.dtype)
    if target.block is not None:
        values = values[tuple([slice(*ends) for ends in target.block])]
    return _assign(target, values)


@_initializer
def identity(
    shape: Shape,
    gain: float = 1.0,
    *,
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Fill with identity matrices: `gain` on the main diagonal, zero elsewhere.

    Parameters
    ----------
    shape : sequence of int
        (..., rows, columns), square or rectangular; leading axes stack independent matrices.
    gain : float
    {common}

    Raises
    ------
    ValueError
        If the shape has fewer than two axes or `gain` is not finite.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.identity((2, 3), gain=2.0)
    array([[2., 0., 0.],
           [0., 2., 0.]], dtype=float32)
    """
    target = check_target(shape, dtype, out, index, threads)
    check_rank(target.shape, 2, 32, "`shape` must have at least two axes, (..., rows, columns)")
    scale = check_number("gain", gain)
    check_fits(abs(scale), f"gain={gain}", target.dtype)
    array = _assign(target, 0.0)
    (top, bottom), (left, right) = target.ends[-2:]
    diagonal = np.arange(max(top, left), min(bottom, right))
    array[..., diagonal - top, diagonal - left] = scale
    return array


@_initializer
def dirac(
    shape: Shape,
    groups: int = 1,
    *,
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Fill a convolution kernel so that it passes its input channels through unchanged.

    Within each group, output channel d is input channel d, as far as there are both: one at the
    kernel's centre, zero elsewhere. The centre of an axis of k taps is tap k // 2, as in PyTorch's
    ``dirac_``, which stores the same kernel as (out, in / groups, *spatial*).

    Parameters
    ----------
    shape : sequence of int
        (*spatial*, in / groups, out) with one to three spatial axes.
    groups : int
        Number of groups of the convolution; it divides the number of outputs.
    {common}

    Raises
    ------
    ValueError
        If the shape has another number of axes, or `groups` does not divide the outputs.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.dirac((3, 2, 2))[1]
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    target = check_target(shape, dtype, out, index, threads)
    check_rank(target.shape, 3, 5, "`shape` must be that of a 1-D to 3-D convolution, (*spatial, in / groups, out)")
    count = check_positive_int("groups", groups)
    *spatial, inputs, outputs = target.shape
    if outputs % count:
        raise ValueError(f"`groups` must divide the number of outputs, {outputs}. Received: groups={groups}")
    array = _assign(target, 0.0)
    *around, (top, bottom), (left, right) = target.ends
    centre = [k // 2 for k in spatial]
    if all(start <= c < stop for c, (start, stop) in zip(centre, around, strict=True)):
        column = np.arange(left, right)
        row = column % (outputs // count) if outputs else column
        passed = (top <= row) & (row < min(bottom, inputs))
        at: tuple[Any, ...] = tuple([c - start for c, (start, _) in zip(centre, around, strict=True)])
        array[(*at, row[passed] - top, column[passed] - left)] = 1.0
    return array


def _assign(target: Target, values: Any) -> np.ndarray:
    array = target.array()
    np.asarray(array)[...] = values  # past a subclass that would not take them all, such as a mask
    return array


# ---- plain random ----


class _Batch:
    """Stands for the key of a tensor of `initialize`: its draw is only noted down, not done."""

    def __init__(self, key: Key, requests: list[tuple[Any, ...]]) -> None:
        self.key = key
        self.requests = requests


# From so many bytes on, a call may be worth more than one thread.
_THREADED_BYTES = 1 << 18


def _draw(target: Target, seed: Any, plan: _kernels.Plan) -> np.ndarray:
    """Fill the target from the stream. All arguments but the seed have been checked."""
    key, stream = key_and_stream(seed.key if type(seed) is _Batch else seed)
    array = target.array()
    # The buffer protocol has no bfloat16; the kernels see its bits.
    buffer = array.view(np.uint16) if target.dtype.code == _kernels.BFLOAT16 else array
    if type(seed) is _Batch:
        seed.requests.append((plan, buffer, key, stream, target.shape, target.block))
    elif array.nbytes < _THREADED_BYTES:
        _kernels.fill(plan, buffer, key, stream, target.shape, target.block)
    else:
        threads = target.threads or thread_limit()
        _kernels.fill(plan, buffer, key, stream, target.shape, target.block, threads)
    return array


# Plans are remembered: whoever makes many tensors makes them by few laws. Only arguments of these types
# are looked up, because others may be unhashable, or equal to a number without being one.
_PLAIN = frozenset({float, int})
_remembered = functools.lru_cache(maxsize=1024, typed=True)


@_initializer
def uniform(
    shape: Shape,
    low: float = -0.05,
    high: float = 0.05,
    *,
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Draw from the uniform distribution on the half-open interval [low, high).

    Parameters
    ----------
    shape : int or sequence of int
    low, high : float
        Finite, low <= high. ``low == high`` gives that value. The result stays inside the interval in
        every dtype, never reaching `high`, unless the dtype has no value in it: then it is the value
        nearest to `low`.
    {common}

    Raises
    ------
    TypeError, ValueError
        If an end is not finite or not representable in the dtype, or low > high.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.uniform((784, 128), -1.0, 1.0, seed=0)
    >>> bool((w >= -1.0).all() and (w < 1.0).all())
    True
    """
    target = check_target(shape, dtype, out, index, threads)
    plain = type(low) in _PLAIN and type(high) in _PLAIN
    make_plan = _uniform_plan if plain else _uniform_plan.__wrapped__
    return _draw(target, seed, make_plan(target.dtype, low, high))


@_remembered
def _uniform_plan(dtype: DType, low: Any, high: Any) -> _kernels.Plan:
    first, last = check_interval(low, high, dtype)
    return _kernels.Plan.uniform(dtype.code, first, last)


@_initializer
def normal(
    shape: Shape,
    mean: float = 0.0,
    std: float = 0.05,
    *,
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Draw from the normal distribution.

    Every element is the inverse normal CDF of its own random word: 31 bits of magnitude and a sign in
    float32, which reach to 6.34 std, 52 and a sign in float64, which reach to 8.3 std.

    Parameters
    ----------
    shape : int or sequence of int
    mean : float
    std : float
        Finite, >= 0.
    {common}

    Raises
    ------
    TypeError, ValueError
        If `mean` or `std` is not finite, `std` is negative, or the dtype overflows.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.normal((1000, 1000), std=0.02, seed=0)
    >>> abs(float(w.std()) - 0.02) < 1e-4
    True
    """
    return _normal(shape, mean, std, -math.inf, math.inf, dtype, seed, out, index, threads)


@_initializer
def truncated_normal(
    shape: Shape,
    mean: float = 0.0,
    std: float = 0.05,
    lower: float = -2.0,
    upper: float = 2.0,
    *,
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Draw from a normal distribution cut off at ``mean + std * [lower, upper]``.

    The bounds are in units of `std`, as in TensorFlow, Keras and JAX; PyTorch's ``trunc_normal_`` has
    absolute bounds a and b: pass ``lower=(a - mean) / std, upper=(b - mean) / std``. `std` is that of
    the normal before truncation, as in all of these; truncated to ±2 the result's is 0.8796 std.

    Every element is the inverse of the truncated CDF at its own random word. There is no rejection,
    and no bound is too far out: the tail beyond 30 std has its exact shape too.

    Parameters
    ----------
    shape : int or sequence of int
    mean : float
    std : float
        Finite, >= 0.
    lower, upper : float
        lower <= upper; either may be infinite. The result stays inside ``mean + std * [lower, upper]``
        in every dtype, unless the dtype has no value in there: then it is a value nearest to it.
    {common}

    Raises
    ------
    TypeError, ValueError
        If `mean` or `std` is not finite, `std` is negative, the bounds are swapped or NaN, or the dtype
        overflows.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.truncated_normal((1000, 1000), std=0.02, seed=0)
    >>> bool(abs(w).max() <= 0.04)
    True
    >>> tail = fastinit.truncated_normal(5, 0.0, 1.0, 30.0, 31.0, dtype="float64", seed=0)
    >>> bool((tail >= 30).all() and (tail < 30.5).all())
    True
    """
    return _normal(shape, mean, std, lower, upper, dtype, seed, out, index, threads)


def _normal(
    shape: Shape,
    mean: float,
    std: float,
    lower: float,
    upper: float,
    dtype: Any,
    seed: Any,
    out: Any,
    index: Any,
    threads: Any,
) -> np.ndarray:
    target = check_target(shape, dtype, out, index, threads)
    plain = type(mean) in _PLAIN and type(std) in _PLAIN and type(lower) in _PLAIN and type(upper) in _PLAIN
    make_plan = _normal_plan if plain else _normal_plan.__wrapped__
    return _draw(target, seed, make_plan(target.dtype, mean, std, lower, upper))


@_remembered
def _normal_plan(dtype: DType, mean: Any, std: Any, lower: Any, upper: Any) -> _kernels.Plan:
    centre, width = check_number("mean", mean), check_std(std)
    first, last = check_bounds(lower, upper)
    check_normal_fits(centre, width, first, last, dtype)
    return _kernels.Plan.normal(dtype.code, centre, width, first, last)


# ---- fan-scaled ----


@_initializer
def variance_scaling(
    shape: Shape,
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "truncated_normal",
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
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
    {axes}
    {common}

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
    axes = _axes(in_axis, out_axis, batch_axis)
    return _scaled(shape, scale, mode, distribution, axes, dtype, seed, out, index, threads)


_DEFAULT_AXES: tuple[Axes, Axes, Axes] = (-2, -1, ())


def _axes(in_axis: Axes, out_axis: Axes, batch_axis: Axes) -> tuple[Axes, Axes, Axes]:
    # Types first, so that what only compares equal (a bool, an array) is not taken for the default.
    if (
        type(in_axis) is type(out_axis) is int
        and type(batch_axis) is tuple
        and (in_axis, out_axis, batch_axis) == _DEFAULT_AXES
    ):
        return _DEFAULT_AXES
    return in_axis, out_axis, batch_axis


def _scaled(
    shape: Shape,
    scale: float,
    mode: str,
    distribution: str,
    axes: tuple[Axes, Axes, Axes],
    dtype: Any,
    seed: Any,
    out: Any,
    index: Any,
    threads: Any,
) -> np.ndarray:
    target = check_target(shape, dtype, out, index, threads)
    plain = axes is _DEFAULT_AXES and type(scale) in _PLAIN and type(mode) is type(distribution) is str
    make_plan = _scaled_plan if plain else _scaled_plan.__wrapped__
    return _draw(target, seed, make_plan(target.shape, target.dtype, scale, mode, distribution, axes))


@_remembered
def _scaled_plan(
    shape: tuple[int, ...], dtype: DType, scale: Any, mode: Any, distribution: Any, axes: tuple[Axes, Axes, Axes]
) -> _kernels.Plan:
    factor = check_scale(scale)
    check_choice("mode", mode, _MODES)
    check_choice("distribution", distribution, _DISTRIBUTIONS, _NORMAL_HINT if distribution == "normal" else "")
    fan_in, fan_out = compute_fans(shape, *axes)
    if mode == "fan_in":
        fan: float = fan_in
    elif mode == "fan_out":
        fan = fan_out
    elif mode == "fan_avg":
        fan = (fan_in + fan_out) / 2
    else:
        fan = math.sqrt(fan_in * fan_out)
    variance = factor / max(1.0, fan)
    if distribution == "uniform":
        limit = math.sqrt(3.0 * variance)
        check_fits(limit, f"scale={scale}", dtype)
        return _kernels.Plan.symmetric_uniform(dtype.code, limit)
    std, bound = math.sqrt(variance), math.inf
    if distribution == "truncated_normal":
        std, bound = std / _TRUNCATED_STD, 2.0
    check_normal_fits(0.0, std, -bound, bound, dtype)
    return _kernels.Plan.normal(dtype.code, 0.0, std, -bound, bound)


@_initializer
def glorot_uniform(
    shape: Shape,
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Draw uniformly in [-L, L], L = sqrt(6 / (fan_in + fan_out)).

    ``variance_scaling(shape, 1.0, "fan_avg", "uniform")``. Alias: ``xavier_uniform``.

    Parameters
    ----------
    shape : int or sequence of int
        (*receptive field*, in, out) with the default axes; see `fastinit.fans`.
    {axes}
    {common}

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
    axes = _axes(in_axis, out_axis, batch_axis)
    return _scaled(shape, 1.0, "fan_avg", "uniform", axes, dtype, seed, out, index, threads)


@_initializer
def glorot_normal(
    shape: Shape,
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Draw from a truncated normal of std sqrt(2 / (fan_in + fan_out)).

    ``variance_scaling(shape, 1.0, "fan_avg", "truncated_normal")``. Alias: ``xavier_normal``.

    Truncated at ±2 std of the underlying normal as in Keras and JAX, unlike PyTorch's
    ``xavier_normal_``, which is ``variance_scaling(shape, 1.0, "fan_avg", "untruncated_normal")``.

    Parameters
    ----------
    shape : int or sequence of int
        (*receptive field*, in, out) with the default axes; see `fastinit.fans`.
    {axes}
    {common}

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
    axes = _axes(in_axis, out_axis, batch_axis)
    return _scaled(shape, 1.0, "fan_avg", "truncated_normal", axes, dtype, seed, out, index, threads)


@_initializer
def he_uniform(
    shape: Shape,
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Draw uniformly in [-L, L], L = sqrt(6 / fan_in).

    ``variance_scaling(shape, 2.0, "fan_in", "uniform")``. Alias: ``kaiming_uniform``.

    Parameters
    ----------
    shape : int or sequence of int
        (*receptive field*, in, out) with the default axes; see `fastinit.fans`.
    {axes}
    {common}

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
    axes = _axes(in_axis, out_axis, batch_axis)
    return _scaled(shape, 2.0, "fan_in", "uniform", axes, dtype, seed, out, index, threads)


@_initializer
def he_normal(
    shape: Shape,
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Draw from a truncated normal of std sqrt(2 / fan_in).

    ``variance_scaling(shape, 2.0, "fan_in", "truncated_normal")``. Alias: ``kaiming_normal``.

    Truncated at ±2 std of the underlying normal as in Keras and JAX, unlike PyTorch's
    ``kaiming_normal_``, which is ``variance_scaling(shape, 2.0, "fan_in", "untruncated_normal")``.

    Parameters
    ----------
    shape : int or sequence of int
        (*receptive field*, in, out) with the default axes; see `fastinit.fans`.
    {axes}
    {common}

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
    axes = _axes(in_axis, out_axis, batch_axis)
    return _scaled(shape, 2.0, "fan_in", "truncated_normal", axes, dtype, seed, out, index, threads)


@_initializer
def lecun_uniform(
    shape: Shape,
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Draw uniformly in [-L, L], L = sqrt(3 / fan_in).

    ``variance_scaling(shape, 1.0, "fan_in", "uniform")``.

    Parameters
    ----------
    shape : int or sequence of int
        (*receptive field*, in, out) with the default axes; see `fastinit.fans`.
    {axes}
    {common}

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
    axes = _axes(in_axis, out_axis, batch_axis)
    return _scaled(shape, 1.0, "fan_in", "uniform", axes, dtype, seed, out, index, threads)


@_initializer
def lecun_normal(
    shape: Shape,
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Draw from a truncated normal of std sqrt(1 / fan_in).

    ``variance_scaling(shape, 1.0, "fan_in", "truncated_normal")``.

    Parameters
    ----------
    shape : int or sequence of int
        (*receptive field*, in, out) with the default axes; see `fastinit.fans`.
    {axes}
    {common}

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
    axes = _axes(in_axis, out_axis, batch_axis)
    return _scaled(shape, 1.0, "fan_in", "truncated_normal", axes, dtype, seed, out, index, threads)


xavier_uniform = _registry["xavier_uniform"] = glorot_uniform
xavier_normal = _registry["xavier_normal"] = glorot_normal
kaiming_uniform = _registry["kaiming_uniform"] = he_uniform
kaiming_normal = _registry["kaiming_normal"] = he_normal


# ---- structured ----


@_initializer
def sparse(
    shape: Shape,
    sparsity: float,
    std: float = 0.01,
    *,
    dtype: Any = None,
    seed: Any = None,
    out: Any = None,
    index: Any = None,
    threads: Any = None,
) -> np.ndarray:
    """Draw a matrix whose columns each hold an exact number of zeros, the rest normal.

    Parameters
    ----------
    shape : sequence of int
        (in, out): two axes.
    sparsity : float
        Share of zeros in every column (in the inputs of every unit), in [0, 1]:
        ceil(sparsity * in) of its entries, the product taken in float64 as in PyTorch, chosen
        independently for each column.
    std : float
        Standard deviation of the other entries, which are those of ``normal(shape, 0, std)``.
    {common}

    Raises
    ------
    TypeError, ValueError
        If the shape has not two axes, or `sparsity` or `std` is out of range.

    References
    ----------
    Martens, "Deep learning via Hessian-free optimization", ICML 2010. PyTorch's ``sparse_`` has the
    same zeros per column of its (out, in) tensors, that is, per *input*; pass its transpose.

    Examples
    --------
    >>> import fastinit
    >>> w = fastinit.sparse((10, 4), sparsity=0.75, seed=0)
    >>> (w == 0).sum(axis=0)
    array([8, 8, 8, 8])
    """
    target = check_target(shape, dtype, out, index, threads)
    check_rank(target.shape, 2, 2, "`shape` must have two axes, (in, out)")
    share, width = check_fraction("sparsity", sparsity), check_std(std)
    key = Key(seed)
    array = _draw(target, key, _normal_plan(target.dtype, 0.0, width, -math.inf, math.inf))

    rows, columns = target.shape
    count = math.ceil(share * rows)
    (first, last), (left, right) = target.block or ((0, rows), (0, columns))
    if count and array.size:
        # A column's zeros depend on all of its words, so whole columns are ranked, also for a block.
        words = np.empty((rows, right - left), np.uint32)
        mask_key = key.child("sparse.mask")
        _kernels.fill(
            _kernels.Plan.words(), words, mask_key.key, mask_key.stream, target.shape, ((0, rows), (left, right))
        )
        # Equal words are ranked by row, which a stable sort does.
        zero_rows = np.argsort(words, axis=0, kind="stable")[:count]
        is_zero = np.zeros(words.shape, bool)
        np.put_along_axis(is_zero, zero_rows, True, axis=0)
        array[is_zero[first:last]] = 0.0
    return array


# ---- many at once ----


def initialize(tensors: Mapping[str, Sequence[Any]], *, seed: Any = None, threads: Any = None) -> dict[str, np.ndarray]:
    """Initialize all tensors of a model in one call, in parallel.

    Every tensor gets its own stream, ``Key(seed).child(name)``, so the result is that of the separate
    calls, bit for bit: ``initializer(shape, seed=Key(seed).child(name), **kwargs)``. It does not depend
    on the order of the tensors nor on which others there are.

    Parameters
    ----------
    tensors : mapping of str to (initializer, shape) or (initializer, shape, kwargs)
        `initializer` is a name or a function of this package, or any callable that takes a shape and
        ``seed=``. `kwargs` is a dict of its further arguments, ``out=`` included.
    seed : None, int, Key, or numpy.random.SeedSequence, Generator or BitGenerator
        None takes fresh entropy, once for all.
    threads : int
        The most threads that the call may use. Values never depend on it.

    Returns
    -------
    dict of str to numpy.ndarray
        In the order of `tensors`.

    Raises
    ------
    TypeError, ValueError
        If an entry is not as described or its initializer refuses it. Everything is checked before any
        array that was passed in is written.

    Examples
    --------
    >>> import fastinit
    >>> weights = fastinit.initialize(
    ...     {
    ...         "dense.kernel": ("he_normal", (784, 128)),
    ...         "dense.bias": ("zeros", (128,)),
    ...         "head.kernel": ("normal", (128, 10), {"std": 0.02, "dtype": "float64"}),
    ...     },
    ...     seed=0,
    ... )
    >>> bool((weights["head.kernel"] == fastinit.normal(
    ...     (128, 10), std=0.02, dtype="float64", seed=fastinit.Key(0).child("head.kernel"))).all())
    True
    """
    limit = thread_limit() if threads is None else check_threads(threads)
    root = Key(seed)
    requests: list[tuple[Any, ...]] = []
    copies: list[tuple[np.ndarray, np.ndarray]] = []
    arrays = {}
    for name, entry in tensors.items():
        initializer, shape, kwargs = check_entry(name, entry)
        function = get(initializer) if isinstance(initializer, str) else initializer
        key = root.child(name)
        if function in _DRAWN:
            arrays[name] = function(shape, seed=_Batch(key, requests), **kwargs)
            continue
        # What is not drawn is made now, and written to its place when all has been checked.
        out = kwargs.pop("out", None)
        array = function(shape, seed=key, **kwargs)
        if out is not None:
            check_target(array.shape, kwargs.get("dtype"), out, None, None)
            copies.append((out, array))
        arrays[name] = array if out is None else out
    for out, array in copies:
        np.asarray(out)[...] = array
    _kernels.fill_all(requests, limit)
    return arrays


# The initializers that are one draw, which `initialize` can do together with others.
_DRAWN = {
    uniform,
    normal,
    truncated_normal,
    variance_scaling,
    glorot_uniform,
    glorot_normal,
    he_uniform,
    he_normal,
    lecun_uniform,
    lecun_normal,
}
