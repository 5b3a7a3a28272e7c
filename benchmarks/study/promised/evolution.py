"""The promised ratios of evolution strategies."""

from __future__ import annotations

from functools import partial

from benchmarks.peers import evolution
from benchmarks.peers.networks import POPULATION
from benchmarks.study.promised.promise import Pair, Promise

NETS = f"{POPULATION} nets 8-64-64-4"


def perturbing(ours: str, library: str) -> Pair:
    jobs = evolution.perturbing(POPULATION, evolution.WIDTHS)
    return jobs[ours], lambda: jobs[library]


def generation(antithetic: bool) -> Pair:
    jobs = evolution.generations(antithetic=antithetic)
    return jobs["fastinit"], lambda: jobs["numpy"]


ONE_CORE = (
    Promise(
        f"perturb {NETS} vs NumPy's theta + sigma * standard_normal",
        f"perturb {NETS}",
        partial(perturbing, "fastinit", "numpy expression"),
        at_least=8.0,
    ),
    Promise(
        f"a generation of {NETS}, {evolution.ROWS} rows each, vs NumPy's best",
        f"a generation of {NETS}",
        partial(generation, False),
        at_least=6.0,
    ),
    Promise(
        f"a generation of {NETS} in mirrored pairs, {evolution.ROWS} rows each, vs NumPy's best",
        f"a generation of {NETS} in mirrored pairs",
        partial(generation, True),
        at_least=6.0,
    ),
)
