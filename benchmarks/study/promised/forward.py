"""The promised ratios of dense layers and networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

import fastinit
from benchmarks.peers import networks, peak
from benchmarks.peers.networks import Layers
from benchmarks.peers.types import Array, Job
from benchmarks.study.promised.promise import Pair, Promise

SIDE = 1024
POLICY, CLASSIFIER, BLOCK = networks.NETWORKS
NEEDS = {"numpy": None, "torch": "torch", "onnxruntime": "onnxruntime"}
Build = Callable[[Layers, Array], Job]


def one_layer(rows: int, depth: int, columns: int, activation: str | None) -> tuple[Layers, Array]:
    return networks.layers((depth, columns), None, activation), networks.inputs((rows, depth))


def versus(network: Callable[[], tuple[Layers, Array]], ours: Build, library: str) -> Pair:
    """Both checked against float64."""
    layers, x = network()
    return (
        networks.checked(ours(layers, x), layers, x),
        lambda: networks.checked(networks.LIBRARIES[library](layers, x), layers, x),
    )


# ---- dense ----


def share_of_peak(size: tuple[int, int, int], build: Build) -> Pair:
    """Seconds that the core needs for as many fma in registers, over the seconds of the call."""
    rows, depth, columns = size
    layer, x = one_layer(rows, depth, columns, "relu")
    return networks.checked(build(layer, x), layer, x), lambda: peak.multiply_adds(rows * depth * columns)


def strided(transposed: bool) -> Pair:
    """(32, 8) and (8, 4), with other strides than those of a plain array, against the same values in one."""
    plain, weight = networks.inputs((32, 8)), networks.inputs((8, 4))
    if transposed:
        x = np.ascontiguousarray(plain.T).T
    else:
        x = np.zeros((32, 16), np.float32)[:, ::2]
        x[...] = plain
    assert not x.flags.c_contiguous
    assert fastinit.dense(x, weight).tobytes() == fastinit.dense(plain, weight).tobytes()
    return partial(fastinit.dense, x, weight), lambda: partial(fastinit.dense, plain, weight)


def two_threads() -> Pair:
    layer, x = one_layer(SIDE, SIDE, SIDE, "relu")
    out = np.empty((SIDE, SIDE), np.float32)
    fill = partial(fastinit.dense, x, *layer[0], out=out)
    return partial(fill, threads=2), lambda: partial(fill, threads=1)


DENSE = (
    *(
        Promise(
            f"{layer} vs {name}",
            layer,
            partial(versus, partial(one_layer, *size, activation), networks.by_fastinit_dense, library),
            at_least=target,
            avx2=avx2,
            needs=NEEDS[library],
        )
        for layer, size, activation, name, library, target, avx2 in (
            ("dense + bias + relu 12x64x64", (12, 64, 64), "relu", "NumPy idiom", "numpy", 2.4, 2.4),
            ("dense + bias + gelu 64x784x512", (64, 784, 512), "gelu", "numpy", "numpy", 1.8, None),
            ("dense + bias + gelu 64x784x512", (64, 784, 512), "gelu", "torch", "torch", 1.1, None),
        )
    ),
    *(
        Promise(f"{what}: share of the fma peak", what, partial(share_of_peak, size, build), at_least=target)
        for what, size, build, target in (
            ("an MLP's packed layer 36x256x256", (36, 256, 256), networks.by_fastinit, 0.90),
            ("dense 264x256x256", (264, 256, 256), networks.by_fastinit_dense, 0.85),
            ("dense 1020x1024x1024", (1020, 1024, 1024), networks.by_fastinit_dense, 0.88),
        )
    ),
    *(
        Promise(
            f"dense 32x8x4, {how}, vs contiguous, time",
            f"dense 32x8x4, {how}",
            partial(strided, transposed),
            at_most=3.0,
            avx2=3.0,
            own="dense 32x8x4, contiguous",
        )
        for how, transposed in (("every second column of a wider x", False), ("x transposed", True))
    ),
)


# ---- networks ----


def network(widths: Sequence[int], activation: str, batch: int) -> tuple[Layers, Array]:
    return networks.layers(widths, activation), networks.inputs((batch, widths[0]))


def mlp(widths: Sequence[int], activation: str, batch: int, library: str, target: float, avx2: float | None) -> Promise:
    ours = f"MLP {'-'.join(map(str, widths))} {activation}, batch {batch}"
    build = partial(versus, partial(network, widths, activation, batch), networks.by_fastinit, library)
    return Promise(f"{ours} vs {library}", ours, build, at_least=target, avx2=avx2, needs=NEEDS[library])


def population(library: str) -> Pair:
    jobs = networks.population(networks.POPULATION, 16, POLICY)
    return jobs["fastinit"], lambda: jobs[library]


NETWORKS = (
    *(
        mlp(POLICY, "relu", 1, library, target, avx2)
        for library, target, avx2 in (("onnxruntime", 3.0, None), ("torch", 6.0, None), ("numpy", 9.5, 9.5))
    ),
    *(
        mlp(widths, activation, batch, "onnxruntime", target, None)
        for widths, activation, targets in ((CLASSIFIER, "relu", (1.3, 1.0, 1.0)), (BLOCK, "gelu", (1.1, 1.0, 1.0)))
        for batch, target in zip(networks.BATCHES, targets, strict=True)
    ),
    *(
        Promise(
            f"population of {networks.POPULATION} nets 8-64-64-4, 16 rows each vs {library}",
            f"population of {networks.POPULATION} nets 8-64-64-4",
            partial(population, library),
            at_least=target,
        )
        for library, target in (("numpy loop", 10.0), ("numpy matmul", 3.0))
    ),
)

ONE_CORE = (*DENSE, *NETWORKS)
ALL_CORES = (
    Promise(
        "dense 1024³, 2 threads vs 1",
        "dense 1024³, 2 threads",
        two_threads,
        at_least=1.8,
        cores="all",
        own="dense 1024³, 1 thread",
    ),
)
