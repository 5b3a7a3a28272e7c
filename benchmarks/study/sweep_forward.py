"""Measure the forward pass, the activations and orthogonal matrices beside every library that has them.

    python -m benchmarks.study sweep forward

takes about five minutes and writes benchmarks/results/<version>-<machine>-forward.json, after each part, and
replaces only what it measured again; the options choose parts. All of it is on one core. Every result is
checked before it is timed, and the libraries take turns. Instruction sets after the first are measured for
fastinit alone.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import pairwise, product
from typing import Any

import numpy as np

import fastinit
from benchmarks.peers import activations, libraries, networks, orthogonal, peak
from benchmarks.peers.types import Job, Shape
from benchmarks.study import child, record
from benchmarks.study.timing import interleaved, latencies, quartiles

LATENCY = ["median_ns", "p99_ns", "samples", "calls"]  # a sample is the mean of so many calls
DENSE = ["isa", "size", "activation", "library", *LATENCY, "gflops", "peak_gflops"]
MLP = ["isa", "widths", "batch", "activation", "library", *LATENCY, "gflops", "peak_gflops"]
POPULATION = ["isa", "rows", "library", *LATENCY]
ACTIVATE = ["isa", "name", "library", *LATENCY, "values"]
ORTHOGONAL = ["isa", "shape", "library", "ms", "ms_low", "ms_high", "rounds", "error"]
DENSE_LIBRARIES = networks.LIBRARIES | {"fastinit": networks.by_fastinit_dense}
LONG_AND_THIN = (1, 4096, 1)
# The fewest rounds, the largest batch of a network, and the longest side of an orthogonal matrix.
WHOLE = {"fewest": 5, "batch": max(networks.BATCHES), "side": max(map(max, orthogonal.SHAPES))}
QUICK = {"fewest": 2, "batch": 32, "side": 256}
PEAK = 1 << 22  # fused multiply-adds of a call that measures the machine's peak
RATE = (1020, 1024, 1024)  # the dense layer whose rate the limit of an orthogonal matrix is reckoned with


# ---- what runs in the child process, pinned ----


def figures(calls: int, samples: list[float]) -> list[Any]:
    """The columns LATENCY."""
    median, p99 = np.percentile(samples, [50, 99]) * 1e9
    return [round(float(median), 1), round(float(p99), 1), len(samples), calls]


def timed(task: dict[str, Any], jobs: Mapping[str, Job], share: float = 1.0) -> dict[str, tuple[int, list[float]]]:
    """The jobs' latencies, in this share of the time for a comparison."""
    return latencies(jobs, seconds=task["seconds"] * share, fewest=4 * task["fewest"])


def rates(task: dict[str, Any], jobs: Mapping[str, Job], flop: int) -> Iterator[list[Any]]:
    """Library, latency, GF/s and the GF/s of the core's fma in the same rounds."""
    found = timed(task, {**jobs, "peak": peak.multiply_adds(PEAK)})
    at_most = 2 * PEAK / float(np.median(found.pop("peak")[1])) * 1e-9
    for library, (calls, samples) in found.items():
        yield [library, *figures(calls, samples), round(flop / float(np.median(samples)) * 1e-9, 3), round(at_most, 1)]


def measure_dense(task: dict[str, Any]) -> Iterator[list[Any]]:
    cases: list[tuple[Any, str | None]] = list(product(networks.DENSE + networks.FEW_ROWS, networks.ACTIVATIONS))
    for size, activation in [*cases, (LONG_AND_THIN, None)]:
        rows, depth, columns = size
        name = f"{rows}x{depth}x{columns}"
        child.progress(f"{task['isa']}: dense {name} {activation or ''}")
        layer, x = networks.layers((depth, columns), None, activation), networks.inputs((rows, depth))
        jobs = {
            library: networks.checked(DENSE_LIBRARIES[library](layer, x), layer, x)
            for library in DENSE_LIBRARIES
            if library in task["libraries"]
        }
        for row in rates(task, jobs, 2 * rows * depth * columns):
            yield [name, activation or "linear", *row]


def measure_mlp(task: dict[str, Any]) -> Iterator[list[Any]]:
    batches = [batch for batch in networks.BATCHES if batch <= task["batch"]]
    for widths, batch, activation in product(networks.NETWORKS, batches, networks.ACTIVATIONS):
        name = "-".join(map(str, widths))
        child.progress(f"{task['isa']}: MLP {name}, {batch} rows, {activation}")
        network, x = networks.layers(widths, activation), networks.inputs((batch, widths[0]))
        jobs = {
            library: networks.checked(networks.LIBRARIES[library](network, x), network, x)
            for library in networks.LIBRARIES
            if library in task["libraries"]
        }
        flop = 2 * batch * sum(a * b for a, b in pairwise(widths))
        for row in rates(task, jobs, flop):
            yield [name, batch, activation, *row]


def measure_population(task: dict[str, Any]) -> Iterator[list[Any]]:
    rows = 16
    child.progress(f"{task['isa']}: population")
    jobs = networks.population(networks.POPULATION, rows, networks.NETWORKS[0])
    chosen = {name: job for name, job in jobs.items() if name.split()[0] in task["libraries"]}
    for name, found in timed(task, chosen).items():
        yield [rows, name, *figures(*found)]


