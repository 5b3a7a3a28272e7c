"""fastinit.jax beside jax.nn.initializers: single arrays, and models by their shapes.

    python -m pytest benchmarks/bench_jax.py --benchmark-only      each by itself
    python benchmarks/bench_jax.py                                 the promised ratios, interleaved, as a table

Every result is checked before it is timed. The ratios are of processor time, on one core.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from time import process_time
from typing import Any

import pytest

jax = pytest.importorskip("jax", reason="this benchmark is of fastinit.jax")

import numpy as np

import fastinit
import fastinit.jax as fj

KEY = jax.random.key(0)
SHAPES = [(64, 64), (1024, 1024), (4096, 4096)]
LAYERS, WIDTH = 24, 512
RULES = fastinit.Rules([(r".*kernel", "lecun_normal"), (r".*bias", "zeros")])

Job = Callable[[], Any]


def arrays(shape: tuple[int, int]) -> dict[str, Job]:
    """He's normal initializer by each library, ready when it returns."""

    def jitted(init: Any) -> Job:
        compiled = jax.jit(lambda key: init(key, shape))
        return lambda: compiled(KEY).block_until_ready()

    ours, theirs = fj.he_normal(), jax.nn.initializers.he_normal()
    jobs: dict[str, Job] = {
        "fastinit": lambda: ours(KEY, shape).block_until_ready(),
        "fastinit in jit": jitted(ours),
        "jax in jit": jitted(theirs),
        "jax": lambda: theirs(KEY, shape).block_until_ready(),
    }
    bound, std = 2 * (2 / shape[0]) ** 0.5 / 0.8796256610342398, (2 / shape[0]) ** 0.5
    for name, job in jobs.items():
        values = np.asarray(job())
        assert (values.shape, values.dtype) == (shape, np.float32), name
        assert abs(values).max() <= np.float32(bound) * 1.0001, name
        assert abs(float(values.std(dtype=np.float64)) / std - 1) <= 6 / (2 * values.size) ** 0.5, name
        if name.startswith("fastinit"):
            assert (values == fastinit.he_normal(shape, seed=0)).all(), name
    return jobs


def zero_copy(shape: tuple[int, int]) -> bool:
    """Whether JAX's array is the memory that fastinit drew into."""
    drawn = []

    def spy(shape: Any, **common: Any) -> np.ndarray:
        drawn.append(fastinit.he_normal(shape, **common))
        return drawn[-1]

    spy.__module__ = "fastinit"  # counts as one of its functions, whose arrays are not copied
    array = fj.initializer(spy)(KEY, shape)
    return bool(array.unsafe_buffer_pointer() == drawn[-1].ctypes.data)


def model() -> tuple[Any, Any]:
    nn = pytest.importorskip("flax.linen", reason="this benchmark is of a Flax model")

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            for _ in range(LAYERS):
                x = nn.relu(nn.Dense(WIDTH)(x))
            return x

    return Net(), jax.numpy.zeros((1, WIDTH))


def models() -> dict[str, Job]:
    """A Flax model's parameters, by each library."""
    net, x = model()

    def by_fastinit() -> Any:
        shapes = jax.eval_shape(net.init, KEY, x)
        return jax.block_until_ready(fj.initialize(shapes, RULES, seed=0))

    def shapes_only() -> Any:
        return jax.eval_shape(net.init, KEY, x)

    def by_flax() -> Any:
        return jax.block_until_ready(net.init(KEY, x))

    return {"fastinit": by_fastinit, "eval_shape alone": shapes_only, "model.init": by_flax}


def check_model(made: Any) -> None:
    kernels = [layer["kernel"] for layer in made["params"].values()]
    assert len(kernels) == LAYERS
    for kernel in kernels:
        assert kernel.shape == (WIDTH, WIDTH)
        assert abs(float(np.asarray(kernel).std()) * WIDTH**0.5 - 1) < 0.02


