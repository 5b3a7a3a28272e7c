"""The examples of fastinit.convert's docstrings and of its page run, and say what is true."""

from __future__ import annotations

import doctest
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

for framework in ("torch", "onnx", "sklearn"):
    pytest.importorskip(framework, reason=f"{framework} is not installed")

import fastinit.convert
from support.keras_backend import ignore_copy_keyword

ROOT = Path(__file__).resolve().parents[2]
pytestmark = ignore_copy_keyword
MODULES = [
    path.stem.replace("__init__", "")
    for path in sorted((Path(fastinit.__file__).parent / "convert").glob("*.py"))
    if ">>> " in path.read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(f"fastinit.convert.{name}".rstrip(".")))
    assert tried > 0
    assert failed == 0


def test_everything_public_is_documented() -> None:
    for name in fastinit.convert.__all__:
        assert getattr(fastinit.convert, name).__doc__, name
        if name.startswith("from_") or name == "layers_of":
            assert ">>> " in getattr(fastinit.convert, name).__doc__, name


def test_the_page() -> None:
    path = ROOT / "docs/guide/trained-policy.md"
    if not path.exists():
        pytest.skip("the docs are not here")
    failed, tried = doctest.testfile(str(path), module_relative=False)
    assert tried >= 20
    assert failed == 0


def test_no_framework_is_imported_before_it_is_asked_for() -> None:
    script = (
        "import sys, fastinit.convert; found = {'torch', 'keras', 'onnx', 'sklearn'} & set(sys.modules); "
        "assert not found, found"
    )
    source = str(Path(fastinit.__file__).parents[1])
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "PYTHONPATH": source}, timeout=60)


@pytest.mark.parametrize(("framework", "package"), [("torch", "torch"), ("onnx", "onnx"), ("keras", "keras")])
def test_a_framework_that_is_missing(framework: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, framework, None)
    with pytest.raises(ImportError, match=f"from_{framework} needs the package {package}: pip install {package}"):
        getattr(fastinit.convert, f"from_{framework}")(None)
