"""Measure cost against size for every law, dtype and library, and what memory, threads and bounds cost.

    python -m benchmarks.study sweep initializers

takes about a quarter of an hour and writes benchmarks/results/<version>-<machine>-<instruction set>.json, after
each part, and replaces only what it measured again; the options choose parts. Every result is checked
before it is timed. The libraries take turns, and what is kept is the median and the quartiles of the rounds.
"""

from __future__ import annotations

import argparse
import ctypes
import resource
from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np

import fastinit
from benchmarks import cores
from benchmarks.peers import libraries
from benchmarks.peers.types import Array, Job
from benchmarks.study import child, record
from benchmarks.study.timing import interleaved, once, quartiles, ratio

SIZES = [1 << k for k in range(10, 27, 2)]
OTHER_DTYPES_SIZES = [1 << k for k in (10, 16, 20, 24, 26)]
QUICK_SIZES = [1 << k for k in (10, 16)]
THREADS_SIZES = [1 << k for k in range(12, 27)]
TOO_LONG = 1.0  # seconds; a library whose next call would take longer is left out of the larger sizes
COST = ["dtype", "law", "memory", "threads", "size", "library", "ns", "ns_low", "ns_high", "rounds"]
PAGES = ["megabytes", "huge_pages", "threads", "what", "ns", "ns_low", "ns_high", "page_faults"]
THREADS = ["size", "one_ns", "all_ns", "speedup"]
BOUNDS = ["dtype", "lower", "upper", "probability", "ns", "times_two_std"]
PAGE_SIZES = [1, 4, 16, 64, 256, 1024]
BOUND_PAIRS: list[tuple[float, float]] = [
    (-2, 2),
    (-1, 1),
    (-3, 3),
    (-1, 3),
    (0, float("inf")),
    (-float("inf"), 1),
    (0.5, 1.0),
    (0, 0.1),
    (2, 3),
    (3, 4),
    (6, float("inf")),
    (30, float("inf")),
]


# ---- what runs in the child process, pinned ----


def measure_cost(task: dict[str, Any]) -> Iterator[list[Any]]:
    """Every library, law, memory and size for one dtype."""
    threads, dtype = task["cpus"], task["dtype"]
    names = libraries.installed(task["libraries"])
    for law, memory in product(task["laws"], task["memory"]):
        slow: set[str] = set()
        for size, larger in zip(task["sizes"], [*task["sizes"][1:], 0], strict=True):
            child.progress(f"{task['isa']}, {threads} thread(s): {law} {dtype} {memory} {size}")
            out = np.zeros(size, libraries.numpy_dtype(dtype)) if memory == "warm" else None
            jobs = {}
            for name in names:
                if name in slow:
                    continue
                job = libraries.LIBRARIES[name](law, dtype, size, out, threads)
                if job is None:
                    continue
                libraries.check(job(), law, dtype, size)
                if size >= 1 << 20 and once(job, 1, threads) * larger / size > TOO_LONG:
                    slow.add(name)
                jobs[name] = job
            jobs["fill" if memory == "warm" else "full"] = libraries.limit(dtype, size, out)
            for name, times in interleaved(jobs, threads=threads, seconds=task["seconds"]).items():
                low, middle, high = (t / size * 1e9 for t in quartiles(times))
                figures = [round(middle, 4), round(low, 4), round(high, 4), len(times)]
                yield [dtype, law, memory, task["threads"], size, name, *figures]


def measure_pages(task: dict[str, Any]) -> Iterator[list[Any]]:
    """What new pages cost: the same work in memory that is there, and in memory that the system must give."""
    for megabytes in task["megabytes"]:
        child.progress(f"pages: {megabytes} MB, huge pages {task['huge_pages']}, {task['cpus']} thread(s)")
        size = megabytes << 18
        out = np.zeros(size, np.float32)
        normal = partial(fastinit.normal, (size,), 0.0, libraries.STD, seed=0)
        jobs: dict[str, Job] = {
            "fill warm": partial(out.fill, 1),
            "memset warm": partial(ctypes.memset, out.ctypes.data, 1, out.nbytes),
            "fill fresh": partial(np.full, size, 1, np.float32),
            "normal warm": partial(normal, out=out),
            "normal fresh": normal,
            "normal into numpy.empty": lambda normal=normal, size=size: normal(out=np.empty(size, np.float32)),
        }
        if task["cpus"] > 1:
            jobs["normal into numpy.empty, touched by one thread"] = lambda normal=normal, size=size: normal(
                out=_touched(size)
            )
        libraries.check(normal(), "normal", "float32", size)
        for name, times in interleaved(jobs, threads=task["cpus"], seconds=task["seconds"]).items():
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            jobs[name]()
            faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
            low, middle, high = (round(t / size * 1e9, 4) for t in quartiles(times))
            yield [megabytes, task["huge_pages"], task["threads"], name, middle, low, high, faults]


def _touched(size: int) -> Array:
    """A new array, one value of every page of which has been written."""
    array = np.empty(size, np.float32)
    array[::1024] = 0
    return array


