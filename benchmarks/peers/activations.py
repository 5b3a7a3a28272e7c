"""Each activation by fastinit, by the best that NumPy and SciPy do, in place, and by PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

import fastinit
from benchmarks.peers import libraries
from benchmarks.peers.types import Array, Job
from fastinit.forward._activation import PARAMETERS

# The first of the list, up to log_softmax: those behind it are made of the same operations.
NAMES = tuple(PARAMETERS)[: list(PARAMETERS).index("log_softmax") + 1]
SHAPE = (256, 256)
SELU = 1.0507009873554805, 1.6732632423543772
TORCH = {"hard_sigmoid": "hardsigmoid", "hard_silu": "hardswish"}


def by_fastinit(name: str, x: Array) -> Job:
    out = np.empty_like(x)
    return lambda: fastinit.activate(x, name, out=out, threads=1)


def by_numpy(name: str, x: Array) -> Job:
    """Into an array that is there, by way of another one; where NumPy has no fast function, SciPy's."""
    out, t = np.empty_like(x), np.empty_like(x)
    one = np.float32(1)

    def sigmoid(x: Array, out: Array) -> None:
        np.negative(x, out=out)
        np.exp(out, out=out)
        np.add(out, one, out=out)
        np.divide(one, out, out=out)

    def hard_sigmoid(x: Array, out: Array) -> None:
        np.multiply(x, 1 / 6, out=out)
        np.add(out, 0.5, out=out)
        np.clip(out, 0, 1, out=out)

    def job() -> Array:
        if name == "linear":
            np.copyto(out, x)
        elif name == "relu":
            np.maximum(x, 0, out=out)
        elif name == "relu6":
            np.clip(x, 0, 6, out=out)
        elif name == "leaky_relu":
            np.multiply(x, 0.01, out=out)
            np.maximum(out, x, out=out)
        elif name in ("elu", "selu"):
            np.minimum(x, 0, out=out)
            np.expm1(out, out=out)
            np.maximum(x, 0, out=t)
            if name == "selu":
                np.multiply(out, SELU[0] * SELU[1], out=out)
                np.multiply(t, SELU[0], out=t)
            np.add(out, t, out=out)
        elif name == "gelu":
            from scipy.special import erf

            np.multiply(x, 0.5**0.5, out=out)
            erf(out, out=out)
            np.add(out, 1, out=out)
            np.multiply(out, 0.5, out=out)
            np.multiply(out, x, out=out)
        elif name == "gelu_tanh":
            np.multiply(x, x, out=out)
            np.multiply(out, 0.044715, out=out)
            np.add(out, 1, out=out)
            np.multiply(out, x, out=out)
            np.multiply(out, math.sqrt(2 / math.pi), out=out)
            np.tanh(out, out=out)
            np.add(out, 1, out=out)
            np.multiply(out, 0.5, out=out)
            np.multiply(out, x, out=out)
        elif name == "sigmoid":
            sigmoid(x, out)
        elif name == "silu":
            np.negative(x, out=out)
            np.exp(out, out=out)
            np.add(out, one, out=out)
            np.divide(x, out, out=out)
        elif name == "hard_sigmoid":
            hard_sigmoid(x, out)
        elif name == "hard_silu":
            hard_sigmoid(x, out)
            np.multiply(out, x, out=out)
        elif name == "tanh":
            np.tanh(x, out=out)
        elif name == "softplus":
            np.abs(x, out=out)
            np.negative(out, out=out)
            np.exp(out, out=out)
            np.log1p(out, out=out)
            np.maximum(x, 0, out=t)
            np.add(out, t, out=out)
        elif name == "softsign":
            np.abs(x, out=out)
            np.add(out, 1, out=out)
            np.divide(x, out, out=out)
        elif name == "mish":  # tanh(log(1 + e)) is e (e + 2) / (e (e + 2) + 2), and 1 from x = 20 on
            np.minimum(x, 20, out=t)
            np.exp(t, out=t)
            np.add(t, 2, out=out)
            np.multiply(out, t, out=out)
            np.add(out, 2, out=t)
            np.divide(out, t, out=out)
            np.multiply(out, x, out=out)
        elif name == "exp":
            np.exp(x, out=out)
        elif name == "softmax":
            np.subtract(x, x.max(axis=-1, keepdims=True), out=out)
            np.exp(out, out=out)
            np.divide(out, out.sum(axis=-1, keepdims=True), out=out)
        elif name == "log_softmax":
            np.subtract(x, x.max(axis=-1, keepdims=True), out=out)
            np.exp(out, out=t)
            np.subtract(out, np.log(t.sum(axis=-1, keepdims=True)), out=out)
        return out

    return job


def by_torch(name: str, x: Array) -> Job:
    """Into given memory where it offers that."""
    import torch

    torch.set_num_threads(1)
    tensor, out = torch.from_numpy(x), torch.empty(x.shape)
    functional = torch.nn.functional
    jobs: dict[str, Job] = {
        "linear": lambda: out.copy_(tensor),
        "relu": lambda: torch.clamp_min(tensor, 0, out=out),
        "relu6": lambda: torch.clamp(tensor, 0, 6, out=out),
        "gelu_tanh": lambda: functional.gelu(tensor, approximate="tanh"),
        "sigmoid": lambda: torch.sigmoid(tensor, out=out),
        "tanh": lambda: torch.tanh(tensor, out=out),
        "exp": lambda: torch.exp(tensor, out=out),
        "softmax": lambda: torch.softmax(tensor, -1, out=out),
        "log_softmax": lambda: torch.log_softmax(tensor, -1, out=out),
    }
    if name in jobs:
        return jobs[name]
    function = getattr(functional, TORCH.get(name, name))
    return lambda: function(tensor)


LIBRARIES: dict[str, Callable[[str, Array], Job]] = {"fastinit": by_fastinit, "numpy": by_numpy, "torch": by_torch}


def inputs() -> Array:
    return fastinit.normal(SHAPE, 0.0, 3.0, seed=5)


def checked(job: Job, name: str, x: Array) -> Job:
    """The job, if its result is what float64 says to within float32's errors."""
    found, expected = libraries.as_numpy(job()), by_numpy(name, x.astype(np.float64))()
    assert found.dtype == np.float32
    assert np.allclose(found, expected, rtol=1e-5, atol=2e-6), (name, np.abs(found - expected).max())
    return job


@contextmanager
def inference() -> Iterator[None]:
    """PyTorch without its records for gradients, where it is installed."""
    if not libraries.installed(["torch"]):
        yield
        return
    import torch

    with torch.inference_mode():
        yield
