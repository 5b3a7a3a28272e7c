"""Measure the errors of the float32 activations over the whole range of float32.

Run it from the project's root; it needs SciPy and mpmath::

    python tools/check_activations.py                  # the table of docs/activations.md, in some minutes
    python tools/check_activations.py --step 1         # all 2^32 inputs of each function
    python tools/check_activations.py gelu silu        # these alone, printed and not written

Every float32 with 2^-12 <= |x| < 2^8, all 335 million of them, is tried in any case: outside that range the functions
are linear, constant or zero to within an ulp. Of the others every `step`-th bit pattern is tried. The true values come
from float64, and the worst points of each function are computed once more by mpmath.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import mpmath as mp
import numpy as np
from scipy import special

import fastinit

DOCUMENT = Path(__file__).resolve().parent.parent / "docs/activations.md"
CHUNK = 1 << 20
CORE_FIRST, CORE_LAST = 0x39800000, 0x43800000  # the bits of 2^-12 and of 2^8
WORST = 32  # points that each chunk hands on

SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
SLOPE = 2 * np.sqrt(2 / np.pi)


def softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


TRUTH: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x < 0, float(np.float32(0.01)) * x, x),
    "elu": lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x),
    "selu": lambda x: SELU_SCALE * np.where(x < 0, SELU_ALPHA * np.expm1(np.minimum(x, 0)), x),
    "gelu": lambda x: np.maximum(x, -1e3) * special.ndtr(x),
    "gelu_tanh": lambda x: np.maximum(x, -1e3) / (1 + np.exp(-SLOPE * (x + 0.044715 * x**3))),
    "silu": lambda x: np.maximum(x, -1e3) / (1 + np.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hard_silu": lambda x: np.maximum(x, -3) * (np.clip(x + 3, 0, 6) / 6),
    "tanh": np.tanh,
    "softplus": softplus,
    "softsign": lambda x: np.clip(x, -1e30, 1e30) / (1 + np.abs(np.clip(x, -1e30, 1e30))),
    "mish": lambda x: np.maximum(x, -1e3) * np.tanh(softplus(x)),
    "exp": np.exp,
}

EXACT: dict[str, Callable[[mp.mpf], mp.mpf]] = {
    "elu": lambda x: mp.expm1(x) if x < 0 else x,
    "selu": lambda x: mp.mpf(SELU_SCALE) * (mp.mpf(SELU_ALPHA) * mp.expm1(x) if x < 0 else x),
    "gelu": lambda x: x * mp.ncdf(x),
    "gelu_tanh": lambda x: x / (1 + mp.exp(-2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3))),
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "tanh": mp.tanh,
    "softplus": lambda x: mp.log1p(mp.exp(x)) if x < 50 else x + mp.exp(-x),
    "mish": lambda x: x * mp.tanh(mp.log1p(mp.exp(x)) if x < 50 else x),
    "exp": mp.exp,
}


def ulp_errors(y: np.ndarray, true: np.ndarray) -> np.ndarray:
    """|y - true| in units of float32's spacing at the true value."""
    exponent = np.frexp(true)[1]
    error = np.abs(np.ldexp(y.astype(np.float64) - true, -np.maximum(exponent - 24, -149)))
    with np.errstate(over="ignore"):
        same = y == true.astype(np.float32)  # infinities, too
    return np.where(same & ~np.isfinite(y), 0.0, error)


def check_chunk(task: tuple[str, int, int, int]) -> tuple[int, list[tuple[float, int]]]:
    """How many patterns first, first + step, ... < last there were, and the worst of them."""
    name, first, last, step = task
    bits = np.arange(first, last, step, dtype=np.uint64).astype(np.uint32)
    x = bits.view(np.float32)
    y = fastinit.activate(x, name, threads=1)
    with np.errstate(all="ignore"):
        nan = np.isnan(x)
        error = np.where(nan, np.where(np.isnan(y), 0.0, np.inf), ulp_errors(y, TRUTH[name](x.astype(np.float64))))
    error[np.isnan(error)] = np.inf
    worst = np.argpartition(error, -min(WORST, len(error)))[-WORST:]
    return len(bits), [(float(error[i]), int(bits[i])) for i in worst]


def tasks(name: str, step: int) -> list[tuple[str, int, int, int]]:
    found = []
    for sign in (0, 0x80000000):
        for first, last, by in ((0, CORE_FIRST, step), (CORE_FIRST, CORE_LAST, 1), (CORE_LAST, 0x80000000, step)):
            found += [
                (name, sign + at, sign + min(at + CHUNK * by, last), by) for at in range(first, last, CHUNK * by)
            ]
    return found


def exact_error(name: str, bits: int, error: float) -> float:
    """The error at one point, by mpmath where float64 is not exact anyway."""
    x = np.uint32(bits).view(np.float32)
    if name not in EXACT or not np.isfinite(x) or not np.isfinite(error):
        return error
    y = fastinit.activate(np.array([x]), name)[0]
    with mp.workdps(40):
        true = EXACT[name](mp.mpf(float(x)))
        if not np.isfinite(y):
            return error
        exponent = mp.frexp(true)[1] if true else -200
        return float(abs(mp.mpf(float(y)) - true) * mp.mpf(2) ** -max(exponent - 24, -149))


def nicely() -> None:
    os.nice(19)


def main() -> None:
    parser = argparse.ArgumentParser(description="Errors of the float32 activations.")
    parser.add_argument("names", nargs="*", help="functions; all by default")
    parser.add_argument("--step", type=int, default=256, help="every so many-th pattern outside the core range")
    arguments = parser.parse_args()
    rows = []
    with multiprocessing.get_context("fork").Pool(2, nicely) as pool:
        for name in arguments.names or TRUTH:
            start, tried, worst = time.perf_counter(), 0, []
            for count, found in pool.imap_unordered(check_chunk, tasks(name, arguments.step)):
                tried += count
                worst = sorted(worst + found, reverse=True)[:1000]
            checked = max((exact_error(name, bits, error), bits) for error, bits in worst)
            x = float(np.uint32(checked[1]).view(np.float32))
            rows.append(f"| `{name}` | {checked[0]:.2f} | {x!r} | {tried:,} |")
            print(rows[-1], f"{time.perf_counter() - start:.0f} s", flush=True)
    if not arguments.names:
        head, _, _ = DOCUMENT.read_text().partition("| function |") if DOCUMENT.exists() else ("", "", "")
        table = ["| function | largest error, ulp | at x = | inputs tried |", "|---|---|---|---|", *rows]
        DOCUMENT.write_text(head + "\n".join(table) + "\n")


if __name__ == "__main__":
    main()
