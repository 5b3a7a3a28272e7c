"""Activations: their names, their parameters, and the call that applies one to an array."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import _kernels
from .._arguments import Real, Threads, check_out, check_threads
from .._memory import new_array
from ..runtime import thread_limit
from ._arrays import MOST_AXES, written
from ._checks import check_activation, check_activation_parameter, check_real_array, check_rows, check_same_or_apart

# Each activation and the default of its parameter, None where it takes none.
PARAMETERS = _kernels.ACTIVATION_PARAMETERS

# These work on rows, the others on single values.
OF_ROWS = _kernels.ROW_ACTIVATIONS

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
]
WithParameter = Literal["leaky_relu", "elu", "softplus"]
OfRows = Literal["softmax", "log_softmax"]
ElementwiseActivation = Elementwise | tuple[WithParameter, float] | None
Activation = ElementwiseActivation | OfRows

_BY_NAME: dict[Any, tuple[int, float]] = {
    name: (_kernels.ACTIVATIONS[name], parameter or 0.0) for name, parameter in PARAMETERS.items()
}
_BY_NAME[None] = _BY_NAME["linear"]


def resolve(activation: Any) -> tuple[int, float]:
    """The kernels' code and parameter of an activation: None, a name, or a (name, parameter) pair."""
    if (type(activation) is str or activation is None) and activation in _BY_NAME:
        return _BY_NAME[activation]
    name, parameter = check_activation("linear" if activation is None else activation, PARAMETERS)
    return _kernels.ACTIVATIONS[name], parameter


def activate(
    x: NDArray[Real], name: Activation, out: NDArray[Real] | None = None, *, threads: Threads = None
) -> NDArray[Real]:
    """Apply an activation function to every value, or to every row, of an array.

    ================  =====================================================================  ===========
    name              f(x)                                                                   parameter
    ================  =====================================================================  ===========
    ``linear``        x
    ``relu``          max(x, 0)
    ``relu6``         min(max(x, 0), 6)
    ``leaky_relu``    x for x >= 0, a x for x < 0                                            a = 0.01
    ``elu``           x for x >= 0, a (exp(x) - 1) for x < 0                                 a = 1
    ``selu``          1.0507... times elu(x) with a = 1.6732...
    ``gelu``          x P(Z <= x), Z standard normal: x (1 + erf(x / sqrt(2))) / 2
    ``gelu_tanh``     x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
    ``silu``          x sigmoid(x), also called swish
    ``sigmoid``       1 / (1 + exp(-x))
    ``hard_sigmoid``  min(max(x + 3, 0), 6) / 6
    ``hard_silu``     x hard_sigmoid(x), also called hard swish
    ``tanh``          tanh(x)
    ``softplus``      log(1 + exp(b x)) / b                                                  b = 1
    ``softsign``      x / (1 + abs(x))
    ``mish``          x tanh(log(1 + exp(x)))
    ``exp``           exp(x)
    ``softmax``       exp(x) / sum(exp(x)), sums over the last axis
    ``log_softmax``   log(softmax(x)), likewise
    ================  =====================================================================  ===========

    Parameters
    ----------
    x : numpy.ndarray
        Of float32 or float64, of any shape and strides. softmax and log_softmax need an axis to sum over.
    name : str or (str, float)
        The activation, with a value for its parameter if that shall not be the default above. The parameter is
        rounded to the dtype of `x`. Keras's own ``leaky_relu`` has 0.2 where PyTorch and this one have 0.01; the
        hard ones are those of PyTorch and Keras 3.
    out : numpy.ndarray, optional
        Where to write the result: C-contiguous, writable, of the shape and dtype of `x`. It may be `x` itself,
        but must not overlap it otherwise. A call that a signal ends (Ctrl-C: KeyboardInterrupt) has written
        some of it.
    threads : int, optional
        The most threads to use; as many as are useful by default. The result does not depend on it.

    Returns
    -------
    numpy.ndarray
        `out` if it is given, else a new array.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these. Nothing has been written then.

    Notes
    -----
    The same input gives the same bits on every machine, for every number of threads and wherever a value stands
    in the array. Errors are relative, in units in the last place of the result, and hold for every x, also where
    the result nears zero: at most 2 (float32) or 4 (float64) for exp, sigmoid and tanh, and 4 or 8 for the others.
    A NaN stays a NaN. At ±inf every value is the function's limit, also where PyTorch and JAX compute a NaN of
    0 times inf: silu, gelu, gelu_tanh, mish and hard_silu are -0 at -inf and inf at inf, softsign is -1 and 1.
    A NaN or +inf in a row, or a row of -inf alone, makes all of its softmax NaN.

    Examples
    --------
    >>> import fastinit
    >>> import numpy as np
    >>> x = np.array([-2.0, 0.0, 2.0])
    >>> fastinit.activate(x, "relu")
    array([0., 0., 2.])
    >>> fastinit.activate(x, ("leaky_relu", 0.2))
    array([-0.4,  0. ,  2. ])
    >>> fastinit.activate(x, "softmax", out=x).round(3)
    array([0.016, 0.117, 0.867])
    """
    kind, parameter = resolve(name)
    word: str | None = name[0] if isinstance(name, tuple) else name
    if isinstance(name, tuple):
        check_activation_parameter(name[0], parameter, check_real_array("x", x))
    of_rows = word in OF_ROWS
    limit = thread_limit if threads is None else check_threads(threads)
    result = _kernels.activate(x, kind, parameter, out, of_rows, limit)
    if result is not None:
        return result

    # Either an argument is wrong, or `out` lies in the gaps of `x`, and to tell that takes longer.
    dtype = check_real_array("x", x)
    if word is not None and of_rows:
        check_rows(word, x)
    if out is not None:
        check_out(out, dtype, x.shape)
        check_same_or_apart(x, out)
    if x.ndim <= MOST_AXES:
        return written(_kernels.activate(x, kind, parameter, out, of_rows, limit, True))
    result = new_array(x.shape, dtype.numpy) if out is None else out
    rows = (math.prod(x.shape[:-1]), x.shape[-1])
    written(_kernels.activate(np.asarray(x).reshape(rows), kind, parameter, result.reshape(rows), of_rows, limit, True))
    return result
