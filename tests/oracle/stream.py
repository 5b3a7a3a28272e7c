"""The stream and its arithmetic once more, in plain NumPy: the oracle that the kernels are tested against.

It imports nothing compiled, so that a fault of one side cannot hide
in the other. It is written to be read beside csrc/: constants carry the same names (`y_scale`, `lo_offset`, ...),
laws are those of law.c, the maps those of kernels/uniform.h and kernels/normal.h. A value that reaches the bits
is touched by + - * / and square roots, by exact operations (scaling by powers of two, neighbours, comparisons) and
by the exact fma below; never by libm, whose functions differ between systems.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from oracle.tables import LAWS

Words = npt.NDArray[np.uint32]
Float64s = npt.NDArray[np.float64]
Floats = npt.NDArray[Any]  # float32 or float64, as the law computes

INFINITE = math.inf


# ---- tables ----

_ICDF32, _ICDF64, _LOG64, _TAIL64 = (LAWS[f"fi_{name}"] for name in ("icdf32", "icdf64", "log64", "tail64"))
_MILLS, _ERF_SERIES, _EXP_SERIES, _LOG_SERIES, _LN2 = (
    LAWS[f"fi_{name}"].tolist() for name in ("mills", "erf_series", "exp_series", "log_series", "ln2")
)
SERIES_TERMS = 19


# ---- words: Philox4x32-10 ----


def philox4x32(counter: Sequence[npt.ArrayLike], key: Sequence[int]) -> list[npt.NDArray[np.uint64]]:
    """The cipher: four counter words (arrays or not) under two key words give four output words."""
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    c0, c1, c2, c3 = (np.asarray(word, np.uint64) for word in counter)
    k0, k1 = key
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2  # 32 x 32 bits: never beyond 64
        c0, c1, c2, c3 = (p1 >> half) ^ c1 ^ np.uint64(k0), p1 & mask, (p0 >> half) ^ c3 ^ np.uint64(k1), p0 & mask
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return [c0, c1, c2, c3]


def words_at(key: int, stream: int, position: npt.NDArray[np.uint64]) -> Words:
    """The stream's words at any positions: word i & 3 of block i >> 2. Each costs a whole block here."""
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    block = position >> np.uint64(2)
    counter = (block & low, block >> half, stream & 0xFFFFFFFF, stream >> 32)
    lanes = philox4x32(counter, (key & 0xFFFFFFFF, key >> 32))
    return np.choose((position & np.uint64(3)).astype(np.intp), lanes).astype(np.uint32)


def philox_words(key: int, stream: int, first: int, count: int) -> Words:
    """Words first .. first + count of the stream."""
    return words_at(key, stream, np.uint64(first) + np.arange(count, dtype=np.uint64))


# ---- fma, rounded once ----


