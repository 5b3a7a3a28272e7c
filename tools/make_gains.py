"""Generate the table of exact gains of activations.

Run it from the project's root; it needs mpmath and takes a few seconds::

    python tools/make_gains.py

It writes ``src/fastinit/_gain_table.py``: 1 / sqrt(E[f(z)**2]) for a standard normal z, integrated to 40
digits, piece by piece between the points where f or its derivative jumps, and rounded once to float64.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mpmath as mp

mp.mp.dps = 50

MODULE = Path(__file__).resolve().parent.parent / "src/fastinit/_gain_table.py"

Function = Callable[[mp.mpf], mp.mpf]


def sigmoid(z: mp.mpf) -> mp.mpf:
    return 1 / (1 + mp.exp(-z))


def hard_sigmoid(z: mp.mpf) -> mp.mpf:
    return min(max(z + 3, mp.mpf(0)), mp.mpf(6)) / 6


def gelu_tanh(z: mp.mpf) -> mp.mpf:
    return z / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (z + mp.mpf("0.044715") * z**3)))


# Each function and the points where it is not smooth.
FUNCTIONS: dict[str, tuple[Function, tuple[int, ...]]] = {
    "exp": (mp.exp, ()),
    "gelu": (lambda z: z * mp.ncdf(z), ()),
    "gelu_tanh": (gelu_tanh, ()),
    "hard_sigmoid": (hard_sigmoid, (-3, 3)),
    "hard_silu": (lambda z: z * hard_sigmoid(z), (-3, 3)),
    "mish": (lambda z: z * mp.tanh(mp.log1p(mp.exp(z))), ()),
    "relu6": (lambda z: min(max(z, mp.mpf(0)), mp.mpf(6)), (0, 6)),
    "sigmoid": (sigmoid, ()),
    "silu": (lambda z: z * sigmoid(z), ()),
    "softsign": (lambda z: z / (1 + abs(z)), (0,)),
    "tanh": (mp.tanh, ()),
}


def second_moment(f: Function, kinks: tuple[int, ...], low: int = -20, high: int = 20) -> mp.mpf:
    """E[f(z)**2; low < z < high]; the density beyond 20 is below 1e-87."""
    points = sorted({*range(low, high + 1), *(kink for kink in kinks if low < kink < high)})
    return mp.quad(lambda z: f(z) ** 2 * mp.npdf(z), points)


def main() -> None:
    lines = [
        '"""Gains of activations to the last bit of float64. Written by tools/make_gains.py; do not edit."""',
        "",
        "# 1 / sqrt(E[f(z)**2]) for a standard normal z.",
        "GAINS = {",
    ]
    lines += [f'    "{name}": {float(1 / mp.sqrt(second_moment(*FUNCTIONS[name])))!r},' for name in sorted(FUNCTIONS)]
    below_zero = second_moment(mp.expm1, (), high=0)
    lines += [
        "}",
        "",
        "# E[(exp(z) - 1)**2; z < 0], of which the second moment of elu is made.",
        f"ELU_BELOW_ZERO = {float(below_zero)!r}",
    ]
    MODULE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
