"""One dense layer with bias and activation, beside NumPy's best idiom and the libraries that are installed."""

import libraries
import networks
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

LIBRARIES = dict(networks.LIBRARIES, fastinit=networks.by_fastinit_dense)


@pytest.mark.benchmark(max_time=0.1)
@pytest.mark.parametrize("activation", networks.ACTIVATIONS)
@pytest.mark.parametrize("size", networks.DENSE + networks.FEW_ROWS, ids="{0[0]}x{0[1]}x{0[2]}".format)
@pytest.mark.parametrize("library", libraries.installed(list(LIBRARIES)))
def test_dense(benchmark: BenchmarkFixture, library: str, size: tuple[int, int, int], activation: str) -> None:
    rows, depth, columns = size
    layer, x = networks.layers((depth, columns), None, activation), networks.inputs((rows, depth))
    job = networks.checked(LIBRARIES[library](layer, x), layer, x)
    benchmark.group = f"dense {rows}x{depth}x{columns} {activation}"
    benchmark.name = library
    benchmark(job)
    networks.note_latency(benchmark, 2 * rows * depth * columns)
