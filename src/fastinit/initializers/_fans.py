"""How many inputs and outputs a weight tensor connects."""

from __future__ import annotations

import math

from .._arguments import Axes, Shape, check_axes, check_shape, is_int, is_sequence


def fans(
    shape: Shape,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
) -> tuple[int, int]:
    """Compute ``(fan_in, fan_out)`` of a weight tensor.

    The axes that are neither input, output nor batch form the receptive field, and count for both:
    fan_in is the product of the input axes and the receptive field, fan_out that of the output axes
    and the receptive field. Batch axes (experts, populations) count for neither. This is the rule of
    JAX, and with the default axes that of Keras: dense kernels are (in, out), convolutions
    (*spatial*, in, out). PyTorch stores (out, in, *spatial*): pass ``in_axis=1, out_axis=0``.

    A grouped convolution's kernel has in / groups input channels, so its fan_in is that of one group.
    Its fan_out counts all outputs, as in Keras, JAX and PyTorch; divide the shape's last axis by the
    number of groups yourself for the fan_out of one group.

    Parameters
    ----------
    shape : int or sequence of int
        Shape of the whole tensor. With the default axes, one axis of n elements (a bias) has fans
        (n, n) and a scalar (1, 1), as in Keras.
    in_axis, out_axis, batch_axis : int or sequence of int
        Axes of the inputs, the outputs, and of independent tensors stacked into one.

    Returns
    -------
    fan_in, fan_out : int

    Raises
    ------
    TypeError, ValueError
        If the shape is none, an axis is out of range, or one is named twice.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.fans((784, 128))
    (784, 128)
    >>> fastinit.fans((3, 3, 16, 32))  # 3x3 convolution, 16 to 32 channels
    (144, 288)
    >>> fastinit.fans((512, 8, 64), in_axis=0, out_axis=(1, 2))  # attention: model, heads, head size
    (512, 512)
    >>> fastinit.fans((4, 512, 2048), batch_axis=0)  # four experts
    (512, 2048)
    """
    return compute_fans(check_shape(shape), in_axis, out_axis, batch_axis)


def compute_fans(shape: tuple[int, ...], in_axis: Axes, out_axis: Axes, batch_axis: Axes) -> tuple[int, int]:
    """`fans` of a shape that has been checked."""
    if len(shape) < 2 and _are_default(in_axis, out_axis, batch_axis):
        n = shape[0] if shape else 1
        return n, n
    inputs, outputs, batch = check_axes(len(shape), in_axis=in_axis, out_axis=out_axis, batch_axis=batch_axis)
    field = math.prod(n for axis, n in enumerate(shape) if axis not in {*inputs, *outputs, *batch})
    fan_in = math.prod(shape[axis] for axis in inputs) * field
    fan_out = math.prod(shape[axis] for axis in outputs) * field
    return fan_in, fan_out


def _are_default(in_axis: Axes, out_axis: Axes, batch_axis: Axes) -> bool:
    return (
        is_int(in_axis)
        and is_int(out_axis)
        and is_sequence(batch_axis)
        and (in_axis, out_axis, len(batch_axis)) == (-2, -1, 0)  # type: ignore[arg-type]
    )
