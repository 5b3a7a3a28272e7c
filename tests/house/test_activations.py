"""Adding an activation: what csrc/activations.def lists is known everywhere else too, and nothing else is."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import pytest

import fastinit
from fastinit import _kernels
from fastinit.forward import _activation
from fastinit.propagation import _traits
from oracle import forward as oracle
from support.tools import load_tool

ROOT = Path(__file__).resolve().parents[2]
NAMES = list(_kernels.ACTIVATIONS)
ELEMENTWISE = [name for name in NAMES if name not in _kernels.ROW_ACTIVATIONS]
DEFAULTS = _kernels.ACTIVATION_PARAMETERS


def test_the_module_has_the_list() -> None:
    path = ROOT / "src/fastinit/csrc/activations.def"
    if not path.exists():
        pytest.skip("the source tree is not here")
    entries = re.findall(r"^FI_ACTIVATION\((\w+), (\w+), ([01]), (.+?)\)", path.read_text(), re.MULTILINE)
    assert [name for _, name, _, _ in entries] == NAMES
    assert [code for code, _, _, _ in entries] == [name.upper() for name in NAMES]
    assert list(_kernels.ACTIVATIONS.values()) == list(range(len(NAMES)))
    assert {name for _, name, of_rows, _ in entries if of_rows == "1"} == _kernels.ROW_ACTIVATIONS
    parameters = {name: None if default == "FI_NO_PARAMETER" else float(default) for _, name, _, default in entries}
    assert parameters == DEFAULTS


def test_the_bits_of_a_set_are_enough() -> None:
    """The kernels keep the set of those that work on rows in one word."""
    assert len(NAMES) <= 64


def test_type_checkers_know_it() -> None:
    assert list(typing.get_args(_activation.Elementwise)) == ELEMENTWISE
    assert set(typing.get_args(_activation.OfRows)) == _kernels.ROW_ACTIVATIONS
    assert set(typing.get_args(_activation.WithParameter)) == {name for name in NAMES if DEFAULTS[name] is not None}


def test_the_docstring_shows_it() -> None:
    rows = re.findall(r"^ +``(\w+)`` +.*?(?:  [a-z] = ([\d.]+))?$", fastinit.activate.__doc__ or "", re.MULTILINE)
    assert {name: float(default) if default else None for name, default in rows} == DEFAULTS
    assert len(rows) == len(NAMES)


def test_gains_and_slopes_know_it() -> None:
    assert list(_traits.TRAITS) == ELEMENTWISE
    with_formula = {name for name, traits in _traits.TRAITS.items() if traits.gain is None}
    assert with_formula == {name for name in ELEMENTWISE if DEFAULTS[name] is not None}


def test_the_oracle_knows_it() -> None:
    assert {name: default for name, (_, default) in oracle.VALUES.items()} == {
        name: DEFAULTS[name] for name in ELEMENTWISE
    }
    assert set(oracle.ROWS) == _kernels.ROW_ACTIVATIONS


def test_its_true_values_are_known() -> None:
    exact = load_tool("check_activations").EXACT
    assert set(ELEMENTWISE) - {"leaky_relu"} == set(exact)  # whose values are x and a product


def test_the_table_of_gains() -> None:
    path = ROOT / "docs/activations.md"
    if not path.exists():
        pytest.skip("the documents are not here")
    _, _, text = path.read_text().partition("| activation | gain |")
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \|$", text.partition("\n\n")[0], re.MULTILINE)
    assert {name: float(value) for name, value in rows} == {
        name: fastinit.gain(typing.cast(typing.Any, name)) for name in ELEMENTWISE
    }