def _two_sum(a: Float64s, b: Float64s) -> tuple[Float64s, Float64s]:
    """a + b as the rounded sum and its exact error (Knuth)."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def _two_product(a: Float64s, b: Float64s) -> tuple[Float64s, Float64s]:
    """a * b as the rounded product and its exact error (Dekker, with Veltkamp's splitting into 26 bits)."""

    def split(x: Float64s) -> tuple[Float64s, Float64s]:
        big = x * 134217729.0  # 2^27 + 1
        head = big - (big - x)
        return head, x - head

    product = a * b
    (a_head, a_tail), (b_head, b_tail) = split(a), split(b)
    return product, ((a_head * b_head - product) + a_head * b_tail + a_tail * b_head) + a_tail * b_tail


def _odd_sum(a: Float64s, b: Float64s) -> Float64s:
    """a + b rounded to odd: an inexact sum gets the neighbour whose last bit is 1. Rounding it once more, to
    fewer bits, then gives what rounding the exact sum would (Boldo and Melquiond, 2008)."""
    total, error = _two_sum(a, b)
    bits = total.view(np.int64)
    step = (error != 0.0) & (bits & 1 == 0) & np.isfinite(total)
    away = (error > 0.0) == (total > 0.0)
    return (bits + np.where(step, np.where(away, 1, -1), 0)).view(np.float64)


def fma32(a: npt.ArrayLike, b: npt.ArrayLike, c: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """a * b + c of float32 values, rounded once: the product is exact in float64, the sum is rounded to odd."""
    with np.errstate(all="ignore"):
        product = np.multiply(a, b, dtype=np.float64)
        wide, addend = np.broadcast_arrays(product, np.asarray(c, np.float64))
        return _odd_sum(wide, addend).astype(np.float32)


def _fma_of_fractions(a: float, b: float, c: float) -> float:
    total = Fraction(a) * Fraction(b) + Fraction(c)
    try:
        return total.numerator / total.denominator  # Python rounds the quotient of two integers correctly
    except OverflowError:
        return INFINITE if total > 0 else -INFINITE


def fma64(a: npt.ArrayLike, b: npt.ArrayLike, c: npt.ArrayLike) -> Float64s:
    """a * b + c of float64 values, rounded once (Boldo and Melquiond, 2008).

    The error terms must neither overflow nor underflow, so lanes with extreme operands take fractions instead.
    """
    broadcast = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (a, b, c)))
    x, y, z = (operand.ravel() for operand in broadcast)
    with np.errstate(all="ignore"):
        product, product_error = _two_product(x, y)
        inner, inner_error = _two_sum(z, product_error)
        outer, outer_error = _two_sum(product, inner)
        result = outer + _odd_sum(inner_error, outer_error)

        # Where one operation decides, plain arithmetic is right, and right about signed zeros too.
        result = np.where(z == 0.0, product, result)
        trivial = ~(np.isfinite(x) & np.isfinite(y)) | (x == 0.0) | (y == 0.0)
        result = np.where(trivial, product + z, result)
        decided = ~trivial & ~np.isfinite(z)  # the product may overflow, but it is finite
        result = np.where(decided, z, result)

        safe = np.abs(z) <= 2.0**960
        for factor in (x, y):
            safe &= (np.abs(factor) >= 2.0**-480) & (np.abs(factor) <= 2.0**480)
    for lane in np.flatnonzero(~(safe | trivial | decided | (z == 0.0))):
        result[lane] = _fma_of_fractions(float(x[lane]), float(y[lane]), float(z[lane]))
    return result.reshape(broadcast[0].shape)


# ---- special functions: csrc/special.c, operation for operation ----


def _horner(coefficients: Sequence[float], x: float) -> float:
    r = coefficients[-1]
    for c in coefficients[-2::-1]:
        r = r * x + c
    return r


def _exp_sum(high: float, low: float) -> float:
    """exp(high + low), |low| far smaller."""
    if high < -745.0:
        return 0.0
    n = int(high / _LN2[0] + (-0.5 if high < 0 else 0.5))
    r = ((high - n * _LN2[0]) - n * _LN2[1]) + low
    half = int(n / 2)  # towards zero, as in C
    return _horner(_EXP_SERIES, r) * math.ldexp(1.0, half) * math.ldexp(1.0, n - half)


def exp(x: float) -> float:
    """e^x for x < 709."""
    return _exp_sum(x, 0.0)


def log(x: float) -> float:
    """The natural logarithm of a positive normal number."""
    m, n = math.frexp(x)
    m, n = m * 2.0, n - 1
    if m > 1.4142135623730951:
        m, n = m * 0.5, n + 1
    f = (m - 1.0) / (m + 1.0)
    log_m = f * _horner(_LOG_SERIES, f * f)
    return n * _LN2[0] + (log_m + n * _LN2[1])


def _exp_minus_half_square(x: float) -> float:
    """exp(-x^2 / 2); the square enters with its rounding error (Dekker's product)."""
    if x > 40.0:
        return 0.0
    big = x * 134217729.0
    head = big - (big - x)
    tail = x - head
    square = x * x
    error = ((head * head - square) + 2.0 * head * tail) + tail * tail
    return _exp_sum(-0.5 * square, -0.5 * error)


def mills(x: float) -> float:
    """Mills' ratio P(Z > x) / density(x), x >= 3/7."""
    u = (x - 3.0) / (x + 3.0)
    s = (u + 0.75) * 8.0 / 7.0 - 1.0
    return _horner(_MILLS, s) / (1.0 + x)


