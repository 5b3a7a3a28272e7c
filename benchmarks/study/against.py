"""Compare two builds of fastinit: one process each, on the same core, with rounds of the same job in alternation.

Every process makes its own job by the row's name. Besides the job that a row promises something of, the other one is
compared where it is fastinit's, too. Where memory comes to lie, and with it the time of a short call,
differs by some percent from one process to the next, so each row is measured in several pairs of processes, and
its figure is the median of the pairs' medians.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import math
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import fastinit
from benchmarks.peers import libraries
from benchmarks.study import child
from benchmarks.study.promised import PROMISES
from benchmarks.study.promised.promise import Promise
from benchmarks.study.timing import once, ratio, short

TURN = 2e-3  # seconds of a build's turn, if a call is shorter: long beside the change from one process to the other
FEWEST, MOST = 5, 101  # rounds
WORSE = 1.03  # a row that takes so many times longer is pointed out


# ---- what runs in the two processes ----


def run_child(task: dict[str, Any]) -> None:
    """Answer requests: {"build": row, "own": bool} with a first time and a hash, {"calls": n} with a call's time."""
    if not Path(fastinit.__file__).parents[1].samefile(task["source"]):
        raise SystemExit(f"fastinit must come from {task['source']}. Received: {fastinit.__file__}")
    by_name = {promise.what: promise for promise in PROMISES}
    job, threads = None, 1
    gc.disable()
    for line in sys.stdin:
        request = json.loads(line)
        if "calls" in request:
            assert job is not None
            if request["warm"]:
                job()
            child.say(once(job, request["calls"], threads))
            continue
        job = None  # its memory goes before the next one's comes
        promise = by_name[request["build"]]
        threads = 1 if promise.cores == "one" else 2
        try:
            job, make_other = promise.build()
            job = make_other() if request["own"] else job
            child.say({"hash": digest(job()), "first": min(once(job, 1, threads) for _ in range(3))})
        except Exception as error:  # the other build may lack what the row needs
            child.say({"failed": f"{type(error).__name__}: {error}"})


def digest(result: Any) -> str:
    """Of all bits of an array or of a dict of them."""
    found = hashlib.blake2b(digest_size=16)
    for values in result.values() if isinstance(result, dict) else [result]:
        array = np.ascontiguousarray(libraries.as_numpy(values))
        found.update(f"{array.shape} {array.dtype}".encode())
        found.update(array.reshape(-1).view(np.uint8).data)
    return found.hexdigest()


# ---- what runs in the parent ----


@dataclass
class Build:
    """One of the two processes."""

    process: Any

    def ask(self, **request: Any) -> Any:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("benchmarks.study promises --against: a process ended too early, see above")
        return json.loads(line)


@dataclass(frozen=True)
class Row:
    """One row of the table, and how its job is to be had."""

    what: str
    job: str
    promise: Promise
    own: bool


def rows_of(promises: Sequence[Promise]) -> list[Row]:
    """One for every promise, and one for every job of ours that these are measured by."""
    rows = [Row(promise.what, promise.ours, promise, False) for promise in promises]
    known = {(row.job, row.promise.cores) for row in rows}
    for promise in promises:
        if promise.own and (promise.own, promise.cores) not in known:
            known.add((promise.own, promise.cores))
            rows.append(Row(promise.own, promise.own, promise, True))
    return rows


@dataclass
class Found:
    """What is known of one job: of each pair of processes the ratio, this build over the other, and both times."""

    ratios: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    other: list[float] = field(default_factory=list)
    same_bits: bool = True
    failed: str = ""


@contextmanager
def pair(isa: str, cores: str, sources: Sequence[Path], swapped: bool) -> Iterator[list[Build]]:
    """Both processes, on the same core or on all; the one that starts first changes from pair to pair."""
    with ExitStack() as stack:
        builds: dict[Path, Build] = {}
        for source in reversed(sources) if swapped else sources:
            task = {"source": str(source)}
            process = stack.enter_context(child.started("against", task, cores, child.environment(isa, cores, source)))
            builds[source] = Build(process)
        yield [builds[source] for source in sources]


