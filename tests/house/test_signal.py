"""The command line's comparison of initializations."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import fastinit
from fastinit.__main__ import main
from fastinit.cli import signal


def test_widths() -> None:
    assert signal.parse_widths("784,512x3,10") == [784, 512, 512, 512, 10]
    assert signal.parse_widths("5x2") == [5, 5]
    assert signal.parse_widths(" 7, 8 ") == [7, 8]


@pytest.mark.parametrize("text", ["", "7", "7x1", "7,", "7,0", "7,-1", "7x,2", "7,2x0", "a,b", "7,1e3", "1,2x99999"])
def test_bad_widths(text: str) -> None:
    with pytest.raises(ValueError, match=r"`widths` must be two or more sizes such as .* Received: "):
        signal.parse_widths(text)


@pytest.mark.parametrize(
    ("text", "name", "kwargs"),
    [
        ("he_normal", "he_normal", {}),
        ("normal:0.01", "normal", {"std": 0.01}),
        ("uniform:0:1", "uniform", {"low": 0.0, "high": 1.0}),
        ("uniform:-1", "uniform", {"low": -1.0}),
        ("constant:2", "constant", {"value": 2.0}),
        ("identity:0.5", "identity", {"gain": 0.5}),
        (" sparse:0.5:1 ", "sparse", {"sparsity": 0.5, "std": 1.0}),
        ("variance_scaling:2", "variance_scaling", {"scale": 2.0}),
    ],
)
def test_schemes(text: str, name: str, kwargs: dict[str, float]) -> None:
    made = signal.parse_scheme(text)((6, 5), seed=3)
    assert np.array_equal(made, fastinit.get(name)((6, 5), **kwargs, seed=3))


def test_the_table_and_the_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "signal.png"
    arguments = ["signal", "--widths", "50,90x20,10", "--init", "he_normal, normal:0.01,zeros,normal:1"]
    assert main([*arguments, "--batch", "32", "--seed", "3", "--plot", str(path)]) == 0
    out, errors = capsys.readouterr()
    assert errors == ""
    for name, verdict in (
        ("he_normal", "healthy"),
        ("normal:0.01", "vanishing"),
        ("zeros", "symmetric"),
        ("normal:1", "exploding"),
    ):
        assert re.search(rf"^{name} .* {verdict}$", out, re.MULTILINE)
    assert f"Figure: {path}" in out
    assert path.stat().st_size > 10_000


def test_the_numbers_are_those_of_propagate(capsys: pytest.CaptureFixture[str]) -> None:
    reports = signal.run("20,30,10", "leaky_relu:0.2", "he_normal", batch=16, seed=4)
    own = fastinit.propagate([20, 30, 10], activation=("leaky_relu", 0.2), batch=16, seed=4)
    assert reports["he_normal"].to_dict() == own.to_dict()
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--widths", "7"], "`widths` must be"),
        (["--init", "magic"], "an initializer's name must be one of"),
        (["--init", ""], "an initializer's name must be one of"),
        (["--init", "normal:x"], "must be a number"),
        (["--init", "normal:1:2"], "given as normal:std. Received: normal:1:2"),
        (["--init", "zeros:1"], "given as zeros, without a number"),
        (["--init", "constant"], "given as constant:value"),
        (["--init", "normal:-1"], "`std` must be finite"),
        (["--activation", "magic"], "an activation must be one of"),
        (["--activation", "elu:x"], "must be a number"),
        (["--batch", "0"], "must be an integer >= 1"),
        (["--seed", "-1"], "[0, 2**64)"),
        (["--init", "dirac"], "`shape` must be"),
        (["--init", "ones, zeros,ones"], "`init` must name every initializer once. Received: ones twice"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["signal", "--widths", "4,3", "--init", "zeros", *arguments])
    assert exit_.value.code == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("missing/folder/signal.png", "a folder that exists and is writable. Received: missing/folder/signal.png"),
        ("", "must end in one of"),
        (".", "must be written to a file"),
        ("signal", "must end in one of ."),
        ("signal.txt", "must end in one of ."),
    ],
)
def test_a_bad_file_is_found_before_the_run(
    path: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(signal, "propagate", None)
    with pytest.raises(SystemExit) as exit_:
        main(["signal", "--widths", "4,3", "--init", "zeros", "--plot", path])
    assert exit_.value.code == 2
    out, errors = capsys.readouterr()
    assert words in errors
    assert (out, errors.count("\n")) == ("", 1)


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["signal", "--help"])
    assert exit_.value.code == 0
    out = capsys.readouterr().out
    assert "python -m fastinit signal --widths 784,512x20,10 --activation relu" in out
    assert "normal:STD" in out
