"""The examples of fastinit.jax's docstrings and of the guide run, and say what is true."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

jax = pytest.importorskip("jax", reason="fastinit.jax needs JAX")

GUIDE = Path(__file__).resolve().parents[2] / "docs/guide/coming-from-jax.md"
MODULES = ("fastinit.jax", *(f"fastinit.jax.{name}" for name in ("_factories", "_initialize", "_keys", "_sharding")))
NEEDED = {"Flax linen": "flax.linen", "Flax nnx": "flax.nnx", "Equinox": "equinox"}


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0
    assert failed == 0


def test_guide() -> None:
    if not GUIDE.exists():
        pytest.skip("the guide is not here")
    for name in NEEDED.values():
        pytest.importorskip(name, reason="the guide shows Flax and Equinox")
    if not hasattr(jax, "set_mesh"):
        pytest.skip("the guide is written for a newer JAX")
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    failed, tried = doctest.testfile(str(GUIDE), module_relative=False, optionflags=flags)
    assert tried >= 40
    assert failed == 0


def test_guide_has_a_block_for_each_library() -> None:
    if not GUIDE.exists():
        pytest.skip("the guide is not here")
    sections = re.split(r"^## ", GUIDE.read_text(), flags=re.MULTILINE)
    for title in (*NEEDED, "jax.export", "Sharded arrays, and jit with out_shardings"):
        (section,) = [text for text in sections if text.startswith(title + "\n")]
        assert "```python\n>>> " in section, title
