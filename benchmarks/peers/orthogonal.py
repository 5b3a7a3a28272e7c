"""orthogonal: Haar matrices in float32, fresh, by every library that makes them, and their errors.

`limit` is no library: a matrix product of NumPy with as many operations as Stewart's method has to do, 2 m n² - 2/3 n³
(4/3 n³ for a square).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import fastinit
from benchmarks.peers import numpy_idioms
from benchmarks.peers.types import Array, Job, Shape

SHAPES = [(16, 16), (64, 64), (256, 256), (512, 512), (1024, 1024), (2048, 2048), (4096, 1024), (1024, 4096)]
BATCH, SIDE = 512, 64
ORTHO_GROUP_UP_TO = 256
RNG = numpy_idioms.generator()


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
