"""Arithmetic on values whose squares the dtype does not hold: they are moved by a power of two, which is exact."""

from __future__ import annotations

import math

import numpy as np

# Within 2**±60 squares, and sums of them, fit float32.
COMFORTABLE = 60


def exponent_beyond(values: np.ndarray) -> int:
    """The exponent of the largest value, if that is so large or small that its square could be lost, else 0.

    Of values that are not all finite, and of zeros, it is 0.
    """
    largest = float(np.max(np.abs(values), initial=0.0))
    if not 0.0 < largest < math.inf:
        return 0
    exponent = math.frexp(largest)[1]
    return exponent if abs(exponent) > COMFORTABLE else 0


def moved(values: np.ndarray, exponent: int) -> np.ndarray:
    """The values times 2**exponent, in their dtype: they themselves if that is 1."""
    if not exponent:
        return values
    # In two steps, as 2**exponent alone need not be a value of the dtype.
    half = exponent // 2
    return np.asarray(np.ldexp(np.ldexp(values, half), exponent - half))


def moved_back(value: float, exponent: int) -> float:
    """value * 2**exponent; infinite where that does not fit."""
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.copysign(math.inf, value)