def erfc_sqrt2(x: float) -> float:
    """P(|Z| > x), x >= 0."""
    if x < 1.0:
        return 1.0 - erf_sqrt2(x)
    if x > 40.0:
        return 0.0
    return _ERF_SERIES[0] * _exp_minus_half_square(x) * mills(x)  # the series begins with sqrt(2 / pi)


def erf_sqrt2(x: float) -> float:
    """P(|Z| <= x), x >= 0."""
    if x < 1.0:
        return x * _horner(_ERF_SERIES, x * x)
    return 1.0 - erfc_sqrt2(x)


# ---- rounding to a dtype ----


def _to_float32(x: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(x))


def _quantum(x: float, dtype: str) -> float:
    """The spacing of the dtype's values at x."""
    digits = {"float32": 24, "float16": 11, "bfloat16": 8}[dtype]
    lowest = -14 if dtype == "float16" else -126
    exponent = max(math.frexp(x)[1] - 1, lowest) if x else lowest
    return math.ldexp(1.0, exponent - digits + 1)


def _round_down(x: float, dtype: str) -> float:
    """The largest value of the dtype that is <= x."""
    if dtype == "float64" or math.isinf(x):
        return x
    unit = _quantum(x, dtype)
    return float(math.floor(x / unit)) * unit


def _round_up(x: float, dtype: str) -> float:
    return 0.0 - _round_down(-x, dtype)  # a bound of zero is +0


def _round_nearest(x: float, dtype: str) -> float:
    if dtype == "float64" or math.isinf(x):
        return x
    unit = _quantum(x, dtype)
    return ((x / unit + 1.5 * 2.0**52) - 1.5 * 2.0**52) * unit


def _closed_bounds(low: float, high: float, dtype: str) -> dict[str, Any]:
    """The closed interval, rounded inward; to nearest if no value of the dtype lies inside."""
    up, down = _round_up(low, dtype), _round_down(high, dtype)
    if up <= down:
        return {"low": up, "high": down}
    return {"low": _round_nearest(low, dtype), "high": _round_nearest(high, dtype)}


# ---- laws: csrc/law.c ----


@dataclass(frozen=True)
class Law:
    """A distribution for one dtype: constants, exact in the precision that its law computes in.

    The C code holds a float32 and a float64 law side by side; here are the constants of the one that is used,
    float64 for dtype float64 and for the methods "narrow" and "tail".
    """

    dtype: str
    method: str
    std: float
    mean: float
    low: float
    high: float
    scale_first: bool = False
    y_scale: float = 0.0
    y_offset: float = 0.0
    q_scale: float = 0.0
    q_offset: float = 0.0
    lo_scale: float = 0.0
    lo_offset: float = 0.0
    hi_scale: float = 0.0
    hi_offset: float = 0.0
    tail_mass: float = 0.0
    tail_rest: float = 0.0
    tail_log: float = 0.0
    centre: float = 0.0
    series: tuple[float, ...] = ()

    @property
    def words_per_element(self) -> int:
        return 2 if self.dtype == "float64" else 1

    def map_words(self, words: npt.ArrayLike) -> npt.NDArray[Any]:
        """The values of given words, two to an element for float64; bfloat16 as its uint16 bits."""
        z = _MAPS[self.method](self, np.asarray(words, np.uint32))
        fma = fma32 if z.dtype == np.float32 else fma64
        value = _clamp(fma(z, self.std, self.mean), self.low, self.high)
        if self.dtype == "float64":
            return value
        with np.errstate(all="ignore"):
            value = _clamp(value.astype(np.float32), self.low, self.high)
            if self.dtype == "float16":
                return value.astype(np.float16)
        if self.dtype == "bfloat16":
            bits = value.view(np.uint32)
            return ((bits + np.uint32(0x7FFF) + (bits >> 16 & 1)) >> 16).astype(np.uint16)  # to nearest even
        return value

    def elements(self, key: int, stream: int, first: int, count: int) -> npt.NDArray[Any]:
        """Elements first .. first + count of the flattened tensor."""
        wide = self.words_per_element
        return self.map_words(philox_words(key, stream, wide * first, wide * count))


