"""Generate the coefficient tables of the inverse normal CDF.

Run it from the project's root; it needs mpmath and takes about two minutes::

    python tools/make_tables.py

It writes::

    src/fastinit/csrc/generated/tables.h, tables.c, rows.h, rows.c

Every table approximates a smooth function by one polynomial per segment. A segment is one
octave (float32) or half an octave (float64) of the argument; within it the polynomial runs in
the local variable t, the mantissa minus the segment's centre, so that coefficients stay small
and Horner's rule loses nothing. Interpolation at Chebyshev points is within a few percent of
the minimax error for these functions. Coefficients are rounded from the highest degree down,
and the remaining ones fitted again after each rounding, so that only the rounding of the
constant term is left in the result.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mpmath as mp
import numpy as np

mp.mp.dps = 60

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "src/fastinit/csrc/generated/tables.h"
SOURCE = ROOT / "src/fastinit/csrc/generated/tables.c"
ROWS_HEADER = ROOT / "src/fastinit/csrc/generated/rows.h"
ROWS_SOURCE = ROOT / "src/fastinit/csrc/generated/rows.c"

ICDF32_DEGREE = 8
DEGREE64 = 14


def round32(x: mp.mpf) -> mp.mpf:
    """The float32 nearest to x (its magnitude is far from the subnormal range)."""
    return _round_to(x, 24)


def round64(x: mp.mpf) -> mp.mpf:
    """The float64 nearest to x."""
    return _round_to(x, 53)


def _round_to(x: mp.mpf, bits: int) -> mp.mpf:
    if x == 0:
        return mp.mpf(0)
    _, exponent = mp.frexp(x)
    scale = mp.mpf(2) ** (bits - exponent)
    return mp.nint(x * scale) / scale


def fit(
    f: Callable[[mp.mpf], mp.mpf], half_width: mp.mpf, degree: int, rounding: Callable[[mp.mpf], mp.mpf]
) -> list[mp.mpf]:
    """Coefficients c[0..degree] of a polynomial in t that follows f on [-half_width, half_width]."""
    n = degree + 1
    nodes = [half_width * mp.cos(mp.pi * (2 * i + 1) / (2 * n)) for i in range(n)]
    values = [f(t) for t in nodes]
    coefficients: list[mp.mpf] = [mp.mpf(0)] * n
    for top in range(degree, -1, -1):
        # Interpolate what is left at the Chebyshev points of the remaining degree; the values
        # there come from the full-degree interpolant, which is exact enough for this.
        count = top + 1
        points = [half_width * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]
        rest = [_barycentric(nodes, values, t) - sum(coefficients[j] * t**j for j in range(top + 1, n)) for t in points]
        newton = _divided_differences(points, rest)
        coefficients[top] = rounding(newton[top])
    return coefficients


def _barycentric(nodes: list[mp.mpf], values: list[mp.mpf], t: mp.mpf) -> mp.mpf:
    n = len(nodes)
    numerator = denominator = mp.mpf(0)
    for i in range(n):
        if t == nodes[i]:
            return values[i]
        weight = (-1) ** i * mp.sin(mp.pi * (2 * i + 1) / (2 * n)) / (t - nodes[i])
        numerator += weight * values[i]
        denominator += weight
    return numerator / denominator


def _divided_differences(points: list[mp.mpf], values: list[mp.mpf]) -> list[mp.mpf]:
    d = list(values)
    n = len(points)
    for level in range(1, n):
        for i in range(n - 1, level - 1, -1):
            d[i] = (d[i] - d[i - 1]) / (points[i] - points[i - level])
    return d


def normal_tail_inverse(q: mp.mpf) -> mp.mpf:
    """z > 0 with P(|Z| > z) = q for a standard normal Z."""
    return mp.sqrt(2) * mp.erfinv(1 - q)


def log_tail_inverse(ell: mp.mpf) -> mp.mpf:
    """z > 0 with P(|Z| > z) = exp(-ell), by Newton's method on the logarithm."""
    z = mp.sqrt(2 * ell + mp.mpf(1) / 4)
    for _ in range(200):
        tail = mp.erfc(z / mp.sqrt(2))
        step = (mp.log(tail) + ell) * tail / (mp.sqrt(2 / mp.pi) * mp.exp(-z * z / 2))
        z += step
        if abs(step) < mp.mpf(10) ** -40 * z:
            return z
    raise ArithmeticError(f"no convergence at {ell}")