def compare(builds: Sequence[Build], row: Row, seconds: float, fewest: int, found: Found) -> None:
    """One pair's rounds of one job."""
    ready = [build.ask(build=row.promise.what, own=row.own) for build in builds]
    for who, answer in zip(("this build", "the other"), ready, strict=True):
        if "failed" in answer:
            found.failed = f"{who}: {answer['failed']}"
            return
    found.same_bits &= ready[0]["hash"] == ready[1]["hash"]
    first = max(max(answer["first"] for answer in ready), 1e-7)
    calls = max(1, math.ceil(TURN / first))
    rounds = max(fewest, min(MOST, round(seconds / (2 * first * calls))))
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for who in (0, 1) if number % 2 == 0 else (1, 0):
            times[who].append(builds[who].ask(calls=calls, warm=first < TURN))
    each = row.promise.values * (1 if row.own else row.promise.calls)
    found.ratios.append(ratio(*times))
    found.ours.append(statistics.median(times[0]) / each * 1e9)
    found.other.append(statistics.median(times[1]) / each * 1e9)


def source_folder(path: Path) -> Path:
    """The folder that holds the package, for a path to it or to the tree around it."""
    for folder in (path, path / "src"):
        if (folder / "fastinit" / "__init__.py").exists():
            return folder.resolve()
    raise SystemExit(f"--against must be a folder that holds the package fastinit. Received: {str(path)!r}")


def run(options: argparse.Namespace, chosen: Sequence[Promise]) -> None:
    sources = [Path(fastinit.__file__).resolve().parents[1], source_folder(options.against)]
    if sources[0] == sources[1]:
        raise SystemExit(f"--against must be another build than this one. Received: {str(options.against)!r}")
    starts = 1 if options.quick else options.starts
    seconds = (options.seconds / 20 if options.quick else options.seconds) / starts
    found: dict[tuple[str, str, str], Found] = {}
    rows = rows_of(chosen)
    for isa, cores, start in product(options.isas, ("one", "all"), range(starts)):
        # Rows with the same job share its measurement.
        jobs = {row.job: row for row in rows if row.promise.cores == cores}
        if not jobs:
            continue
        with pair(isa, cores, sources, swapped=start % 2 == 1) as builds:
            for name, row in jobs.items():
                child.progress(f"{isa}: {name}, {start + 1} of {starts}")
                one = found.setdefault((isa, cores, name), Found())
                compare(builds, row, seconds * row.promise.longer, 1 if options.quick else FEWEST, one)
    child.finished("")
    print(table(options.isas, rows, found))


def table(isas: Sequence[str], rows: Sequence[Row], found: dict[tuple[str, str, str], Found]) -> str:
    """The ratio of times of every row, this build over the other."""
    lines = ["| what | instruction set | this / other | of the pairs | ns, this / other | same bits |"]
    lines.append("|---|---|---:|---:|---:|---|")
    worse = failed = different = 0
    for isa, row in product(isas, rows):
        one = found[isa, row.promise.cores, row.job]
        head = f"| {row.what} | {isa} |"
        if one.failed:
            failed += 1
            lines.append(f"{head} - | - | {one.failed} | - |")
            continue
        figure = statistics.median(one.ratios)
        worse += figure > WORSE
        different += not one.same_bits
        number = f"**{figure:.3f}**" if figure > WORSE else f"{figure:.3f}"
        times = f"{short(statistics.median(one.ours))} / {short(statistics.median(one.other))}"
        spread = f"{min(one.ratios):.3f} to {max(one.ratios):.3f}"
        lines.append(f"{head} {number} | {spread} | {times} | {'yes' if one.same_bits else '**no**'} |")
    lines += [
        "",
        f"{len(rows) * len(isas)} rows: {worse} take more than {WORSE - 1:.0%} longer, {different} have other bits, ",
    ]
    lines[-1] += f"{failed} could not be compared."
    return "\n".join(lines)
