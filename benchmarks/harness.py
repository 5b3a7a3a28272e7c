"""What the benchmarks under pytest share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from benchmarks.peers.types import Array, Shape

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

# Makes the values of a shape, in the given array if there is one.
Fill = Callable[[Shape, Array | None], Array]


class Measure(Protocol):
    """Check that a library's `fill` makes values in [low, high] with this std about 0, then time it."""

    def __call__(self, library: str, fill: Fill, *, low: float, high: float, std: float) -> None: ...


def note_latency(benchmark: BenchmarkFixture, flop: int = 0) -> None:
    """Keep the median and the 99th percentile of what was just timed, and the GF/s of so many operations."""
    if benchmark.stats is None:  # --benchmark-disable
        return
    median, p99 = np.percentile(benchmark.stats.stats.data, [50, 99])
    benchmark.extra_info |= {"median_us": round(median * 1e6, 3), "p99_us": round(p99 * 1e6, 3)}
    if flop:
        benchmark.extra_info["gflops"] = round(flop / median * 1e-9, 2)
