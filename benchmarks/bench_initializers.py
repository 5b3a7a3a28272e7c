"""truncated_normal: float32 of mean 0 and std 0.02 before the truncation at -0.04 and 0.04."""

import numpy as np
import numpy_idioms
import pytest
import scipy.stats
from harness import Array, Fill, Measure, Shape

import fastinit

STD = 0.02
RNG = numpy_idioms.generator()


def by_scipy(shape: Shape, out: Array | None) -> Array:
    values = scipy.stats.truncnorm.rvs(-2.0, 2.0, scale=STD, size=shape, random_state=RNG)
    if out is None:
        return values.astype(np.float32)
    out[...] = values
    return out


FILLS: dict[str, Fill] = {
    "fastinit": lambda shape, out: fastinit.truncated_normal(shape, 0.0, STD, seed=0, out=out),
    "numpy": lambda shape, out: numpy_idioms.truncated_normal(RNG, shape, STD, out=out),
    "scipy": by_scipy,
}


@pytest.mark.parametrize("library", FILLS)
def test_truncated_normal(measure: Measure, shape: Shape, library: str) -> None:
    if library == "scipy" and shape[0] > 784:
        pytest.skip("SciPy takes seconds here and nothing new is learned")
    measure(library, FILLS[library], low=-2 * STD, high=2 * STD, std=STD * numpy_idioms.TRUNCATED_STD)
