"""Whole networks, and a population of small ones, beside NumPy and the libraries that are installed."""

from itertools import pairwise

import libraries
import networks
import pytest
from pytest_benchmark.fixture import BenchmarkFixture


@pytest.mark.benchmark(max_time=0.1)
@pytest.mark.parametrize("activation", networks.ACTIVATIONS)
@pytest.mark.parametrize("batch", networks.BATCHES)
@pytest.mark.parametrize("widths", networks.NETWORKS, ids=lambda widths: "-".join(map(str, widths)))
@pytest.mark.parametrize("library", libraries.installed(list(networks.LIBRARIES)))
def test_mlp(benchmark: BenchmarkFixture, library: str, widths: tuple[int, ...], batch: int, activation: str) -> None:
    network, x = networks.layers(widths, activation), networks.inputs((batch, widths[0]))
    job = networks.checked(networks.LIBRARIES[library](network, x), network, x)
    benchmark.group = f"MLP {'-'.join(map(str, widths))} {activation}, {batch} rows"
    benchmark.name = library
    benchmark(job)
    networks.note_latency(benchmark, 2 * batch * sum(a * b for a, b in pairwise(widths)))


@pytest.mark.parametrize("library", ["fastinit", "numpy loop", "numpy matmul"])
def test_population(benchmark: BenchmarkFixture, library: str) -> None:
    job = networks.population(networks.POPULATION, 16, networks.NETWORKS[0])[library]
    benchmark.group = f"population of {networks.POPULATION} nets 8-64-64-4, 16 rows each"
    benchmark.name = library
    benchmark(job)
    networks.note_latency(benchmark)
