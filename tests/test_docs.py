"""The examples of docstrings and of the README run, and say what is true."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import fastinit
from fastinit import (
    _activation,
    _constant,
    _engine,
    _fans,
    _gain,
    _lsuv,
    _models,
    _orthogonal,
    _random,
    _report,
    _scaled,
    _structured,
    initializers,
    keys,
    propagation,
    runtime,
    schemes,
)

MODULES = [
    _activation,
    _constant,
    _fans,
    _gain,
    _lsuv,
    _models,
    _orthogonal,
    _random,
    _report,
    _scaled,
    _structured,
    importlib.import_module("fastinit.dense"),  # fastinit.dense is the function
    initializers,
    keys,
    propagation,
    runtime,
    schemes,
]

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_docstring_examples(module: object) -> None:
    failed, tried = doctest.testmod(module)  # type: ignore[arg-type]
    assert tried > 0
    assert failed == 0


def test_readme_examples() -> None:
    path = ROOT / "README.md"
    if not path.exists():
        pytest.skip("the README is not here")
    failed, tried = doctest.testfile(str(path), module_relative=False)
    assert tried >= 5
    assert failed == 0


def test_readme_names_every_initializer() -> None:
    path = ROOT / "README.md"
    if not path.exists():
        pytest.skip("the README is not here")
    text = path.read_text()
    for name in _engine.registry:
        function = getattr(fastinit, name)
        if function.__name__ == name:
            assert f"`{name}" in text, name
