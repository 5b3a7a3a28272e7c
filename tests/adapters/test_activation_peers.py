"""Where other libraries' activations differ: the table of docs/activations.md, measured again."""

from __future__ import annotations

import os

import pytest

from support.tools import load_tool

PEERS = ("torch", "jax", "keras", "onnxruntime")


def test_our_own_column() -> None:
    tool = load_tool("compare_activations")
    assert tuple(tool.PEERS) == PEERS
    own, page = tool.own_column(), tool.held()
    assert page["fastinit"].items() <= own.items()
    assert len(page["fastinit"]) > 30


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
@pytest.mark.parametrize("module", PEERS)
def test_a_column(module: str) -> None:
    pytest.importorskip(module, exc_type=ImportError)
    if module == "onnxruntime":
        pytest.importorskip("onnx")
    if module == "keras" and os.environ.get("KERAS_BACKEND") != "jax":
        pytest.skip("the table has Keras on JAX")
    tool = load_tool("compare_activations")
    own, page, found = tool.own_column(), tool.held(), tool.column(module)
    cells = page[tool.PEERS[module]]
    for at, value in own.items():
        if at not in found:
            assert cells.get(at, "-") == "-", at
        elif at in cells:
            assert (cells[at] or value) == found[at], at
        else:
            assert found[at] == value, at
