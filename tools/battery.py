"""Run the statistical battery on the random words and on the values that users get.

Run it from the project's root; it needs SciPy and, for the words, the program dieharder (a Debian
package of this name), and takes an hour or two, nearly all of it dieharder's::

    python tools/battery.py                   # everything, side by side
    python tools/battery.py --only values     # minutes, and no dieharder

It writes what it found; docs/randomness.md says what it means::

    docs/randomness/dieharder-words.txt      dieharder on the words of one key
    docs/randomness/dieharder-children.txt   dieharder on 64 children's words, interleaved
    docs/randomness/values.txt               tests of truncated normals and of normals

To look closer at one of dieharder's tests, give it the words of another key::

    python tools/battery.py --stream words --key 1 | dieharder -g 200 -d 203 -n 17 -p 400

Values are float32 and are tested against exact numbers: the probability of a cell is that of the reals
that round into it, so that float32's own grain, visible in 2**30 values, is no finding. What the errors
of the arithmetic add to chi-square is computed from the kernels and stated beside it.
"""

from __future__ import annotations

import argparse
import math
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

import fastinit
from fastinit import Key, _kernels

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHILDREN = 64
ENDLESS = (1 << 62,)  # the shape of a tensor that nobody reaches the end of
CHUNK_WORDS = 1 << 20

COLUMNS = 4096
CHUNK_VALUES = 1 << 22
CELLS = 1 << 20  # of equal probability, up to rounding; Kolmogorov-Smirnov and Anderson-Darling
BINS = 1 << 16  # the same, merged; chi-square
LAGS = {1: "neighbours", 2: "lag 2", 3: "lag 3", 4: "lag 4, one Philox block", COLUMNS: "lag 4096, rows"}
SUSPICIOUS = 1e-4


# ---- words ----


def chunks_of_words(source: str, key: Key) -> Iterator[NDArray[np.uint32]]:
    """The words of `key` in element order, or those of its children, one word of each in turn."""
    keys = [key] if source == "words" else [key.child(i) for i in range(CHILDREN)]
    law = _kernels.Law.words()
    count = CHUNK_WORDS // len(keys)
    chunk = np.empty((len(keys), count), np.uint32)
    for start in range(0, ENDLESS[0], count):
        for row, of in zip(chunk, keys, strict=True):
            _kernels.fill(law, row, of.key, of.stream, ENDLESS, ((start, start + count),))
        yield np.ascontiguousarray(chunk.T)


def stream_words(source: str, key: Key) -> None:
    """Write words to standard output until the reader has enough."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for chunk in chunks_of_words(source, key):
        sys.stdout.buffer.write(chunk.tobytes())


def run_dieharder(source: str, key: int, path: Path) -> None:
    """Run all of dieharder's tests on the words of `source`, and write its table to `path`."""
    command = ["tools/battery.py", "--stream", source, "--key", str(key)]
    producer = subprocess.Popen([sys.executable, __file__, *command[1:]], stdout=subprocess.PIPE)
    tester = subprocess.Popen(
        ["dieharder", "-a", "-g", "200"], stdin=producer.stdout, stdout=subprocess.PIPE, text=True
    )
    assert producer.stdout is not None
    assert tester.stdout is not None
    producer.stdout.close()  # so that the producer ends when dieharder does
    with path.open("w", encoding="utf-8") as file:
        file.write(f"python {' '.join(command)} | dieharder -a -g 200\n")
        for count, line in enumerate(kept_lines(tester.stdout)):
            file.write(line)
            file.flush()
            report(source, f"{count} lines")
    tester.wait()
    producer.wait()


def kept_lines(lines: Iterable[str]) -> Iterator[str]:
    """Dieharder's output but for the generator's speed and seed, which no two runs share; then the sums."""
    counts = {"PASSED": 0, "WEAK": 0, "FAILED": 0}
    drop_rule = False
    for line in lines:
        about_generator = line.lstrip().startswith(("rng_name", "stdin_input_raw"))
        if not about_generator and not (drop_rule and line.startswith("#=")):
            yield line.rstrip() + "\n"
        drop_rule = about_generator
        assessment = line.rpartition("|")[2].strip()
        if assessment in counts:
            counts[assessment] += 1
    yield "# " + ", ".join(f"{count} {assessment}" for assessment, count in counts.items()) + "\n"


# ---- values ----


