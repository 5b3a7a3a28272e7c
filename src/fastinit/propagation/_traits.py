"""What this wing knows of each activation: its slope, in plain NumPy, its gain, and where it saturates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray

_C = math.sqrt(2.0 / math.pi)
_SELU = 1.0507009873554805, 1.6732632423543772

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


def _silu(z: Array) -> Array:
    z = np.clip(z, -_FAR, _FAR)
    s = _sigmoid(z)
    return np.asarray(s * (1 + z * (1 - s)))


def _mish(z: Array) -> Array:
    z = np.clip(z, -_FAR, _FAR)
    t = np.tanh(np.logaddexp(0, z))
    return np.asarray(t + z * _sigmoid(z) * (1 - t * t))


class Traits(NamedTuple):
    """What this wing knows of an activation.

    `slope` is that at z, where the activation is y and p its parameter; at a kink it is that from the left. `gain` is
    1 / sqrt(E[f(z)**2]) for a standard normal z, to the last bit as tools/make_gains.py prints it, or None for one with
    a formula in `_gain`. Outside of the outputs `lively` it is saturated: within 1 % of its range of an asymptote.
    """

    slope: Callable[[Array, Array, float], Any]
    gain: float | None
    lively: tuple[float, float] | None = None


# Of everything but what works on rows.
TRAITS = {
    "linear": Traits(lambda z, y, p: np.ones_like(z), 1.0),
    "relu": Traits(lambda z, y, p: z > 0, math.sqrt(2.0)),
    "relu6": Traits(lambda z, y, p: (z > 0) & (z < 6), 1.4142135650950736, (-math.inf, 5.94)),
    "leaky_relu": Traits(lambda z, y, p: np.where(z > 0, 1, p), None),
    "elu": Traits(lambda z, y, p: np.where(z > 0, 1, y + p), None),
    "selu": Traits(lambda z, y, p: np.where(z > 0, _SELU[0], y + _SELU[0] * _SELU[1]), 1.0),
    "gelu": Traits(lambda z, y, p: _gelu(z, y), 1.5335304411955353),
    "gelu_tanh": Traits(lambda z, y, p: _gelu_tanh(z), 1.533580521666147),
    "silu": Traits(lambda z, y, p: _silu(z), 1.676532470331091),
    "sigmoid": Traits(lambda z, y, p: y * (1 - y), 1.8462285453386054, (0.01, 0.99)),
    "hard_sigmoid": Traits(lambda z, y, p: (abs(z) < 3) / 6, 1.897840424729559, (0.01, 0.99)),
    "hard_silu": Traits(lambda z, y, p: np.where(abs(z) < 3, z / 3 + 0.5, z > 0), 1.7366572127665416),
    "tanh": Traits(lambda z, y, p: 1 - y * y, 1.5925374197228315, (-0.98, 0.98)),
    "softplus": Traits(lambda z, y, p: _sigmoid(p * z), None),
    "softsign": Traits(lambda z, y, p: (1 - abs(y)) ** 2, 2.3375333631085398, (-0.98, 0.98)),
    "mish": Traits(lambda z, y, p: _mish(z), 1.486847581273208),
    "exp": Traits(lambda z, y, p: y, 0.36787944117144233),
}


def slope(name: str, parameter: float, z: Array, y: Array) -> Array | None:
    """The derivative at the pre-activations z, in their dtype; None for one that is not elementwise."""
    if name not in TRAITS:
        return None
    slopes = np.asarray(TRAITS[name].slope(z, y, parameter)).astype(z.dtype, copy=False)
    nowhere = np.isnan(z)  # which a comparison with a kink would hide
    return np.where(nowhere, z, slopes) if nowhere.any() else slopes


def pull_back(name: str, y: Array, slopes: Array | None, gradient: Array) -> Array:
    """The gradient at the pre-activations from that at the outputs y."""
    if slopes is not None:
        return np.asarray(gradient * slopes)
    if name == "softmax":
        return np.asarray(y * (gradient - (gradient * y).sum(axis=-1, keepdims=True)))
    return np.asarray(gradient - np.exp(y) * gradient.sum(axis=-1, keepdims=True))


def saturated_share(name: str, y: Array) -> float:
    """The share of outputs within 1 % of the range of an asymptote; 0 for an activation without one."""
    traits = TRAITS.get(name)
    if traits is None or traits.lively is None:
        return 0.0
    low, high = traits.lively
    return float(((y < low) | (y > high)).mean())
