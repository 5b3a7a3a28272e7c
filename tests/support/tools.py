"""The programs of tools/, which are no package."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


def load_tool(name: str) -> ModuleType:
    path = Path(__file__).resolve().parents[2] / f"tools/{name}.py"
    if not path.exists():
        pytest.skip("the tools are not here")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
