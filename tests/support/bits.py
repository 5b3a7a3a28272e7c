"""Equality to the last bit."""

from __future__ import annotations

import numpy as np


def bits(x: np.ndarray) -> np.ndarray:
    """Bit patterns, all NaNs alike: of NaNs it is promised only that they are NaNs."""
    unsigned = np.dtype(f"u{x.itemsize}")
    with np.errstate(invalid="ignore"):  # of signalling NaNs
        return np.where(np.isnan(x), np.array(np.nan, x.dtype), x).view(unsigned)


def assert_same_bits(found: np.ndarray, expected: np.ndarray, x: np.ndarray | None = None) -> None:
    """Equal to the last bit; `x`, of the same shape, only names the first wrong value."""
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    wrong = np.argwhere(bits(found) != bits(expected))
    if len(wrong):
        at = tuple(wrong[0])
        of = "" if x is None else f" of {x[at]}"
        raise AssertionError(
            f"{len(wrong)} of {found.size} differ, the first at {at}{of}: {found[at]!r} instead of {expected[at]!r}"
        )
