"""The promised ratios of activations, each beside the fastest of its peers, and of a gated layer beside PyTorch."""

from __future__ import annotations

import time
from functools import partial

import numpy as np

import fastinit
from benchmarks.peers import activations, libraries, networks
from benchmarks.peers.types import Array, Job
from benchmarks.study.promised.promise import Pair, Promise

ROWS, DEPTH, COLUMNS = 64, 512, 1024


def _seconds(job: Job) -> float:
    """The least of some calls."""
    times = []
    for _ in range(30):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return min(times)


def versus_fastest(name: str) -> Pair:
    x = activations.inputs()

    def other() -> Job:
        peers = ["numpy", *libraries.installed(["torch"])]
        jobs = [activations.checked(activations.LIBRARIES[peer](name, x), name, x) for peer in peers]
        return min(jobs, key=_seconds)

    return activations.checked(activations.by_fastinit(name, x), name, x), other


def gated(packed: bool) -> Pair:
    """x V times silu(x W): one call, and two products with PyTorch's activation and multiplication in place.

    `packed`: by an MLP, which has arranged the weight before.
    """
    x = networks.inputs((ROWS, DEPTH))
    weight = fastinit.lecun_normal((DEPTH, 2 * COLUMNS), seed=6)
    layer = (weight, None, "swiglu")
    ours = partial(fastinit.MLP([layer]), x) if packed else partial(fastinit.dense, x, *layer)

    def other() -> Job:
        import torch

        torch.set_num_threads(1)
        tensor = torch.from_numpy(x)
        passed, gate = (torch.from_numpy(np.ascontiguousarray(half.T)) for half in np.split(weight, 2, axis=1))
        linear, silu = torch.nn.functional.linear, torch.nn.functional.silu

        def job() -> Array:
            with torch.inference_mode():
                return silu(linear(tensor, gate), inplace=True).mul_(linear(tensor, passed)).numpy()

        assert np.abs(job() - ours()).max() <= 1e-4 * np.abs(ours()).max()
        return job

    return ours, other


ONE_CORE = (
    *(
        Promise(
            f"activate {name}, 2^16 values, vs the fastest of NumPy and PyTorch",
            f"activate {name}, 2^16 values",
            partial(versus_fastest, name),
            at_least=1.0,
            avx2=1.0,
            values=1 << 16,
        )
        for name in ("relu", "tanh", "sigmoid", "gelu", "silu", "softmax", "log_softmax", "exp")
    ),
    *(
        Promise(
            f"swiglu {ROWS}x{DEPTH}x2x{COLUMNS} in one call of {what} vs PyTorch's three",
            f"swiglu {ROWS}x{DEPTH}x2x{COLUMNS} by {what}",
            partial(gated, packed),
            at_least=1.3,
            avx2=1.3,
            needs="torch",
        )
        for what, packed in (("`MLP`", True), ("`dense`", False))
    ),
)