def block(law: Law, key: int, stream: int, shape: Sequence[int], block: Sequence[tuple[int, int]]) -> npt.NDArray[Any]:
    """The block [start, stop) per axis of a tensor of any shape, which itself is never made."""
    index = np.zeros((), np.int64)  # a tensor has fewer than 2^63 elements
    for size, (start, stop) in zip(shape, block, strict=True):
        index = index[..., None] * size + np.arange(start, stop)
    wide = law.words_per_element
    positions = index[..., None] * wide + np.arange(wide)
    words = words_at(key, stream, positions.ravel().astype(np.uint64))
    return law.map_words(words).reshape(index.shape)


def _uniform_fields(dtype: str, half_width: float, middle: float) -> dict[str, Any]:
    if dtype == "float64":
        return {"method": "uniform", "std": half_width, "mean": middle}
    std = _to_float32(half_width)
    scale_first = std < 2.0**-90  # times 2^-31 it would come near the subnormals
    std = std if scale_first else std * 2.0**-31
    return {"method": "uniform", "std": std, "mean": _to_float32(middle), "scale_first": scale_first}


def uniform(dtype: str, low: float, high: float) -> Law:
    """Half-open [low, high)."""
    low, high = low + 0.0, high + 0.0  # no zero has a sign
    fields = _uniform_fields(dtype, high * 0.5 - low * 0.5, low * 0.5 + high * 0.5)
    first, last = _round_up(low, dtype), _round_down(math.nextafter(high, -INFINITE), dtype)
    if not first <= last:  # low == high, or no value of the dtype between them
        first = last = _round_nearest(low, dtype)
    return Law(dtype, low=first, high=last, **fields)


def symmetric_uniform(dtype: str, limit: float) -> Law:
    """Closed [-limit, limit]."""
    bound = limit if dtype == "float64" else _round_down(_to_float32(limit), dtype)
    return Law(dtype, low=-bound, high=bound, **_uniform_fields(dtype, limit, 0.0))


@dataclass(frozen=True)
class Cut:
    """Where a normal is cut off: in units of its std, and where the values end."""

    lower: float
    upper: float
    width: float
    low: float
    high: float
    middle: float
    half_width: float
    point: float


def normal(dtype: str, mean: float = 0.0, std: float = 1.0, lower: float = -INFINITE, upper: float = INFINITE) -> Law:
    """A normal cut off at mean + std * [lower, upper]."""
    mean, std, lower, upper = mean + 0.0, std + 0.0, lower + 0.0, upper + 0.0  # no zero has a sign
    low = lower if math.isinf(lower) else mean + std * lower
    high = upper if math.isinf(upper) else mean + std * upper
    half = (upper - lower) * 0.5
    return _normal(
        dtype, mean, std, Cut(lower, upper, upper - lower, low, high, mean + std * (lower + half), std * half, low)
    )


def normal_between(dtype: str, mean: float, std: float, low: float, high: float) -> Law:
    """A normal cut off at [low, high]."""
    mean, std, low, high = mean + 0.0, std + 0.0, low + 0.0, high + 0.0
    middle, half_width = low * 0.5 + high * 0.5, high * 0.5 - low * 0.5
    if std == 0.0:  # the value nearest to the mean
        point = low if mean < low else high if mean > high else mean
        return _normal(dtype, mean, std, Cut(0.0, 0.0, 0.0, low, high, middle, half_width, point))
    lower, upper = (_standardised(bound, mean, std) for bound in (low, high))
    return _normal(dtype, mean, std, Cut(lower, upper, (high - low) / std, low, high, middle, half_width, low))


def _standardised(bound: float, mean: float, std: float) -> float:
    apart = bound - mean
    if math.isinf(bound):
        return bound
    return (bound * 0.5 - mean * 0.5) / std * 2.0 if math.isinf(apart) else apart / std


