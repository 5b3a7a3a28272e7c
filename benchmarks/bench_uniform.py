"""uniform: float32 in [-0.05, 0.05)."""

import numpy_idioms
import pytest
from harness import Fill, Measure

import fastinit

LOW, HIGH = -0.05, 0.05
RNG = numpy_idioms.generator()
FILLS: dict[str, Fill] = {
    "fastinit": lambda shape, out: fastinit.uniform(shape, LOW, HIGH, seed=0, out=out),
    "numpy": lambda shape, out: numpy_idioms.uniform(RNG, shape, LOW, HIGH, out=out),
}


@pytest.mark.parametrize("library", FILLS)
def test_uniform(measure: Measure, library: str) -> None:
    measure(library, FILLS[library], low=LOW, high=HIGH, std=(HIGH - LOW) / 12**0.5)
