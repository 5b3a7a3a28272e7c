"""What this wing knows of each activation: its slope, in plain NumPy, its gain, and where it saturates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..forward._activation import GATED, OF_ROWS, activate

Array = np.ndarray

_C = math.sqrt(2.0 / math.pi)

# Beyond this the smooth activations are straight lines in float64 too, and no power below overflows.
_FAR = 40.0


def _sigmoid(z: Array) -> Array:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * z))


def _gelu(z: Array, y: Array) -> Array:
    # y is z times the normal CDF, which NumPy does not have.
    cdf = np.where(abs(z) < _FAR, y / np.where(z == 0, 1, z), z > 0)
    near = np.clip(z, -_FAR, _FAR)
    return np.asarray(np.where(z == 0, 0.5, cdf) + near * np.exp(-0.5 * near * near) / math.sqrt(2.0 * math.pi))


def _gelu_tanh(z: Array) -> Array:
    z = np.clip(z, -_FAR, _FAR)
    t = np.tanh(_C * (z + 0.044715 * z**3))
    return np.asarray(0.5 * (1 + t) + 0.5 * z * (1 - t * t) * _C * (1 + 3 * 0.044715 * z * z))


def _silu(z: Array, beta: float) -> Array:
    u = np.clip(beta * z, -_FAR, _FAR)
    s = _sigmoid(u)
    return np.asarray(s * (1 + u * (1 - s)))


def _mish(z: Array) -> Array:
    z = np.clip(z, -_FAR, _FAR)
    t = np.tanh(np.logaddexp(0, z))
    return np.asarray(t + z * _sigmoid(z) * (1 - t * t))


def _relu(z: Array, s: float, m: float, t: float) -> Array:
    return np.where(z > t, z < m, s)


def _hard_sigmoid(z: Array, a: float, b: float) -> Array:
    line = a * z + b
    return np.where((line > 0) & (line < 1), a, 0.0)


def _squareplus(z: Array, b: float) -> Array:
    length = np.hypot(z, math.sqrt(b))
    return np.asarray(0.5 + 0.5 * np.where(length > 0, z / np.where(length > 0, length, 1), -1.0))


class Traits(NamedTuple):
    """What this wing knows of an activation.

    `slope` is that at z, where the activation is y and p its parameters; at a kink it is that from the left. `gain` is
    1 / sqrt(E[f(z)**2]) for a standard normal z and the standard parameters, to the last bit as tools/make_gains.py
    prints it, or None for one with a formula in `_gain`. Outside of the outputs `lively` it is saturated: within 1 % of
    its range of an asymptote. Beside 0, it has `kinks` there.
    """

    slope: Callable[..., Any]
    gain: float | None
    lively: Callable[..., tuple[float, float]] | None = None
    kinks: Callable[..., tuple[float, ...]] = lambda *p: ()


def _between(low: float, high: float) -> tuple[float, float]:
    """A range without the outer 1 % at its ends that are finite."""
    margin = 0.01 * (high - low) if math.isfinite(high - low) else 0.01 * abs(high if math.isfinite(high) else low)
    return low + margin if math.isfinite(low) else low, high - margin if math.isfinite(high) else high


# Of everything but what works on rows and halves.
TRAITS = {
    "linear": Traits(lambda z, y: np.ones_like(z), 1.0),
    "relu": Traits(
        lambda z, y, s, m, t: _relu(z, s, m, t),
        math.sqrt(2.0),
        lambda s, m, t: (-math.inf, m - 0.01 * m if math.isfinite(m) else m),
        lambda s, m, t: (t, m),
    ),
    "relu6": Traits(lambda z, y: (z > 0) & (z < 6), 1.4142135650950736, lambda: (-math.inf, 5.94)),
    "leaky_relu": Traits(lambda z, y, p: np.where(z > 0, 1, p), None),
    "elu": Traits(lambda z, y, p: np.where(z > 0, 1, y + p), None),
    "selu": Traits(lambda z, y, a, g: np.where(z > 0, g, y + g * a), 1.0),
    "gelu": Traits(lambda z, y: _gelu(z, y), 1.5335304411955353),
    "gelu_tanh": Traits(lambda z, y: _gelu_tanh(z), 1.533580521666147),
    "silu": Traits(lambda z, y, b: _silu(z, b), 1.676532470331091),
    "sigmoid": Traits(lambda z, y: y * (1 - y), 1.8462285453386054, lambda: (0.01, 0.99)),
    "hard_sigmoid": Traits(
        lambda z, y, a, b: _hard_sigmoid(z, a, b),
        1.897840424729559,
        lambda a, b: (0.01, 0.99),
        lambda a, b: (-b / a, (1 - b) / a) if a else (),
    ),
    "hard_silu": Traits(lambda z, y: np.where(abs(z) < 3, z / 3 + 0.5, z > 0), 1.7366572127665416),
    "tanh": Traits(lambda z, y: 1 - y * y, 1.5925374197228315, lambda: (-0.98, 0.98)),
    "softplus": Traits(lambda z, y, b, t: np.where(b * z > t, 1, _sigmoid(b * z)), None, None, lambda b, t: (t / b,)),
    "softsign": Traits(lambda z, y: (1 - abs(y)) ** 2, 2.3375333631085398, lambda: (-0.98, 0.98)),
    "mish": Traits(lambda z, y: _mish(z), 1.486847581273208),
    "exp": Traits(lambda z, y: y, 0.36787944117144233),
    "celu": Traits(lambda z, y, a: np.where(z > 0, 1, y / a + 1), 1.2451983007007066),
    "log_sigmoid": Traits(lambda z, y: _sigmoid(-z), 1.0418668355353018),
    "hard_tanh": Traits(lambda z, y, a, b: (z > a) & (z < b), 1.3920361404483097, _between, lambda a, b: (a, b)),
    "hard_shrink": Traits(lambda z, y, t: abs(z) > t, 1.015796354719734, None, lambda t: (-t, t)),
    "soft_shrink": Traits(lambda z, y, t: abs(z) > t, 1.5443605282801334, None, lambda t: (-t, t)),
    "tanh_shrink": Traits(lambda z, y: np.tanh(z) ** 2, 2.3383675301021216),
    "threshold": Traits(lambda z, y, t, v: z > t, 1.4142135623730951, None, lambda t, v: (t,)),
    "thresholded_relu": Traits(lambda z, y, t: z > t, 1.5799030817610498, None, lambda t: (t,)),
    "relu_squared": Traits(lambda z, y: 2 * np.maximum(z, 0), 0.816496580927726),
    "squareplus": Traits(lambda z, y, b: _squareplus(z, b), 0.816496580927726),
    "sparse_plus": Traits(lambda z, y: np.clip((z + 1) / 2, 0, 1), 1.3803368628588104, None, lambda: (-1.0, 1.0)),
    "sparse_sigmoid": Traits(
        lambda z, y: (abs(z) < 1) / 2, 1.6243215587888256, lambda: (0.01, 0.99), lambda: (-1.0, 1.0)
    ),
    "quick_gelu": Traits(lambda z, y: _silu(z, 1.702), 1.5394587622988314),
}

# What gates the first half of a row by the second.
_GATES = {"glu": ("sigmoid", ()), "swiglu": ("silu", (1.0,)), "geglu": ("gelu", ())}


def slope(name: str, parameters: Sequence[Any], z: Array, y: Array) -> Array | None:
    """The derivative at the pre-activations z, in their dtype; None for a row whose values depend on one another.

    Of halves, an output's derivatives at its value and at its gate stand where these do.
    """
    if name in GATED:
        return _of_halves(name, z)
    if name == "prelu":
        slopes = np.where(z > 0, 1, parameters[0])
    elif name in OF_ROWS:
        return None
    else:
        slopes = np.asarray(TRAITS[name].slope(z, y, *parameters))
    slopes = slopes.astype(z.dtype, copy=False)
    nowhere = np.isnan(z)  # which a comparison with a kink would hide
    return np.where(nowhere, z, slopes) if nowhere.any() else slopes


def _of_halves(name: str, z: Array) -> Array:
    value, gate = np.split(z, 2, axis=-1)
    inner, parameters = _GATES[name]
    opened = activate(gate, inner)  # type: ignore[arg-type]
    of_gate = slope(inner, parameters, gate, opened)
    assert of_gate is not None
    return np.concatenate([opened, value * of_gate], axis=-1)


def pull_back(name: str, y: Array, slopes: Array | None, gradient: Array) -> Array:
    """The gradient at the pre-activations from that at the outputs y."""
    if name in GATED:
        gradient = np.concatenate([gradient, gradient], axis=-1)
    if slopes is not None:
        return np.asarray(gradient * slopes)
    if name == "hardmax":
        return np.where(np.isnan(y), y, gradient.dtype.type(0))
    if name == "sparsemax":
        support = y > 0
        mean = (gradient * support).sum(axis=-1, keepdims=True) / support.sum(axis=-1, keepdims=True)
        return np.where(np.isnan(y), y, (gradient - mean) * support).astype(y.dtype, copy=False)
    if name == "log_softmax":
        return np.asarray(gradient - np.exp(y) * gradient.sum(axis=-1, keepdims=True))
    back = np.asarray(y * (gradient - (gradient * y).sum(axis=-1, keepdims=True)))
    return -back if name == "softmin" else back


def saturated_share(name: str, parameters: Sequence[Any], y: Array) -> float:
    """The share of outputs within 1 % of the range of an asymptote; 0 for an activation without one."""
    traits = TRAITS.get(name)
    if traits is None or traits.lively is None:
        return 0.0
    low, high = traits.lively(*parameters)
    return float(((y < low) | (y > high)).mean())