def _normal(dtype: str, mean: float, std: float, at: Cut) -> Law:
    lower, upper = at.lower, at.upper
    size, least = max(abs(lower), abs(upper)), min(abs(lower), abs(upper))
    mass = _twice_between(lower, upper)
    bounds = _closed_bounds(at.low, at.high, dtype)

    if at.width == 0.0:  # a single point
        return Law(dtype, **bounds, **_uniform_fields(dtype, 0.0, at.point))
    if lower == -upper and size < 2.0**-30:  # the density varies by less than 2^-60
        return Law(dtype, **bounds, **_uniform_fields(dtype, at.half_width, at.middle))
    if mass >= 0.125 and lower == -upper:
        return _symmetric(Law(dtype, "symmetric", std, mean, **bounds), upper)
    if mass >= 0.125:
        return _asymmetric(Law(dtype, "asymmetric", std, mean, **bounds), lower, upper, mass)
    if at.width * max(1.0, size) <= 0.25:
        return _narrow(Law(dtype, "narrow", std, at.middle, **bounds), lower, at.width)
    if least >= 2.0**30:  # all but 2^-60 of it rounds to the near end
        return Law(dtype, **bounds, **_uniform_fields(dtype, 0.0, at.low if lower > 0.0 else at.high))
    if lower > 0.0:
        return _tail(Law(dtype, "tail", std, mean, **bounds), lower, upper)
    return _tail(Law(dtype, "tail", -std, mean, **bounds), -upper, -lower)  # the upper tail mirrored


def _twice_above(x: float) -> float:
    """2 P(Z > x)"""
    return erfc_sqrt2(x) if x >= 0.0 else 1.0 + erf_sqrt2(-x)


def _twice_between(lower: float, upper: float) -> float:
    """2 P(lower < Z < upper)"""
    if lower >= 0.0:
        return erfc_sqrt2(lower) - erfc_sqrt2(upper)
    if upper <= 0.0:
        return erfc_sqrt2(-upper) - erfc_sqrt2(-lower)
    return erf_sqrt2(-lower) + erf_sqrt2(upper)


def _with_constants(law: Law, **constants: float) -> Law:
    """The law with these constants; they, std and mean become float32 unless the law computes in float64."""
    fields: dict[str, Any] = {**constants, "std": law.std, "mean": law.mean}
    if law.dtype != "float64":
        fields = {name: _to_float32(x) for name, x in fields.items()}
    return replace(law, **fields)


def _moved(law: Law, name: str, ulps: int) -> Law:
    """One positive constant, moved by units in its last place."""
    real: Any = np.float64 if law.dtype == "float64" else np.float32
    constant = real(getattr(law, name))
    for _ in range(abs(ulps)):
        constant = np.nextafter(constant, real(INFINITE if ulps > 0 else 0.0))
    moved: dict[str, Any] = {name: float(constant)}
    return replace(law, **moved)


# The outermost words must not fall outside the bounds, because what is clamped there piles up. Constants are
# rounded, so a few of the last values could; then the constant that rules the tail's mass at this end moves inward
# by a few units in its last place, which hardly shows elsewhere.
_MOST_STEPS = 64
_ULPS_PER_STEP = 2  # symmetric


def _z_nearest(law: Law, bound: float) -> float:
    """The bound as a z of the law's law can be."""
    return bound if law.dtype == "float64" else _to_float32(bound)


def _symmetric(law: Law, bound: float) -> Law:
    whole, wide = math.isinf(bound), law.dtype == "float64"
    c, rest = (1.0, 0.0) if whole else (erf_sqrt2(bound), erfc_sqrt2(bound))
    if wide:
        law = _with_constants(law, y_scale=c, q_scale=2.0 * c, q_offset=2.0 * rest)
    else:
        q_offset = 2.0 * rest + c * 2.0**-31
        law = _with_constants(law, y_scale=c * 2.0**-31, q_scale=c * 2.0**-30, q_offset=q_offset)
        law = replace(law, y_offset=law.y_scale * 0.5)
    last = np.array([0xFFFFFFFF, 0x000FFFFF] if wide else [0x7FFFFFFF], np.uint32)
    for _ in range(0 if whole else _MOST_STEPS):
        if float(_map_symmetric(law, last)[0]) <= _z_nearest(law, bound):
            break
        law = _moved(law, "q_offset", _ULPS_PER_STEP)
    return law