def icdf32() -> list[list[mp.mpf]]:
    """z / (1 - q) by octave of q: row p holds q in [2^(p-32), 2^(p-31)), p = 0..31."""
    rows = []
    for p in range(32):
        scale = mp.mpf(2) ** (p - 32)

        def f(t: mp.mpf, scale: mp.mpf = scale) -> mp.mpf:
            q = scale * (t + mp.mpf(3) / 2)
            return normal_tail_inverse(q) / (1 - q)

        rows.append(fit(f, mp.mpf(1) / 2, ICDF32_DEGREE, round32))
    return rows


def half_octaves(f: Callable[[mp.mpf], mp.mpf], first_exponent: int, octaves: int) -> list[list[mp.mpf]]:
    """Rows 2i and 2i + 1 hold the halves [1, 1.5) and [1.5, 2) of octave first_exponent + i."""
    rows = []
    for i in range(octaves):
        for centre in (mp.mpf(5) / 4, mp.mpf(7) / 4):
            scale = mp.mpf(2) ** (first_exponent + i)

            def g(t: mp.mpf, scale: mp.mpf = scale, centre: mp.mpf = centre) -> mp.mpf:
                return f(scale * (centre + t))

            rows.append(fit(g, mp.mpf(1) / 4, DEGREE64, round64))
    return rows


def mills_polynomial() -> list[mp.mpf]:
    """(1 + x) times Mills' ratio on x >= 1/2, in s = (x - 3) / (x + 3) mapped to [-1, 1]."""
    low = mp.mpf(MILLS_LOW)

    def f(s: mp.mpf) -> mp.mpf:
        u = low + (s + 1) / 2 * (1 - low)
        if u >= 1:
            return mp.mpf(1)
        x = 3 * (1 + u) / (1 - u)
        if x > 1e12:
            return (1 + x) * (1 / x - 1 / x**3)
        with mp.workdps(80):
            return (1 + x) * mp.sqrt(mp.pi / 2) * mp.exp(x * x / 2) * mp.erfc(x / mp.sqrt(2))

    return fit(f, mp.mpf(1), MILLS_DEGREE, round64)


MILLS_DEGREE = 24
MILLS_LOW = -0.75  # s at x = 3/7


def erf_series() -> list[mp.mpf]:
    """erf(x / sqrt 2) / x = sum of c[n] x^(2n), for |x| < 1."""
    return [round64(mp.sqrt(2 / mp.pi) * (-1) ** n / (2**n * mp.factorial(n) * (2 * n + 1))) for n in range(17)]


def exp_series() -> list[mp.mpf]:
    return [round64(1 / mp.factorial(n)) for n in range(14)]


def log_series() -> list[mp.mpf]:
    """log((1 + f) / (1 - f)) / f = sum of c[n] f^(2n)."""
    return [round64(mp.mpf(2) / (2 * n + 1)) for n in range(12)]


def split_constant(x: mp.mpf, bits: int) -> tuple[mp.mpf, mp.mpf]:
    """x as a head of few bits, exact when multiplied by a small integer, and the rest."""
    head = _round_to(x, bits)
    return head, round64(x - head)


def hexfloat(x: mp.mpf, single: bool = False) -> str:
    text = float(x).hex()
    assert mp.mpf(float.fromhex(text)) == x
    if single:
        assert float(np.float32(float(x))) == float(x)
        return text + "f"
    return text


