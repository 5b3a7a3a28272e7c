"""The forward pass once more, in plain NumPy: the oracle that its kernels are tested against.

Written to be read beside csrc/kernels/elementary.h and activation.h, operation for operation; `oracle.stream` holds
the exact fma and says by which rules. Each function takes and returns arrays of one width, float32 or float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from oracle.stream import fma32, fma64
from oracle.tables import ACTIVATIONS

Reals = Any  # arrays of one width


class Width:
    """What differs between the two widths: constants, and the operations that NumPy does not have."""

    def __init__(self, bits: int) -> None:
        single = bits == 32
        self.real: Any = np.float32 if single else np.float64
        self.integer: Any = np.int32 if single else np.int64
        self.fma: Callable[..., Reals] = fma32 if single else fma64
        self.shift = 23 if single else 52
        self.bias = 127 if single else 1023
        self.headroom = 64 if single else 512
        self.round = self.real(1.5 * 2.0**self.shift + self.bias + self.headroom)
        self.unit = self.real(2.0**-self.headroom)
        self.lowest = self.real(-120.0 if single else -760.0)
        self.highest = self.real(100.0 if single else 720.0)
        self.gelu_most = self.real(15.0 if single else 39.0)
        self.gelu_tanh_most = self.real(11.0 if single else 22.0)
        self.deepest = self.real(-195.0 if single else -1460.0)
        self.celu_least = self.real(-(2.0**-26) if single else -(2.0**-55))
        self.tanh_shrink_most = self.real(1.0)
        self.least, self.most = np.finfo(self.real).smallest_subnormal, np.finfo(self.real).max
        self.tanh_most = self.real(10.0 if single else 20.0)
        self.softsign_most = self.real(2.0**30 if single else 2.0**60)
        for name in (
            "exp_rest", "log1p_rest", "mills_p", "mills_q", "log2_e", "log_2", "gelu_tanh_linear", "gelu_tanh_cubic",
            "selu_scale", "quick_gelu_slope", "tanh_shrink_rest",
        ):  # fmt: skip
            table = ACTIVATIONS.get(f"{name}{bits}", ())  # float32 has no mills_p and mills_q
            setattr(self, name, [self.real(c) for c in table])

    def __getattr__(self, name: str) -> Any:  # the tables, set above
        raise AttributeError(name)

    def fnma(self, a: Any, b: Any, c: Any) -> Reals:
        """c - a * b, rounded once."""
        return self.fma(-a, b, c)

    def horner(self, c: list[Any], x: Reals) -> Reals:
        r = np.full(x.shape, c[-1])
        for coefficient in c[-2::-1]:
            r = self.fma(r, x, coefficient)
        return r

    def estrin(self, c: list[Any], x: Reals) -> Reals:
        """The same polynomial by pairs, pairs of pairs, and so on."""
        parts: list[Any] = c
        while len(parts) > 1:
            pairs = [self.fma(high, x, low) for low, high in zip(parts[::2], parts[1::2], strict=False)]
            parts = pairs + (parts[-1:] if len(parts) % 2 else [])
            x = x * x
        return parts[0]

    def power(self, n: Reals) -> Reals:
        """2^n of biased integers: their low bits, moved into the exponent."""
        return (n << self.shift).view(self.real)


MILLS_ROWS32 = ACTIVATIONS["mills_rows32"].astype(np.float32)
WIDTHS = {np.dtype(np.float32): Width(32), np.dtype(np.float64): Width(64)}


def clamp_low(x: Reals, low: Any) -> Reals:
    return np.where(low > x, low, x)  # a NaN stays


def clamp_high(x: Reals, high: Any) -> Reals:
    return np.where(high < x, high, x)


def with_sign_of(magnitude: Reals, x: Reals) -> Reals:
    return np.where(np.signbit(x), -magnitude, magnitude)


# ---- elementary functions ----


def exp_split(w: Width, x: Reals, less: Any) -> tuple[Reals, Reals]:
    """rest and biased n with exp(x - less) = (1 + rest) 2^n"""
    k = w.fma(x, w.log2_e[0], w.round)
    n = k - w.round
    r = w.fnma(n, w.log_2[0], x) - w.fma(n, w.log_2[1], less)
    rest = w.fma(r * r, w.horner(w.exp_rest, r), r)
    return rest, k.view(w.integer)


def scale_down(w: Width, y: Any, n: Reals) -> Reals:
    return (y * w.power(n)) * w.unit


def scale(w: Width, y: Reals, n: Reals) -> Reals:
    total = n + w.integer(w.headroom - 1)
    unsigned = total.view(np.uint32 if w.shift == 23 else np.uint64)
    half = (unsigned >> 1).view(w.integer)
    return (y * w.power(half)) * w.power(total - half)


def scale_far_down(w: Width, y: Reals, n: Reals) -> Reals:
    biases, headroom = w.integer(w.bias + w.headroom), w.integer(w.headroom)
    total = n + w.integer(3) * biases
    part = (total.view(np.uint32 if w.shift == 23 else np.uint64) >> 2).view(w.integer)
    step = w.power(part - headroom)
    return (((y * step) * step) * step) * w.power(total - w.integer(3) * part - headroom)


def minus_quotient(w: Width, top: Reals, top_more: Any, bottom: Reals, more: Reals) -> Reals:
    r = w.real(-1) / bottom
    q = top * r
    rest = w.fma(q, bottom, top) + w.fma(q, more, top_more)
    return w.fma(rest, r, q)


def expm1(w: Width, x: Reals) -> tuple[Reals, Reals]:
    rest, n = exp_split(w, clamp_low(x, w.lowest), w.real(0))
    s = scale_down(w, w.real(1), n)
    base, rest = s - w.real(1), rest * s
    high = base + rest
    return high, rest - (high - base)


def log1p_row(x: float) -> float:
    if math.isnan(x):
        return x
    u = 1.0 + x
    back = u - 1.0
    error = (1.0 - (u - back)) + (x - back)
    m, n = math.frexp(u)
    if m < 0.75:
        m, n = m * 2.0, n - 1
    f = (m - 1.0) + error * math.ldexp(1.0, -n)
    z = f / (2.0 + f)
    w, table = z * z, WIDTHS[np.dtype(np.float64)]
    c = [float(value) for value in table.log1p_rest]
    r = c[-1]
    for coefficient in c[-2::-1]:
        r = r * w + coefficient
    high, low = (float(value) for value in table.log_2)
    return n * high + (z * (2.0 + w * r) + n * low)


# ---- activations of single values ----


def vanished(w: Width, x: Reals) -> Reals:
    return clamp_high(clamp_low(x, w.real(-1)), w.real(1)) * w.real(0)


def relu(w: Width, x: Reals, slope: Any, most: Any, threshold: Any) -> Reals:
    if (slope, most, threshold) == (0, np.inf, 0):
        return clamp_low(x, w.real(0)) + w.real(0)
    below = slope * (x - threshold) if slope != 0 else w.real(0)
    return np.where(x < threshold, below, clamp_high(x, most)) + w.real(0)


def relu6(w: Width, x: Reals) -> Reals:
    return clamp_high(clamp_low(x, w.real(0)) + w.real(0), w.real(6))


def leaky_relu(w: Width, x: Reals, slope: Any) -> Reals:
    return np.where(x < 0, x * slope, x)


def hard_sigmoid(w: Width, x: Reals, alpha: Any, beta: Any) -> Reals:
    if (alpha, beta) == (w.real(1 / 6), w.real(0.5)):
        return sixths(w, x)
    line = w.fma(alpha, x, beta) if alpha != 0 else beta + vanished(w, x)
    return clamp_high(clamp_low(line, w.real(0)), w.real(1))


def sixths(w: Width, x: Reals) -> Reals:
    return clamp_high(clamp_low(x + w.real(3), w.real(0)), w.real(6)) / w.real(6)


def hard_silu(w: Width, x: Reals) -> Reals:
    return clamp_low(x, w.real(-3)) * sixths(w, x)


def hard_tanh(w: Width, x: Reals, low: Any, high: Any) -> Reals:
    return clamp_high(clamp_low(x, low), high)


def hard_shrink(w: Width, x: Reals, threshold: Any) -> Reals:
    return np.where(threshold < np.abs(x), x, vanished(w, x))


def soft_shrink(w: Width, x: Reals, threshold: Any) -> Reals:
    return with_sign_of(clamp_low(np.abs(x) - threshold, w.real(0)), x)


def threshold(w: Width, x: Reals, least: Any, value: Any) -> Reals:
    return np.where(least < x, x, value + vanished(w, np.abs(x)))


def thresholded_relu(w: Width, x: Reals, least: Any) -> Reals:
    return threshold(w, x, least, w.real(0))


def relu_squared(w: Width, x: Reals) -> Reals:
    above = clamp_low(x, w.real(0))
    return above * above


def squareplus(w: Width, x: Reals, b: Any) -> Reals:
    a, c = np.abs(x), np.sqrt(b)
    large, small = clamp_low(a, c), clamp_high(a, c)
    q = small / clamp_low(large, w.least)
    s = large * np.sqrt(w.fma(q, q, w.real(1)))
    y = w.fma(np.full(x.shape, w.real(0.5)), s, w.real(0.5) * a)
    return np.where(x < 0, (b / y) * w.real(0.25), y)


def sparse_plus(w: Width, x: Reals) -> Reals:
    raised = clamp_low(x + w.real(1), w.real(0))
    return np.where(x < 1, raised * raised * w.real(0.25), x)


def sparse_sigmoid(w: Width, x: Reals) -> Reals:
    return clamp_high(clamp_low(x + w.real(1), w.real(0)), w.real(2)) * w.real(0.5)


def softsign(w: Width, x: Reals) -> Reals:
    a = clamp_high(np.abs(x), w.softsign_most)
    return with_sign_of(a / (w.real(1) + a), x)


def exp(w: Width, x: Reals) -> Reals:
    rest, n = exp_split(w, clamp_low(clamp_high(x, w.highest), w.lowest), w.real(0))
    return scale(w, w.real(1) + rest, n)


def elu(w: Width, x: Reals, alpha: Any) -> Reals:
    return np.where(x < 0, alpha * expm1(w, x)[0], x)


def selu(w: Width, x: Reals, alpha: Any, gamma: Any) -> Reals:
    if (alpha, gamma) == (w.real(1.6732632423543772), w.real(1.0507009873554805)):
        return np.where(x < 0, w.selu_scale[1] * expm1(w, x)[0], w.selu_scale[0] * x)
    return np.where(x < 0, (gamma * alpha) * expm1(w, x)[0], gamma * x)


def celu(w: Width, x: Reals, alpha: Any) -> Reals:
    u = x / alpha
    return np.where(w.celu_least < u, x, alpha * expm1(w, u)[0])


def tanh_shrink(w: Width, x: Reals) -> Reals:
    one, a = w.real(1), np.abs(x)
    near, far = clamp_high(a, w.tanh_shrink_most), clamp_high(a, w.tanh_most)
    square = near * near
    cubed = (near * square) * w.horner(w.tanh_shrink_rest, square)
    rest, n = exp_split(w, far * w.real(-2), w.real(0))
    e = scale_down(w, one + rest, n)
    quotient = w.fma(e, one + far, far - one) / (one + e)
    y = np.where(a < w.tanh_shrink_most, cubed, quotient)
    return with_sign_of(np.where(a < w.tanh_most, y, a - one), x)


def tanh(w: Width, x: Reals) -> Reals:
    two = w.real(2)
    high, more = expm1(w, clamp_high(np.abs(x), w.tanh_most) * -two)
    bottom = two + high
    y = minus_quotient(w, high, more, bottom, ((two - bottom) + high) + more)
    return with_sign_of(np.abs(y), x)


def sigmoid(w: Width, x: Reals) -> Reals:
    one, zero = w.real(1), w.real(0)
    rest, n = exp_split(w, clamp_low(zero - np.abs(x), w.lowest), zero)
    p = one + rest
    scaled = scale_down(w, p, n)
    bottom = one + scaled
    y = np.abs(minus_quotient(w, np.where(x < 0, p, one), zero, bottom, (one - bottom) + scaled))
    return np.where(x < 0, scale_down(w, y, n), y)


def gated(w: Width, x: Reals, lowest: Any, minus: Reals, less: Any) -> Reals:
    rest, n = exp_split(w, minus, less)
    bottom = w.real(1) + scale_down(w, w.real(1) + rest, n)
    clamped = clamp_low(x, lowest)
    y = np.where(x < 0, w.fma(clamped, rest, clamped), x) / bottom
    return np.where(x < 0, scale_down(w, y, n), y)


def silu(w: Width, x: Reals, beta: Any) -> Reals:
    if beta != 1:
        return silu_of_any(w, x, beta)
    return gated(w, x, w.lowest, clamp_low(w.real(0) - np.abs(x), w.lowest), w.real(0))


def silu_of_any(w: Width, x: Reals, beta: Any) -> Reals:
    zero, one = w.real(0), w.real(1)
    bounded = clamp_high(clamp_low(x, -w.most), w.most)
    u = x * beta if beta != 0 else vanished(w, x)
    minus, error = zero - np.abs(u), w.fnma(bounded, beta, u)
    less = np.where(w.deepest < minus, np.where(u < 0, error, zero - error), zero)
    rest, n = exp_split(w, clamp_low(minus, w.deepest), less)
    p = one + rest
    y = np.where(u < 0, w.fma(bounded, rest, bounded), x) / (one + scale_far_down(w, p, n))
    return np.where(u < 0, scale_far_down(w, y, n), y)


def quick_gelu(w: Width, x: Reals) -> Reals:
    zero, (c, c_rest) = w.real(0), w.quick_gelu_slope
    a = zero - clamp_high(np.abs(x), -w.lowest)
    minus = a * c
    less = np.where(w.lowest < minus, w.fnma(a, c_rest, w.fnma(a, c, minus)), zero)
    return gated(w, x, w.lowest, clamp_low(minus, w.lowest), less)


def gelu_tanh(w: Width, x: Reals) -> Reals:
    linear, cubic = w.gelu_tanh_linear[0], w.gelu_tanh_cubic[0]
    a = clamp_high(np.abs(x), w.gelu_tanh_most)
    minus_a = w.real(0) - a
    square = a * a
    square_less = w.fnma(a, a, square)
    bent = cubic * square
    bent_less = w.fnma(cubic, square, bent)
    v = linear + bent
    back = v - linear
    less = ((v - back) - linear) + (back - bent)
    less = w.fma(cubic, square_less, less + bent_less)
    less = w.fnma(w.gelu_tanh_cubic[1], square, less)
    less = less - w.gelu_tanh_linear[1]
    minus = minus_a * v
    return gated(w, x, -w.gelu_tanh_most, minus, w.fma(minus_a, less, w.fnma(minus_a, v, minus)))


def a_mills(w: Width, a: Reals) -> Reals:
    if w.real is np.float64:
        return (a * w.estrin(w.mills_p, a)) / w.estrin(w.mills_q, a)
    y = (a + w.real(1)).view(np.int32)
    row = (y >> 22) & 7
    t = ((y & 0x003FFFFF) | 0x3F800000).view(np.float32) - w.real(1.25)
    r = MILLS_ROWS32[-1][row]
    for coefficients in MILLS_ROWS32[-2::-1]:
        r = w.fma(r, t, coefficients[row])
    return a * r


def gelu(w: Width, x: Reals) -> Reals:
    magnitude = np.abs(x)
    a = clamp_high(magnitude, w.gelu_most)
    half = a * w.real(-0.5)
    minus = a * half
    rest, n = exp_split(w, minus, w.fnma(a, half, minus))
    p = a_mills(w, a)
    t = scale_down(w, w.fma(p, rest, p), n)
    return with_sign_of(np.where(x > 0, magnitude - t, t), x)


def mish(w: Width, x: Reals) -> Reals:
    one, two = w.real(1), w.real(2)
    rest, n = exp_split(w, clamp_low(w.real(0) - np.abs(x), w.lowest), w.real(0))
    scaled = scale_down(w, one + rest, n)
    twice = scaled + scaled
    top_below, top_above = w.fma(scaled, scaled, scaled), twice * scaled
    bottom_below, bottom_above = w.fma(scaled, two + scaled, two), (one + twice) + top_above
    lost = np.where(x < 0, top_below, top_above) / np.where(x < 0, bottom_below, bottom_above)
    clamped = clamp_low(x, w.lowest)
    y = np.where(x < 0, w.fma(clamped, rest, clamped), x) * (one - lost)
    return np.where(x < 0, scale_down(w, y, n), y)


def softplus(w: Width, x: Reals, beta: Any, threshold: Any) -> Reals:
    minus = (w.real(0) - np.abs(x)) * beta
    near = ~(minus <= w.lowest)  # where scale_down reaches
    end = w.lowest if beta == 1 and threshold == np.inf else w.deepest
    less = np.where(end < minus, w.fnma(w.real(0) - np.abs(x), beta, minus), w.real(0))
    rest, n = exp_split(w, clamp_low(minus, end), less)
    p = w.real(1) + rest
    y = p / (w.real(2) + np.where(near, scale_down(w, p, n), w.real(0)))
    z = np.where(near, scale_down(w, y, n), w.real(0))
    square = z * z
    t = w.fma(y * square, w.horner(w.log1p_rest, square), y + y) / beta
    t = np.where(near, scale(w, t, n), scale_far_down(w, t, n))
    return np.where(threshold < beta * x, x, np.where(x > 0, x + t, t))


def log_sigmoid(w: Width, x: Reals) -> Reals:
    return -softplus(w, -x, w.real(1), w.real(np.inf))


# ---- activations of rows ----


def below_max(w: Width, x: Reals, most: Any) -> tuple[Reals, Reals]:
    d = x - most
    back = d - x
    less = ((d - back) - x) + (most + back)
    return d, np.where(w.lowest < d, less, w.real(0))


def row_max(w: Width, x: Reals) -> Any:
    return np.max(x) + w.real(0)


def row_terms(w: Width, x: Reals, most: Any) -> Reals:
    d, less = below_max(w, x, most)
    rest, n = exp_split(w, clamp_low(d, w.lowest), less)
    return scale_down(w, w.real(1) + rest, n)


def row_sum(w: Width, terms: Reals) -> float:
    padded = np.zeros(-(-len(terms) // 16) * 16, np.float64)
    padded[: len(terms)] = terms
    total, error = np.zeros(16), np.zeros(16)
    for group in padded.reshape(-1, 16):
        new = total + group
        if w.real is np.float64:
            back = new - total
            error = error + ((total - (new - back)) + (group - back))
        total = new
    lanes = total + error
    for width in (8, 4, 2, 1):
        lanes = lanes[:width] + lanes[width:]
    return float(lanes[0])


def softmax(w: Width, x: Reals) -> Reals:
    terms = row_terms(w, x, row_max(w, x))
    return terms * w.real(1.0 / row_sum(w, terms))


def log_softmax(w: Width, x: Reals) -> Reals:
    most = row_max(w, x)
    terms = row_terms(w, x, most)
    terms[np.argmax(~(x < most))] -= w.real(1)
    log_sum = np.float64(log1p_row(row_sum(w, terms)))
    high = w.real(log_sum)
    more = w.real(log_sum - np.float64(high))
    d, less = below_max(w, x, most)
    return (d - high) - (less + more)


def softmin(w: Width, x: Reals) -> Reals:
    return softmax(w, -x)


def hardmax(w: Width, x: Reals) -> Reals:
    y = np.full(x.shape, w.real(0 if not np.isnan(x).any() else np.nan))
    if not np.isnan(x).any():
        y[np.argmax(x)] = 1
    return y


def sparsemax(w: Width, x: Reals) -> Reals:
    if np.isnan(x).any() or not np.isfinite(x.max()):
        return np.full(x.shape, w.real(np.nan))
    d = x.astype(np.float64) - np.float64(x.max())
    t, before = np.float64(-1), -1
    while True:
        support = d > t
        if support.sum() == before:
            break
        total = error = np.float64(0)
        for value in d[support]:
            new = total + value
            back = new - total
            error = error + ((total - (new - back)) + (value - back))
            total = new
        before = support.sum()
        t = ((total + error) - 1) / np.float64(before)
    y = d - t
    return np.where(y > 0, y, 0).astype(w.real)


def prelu(w: Width, x: Reals, slope: Any) -> Reals:
    return np.where(x < 0, x * slope, x)


# ---- activations of the halves of rows ----


def glu(w: Width, value: Reals, gate: Reals) -> Reals:
    return value * sigmoid(w, gate)


def swiglu(w: Width, value: Reals, gate: Reals) -> Reals:
    return value * silu(w, gate, w.real(1))


def geglu(w: Width, value: Reals, gate: Reals) -> Reals:
    return value * gelu(w, gate)


# Name: function, and the standard values of its parameters.
VALUES: dict[str, tuple[Callable[..., Reals], tuple[float, ...]]] = {
    "linear": (lambda w, x: x.copy(), ()),
    "relu": (relu, (0.0, math.inf, 0.0)),
    "relu6": (relu6, ()),
    "leaky_relu": (leaky_relu, (0.01,)),
    "elu": (elu, (1.0,)),
    "selu": (selu, (1.6732632423543772, 1.0507009873554805)),
    "gelu": (gelu, ()),
    "gelu_tanh": (gelu_tanh, ()),
    "silu": (silu, (1.0,)),
    "sigmoid": (sigmoid, ()),
    "hard_sigmoid": (hard_sigmoid, (1 / 6, 0.5)),
    "hard_silu": (hard_silu, ()),
    "tanh": (tanh, ()),
    "softplus": (softplus, (1.0, math.inf)),
    "softsign": (softsign, ()),
    "mish": (mish, ()),
    "exp": (exp, ()),
    "celu": (celu, (1.0,)),
    "log_sigmoid": (log_sigmoid, ()),
    "hard_tanh": (hard_tanh, (-1.0, 1.0)),
    "hard_shrink": (hard_shrink, (0.5,)),
    "soft_shrink": (soft_shrink, (0.5,)),
    "tanh_shrink": (tanh_shrink, ()),
    "threshold": (threshold, (0.0, 0.0)),
    "thresholded_relu": (thresholded_relu, (1.0,)),
    "relu_squared": (relu_squared, ()),
    "squareplus": (squareplus, (4.0,)),
    "sparse_plus": (sparse_plus, ()),
    "sparse_sigmoid": (sparse_sigmoid, ()),
    "quick_gelu": (quick_gelu, ()),
}
ROWS: dict[str, tuple[Callable[..., Reals], tuple[float, ...]]] = {
    "softmax": (softmax, ()),
    "log_softmax": (log_softmax, ()),
    "softmin": (softmin, ()),
    "sparsemax": (sparsemax, ()),
    "hardmax": (hardmax, ()),
    "prelu": (prelu, (0.25,)),
}
HALVES: dict[str, Callable[..., Reals]] = {"glu": glu, "swiglu": swiglu, "geglu": geglu}


def activate(x: Reals, name: str, *parameters: Any) -> Reals:
    """f(x) of an array of float32 or float64, with values for the first parameters; of rows, over the last axis."""
    w = WIDTHS[x.dtype]
    with np.errstate(all="ignore"):
        if name in HALVES:
            return HALVES[name](w, *np.split(x, 2, axis=-1))
        function, standard = (VALUES | ROWS)[name]
        values = [w.real(value) for value in (*parameters, *standard[len(parameters) :]) if np.ndim(value) == 0]
        values += [value for value in parameters if np.ndim(value)]
        if name in ROWS:
            rows = [function(w, row, *values) for row in x.reshape(-1, x.shape[-1])] if x.size else []
            return np.array(rows, w.real).reshape(x.shape)
        return function(w, x, *values)


# ---- dense layers ----


def dense(x: Reals, weight: Reals, bias: Reals | None = None) -> Reals:
    """x weight + bias with the shapes of matmul: for every element one chain of fma over ascending k, from +0."""
    w, rows = WIDTHS[x.dtype], np.atleast_2d(x)
    items = np.broadcast_shapes(rows.shape[:-2], weight.shape[:-2])
    total: Reals = np.zeros((*items, rows.shape[-2], weight.shape[-1]), w.real)
    with np.errstate(all="ignore"):
        for k in range(rows.shape[-1]):
            total = w.fma(rows[..., k, None], weight[..., None, k, :], total)
        if bias is not None:
            total = total + (bias if bias.ndim == 1 else bias[..., None, :])
    return total[..., 0, :] if x.ndim == 1 else total
