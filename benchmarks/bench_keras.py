"""fastinit.keras beside Keras's own initializers, on the backend that KERAS_BACKEND names, on one core.

KERAS_BACKEND=torch pytest benchmarks/bench_keras.py --benchmark-only
KERAS_BACKEND=jax pytest benchmarks/bench_keras.py --benchmark-only
"""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

if importlib.util.find_spec("keras") is None:
    pytest.skip("Keras is not installed", allow_module_level=True)
if os.environ.get("KERAS_BACKEND") not in ("torch", "jax"):
    pytest.skip("KERAS_BACKEND must be torch or jax: Keras has one backend in a process", allow_module_level=True)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import keras

import fastinit
import fastinit.keras

BACKEND: str = keras.backend.backend()
SIDE = 4096
WIDTHS = [2048, 2048, 2048, 2048, 2048, 2048, 1000]
LIBRARIES = {"fastinit": fastinit.keras.HeNormal, "keras": keras.initializers.HeNormal}

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    if BACKEND == "torch":
        import torch

        torch.set_num_threads(1)


def wait_for(tensor: Any) -> Any:
    """JAX computes beside the caller."""
    return tensor.block_until_ready() if BACKEND == "jax" else tensor


def check(library: str, tensor: Any, fan_in: int) -> None:
    """Of a truncated normal of std sqrt(2 / fan_in)."""
    values = np.asarray(keras.ops.convert_to_numpy(tensor))
    std = math.sqrt(2 / fan_in)
    assert abs(values.mean(dtype=np.float64)) <= 6 * std / math.sqrt(values.size)
    assert abs(values.std(dtype=np.float64) - std) <= 6 * std / math.sqrt(2 * values.size)
    # Keras leaves about five values of a million outside on PyTorch, fastinit none.
    outside = np.count_nonzero(np.abs(values) > np.float32(2 * std / 0.87962566103423978))
    assert outside <= (1e-4 * values.size if library == "keras" else 0)


def time(benchmark: BenchmarkFixture, group: str, library: str, job: Callable[[], Any]) -> None:
    benchmark.group = f"{group}, {BACKEND} backend"
    benchmark.name = library
    benchmark.pedantic(job, rounds=7, warmup_rounds=1)


@pytest.mark.parametrize("library", [*LIBRARIES, "fastinit in NumPy"])
def test_he_normal(benchmark: BenchmarkFixture, library: str) -> None:
    if library in LIBRARIES:
        initializer = LIBRARIES[library](seed=0)
        check(library, initializer((SIDE, SIDE)), SIDE)
        time(benchmark, f"HeNormal {SIDE}x{SIDE}", library, lambda: wait_for(initializer((SIDE, SIDE))))
    else:  # what no hand-over can beat
        time(benchmark, f"HeNormal {SIDE}x{SIDE}", library, lambda: fastinit.he_normal((SIDE, SIDE), seed=0))


def build(initializer: Any) -> Any:
    model = keras.Sequential([keras.Input(WIDTHS[:1])])
    for units in WIDTHS[1:]:
        model.add(keras.layers.Dense(units, kernel_initializer=initializer))
    for variable in model.variables:
        wait_for(variable.value)
    return model


@pytest.mark.parametrize("library", [*LIBRARIES, "zeros"])
def test_sequential(benchmark: BenchmarkFixture, library: str) -> None:
    """Six layers of 23 M parameters; "zeros" is Keras's own share of it."""

    def job() -> Any:
        return build(LIBRARIES[library]() if library in LIBRARIES else "zeros")

    model = job()
    assert model.count_params() == 23_030_760
    if library in LIBRARIES:
        for layer in model.layers:
            check(library, layer.kernel, layer.kernel.shape[0])
    del model
    time(benchmark, "Sequential of 23 M parameters", library, job)
