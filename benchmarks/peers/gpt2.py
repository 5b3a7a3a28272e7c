"""The parameters of GPT-2 small, all made in fresh arrays: by fastinit, and by the fastest idiom of NumPy."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

import fastinit
from benchmarks.peers import numpy_idioms
from benchmarks.peers.types import Array, Job

LAYERS, WIDTH, POSITIONS, VOCABULARY = 12, 768, 1024, 50257
PARAMETERS = 124_439_808

# Name: shape, and a standard deviation about 0 or, where that is 0, a constant.
Model = Mapping[str, tuple[tuple[int, ...], float, float]]


def model() -> Model:
    """As the published code has it: N(0, 0.02²), on the residual stream over sqrt(2 · 12); (in, out)."""
    std, residual = 0.02, 0.02 / math.sqrt(2 * LAYERS)
    found: dict[str, tuple[tuple[int, ...], float, float]] = {
        "wte.weight": ((VOCABULARY, WIDTH), std, 0.0),
        "wpe.weight": ((POSITIONS, WIDTH), std, 0.0),
    }

    def layer_norm(name: str) -> None:
        found[f"{name}.weight"] = ((WIDTH,), 0.0, 1.0)
        found[f"{name}.bias"] = ((WIDTH,), 0.0, 0.0)

    def linear(name: str, fan_in: int, fan_out: int, std: float) -> None:
        found[f"{name}.weight"] = ((fan_in, fan_out), std, 0.0)
        found[f"{name}.bias"] = ((fan_out,), 0.0, 0.0)

    for i in range(LAYERS):
        layer_norm(f"h.{i}.ln_1")
        linear(f"h.{i}.attn.c_attn", WIDTH, 3 * WIDTH, std)
        linear(f"h.{i}.attn.c_proj", WIDTH, WIDTH, residual)
        layer_norm(f"h.{i}.ln_2")
        linear(f"h.{i}.mlp.c_fc", WIDTH, 4 * WIDTH, std)
        linear(f"h.{i}.mlp.c_proj", 4 * WIDTH, WIDTH, residual)
    layer_norm("ln_f")
    return found


def by_fastinit(model: Model) -> Job:
    tensors = {
        name: ("normal", shape, {"mean": 0.0, "std": std}) if std else ("ones" if constant else "zeros", shape)
        for name, (shape, std, constant) in model.items()
    }
    return lambda: fastinit.initialize(tensors, seed=0)


def by_numpy(model: Model) -> Job:
    """Its fastest generator, drawing float32, scaled in place."""

    def job() -> dict[str, Array]:
        rng = numpy_idioms.generator()
        tensors = {}
        for name, (shape, std, constant) in model.items():
            if std:
                values = np.empty(shape, np.float32)
                rng.standard_normal(dtype=np.float32, out=values)
                values *= np.float32(std)
            else:
                values = np.ones(shape, np.float32) if constant else np.zeros(shape, np.float32)
            tensors[name] = values
        return tensors

    return job


def checked(job: Job) -> Job:
    """The job, if it makes so many parameters and the embeddings' standard deviation is right."""
    tensors = job()
    assert sum(values.size for values in tensors.values()) == PARAMETERS
    assert abs(tensors["wte.weight"].std() / 0.02 - 1) < 1e-3
    return job
