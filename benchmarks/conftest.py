"""The frame of every comparison: which shapes, which memory, what is checked and how it is grouped."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

Array = NDArray[Any]
Shape = tuple[int, int]
# Makes the values of a shape, in `out` where that is given.
Fill = Callable[[Shape, "Array | None"], Array]
# Measures one library's fill: duel(library, fill, low, high, std).
Duel = Callable[[str, Fill, float, float, float], None]

SHAPES = [(8, 8), (64, 64), (784, 128), (1024, 1024), (4096, 4096)]


@pytest.fixture(params=SHAPES, ids="{0[0]}x{0[1]}".format)
def shape(request: pytest.FixtureRequest) -> Shape:
    return request.param


@pytest.fixture(params=["warm", "fresh"])
def memory(request: pytest.FixtureRequest) -> str:
    """`warm` fills the same array again and again, `fresh` makes a new one every time."""
    return request.param


@pytest.fixture
def duel(request: pytest.FixtureRequest, benchmark: BenchmarkFixture, shape: Shape, memory: str) -> Duel:
    def measure(library: str, fill: Fill, low: float, high: float, std: float) -> None:
        """Check that `fill` makes values in [low, high] of the right std about 0; then time it."""
        out = np.empty(shape, np.float32) if memory == "warm" else None
        values = fill(shape, out)
        assert values.shape == shape
        assert values.dtype == np.float32
        assert out is None or values is out
        assert values.min() >= np.float32(low)
        assert values.max() <= np.float32(high)
        # Six standard errors; no distribution here has a larger kurtosis than the normal.
        assert abs(values.mean(dtype=np.float64)) <= 6 * std / math.sqrt(values.size)
        assert abs(values.std(dtype=np.float64) - std) <= 6 * std / math.sqrt(2 * values.size)
        # Fresh memory is only fresh when no earlier array holds the pages that it would get.
        del values

        distribution = request.function.__name__.removeprefix("test_")
        benchmark.group = f"{distribution} {shape[0]}x{shape[1]} {memory}"
        benchmark.name = library
        benchmark.extra_info.update(values=math.prod(shape), memory=memory)
        benchmark(fill, shape, out)

    return measure
