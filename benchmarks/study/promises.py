"""Measure every ratio that the project promises, and say which promises are kept.

    python -m benchmarks.study promises
    python -m benchmarks.study promises --only "MLP|orthogonal 64" --quick

takes two or three minutes for each instruction set. Every ratio is the median over rounds in which the two
take turns, on one processor unless the row says otherwise, in a process that is pinned to it.
"""

from __future__ import annotations

import argparse
import re
import statistics
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import fastinit
from benchmarks.peers import libraries
from benchmarks.study import against, child, record
from benchmarks.study.promised import PROMISES
from benchmarks.study.promised.promise import COLUMNS, KEYS, Promise
from benchmarks.study.timing import interleaved, ratio, short

BY_NAME = {promise.what: promise for promise in PROMISES}
TITLES = {"avx512": "AVX-512", "avx2": "AVX2", "neon": "NEON", "scalar": "scalar"}
FEWEST, MOST = 5, 101  # rounds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only", metavar="PATTERN", type=pattern, help="the rows in which this is found, as a regular expression"
    )
    parser.add_argument("--list", action="store_true", help="name the rows, and measure nothing")
    parser.add_argument(
        "--isas", nargs="+", default=record.fast_isas(), choices=record.best_isas(), help="instruction sets"
    )
    parser.add_argument("--seconds", type=float, default=1.5, help="of measuring for each row, about")
    parser.add_argument(
        "--against",
        metavar="SRC",
        type=Path,
        help="compare with another build: the folder that holds its package fastinit, built in place. Each row is then "
        "the ratio of times, this build's over that one's, in rounds that alternate, and nothing is kept",
    )
    parser.add_argument("--starts", type=int, default=3, help="with --against: how many pairs of processes, in turn")


def pattern(text: str) -> re.Pattern[str]:
    """A regular expression for which large and small letters are the same."""
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"must be a regular expression: {error}. Received: {text!r}") from None


def run(options: argparse.Namespace) -> None:
    chosen = [promise for promise in PROMISES if options.only is None or options.only.search(promise.what)]
    if not chosen:
        raise SystemExit(f"--only must be found in a row that --list names. Received: {options.only.pattern!r}")
    if options.list:
        print("\n".join(promise.what for promise in chosen))
    elif options.against:
        against.run(options, chosen)
    else:
        measure_all(options, chosen)


def measure_all(options: argparse.Namespace, chosen: Sequence[Promise]) -> None:
    packages = sorted({promise.needs for promise in chosen if promise.needs})
    installed = libraries.installed(packages)
    possible = [promise for promise in chosen if promise.needs in (None, *installed)]
    rows: list[list[Any]] = []
    for isa, cores in product(options.isas, ("one", "all")):
        names = [promise.what for promise in possible if promise.cores == cores]
        if names:
            task = {"isa": isa, "rows": names, "seconds": options.seconds, "quick": options.quick}
            rows += child.rows("promises", task, cores, child.environment(isa, cores))
    child.finished("")
    print(table(rows))
    for promise in chosen:
        if promise not in possible:
            print(f"not measured, because {promise.needs} is not installed: {promise.what}")
    if not options.quick:
        file = record.path(options.results, options.machine, "promises")
        content = record.load(file)
        record.merge(content, "promises", COLUMNS, rows, KEYS)
        record.save(file, content)
        child.finished(f"written: {file.name}")


def run_child(task: dict[str, Any]) -> None:
    for row in measured(task):
        child.say(row)


def measured(task: dict[str, Any]) -> Iterator[list[Any]]:
    for promise in PROMISES:
        if promise.what not in task["rows"]:
            continue
        child.progress(f"{task['isa']}: {promise.what}")
        yield measure(promise, task["isa"], task["seconds"] / 20 if task["quick"] else task["seconds"], task["quick"])


def measure(promise: Promise, isa: str, seconds: float, quick: bool) -> list[Any]:
    """The row of one promise."""
    ours, other = promise.build()
    times = interleaved(
        {"ours": ours, "other": other()},
        threads=1 if promise.cores == "one" else 2,
        seconds=seconds * promise.longer,
        fewest=1 if quick else FEWEST,
        most=MOST,
    )
    figure = ratio(times["other"], times["ours"]) if promise.faster else ratio(times["ours"], times["other"])
    each = promise.values * promise.calls
    return promise.row(isa, figure, *(statistics.median(times[who]) / each * 1e9 for who in ("ours", "other")))


def table(rows: list[list[Any]]) -> str:
    """What, measured, promised, and whether that is kept, as Markdown."""
    lines = [
        "| what | instruction set | measured | promised | kept | fastinit / other |",
        "|---|---|---:|---:|---|---:|",
    ]
    for isa, what, figure, promised, faster, kept, ours, other, per in rows:
        sign, unit = (">=", "x") if faster else ("<=", "")
        target = BY_NAME[what].promised("avx512") if promised is None else promised
        wanted = f"{sign} {target:g}{unit}" + ("" if promised is not None else " with AVX-512")
        verdict = {None: "-", True: "yes", False: "**no**"}[kept]
        times = f"{short(ours)} / {short(other)} ns a {per}"
        lines.append(f"| {what} | {TITLES.get(isa, isa)} | {figure:.2f}{unit} | {wanted} | {verdict} | {times} |")
    verdicts = [row[5] for row in rows if row[5] is not None]
    lines += [
        "",
        f"{sum(verdicts)} of {len(verdicts)} promises kept; fastinit {fastinit.__version__}.",
    ]
    return "\n".join(lines)
