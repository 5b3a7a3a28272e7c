"""What `python -m fastinit demo` does: every parameter of GPT-2 small, initialized, timed, measured and hashed."""

import hashlib
import math
import statistics
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import initializers
from .._terminal import Progress, table
from ..runtime import info

Array = NDArray[Any]

PAGE = 4096  # bytes that are backed by memory together, at least

EMBEDDINGS, LINEAR, RESIDUAL = "embeddings", "linear weights", "residual projections"
LAYER_NORM, BIASES = "layer-norm weights", "biases"


@dataclass(frozen=True)
class Config:
    """The sizes of a GPT-2; the defaults are those of GPT-2 small."""

    n_layer: int = 12
    n_embd: int = 768
    n_positions: int = 1024
    vocab_size: int = 50257


@dataclass(frozen=True)
class Parameter:
    """One parameter tensor: N(mean, std**2), or the constant `mean` where `std` is 0."""

    name: str
    shape: tuple[int, ...]
    kind: str
    mean: float = 0.0
    std: float = 0.0

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def parameters(config: Config) -> list[Parameter]:
    """The parameter tensors of a GPT-2, in the order and under the names of the published checkpoint.

    The scheme is that of the published code: N(0, 0.02**2) for embeddings and weights, but for the two
    projections of every layer that end on the residual stream, whose std is divided by sqrt(2 n_layer).
    Linear weights are (in, out).
    """
    std, width = 0.02, config.n_embd
    residual_std = std / math.sqrt(2 * config.n_layer)

    def bias(name: str, size: int) -> Parameter:
        return Parameter(f"{name}.bias", (size,), BIASES)

    def layer_norm(name: str) -> list[Parameter]:
        return [Parameter(f"{name}.weight", (width,), LAYER_NORM, mean=1.0), bias(name, width)]

    def linear(name: str, fan_in: int, fan_out: int) -> list[Parameter]:
        return [Parameter(f"{name}.weight", (fan_in, fan_out), LINEAR, std=std), bias(name, fan_out)]

    def residual(name: str, fan_in: int) -> list[Parameter]:
        weight = Parameter(f"{name}.weight", (fan_in, width), RESIDUAL, std=residual_std)
        return [weight, bias(name, width)]

    model = [
        Parameter("wte.weight", (config.vocab_size, width), EMBEDDINGS, std=std),
        Parameter("wpe.weight", (config.n_positions, width), EMBEDDINGS, std=std),
    ]
    for i in range(config.n_layer):
        model += layer_norm(f"h.{i}.ln_1")
        model += linear(f"h.{i}.attn.c_attn", width, 3 * width)
        model += residual(f"h.{i}.attn.c_proj", width)
        model += layer_norm(f"h.{i}.ln_2")
        model += linear(f"h.{i}.mlp.c_fc", width, 4 * width)
        model += residual(f"h.{i}.mlp.c_proj", 4 * width)
    return model + layer_norm("ln_f")


def initialize(model: Iterable[Parameter], seed: int) -> dict[str, Array]:
    """Every tensor of the model in fresh memory, each under the key of its name."""
    tensors: dict[str, tuple[Any, ...]] = {}
    for p in model:
        if p.std:
            tensors[p.name] = ("normal", p.shape, {"mean": p.mean, "std": p.std})
        else:
            tensors[p.name] = ("ones" if p.mean else "zeros", p.shape)
    return initializers.initialize(tensors, seed=seed)


def initialize_by_numpy(model: Iterable[Parameter], seed: int) -> dict[str, Array]:
    """The same work by the fastest idiom of NumPy: its fastest generator, drawing float32, scaled in place."""
    rng = np.random.Generator(np.random.SFC64(seed))
    tensors = {}
    for p in model:
        if p.std:
            values = np.empty(p.shape, np.float32)
            rng.standard_normal(dtype=np.float32, out=values)
            values *= np.float32(p.std)
        else:
            values = np.ones(p.shape, np.float32) if p.mean else np.zeros(p.shape, np.float32)
        tensors[p.name] = values
    return tensors


def checksum(model: Iterable[Parameter], tensors: dict[str, Array]) -> str:
    """BLAKE2b-128 over "name (d0, d1) float32", a newline and the little-endian bytes of every tensor in turn."""
    digest = hashlib.blake2b(digest_size=16)
    for p in model:
        values = tensors[p.name]
        digest.update(f"{p.name} {values.shape} {values.dtype}\n".encode())
        digest.update(values.data)
    return digest.hexdigest()


