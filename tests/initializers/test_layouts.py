"""Initializers whose layout is fixed, for tensors stored (out, in, *spatial*): also when many are drawn at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import Rules

CASES: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("delta_orthogonal", {}, (16, 8, 3, 5)),
    ("dirac", {}, (8, 6, 3, 5)),
    ("sparse", {"sparsity": 0.5}, (6, 10)),
    ("identity", {"gain": 2.0}, (4, 6)),
    ("zero_hadamard", {}, (8, 6)),
]


@pytest.mark.parametrize(("name", "kwargs", "shape"), CASES, ids=[case[0] for case in CASES])
def test_initialize_makes_the_turned_tensor(name: str, kwargs: dict[str, Any], shape: tuple[int, ...]) -> None:
    rules = Rules([("w", name, kwargs)])
    order = (*range(2, len(shape)), 1, 0)
    draw = getattr(fastinit, name, None) or getattr(fastinit.schemes, name)
    seed = fastinit.Key(3).child("w")
    common = {} if name == "zero_hadamard" else {"seed": seed}
    made = draw(tuple(shape[axis] for axis in order), **common, **kwargs)
    want = np.ascontiguousarray(made.transpose(np.argsort(order)))
    found = fastinit.initialize(rules.plan({"w": shape}, layout="out_in"), seed=3)["w"]
    assert found.shape == shape
    np.testing.assert_array_equal(found, want)
    entry = rules.plan({"w": shape}, layout="out_in")["w"]
    np.testing.assert_array_equal(entry.initializer(shape, seed=seed, **entry.kwargs), want)
