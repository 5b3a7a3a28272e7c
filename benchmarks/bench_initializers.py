"""The initializers in float32: each a distribution about 0 whose bounds and std are checked before it is timed."""

import math

import numpy as np
import pytest
import scipy.stats

import fastinit
from benchmarks.harness import Fill, Measure
from benchmarks.peers import numpy_idioms
from benchmarks.peers.types import Array, Shape

LOW, HIGH = -0.05, 0.05
STD = 0.02
RNG = numpy_idioms.generator()

UNIFORM: dict[str, Fill] = {
    "fastinit": lambda shape, out: fastinit.uniform(shape, LOW, HIGH, seed=0, out=out),
    "numpy": lambda shape, out: numpy_idioms.uniform(RNG, shape, LOW, HIGH, out=out),
}
NORMAL: dict[str, Fill] = {
    "fastinit": lambda shape, out: fastinit.normal(shape, 0.0, STD, seed=0, out=out),
    "numpy": lambda shape, out: numpy_idioms.normal(RNG, shape, STD, out=out),
}


def truncated_by_scipy(shape: Shape, out: Array | None) -> Array:
    values = scipy.stats.truncnorm.rvs(-2.0, 2.0, scale=STD, size=shape, random_state=RNG)
    if out is None:
        return values.astype(np.float32)
    out[...] = values
    return out


TRUNCATED_NORMAL: dict[str, Fill] = {
    "fastinit": lambda shape, out: fastinit.truncated_normal(shape, 0.0, STD, seed=0, out=out),
    "numpy": lambda shape, out: numpy_idioms.truncated_normal(RNG, shape, STD, out=out),
    "scipy": truncated_by_scipy,
}
HE_NORMAL: dict[str, Fill] = {
    "fastinit": lambda shape, out: fastinit.he_normal(shape, seed=0, out=out),
    "numpy": lambda shape, out: numpy_idioms.he_normal(RNG, shape, out=out),
}


@pytest.mark.parametrize("library", UNIFORM)
def test_uniform(measure: Measure, library: str) -> None:
    """In [-0.05, 0.05)."""
    measure(library, UNIFORM[library], low=LOW, high=HIGH, std=(HIGH - LOW) / 12**0.5)


@pytest.mark.parametrize("library", NORMAL)
def test_normal(measure: Measure, library: str) -> None:
    """Of std 0.02."""
    measure(library, NORMAL[library], low=-math.inf, high=math.inf, std=STD)


@pytest.mark.parametrize("library", TRUNCATED_NORMAL)
def test_truncated_normal(measure: Measure, shape: Shape, library: str) -> None:
    """Of std 0.02 before the truncation at -0.04 and 0.04."""
    if library == "scipy" and shape[0] > 784:
        pytest.skip("SciPy takes seconds here and nothing new is learned")
    measure(library, TRUNCATED_NORMAL[library], low=-2 * STD, high=2 * STD, std=STD * numpy_idioms.TRUNCATED_STD)


@pytest.mark.parametrize("library", HE_NORMAL)
def test_he_normal(measure: Measure, shape: Shape, library: str) -> None:
    """A normal cut off at two of its stds whose std after that is sqrt(2 / fan_in)."""
    std = (2 / shape[0]) ** 0.5
    bound = 2 * std / numpy_idioms.TRUNCATED_STD
    measure(library, HE_NORMAL[library], low=-bound, high=bound, std=std)
