"""Generate the coefficients of the activations.

Run it from the project's root; it needs mpmath and takes a few seconds::

    python tools/make_activations.py

It writes::

    src/fastinit/csrc/generated/activation_tables.h

Polynomials and the one rational function are least-squares fits at Chebyshev points, which is close to the minimax
error here. Coefficients are rounded one after the other, from the highest degree down, and the remaining ones fitted
again after each rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mpmath as mp
from make_tables import hexfloat, round32, round64

mp.mp.dps = 60

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "src/fastinit/csrc/generated/activation_tables.h"

Rounding = Callable[[mp.mpf], mp.mpf]


def chebyshev(count: int, low: mp.mpf, high: mp.mpf) -> list[mp.mpf]:
    return [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]


def fit(
    terms: list[Callable[[mp.mpf], mp.mpf]],
    target: Callable[[mp.mpf], mp.mpf],
    points: list[mp.mpf],
    rounding: Rounding,
) -> list[mp.mpf]:
    """Rounded coefficients of the sum of terms that follows the target best at the points, fixed one by one."""
    columns = [[term(x) for x in points] for term in terms]
    rest = [target(x) for x in points]
    result = []
    for at in range(len(terms)):
        rows = mp.matrix(columns[at:]).T
        c = rounding(mp.qr_solve(rows, mp.matrix(rest))[0][0])
        rest = [y - c * column for y, column in zip(rest, columns[at], strict=True)]
        result.append(c)
    return result


def polynomial(
    f: Callable[[mp.mpf], mp.mpf],
    low: mp.mpf,
    high: mp.mpf,
    degree: int,
    weight: Callable[[mp.mpf], mp.mpf],
    rounding: Rounding,
) -> list[mp.mpf]:
    """Coefficients, constant term first, of a polynomial that follows f on [low, high]."""

    def term(j: int) -> Callable[[mp.mpf], mp.mpf]:
        return lambda x: weight(x) * x**j

    points = chebyshev(4 * (degree + 1), low, high)
    return fit([term(j) for j in range(degree, -1, -1)], lambda x: weight(x) * f(x), points, rounding)[::-1]


def exp_rest(r: mp.mpf) -> mp.mpf:
    """(exp(r) - 1 - r) / r^2"""
    if abs(r) < mp.mpf(10) ** -20:
        return mp.mpf(1) / 2 + r / 6
    return (mp.expm1(r) - r) / r**2


def log1p_rest(w: mp.mpf) -> mp.mpf:
    """(2 atanh(z) / z - 2) / z^2 of w = z^2"""
    if w < mp.mpf(10) ** -20:
        return mp.mpf(2) / 3 + 2 * w / 5
    z = mp.sqrt(w)
    return (2 * mp.atanh(z) / z - 2) / w


def tanh_shrink(w: mp.mpf) -> mp.mpf:
    """(x - tanh(x)) / x^3 of w = x^2"""
    if w < mp.mpf(10) ** -20:
        return mp.mpf(1) / 3 - 2 * w / 15
    x = mp.sqrt(w)
    return (x - mp.tanh(x)) / x**3


def mills(a: mp.mpf) -> mp.mpf:
    """P(Z > a) exp(a^2 / 2) for a standard normal Z."""
    return mp.erfc(a / mp.sqrt(2)) / 2 * mp.exp(a * a / 2)


def mills_quotient(most: int, top: int, bottom: int, rounding: Rounding) -> tuple[list[mp.mpf], list[mp.mpf]]:
    """P and Q with P / Q = mills on [0, most], P(0) = 1/2, Q(0) = 1. All coefficients come out positive, so
    that Horner's rule loses little."""
    centre = mp.mpf(4)
    points = [
        centre * (1 + s) / (1 - s) for s in chebyshev(4 * (top + bottom), mp.mpf(-1), (most - centre) / (most + centre))
    ]

    # P / mills - Q = 0, divided by about the size of Q.
    def p_term(j: int) -> Callable[[mp.mpf], mp.mpf]:
        return lambda x: x**j / mills(x) / (1 + x / 2) ** bottom

    def q_term(j: int) -> Callable[[mp.mpf], mp.mpf]:
        return lambda x: -(x**j) / (1 + x / 2) ** bottom

    order = sorted([(j, "p") for j in range(1, top + 1)] + [(j, "q") for j in range(1, bottom + 1)], reverse=True)
    terms = [p_term(j) if which == "p" else q_term(j) for j, which in order]
    found = fit(terms, lambda x: -p_term(0)(x) / 2 - q_term(0)(x), points, rounding)
    by_name = dict(zip(order, found, strict=True)) | {(0, "p"): mp.mpf(1) / 2, (0, "q"): mp.mpf(1)}
    p, q = [by_name[j, "p"] for j in range(top + 1)], [by_name[j, "q"] for j in range(bottom + 1)]
    assert all(c > 0 for c in p + q)
    return p, q


MILLS_DEGREE = 7