@pytest.mark.parametrize("library", ["fastinit", "fastinit in jit", "jax in jit", "jax"])
@pytest.mark.parametrize("shape", SHAPES, ids="{0[0]}x{0[1]}".format)
def test_he_normal(benchmark: Any, shape: tuple[int, int], library: str) -> None:
    job = arrays(shape)[library]
    benchmark.group = f"JAX he_normal {shape[0]}x{shape[1]}"
    benchmark.name = library
    benchmark(job)


@pytest.mark.parametrize("library", ["fastinit", "eval_shape alone", "model.init"])
def test_linen_again(benchmark: Any, library: str) -> None:
    job = models()[library]
    made = job()
    if library != "eval_shape alone":
        check_model(made)
    benchmark.group = f"Flax linen, {LAYERS} layers of {WIDTH}x{WIDTH}, not the first call"
    benchmark.name = library
    benchmark(job)


def _time(job: Job) -> float:
    start = process_time()
    job()
    return process_time() - start


def _first_call(library: str) -> None:
    """In a process of its own: what one model costs from a cold start, imports aside."""
    job = models()[library]
    start = process_time()
    made = job()
    took = process_time() - start
    if library != "eval_shape alone":
        check_model(made)
    print(took)


def _first_calls(rounds: int) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {"fastinit": [], "eval_shape alone": [], "model.init": []}
    for _ in range(rounds):
        for library in took:
            command = [sys.executable, __file__, "--first-call", library]
            took[library].append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    return took


def _interleaved(jobs: dict[str, Job], rounds: int) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(rounds):
        for name in list(jobs)[:: -1 if number % 2 else 1]:
            took[name].append(_time(jobs[name]))
    return took


def _row(what: str, took: dict[str, list[float]], ours: str, theirs: str, target: str) -> str:
    ratio = statistics.median(b / a for a, b in zip(took[ours], took[theirs], strict=True))
    a, b = (statistics.median(took[name]) * 1e3 for name in (ours, theirs))
    return f"| {what} | {target} | {ratio:.1f}x | {a:.3g} / {b:.3g} ms |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what is promised of fastinit.jax.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--first-call", choices=["fastinit", "eval_shape alone", "model.init"])
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if options.first_call:
        _first_call(options.first_call)
        return

    print(f"JAX {jax.__version__}, fastinit {fastinit.__version__} ({fastinit.isa()}), one core, processor time")
    print("\n| what | at least | measured | ours / theirs |\n|---|---|---|---|")
    row = functools.partial(print, flush=True)
    for shape in SHAPES:
        took = _interleaved(arrays(shape), options.rounds if shape[0] > 64 else 50 * options.rounds)
        what = f"he_normal {shape[0]}²"
        target = "15x" if shape == (4096, 4096) else ""
        row(_row(f"{what}, eager, vs jax in jit", took, "fastinit", "jax in jit", target))
        row(_row(f"{what}, in jit, vs jax in jit", took, "fastinit in jit", "jax in jit", ""))
        row(_row(f"{what}, eager, vs jax eager", took, "fastinit", "jax", ""))
    row(f"| he_normal 4096² eager: the same memory | yes | {'yes' if zero_copy((4096, 4096)) else 'no'} | |")
    name = f"linen {LAYERS} x {WIDTH}²"
    took = _first_calls(options.rounds)
    row(_row(f"{name}, first call: eval_shape + initialize vs model.init", took, "fastinit", "model.init", "20x"))
    net_of_shapes = [a - b for a, b in zip(took["fastinit"], took["eval_shape alone"], strict=True)]
    print(f"| {name}, of which initialize alone | | | {statistics.median(net_of_shapes) * 1e3:.3g} ms |")
    jobs = models()
    for job in jobs.values():
        job()
    row(_row(f"{name}, again", _interleaved(jobs, options.rounds), "fastinit", "model.init", ""))


if __name__ == "__main__":
    main()
