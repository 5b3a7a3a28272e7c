"""The promised ratios of orthogonal matrices: the rows of must_show.py on them. Jobs count as one value each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import libraries
import numpy as np
import numpy_idioms

import fastinit

Job = Callable[[], Any]
Compare = Callable[..., Any]
BATCH, SIDE = 512, 64
# Side, and how many times faster than NumPy's qr and than PyTorch.
SQUARES = ((64, 6.0, 4.0), (1024, 8.0, 3.5), (2048, 6.0, 2.8))


def one_core(compare: Compare, seconds: float) -> Iterator[Any]:
    rng = numpy_idioms.generator()
    for n, over_numpy, over_torch in SQUARES:
        ours = partial(fastinit.orthogonal, (n, n), seed=0)
        _check(ours())
        for name, target, theirs in (
            ("NumPy's qr with its signs", over_numpy, partial(numpy_idioms.orthogonal, rng, (n, n))),
            ("`torch.nn.init.orthogonal_`", over_torch, by_torch(n)),
        ):
            if theirs is not None:
                jobs = {"fastinit": ours, "other": theirs}
                yield compare(f"orthogonal {n}² vs {name}", target, jobs, 1, faster=True, seconds=seconds)

    # 2 · 1024² · 683 operations are 4/3 · 1024³.
    x, weight = np.ones((1024, 683), np.float32), np.ones((683, 1024), np.float32)
    out = np.empty((1024, 1024), np.float32)
    jobs: Mapping[str, Job] = {
        "fastinit": partial(fastinit.orthogonal, (1024, 1024), seed=0, out=out),
        "dense": partial(fastinit.dense, x, weight, out=np.empty_like(out)),
    }
    what = "orthogonal 1024² vs as many operations, 4/3 n³, in `dense`, time"
    yield compare(what, 1.6, jobs, 1, faster=False, seconds=seconds)

    def numpy_calls() -> list[Any]:
        return [numpy_idioms.orthogonal(rng, (SIDE, SIDE)) for _ in range(BATCH)]

    jobs = {"fastinit": partial(fastinit.orthogonal, (BATCH, SIDE, SIDE), batch_axis=0, seed=0), "numpy": numpy_calls}
    yield compare(f"{BATCH} of {SIDE}² in one call vs NumPy calls", 10.0, jobs, 1, faster=True, seconds=seconds)

    whole = partial(fastinit.orthogonal, (2048, 2048), seed=0)
    for name, first, target in (("first", 0, 0.15), ("last", 1536, 0.45)):
        part = partial(whole, index=(slice(None), slice(first, first + 512)))
        what = f"orthogonal 2048², the {name} of four blocks of columns vs the whole, time"
        yield compare(what, target, {"part": part, "whole": whole}, 1, faster=False, seconds=seconds)


def all_cores(compare: Compare, seconds: float) -> Iterator[Any]:
    out = np.empty((2048, 2048), np.float32)
    jobs = {str(n): partial(fastinit.orthogonal, out.shape, seed=0, out=out, threads=n) for n in (2, 1)}
    yield compare("orthogonal 2048², 2 threads vs 1", 1.7, jobs, 1, faster=True, seconds=seconds, threads=2)


def by_torch(n: int) -> Job | None:
    if not libraries.installed(["torch"]):
        return None
    import torch

    torch.set_num_threads(1)
    return lambda: torch.nn.init.orthogonal_(torch.empty(n, n))


def _check(q: np.ndarray) -> None:
    wide = q.astype(np.float64)
    assert np.abs(wide.T @ wide - np.eye(len(q))).max() <= 1e-6
