"""orthogonal: Haar matrices in float32, fresh, beside every library that makes them, with their errors.

`limit` is no library: a matrix product of NumPy with as many operations as Stewart's method has to do, 2 m n² - 2/3 n³
(4/3 n³ for a square). The error beside a name is max |Q'Q - I|.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy_idioms
import pytest
from harness import Array, Shape
from pytest_benchmark.fixture import BenchmarkFixture

import fastinit

SHAPES = [(16, 16), (64, 64), (256, 256), (512, 512), (1024, 1024), (2048, 2048), (4096, 1024), (1024, 4096)]
BATCH, SIDE = 512, 64
ORTHO_GROUP_UP_TO = 256
RNG = numpy_idioms.generator()
Job = Callable[[], Any]


def by_fastinit(shape: Shape) -> Job:
    return lambda: fastinit.orthogonal(shape, seed=0)


def by_fastinit_precise(shape: Shape) -> Job:
    return lambda: fastinit.orthogonal(shape, seed=0, precise=True)


def by_numpy(shape: Shape) -> Job:
    return lambda: numpy_idioms.orthogonal(RNG, shape)


def by_scipy(shape: Shape) -> Job:
    """LAPACK in float32; NumPy's qr computes in float64."""
    from scipy import linalg

    def job() -> Array:
        a = RNG.standard_normal((max(shape), min(shape)), dtype=np.float32)
        q, r = linalg.qr(a, mode="economic", overwrite_a=True, check_finite=False)
        q *= np.sign(np.diagonal(r))
        return q if shape[0] >= shape[1] else q.T

    return job


def by_ortho_group(shape: Shape) -> Job | None:
    from scipy import stats

    if shape[0] != shape[1] or shape[0] > ORTHO_GROUP_UP_TO:
        return None  # squares alone, and as slow as NumPy's qr
    return lambda: stats.ortho_group.rvs(shape[0], random_state=RNG)


def by_torch(shape: Shape) -> Job:
    import torch

    torch.set_num_threads(1)
    return lambda: torch.nn.init.orthogonal_(torch.empty(shape)).numpy()


def by_jax(shape: Shape) -> Job:
    import jax

    make = jax.jit(lambda key: jax.nn.initializers.orthogonal()(key, shape))
    key = jax.random.key(0)
    return lambda: make(key).block_until_ready()


def limit(shape: Shape) -> Job:
    m, n = max(shape), min(shape)
    side = max(1, round((m * n * n - n**3 / 3) ** (1 / 3)))
    a, b, c = (np.ones((side, side), np.float32) for _ in range(3))
    return lambda: np.matmul(a, b, out=c)


LIBRARIES: dict[str, Callable[[Shape], Job | None]] = {
    "fastinit": by_fastinit,
    "fastinit precise": by_fastinit_precise,
    "numpy qr": by_numpy,
    "scipy qr float32": by_scipy,
    "scipy ortho_group": by_ortho_group,
    "torch": by_torch,
    "jax": by_jax,
    "limit": limit,
}


def error(q: Array) -> float:
    """max |Q'Q - I|, or of QQ' if it is wide."""
    wide = np.asarray(q, np.float64)
    wide = wide if wide.shape[0] >= wide.shape[1] else wide.T
    return float(np.abs(wide.T @ wide - np.eye(wide.shape[1])).max())


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


def many_small() -> dict[str, Job]:
    """512 matrices of 64 x 64, in one call where the library can."""

    def by_torch_calls() -> Array:
        import torch

        torch.set_num_threads(1)
        return np.stack([torch.nn.init.orthogonal_(torch.empty(SIDE, SIDE)).numpy() for _ in range(BATCH)])

    return {
        "fastinit": lambda: fastinit.orthogonal((BATCH, SIDE, SIDE), batch_axis=0, seed=0, threads=1),
        "numpy qr": lambda: np.stack([numpy_idioms.orthogonal(RNG, (SIDE, SIDE)) for _ in range(BATCH)]),
        "numpy qr, stacked": lambda: numpy_idioms.orthogonal_stack(RNG, BATCH, SIDE),
        "torch": by_torch_calls,
    }


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
