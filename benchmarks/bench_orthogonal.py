"""orthogonal: Haar matrices in float32, fresh, beside every library that makes them, with their errors.

The error beside a name is max |Q'Q - I|.
"""

import math

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import fastinit
from benchmarks.peers.orthogonal import BATCH, LIBRARIES, ORTHO_GROUP_UP_TO, SHAPES, SIDE, error, many_small
from benchmarks.peers.types import Shape


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("shape", SHAPES, ids="{0[0]}x{0[1]}".format)
def test_orthogonal(benchmark: BenchmarkFixture, library: str, shape: Shape) -> None:
    package = library.split()[0]
    if package not in ("fastinit", "limit"):
        pytest.importorskip(package)
    job = LIBRARIES[library](shape)
    if job is None:
        pytest.skip(f"square matrices up to {ORTHO_GROUP_UP_TO} only")
    if library != "limit":
        q = np.asarray(job())
        assert q.shape == shape
        worst = error(q)
        assert worst < 1e-5
        benchmark.extra_info["error"] = worst
        library = f"{library}, error {worst:.0e}"
    benchmark.group = f"orthogonal {shape[0]}x{shape[1]}"
    benchmark.name = library
    benchmark.extra_info["values"] = math.prod(shape)
    benchmark.pedantic(job, rounds=rounds(shape), iterations=20 if max(shape) < 64 else 1, warmup_rounds=1)


def rounds(shape: Shape) -> int:
    """Many of the quick ones; the largest takes seconds in some libraries."""
    work = max(shape) * min(shape) ** 2
    return int(min(200, max(3, 3e9 / work)))


@pytest.mark.parametrize("library", ["fastinit", "numpy qr", "numpy qr, stacked", "torch"])
def test_many_small(benchmark: BenchmarkFixture, library: str) -> None:
    if library == "torch":
        pytest.importorskip("torch")
    jobs = many_small()
    q = jobs[library]()
    assert q.shape == (BATCH, SIDE, SIDE)
    assert error(q[-1]) < 1e-5
    benchmark.group = f"orthogonal {BATCH} of {SIDE}x{SIDE}"
    benchmark.name = library
    benchmark.pedantic(jobs[library], rounds=7, warmup_rounds=1)


@pytest.mark.parametrize("part", ["all", "columns 1 of 4", "columns 2 of 4", "columns 3 of 4", "columns 4 of 4"])
def test_column_blocks(benchmark: BenchmarkFixture, part: str) -> None:
    """What one of four processes pays that each make their share of a 2048 x 2048 matrix."""
    n = 2048
    first = 0 if part == "all" else (int(part.split()[1]) - 1) * n // 4
    index = (slice(None), slice(first, n if part == "all" else first + n // 4))
    benchmark.group = f"orthogonal {n}x{n} by columns"
    benchmark.name = part
    benchmark.pedantic(lambda: fastinit.orthogonal((n, n), seed=0, index=index, threads=1), rounds=7, warmup_rounds=1)
