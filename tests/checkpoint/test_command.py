"""`python -m fastinit checkpoint`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from checkpoint.files import RULES, SEED, TENSORS, assert_same, expected, names, read, read_directory

import fastinit
from fastinit.checkpoint import write
from fastinit.cli.checkpoint import parse_part, parse_preset, parse_size


def command(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fastinit", "checkpoint", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(Path(fastinit.__file__).parents[1])},
        **options,
    )


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


@pytest.fixture
def like(tmp_path: Path) -> Path:
    """A checkpoint of other values."""
    (file,) = write(tmp_path / "like", TENSORS, {".*": "zeros"}, seed=0)
    RULES.dump(tmp_path / "rules.json")
    return file


def test_like_a_file_by_rules_in_a_file(tmp_path: Path, like: Path) -> None:
    out = tmp_path / "out"
    done = command(out, "--like", like, "--rules", tmp_path / "rules.json", "--seed", SEED)
    size = (out / "model.safetensors").stat().st_size
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"1 file, {size / 1000:.0f} kB, in {out}\n"
    assert_same(read(out / "model.safetensors"), expected())


def test_parts_and_a_second_run(tmp_path: Path, like: Path) -> None:
    out = tmp_path / "out"
    options = ["--like", like.parent, "--rules", tmp_path / "rules.json", f"--seed={SEED}", "--shard-size", "20kB"]
    for part in ("1/2", "0/2", "0/2"):
        done = command(out, *options, "--part", part)
        assert (done.returncode, done.stderr) == (0, "")
    assert_same(read_directory(out), expected())
    assert_refused(command(out, *options, "--dtype", "float16"), "must be of this checkpoint", "overwrite")


def test_dry_run(tmp_path: Path) -> None:
    tensors: dict[str, Any] = {"model.embed_tokens.weight": ((1000, 64), "float32")}
    for i in range(12):
        tensors[f"model.layers.{i}.mlp.up_proj.weight"] = ((256, 64), "float32")
        tensors[f"model.layers.{i}.input_layernorm.weight"] = ((64,), "float32")
    (file,) = write(tmp_path / "like", tensors, {".*": "zeros"}, seed=0)
    done = command(
        tmp_path / "out", "--like", file, "--preset", "llama:std=0.1", "--dtype", "bfloat16", "--shard-size", "100kB",
        "--part", "1/3", "--dry-run",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert names(tmp_path) == ["like"]
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["tensors", "rule", "shape", "std", "bytes", "shard"]
    cells = [re.split("  +", line) for line in lines[1:-2]]
    assert [row[:3] for row in cells] == [
        ["model.embed_tokens.weight", "normal std=0.1", "(1000, 64) bfloat16"],
        ["12 x model.layers.*.input_layernorm.weight", "ones", "(64,) bfloat16"],
        ["12 x model.layers.*.mlp.up_proj.weight", "normal std=0.1", "(256, 64) bfloat16"],
    ]
    assert [row[4] for row in cells] == ["128 kB", "1.54 kB", "393 kB"]
    assert [row[5] for row in cells] == ["1", "2-5", "2-5"]
    assert [float(row[3]) for row in cells] == [pytest.approx(0.1, rel=0.02), 0.0, pytest.approx(0.1, rel=0.02)]
    assert lines[-1].startswith("25 tensors, 261,376 values, 523 kB in 5 files; part 1/3: ")


def test_the_spread_is_that_of_the_values(tmp_path: Path, like: Path) -> None:
    done = command(tmp_path / "out", "--like", like, "--rules", tmp_path / "rules.json", "--dry-run")
    row = next(line for line in done.stdout.splitlines() if "attention" in line)
    std = float(row.split("float32")[1].split()[0])
    assert std == pytest.approx((2 / 24) ** 0.5, rel=0.05)
    structured = next(line for line in done.stdout.splitlines() if "identity" in line)
    assert structured.split("bfloat16")[1].split()[0] == "-"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--preset", "llama"], ["--like", "--config", "required"]),
        (["--like", "LIKE"], ["--rules", "--preset", "required"]),
        (["--like", "LIKE", "--preset", "lama"], ["`name` must be one of gpt2, llama, vit"]),
        (["--like", "LIKE", "--preset", "llama"], ["every name must have a rule", "no rule for"]),
        (["--like", "LIKE", "--preset", "gpt2"], ["the options of preset 'gpt2'", "layers"]),
        (["--like", "LIKE", "--preset", "gpt2:layers"], ["a preset's options must be as in"]),
        (["--like", "LIKE", "--rules", "LIKE"], ["rules must be a JSON file"]),
        (["--like", "LIKE", "--rules", "BAD"], ["'layers.0.norm.weight', by the rule '.*weight': `std` must be"]),
        (["--like", "LIKE", "--rules", "PATTERN"], ["a rule's pattern must be a regular expression. Received: '*w'"]),
        (["--like", "LIKE", "--rules", "NAME"], ["'.*weight': an initializer's name must be one of"]),
        (["--like", "RULES", "--rules", "RULES"], ["a file must be one of safetensors"]),
        (["--like", "nowhere", "--rules", "RULES"], ["No such file", "nowhere"]),
        (["--like", "LIKE", "--rules", "nowhere"], ["No such file", "nowhere"]),
        (["--like", "LIKE", "--rules", "RULES", "--part", "4/4"], ["--part must be i/n", "4/4"]),
        (["--like", "LIKE", "--rules", "RULES", "--part", "1"], ["--part must be i/n"]),
        (["--like", "LIKE", "--rules", "RULES", "--shard-size", "big"], ["--shard-size must be a size", "big"]),
        (["--like", "LIKE", "--rules", "RULES", "--dtype", "int8"], ["`dtype` must be float32"]),
        (["--like", "LIKE", "--rules", "RULES", "--seed", "-1"], ["--seed"]),
        (["--like", "LIKE", "--rules", "RULES", "--layout", "io"], ["--layout", "out_in"]),
        (["--like", "LIKE", "--rules", "RULES", "--skip", "nothing_like_it"], ["`skip` matches no name"]),
        (["--like", "LIKE", "--config", "LIKE", "--rules", "RULES"], ["not allowed with"]),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, like: Path, options: list[str], words: list[str]) -> None:
    broken = {
        "BAD": [[".*weight", "normal", {"std": -1}], [".*", "zeros"]],
        "PATTERN": [["*w", "zeros"]],
        "NAME": [[".*weight", "he_norml"]],
    }
    files = {"LIKE": like, "RULES": tmp_path / "rules.json"}
    for name, rules in broken.items():
        files[name] = tmp_path / f"{name}.json"
        files[name].write_text(json.dumps(rules))
    done = command(tmp_path / "out", *[files.get(option, option) for option in options])
    assert_refused(done, *words)
    assert not (tmp_path / "out").exists()


def test_sizes() -> None:
    for text, size in {"5GB": 5 * 10**9, "500 mb": 5 * 10**8, "4GiB": 2**32, "1.5kB": 1500, "77": 77, "2B": 2}.items():
        assert parse_size(text) == size
    for text in ("", "GB", "5PB", "0GB", "-1", "5iB", "1e9", "nan"):
        with pytest.raises(ValueError, match="--shard-size must be"):
            parse_size(text)


def test_parts() -> None:
    assert parse_part("3/4") == (3, 4)


def test_presets() -> None:
    assert parse_preset("gpt2:layers=12,bias=false") == fastinit.Rules.preset("gpt2", layers=12, bias=False)
    assert parse_preset("vit:std=0.01") == fastinit.Rules.preset("vit", std=0.01)
    with pytest.raises(ValueError, match="must be a number, true or false"):
        parse_preset("llama:std=large")
