"""The programs of tools/ and examples/, which are no packages."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_tool(name: str) -> ModuleType:
    return _load("tools", name)


def load_example(name: str) -> ModuleType:
    return _load("examples", name)


def _load(folder: str, name: str) -> ModuleType:
    path = ROOT / folder / f"{name}.py"
    if not path.exists():
        pytest.skip(f"the {folder} are not here", allow_module_level=True)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where a dataclass of it looks itself up
    spec.loader.exec_module(module)
    return module