class Law:
    """A standard normal, cut off at ±bound, as float32 values."""

    def __init__(self, name: str, bound: float, octaves: int) -> None:
        self.name = name
        self.bound = bound
        self.octaves = octaves
        self._cut = float(special.ndtr(-bound))
        self._mass = 1 - 2 * self._cut

    def draw(self, shape: tuple[int, ...], key: Key, index: tuple[slice, ...]) -> Floats:
        """A block of the tensor, exactly the float32 values, in float64."""
        values = fastinit.truncated_normal(shape, 0.0, 1.0, -self.bound, self.bound, seed=key, index=index)
        return values.astype(np.float64)

    def magnitudes(self, words: Ints) -> Floats:
        """The magnitudes that the kernels make of these words."""
        law = _kernels.Law.normal(_kernels.FLOAT32, 0.0, 1.0, -self.bound, self.bound)
        padded = np.zeros(-(-words.size // 256) * 256, np.uint32)
        padded[: words.size] = words
        values = np.empty(padded.size, np.float32)
        _kernels.map_words(law, padded, values.view(np.uint8))
        return np.abs(values[: words.size].astype(np.float64))

    def tail(self, magnitude: Floats) -> Floats:
        """P(X > magnitude)."""
        mass: Floats = special.ndtr(-magnitude)
        if self._cut:
            mass -= self._cut
            mass /= self._mass
        return mass

    def rounded_tail(self, threshold: Floats) -> tuple[Floats, Floats]:
        """Where `tail` of a float32 value falls below `threshold`, and the probability of that.

        The first float32 that is below it stands for all reals that round to it or beyond: those from
        the midpoint between it and the float32 before.
        """
        first = -special.ndtri(threshold * self._mass + self._cut).astype(np.float32)
        while np.any(short := self.tail(first.astype(np.float64)) >= threshold):
            first[short] = np.nextafter(first[short], np.float32(np.inf))
        before = np.nextafter(first, np.float32(0))
        while np.any(far := self.tail(before.astype(np.float64)) < threshold):
            first[far] = before[far]
            before = np.nextafter(first, np.float32(0))
        edge = (first.astype(np.float64) + before) / 2
        return edge, self.tail(edge)

    def moments(self, highest: int) -> list[float]:
        """E X^k for k = 0 ... highest: by parts, E X^k = (k - 1) E X^(k - 2) - 2 bound^(k - 1) density(bound)."""
        density = 0.0 if math.isinf(self.bound) else math.exp(-(self.bound**2) / 2) / math.sqrt(2 * math.pi)
        moments = [1.0, 0.0]
        for k in range(2, highest + 1):
            end = 2 * self.bound ** (k - 1) * density / self._mass if density and k % 2 == 0 else 0.0
            moments.append((k - 1) * moments[k - 2] - end)
        return moments


# The octaves end at 6.01 std, and where one float32 of the truncated normal is 1/100 of the last.
LAWS = (Law("truncated_normal", 2.0, 20), Law("normal", math.inf, 29))


@dataclass(frozen=True)
class Result:
    """One test: its statistic, what was to be expected, and the chance of one at least as large."""

    test: str
    statistic: float
    expected: str
    p: float

    def __str__(self) -> str:
        mark = "  suspicious" if self.suspicious else ""
        return f"{self.test:<46}{self.statistic:>16.9g}  {self.expected:<26}{self.p:>8.4f}{mark}"

    @property
    def extremity(self) -> float:
        """The chance of a result as far to either side."""
        return 2 * min(self.p, 1 - self.p)

    @property
    def suspicious(self) -> bool:
        return not SUSPICIOUS <= self.p <= 1 - SUSPICIOUS


def test_law(law: Law, key: Key, seeds: range, size: int) -> tuple[list[Result], list[str]]:
    """All tests of one law, and remarks."""
    shape = (size // COLUMNS, COLUMNS)
    rows = CHUNK_VALUES // COLUMNS
    cells = np.zeros(CELLS, np.int64)
    tails = np.zeros((2, 64), np.int64)
    powers = np.zeros(9)
    products = {lag: np.zeros(2) for lag in LAGS}
    variance, fourth = law.moments(4)[2::2]
    largest = 0.0
    for start in range(0, shape[0], rows):
        x = law.draw(shape, key, (slice(start, start + rows), slice(0, COLUMNS))).ravel()
        magnitude = np.abs(x)
        largest = max(largest, float(magnitude.max()))
        mass = law.tail(magnitude)
        cell = (mass * CELLS).astype(np.int64)
        np.copyto(cell, CELLS - 1 - cell, where=x > 0)
        cells += np.bincount(cell, minlength=CELLS)
        # 2**-(h + 1) <= mass < 2**-h in octave h.
        octave = -np.frexp(mass)[1].astype(np.int64)
        tails += np.bincount(octave.clip(max=63) + 64 * (x > 0), minlength=128).reshape(2, 64)
        powers += sums_of_powers(x)
        square = x * x - variance
        for lag, sums in products.items():
            sums += x[:-lag] @ x[lag:], square[:-lag] @ square[lag:]
        report("values", f"{law.name} {start / shape[0]:.0%}")

    results, remarks = goodness_of_fit(law, cells)
    results += [*octave_counts(law, tails), *moment_tests(law, powers / size, size)]
    pairs = size // CHUNK_VALUES
    for lag, (plain, squared) in products.items():
        count = pairs * (CHUNK_VALUES - lag)  # pairs do not reach from one chunk into the next
        results.append(correlation(f"correlation of {LAGS[lag]}", plain / variance, count))
        results.append(correlation(f"correlation of squares, {LAGS[lag]}", squared / (fourth - variance**2), count))
    results += family_tests("children", law, [key.child(i) for i in range(CHILDREN)], size)
    results += family_tests("seeds", law, [Key(seed) for seed in seeds], size)

    if math.isinf(law.bound):
        p = -math.expm1(size * math.log1p(-2 * float(special.ndtr(-largest))))
        results.append(Result("largest magnitude", largest, "", p))
    else:
        remarks.append(f"The largest magnitude is {largest!r}.")
    return results, remarks


def sums_of_powers(x: Floats) -> Floats:
    """The sums of x**k, k = 0 ... 8."""
    x2 = x * x
    x4 = x2 * x2
    sums = [x.size, x.sum(), x @ x, x2 @ x, x2 @ x2, x4 @ x, x4 @ x2, x4 @ (x2 * x), x4 @ x4]
    return np.array(sums, np.float64)


def goodness_of_fit(law: Law, cells: Ints) -> tuple[list[Result], list[str]]:
    """Kolmogorov-Smirnov, Anderson-Darling and chi-square on counts in cells."""
    size = int(cells.sum())
    half = CELLS // 2
    _, inner = law.rounded_tail(np.arange(1, half) / CELLS)
    lower = np.concatenate(([0.0], inner, [0.5]))
    exact = np.concatenate((lower, 1 - lower[-2::-1]))  # the CDF at the cells' CELLS + 1 ends
    empirical = np.concatenate(([0], np.cumsum(cells))) / size

    # The greatest distance at the cells' ends; inside of a cell both functions only grow, which bounds
    # how much greater it is there.
    distance = float(np.abs(empirical - exact).max())
    bound = float(max((empirical[1:] - exact[:-1]).max(), (exact[1:] - empirical[:-1]).max()))
    results = [
        Result("Kolmogorov-Smirnov, sqrt(n) D", math.sqrt(size) * distance, "", float(stats.kstwo.sf(distance, size)))
    ]
    remarks = [
        f"Kolmogorov-Smirnov: D is the greatest distance at the ends of {CELLS} cells; between them it is at most "
        f"{math.sqrt(size) * bound:.4f} / sqrt(n), p = {float(stats.kstwo.sf(bound, size)):.3g}."
    ]

    # A^2 = n * integral of (Fn - F)^2 / (F (1 - F)) dF, by the trapezoidal rule on the same cells.
    inside = exact[1:-1]
    integrand = np.zeros(CELLS + 1)
    integrand[1:-1] = (empirical[1:-1] - inside) ** 2 / (inside * (1 - inside))
    squared = size * float(np.trapezoid(integrand, exact))
    results.append(Result("Anderson-Darling, A^2", squared, "1", anderson_darling_p(squared)))

    observed = cells.reshape(BINS, -1).sum(axis=1)
    expected = size * np.diff(exact[:: CELLS // BINS])
    statistic = float(((observed - expected) ** 2 / expected).sum())
    degrees = BINS - 1
    shift = chi_square_of_rounding(law, size)
    results.append(
        Result(
            f"chi-square, {BINS} bins",
            statistic,
            f"{degrees} + {shift:.0f} ± {math.sqrt(2 * (degrees + 2 * shift)):.0f}",
            float(stats.ncx2.sf(statistic, degrees, shift)),
        )
    )
    remarks.append(
        f"chi-square: {shift:.0f} of its expectation is the rounding of the float32 arithmetic, which moves the ends "
        "of the bins by an ulp or so."
    )
    return results, remarks


def chi_square_of_rounding(law: Law, size: int) -> float:
    """What the errors of the float32 arithmetic add to the expectation of chi-square.

    The words are uniform, so that the number of words whose value lies beyond a bin's end gives the
    probability that this has in fact. As values grow with the 31 bits of magnitude in their words, but
    for rounding, bisection finds the first such word.
    """
    edge, ideal = law.rounded_tail(np.arange(1, BINS // 2) / BINS)
    inside, beyond = np.full(edge.size, -1), np.full(edge.size, 1 << 31)
    while np.any(beyond - inside > 1):
        middle = (inside + beyond) // 2
        far = law.magnitudes(middle) > edge
        beyond[far] = middle[far]
        inside[~far] = middle[~far]
    actual = ((1 << 31) - beyond) / 2.0**32
    probability = np.diff(ideal, prepend=0.0, append=0.5)
    return 2 * size * float((np.diff(actual - ideal, prepend=0.0, append=0.0) ** 2 / probability).sum())


def anderson_darling_p(z: float) -> float:
    """P(A^2 > z) for many values of a known law: Marsaglia and Marsaglia, JSS 9(2), 2004, to 2e-6."""
    if z < 2:
        tail = [2.00012, 0.247105, -0.0649821, 0.0347962, -0.011672, 0.00168691]
        return 1 - math.exp(-1.2337141 / z) / math.sqrt(z) * float(np.polynomial.polynomial.polyval(z, tail))
    tail = [1.0776, -2.30695, 0.43424, -0.082433, 0.008056, -0.0003146]
    return -math.expm1(-math.exp(float(np.polynomial.polynomial.polyval(z, tail))))


def octave_counts(law: Law, tails: Ints) -> Iterator[Result]:
    """Counts per octave of the tail probability, for each sign, and beyond the last."""
    size = int(tails.sum())
    edges, masses = law.rounded_tail(2.0 ** -np.arange(2.0, law.octaves + 2))
    edges = np.concatenate(([0.0], edges, [law.bound]))
    masses = np.concatenate(([0.5], masses, [0.0]))
    for sign, counts in zip("-+", tails, strict=True):
        counts = np.append(counts[1 : law.octaves + 1], counts[law.octaves + 1 :].sum())
        for h, count in enumerate(counts):
            p = float(masses[h] - masses[h + 1])
            # Half of the chance of exactly this count, so that small counts may lie on either side.
            beyond = (stats.binom.sf(count, size, p) + stats.binom.sf(count - 1, size, p)) / 2
            name = f"count of {sign}[{edges[h]:.5f}, {edges[h + 1]:.5f}]"
            expected = f"{size * p:.2f} ± {math.sqrt(size * p * (1 - p)):.2f}"
            yield Result(name, float(count), expected, float(beyond))


def moment_tests(law: Law, means: Floats, size: int) -> Iterator[Result]:
    """The raw moments 1 to 8, with the standard errors that the moments up to 16 give them."""
    exact = law.moments(16)
    for k in range(1, 9):
        error = math.sqrt((exact[2 * k] - exact[k] ** 2) / size)
        p = float(stats.norm.sf((means[k] - exact[k]) / error))
        yield Result(f"moment {k}", float(means[k]), f"{exact[k]:.7g} ± {error:.2g}", p)


def correlation(test: str, total: float, count: int) -> Result:
    """A correlation from the sum of `count` products of standardized values."""
    p = float(stats.norm.sf(total / math.sqrt(count)))
    return Result(test, total / count, f"0 ± {1 / math.sqrt(count):.2g}", p)


def family_tests(family: str, law: Law, keys: Sequence[Key], size: int) -> Iterator[Result]:
    """The correlations of all pairs of keys, element by element, in standard errors."""
    length = size // len(keys)
    step = CHUNK_VALUES // len(keys)
    gram = np.zeros((len(keys), len(keys)))
    for start in range(0, length, step):
        x = np.stack([law.draw((length,), key, (slice(start, start + step),)) for key in keys])
        gram += x @ x.T
        report("values", f"{law.name} {family} {start / length:.0%}")
    deviations = gram / (law.moments(2)[2] * math.sqrt(length))
    pairs = deviations[np.triu_indices(len(keys), 1)]
    neighbours = np.diag(deviations, 1)
    total = float(neighbours.sum()) * math.sqrt(length)
    yield correlation(f"correlation of {family} i and i + 1", total, neighbours.size * length)
    statistic = float((pairs**2).sum())
    yield Result(
        f"sum of squares, all pairs of {family}",
        statistic,
        f"{pairs.size} ± {math.sqrt(2 * pairs.size):.0f}",
        float(stats.chi2.sf(statistic, pairs.size)),
    )
    largest = float(np.abs(pairs).max())
    p = -math.expm1(pairs.size * math.log1p(-2 * float(stats.norm.sf(largest))))
    yield Result(f"largest, all pairs of {family}", largest, "", p)


def run_values(key: int, size: int, path: Path) -> None:
    """Test both laws and write a table of each to `path`."""
    lines = [
        f"python tools/battery.py --only values --key {key} --values {size}",
        "",
        f"float32, mean 0, std 1, {size} values of each law. p is the probability of a statistic at least as",
        f"large (half of that of exactly this count, for counts); below {SUSPICIOUS} and above {1 - SUSPICIOUS} it is",
        "marked as suspicious.",
    ]
    p: list[float] = []
    odd: list[Result] = []
    for i, law in enumerate(LAWS):
        first = (key * len(LAWS) + i) * CHILDREN
        seeds = range(first, first + CHILDREN)
        results, remarks = test_law(law, Key(key).child(law.name), seeds, size)
        p += [result.extremity for result in results]
        odd += [result for result in results if result.suspicious]
        title = f"{law.name}, bounds ±{law.bound}"
        header = f"{'test':<46}{'statistic':>16}  {'expected':<26}{'p':>8}"
        lines += ["", title, "=" * len(title), "", header, "-" * len(header), *map(str, results), "", *remarks]
    chance = -math.expm1(len(p) * math.log1p(-min(p)))
    lines += [
        "",
        f"{len(p)} tests, {len(odd)} suspicious ({2 * SUSPICIOUS * len(p):.2g} expected by chance).",
        f"The smallest two-sided p is {min(p):.2g}; that of as many independent tests is as small with probability "
        f"{chance:.2g}.",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    report("values", "done")


# ---- command line ----

_status: dict[str, str] = {}
_status_lock = threading.Lock()


def report(part: str, text: str) -> None:
    """Renew the line of progress."""
    with _status_lock:
        _status[part] = text
        line = ", ".join(f"{name}: {state}" for name, state in sorted(_status.items()))
        print(f"\r{line:<79}", end="", file=sys.stderr, flush=True)


def power_or_int(text: str) -> int:
    """An integer, also as 2**30."""
    base, _, exponent = text.partition("**")
    power: int = int(base) ** int(exponent or 1)
    return power


def main() -> None:
    parts = ("words", "children", "values")
    parser = argparse.ArgumentParser(description="Run the statistical battery; see the top of this file.")
    parser.add_argument("--only", default=",".join(parts), help="some of words,children,values")
    parser.add_argument("--out", type=Path, default=Path("docs/randomness"), help="the folder to write to")
    parser.add_argument("--values", type=power_or_int, default=1 << 30, help="how many of each law (2**30)")
    parser.add_argument("--key", type=int, default=0, help="the seed of it all (0)")
    parser.add_argument("--stream", choices=parts[:2], help="only write these words to standard output, without end")
    arguments = parser.parse_args()
    if arguments.stream:
        stream_words(arguments.stream, Key(arguments.key))
        return
    chosen = arguments.only.split(",")
    if unknown := set(chosen) - set(parts):
        parser.error(f"--only takes {', '.join(parts)}. Received: {', '.join(sorted(unknown))}")
    if arguments.values < 1 or arguments.values % CHUNK_VALUES:
        parser.error(f"--values must be a multiple of {CHUNK_VALUES}. Received: {arguments.values}")
    if set(chosen) - {"values"} and not shutil.which("dieharder"):
        parser.error("the words need the program dieharder; --only values does without")

    arguments.out.mkdir(parents=True, exist_ok=True)
    threads = [
        threading.Thread(
            target=run_dieharder,
            args=(source, arguments.key, arguments.out / f"dieharder-{source}.txt"),
            daemon=True,
        )
        for source in parts[:2]
        if source in chosen
    ]
    for thread in threads:
        thread.start()
    if "values" in chosen:
        run_values(arguments.key, arguments.values, arguments.out / "values.txt")
    for thread in threads:
        thread.join()
    print(file=sys.stderr)


if __name__ == "__main__":
    main()
