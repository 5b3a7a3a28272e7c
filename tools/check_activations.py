"""Measure the errors of the float32 activations over the whole range of float32.

Run it from the project's root; it needs SciPy and mpmath::

    python tools/check_activations.py                  # the table of docs/activations.md, in some minutes
    python tools/check_activations.py --all 30         # some minutes' worth of all 2^32 inputs of each function
    python tools/check_activations.py gelu silu        # these alone, printed and not written

Every float32 with 2^-12 <= |x| < 2^8, all 335 million of them, is tried unless --core-step says otherwise: outside
that range the functions are linear, constant or zero to within an ulp. Of the others every `step`-th bit pattern is
tried. The true values come from float64, and the worst points of each function are computed once more by mpmath.

With --all every bit pattern is tried, in pieces of 2^28. Each piece that is done is a line of
docs/activations/errors.txt: to go on, run it again; when all are done, they make the table. A line holds as long as the
function's bits do (tests/data pins them); where these change, its lines are to be deleted.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
from scipy import special

import fastinit

DOCUMENT = Path(__file__).resolve().parent.parent / "docs/activations.md"
PIECES = DOCUMENT.parent / "activations/errors.txt"
PIECE = 1 << 28
TABLE_HEAD = "| float32 | largest error, ulp | at x = | inputs tried |"
CHUNK = 1 << 20  # values that a process takes at a time
BLOCK = 1 << 14  # and those that stay in its cache, which makes it three times as fast
CORE_FIRST, CORE_LAST = 0x39800000, 0x43800000  # the bits of 2^-12 and of 2^8
WORST = 32  # points that each block hands on

SELU_SCALE, SELU_ALPHA = "1.0507009873554804934193349852946", "1.6732632423543772848170429916717"


def wide(text: str, x: np.ndarray) -> np.ndarray:
    """A constant in the dtype of x, which may be longer than float64."""
    return x.dtype.type(text)


def softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def tanh_shrink(x: np.ndarray) -> np.ndarray:
    """x - tanh(x), near 0 by its series, of which what is left out is below the last bit."""
    near = np.clip(x, -0.1, 0.1)
    w, series = near * near, np.zeros_like(x)
    terms = (929569, 638512875), (-21844, 6081075), (1382, 155925), (-62, 2835), (17, 315), (-2, 15), (1, 3)
    for top, bottom in terms:
        series = series * w + wide(str(top), x) / bottom
    return np.where(np.abs(x) < 0.1, x * w * series, x - np.tanh(x))


# What stands for x -> -inf, where the functions are 0 long before.
FLOOR = -1e5

# True values from an array of float64 or longdouble. ndtr is one of float64 alone.
TRUTH: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "elu": lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x),
    "selu": lambda x: wide(SELU_SCALE, x) * np.where(x < 0, wide(SELU_ALPHA, x) * np.expm1(np.minimum(x, 0)), x),
    "gelu": lambda x: np.maximum(x, FLOOR) * special.ndtr(x),
    "gelu_tanh": lambda x: (
        np.maximum(x, FLOOR)
        / (1 + np.exp(-wide("1.59576912160573071175978423973752", x) * (x + wide("0.044715", x) * x**3)))
    ),
    "silu": lambda x: np.maximum(x, FLOOR) / (1 + np.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hard_silu": lambda x: np.maximum(x, -3) * (np.clip(x + 3, 0, 6) / 6),
    "tanh": np.tanh,
    "softplus": softplus,
    "softsign": lambda x: np.clip(x, -1e30, 1e30) / (1 + np.abs(np.clip(x, -1e30, 1e30))),
    "mish": lambda x: np.maximum(x, FLOOR) * np.tanh(softplus(x)),
    "exp": np.exp,
    "celu": lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x),
    "log_sigmoid": lambda x: -softplus(-x),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "hard_shrink": lambda x: np.where(np.abs(x) <= 0.5, 0, x),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "tanh_shrink": tanh_shrink,
    "threshold": lambda x: np.maximum(x, 0),
    "thresholded_relu": lambda x: np.where(x <= 1, 0, x),
    "relu_squared": lambda x: np.square(np.maximum(x, 0)),
    "squareplus": lambda x: np.where(x < 0, 2 / (np.hypot(x, 2) - x), (x + np.hypot(x, 2)) / 2),
    "sparse_plus": lambda x: np.where(x < 1, np.square(np.maximum(x + 1, 0)) / 4, x),
    "sparse_sigmoid": lambda x: np.clip(x + 1, 0, 2) / 2,
    "quick_gelu": lambda x: np.maximum(x, FLOOR) / (1 + np.exp(-wide("1.702", x) * x)),
}

# The same by mpmath, for finite x.
EXACT: dict[str, Callable[[mp.mpf], mp.mpf]] = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, mp.mpf(0)),
    "relu6": lambda x: min(max(x, mp.mpf(0)), mp.mpf(6)),
    "elu": lambda x: mp.expm1(x) if x < 0 else x,
    "selu": lambda x: mp.mpf(SELU_SCALE) * (mp.mpf(SELU_ALPHA) * mp.expm1(x) if x < 0 else x),
    "gelu": lambda x: x * mp.ncdf(x),
    "gelu_tanh": lambda x: x / (1 + mp.exp(-2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3))),
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "hard_sigmoid": lambda x: min(max(x + 3, mp.mpf(0)), mp.mpf(6)) / 6,
    "hard_silu": lambda x: x * min(max(x + 3, mp.mpf(0)), mp.mpf(6)) / 6,
    "tanh": mp.tanh,
    "softplus": lambda x: mp.log1p(mp.exp(x)) if x < 50 else x + mp.exp(-x),
    "softsign": lambda x: x / (1 + abs(x)),
    "mish": lambda x: x * mp.tanh(mp.log1p(mp.exp(x)) if x < 50 else x),
    "exp": mp.exp,
    "celu": lambda x: mp.expm1(x) if x < 0 else x,
    "log_sigmoid": lambda x: -mp.log1p(mp.exp(-x)) if x > -50 else x - mp.exp(x),
    "hard_tanh": lambda x: min(max(x, mp.mpf(-1)), mp.mpf(1)),
    "hard_shrink": lambda x: x if abs(x) > 0.5 else mp.mpf(0),
    "soft_shrink": lambda x: mp.sign(x) * max(abs(x) - mp.mpf(0.5), mp.mpf(0)),
    "tanh_shrink": lambda x: x - mp.tanh(x) if abs(x) > 1e-8 else x**3 / 3 - 2 * x**5 / 15,
    "threshold": lambda x: max(x, mp.mpf(0)),
    "thresholded_relu": lambda x: x if x > 1 else mp.mpf(0),
    "relu_squared": lambda x: max(x, mp.mpf(0)) ** 2,
    "squareplus": lambda x: 2 / (mp.hypot(x, 2) - x) if x < 0 else (x + mp.hypot(x, 2)) / 2,
    "sparse_plus": lambda x: x if x > 1 else max(x + 1, mp.mpf(0)) ** 2 / 4,
    "sparse_sigmoid": lambda x: min(max(x + 1, mp.mpf(0)), mp.mpf(2)) / 2,
    "quick_gelu": lambda x: x / (1 + mp.exp(-mp.mpf("1.702") * x)),
}


def ulp_errors(y: np.ndarray, true: np.ndarray) -> np.ndarray:
    """|y - true| in units of the spacing of y's dtype at the true value. Infinite is what would be the next number."""
    info = np.finfo(y.dtype)
    smallest = int(info.minexp) - int(info.nmant)
    wide = y.astype(true.dtype)
    beyond = np.copysign(np.ldexp(true.dtype.type(1), int(info.maxexp)), wide)
    wide = np.where(np.isinf(y) & np.isfinite(true), beyond, wide)
    error = np.abs(np.ldexp(wide - true, -np.maximum(np.frexp(true)[1] - info.nmant - 1, smallest)))
    with np.errstate(over="ignore"):
        same = y == true.astype(y.dtype)  # infinities, too
    return np.where(same & ~np.isfinite(y), 0.0, error).astype(np.float64)


