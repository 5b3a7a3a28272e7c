"""The frame of every comparison: one core, which shapes, which memory, what is checked and how it is grouped."""

import math
import os
from collections.abc import Iterator

from benchmarks import cores

for name, value in cores.ONE_THREAD.items():
    os.environ.setdefault(name, value)

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.harness import Fill, Measure
from benchmarks.peers.types import Shape

SHAPES = [(8, 8), (64, 64), (784, 128), (1024, 1024), (4096, 4096)]


@pytest.fixture(autouse=True, scope="module")
def one_core() -> Iterator[None]:
    with cores.pinned("one"):
        yield


@pytest.fixture(params=["warm", "fresh"])
def memory(request: pytest.FixtureRequest) -> str:
    """`warm` fills one array again and again, `fresh` makes a new one every time."""
    return request.param


@pytest.fixture(params=SHAPES, ids="{0[0]}x{0[1]}".format)
def shape(request: pytest.FixtureRequest) -> Shape:
    return request.param


@pytest.fixture
def measure(request: pytest.FixtureRequest, benchmark: BenchmarkFixture, memory: str, shape: Shape) -> Measure:
    def check_and_time(library: str, fill: Fill, *, low: float, high: float, std: float) -> None:
        out = np.empty(shape, np.float32) if memory == "warm" else None
        values = fill(shape, out)
        assert values.shape == shape
        assert values.dtype == np.float32
        assert out is None or values is out
        # The dtype may round a bound outward.
        assert values.min() >= np.float32(low)
        assert values.max() <= np.float32(high)
        # Six standard errors: no distribution here has heavier tails than the normal.
        assert abs(values.mean(dtype=np.float64)) <= 6 * std / math.sqrt(values.size)
        assert abs(values.std(dtype=np.float64) - std) <= 6 * std / math.sqrt(2 * values.size)
        # A fresh array shall find the memory as free as it was here.
        del values

        distribution = request.function.__name__.removeprefix("test_")
        benchmark.group = f"{distribution} {shape[0]}x{shape[1]} {memory}"
        benchmark.name = library
        benchmark.extra_info["values"] = math.prod(shape)
        benchmark(fill, shape, out)

    return check_and_time
