"""What the project promises about the speed of the forward pass: the rows of must_show.py on dense layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import libraries
import networks
import numpy as np

import fastinit
from fastinit import _kernels

Job = Callable[[], Any]
Compare = Callable[..., Any]  # must_show.compare


def one_core(compare: Compare, seconds: float) -> Iterator[Any]:
    def versus(what: str, target: float, jobs: Mapping[str, Job]) -> Any:
        return compare(what, target, jobs, 1, faster=True, seconds=seconds)

    installed = libraries.installed(["torch", "onnxruntime"])

    side = 1024
    layer, x = networks.layers((side, side), None, "relu"), networks.inputs((side, side))
    ours = networks.checked(networks.by_fastinit_dense(layer, x), layer, x)
    out = np.empty((side, side), np.float32)
    product = partial(np.matmul, x, layer[0][0], out=out)
    fused = partial(fastinit.dense, x, *layer[0], out=out)
    yield versus("dense + bias + relu 1024³ vs `np.matmul(out=)` alone", 1.0, {"fastinit": fused, "numpy": product})

    layer, x = networks.layers((64, 64), None, "relu"), networks.inputs((12, 64))
    jobs = {
        "fastinit": networks.checked(networks.by_fastinit_dense(layer, x), layer, x),
        "numpy": networks.checked(networks.by_numpy(layer, x), layer, x),
    }
    yield versus("dense + bias + relu 12x64x64 vs NumPy idiom", 2.2, jobs)

    layer, x = networks.layers((784, 512), None, "gelu"), networks.inputs((64, 784))
    ours = networks.checked(networks.by_fastinit_dense(layer, x), layer, x)
    for library, target in (("numpy", 1.8), ("torch", 1.1)):
        if library == "numpy" or library in installed:
            theirs = networks.checked(networks.LIBRARIES[library](layer, x), layer, x)
            yield versus(f"dense + bias + gelu 64x784x512 vs {library}", target, {"fastinit": ours, library: theirs})

    yield from shares_of_peak(compare, seconds)

    network, x = networks.layers(networks.NETWORKS[0], "relu"), networks.inputs((1, 8))
    ours = networks.checked(networks.by_fastinit(network, x), network, x)
    for library, target in (("onnxruntime", 3.0), ("torch", 6.0), ("numpy", 3.0)):
        if library == "numpy" or library in installed:
            theirs = networks.checked(networks.LIBRARIES[library](network, x), network, x)
            yield versus(f"MLP 8-64-64-4 relu, batch 1 vs {library}", target, {"fastinit": ours, library: theirs})

    if "onnxruntime" in installed:
        for widths, activation, targets in (
            (networks.NETWORKS[1], "relu", (1.3, 1.0, 1.0)),
            (networks.NETWORKS[2], "gelu", (1.1, 1.0, 1.0)),
        ):
            network = networks.layers(widths, activation)
            for batch, target in zip(networks.BATCHES, targets, strict=True):
                x = networks.inputs((batch, widths[0]))
                jobs = {
                    library: networks.checked(networks.LIBRARIES[library](network, x), network, x)
                    for library in ("fastinit", "onnxruntime")
                }
                name = "-".join(map(str, widths))
                yield versus(f"MLP {name} {activation}, batch {batch} vs onnxruntime", target, jobs)

    jobs = networks.population(networks.POPULATION, 16, networks.NETWORKS[0])
    ours = jobs.pop("fastinit")
    for (name, theirs), target in zip(jobs.items(), (10.0, 3.0), strict=True):
        what = f"population of {networks.POPULATION} nets 8-64-64-4, 16 rows each vs {name}"
        yield versus(what, target, {"fastinit": ours, name: theirs})


def shares_of_peak(compare: Compare, seconds: float) -> Iterator[Any]:
    """Seconds that the machine needs for as many fma in registers, over the seconds of the call."""
    for what, target, size, build in (
        ("an MLP's packed layer 36x256x256", 0.90, (36, 256, 256), networks.by_fastinit),
        ("dense 264x256x256", 0.85, (264, 256, 256), networks.by_fastinit_dense),
        ("dense 1020x1024x1024", 0.88, (1020, 1024, 1024), networks.by_fastinit_dense),
    ):
        rows, depth, columns = size
        layer, x = networks.layers((depth, columns), None, "relu"), networks.inputs((rows, depth))
        job = networks.checked(build(layer, x), layer, x)
        peak = partial(_kernels.multiply_adds, rows * depth * columns)
        yield compare(
            f"{what}: share of the fma peak", target, {"fastinit": job, "peak": peak}, 1, faster=True, seconds=seconds
        )


def all_cores(compare: Compare, seconds: float) -> Iterator[Any]:
    layer, x = networks.layers((1024, 1024), None, "relu"), networks.inputs((1024, 1024))
    out = np.empty((1024, 1024), np.float32)
    jobs = {str(n): partial(fastinit.dense, x, *layer[0], out=out, threads=n) for n in (2, 1)}
    yield compare("dense 1024³, 2 threads vs 1", 1.8, jobs, 1, faster=True, seconds=seconds, threads=2)
