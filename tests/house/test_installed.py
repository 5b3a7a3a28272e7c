"""What is installed of a wheel: modules, types and the compiled kernels, and neither sources nor tests."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

import fastinit
from fastinit import _kernels

try:
    INSTALLED = [Path(str(file)) for file in metadata.files("fastinit") or [] if "__pycache__" not in file.parts]
    HERE = {Path(str(metadata.distribution("fastinit").locate_file(file))).resolve() for file in INSTALLED}
except metadata.PackageNotFoundError:
    HERE = set()
if Path(fastinit.__file__).resolve() not in HERE:
    pytest.skip("fastinit runs from its source tree", allow_module_level=True)


def test_only_the_package_is_installed() -> None:
    assert {path.parts[0] for path in INSTALLED} == {"fastinit", f"fastinit-{metadata.version('fastinit')}.dist-info"}


def test_there_are_modules_types_and_one_compiled_file() -> None:
    package = [path for path in INSTALLED if path.parts[0] == "fastinit"]
    compiled = [path.name for path in package if path.suffix in (".so", ".pyd")]
    assert compiled == [Path(_kernels.__file__).name]
    assert {path.suffix for path in package} == {".py", ".pyi", ".typed", Path(compiled[0]).suffix}
    assert {"py.typed", "_kernels.pyi"} <= {path.name for path in package}
