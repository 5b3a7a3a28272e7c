"""Orthogonal matrices once more, in plain NumPy: the oracle of csrc/kernels/householder.h, bit for bit.

Written to be read beside docs/stream.md, section 8. Every operation that rounds is an elementwise one of NumPy, in
float32 or float64, or the exact fma of `oracle.stream`; matrix products are loops over ascending k.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from oracle.stream import fma32, fma64, normal

PANEL = 32

Matrix = npt.NDArray[Any]  # of float32 or float64


def orthogonal(
    dtype: str,
    key: int,
    stream: int,
    rows: int,
    columns: int,
    number: int = 0,
    gain: float = 1.0,
    complex_numbers: bool = False,
) -> Matrix:
    """Matrix `number` of a batch, rows >= columns, computed in float32 or float64.

    A complex one has its real and imaginary parts in turn: its row r is rows 2r and 2r + 1 of the result.
    """
    real = np.dtype(dtype).type
    parts = 2 if complex_numbers else 1
    height, count = rows * parts, columns * parts
    v = np.zeros((height, count), real)
    diagonal, scales = np.zeros(count, real), np.zeros(count, real)
    draws = normal(dtype)
    gain = gain + 0.0  # no zero has a sign
    with np.errstate(under="ignore"):
        for k in range(0, count, parts):
            position = (number * columns + k // parts) * height + k
            v[k:, k] = draws.elements(key, stream, position, height - k)
            last = k + parts == height
            if complex_numbers:
                d, phase = _reflect_complex(v[:, k], k, last)
                v[::2, k + 1], v[1::2, k + 1] = -v[1::2, k], v[::2, k]
                diagonal[k : k + 2] = d
                scales[k : k + 2] = gain * phase[0], gain * phase[1]
            else:
                diagonal[k], sign = _reflect(v[:, k], k, last)
                scales[k] = gain * sign

        q = np.zeros((height, columns), real)
        q[np.arange(columns) * parts, np.arange(columns)] = 1
        for top in reversed(range(0, count, PANEL)):
            panel = v[top:, top : top + PANEL]
            n = _inverse(panel, diagonal[top : top + PANEL], complex_numbers)
            w = product(panel.T, q[top:])
            q[top:] = product(panel, product(n, w), q[top:])

        if not complex_numbers:
            return q * scales
        re, im, a, b = scales[::2], scales[1::2], q[::2], q[1::2]
        q[::2], q[1::2] = _fma(a, re, b * -im), _fma(a, im, b * re)
    return q


def _reflect(x: Matrix, k: int, last: bool) -> tuple[float, float]:
    """Turn x, zero before k, into v; return -2 / (v'v) and D."""
    first = float(x[k])
    sign = -1.0 if first < 0.0 else 1.0
    if last:
        x[k] = 0
        return 0.0, sign
    total = sum_of_squares(x)
    x[k] = first + sign * float(np.sqrt(total))
    pivot = float(x[k])
    return -2.0 / ((total - first * first) + pivot * pivot), -sign


def _reflect_complex(x: Matrix, k: int, last: bool) -> tuple[float, tuple[float, float]]:
    re, im = float(x[k]), float(x[k + 1])
    square = re * re + im * im
    size = float(np.sqrt(square))
    phase = re / size, im / size
    if last:
        x[k : k + 2] = 0
        return 0.0, phase
    total = sum_of_squares(x)
    stretch = float(np.sqrt(total)) / size
    x[k], x[k + 1] = re + re * stretch, im + im * stretch
    p, t = float(x[k]), float(x[k + 1])
    return -2.0 / ((total - square) + (p * p + t * t)), (-phase[0], -phase[1])


def _inverse(panel: Matrix, diagonal: Matrix, complex_numbers: bool) -> Matrix:
    """-S^-1, S the upper triangle of V'V with half its diagonal; the inverse's diagonal is given."""
    s = product(panel.T, panel)
    if complex_numbers:
        pairs = np.arange(0, len(s), 2)
        s[pairs, pairs + 1] = 0
    n = np.zeros_like(s)
    for i in reversed(range(len(s))):
        total = product(s[i : i + 1, :i:-1], n[:i:-1])  # descending
        n[i, i + 1 :] = (total * diagonal[i])[0, i + 1 :]
        n[i, i] = diagonal[i]
    return n


def _fma(a: Matrix, b: Matrix, c: Matrix) -> Matrix:
    return fma32(a, b, c) if a.dtype == np.float32 else fma64(a, b, c)


def product(a: Matrix, b: Matrix, c: Matrix | None = None) -> Matrix:
    """c + a b: for every element one chain of fma over ascending k, from c or +0."""
    total = np.zeros((a.shape[0], b.shape[1]), a.dtype) if c is None else c
    for k in range(a.shape[1]):
        total = _fma(a[:, k, None], b[None, k, :], total)
    return total


def sum_of_squares(x: Matrix) -> float:
    """In float64: lane l adds the squares of x[l], x[l + 16], ... by fma, then lanes l + 8, l + 4, l + 2, l + 1."""
    padded = np.zeros(-(-len(x) // 16) * 16)
    padded[: len(x)] = x
    lanes = np.zeros(16)
    for row in padded.reshape(-1, 16):
        lanes = fma64(row, row, lanes)
    for step in (8, 4, 2, 1):
        lanes = lanes[:step] + lanes[step : 2 * step]
    return float(lanes[0])
