"""The promised ratios of the initializers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np

import fastinit
from benchmarks.peers import gpt2, libraries, numpy_idioms
from benchmarks.peers.types import Array, Job
from benchmarks.study.promised.promise import Pair, Promise

SIDE = 4096
SQUARE = (SIDE, SIDE)
LARGE = 1 << 26
SMALL_CALLS = 2000
LAYERS = 100
DOUBLES = (1024, 1024)
STD = math.sqrt(2 / SIDE)  # of he_normal
BOUND = 2 * STD / numpy_idioms.TRUNCATED_STD


def checked(job: Job, std: float = STD, bound: float = BOUND) -> Job:
    """The job, if its values have this standard deviation and stay within the bound."""
    values = libraries.as_numpy(job())
    assert abs(values).max() <= np.float32(bound), abs(values).max()
    assert abs(float(values.std(dtype=np.float64)) / std - 1) < 2e-3, values.std()
    return job


def square() -> Array:
    return np.zeros(SQUARE, np.float32)


def he_normal(out: Array) -> Job:
    return checked(partial(fastinit.he_normal, SQUARE, seed=0, out=out))


# ---- one core ----


def versus_random(name: str) -> Pair:
    """All fill the same memory."""
    out = square()
    ours = partial(getattr(fastinit, name), SQUARE, seed=0, out=out)
    return ours, lambda: partial(numpy_idioms.generator().random, dtype=np.float32, out=out)


def versus_numpy() -> Pair:
    out = square()
    return he_normal(out), lambda: checked(partial(numpy_idioms.he_normal, numpy_idioms.generator(), SQUARE, out=out))


def versus_standard_normal() -> Pair:
    out = square()
    return partial(fastinit.normal, SQUARE, 0.0, 1.0, seed=0, out=out), lambda: partial(
        numpy_idioms.generator().standard_normal, dtype=np.float32, out=out
    )


def layers_of_one_shape(shape: tuple[int, int]) -> Pair:
    """New small arrays, some at a time."""

    def ours() -> Array:
        for _ in repeat(None, LAYERS):
            values = fastinit.he_normal(shape, seed=0)
        return values

    def other() -> Job:
        rng = numpy_idioms.generator()

        def job() -> Array:
            for _ in repeat(None, LAYERS):
                values = numpy_idioms.he_normal(rng, shape)
            return values

        return job

    return ours, other


def versus_torch(truncated: bool) -> Pair:
    out = square()

    def other() -> Job:
        import torch

        torch.set_num_threads(1)
        tensor = torch.from_numpy(out)
        if truncated:
            return checked(partial(torch.nn.init.trunc_normal_, tensor, 0.0, BOUND / 2, -BOUND, BOUND))
        return partial(tensor.normal_, 0.0, STD)

    return he_normal(out), other


def versus_mkl_random(brng: str) -> Pair:
    """mkl_random has no out=: both make a new array, small enough for its pages to be used again."""

    def other() -> Job:
        import mkl_random

        return partial(mkl_random.MKLRandomState(0, brng=brng).normal, 0.0, 1.0, DOUBLES, method="ICDF")

    return partial(fastinit.normal, DOUBLES, 0.0, 1.0, dtype="float64", seed=0), other


def half_versus_single() -> Pair:
    half = np.zeros(SQUARE, libraries.numpy_dtype("bfloat16"))
    ours = partial(fastinit.he_normal, SQUARE, seed=0, dtype=half.dtype, out=half)
    return ours, lambda: he_normal(square())


def small_call() -> Pair:
    """Calls as a program would write them, many in a row."""

    def ours() -> Array:
        he_normal = fastinit.he_normal
        for _ in repeat(None, SMALL_CALLS):
            values = he_normal((8, 8), seed=0)
        return values

    def other() -> Job:
        generator, f32 = np.random.default_rng(0), np.float32

        def job() -> Array:
            for _ in repeat(None, SMALL_CALLS):
                values = generator.standard_normal((8, 8), dtype=f32)
            return values

        return job

    return ours, other


one_core = partial(Promise, values=SIDE * SIDE)

ONE_CORE = (
    one_core(
        "glorot_uniform vs `random(out=)`",
        "glorot_uniform 4096²",
        partial(versus_random, "glorot_uniform"),
        at_least=4.5,
    ),
    one_core("uniform vs `random(out=)`", "uniform 4096²", partial(versus_random, "uniform"), at_least=4.0),
    one_core("he_normal vs NumPy idiom", "he_normal 4096²", versus_numpy, at_least=22.5, avx2=14.5),
    one_core("normal vs `standard_normal(out=)`", "normal 4096²", versus_standard_normal, at_least=11.3, avx2=6.8),
    *(
        Promise(
            f"he_normal {rows}x{columns} vs NumPy idiom",
            f"he_normal {rows}x{columns}",
            partial(layers_of_one_shape, (rows, columns)),
            at_least=target,
            values=rows * columns,
            calls=LAYERS,
        )
        for rows, columns, target in ((64, 64, 16.0), (784, 128, 17.0))
    ),
    one_core(
        "he_normal vs `torch.nn.init.trunc_normal_`",
        "he_normal 4096²",
        partial(versus_torch, truncated=True),
        at_least=35.0,
        needs="torch",
    ),
    one_core(
        "he_normal vs `torch.Tensor.normal_`",
        "he_normal 4096²",
        partial(versus_torch, truncated=False),
        at_least=4.5,
        needs="torch",
    ),
    *(
        Promise(
            f"normal f64 vs mkl_random ICDF, {brng} ({bits})",
            "normal f64 1024²",
            partial(versus_mkl_random, brng),
            at_least=1.5 if brng == "MT19937" else 1.3,
            avx2=1.0 if brng == "MT19937" else None,
            values=math.prod(DOUBLES),
            needs="mkl_random",
        )
        for brng, bits in (("MT19937", "its default, 32 random bits a value"), ("MCG59", "its fastest with 53 bits"))
    ),
    one_core(
        "bf16 he_normal vs f32, time", "bf16 he_normal 4096²", half_versus_single, at_most=1.04, own="he_normal 4096²"
    ),
    Promise(
        "he_normal((8, 8), seed=0) vs `standard_normal((8, 8), dtype=f32)`, time of a call",
        "he_normal((8, 8), seed=0)",
        small_call,
        at_most=0.45,
        avx2=0.45,
        calls=SMALL_CALLS,
    ),
)


# ---- all cores ----


def large() -> tuple[Array, Callable[..., Any]]:
    """64 M values of memory, and he_normal into them: the fan of (n, 1) is n."""
    out = np.zeros((LARGE, 1), np.float32)
    return out, partial(fastinit.he_normal, out.shape, seed=0, out=out)


def two_threads() -> Pair:
    _, fill = large()
    return partial(fill, threads=2), lambda: partial(fill, threads=1)


def versus_fill() -> Pair:
    out, fill = large()
    return fill, lambda: partial(out.fill, 1)


def fresh_versus_full() -> Pair:
    shape = (8192, 8192)
    return partial(fastinit.he_normal, shape, seed=0), lambda: partial(np.full, shape, 1, np.float32)


def whole_model() -> Pair:
    model = gpt2.model()
    return gpt2.checked(gpt2.by_fastinit(model)), lambda: gpt2.checked(gpt2.by_numpy(model))


all_cores = partial(Promise, values=LARGE, cores="all")

ALL_CORES = (
    all_cores(
        "2 threads vs 1, 64 M values warm",
        "he_normal 64 M warm, 2 threads",
        two_threads,
        at_least=1.8,
        own="he_normal 64 M warm, 1 thread",
    ),
    all_cores(
        "64 M warm, all cores, vs warm `ndarray.fill`, time", "he_normal 64 M warm, all cores", versus_fill, at_most=3.0
    ),
    all_cores(
        "fresh he_normal 8192², all cores, vs `np.full`, time",
        "he_normal 8192² fresh, all cores",
        fresh_versus_full,
        at_most=1.5,
    ),
    Promise(
        "GPT-2 small, fresh arrays, all cores, vs NumPy idiom",
        "GPT-2 small, fresh arrays, all cores",
        whole_model,
        at_least=12.0,
        values=gpt2.PARAMETERS,
        cores="all",
        longer=3.0,
    ),
)