def _asymmetric(law: Law, lower: float, upper: float, mass: float) -> Law:
    below, above = 2.0 * _twice_above(-lower), 2.0 * _twice_above(upper)
    wide = law.dtype == "float64"
    scale, offset = (2.0 * mass, 0.0) if wide else (mass * 2.0**-30, mass * 2.0**-31)
    offsets = {"lo_offset": below + offset, "hi_offset": above + offset}
    law = _with_constants(law, lo_scale=scale, hi_scale=scale, **offsets)
    ends = np.array([0, 0, 0xFFFFFFFF, 0x000FFFFF] if wide else [0, 0xFFFFFFFF], np.uint32)
    least, most = _z_nearest(law, lower), _z_nearest(law, upper)
    for _ in range(_MOST_STEPS):
        z_low, z_high = (float(z) for z in _map_asymmetric(law, ends))
        if z_low < least:
            law = _moved(law, "lo_offset", 1) if lower < 0.0 else _moved(law, "hi_scale", -1)
        if z_high > most:
            law = _moved(law, "hi_offset", 1) if upper > 0.0 else _moved(law, "lo_scale", -1)
        if z_low >= least and z_high <= most:
            break
    return law


def _narrow(law: Law, lower: float, width: float) -> Law:
    """The density over its value at the middle m is exp(-m s - s^2 / 2) = sum of f_n s^n, with f_{n+1} =
    -(m f_n + f_{n-1}) / (n + 1), integrated term by term; the inverse X(p) obeys X' = U, U' = X U^2."""
    terms = SERIES_TERMS + 1
    h = width * 0.5
    m = lower + h
    mh, hh = m * h, h * h
    before, term, left, right = 0.0, 1.0, 0.0, 0.0
    for n in range(2 * terms):  # term = f_n h^n
        part = term / (n + 1)
        right = right + part
        left = left + (-part if n % 2 else part)
        before, term = term, -(mh * term + hh * before) / (n + 1)
    x, u, v = [m], [h * (left + right)], []
    for n in range(terms - 1):
        square, product = 0.0, 0.0
        for j in range(n + 1):
            square = square + u[j] * u[n - j]
        v.append(square)
        for j in range(n + 1):
            product = product + x[j] * v[n - j]
        x.append(u[n] / (n + 1))
        u.append(product / (n + 1))
    return replace(law, centre=left / (left + right), series=tuple(x[1:]))


def _tail(law: Law, near: float, far: float) -> Law:
    ratio, rest = mills(near), 0.0
    if not math.isinf(far):
        rest = exp(-0.5 * ((far - near) * (far + near))) * mills(far) / ratio
    tail_log = 0.5 * (near * near) - log(_ERF_SERIES[0] * ratio)
    return replace(law, tail_mass=1.0 - rest, tail_rest=rest, tail_log=tail_log)


# ---- maps: kernels/icdf.h, uniform.h, normal.h ----


def _clamp(x: Floats, low: float, high: float) -> Floats:
    """Held by the kernels' min and max: where both are equal, the bound."""
    first, last = x.dtype.type(low), x.dtype.type(high)
    x = np.where(x > first, x, first)
    return np.where(x < last, x, last)


def _polynomial(fma: Callable[..., Floats], table: Float64s, row: npt.NDArray[np.intp], t: Floats) -> Floats:
    r: Floats = table[-1, row]
    for coefficients in table[-2::-1]:
        r = fma(r, t, coefficients[row])
    return r


def _icdf_quotient32(q2: npt.NDArray[np.float32]) -> Floats:
    """z / y from 2 q in [2^-31, 2): rows are octaves."""
    bits = q2.view(np.uint32)
    t = ((bits & np.uint32(0x007FFFFF)) | np.uint32(0x3F800000)).view(np.float32) - np.float32(1.5)
    return _polynomial(fma32, _ICDF32, (bits >> 23 & 31).astype(np.intp), t)


def _half_octave(table: Float64s, first_field: int, x: Float64s) -> Floats:
    """A float64 table, whose rows are halves of octaves, the first at the exponent field `first_field`."""
    bits = x.view(np.uint64)
    row = (bits >> np.uint64(51)).astype(np.intp) - 2 * first_field
    mantissa = (bits & np.uint64(0x0007FFFFFFFFFFFF)) | np.uint64(0x3FF0000000000000)
    return _polynomial(fma64, table, row, mantissa.view(np.float64) - 1.25)


def _icdf_quotient64(q2: Float64s) -> Floats:
    return _half_octave(_ICDF64, 968, q2)


