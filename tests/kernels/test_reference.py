"""The oracle's own foundations: exact fma, scalar special functions, tables."""

import itertools
import math
import struct
from collections.abc import Callable, Iterable
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from fastinit import _kernels
from oracle import stream as oracle_stream
from oracle import tables
from support.isas import RUNNABLE

INFINITE = math.inf

FORMATS = {32: (24, -149, 128), 64: (53, -1074, 1024)}  # digits, exponents of the last place and of overflow


# ---- fma ----


def rounded(exact: Fraction, width: int) -> float:
    """The nearest value of the format, ties to even, by integers alone; exact is not zero."""
    digits, lowest, highest = FORMATS[width]
    size = abs(exact)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()  # floor(log2), or one more
    if size < Fraction(2) ** exponent:
        exponent -= 1
    place = max(exponent - digits + 1, lowest)
    whole = round(size / Fraction(2) ** place)  # Python rounds a half to even
    if whole.bit_length() + place > highest:
        return INFINITE if exact > 0 else -INFINITE
    return math.copysign(math.ldexp(whole, place), exact)


def exact_fma(a: float, b: float, c: float, width: int) -> float:
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    # A sum of zero takes its sign from its terms; a product that vanishes beside c = 0 is no such sum.
    return rounded(exact, width) if exact else a * b + c if 0.0 in (a, b, c) else 0.0


def random_floats(rng: np.random.Generator, count: int, width: int, spread: int) -> np.ndarray:
    digits = FORMATS[width][0]
    mantissa = rng.integers(2 ** (digits - 1), 2**digits, count) * rng.choice([-1.0, 1.0], count)
    x = np.ldexp(mantissa, rng.integers(-spread, spread + 1, count) - digits)
    return x.astype(np.float32).astype(np.float64) if width == 32 else x


