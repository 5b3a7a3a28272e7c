"""he_normal: float32, a normal cut off at two of its stds whose std after that is sqrt(2 / fan_in)."""

import numpy_idioms
import pytest
from harness import Fill, Measure, Shape

import fastinit

RNG = numpy_idioms.generator()
FILLS: dict[str, Fill] = {
    "fastinit": lambda shape, out: fastinit.he_normal(shape, seed=0, out=out),
    "numpy": lambda shape, out: numpy_idioms.he_normal(RNG, shape, out=out),
}


@pytest.mark.parametrize("library", FILLS)
def test_he_normal(measure: Measure, shape: Shape, library: str) -> None:
    std = (2 / shape[0]) ** 0.5
    bound = 2 * std / numpy_idioms.TRUNCATED_STD
    measure(library, FILLS[library], low=-bound, high=bound, std=std)