class Moments:
    """Running moments and extremes of many float32 arrays, in float64 and in little memory."""

    BLOCK = 1 << 16

    def __init__(self, center: float) -> None:
        # Sums of differences from about the mean do not cancel when they are subtracted.
        self.center = center
        self.count, self.sum, self.sum_of_squares = 0, 0.0, 0.0
        self.min, self.max = math.inf, -math.inf

    def add(self, values: Array) -> None:
        flat = values.reshape(-1)
        for start in range(0, flat.size, self.BLOCK):
            block = flat[start : start + self.BLOCK]
            self.min, self.max = min(self.min, float(block.min())), max(self.max, float(block.max()))
            difference = block.astype(np.float64) - self.center
            self.count += difference.size
            self.sum += float(difference.sum())
            self.sum_of_squares += float(np.square(difference, out=difference).sum())

    @property
    def mean(self) -> float:
        return self.center + self.sum / self.count

    @property
    def std(self) -> float:
        return math.sqrt(max(0.0, self.sum_of_squares / self.count - (self.sum / self.count) ** 2))


def seconds(work: Callable[[], dict[str, Array]], size: int) -> float:
    """The time that `work` takes, which makes arrays of so many bytes. They are freed afterwards, outside the time.

    As much memory is touched and freed before: what a virtual machine has never used, its host makes at the first
    touch, which takes longer than all else and would fall on whoever comes to it first.
    """
    np.empty(size, np.uint8)[::PAGE] = 1
    start = perf_counter()
    tensors = work()
    elapsed = perf_counter() - start
    del tensors
    return elapsed


def run(config: Config | None = None, *, seed: int = 0, compare: bool = True, rounds: int = 5) -> str:
    """Print the demo of one model and return its checksum.

    Parameters
    ----------
    config : Config, optional
        The sizes of the model, GPT-2 small's by default.
    seed : int
        The seed of the model; each tensor has the key ``Key(seed).child(name)``.
    compare : bool
        Time NumPy beside fastinit, in alternation, the one and the other first.
    rounds : int
        How often each is timed; the medians are printed.
    """
    model = parameters(config or Config())
    values = sum(p.size for p in model)
    print(f"GPT-2: {len(model)} tensors, {values:,} parameters, float32, seed {seed}\n", flush=True)

    with Progress(sys.stderr) as progress:
        progress.say("fastinit: initializing")
        tensors = initialize(model, seed)
        measured: dict[str, Moments] = {}
        for number, p in enumerate(model, 1):
            progress.say(f"fastinit: measuring tensor {number} of {len(model)}: {p.name}")
            measured.setdefault(p.kind, Moments(p.mean)).add(tensors[p.name])
        progress.say("fastinit: hashing")
        digest = checksum(model, tensors)
        # The timed rounds start from the same memory for both: none of the model is held.
        del tensors

        jobs = {"fastinit": lambda: initialize(model, seed)}
        if compare:
            jobs["NumPy"] = lambda: initialize_by_numpy(model, seed)
        times: dict[str, list[float]] = {name: [] for name in jobs}
        for number in range(rounds):
            for name in list(jobs)[:: -1 if number % 2 else 1]:
                progress.say(f"{name}: timing, round {number + 1} of {rounds}")
                times[name].append(seconds(jobs[name], values * np.dtype(np.float32).itemsize))

    rows = [["kind", "tensors", "parameters", "mean asked", "measured", "std asked", "measured", "min", "max"]]
    for kind in (EMBEDDINGS, LINEAR, RESIDUAL, LAYER_NORM, BIASES):
        m = measured[kind]
        members = [p for p in model if p.kind == kind]
        counts = [str(len(members)), f"{m.count:,}"]
        moments = [f"{members[0].mean:g}", f"{m.mean:.2e}" if members[0].std else f"{m.mean:g}"]
        moments += [f"{members[0].std:.6g}", f"{m.std:.6g}"]
        rows.append([kind, *counts, *moments, f"{m.min:.5g}", f"{m.max:.5g}"])
    print(table(rows))

    def timing(name: str, times: list[float], how: str) -> list[str]:
        median = statistics.median(times)
        return [name, f"{median:.3f} s", f"{median / values * 1e9:.2f} ns/value", f" {how}"]

    facts = info()
    threads = facts["threads"]
    how = f"{facts['isa']}, {threads} thread{'s' if threads != 1 else ''}"
    timings = [timing("fastinit", times["fastinit"], how)]
    if compare:
        how = "1 thread: SFC64, float32 standard_normal(out=), scaled in place"
        timings.append(timing("NumPy", times["NumPy"], how))
        ratios = [theirs / ours for ours, theirs in zip(times["fastinit"], times["NumPy"], strict=True)]
        spread = f"{min(ratios):.1f} to {max(ratios):.1f} in the single rounds"
        timings.append(["ratio", f"{statistics.median(ratios):.1f}x", "", f" {spread}"])
    print(f"\nTime of the whole model into fresh memory, median of {rounds}:")
    name_width = max(len(row[0]) for row in timings)
    for name, time, per_value, note in timings:
        print(f"  {name:{name_width}}  {time:>8}  {per_value:>14}  {note}".rstrip())

    print(f"\nChecksum of all bits, the same on every machine: {digest}")
    return digest
