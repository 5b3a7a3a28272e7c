"""Every initializer for tensors that are stored (out, in, *spatial*), as PyTorch and its files store them.

An initializer that knows fans or matrices is told which axes are which. One whose layout is fixed, (*spatial*,
in, out), draws its tensor as it always does, and the axes are turned afterwards.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from . import initializers, schemes
from ._arguments import BITS, check_target
from .initializers._engine import Made, described, drawing

Initializer = Callable[..., np.ndarray]

_FAN_AXES = {"in_axis": 1, "out_axis": 0}
# Schemes that hand `in_axis` and `out_axis` on to an initializer with fans.
_SCALED_SCHEMES: frozenset[Initializer] = frozenset({schemes.fixup, schemes.mup, schemes.siren, schemes.t5})
_FIXED: frozenset[Initializer] = frozenset(
    {
        initializers.delta_orthogonal,
        initializers.dirac,
        initializers.identity,
        initializers.sparse,
        schemes.zero_hadamard,
    }
)


def out_in(initializer: Initializer, kwargs: dict[str, Any]) -> tuple[Initializer, dict[str, Any]]:
    """Return an initializer and its keyword arguments, for a tensor that is stored (out, in, *spatial*).

    Parameters
    ----------
    initializer : callable
        One of this package is told its axes, or draws its (*spatial*, in, out) and turns it. Any other is returned.
    kwargs : dict
        Axes that it holds stay.

    Examples
    --------
    >>> import fastinit
    >>> from fastinit.rules import out_in
    >>> function, kwargs = out_in(fastinit.he_normal, {})
    >>> kwargs
    {'in_axis': 1, 'out_axis': 0}
    """
    if not inspect.isfunction(initializer):  # another callable knows its layout; and it may have no hash
        return initializer, kwargs
    if initializer in _FIXED:
        return _turned(initializer), kwargs
    return initializer, {**_axes(initializer), **kwargs}


@functools.cache
def _axes(initializer: Initializer) -> dict[str, int]:
    if initializer is initializers.orthogonal:
        return {"column_axis": 0}
    if initializer in _SCALED_SCHEMES:
        return _FAN_AXES
    ours = any(initializer is getattr(initializers, name) for name in initializers.__all__)
    return _FAN_AXES if ours and "in_axis" in inspect.signature(initializer).parameters else {}


@functools.cache
def _turned(initializer: Initializer) -> Initializer:
    @functools.wraps(initializer)
    def describe(
        shape: Any,
        *args: Any,
        dtype: Any = None,
        seed: Any = None,
        out: Any = None,
        index: Any = None,
        threads: Any = None,
        **kwargs: Any,
    ) -> Made:
        target = check_target(shape, dtype, out, index, threads, complex_too=True)
        order = _order(len(target.shape))
        block = tuple([target.block_shape[axis] for axis in order])
        natural = described(
            initializer,
            tuple([target.shape[axis] for axis in order]),
            *args,
            dtype=BITS if target.dtype.is_bits else target.dtype.numpy,
            index=None if index is None else tuple([slice(*target.ends[axis]) for axis in order]),
            threads=threads,
            **kwargs,
        )
        assert isinstance(natural, Made)

        def make(key: int, stream: int, threads: int) -> np.ndarray:
            made = np.broadcast_to(natural.make(key, stream, threads), block)
            return np.ascontiguousarray(made.transpose(np.argsort(order))).reshape(target.block_shape)

        return type(natural)(target, make)

    return drawing(describe)


def _order(ndim: int) -> tuple[int, ...]:
    """The axes of (out, in, *spatial*) in the order (*spatial*, in, out)."""
    return (*range(2, ndim), 1, 0) if ndim >= 2 else tuple(range(ndim))
