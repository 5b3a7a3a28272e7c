"""The examples of docstrings and of the README run, and say what is true."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import fastinit
from fastinit.initializers._engine import registry

PACKAGE = Path(fastinit.__file__).parent
# Their examples run where their framework is: tests/adapters.
ADAPTERS = ("convert", "dask", "jax", "keras", "torch")


def modules_with_examples() -> list[str]:
    """Every module of the package whose docstrings show something."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in ADAPTERS and ">>> " in path.read_text():
            found.append(".".join(("fastinit", *parts)).removesuffix(".__init__"))
    return found


ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", modules_with_examples())
def test_docstring_examples(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
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
    for name in registry:
        function = getattr(fastinit, name)
        if "by another name" not in function.__doc__:
            assert f"`{name}" in text, name
