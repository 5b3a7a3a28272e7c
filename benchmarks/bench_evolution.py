"""Evolution strategies: a population drawn, and a whole generation, beside NumPy."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.harness import note_latency
from benchmarks.peers import evolution
from benchmarks.peers.networks import POPULATION


@pytest.mark.parametrize("library", ["fastinit", "fastinit, antithetic", "numpy", "numpy expression"])
def test_perturb(benchmark: BenchmarkFixture, library: str) -> None:
    job = evolution.perturbing(POPULATION, evolution.WIDTHS)[library]
    benchmark.group = f"perturb {POPULATION} x {evolution.parameters(evolution.WIDTHS)}"
    benchmark.name = library
    benchmark(job)
    note_latency(benchmark)


@pytest.mark.parametrize("antithetic", [False, True], ids=["independent", "antithetic"])
@pytest.mark.parametrize("library", ["fastinit", "fastinit, noise made again", "numpy"])
def test_generation(benchmark: BenchmarkFixture, library: str, antithetic: bool) -> None:
    job = evolution.generations(antithetic=antithetic)[library]
    kind = "antithetic" if antithetic else "independent"
    benchmark.group = f"a generation of {POPULATION} {kind} nets 8-64-64-4, {evolution.ROWS} rows each"
    benchmark.name = library
    benchmark(job)
    note_latency(benchmark)
