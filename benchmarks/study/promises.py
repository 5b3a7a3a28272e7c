"""Measure what the project promises about its speed, each ratio in one run, and print the table.

    python benchmarks/must_show.py

takes two or three minutes for each instruction set. Every ratio is the median over rounds in which the two
take turns, on one processor unless the row says otherwise, in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import timeit
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import libraries
import numpy as np
import numpy_idioms
import promises_forward
import promises_orthogonal
import record
from timing import interleaved, ratio

import fastinit
from fastinit import _demo

SIDE = 4096
LARGE = 1 << 26
TITLES = {"avx512": "AVX-512", "avx2": "AVX2", "neon": "NEON"}
# The targets are those of AVX-512; AVX2 has one of its own.
AVX2_TARGETS = {"he_normal vs NumPy idiom": 12.0}
ROWS = ["isa", "row", "target", "at_least", "measured", "fastinit_ns", "other_ns", "per"]

# The rows of a section: text, target, whether the target is a least or a most, ratio, ns of both, and per what.
Row = tuple[str, float, bool, float, float, float, str]
Job = Callable[[], Any]


def compare(
    what: str,
    target: float,
    jobs: Mapping[str, Job],
    values: int,
    *,
    faster: bool,
    seconds: float,
    threads: int = 1,
    per: str = "",
) -> Row:
    """Of two jobs, ours first: how many times faster it is, or how many times the other's time it takes.

    `values` is how many values a job makes, or 1 to count it as one call.
    """
    times = interleaved(jobs, threads=threads, seconds=seconds, fewest=5, most=101)
    ours, theirs = times.values()
    measured = ratio(theirs, ours) if faster else ratio(ours, theirs)
    per_value = [float(np.median(t)) / values * 1e9 for t in (ours, theirs)]
    return what, target, faster, measured, *per_value, per or ("value" if values > 1 else "call")


def one_core(seconds: float) -> Iterator[Row]:
    shape, values = (SIDE, SIDE), SIDE * SIDE
    out = np.zeros(shape, np.float32)
    rng = numpy_idioms.generator()
    std = math.sqrt(2 / SIDE)
    bound = 2 * std / numpy_idioms.TRUNCATED_STD
    he_normal = partial(fastinit.he_normal, shape, seed=0, out=out)
    _check(he_normal(), std, bound)
    _check(numpy_idioms.he_normal(rng, shape, out=out), std, bound)

    random = partial(rng.random, dtype=np.float32, out=out)
    for name, target in (("glorot_uniform", 4.5), ("uniform", 4.0)):
        jobs = {"fastinit": partial(getattr(fastinit, name), shape, seed=0, out=out), "numpy": random}
        yield compare(f"{name} vs `random(out=)`", target, jobs, values, faster=True, seconds=seconds)
    jobs = {"fastinit": he_normal, "numpy": partial(numpy_idioms.he_normal, rng, shape, out=out)}
    yield compare("he_normal vs NumPy idiom", 18, jobs, values, faster=True, seconds=seconds)

    if libraries.installed(["torch"]):
        import torch

        torch.set_num_threads(1)
        tensor = torch.from_numpy(out)
        truncated = partial(torch.nn.init.trunc_normal_, tensor, 0.0, bound / 2, -bound, bound)
        _check(truncated().numpy(), std, bound)
        jobs = {"fastinit": he_normal, "torch": truncated}
        yield compare("he_normal vs `torch.nn.init.trunc_normal_`", 35, jobs, values, faster=True, seconds=seconds)
        jobs = {"fastinit": he_normal, "torch": partial(tensor.normal_, 0.0, std)}
        yield compare("he_normal vs `torch.Tensor.normal_`", 4.5, jobs, values, faster=True, seconds=seconds)

    if libraries.installed(["mkl_random"]):
        import mkl_random

        # mkl_random has no out=: both make a new array, small enough for its pages to be used again.
        doubles = (1024, 1024)
        ours = partial(fastinit.normal, doubles, 0.0, 1.0, dtype="float64", seed=0)
        for brng, bits in (("MT19937", "its default, 32 random bits a value"), ("MCG59", "its fastest with 53 bits")):
            state = mkl_random.MKLRandomState(0, brng=brng)
            theirs = partial(state.normal, 0.0, 1.0, doubles, method="ICDF")
            jobs = {"fastinit": ours, "mkl_random": theirs}
            what = f"normal f64 vs mkl_random ICDF, {brng} ({bits})"
            yield compare(what, 1.3, jobs, 1 << 20, faster=True, seconds=seconds)

    half = np.zeros(shape, libraries.numpy_dtype("bfloat16"))
    jobs = {"bf16": partial(fastinit.he_normal, shape, seed=0, dtype=half.dtype, out=half), "f32": he_normal}
    yield compare("bf16 he_normal vs f32, time", 1.05, jobs, values, faster=False, seconds=seconds)

    names = {"he_normal": fastinit.he_normal, "generator": np.random.default_rng(0), "f32": np.float32}
    small = {
        "fastinit": timeit.Timer("he_normal((8, 8), seed=0)", globals=names),
        "numpy": timeit.Timer("generator.standard_normal((8, 8), dtype=f32)", globals=names),
    }
    calls = 2000
    jobs = {name: partial(timer.timeit, calls) for name, timer in small.items()}
    what = "he_normal((8, 8), seed=0) vs `standard_normal((8, 8), dtype=f32)`, time of a call"
    yield compare(what, 1.3, jobs, calls, faster=False, seconds=seconds, per="call")


def all_cores(seconds: float) -> Iterator[Row]:
    out = np.zeros(LARGE, np.float32)
    # The fan of (n, 1) is n.
    he_normal = partial(fastinit.he_normal, (LARGE, 1), seed=0, out=out.reshape(LARGE, 1))
    jobs = {"2": partial(he_normal, threads=2), "1": partial(he_normal, threads=1)}
    yield compare("2 threads vs 1, 64 M values warm", 1.8, jobs, LARGE, faster=True, seconds=seconds, threads=2)
    jobs = {"fastinit": he_normal, "fill": partial(out.fill, 1)}
    yield compare(
        "64 M warm, all cores, vs warm `ndarray.fill`, time", 3, jobs, LARGE, faster=False, seconds=seconds, threads=2
    )
    del out, he_normal, jobs

    shape = (8192, 8192)
    fresh = {"fastinit": partial(fastinit.he_normal, shape, seed=0), "full": partial(np.full, shape, 1, np.float32)}
    what = "fresh he_normal 8192², all cores, vs `np.full`, time"
    yield compare(what, 1.5, fresh, LARGE, faster=False, seconds=seconds, threads=2)

    model = _demo.parameters(_demo.Config())
    tensors = {p.name: _entry(p) for p in model}
    initialize = partial(fastinit.initialize, tensors, seed=0)
    sizes = {p.name: p.size for p in model}
    made = initialize()
    assert {name: values.size for name, values in made.items()} == sizes
    assert abs(made["wte.weight"].std() / 0.02 - 1) < 1e-3
    del made
    jobs = {"fastinit": initialize, "numpy": partial(_demo.initialize_by_numpy, model, 0)}
    what = "GPT-2 small, fresh arrays, all cores, vs NumPy idiom"
    yield compare(what, 12, jobs, sum(sizes.values()), faster=True, seconds=3 * seconds, threads=2)


def _entry(p: _demo.Parameter) -> tuple[Any, ...]:
    if p.std:
        return "normal", p.shape, {"mean": p.mean, "std": p.std}
    return "ones" if p.mean else "zeros", p.shape


def _check(values: Any, std: float, bound: float) -> None:
    assert abs(values).max() <= np.float32(bound)
    assert abs(float(values.std(dtype=np.float64)) / std - 1) < 2e-3


# Which processors a section has, and its rows.
SECTIONS: dict[str, tuple[str, Callable[[float], Iterator[Row]]]] = {
    "initializers": ("one", one_core),
    "forward": ("one", partial(promises_forward.one_core, compare)),
    "orthogonal": ("one", partial(promises_orthogonal.one_core, compare)),
    "initializers, all cores": ("all", all_cores),
    "forward, all cores": ("all", partial(promises_forward.all_cores, compare)),
    "orthogonal, all cores": ("all", partial(promises_orthogonal.all_cores, compare)),
}


def run_child(task: dict[str, Any]) -> None:
    threads, section = SECTIONS[task["section"]]
    libraries.pin(threads)
    for row in section(task["seconds"]):
        print(json.dumps([task["isa"], *row]), flush=True)
        record.progress(f"{task['isa']}: {row[0]}: {row[3]:.2f}")


def table(rows: list[list[Any]]) -> str:
    """The rows as Markdown, the instruction sets side by side."""
    isas = list(dict.fromkeys(row[0] for row in rows))
    titles = [TITLES.get(isa, isa) + ("" if isa == "avx512" else ", no target") for isa in isas]
    lines = ["| what | target (AVX-512) | " + " | ".join(titles) + " |", "|---|---|" + "---|" * len(isas)]
    for what in dict.fromkeys(row[1] for row in rows):
        found = {row[0]: row for row in rows if row[1] == what}
        _, _, target, at_least, *_ = next(iter(found.values()))
        sign, unit = (">=", "x") if at_least else ("<=", "")
        targets = {"avx512": target} | ({"avx2": AVX2_TARGETS[what]} if what in AVX2_TARGETS else {})
        cells = [f"{sign} {target:g}{unit}" + (f" (AVX2 {targets['avx2']:g}{unit})" if "avx2" in targets else "")]
        for isa in isas:
            if isa not in found:
                cells.append("")
                continue
            measured, ours, theirs, per = found[isa][4:]
            wanted = targets.get(isa, measured)
            met = measured >= wanted if at_least else measured <= wanted
            number = f"{measured:.2f}{unit}"
            both = f"{_short(ours)} / {_short(theirs)} ns" + (" per call" if per == "call" else "")
            cells.append(f"{number if met else f'**{number}**'} ({both})")
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _short(ns: float) -> str:
    return f"{ns:,.0f}" if ns >= 100 else f"{ns:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what the project promises about its speed.")
    known = [isa for isa in ("avx512", "avx2", "neon", "scalar") if isa in fastinit.available_isas()]
    parser.add_argument("--isas", nargs="+", default=known[:2], choices=known)
    parser.add_argument("--sections", nargs="+", default=list(SECTIONS), choices=SECTIONS)
    parser.add_argument("--seconds", type=float, default=1.5, help="of measuring for each row, about")
    parser.add_argument("--machine", default=record.machine_slug(), help="its name in the results' file names")
    parser.add_argument("--results", type=Path, default=record.RESULTS, help="the folder for the results")
    options = parser.parse_args()

    rows: list[list[Any]] = []
    for isa in options.isas:
        for name in options.sections:
            threads = SECTIONS[name][0]
            environment = {"FASTINIT_ISA": isa}
            if threads == "one":
                environment |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
            task = {"isa": isa, "section": name, "seconds": options.seconds}
            rows += record.child(__file__, task, environment)
    file = record.path(options.results, options.machine, "must-show")
    content = record.load(file)
    record.merge(content, "must_show", ROWS, rows, 2)
    record.save(file, content)
    print(table(content["must_show"]["rows"]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        run_child(json.loads(sys.argv[2]))
    else:
        main()
