"""docs/stream.md: its second table of known answers, read from the page, and the tables that it names."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import _kernels
from oracle.tables import LAWS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/stream.md"
if not PAGE.exists():
    pytest.skip("the page is not here", allow_module_level=True)
TEXT = PAGE.read_text(encoding="utf-8")


def rows() -> list[tuple[str, str]]:
    """The expressions and their bits."""
    table = TEXT.split("<!-- more known answers -->\n")[1].split("<!-- end of more -->\n")[0]
    _, _, *lines = table.splitlines()
    found = [re.fullmatch(r"\| `(.+)` \| `([0-9a-f ]+)` \|", line) for line in lines]
    assert all(found), "a row is not of the form | `expression` | `bits` |"
    return [(row[1], row[2]) for row in found if row]


def words(key: fastinit.Key, first: int, count: int) -> np.ndarray:
    """Words first, first + 1, ... of a stream."""
    found = np.empty(count, np.uint32)
    _kernels.fill(_kernels.Law.words(), found, key.key, key.stream, (2**60,), ((first, first + count),))
    return found


def bits(value: Any) -> str:
    """A key's two numbers, or an array's elements, as the page writes them."""
    if isinstance(value, fastinit.Key):
        return f"{value.key:016x} {value.stream:016x}"
    flat = np.ravel(value)
    width = flat.real.itemsize  # a complex number is two
    return " ".join(f"{int(x):0{2 * width}x}" for x in flat.view(f"u{width}"))


@pytest.mark.parametrize(("expression", "expected"), rows())
def test_known_answer(isa: str, expression: str, expected: str) -> None:
    names = {**vars(fastinit), "np": np, "inf": math.inf, "words": words}
    assert bits(eval(expression, names)) == expected  # the page's text is code of this project


EASILY_MISSED = (
    "truncated_normal((9,), 0.0, 1.0, -2.0, 0.0, seed=7)[8:]",
    "truncated_normal(4, 0.0, 1.0, 0.1, 0.3, seed=1)",
    "fan_geo_avg",
    "he_normal(()",
    "column_axis=0",
    "delta_orthogonal",
    "perturb(",
    "recombine(",
    "words(",
    "Key(",
)


@pytest.mark.parametrize("call", EASILY_MISSED)
def test_the_table_has_what_is_easily_missed(call: str) -> None:
    assert any(call in expression for expression, _ in rows())


def test_the_tables_are_those_that_the_page_names() -> None:
    """Its `name[terms][rows]` are all the tables of that kind, and the vectors stand there by their names."""
    sizes = {name.removeprefix("fi_"): array.shape for name, array in LAWS.items()}
    tables = {f"{name}[{size[0]}][{size[1]}]" for name, size in sizes.items() if len(size) == 2}
    assert tables == set(re.findall(r"`(\w+\[\d+\]\[\d+\])`", TEXT.replace("`fi_", "`")))
    assert all(f"`{name}`" in TEXT for name, size in sizes.items() if len(size) == 1)