def write(
    tables: dict[str, tuple[str, list[list[mp.mpf]], bool]], vectors: dict[str, tuple[str, list[mp.mpf]]]
) -> None:
    """Tables are stored coefficient by coefficient: entry [j][row] multiplies t^j."""
    head = "Generated by tools/make_tables.py; do not edit."
    h = [f"/* {head} */", "#ifndef FASTINIT_TABLES_H", "#define FASTINIT_TABLES_H", ""]
    c = [f"/* {head} */", '#include "tables.h"', ""]
    for name, (comment, rows, single) in tables.items():
        count, length = len(rows[0]), len(rows)
        ctype = "float" if single else "double"
        h += [f"/* {comment} */", f"extern const {ctype} fi_{name}[{count}][{length}];", ""]
        c += [f"const {ctype} fi_{name}[{count}][{length}] = {{"]
        for j in range(count):
            cells = [hexfloat(row[j], single) for row in rows]
            c += ["    {"] + [f"        {', '.join(cells[i : i + 4])}," for i in range(0, length, 4)] + ["    },"]
        c += ["};", ""]
    for name, (comment, values) in vectors.items():
        cells = [hexfloat(v) for v in values]
        h += [f"/* {comment} */", f"extern const double fi_{name}[{len(cells)}];", ""]
        c += [f"const double fi_{name}[{len(cells)}] = {{"]
        c += [f"    {', '.join(cells[i : i + 4])}," for i in range(0, len(cells), 4)] + ["};", ""]
    HEADER.write_text("\n".join([*h, "#endif", ""]))
    SOURCE.write_text("\n".join(c))


def write_rows(tables: dict[str, tuple[str, list[list[mp.mpf]], bool]]) -> None:
    """The float64 tables once more, row by row: the coefficients of one polynomial lie side by side, and a zero."""
    head = "Generated by tools/make_tables.py; do not edit."
    h = [f"/* {head} */", "#ifndef FASTINIT_ROWS_H", "#define FASTINIT_ROWS_H", ""]
    h += ["/* The tables of tables.h row by row: entry [row][j] multiplies t^j, and the last of a row is 0. */"]
    c = [f"/* {head} */", '#include "rows.h"', ""]
    for name, (_, rows, single) in tables.items():
        if single:
            continue
        declared = f"double fi_{name}_rows[{len(rows)}][{len(rows[0]) + 1}]"
        h += [f"extern const {declared};"]
        c += [f"_Alignas(64) const {declared} = {{"]
        for row in rows:
            cells = [hexfloat(value) for value in [*row, mp.mpf(0)]]
            c += ["    {"] + [f"        {', '.join(cells[i : i + 4])}," for i in range(0, len(cells), 4)] + ["    },"]
        c += ["};", ""]
    ROWS_HEADER.write_text("\n".join([*h, "", "#endif", ""]))
    ROWS_SOURCE.write_text("\n".join(c))


def main() -> None:
    tables = {
        "icdf32": ("z / (1 - q), row p: q in [2^(p-32), 2^(p-31))", icdf32(), True),
        "icdf64": (
            "z / (1 - q), rows 2i and 2i + 1: halves of q's octave [2^(i-56), 2^(i-55))",
            half_octaves(lambda q: normal_tail_inverse(q) / (1 - q), -56, 56),
            False,
        ),
        "log64": (
            "-log(s) / (1 - s), rows 2i and 2i + 1: halves of s's octave [2^(i-56), 2^(i-55))",
            half_octaves(lambda s: -mp.log(s) / (1 - s), -56, 56),
            False,
        ),
        "tail64": (
            "x / sqrt(l) where P(|Z| > x) = exp(-l), rows 2i and 2i + 1: halves of l's octave [2^(i-1), 2^i)",
            half_octaves(lambda ell: log_tail_inverse(ell) / mp.sqrt(ell), -1, 61),
            False,
        ),
    }
    ln2 = split_constant(mp.log(2), 32)
    vectors = {
        "mills": (
            "(1 + x) M(x), M Mills' ratio, in powers of s = (8/7)(u + 3/4) - 1, u = (x - 3) / (x + 3)",
            mills_polynomial(),
        ),
        "erf_series": ("erf(x / sqrt 2) / x in powers of x^2, |x| < 1", erf_series()),
        "exp_series": ("exp(r) in powers of r", exp_series()),
        "log_series": ("log((1 + f) / (1 - f)) / f in powers of f^2", log_series()),
        "ln2": ("log 2 as head and rest", list(ln2)),
    }
    write(tables, vectors)
    write_rows(tables)
    print(f"wrote {HEADER}, {SOURCE}, {ROWS_HEADER} and {ROWS_SOURCE}")


if __name__ == "__main__":
    main()
