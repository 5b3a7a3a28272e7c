"""A dense layer in one call."""

from __future__ import annotations

from numpy.typing import NDArray

from .. import _kernels
from .._arguments import Real, Threads, check_flag, check_threads
from ..runtime import thread_limit
from ._activation import Activation, check_columns, check_parameters, resolve
from ._arrays import halved, written
from ._checks import check_dense, check_real_array, check_result


def dense(
    x: NDArray[Real],
    weight: NDArray[Real],
    bias: NDArray[Real] | None = None,
    activation: Activation = None,
    *,
    out: NDArray[Real] | None = None,
    transpose_weight: bool = False,
    threads: Threads = None,
) -> NDArray[Real]:
    """Compute ``activation(x @ weight + bias)`` in one call.

    Parameters
    ----------
    x : numpy.ndarray
        Shape (in,), (batch, in) or (..., batch, in), of float32 or float64, with any strides.
    weight : numpy.ndarray
        Shape (in, out) or (..., in, out), of the dtype of `x`. Leading axes of `x` and `weight` are
        broadcast as in `numpy.matmul`: many small networks in one call.
    bias : numpy.ndarray, optional
        Shape (out,) or (..., out); its leading axes are those of `weight`, or are broadcast to those of
        the result. It is added as ``bias[..., None, :]``, once, after the last product.
    activation : str, (str, float) or (str, {str: float}), optional
        As in `activate`. Those of rows work on the last axis. glu, swiglu and geglu halve it: `weight` and `bias`
        hold the columns of the values, then as many of their gates.
    out : numpy.ndarray, optional
        Where to write the result: C-contiguous, writable, of its shape and dtype, and apart from the memory of
        the other arrays. A call that a signal ends (Ctrl-C: KeyboardInterrupt) has written some of it.
    transpose_weight : bool
        Whether `weight` is (..., out, in), as PyTorch stores it.
    threads : int, optional
        The most threads to use; as many as are useful by default.

    Returns
    -------
    numpy.ndarray
        The shape is that of ``numpy.matmul(x, weight)``: a 1-D `x` gives a result without the batch axis. But a 1-D
        `weight`, which matmul takes for a column, is refused: ``weight[:, None]`` is one output.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes do not fit, or an argument is none of these. Nothing has been written then.

    Notes
    -----
    Every element is the sum over k, from 0 and in ascending order, of the products x[k] weight[k], each added
    by a fused multiply-add: ``fma(x[n - 1], w[n - 1], ... fma(x[0], w[0], 0.0))``. The order is the same for
    every batch size, number of threads and instruction set, and so are the bits. Products with zero are not
    left out: infinities and NaNs go through, though not the signs of NaNs. Chains run side by side in a vector's
    lanes, one for each output: with a few outputs, such as a critic's single one, most lanes are idle, and libraries
    that split the chain are faster.

    For one weight and many calls, `MLP` keeps a packed copy.

    Examples
    --------
    >>> import fastinit
    >>> import numpy as np
    >>> x, weight = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, -1.0], [0.5, 1.0, 0.0]])
    >>> fastinit.dense(x, weight, np.array([0.0, -3.0, 0.5]), "relu")
    array([[2., 0., 0.]])
    >>> population = np.stack([weight, -weight])
    >>> fastinit.dense(x, population).shape
    (2, 1, 3)
    """
    function = resolve(activation)
    if isinstance(activation, tuple):
        check_parameters(activation, check_real_array("x", x))
    if type(transpose_weight) is not bool:
        transpose_weight = check_flag("transpose_weight", transpose_weight)
    limit = thread_limit if threads is None else check_threads(threads)
    result = _kernels.dense(x, weight, bias, function, out, transpose_weight, limit)
    if result is not None:
        return result

    # Either an argument is wrong, or `out` lies in the gaps of another array, and to tell that takes longer.
    dtype, shape = check_dense(x, weight, bias, transpose_weight)
    check_columns(activation, shape[-1])
    if function.takes == _kernels.HALVES:
        shape = halved(shape)
    check_result(out, dtype, shape, x=x, weight=weight, bias=bias)
    return written(_kernels.dense(x, weight, bias, function, out, transpose_weight, limit, True))