def mills_rows() -> list[list[mp.mpf]]:
    """Row j, entry i: the coefficient of t^j of mills(y - 1) in that half octave of y = 2^k (h + t), h = 1.25 or 1.75,
    whose low bits of exponent and leading bit of mantissa make i modulo 8."""
    columns = {}
    for k in range(4):
        for half, centre in enumerate((mp.mpf(5) / 4, mp.mpf(7) / 4)):

            def f(t: mp.mpf, scale: int = 1 << k, centre: mp.mpf = centre) -> mp.mpf:
                return mills(scale * (centre + t) - 1)

            quarter = mp.mpf(1) / 4
            columns[(2 * (127 + k) + half) % 8] = polynomial(
                f, -quarter, quarter, MILLS_DEGREE, lambda t, f=f: 1 / f(t), round32
            )
    return [[columns[i % 8][j] for i in range(32)] for j in range(MILLS_DEGREE + 1)]


def split(x: mp.mpf, rounding: Rounding) -> list[mp.mpf]:
    """x as a rounded head and a rounded rest."""
    return [rounding(x), rounding(x - rounding(x))]


def constants(bits: int) -> dict[str, tuple[str, list[mp.mpf]]]:
    """Every table of one width, with its comment."""
    single = bits == 32
    rounding = round32 if single else round64
    half = mp.log(2) / 2 * (1 + mp.mpf(2) ** -10)
    p, q = ([], []) if single else mills_quotient(39, 10, 11, rounding)
    # Klambauer et al., Self-Normalizing Neural Networks, 2017: the fixed point of mean 0 and variance 1.
    e, root = mp.e, mp.sqrt(mp.e)
    alpha = -mp.sqrt(2 / mp.pi) / (mp.erfc(1 / mp.sqrt(2)) * root - 1)
    scale = (1 - mp.erfc(1 / mp.sqrt(2)) * root) * mp.sqrt(2 * mp.pi) * (
        2 * mp.erfc(mp.sqrt(2)) * e * e + mp.pi * mp.erfc(1 / mp.sqrt(2)) ** 2 * e
        - 2 * (2 + mp.pi) * mp.erfc(1 / mp.sqrt(2)) * root + mp.pi + 2
    ) ** (-mp.mpf(1) / 2)  # fmt: skip
    assert mp.nstr(scale, 15) == "1.05070098735548"
    assert mp.nstr(alpha, 15) == "1.67326324235438"
    slope = 2 * mp.sqrt(2 / mp.pi)
    tables = {
        f"exp_rest{bits}": (
            "(exp(r) - 1 - r) / r^2 in powers of r, |r| <= log(2) / 2",
            polynomial(exp_rest, -half, half, 4 if single else 9, lambda r: r * r * mp.exp(-r), rounding),
        ),
        f"log1p_rest{bits}": (
            "(2 atanh(z) / z - 2) / z^2 in powers of z^2, z <= 1/3",
            polynomial(log1p_rest, mp.mpf(0), mp.mpf(1) / 9, 4 if single else 10, lambda w: w, rounding),
        ),
        f"tanh_shrink_rest{bits}": (
            "(x - tanh(x)) / x^3 in powers of x^2, x <= 1",
            polynomial(tanh_shrink, mp.mpf(0), mp.mpf(1), 7 if single else 15, lambda w: 1 / tanh_shrink(w), rounding),
        ),
        f"mills_p{bits}": ("P(Z > a) exp(a^2 / 2) = p(a) / q(a) of a standard normal Z", p),
        f"mills_q{bits}": ("its denominator", q),
        f"log2_e{bits}": ("1 / log 2", [rounding(1 / mp.log(2))]),
        f"log_2{bits}": ("log 2 as head and rest", split(mp.log(2), rounding)),
        f"gelu_tanh_linear{bits}": ("2 sqrt(2 / pi) as head and rest", split(slope, rounding)),
        f"gelu_tanh_cubic{bits}": (
            "0.044715 times that as head and rest",
            split(slope * mp.mpf("0.044715"), rounding),
        ),
        f"quick_gelu_slope{bits}": ("1.702 as head and rest", split(mp.mpf("1.702"), rounding)),
        f"selu_scale{bits}": (
            "SELU for x > 0, and its limit for x < 0",
            [rounding(scale), rounding(scale * alpha)],
        ),
    }
    return {name: (comment, values) for name, (comment, values) in tables.items() if values}


def main() -> None:
    h = ["/* Generated by tools/make_activations.py; do not edit. */"]
    h += ["#ifndef FASTINIT_ACTIVATION_TABLES_H", "#define FASTINIT_ACTIVATION_TABLES_H", ""]
    for bits, ctype in ((32, "float"), (64, "double")):
        for name, (comment, values) in constants(bits).items():
            cells = [hexfloat(v, bits == 32) for v in values]
            h += [f"/* {comment} */", f"static const {ctype} {name}[{len(cells)}] = {{"]
            h += [f"    {', '.join(cells[i : i + 4])}," for i in range(0, len(cells), 4)] + ["};", ""]
    comment = "P(Z > a) exp(a^2 / 2) by half octaves of a + 1, in powers of t; every eighth entry is the same"
    table = mills_rows()
    h += [f"/* {comment} */", f"static const float mills_rows32[{len(table)}][32] = {{"]
    for row in table:
        cells = [hexfloat(v, True) for v in row]
        h += ["    {"] + [f"        {', '.join(cells[i : i + 4])}," for i in range(0, 32, 4)] + ["    },"]
    h += ["};", ""]
    HEADER.write_text("\n".join([*h, "#endif", ""]))
    print(f"wrote {HEADER}")


if __name__ == "__main__":
    main()
