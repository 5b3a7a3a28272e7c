"""Dense layers with bias and activation, networks and a population of them, beside NumPy and what is installed."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import fastinit
from benchmarks.harness import note_latency
from benchmarks.peers import blas, libraries, networks

DENSE = dict(networks.LIBRARIES, fastinit=networks.by_fastinit_dense)
LIBRARIES = libraries.installed(list(networks.LIBRARIES))


@pytest.mark.benchmark(max_time=0.1)
@pytest.mark.parametrize("activation", networks.ACTIVATIONS)
@pytest.mark.parametrize("size", networks.DENSE + networks.FEW_ROWS, ids="{0[0]}x{0[1]}x{0[2]}".format)
@pytest.mark.parametrize("library", LIBRARIES)
def test_dense(benchmark: BenchmarkFixture, library: str, size: tuple[int, int, int], activation: str) -> None:
    rows, depth, columns = size
    layer, x = networks.layers((depth, columns), None, activation), networks.inputs((rows, depth))
    job = networks.checked(DENSE[library](layer, x), layer, x)
    benchmark.group = f"dense {rows}x{depth}x{columns} {activation}"
    benchmark.name = library
    benchmark(job)
    note_latency(benchmark, 2 * rows * depth * columns)


@pytest.mark.benchmark(max_time=0.1)
@pytest.mark.parametrize("size", [*networks.DENSE, *networks.SMALL], ids="{0[0]}x{0[1]}x{0[2]}".format)
@pytest.mark.parametrize("library", ["fastinit", "numpy", *blas.installed()])
def test_product(benchmark: BenchmarkFixture, library: str, size: tuple[int, int, int]) -> None:
    rows, depth, columns = size
    ((weight, *_),), x = networks.layers((depth, columns), None), networks.inputs((rows, depth))
    jobs = {"fastinit": partial(fastinit.dense, x, weight), "numpy": partial(np.matmul, x, weight)}
    if library == "libxsmm" and rows * depth * columns > networks.MOST_OF_LIBXSMM:
        pytest.skip("libxsmm is for small products")
    job = jobs.get(library) or blas.product(library, x, weight)
    benchmark.group = f"product {rows}x{depth}x{columns}"
    benchmark.name = library
    if library not in jobs:
        benchmark.extra_info["bits of dense"] = blas.has_the_bits_of_dense(library, x, weight)
    benchmark(job)
    note_latency(benchmark, 2 * rows * depth * columns)


@pytest.mark.benchmark(max_time=0.1)
@pytest.mark.parametrize("activation", networks.ACTIVATIONS)
@pytest.mark.parametrize("batch", networks.BATCHES)
@pytest.mark.parametrize("widths", networks.NETWORKS, ids=lambda widths: "-".join(map(str, widths)))
@pytest.mark.parametrize("library", LIBRARIES)
def test_mlp(benchmark: BenchmarkFixture, library: str, widths: tuple[int, ...], batch: int, activation: str) -> None:
    network, x = networks.layers(widths, activation), networks.inputs((batch, widths[0]))
    job = networks.checked(networks.LIBRARIES[library](network, x), network, x)
    benchmark.group = f"MLP {'-'.join(map(str, widths))} {activation}, {batch} rows"
    benchmark.name = library
    benchmark(job)
    note_latency(benchmark, 2 * batch * sum(a * b for a, b in pairwise(widths)))


@pytest.mark.parametrize("library", ["fastinit", "numpy loop", "numpy matmul"])
def test_population(benchmark: BenchmarkFixture, library: str) -> None:
    job = networks.population(networks.POPULATION, 16, networks.NETWORKS[0])[library]
    benchmark.group = f"population of {networks.POPULATION} nets 8-64-64-4, 16 rows each"
    benchmark.name = library
    benchmark(job)
    note_latency(benchmark)