def measure_activate(task: dict[str, Any]) -> Iterator[list[Any]]:
    x = activations.inputs()
    chosen = [library for library in activations.LIBRARIES if library in task["libraries"]]
    for name in activations.NAMES:
        child.progress(f"{task['isa']}: activate {name}")
        with activations.inference():
            jobs = {
                library: activations.checked(activations.LIBRARIES[library](name, x), name, x) for library in chosen
            }
            for library, found in timed(task, jobs, 1 / 3).items():
                yield [name, library, *figures(*found), x.size]


def measure_orthogonal(task: dict[str, Any]) -> Iterator[list[Any]]:
    """The row `limit` is no library: the time of as many operations at the rate of `dense` in the same rounds."""
    rows, depth, columns = RATE
    layer, x = networks.layers((depth, columns), None, None), networks.inputs((rows, depth))
    out = np.empty((rows, columns), np.float32)
    dense = networks.checked(partial(fastinit.dense, x, *layer[0], out=out), layer, x)
    flop = 2 * rows * depth * columns

    for shape in [shape for shape in orthogonal.SHAPES if max(shape) <= task["side"]]:
        m, n = max(shape), min(shape)
        jobs = {}
        for library, make in orthogonal.LIBRARIES.items():
            job = make(shape) if library.split()[0] in task["libraries"] else None
            if job is not None:
                jobs[library] = job
        name = f"{shape[0]}x{shape[1]}"
        yield from _orthogonal(task, name, jobs, dense, (2 * m * n * n - 2 / 3 * n**3) / flop, shape)

    side, count = orthogonal.SIDE, orthogonal.BATCH
    jobs = {name: job for name, job in orthogonal.many_small().items() if name.split()[0] in task["libraries"]}
    work = count * 4 / 3 * side**3 / flop
    yield from _orthogonal(task, f"{count} of {side}x{side}", jobs, dense, work, (count, side, side))


def _orthogonal(
    task: dict[str, Any], name: str, jobs: dict[str, Job], dense: Job, work: float, shape: Shape | tuple[int, ...]
) -> Iterator[list[Any]]:
    """`work` is the limit's, in calls of `dense`."""
    child.progress(f"{task['isa']}: orthogonal {name}")
    errors = {}
    for library, job in jobs.items():
        q = np.asarray(job())
        assert q.shape == shape
        errors[library] = max(map(orthogonal.error, q)) if q.ndim == 3 else orthogonal.error(q)
        assert errors[library] < 1e-5
    times = interleaved({**jobs, "limit": dense}, threads=1, seconds=task["seconds"], fewest=task["fewest"])
    times["limit"] = [t * work for t in times["limit"]]
    for library, of in times.items():
        low, middle, high = (float(f"{t * 1e3:.5g}") for t in quartiles(of))
        error = float(f"{errors[library]:.3g}") if library in errors else None
        yield [name, library, middle, low, high, len(of), error]


SECTIONS: dict[str, tuple[Callable[[dict[str, Any]], Iterator[list[Any]]], list[str], int]] = {
    "dense": (measure_dense, DENSE, 4),
    "mlp": (measure_mlp, MLP, 5),
    "population": (measure_population, POPULATION, 3),
    "activate": (measure_activate, ACTIVATE, 3),
    "orthogonal": (measure_orthogonal, ORTHOGONAL, 3),
}


def run_child(task: dict[str, Any]) -> None:
    task["libraries"] = libraries.installed(task["libraries"])
    gc.disable()
    for row in SECTIONS[task["section"]][0](task):
        child.say([task["isa"], *row])


# ---- the command ----


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = [*networks.LIBRARIES, "scipy"]
    parser.add_argument("--isas", nargs="+", default=record.fast_isas(), choices=record.best_isas())
    parser.add_argument("--sections", nargs="+", default=list(SECTIONS), choices=SECTIONS)
    parser.add_argument("--libraries", nargs="+", default=names, choices=names)
    parser.add_argument("--seconds", type=float, default=2.0, help="of measuring for each comparison, about")


def run(options: argparse.Namespace) -> None:
    seconds = options.seconds / 100 if options.quick else options.seconds
    file = record.path(options.results, options.machine, "forward")
    for section, isa in product(options.sections, options.isas):
        wanted = options.libraries if isa == options.isas[0] else ["fastinit"]
        alone = 1.0 if isa == options.isas[0] else 0.3
        task = {"isa": isa, "section": section, "libraries": wanted, "seconds": seconds * alone}
        task |= QUICK if options.quick else WHOLE
        rows = list(child.rows("sweep forward", task, "one", child.environment(isa, "one")))
        _, columns, keys = SECTIONS[section]
        if options.quick:
            record.show(columns, rows)
            continue
        content = record.load(file)
        record.merge(content, section, columns, rows, keys)
        record.save(file, content)
    if not options.quick:
        child.finished(f"written: {file.name}")