def adversarial_triples(width: int) -> list[tuple[float, float, float]]:
    """Sums on and beside halfway, cancellation to the last bit, subnormals and both ends of the exponents."""
    rng = np.random.default_rng(width)
    digits, lowest, highest = FORMATS[width]
    ulp, least = 2.0 ** (1 - digits), 2.0**lowest
    most = (2.0 - ulp) * 2.0 ** (highest - 1)
    triples = []
    for sign in (1.0, -1.0):
        for c in (1.0, 1.0 + ulp, 2.0 - ulp, 1.5):
            # Halfway but for the last of all bits, which a first rounding to any wider format would lose.
            triples.append((sign * ulp / 2 * (1.0 + ulp), 1.0 - ulp, c))
            for tiny in (ulp, ulp / 2, ulp / 4):  # beside halfway of c: by a last bit, by far less than one
                for factor in (1.0, 1.0 + ulp, 1.0 - ulp / 2):
                    triples.append((sign * tiny, factor, c))
                    for shift in (-2.0 * digits, -digits, digits / 2):
                        scale = 2.0 ** round(shift)
                        triples.append((sign * tiny * scale, factor / scale, c))
                        triples.append((sign * factor, 1.0, tiny * scale))
        # Halves of the last place of a subnormal result, and sums that round into the normal range.
        for m in (0.5, 1.0, 1.5, 2.5, 3.0):
            for addend in (0.0, least, 3 * least, least * 2.0 ** (digits - 1), -least):
                half = 2.0 ** (lowest // 2)
                triples.append((sign * m * half, 2.0 ** (lowest - lowest // 2), addend))
                triples.append((sign * m * half, 0.5 * 2.0 ** (lowest - lowest // 2), addend))
                triples.append((sign * m * half, (0.5 + ulp / 2) * 2.0 ** (lowest - lowest // 2), addend))
        # Overflow, overflow that the addend takes back, and the largest finite value.
        for c in (0.0, most, -most, most * ulp / 2, -most * ulp / 2, -most * ulp):
            triples += [(sign * most, factor, c) for factor in (1.0, 2.0, 1.0 + ulp, most)]
        triples += [(sign * 0.0, 1.0, z) for z in (0.0, -0.0)] + [(sign, 1.0, -sign)]
        triples += [(sign * least, least, z) for z in (0.0, -0.0, least, -least, 1.0, most)]
    # Cancellation: c is the rounded product, or one of its neighbours.
    for spread in (3, {32: 60, 64: 450}[width], {32: 73, 64: 530}[width]):
        for a, b in zip(*(random_floats(rng, 300, width, spread) for _ in "ab"), strict=True):
            with np.errstate(over="ignore"):
                c = float(-np.float32(a * b)) if width == 32 else -a * b
            triples.append((a, b, c))
            if width == 64 and math.isfinite(c):
                triples.append((a, b, math.nextafter(c, 0.0)))
    return [(float(a), float(b), float(c)) for a, b, c in triples if all(map(math.isfinite, (a, b, c)))]


SPECIAL_OPERANDS = [0.0, -0.0, 1.0, -2.0, INFINITE, -INFINITE, math.nan]


def random_triples(width: int, count: int) -> list[tuple[float, float, float]]:
    rng = np.random.default_rng(7)
    triples = []
    for spread in (2, 30, {32: 62, 64: 480}[width], {32: 120, 64: 1000}[width]):
        a, b = (random_floats(rng, count, width, spread) for _ in "ab")
        near = rng.choice([-1.0, 1.0], count) * 2.0 ** np.clip(np.frexp(a)[1] + np.frexp(b)[1], -900, 900)
        c = random_floats(rng, count, width, 60)
        with np.errstate(over="ignore", under="ignore"):
            c = np.where(rng.random(count) < 0.7, c * near, c)
            if width == 32:
                c = c.astype(np.float32).astype(np.float64)
        keep = np.isfinite(c)
        triples += zip(a[keep].tolist(), b[keep].tolist(), c[keep].tolist(), strict=True)
    return triples


def bits(x: float) -> int:
    return int.from_bytes(struct.pack("<d", x), "little")


def mismatches(
    triples: Iterable[tuple[float, float, float]], found: Iterable[float], width: int
) -> list[tuple[object, ...]]:
    return [
        (*(x.hex() for x in triple), float(value).hex(), exact_fma(*triple, width).hex())
        for triple, value in zip(triples, found, strict=True)
        if bits(float(value)) != bits(exact_fma(*triple, width))
    ]


@pytest.mark.parametrize("width", [32, 64])
def test_fma_of_the_oracle_is_exact(width: int) -> None:
    triples = adversarial_triples(width) + random_triples(width, 2000)
    a, b, c = np.array(triples).T
    fma = oracle_stream.fma32 if width == 32 else oracle_stream.fma64
    assert mismatches(triples, fma(a, b, c), width) == []


@pytest.mark.parametrize("width", [32, 64])
def test_fma_of_the_scalar_kernels_is_exact(width: int) -> None:
    triples = adversarial_triples(width) + random_triples(width, 2000)
    fma = _kernels.scalar_fma32 if width == 32 else _kernels.scalar_fma64
    assert mismatches(triples, [fma(*triple) for triple in triples], width) == []


def vector_fma(width: int, a: np.ndarray, b: np.ndarray, c: np.ndarray, negated: bool = False) -> np.ndarray:
    """That of the instruction set in use."""
    dtype = {32: np.float32, 64: np.float64}[width]
    size = -(-len(a) // 16) * 16
    x, y, z = (np.resize(v.astype(dtype), size) for v in (a, b, c))
    out = np.empty(size, dtype)
    (_kernels.vector_fma32 if width == 32 else _kernels.vector_fma64)(negated, x, y, z, out)
    return out[: len(a)]


@pytest.mark.parametrize("width", [32, 64])
def test_fma_of_every_instruction_set_is_exact(width: int, isa: str) -> None:
    triples = adversarial_triples(width) + random_triples(width, 2000)
    a, b, c = np.array(triples).T
    assert mismatches(triples, vector_fma(width, a, b, c), width) == []
    assert mismatches(triples, vector_fma(width, -a, b, c, negated=True), width) == []


@pytest.mark.parametrize("width", [32, 64])
def test_fma_of_every_instruction_set_treats_lanes_apart(width: int, isa: str) -> None:
    """Ordinary operands beside those that take another path: each result is what it is among its like."""
    plain = random_triples(width, 500)
    rare = adversarial_triples(width)
    infinite = list(itertools.product([*SPECIAL_OPERANDS, 1.5, 2.0**-140, 3.0**-50], repeat=3))
    rng = np.random.default_rng(3)
    mixed = rng.permutation(np.array((plain * 4)[:2000] + infinite + rng.permutation(rare)[:3000].tolist()))
    a, b, c = mixed.T
    found = vector_fma(width, a, b, c)
    one = _kernels.scalar_fma32 if width == 32 else _kernels.scalar_fma64
    for triple, value in zip(mixed.tolist(), found.tolist(), strict=True):
        expected = one(*triple)
        assert bits(value) == bits(expected) or (math.isnan(value) and math.isnan(expected)), triple


def tied_operands(width: int, rng: np.random.Generator, count: int) -> tuple[np.ndarray, ...]:
    """Operands of few bits and of many, whose sums lie in the middle between two numbers, near it, or cancel; any
    exponents, subnormal and too large results among them."""
    digits, dtype = {32: (24, np.float32), 64: (53, np.float64)}[width]
    reach = {32: 40, 64: 300}[width]

    def some() -> np.ndarray:
        kept = rng.integers(1, digits + 1, count)
        mantissa = (rng.integers(0, 2**digits, count) >> (digits - kept) | 1).astype(np.float64)
        scale = rng.choice([2, 8, reach, 2 * reach - 5], count) * rng.uniform(-1.0, 1.0, count)
        return np.ldexp(mantissa * rng.choice([-1.0, 1.0], count), np.rint(scale).astype(int) - kept).astype(dtype)

    with np.errstate(all="ignore"):
        a, b, c = some(), some(), some()
        product = a * b
        shift = rng.integers(-2 * digits - 4, 2 * digits + 4, count)
        power = np.ldexp(np.sign(c), np.frexp(np.where(np.isfinite(product), product, 1))[1] + shift).astype(dtype)
        beside = np.nextafter(-product, rng.choice([-np.inf, np.inf], count).astype(dtype))
        near = np.ldexp(np.frexp(c)[0], np.frexp(np.where(np.isfinite(product), product, 1))[1] + shift).astype(dtype)
        return a, b, np.choose(rng.integers(0, 5, count), [c, -product, beside, power, near])


@pytest.mark.parametrize("width", [32, 64])
def test_millions_of_fma_agree_among_instruction_sets(width: int) -> None:
    """With the hardware's where there is one. The lanes are shuffled: no vector is all of a kind."""
    rng, before = np.random.default_rng(9), _kernels.current_isa()
    known = [name for name in RUNNABLE if name != "scalar"]
    try:
        for _ in range(8):
            operands = tied_operands(width, rng, 1 << 18)
            found = []
            for name in known:
                _kernels.use_isa(name)
                found.append(vector_fma(width, *operands))
            nan = np.isnan(found[-1])
            for values in found:
                assert np.array_equal(np.isnan(values), nan)
                assert np.array_equal(values[~nan].view(f"u{width // 8}"), found[-1][~nan].view(f"u{width // 8}"))
    finally:
        _kernels.use_isa(before)


def test_fma_takes_paths_that_differ_from_two_roundings() -> None:
    triples = adversarial_triples(32) + random_triples(32, 2000)
    a, b, c = np.array(triples).T
    with np.errstate(all="ignore"):
        twice = (a * b + c).astype(np.float32)
    assert np.any(twice.view(np.uint32) != oracle_stream.fma32(a, b, c).view(np.uint32))


def test_fma_broadcasts() -> None:
    a, b = np.arange(1.0, 4.0)[:, None], np.arange(1.0, 5.0)
    for fma in (oracle_stream.fma32, oracle_stream.fma64):
        assert np.array_equal(fma(a, b, 0.5), a * b + 0.5)
        assert fma(2.0, 3.0, 1.0).shape == ()
        assert fma(np.zeros(0), 1.0, 1.0).shape == (0,)


FMAS = ["fma32", "fma64", "scalar_fma32", "scalar_fma64"]


def fma_named(name: str) -> Callable[[float, float, float], float]:
    return getattr(_kernels if name.startswith("scalar") else oracle_stream, name)


@pytest.mark.parametrize("name", FMAS)
def test_fma_of_infinities_and_nan(name: str) -> None:
    for a, b, c in itertools.product(SPECIAL_OPERANDS, repeat=3):
        found, expected = float(fma_named(name)(a, b, c)), a * b + c  # nothing is rounded here
        if math.isnan(expected):
            assert math.isnan(found), (a, b, c)
        else:
            assert bits(found) == bits(expected), (a, b, c)


@pytest.mark.parametrize("name", FMAS)
def test_fma_of_a_finite_product_beyond_the_range_and_an_infinity(name: str) -> None:
    fma, large = fma_named(name), 2.0**127 if name.endswith("32") else 2.0**1023
    assert fma(large, large, -INFINITE) == -INFINITE
    assert fma(-large, large, INFINITE) == INFINITE
    assert fma(large, large, INFINITE) == INFINITE


# ---- special functions ----

GRIDS = {
    "exp": np.concatenate([np.linspace(-760.0, 708.9, 20001), np.linspace(-2.0, 2.0, 4001), [0.0, -0.0]]),
    "log": np.concatenate(
        [np.geomspace(2.3e-308, 1.7e308, 10001), np.geomspace(0.25, 4.0, 10001), 1.0 + np.geomspace(2.0**-52, 0.5, 999)]
    ),
    "erf_sqrt2": np.concatenate([[0.0, INFINITE], np.geomspace(1e-300, 50.0, 10001), np.linspace(0.0, 9.0, 9001)]),
    "erfc_sqrt2": np.concatenate([[0.0, INFINITE], np.geomspace(1e-300, 50.0, 10001), np.linspace(0.0, 41.0, 20001)]),
    "mills": np.concatenate([np.linspace(0.4286, 12.0, 10001), np.geomspace(0.4286, 1e300, 5001)]),
}
EXACT = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "erf_sqrt2": lambda x: mpmath.erf(x / mpmath.sqrt(2)),
    "erfc_sqrt2": lambda x: mpmath.erfc(x / mpmath.sqrt(2)),
    # By the continued fraction's sibling, Tricomi's U, which does not cancel for large x.
    "mills": lambda x: mpmath.hyperu(0.5, 0.5, x * x / 2) / mpmath.sqrt(2),
}


@pytest.mark.parametrize("name", ["exp", "log", "erf_sqrt2", "erfc_sqrt2"])
def test_special_functions_agree_to_the_bit(name: str) -> None:
    function = getattr(oracle_stream, name)
    for x in GRIDS[name].tolist():
        assert bits(_kernels.special(name, x)) == bits(function(x)), x.hex()


@pytest.mark.parametrize("name", list(GRIDS))
def test_special_functions_err_by_less_than_1e15(name: str) -> None:
    """Relative to mpmath, where the result is a normal number."""
    function, exact = getattr(oracle_stream, name), EXACT[name]
    grid = GRIDS[name]
    with mpmath.workprec(120):
        for x in grid[:: max(1, len(grid) // 1500)].tolist():
            if math.isinf(x):
                continue
            truth = exact(mpmath.mpf(x))
            if abs(truth) < 2.3e-308:
                assert abs(function(x) - truth) <= 2.3e-308
            else:
                assert abs((function(x) - truth) / truth) < 1e-15, x.hex()


def test_special_functions_at_their_ends() -> None:
    for source in (lambda name, x: getattr(oracle_stream, name)(x), _kernels.special):
        assert source("erf_sqrt2", 0.0) == 0.0
        assert source("erf_sqrt2", INFINITE) == 1.0
        assert source("erfc_sqrt2", 0.0) == 1.0
        assert source("erfc_sqrt2", INFINITE) == 0.0
        assert source("exp", 0.0) == 1.0
        assert source("exp", -1e6) == 0.0
        assert source("log", 1.0) == 0.0


# ---- tables ----


def test_every_table_is_read_and_those_of_float32_hold_float32() -> None:
    assert sorted(tables.LAWS) == [
        *("fi_erf_series", "fi_exp_series", "fi_icdf32", "fi_icdf64", "fi_ln2", "fi_log64", "fi_log_series"),
        *("fi_mills", "fi_tail64"),
    ]
    assert len(tables.ACTIVATIONS) == 21
    for name, table in (tables.LAWS | tables.ACTIVATIONS).items():
        assert table.size, name
        if name.endswith("32"):
            assert (table.astype(np.float32) == table).all(), name


@pytest.mark.parametrize("name", ["fi_icdf64", "fi_log64", "fi_tail64"])
def test_the_rows_are_the_tables_once_more(name: str) -> None:
    rows = tables.ROWS[f"{name}_rows"]
    assert (rows[:, :-1] == tables.LAWS[name].T).all()
    assert (rows[:, -1] == 0.0).all()
