"""Every block of code in the guide for Keras's users runs."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from support.keras_backend import ignore_copy_keyword

pytestmark = ignore_copy_keyword

PAGE = Path(__file__).resolve().parents[2] / "docs/guide/coming-from-keras.md"


def test_the_guide() -> None:
    if not PAGE.exists():
        pytest.skip("the guide is not here")
    assert PAGE.read_text().count("```python\n") == PAGE.read_text().count("```python\n>>> ")
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert tried >= 25
    assert failed == 0
