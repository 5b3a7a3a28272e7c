"""Derivatives of the activations, in plain NumPy: what a look at gradients needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

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


# The slope at z, where the activation is y; p is its parameter. At a kink it is that from the left.
_SLOPES: dict[str, Callable[[Array, Array, float], Any]] = {
    "elu": lambda z, y, p: np.where(z > 0, 1, y + p),
    "exp": lambda z, y, p: y,
    "gelu": lambda z, y, p: _gelu(z, y),
    "gelu_tanh": lambda z, y, p: _gelu_tanh(z),
    "hard_sigmoid": lambda z, y, p: (abs(z) < 3) / 6,
    "hard_silu": lambda z, y, p: np.where(abs(z) < 3, z / 3 + 0.5, z > 0),
    "leaky_relu": lambda z, y, p: np.where(z > 0, 1, p),
    "linear": lambda z, y, p: np.ones_like(z),
    "mish": lambda z, y, p: _mish(z),
    "relu": lambda z, y, p: z > 0,
    "relu6": lambda z, y, p: (z > 0) & (z < 6),
    "selu": lambda z, y, p: np.where(z > 0, _SELU[0], y + _SELU[0] * _SELU[1]),
    "sigmoid": lambda z, y, p: y * (1 - y),
    "silu": lambda z, y, p: _silu(z),
    "softplus": lambda z, y, p: _sigmoid(p * z),
    "softsign": lambda z, y, p: (1 - abs(y)) ** 2,
    "tanh": lambda z, y, p: 1 - y * y,
}

# Outside of these outputs an activation is saturated: within 1 % of its range of an asymptote.
_LIVELY = {
    "hard_sigmoid": (0.01, 0.99),
    "relu6": (-math.inf, 5.94),
    "sigmoid": (0.01, 0.99),
    "softsign": (-0.98, 0.98),
    "tanh": (-0.98, 0.98),
}


def slope(name: str, parameter: float, z: Array, y: Array) -> Array | None:
    """The derivative at the pre-activations z, in their dtype; None for one that is not elementwise."""
    if name not in _SLOPES:
        return None
    slopes = np.asarray(_SLOPES[name](z, y, parameter)).astype(z.dtype, copy=False)
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
    if name not in _LIVELY:
        return 0.0
    low, high = _LIVELY[name]
    return float(((y < low) | (y > high)).mean())
