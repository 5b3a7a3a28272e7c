"""The examples of fastinit.torch's docstrings and of its pages run, and say what is true."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import fastinit
import fastinit.torch as init

ROOT = Path(__file__).resolve().parents[2]
MODULES = [
    path.stem for path in sorted((Path(fastinit.__file__).parent / "torch").glob("*.py")) if ">>> " in path.read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(f"fastinit.torch.{name}"))
    assert tried > 0
    assert failed == 0


def test_everything_public_is_documented_by_an_example() -> None:
    deprecated = {name for name in init.__all__ if f"{name}_" in init.__all__}
    for name in sorted({*init.__all__} - deprecated - {"calculate_gain"}):  # torch's own
        assert ">>> " in getattr(init, name).__doc__, name


def test_the_page_that_shows_what_an_initialization_does() -> None:
    path = ROOT / "docs/guide/see-it-in-torch.md"
    if not path.exists():
        pytest.skip("the docs are not here")
    failed, tried = doctest.testfile(str(path), module_relative=False)
    assert tried >= 20
    assert failed == 0


def test_the_page_for_those_who_come_from_pytorch() -> None:
    path = ROOT / "docs/guide/coming-from-pytorch.md"
    if not path.exists():
        pytest.skip("the docs are not here")
    failed, tried = doctest.testfile(str(path), module_relative=False)
    assert tried >= 20
    assert failed == 0
    text = path.read_text()
    for name in sorted({*init.__all__} - {name for name in init.__all__ if f"{name}_" in init.__all__}):
        assert f"`{name}" in text or f"init.{name}" in text, name
