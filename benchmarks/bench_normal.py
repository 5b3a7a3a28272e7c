"""normal: float32 of mean 0 and std 0.02."""

import math

import numpy_idioms
import pytest
from harness import Fill, Measure

import fastinit

STD = 0.02
RNG = numpy_idioms.generator()
FILLS: dict[str, Fill] = {
    "fastinit": lambda shape, out: fastinit.normal(shape, 0.0, STD, seed=0, out=out),
    "numpy": lambda shape, out: numpy_idioms.normal(RNG, shape, STD, out=out),
}


@pytest.mark.parametrize("library", FILLS)
def test_normal(measure: Measure, library: str) -> None:
    measure(library, FILLS[library], low=-math.inf, high=math.inf, std=STD)
