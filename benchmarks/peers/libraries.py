"""The initializers: each library's best way to make the values of a law, in given or in new memory."""

from __future__ import annotations

import importlib
import importlib.metadata
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

import fastinit
from benchmarks.peers import numpy_idioms
from benchmarks.peers.types import Array, Job

LAWS = ("uniform", "normal", "truncated_normal")
DTYPES = ("float32", "float64", "float16", "bfloat16")
LOW, HIGH = -0.05, 0.05
STD = 0.02  # of the normals, before the truncation at two of them

_MOMENTS = {
    "uniform": (LOW, HIGH, (HIGH - LOW) / math.sqrt(12)),
    "normal": (-math.inf, math.inf, STD),
    "truncated_normal": (-2 * STD, 2 * STD, STD * numpy_idioms.TRUNCATED_STD),
}
_CHECKED, _BLOCK = 1 << 22, 1 << 16


def numpy_dtype(name: str) -> np.dtype[Any]:
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def check(values: Any, law: str, dtype: str, size: int) -> None:
    """Raise if these are not `size` values of the law and dtype: bounds, mean and standard deviation.

    Of more than 2**22 values, blocks spread evenly over the whole are looked at.
    """
    low, high, std = _MOMENTS[law]
    array = as_numpy(values).reshape(-1)
    assert array.size == size, (array.size, size)
    assert array.dtype == numpy_dtype(dtype), (array.dtype, dtype)
    if size > _CHECKED:
        starts = np.linspace(0, size - _BLOCK, _CHECKED // _BLOCK).astype(np.int64)
        array = np.concatenate([array[start : start + _BLOCK] for start in starts])
    seen = array.astype(np.float64)
    # Rounding to the dtype keeps the order, so no value lies outside the rounded bounds.
    assert seen.min() >= float(array.dtype.type(low)), seen.min()
    assert seen.max() <= float(array.dtype.type(high)), seen.max()
    # Six standard errors and the dtype's own grain: some draw no more bits than that and round down.
    grain = {"float16": 2.0**-9, "bfloat16": 2.0**-6}.get(dtype, 0.0) * std
    assert abs(seen.mean()) <= 6 * std / math.sqrt(seen.size) + grain, seen.mean()
    assert abs(seen.std() - std) <= 6 * std / math.sqrt(2 * seen.size) + grain, seen.std()


def as_numpy(values: Any) -> Array:
    if type(values).__module__.startswith("torch"):
        import torch

        if values.dtype is torch.bfloat16:
            return values.view(torch.uint16).numpy().view(numpy_dtype("bfloat16"))
        return values.numpy()
    return np.asarray(values)


# Every function below answers for one library: a job for this law and dtype, or None where the library has
# none. `out` is the memory to fill, or None for new memory every time.


def by_fastinit(law: str, dtype: str, size: int, out: Array | None, threads: int) -> Job:
    arguments = {"uniform": (LOW, HIGH), "normal": (0.0, STD), "truncated_normal": (0.0, STD)}[law]
    return partial(getattr(fastinit, law), (size,), *arguments, dtype=numpy_dtype(dtype), seed=0, out=out)


def by_numpy(law: str, dtype: str, size: int, out: Array | None, threads: int) -> Job:
    return _numpy_job(numpy_idioms.generator(), law, numpy_dtype(dtype), (size,), out)


def by_numpy_threads(law: str, dtype: str, size: int, out: Array | None, threads: int) -> Job | None:
    """The NumPy idiom on one part of the array per thread, each with a generator of its own."""
    if threads == 1:
        return None
    pool = ThreadPoolExecutor(threads)
    rngs = [np.random.Generator(np.random.SFC64(seed)) for seed in np.random.SeedSequence(0).spawn(threads)]

    def job() -> Array:
        values = np.empty(size, numpy_dtype(dtype)) if out is None else out
        parts = np.array_split(values, threads)
        tasks = [
            pool.submit(_numpy_job(rng, law, values.dtype, part.shape, part))
            for rng, part in zip(rngs, parts, strict=True)
        ]
        for task in tasks:
            task.result()
        return values

    return job


def _numpy_job(
    rng: np.random.Generator, law: str, dtype: np.dtype[Any], shape: tuple[int, ...], out: Array | None
) -> Job:
    arguments = (LOW, HIGH) if law == "uniform" else (STD,)
    return partial(getattr(numpy_idioms, law), rng, shape, *arguments, dtype=dtype, out=out)


def by_scipy(law: str, dtype: str, size: int, out: Array | None, threads: int) -> Job | None:
    if size > 1 << 20 or dtype not in ("float32", "float64"):
        return None  # seconds a call, and nothing new is learned
    from scipy import stats

    rng = numpy_idioms.generator()
    draw = {
        "uniform": partial(stats.uniform.rvs, LOW, HIGH - LOW, size=size, random_state=rng),
        "normal": partial(stats.norm.rvs, 0.0, STD, size=size, random_state=rng),
        "truncated_normal": partial(stats.truncnorm.rvs, -2.0, 2.0, scale=STD, size=size, random_state=rng),
    }[law]

    def job() -> Array:
        if out is None:
            return draw().astype(dtype, copy=False)
        out[...] = draw()
        return out

    return job


def by_torch(law: str, dtype: str, size: int, out: Array | None, threads: int) -> Job:
    import torch

    torch.set_num_threads(threads)
    init = torch.nn.init
    fill, arguments = {
        "uniform": (init.uniform_, (LOW, HIGH)),
        "normal": (init.normal_, (0.0, STD)),
        "truncated_normal": (init.trunc_normal_, (0.0, STD, -2 * STD, 2 * STD)),
    }[law]
    kind = getattr(torch, dtype)
    if out is None:
        return lambda: fill(torch.empty(size, dtype=kind), *arguments)
    tensor = torch.from_numpy(out.view(np.uint16)).view(kind) if dtype == "bfloat16" else torch.from_numpy(out)
    return partial(fill, tensor, *arguments)


def by_jax(law: str, dtype: str, size: int, out: Array | None, threads: int) -> Job:
    """Jitted; warm, it is given its last result to write over (a donated buffer)."""
    import jax

    jax.config.update("jax_enable_x64", True)
    kind = getattr(jax.numpy, dtype)
    scale = kind(STD)
    draw: Callable[..., Any] = {
        "uniform": lambda key: jax.random.uniform(key, (size,), kind, LOW, HIGH),
        "normal": lambda key: jax.random.normal(key, (size,), kind) * scale,
        "truncated_normal": lambda key: jax.random.truncated_normal(key, -2.0, 2.0, (size,), kind) * scale,
    }[law]
    key = jax.random.key(0)
    if out is None:
        jitted = jax.jit(draw)
        return lambda: jitted(key).block_until_ready()
    donating = jax.jit(lambda key, old: draw(key), donate_argnums=1, keep_unused=True)
    last = [jax.numpy.zeros(size, kind)]

    def job() -> Any:
        last[0] = donating(key, last[0]).block_until_ready()
        return last[0]

    return job


def by_mkl_random(law: str, dtype: str, size: int, out: Array | None, threads: int) -> Job | None:
    """float64 into new memory is all that it offers."""
    if dtype != "float64" or out is not None or law == "truncated_normal":
        return None
    import mkl_random

    # The fastest of its generators that has 53 random bits for a value; most have 32.
    state = mkl_random.MKLRandomState(0, brng="MCG59")
    if law == "uniform":
        return partial(state.uniform, LOW, HIGH, size)
    return partial(state.normal, 0.0, STD, size, method="ICDF")


LIBRARIES: dict[str, Callable[..., Job | None]] = {
    "fastinit": by_fastinit,
    "numpy": by_numpy,
    "numpy-threads": by_numpy_threads,
    "scipy": by_scipy,
    "torch": by_torch,
    "jax": by_jax,
    "mkl_random": by_mkl_random,
}


def limit(dtype: str, size: int, out: Array | None) -> Job:
    """Filling the same memory with a constant: `ndarray.fill`, or `numpy.full` where it is new."""
    kind = np.dtype(np.uint16) if dtype == "bfloat16" else np.dtype(dtype)
    return partial(np.full, size, 1, kind) if out is None else partial(out.view(kind).fill, 1)


def installed(names: list[str]) -> list[str]:
    """Those of the libraries that can be imported here."""
    found = []
    for name in names:
        try:
            importlib.import_module(name.removesuffix("-threads"))
        except ImportError:
            continue
        found.append(name)
    return found


def versions() -> dict[str, str]:
    names = ("numpy", "scipy", "torch", "jax", "mkl_random", "ml_dtypes", "onnx", "onnxruntime")
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
