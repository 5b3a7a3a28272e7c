"""The promised ratios of orthogonal matrices."""

from __future__ import annotations

from functools import partial

import numpy as np

import fastinit
from benchmarks.peers import numpy_idioms, orthogonal
from benchmarks.peers.types import Array, Job, Shape
from benchmarks.study.promised.promise import Pair, Promise

BATCH, SIDE = orthogonal.BATCH, orthogonal.SIDE
SMALLER = ((8, 10.0), (16, 8.0), (32, 5.0))  # sides of as many, and how many times faster than NumPy's qr
WHOLE = (2048, 2048)
# Side, and how many times faster than NumPy's qr and than PyTorch.
SQUARES = ((64, 6.0, 4.0), (1024, 8.0, 3.5), (2048, 6.0, 2.8))


def square(shape: Shape, library: str) -> Pair:
    ours = orthogonal.by_fastinit(shape)
    assert orthogonal.error(ours()) <= 1e-6
    return ours, lambda: orthogonal.LIBRARIES[library](shape)


def versus_dense() -> Pair:
    """2 · 1024² · 683 operations are 4/3 · 1024³."""
    out = np.empty((1024, 1024), np.float32)

    def other() -> Job:
        x, weight = np.ones((1024, 683), np.float32), np.ones((683, 1024), np.float32)
        return partial(fastinit.dense, x, weight, out=np.empty_like(out))

    return partial(fastinit.orthogonal, out.shape, seed=0, out=out), other


def many_small(side: int) -> Pair:
    def numpy_calls() -> list[Array]:
        rng = numpy_idioms.generator()
        return [numpy_idioms.orthogonal(rng, (side, side)) for _ in range(BATCH)]

    return partial(fastinit.orthogonal, (BATCH, side, side), batch_axis=0, seed=0), lambda: numpy_calls


def block_of_columns(first: int) -> Pair:
    whole = partial(fastinit.orthogonal, WHOLE, seed=0)
    return partial(whole, index=(slice(None), slice(first, first + 512))), lambda: whole


def two_threads() -> Pair:
    out = np.empty(WHOLE, np.float32)
    fill = partial(fastinit.orthogonal, WHOLE, seed=0, out=out)
    return partial(fill, threads=2), lambda: partial(fill, threads=1)


ONE_CORE = (
    *(
        Promise(
            f"orthogonal {n}² vs {name}",
            f"orthogonal {n}²",
            partial(square, (n, n), library),
            at_least=target,
            needs=needs,
        )
        for n, over_numpy, over_torch in SQUARES
        for name, library, target, needs in (
            ("NumPy's qr with its signs", "numpy qr", over_numpy, None),
            ("`torch.nn.init.orthogonal_`", "torch", over_torch, "torch"),
        )
    ),
    Promise(
        "orthogonal 1024² vs as many operations, 4/3 n³, in `dense`, time",
        "orthogonal 1024² into out",
        versus_dense,
        at_most=1.6,
        own="dense 1024x683x1024",
    ),
    *(
        Promise(
            f"{BATCH} of {side}² in one call vs NumPy calls",
            f"orthogonal {BATCH} of {side}²",
            partial(many_small, side),
            at_least=target,
        )
        for side, target in ((SIDE, 10.0), *SMALLER)
    ),
    *(
        Promise(
            f"orthogonal 2048², the {name} of four blocks of columns vs the whole, time",
            f"orthogonal 2048², the {name} of four blocks of columns",
            partial(block_of_columns, first),
            at_most=target,
            own="orthogonal 2048²",
        )
        for name, first, target in (("first", 0, 0.15), ("last", 1536, 0.45))
    ),
)

ALL_CORES = (
    Promise(
        "orthogonal 2048², 2 threads vs 1",
        "orthogonal 2048², 2 threads",
        two_threads,
        at_least=1.7,
        cores="all",
        own="orthogonal 2048², 1 thread",
    ),
)