def measure_threads(task: dict[str, Any]) -> Iterator[list[Any]]:
    """One thread against all of them, warm."""
    for size in task["sizes"]:
        child.progress(f"threads: {size} values")
        out = np.zeros(size, np.float32)
        one = partial(fastinit.normal, (size,), 0.0, libraries.STD, seed=0, out=out, threads=1)
        every = partial(fastinit.normal, (size,), 0.0, libraries.STD, seed=0, out=out)
        expected = one().tobytes()
        out.fill(0)
        assert every().tobytes() == expected
        times = interleaved({"one": one, "all": every}, threads=task["cpus"], seconds=task["seconds"], most=101)
        ns = [round(quartiles(times[name])[1] / size * 1e9, 4) for name in ("one", "all")]
        yield [size, *ns, round(ratio(times["one"], times["all"]), 2)]


def measure_bounds(task: dict[str, Any]) -> Iterator[list[Any]]:
    """truncated_normal with other bounds than two stds, all in one comparison, on one thread."""
    size = 1 << 20
    for dtype in ("float32", "float64"):
        child.progress(f"bounds: {dtype}")
        out = np.zeros(size, dtype)
        jobs = {}
        for lower, upper in BOUND_PAIRS:
            job = partial(fastinit.truncated_normal, (size,), 0.0, 1.0, lower, upper, dtype=dtype, seed=0, out=out)
            values = job()
            assert lower <= values.min() < values.max() <= upper
            jobs[lower, upper] = job
        times = interleaved(jobs, threads=1, seconds=task["seconds"] * 12)
        for (lower, upper), of in times.items():
            ns = round(quartiles(of)[1] / size * 1e9, 3)
            yield [dtype, str(lower), str(upper), _probability(lower, upper), ns, round(ratio(of, times[-2, 2]), 2)]


def _probability(lower: float, upper: float) -> float:
    from scipy import stats

    # On the side where it does not cancel.
    below, above = (upper, lower) if lower < 0 else (-lower, -upper)
    return float(f"{stats.norm.cdf(below) - stats.norm.cdf(above):.3g}")


SECTIONS = {
    "cost": (measure_cost, COST, 6),
    "pages": (measure_pages, PAGES, 4),
    "threads": (measure_threads, THREADS, 1),
    "bounds": (measure_bounds, BOUNDS, 3),
}


def run_child(task: dict[str, Any]) -> None:
    task["cpus"] = cores.count(task["threads"])
    for row in SECTIONS[task["section"]][0](task):
        child.say(row)


# ---- the command ----


def tasks(options: argparse.Namespace) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """The child processes of the chosen parts and the environment that each one needs."""
    common = {"isa": options.isa, "seconds": options.seconds}
    if "cost" in options.sections:
        for threads, dtype in product(options.threads, options.dtypes):
            sizes = options.sizes or (SIZES if dtype == "float32" else OTHER_DTYPES_SIZES)
            yield (
                common
                | {"section": "cost", "threads": threads, "dtype": dtype, "sizes": sizes}
                | {"laws": options.laws, "memory": options.memory, "libraries": options.libraries},
                {},
            )
    if "pages" in options.sections:
        for threads, huge in product(options.threads, (1, 0)):
            # No array is made from memory that an earlier one left.
            environment = {"NUMPY_MADVISE_HUGEPAGE": str(huge), "MALLOC_MMAP_THRESHOLD_": "65536"}
            task = {"section": "pages", "threads": threads, "huge_pages": huge, "megabytes": options.pages}
            yield common | task, environment
    if "threads" in options.sections:
        yield common | {"section": "threads", "threads": "all", "sizes": options.sizes or THREADS_SIZES}, {}
    if "bounds" in options.sections:
        yield common | {"section": "bounds", "threads": "one"}, {}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--isa", default=fastinit.isa(), choices=fastinit.available_isas())
    parser.add_argument("--sections", nargs="+", default=list(SECTIONS), choices=SECTIONS)
    parser.add_argument("--threads", nargs="+", default=["one", "all"], choices=["one", "all"])
    parser.add_argument("--dtypes", nargs="+", default=list(libraries.DTYPES), choices=libraries.DTYPES)
    parser.add_argument("--laws", nargs="+", default=list(libraries.LAWS), choices=libraries.LAWS)
    parser.add_argument("--memory", nargs="+", default=["warm", "fresh"], choices=["warm", "fresh"])
    parser.add_argument("--libraries", nargs="+", default=list(libraries.LIBRARIES), choices=libraries.LIBRARIES)
    parser.add_argument("--sizes", nargs="+", type=int, help="numbers of values")
    parser.add_argument("--seconds", type=float, default=0.4, help="of measuring for each comparison, about")


def run(options: argparse.Namespace) -> None:
    options.pages = PAGE_SIZES
    if options.quick:
        options.seconds /= 100
        options.sizes = options.sizes or QUICK_SIZES
        options.dtypes = options.dtypes[:1]
        options.pages = PAGE_SIZES[:2]
    file = record.path(options.results, options.machine, options.isa)
    for task, extra in tasks(options):
        surroundings = {**child.environment(options.isa, task["threads"]), **extra}
        rows = list(child.rows("sweep initializers", task, task["threads"], surroundings))
        if options.quick:
            record.show(SECTIONS[task["section"]][1], rows)
            continue
        _, columns, keys = SECTIONS[task["section"]]
        content = record.load(file)
        content["isa"] = options.isa
        record.merge(content, task["section"], columns, rows, keys)
        record.save(file, content)
    if not options.quick:
        child.finished(f"written: {file.name}")