def exact_error(name: str, x: np.floating, y: np.floating) -> float:
    """The error at one finite point with a finite result, by mpmath."""
    info = np.finfo(y.dtype)
    with mp.workdps(60):
        true = EXACT[name](mp.mpf(float(x)))
        exponent = mp.frexp(true)[1] if true else -100000
        return float(
            abs(mp.mpf(float(y)) - true) * mp.mpf(2) ** -max(exponent - info.nmant - 1, int(info.minexp - info.nmant))
        )


def check_block(name: str, bits: np.ndarray) -> list[tuple[float, int]]:
    """The worst of these patterns."""
    x = bits.view(np.float32)
    y = fastinit.activate(x, name, threads=1)
    with np.errstate(all="ignore"):
        nan = np.isnan(x)
        error = np.where(nan, np.where(np.isnan(y), 0.0, np.inf), ulp_errors(y, TRUTH[name](x.astype(np.float64))))
    error[np.isnan(error)] = np.inf
    worst = np.argpartition(error, -min(WORST, len(error)))[-WORST:]
    return [(float(error[i]), int(bits[i])) for i in worst]


def check_chunk(task: tuple[str, int, int, int]) -> tuple[int, list[tuple[float, int]]]:
    """How many patterns first, first + step, ... < last there were, and the worst of them."""
    name, first, last, step = task
    worst = []
    for at in range(first, last, BLOCK * step):
        bits = np.arange(at, min(at + BLOCK * step, last), step, dtype=np.uint64).astype(np.uint32)
        worst = sorted(worst + check_block(name, bits), reverse=True)[:WORST]
    return len(range(first, last, step)), worst


