"""uniform: float32 in [-0.05, 0.05)."""

import numpy as np
import numpy_idioms
import pytest
from conftest import Array, Duel, Shape

import fastinit

LOW, HIGH = -0.05, 0.05


def by_fastinit(shape: Shape, out: Array | None) -> Array:
    return fastinit.uniform(shape, LOW, HIGH, seed=0, out=out)


RNG = numpy_idioms.generator()


def by_numpy(shape: Shape, out: Array | None) -> Array:
    return numpy_idioms.uniform(RNG, np.empty(shape, np.float32) if out is None else out, LOW, HIGH)


@pytest.mark.parametrize("library", ["fastinit", "numpy"])
def test_uniform(duel: Duel, library: str) -> None:
    fill = {"fastinit": by_fastinit, "numpy": by_numpy}[library]
    duel(library, fill, LOW, HIGH, (HIGH - LOW) / 12**0.5)
