"""The command line, and the model that its demo initializes."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastinit.cli import demo

DATA = Path(__file__).resolve().parents[1] / "data"
TINY = demo.Config(n_layer=2, n_embd=32, n_positions=16, vocab_size=1000)


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fastinit", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=300,
    )


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """It failed and said why in one line."""
    assert done.returncode != 0
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr


# The command line


def test_info() -> None:
    done = command("info")
    assert (done.returncode, done.stderr) == (0, "")
    facts = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", facts["version"])
    assert int(facts["threads"]) >= 1
    assert facts["isa"] in facts["runnable"].split(", ")
    assert set(facts["runnable"].split(", ")) <= set(facts["compiled"].split(", "))


def test_info_under_a_forced_instruction_set() -> None:
    done = command("info", FASTINIT_ISA="scalar")
    assert done.returncode == 0
    assert re.search(r"^isa +scalar$", done.stdout, re.MULTILINE)


def test_help_names_the_commands_and_shows_examples() -> None:
    done = command("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("info", "demo", "examples:", "python -m fastinit demo"):
        assert word in done.stdout
    assert "--seed" in command("demo", "--help").stdout


def test_no_command() -> None:
    assert_refused(command(), "command")


def test_unknown_command() -> None:
    assert_refused(command("prove"), "prove", "info", "demo")


def test_unknown_option() -> None:
    assert_refused(command("demo", "--sede", "1"), "--sede")


@pytest.mark.parametrize("seed", ["-1", str(2**64), "1.5", "seven", "", "9" * 5000])
def test_bad_seed(seed: str) -> None:
    assert_refused(command("demo", f"--seed={seed}"), "--seed", "[0, 2**64)", seed)


def test_unknown_instruction_set() -> None:
    assert_refused(command("info", FASTINIT_ISA="avx9"), "FASTINIT_ISA", "avx9", "scalar")


# The model


def test_the_model_is_gpt2_small_as_published() -> None:
    model = demo.parameters(demo.Config())
    assert len(model) == 148
    assert sum(p.size for p in model) == 124_439_808
    shapes = {p.name: p.shape for p in model}
    assert len(shapes) == 148
    assert list(shapes)[:3] == ["wte.weight", "wpe.weight", "h.0.ln_1.weight"]
    assert list(shapes)[-2:] == ["ln_f.weight", "ln_f.bias"]
    assert shapes["wte.weight"] == (50257, 768)
    assert shapes["wpe.weight"] == (1024, 768)
    assert {name: shape for name, shape in shapes.items() if name.startswith("h.11.")} == {
        "h.11.ln_1.weight": (768,),
        "h.11.ln_1.bias": (768,),
        "h.11.attn.c_attn.weight": (768, 2304),
        "h.11.attn.c_attn.bias": (2304,),
        "h.11.attn.c_proj.weight": (768, 768),
        "h.11.attn.c_proj.bias": (768,),
        "h.11.ln_2.weight": (768,),
        "h.11.ln_2.bias": (768,),
        "h.11.mlp.c_fc.weight": (768, 3072),
        "h.11.mlp.c_fc.bias": (3072,),
        "h.11.mlp.c_proj.weight": (3072, 768),
        "h.11.mlp.c_proj.bias": (768,),
    }


def test_the_scheme_is_the_published_one() -> None:
    for p in demo.parameters(demo.Config()):
        if p.name.endswith(".bias"):
            asked = (0.0, 0.0)
        elif ".ln_" in f".{p.name}":
            asked = (1.0, 0.0)
        elif p.name.endswith("c_proj.weight"):
            asked = (0.0, 0.02 / 24**0.5)
        else:
            asked = (0.0, 0.02)
        assert (p.mean, p.std) == asked, p.name


def test_both_libraries_make_what_was_asked() -> None:
    model = demo.parameters(TINY)
    for tensors in (demo.initialize(model, 3), demo.initialize_by_numpy(model, 3)):
        assert list(tensors) == [p.name for p in model]
        for p in model:
            values = tensors[p.name]
            assert values.shape == p.shape
            assert values.dtype == np.float32
            if p.std:
                assert abs(values.std() - p.std) < 6 * p.std / (2 * p.size) ** 0.5
                assert abs(values.mean() - p.mean) < 6 * p.std / p.size**0.5
            else:
                assert np.all(values == p.mean)


def test_a_tensor_depends_on_its_name_alone() -> None:
    model = demo.parameters(TINY)
    whole = demo.initialize(model, 3)
    for p in model:
        assert np.array_equal(demo.initialize([p], 3)[p.name], whole[p.name])


# What the demo prints


def test_moments_match_numpy() -> None:
    moments = demo.Moments(center=1.0)
    values = np.random.default_rng(0).normal(1.0, 0.5, (3, 50_001)).astype(np.float32)
    for row in values:
        moments.add(row)
    assert moments.count == values.size
    assert moments.mean == pytest.approx(values.mean(dtype=np.float64), rel=1e-12)
    assert moments.std == pytest.approx(values.std(dtype=np.float64), rel=1e-12)
    assert (moments.min, moments.max) == (values.min(), values.max())


def test_the_checksum_sees_names_shapes_bits_and_order() -> None:
    a = demo.Parameter("a", (2, 3), "weights")
    zeros = np.zeros((2, 3), np.float32)
    seen = {
        demo.checksum([a], {"a": zeros}),
        demo.checksum([a], {"a": -zeros}),
        demo.checksum([a], {"a": zeros.reshape(3, 2)}),
        demo.checksum([demo.Parameter("b", (2, 3), "weights")], {"b": zeros}),
        demo.checksum([a, a], {"a": zeros}),
    }
    assert len(seen) == 5


@pytest.mark.parametrize("compare", [True, False])
def test_the_demo_of_a_tiny_model(isa: str, compare: bool, capsys: pytest.CaptureFixture[str]) -> None:
    digest = demo.run(TINY, seed=5, compare=compare, rounds=2)
    text, errors = capsys.readouterr()
    assert errors == ""
    assert text.startswith("GPT-2: 28 tensors, 57,984 parameters, float32, seed 5\n")
    for kind in ("embeddings", "linear weights", "residual projections", "layer-norm weights", "biases"):
        assert f"\n{kind} " in text
    assert f" ns/value   {isa}, " in text
    assert ("NumPy" in text) == compare
    assert ("ratio" in text) == compare
    assert text.endswith(f": {digest}\n")
    # The same for every instruction set.
    assert digest == "88f1a065fe85bba5d697b8bf7aa276ef"


def test_progress_is_one_line_on_a_terminal_and_nothing_elsewhere() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, expected in ((io.StringIO(), ""), (Terminal(), "\r\x1b[Kone\r\x1b[Ktwo\r\x1b[K")):
        with demo.Progress(stream) as progress:
            progress.say("one")
            progress.say("two")
        assert stream.getvalue() == expected


@pytest.mark.slow
def test_the_demo_prints_the_pinned_checksum() -> None:
    done = command("demo", "--no-compare")
    assert (done.returncode, done.stderr) == (0, "")
    assert "148 tensors, 124,439,808 parameters" in done.stdout
    assert done.stdout.split()[-1] == (DATA / "demo_checksum.txt").read_text().strip()


@pytest.mark.slow
def test_every_instruction_set_makes_the_pinned_bits(isa: str) -> None:
    model = demo.parameters(demo.Config())
    pinned = (DATA / "demo_checksum.txt").read_text().strip()
    assert demo.checksum(model, demo.initialize(model, 0)) == pinned
