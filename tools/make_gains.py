"""Integrate the exact gains of the activations.

Run it from the project's root; it needs mpmath and SciPy, and takes a few seconds::

    python tools/make_gains.py

It prints 1 / sqrt(E[f(z)**2]) for a standard normal z, integrated to 40 digits, piece by piece between the multiples
of 1/2 (where f or its derivative jumps, if it does), and rounded once to float64: what ``propagation/_traits.py`` and
``propagation/_gain.py`` hold. It says where they hold another number, and then exits with 1. The table of gains in
``docs/activations.md`` is written anew. The functions are those of ``check_activations.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import mpmath as mp
from check_activations import DOCUMENT, EXACT

import fastinit
from fastinit.propagation import _gain, _traits

HEAD = "| activation | gain |"


def second_moment(f: Callable[[mp.mpf], mp.mpf], low: int = -20, high: int = 20) -> mp.mpf:
    """E[f(z)**2; low < z < high]; the density beyond 20 is below 1e-87."""
    return mp.quad(lambda z: f(z) ** 2 * mp.npdf(z), [mp.mpf(k) / 2 for k in range(2 * low, 2 * high + 1)])


def main() -> int:
    mp.mp.dps = 50
    wrong = 0
    found = {
        name: (traits.gain, float(1 / mp.sqrt(second_moment(EXACT[name]))))
        for name, traits in _traits.TRAITS.items()
        if traits.gain is not None
    }
    found["elu below zero"] = _gain._ELU_BELOW_ZERO, float(second_moment(mp.expm1, high=0))
    for name, (held, exact) in found.items():
        wrong += held != exact
        print(f"{name:14} {exact!r}" + ("" if held == exact else f"   but the package has {held!r}"))
    if not wrong:
        rows = [f"| `{name}` | {fastinit.gain(name)!r} |" for name in _gain.NAMES]
        head, _, rest = DOCUMENT.read_text().partition(HEAD)
        _, _, rest = rest.partition("\n\n")
        DOCUMENT.write_text(head + "\n".join([HEAD, "|---|---|", *rows]) + "\n\n" + rest)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
