"""Activations: their names, their parameters, and the call that applies one to an array."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import _kernels
from .._arguments import DType, Real, Threads, check_out, check_threads
from .._memory import new_array
from ..runtime import thread_limit
from ._arrays import MOST_AXES, written
from ._checks import (
    check_activation,
    check_activation_columns,
    check_activation_parameters,
    check_float_array,
    check_mask,
    check_of_rows,
    check_row_axes,
    check_same_or_apart,
)

# Each activation and its parameters, with their standard values and what they may be.
PARAMETERS = _kernels.ACTIVATION_PARAMETERS

# These work on rows, and those make of a row another of half as many; the others take single values.
OF_ROWS = _kernels.ROW_ACTIVATIONS
GATED = _kernels.GATED_ACTIVATIONS

# Other names that users know some by.
ALIASES = _kernels.ACTIVATION_ALIASES

# The same names for type checkers, which read no compiled module. tests/house/test_activations.py compares them.
Elementwise = Literal[
    "linear",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "gelu_tanh",
    "silu",
    "sigmoid",
    "hard_sigmoid",
    "hard_silu",
    "tanh",
    "softplus",
    "softsign",
    "mish",
    "exp",
    "celu",
    "log_sigmoid",
    "hard_tanh",
    "hard_shrink",
    "soft_shrink",
    "tanh_shrink",
    "threshold",
    "thresholded_relu",
    "relu_squared",
    "squareplus",
    "sparse_plus",
    "sparse_sigmoid",
    "quick_gelu",
]
ElementwiseAlias = Literal[
    "identity",
    "gelu_new",
    "swish",
    "logistic",
    "hardsigmoid",
    "hard_swish",
    "hardswish",
    "exponential",
    "logsigmoid",
    "hardtanh",
    "hardshrink",
    "softshrink",
    "tanhshrink",
    "squared_relu",
    "relu2",
]
WithParameter = Literal[
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "silu",
    "swish",
    "hard_sigmoid",
    "hardsigmoid",
    "softplus",
    "celu",
    "hard_tanh",
    "hardtanh",
    "hard_shrink",
    "hardshrink",
    "soft_shrink",
    "softshrink",
    "threshold",
    "thresholded_relu",
    "squareplus",
]
OfRows = Literal["softmax", "log_softmax", "logsoftmax", "softmin", "sparsemax", "hardmax", "prelu"]
Gated = Literal["glu", "swiglu", "geglu"]
ElementwiseActivation = Elementwise | ElementwiseAlias | tuple[WithParameter, float | Mapping[str, float]] | None
Activation = ElementwiseActivation | OfRows | Gated | tuple[Literal["prelu"], float | NDArray[Any] | Mapping[str, Any]]

_BY_NAME: dict[Any, _kernels.Function] = {name: _kernels.Function(code) for name, code in _kernels.ACTIVATIONS.items()}
_BY_NAME.update({alias: _BY_NAME[name] for alias, name in _kernels.ACTIVATION_ALIASES.items()})
_BY_NAME[None] = _BY_NAME["linear"]

# What stands for an element that is masked, and what becomes of it.
_MASKED = {
    "softmax": (-math.inf, 0.0),
    "log_softmax": (-math.inf, -math.inf),
    "softmin": (math.inf, 0.0),
    "sparsemax": (-math.inf, 0.0),
    "hardmax": (-math.inf, 0.0),
}


def described(activation: Any) -> tuple[str, list[Any]]:
    """The name and the values of all parameters of an activation as a caller gives it; none is linear."""
    return check_activation("linear" if activation is None else activation, PARAMETERS)


def resolve(activation: Any) -> _kernels.Function:
    """What the kernels compute for an activation as a caller gives it."""
    if (type(activation) is str or activation is None) and activation in _BY_NAME:
        return _BY_NAME[activation]
    name, values = described(activation)
    of_columns = values[0] if values and isinstance(values[0], np.ndarray) else None
    return _kernels.Function(_kernels.ACTIVATIONS[name], () if of_columns is not None else tuple(values), of_columns)


def check_parameters(activation: Any, dtype: DType) -> None:
    """Whether the parameters of an activation, if it has any, fit the dtype."""
    name, values = described(activation)
    check_activation_parameters(name, PARAMETERS[name], values, dtype)


def check_columns(activation: Any, columns: int) -> None:
    """Whether an activation can be computed of rows of so many columns."""
    check_activation_columns(*described(activation), columns)


def activate(
    x: NDArray[Real],
    name: Activation,
    out: NDArray[Real] | None = None,
    *,
    axis: int | tuple[int, ...] = -1,
    where: NDArray[np.bool_] | None = None,
    threads: Threads = None,
) -> NDArray[Real]:
    """Apply an activation function to every value, or to every row, of an array.

    ====================  ==========================================================  ================================
    name                  f(x)                                                        parameters
    ====================  ==========================================================  ================================
    ``linear``            x
    ``relu``              0 for x < 0, else x; with parameters: s (x - t) for x < t,  negative_slope s = 0,
                          else min(x, m)                                              max_value m = inf, threshold t = 0
    ``relu6``             min(max(x, 0), 6)
    ``leaky_relu``        x for x >= 0, s x for x < 0                                 negative_slope s = 0.01
    ``elu``               x for x >= 0, a (exp(x) - 1) for x < 0                      alpha a = 1
    ``selu``              g x for x >= 0, g a (exp(x) - 1) for x < 0                  alpha a = 1.6732632423543772,
                                                                                      gamma g = 1.0507009873554805
    ``gelu``              x P(Z <= x), Z standard normal: x (1 + erf(x / √2)) / 2
    ``gelu_tanh``         x (1 + tanh(√(2 / π) (x + 0.044715 x³))) / 2
    ``silu``              x sigmoid(b x), also called swish                           beta b = 1
    ``sigmoid``           1 / (1 + exp(-x))
    ``hard_sigmoid``      a x + b between 0 and 1                                     alpha a = 1/6, beta b = 0.5
    ``hard_silu``         x hard_sigmoid(x), also called hard swish
    ``tanh``              tanh(x)
    ``softplus``          log(1 + exp(b x)) / b; x where b x > t                      beta b = 1, threshold t = inf
    ``softsign``          x / (1 + abs(x))
    ``mish``              x tanh(log(1 + exp(x)))
    ``exp``               exp(x)
    ``softmax``           exp(x) / sum(exp(x)), sums over the axis
    ``log_softmax``       log(softmax(x))
    ``celu``              x for x >= 0, a (exp(x / a) - 1) for x < 0                  alpha a = 1
    ``log_sigmoid``       log(sigmoid(x))
    ``hard_tanh``         min(max(x, l), m)                                           min_value l = -1, max_value m = 1
    ``hard_shrink``       x where abs(x) > t, else 0                                  threshold t = 0.5
    ``soft_shrink``       x - t for x > t, x + t for x < -t, else 0                   threshold t = 0.5
    ``tanh_shrink``       x - tanh(x)
    ``threshold``         x for x > t, else v                                         threshold t = 0, value v = 0
    ``thresholded_relu``  x for x > t, else 0                                         threshold t = 1
    ``relu_squared``      max(x, 0)²
    ``squareplus``        (x + √(x² + b)) / 2                                         b = 4
    ``sparse_plus``       (x + 1)² / 4 for -1 < x < 1, below 0, above x
    ``sparse_sigmoid``    (x + 1) / 2 between 0 and 1
    ``quick_gelu``        x sigmoid(1.702 x)
    ``softmin``           softmax(-x)
    ``sparsemax``         max(x - t, 0), with the t for which the sum is 1
    ``hardmax``           1 for the first of the largest, else 0
    ``prelu``             x for x >= 0, s x for x < 0, an s for each column           negative_slope s = 0.25
    ``glu``               a sigmoid(b), of the halves a and b of a row
    ``swiglu``            a silu(b)
    ``geglu``             a gelu(b)
    ====================  ==========================================================  ================================

    Other names are ``identity`` (linear), ``swish`` (silu), ``exponential`` (exp), ``logistic`` (sigmoid),
    ``gelu_new`` (gelu_tanh), ``hard_swish``, ``hardswish`` (hard_silu), ``squared_relu``, ``relu2`` (relu_squared), and
    PyTorch's ``hardsigmoid``, ``hardtanh``, ``hardshrink``, ``softshrink``, ``tanhshrink``, ``logsigmoid``,
    ``logsoftmax``.

    Parameters
    ----------
    x : numpy.ndarray
        Of float32, float64, float16 or bfloat16, of any shape and strides. Those of 16 bits are computed in float32,
        and rounded once. Activations of rows, from softmax on, need an axis.
    name : str, (str, float) or (str, {str: float})
        The activation; or with a value for its first parameter; or with values for any of them. Parameters that are
        left out have the values above. They are rounded to the dtype of `x`. Keras's own ``leaky_relu`` has 0.2
        where PyTorch and this one have 0.01, ONNX's HardSigmoid an alpha of 0.2; the hard ones are those of PyTorch
        and Keras 3. prelu's parameter may be a 1-D array, a slope for each column, of the dtype of `x` (float32 for
        16 bits).
    out : numpy.ndarray, optional
        Where to write the result: C-contiguous, writable, of its shape and the dtype of `x`. It may be `x` itself,
        but for the last three, and must not overlap it otherwise. A call that a signal ends (Ctrl-C:
        KeyboardInterrupt) has written some of it.
    axis : int or tuple of int
        Of the rows that softmax, log_softmax, softmin, sparsemax and hardmax are computed of: the last axis, another
        one, or several; one alone for prelu's columns and for the halves of glu, swiglu and geglu. The other
        activations have none.
    where : numpy.ndarray of bool, optional
        Which elements take part in softmax, log_softmax, softmin, sparsemax and hardmax; it is broadcast to the shape
        of `x`. The others count as -inf, whatever they hold: their result is 0 (of log_softmax -inf), also where no
        element of a row takes part. The 1 of hardmax goes to one that takes part, even if those are all -inf.
    threads : int, optional
        The most threads to use; as many as are useful by default. The result does not depend on it.

    Returns
    -------
    numpy.ndarray
        `out` if it is given, else a new array. glu, swiglu and geglu halve the axis: the second half is the gate.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these. Nothing has been written then.

    Notes
    -----
    The same input gives the same bits on every machine, for every number of threads and wherever a value stands
    in the array. Errors are relative, in units in the last place of the result, and hold for every x, also where
    the result nears zero: at most 2 (float32) or 4 (float64) for exp, sigmoid and tanh, and 4 or 8 for the others;
    those of sparsemax, which are differences, are as many units of the largest of a row. With parameters of one's own
    they hold but for squareplus (4.5), and where a product or difference that docs/activations.md names overflows.
    A NaN stays a NaN. At ±inf every value is the function's limit, also where PyTorch and JAX compute a NaN of
    0 times inf: silu, gelu, gelu_tanh, mish and hard_silu are -0 at -inf and inf at inf, softsign is -1 and 1.
    A NaN or +inf in a row, or a row of -inf alone, makes all of its softmax NaN; softmin and sparsemax likewise, and
    hardmax if there is a NaN. docs/activations.md has a table of where other libraries differ.

    Examples
    --------
    >>> import fastinit
    >>> import numpy as np
    >>> x = np.array([-2.0, 0.0, 2.0])
    >>> fastinit.activate(x, "relu")
    array([0., 0., 2.])
    >>> fastinit.activate(x, ("leaky_relu", 0.2))
    array([-0.4,  0. ,  2. ])
    >>> fastinit.activate(x, ("relu", {"max_value": 1.5, "negative_slope": 0.25}))
    array([-0.5,  0. ,  1.5])
    >>> fastinit.activate(x, "softmax", where=np.array([True, True, False])).round(3)
    array([0.119, 0.881, 0.   ])
    >>> fastinit.activate(x, "softmax", out=x).round(3)
    array([0.016, 0.117, 0.867])
    """
    function = resolve(name)
    if isinstance(name, tuple):
        check_parameters(name, check_float_array("x", x)[1])
    limit = thread_limit if threads is None else check_threads(threads)
    if where is None and type(axis) is int and axis == -1:
        result = _kernels.activate(x, function, out, limit)
        if result is not None:
            return result
    return _activate_anyhow(x, name, function, out, axis, where, limit)


def _activate_anyhow(
    x: Any, activation: Any, function: _kernels.Function, out: Any, axis: Any, where: Any, limit: Any
) -> NDArray[Any]:
    """What the kernels leave to Python: other axes, masks, 16 bits; and to say which argument is wrong."""
    dtype, wide = check_float_array("x", x)
    name, values = described(activation)
    if not function.takes:
        check_of_rows(name, axis, where)
        axes: tuple[int, ...] = ()
    else:
        axes = check_row_axes(name, x, axis, name in _MASKED)
        check_activation_columns(name, values, math.prod(x.shape[a] for a in axes))
    mask = None if where is None else check_mask(name, where, x.shape, _MASKED)
    shape = list(x.shape)
    if name in GATED:
        shape[axes[0]] //= 2
    if out is not None:
        check_out(out, dtype, tuple(shape))
        check_same_or_apart(x, out, name in GATED)

    result = new_array(tuple(shape), dtype.numpy) if out is None else out
    if mask is None and dtype is wide and axes in ((), (x.ndim - 1,)):
        # `out` lies in the gaps of `x`, which takes longer to tell; or there are more axes than the kernels take.
        if name in GATED:
            x = np.ascontiguousarray(x)
        if x.ndim <= MOST_AXES:
            return written(_kernels.activate(x, function, result, limit, True))
        lead = math.prod(x.shape[:-1])
        whole, results = np.asarray(x).reshape(lead, x.shape[-1]), result.reshape(lead, shape[-1])
        written(_kernels.activate(whole, function, results, limit, True))
        return result

    last = tuple(range(-len(axes), 0))
    moved = np.moveaxis(np.asarray(x), axes, last)
    rows: NDArray[Any] = np.array(moved, wide.numpy, order="C")
    if axes:
        columns, lead = math.prod(moved.shape[-len(axes) :]), moved.shape[: -len(axes)]
        rows = rows.reshape(*lead, columns) if len(lead) < MOST_AXES else rows.reshape(math.prod(lead), columns)
    else:
        rows = rows.reshape(rows.size)
    taking_part = None
    if mask is not None:
        taking_part = np.moveaxis(mask, axes, last).reshape(rows.shape)
        np.copyto(rows, _MASKED[name][0], where=~taking_part)
    low = rows == -np.inf if name == "hardmax" else None
    y = written(_kernels.activate(rows, function, None if name in GATED else rows, limit, True))
    if taking_part is not None:
        np.copyto(y, _MASKED[name][1], where=~taking_part)
        if low is not None:
            _choose_first(y, taking_part, low)
    of_moved = [n for a, n in enumerate(shape) if a not in axes] + [shape[a] for a in axes]
    y = np.moveaxis(y.reshape(of_moved), last, axes)
    if dtype is wide:
        np.copyto(result, y)
    elif y.size:
        narrow = result.reshape(-1).view(np.uint16)
        _kernels.narrow(_kernels.FLOAT32, np.ascontiguousarray(y).reshape(-1), dtype.code, narrow)
    return result


def _choose_first(y: NDArray[Any], taking_part: NDArray[Any], low: NDArray[Any]) -> None:
    """hardmax where all that takes part of a row is -inf, as those are that do not: the first that does."""
    alone = low.all(axis=-1) & taking_part.any(axis=-1)
    rows = np.zeros((int(alone.sum()), y.shape[-1]), y.dtype)
    rows[np.arange(len(rows)), taking_part[alone].argmax(axis=-1)] = 1
    y[alone] = rows