def _pairs(words: Words) -> npt.NDArray[np.uint64]:
    return words[0::2].astype(np.uint64) | words[1::2].astype(np.uint64) << np.uint64(32)


def _unit_magnitude64(bits: npt.NDArray[np.uint64]) -> Float64s:
    """(2 m + 1) 2^-53 for the 52 low bits m."""
    return (2 * (bits & np.uint64(0x000FFFFFFFFFFFFF)) + 1).astype(np.float64) * 2.0**-53


def _unit(law: Law, words: Words) -> Float64s:
    """p in (0, 1) for the methods that compute in float64 whatever the dtype."""
    if law.dtype == "float64":
        return _unit_magnitude64(_pairs(words))
    return words.astype(np.float64) * 2.0**-32 + 2.0**-33  # exact


def _flip(x: Floats, negative: npt.NDArray[np.bool_]) -> Floats:
    return np.where(negative, -x, x)


def _map_uniform(law: Law, words: Words) -> Floats:
    if law.dtype == "float64":
        bits = _pairs(words)
        return _flip(_unit_magnitude64(bits), bits >> np.uint64(63) != 0)
    x = words.view(np.int32).astype(np.float32)
    return x * np.float32(2.0**-31) if law.scale_first else x


def _map_symmetric(law: Law, words: Words) -> Floats:
    if law.dtype == "float64":
        bits = _pairs(words)
        p = _unit_magnitude64(bits)
        q2 = np.minimum(fma64(1.0 - p, law.q_scale, law.q_offset), 2.0 - 2.0**-52)
        return _flip((p * law.y_scale) * _icdf_quotient64(q2), bits >> np.uint64(63) != 0)
    m = (words & np.uint32(0x7FFFFFFF)).view(np.int32)
    y = fma32(m.astype(np.float32), law.y_scale, law.y_offset)
    rest = (np.int32(0x7FFFFFFF) - m).astype(np.float32)
    q2_32 = np.minimum(fma32(rest, law.q_scale, law.q_offset), np.float32(2.0 - 2.0**-23))
    return _flip(y * _icdf_quotient32(q2_32), words >> 31 != 0)


def _map_asymmetric(law: Law, words: Words) -> Floats:
    if law.dtype == "float64":
        p = _unit_magnitude64(_pairs(words))
        lo = fma64(p, law.lo_scale, law.lo_offset)
        hi = fma64(1.0 - p, law.hi_scale, law.hi_offset)
        q2 = np.maximum(np.minimum(np.minimum(lo, hi), 2.0 - 2.0**-52), 2.0**-52)
        return _flip(fma64(q2, -0.5, 1.0) * _icdf_quotient64(q2), lo < hi)
    w = (words >> 1).view(np.int32)
    lo32 = fma32(w.astype(np.float32), law.lo_scale, law.lo_offset)
    hi32 = fma32((np.int32(0x7FFFFFFF) - w).astype(np.float32), law.hi_scale, law.hi_offset)
    q2_32 = np.maximum(np.minimum(np.minimum(lo32, hi32), np.float32(2.0 - 2.0**-23)), np.float32(2.0**-31))
    return _flip(fma32(q2_32, -0.5, 1.0) * _icdf_quotient32(q2_32), lo32 < hi32)


def _map_narrow(law: Law, words: Words) -> Floats:
    d = _unit(law, words) - law.centre
    r: Floats = np.full_like(d, law.series[-1])
    for coefficient in law.series[-2::-1]:
        r = fma64(r, d, coefficient)
    return r * d


def _map_tail(law: Law, words: Words) -> Floats:
    p = _unit(law, words)
    s = fma64(1.0 - p, law.tail_mass, law.tail_rest)  # P(Z > z) / P(Z > a)
    s2 = np.minimum(s + s, 2.0 - 2.0**-52)
    l = fma64(p * law.tail_mass, _half_octave(_LOG64, 968, s2), law.tail_log)  # noqa: E741
    return np.sqrt(l) * _half_octave(_TAIL64, 1022, l)


_MAPS: dict[str, Callable[[Law, Words], Floats]] = {
    "uniform": _map_uniform,
    "symmetric": _map_symmetric,
    "asymmetric": _map_asymmetric,
    "narrow": _map_narrow,
    "tail": _map_tail,
}
