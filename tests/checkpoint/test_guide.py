"""The examples of the page about checkpoints run, and say what is true."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs/guide/checkpoints.md"


def test_the_page() -> None:
    if not PAGE.exists():
        pytest.skip("the docs are not here")
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert tried >= 9
    assert failed == 0
