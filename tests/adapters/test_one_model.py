"""The checksum of the one model, by NumPy arrays alone; each adapter's own test compares with the same constant."""

from __future__ import annotations

import re

import pytest
from adapters.one_model import CHECKSUM, RULES, SEED, TENSORS, checksum

import fastinit


def test_numpy_calls_give_the_checksum() -> None:
    pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
    arrays = {}
    for name, (shape, dtype) in TENSORS.items():
        _, initializer, kwargs = next(rule for rule in RULES if re.fullmatch(rule[0], name))
        draw = getattr(fastinit, initializer)
        arrays[name] = draw(shape, dtype=dtype, seed=fastinit.Key(SEED).child(name), **kwargs)
    assert checksum(arrays) == CHECKSUM


def test_rules_and_initialize_give_the_checksum() -> None:
    pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
    assert checksum(fastinit.initialize(fastinit.Rules(RULES).plan(TENSORS), seed=SEED)) == CHECKSUM


def test_the_checksum_tells_values_apart() -> None:
    pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
    arrays = fastinit.initialize(fastinit.Rules(RULES).plan(TENSORS), seed=SEED)
    arrays["head.bias"][5] = 0.0
    assert checksum(arrays) != CHECKSUM
