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
ELEMENTWISE = [name for name in NAMES if name not in _kernels.ROW_ACTIVATIONS | _kernels.GATED_ACTIVATIONS]
PARAMETERS = _kernels.ACTIVATION_PARAMETERS
ALIASES = _kernels.ACTIVATION_ALIASES


def test_the_module_has_the_list() -> None:
    path = ROOT / "src/fastinit/csrc/activations.def"
    if not path.exists():
        pytest.skip("the source tree is not here")
    text = path.read_text()
    entries = re.findall(r"^FI_ACTIVATION\((\w+), (\w+), (\w+)\)", text, re.MULTILINE)
    assert [name for _, name, _ in entries] == NAMES
    assert [code for code, _, _ in entries] == [name.upper() for name in NAMES]
    assert list(_kernels.ACTIVATIONS.values()) == list(range(len(NAMES)))
    assert {name for _, name, takes in entries if takes == "FI_ROWS"} == _kernels.ROW_ACTIVATIONS
    assert {name for _, name, takes in entries if takes == "FI_HALVES"} == _kernels.GATED_ACTIVATIONS
    parameters = re.findall(r"^FI_PARAMETER\((\w+), (\w+), (\S+), (\w+)\)", text, re.MULTILINE)
    assert [(code.lower(), name) for code, name, _, _ in parameters] == [
        (name, parameter) for name in NAMES for parameter in PARAMETERS[name]
    ]
    aliases = re.findall(r"^FI_ALIAS\((\w+), (\w+)\)", text, re.MULTILINE)
    assert {alias: code.lower() for code, alias in aliases} == ALIASES
    assert not set(ALIASES) & set(NAMES)


def test_the_bits_of_a_set_are_enough() -> None:
    """The kernels keep the set of those that work on rows in one word."""
    assert len(NAMES) <= 64


def test_type_checkers_know_it() -> None:
    assert list(typing.get_args(_activation.Elementwise)) == ELEMENTWISE
    assert set(typing.get_args(_activation.ElementwiseAlias)) == {a for a, own in ALIASES.items() if own in ELEMENTWISE}
    of_rows = {alias for alias, own in ALIASES.items() if own in _kernels.ROW_ACTIVATIONS}
    assert set(typing.get_args(_activation.OfRows)) == _kernels.ROW_ACTIVATIONS | of_rows
    assert set(typing.get_args(_activation.Gated)) == _kernels.GATED_ACTIVATIONS
    taking = {name for name in [*ELEMENTWISE, *ALIASES] if PARAMETERS[ALIASES.get(name, name)]}
    assert set(typing.get_args(_activation.WithParameter)) == taking


def test_the_docstring_shows_it() -> None:
    text = fastinit.activate.__doc__ or ""
    rows = re.split(r"^ {4}``(\w+)`` ", text.partition("Other names are")[0], flags=re.MULTILINE)
    described = dict(zip(rows[1::2], rows[2::2], strict=True))
    assert list(described) == NAMES
    for name, parameters in PARAMETERS.items():
        for parameter, (standard, _) in parameters.items():
            value = "1/6" if standard == 1 / 6 else f"{standard:.17g}".removesuffix(".0")
            given = re.search(rf"\b{parameter}(?: \w)? = (\S+?),?\s", described[name] + " ")
            assert given, (name, parameter)
            assert given[1] == value or float(given[1]) == standard, (name, parameter)
    others = text.partition("Other names are")[2].partition("Parameters")[0]
    assert set(re.findall(r"``(\w+)``", others)) == set(ALIASES)


def test_gains_and_slopes_know_it() -> None:
    assert list(_traits.TRAITS) == ELEMENTWISE
    with_formula = {name for name, traits in _traits.TRAITS.items() if traits.gain is None}
    assert with_formula == {"leaky_relu", "elu", "softplus"}


def test_the_oracle_knows_it() -> None:
    held = {name: standard for name, (_, standard) in (oracle.VALUES | oracle.ROWS).items()}
    assert held == {
        name: tuple(standard for standard, _ in PARAMETERS[name].values())
        for name in NAMES
        if name not in _kernels.GATED_ACTIVATIONS
    }
    assert set(oracle.ROWS) == _kernels.ROW_ACTIVATIONS
    assert set(oracle.HALVES) == _kernels.GATED_ACTIVATIONS


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
