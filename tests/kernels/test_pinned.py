"""The stream is pinned: known answers, hashes, and the checksum of the coefficients."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.tools import load_tool

ROOT = Path(__file__).resolve().parents[2]


pin_stream = load_tool("pin_stream")
ROWS = [line.split(maxsplit=2) for line in pin_stream.HASHES.read_text().splitlines() if not line.startswith("#")]


def test_every_pinned_call_is_there() -> None:
    assert len(ROWS) == sum(len(pin_stream.dtypes_of(call)) for call in pin_stream.CALLS)


@pytest.mark.parametrize(("dtype", "digest", "call"), ROWS)
def test_hash(isa: str, dtype: str, digest: str, call: str) -> None:
    assert pin_stream.digest(call, dtype) == digest


def test_known_answers_of_the_page(isa: str) -> None:
    assert pin_stream.known_answers() in pin_stream.PAGE.read_text()


def test_known_answers_of_the_activations(isa: str) -> None:
    assert pin_stream.activation_answers() in pin_stream.ACTIVATIONS_PAGE.read_text()


def test_checksum_of_the_coefficients() -> None:
    assert pin_stream.tables_checksum() in pin_stream.PAGE.read_text()


def test_the_forward_pass(isa: str) -> None:
    assert pin_stream.forward_hashes() == pin_stream.FORWARD_HASHES.read_text()


def test_populations(isa: str) -> None:
    assert pin_stream.evolution_hashes() == pin_stream.EVOLUTION_HASHES.read_text()