def tasks(name: str, step: int, core_step: int) -> list[tuple[str, int, int, int]]:
    found = []
    for sign in (0, 0x80000000):
        parts = (0, CORE_FIRST, step), (CORE_FIRST, CORE_LAST, core_step), (CORE_LAST, 0x80000000, step)
        for first, last, by in parts:
            found += [(name, sign + at, sign + min(at + CHUNK * by, last), by) for at in range(first, last, CHUNK * by)]
    return found


def checked_error(name: str, bits: int, error: float) -> float:
    x = np.array([bits], np.uint32).view(np.float32)
    y = fastinit.activate(x, name)
    if not np.isfinite(x[0]) or not np.isfinite(y[0]):
        return error
    return exact_error(name, x[0], y[0])


def worst_of(pool: Any, name: str, pieces: list[tuple[str, int, int, int]]) -> tuple[float, int, int]:
    """The largest error, the bits of its x, and how many were tried."""
    tried, worst = 0, []
    for count, found in pool.imap_unordered(check_chunk, pieces):
        tried += count
        worst = sorted(worst + found, reverse=True)[:1000]
    error, bits = max((checked_error(name, bits, error), bits) for error, bits in worst)
    return error, bits, tried


def all_patterns(pool: Any, names: list[str], minutes: float) -> None:
    """Pieces that are still to do, until the time is up."""
    PIECES.parent.mkdir(exist_ok=True)
    head = (
        "# function, the first bits of 2^28, the largest error in ulp, and the bits of its x; by check_activations.py\n"
    )
    lines = PIECES.read_text().splitlines(keepends=True) if PIECES.exists() else [head]
    done = {tuple(line.split()[:2]) for line in lines}
    end = time.monotonic() + 60 * minutes
    for name in names:
        for first in range(0, 1 << 32, PIECE):
            if (name, f"{first:08x}") in done:
                continue
            if time.monotonic() > end:
                return
            chunks = [(name, at, at + CHUNK, 1) for at in range(first, first + PIECE, CHUNK)]
            error, bits, _ = worst_of(pool, name, chunks)
            with PIECES.open("a") as file:
                file.write(("" if PIECES.stat().st_size else head) + f"{name} {first:08x} {error:.3f} {bits:08x}\n")
            print(name, f"{first:08x} {error:.3f}", flush=True)


def rows_of_pieces() -> list[str]:
    """The table's rows of those functions of which all pieces are done."""
    worst: dict[str, list[tuple[float, int]]] = {}
    for line in PIECES.read_text().splitlines()[1:]:
        name, _, error, bits = line.split()
        worst.setdefault(name, []).append((float(error), int(bits, 16)))
    return [table_row(name, *max(found), 1 << 32) for name, found in worst.items() if len(found) * PIECE == 1 << 32]


def table_row(name: str, error: float, bits: int, tried: int) -> str:
    x = float(np.uint32(bits).view(np.float32))
    return f"| `{name}` | {error:.2f} |{f' {x!r}' if error else ''} | {tried:,} |"


def write_table(rows: list[str]) -> None:
    head, _, _ = DOCUMENT.read_text().partition(TABLE_HEAD) if DOCUMENT.exists() else ("", "", "")
    DOCUMENT.write_text(head + "\n".join([TABLE_HEAD, "|---|---|---|---|", *rows]) + "\n")


def nicely() -> None:
    os.nice(19)


def main() -> None:
    parser = argparse.ArgumentParser(description="Errors of the float32 activations.")
    parser.add_argument("names", nargs="*", help="functions; all by default")
    parser.add_argument("--step", type=int, default=4096, help="every so many-th pattern outside the core range")
    parser.add_argument("--core-step", type=int, default=1, help="and within it")
    parser.add_argument("--all", type=float, metavar="MINUTES", help="every pattern, as far as this time goes")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    rows = []
    with multiprocessing.get_context("fork").Pool(arguments.processes, nicely) as pool:
        if arguments.all is not None:
            all_patterns(pool, arguments.names or list(TRUTH), arguments.all)
            if len(whole := rows_of_pieces()) == len(TRUTH):
                write_table(whole)
            return
        for name in arguments.names or TRUTH:
            start = time.perf_counter()
            rows.append(table_row(name, *worst_of(pool, name, tasks(name, arguments.step, arguments.core_step))))
            print(rows[-1], f"{time.perf_counter() - start:.0f} s", flush=True)
    if not arguments.names:
        write_table(rows)


if __name__ == "__main__":
    main()
