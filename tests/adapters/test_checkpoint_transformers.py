"""Checkpoints as Hugging Face's transformers reads them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

import fastinit.checkpoint as checkpoint
import fastinit.torch as init
from fastinit import Rules

NORMAL = ("(?!.*(_ids|inv_freq)$).*", "normal", {"std": 0.02})
MODELS: dict[str, tuple[str, dict[str, Any], Rules]] = {
    "tied, with padding": (
        "LlamaForCausalLM",
        {"num_key_value_heads": 2, "intermediate_size": 96, "tie_word_embeddings": True, "pad_token_id": 7},
        Rules.preset("llama"),
    ),
    "untied": ("LlamaForCausalLM", {"intermediate_size": 96, "tie_word_embeddings": False}, Rules.preset("llama")),
    "stacked experts": (
        "MixtralForCausalLM",
        {"num_key_value_heads": 2, "intermediate_size": 96, "num_local_experts": 4},
        Rules([(".*norm.weight", "ones"), NORMAL]),
    ),
    "a bias that is tied": (
        "BertForMaskedLM",
        {"intermediate_size": 96},
        Rules([(".*LayerNorm.weight", "ones"), (".*bias", "zeros"), NORMAL]),
    ),
    "three that are tied": (
        "T5ForConditionalGeneration",
        {"d_ff": 96, "d_kv": 16},
        Rules([(".*layer_norm.weight", "ones"), NORMAL]),
    ),
    "(in, out)": ("GPT2LMHeadModel", {"bos_token_id": 0, "eos_token_id": 1}, Rules.preset("gpt2", layers=2)),
}


SLOW = [pytest.param(model, marks=pytest.mark.slow) for model in MODELS if model != "tied, with padding"]


@pytest.mark.parametrize("model", ["tied, with padding", *SLOW])
def test_from_pretrained_finds_everything(tmp_path: Path, model: str) -> None:
    architecture, sizes, rules = MODELS[model]
    make = getattr(transformers, architecture)
    config = make.config_class(
        vocab_size=600, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, dtype="bfloat16", **sizes
    )
    config.architectures = [architecture]
    config.save_pretrained(tmp_path)
    tensors = init.tensors_of(tmp_path / "config.json")
    assert {tensor[1] for tensor in tensors.values()} == {"bfloat16"}
    checkpoint.write(tmp_path, tensors, rules, seed=4, max_shard_bytes=100_000)
    assert (tmp_path / "model.safetensors.index.json").exists()

    loaded, told = make.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(told.values()), told
    wanted = init.init_(make(config).to(torch.bfloat16), rules, seed=4)
    found = loaded.state_dict()
    assert sorted(found) == sorted(wanted.state_dict())
    for name, tensor in wanted.state_dict().items():
        assert found[name].dtype == torch.bfloat16, name
        assert torch.equal(found[name], tensor), name


def test_files_are_divided_as_save_pretrained_divides_them(tmp_path: Path) -> None:
    _, sizes, rules = MODELS["untied"]
    config = transformers.LlamaConfig(
        vocab_size=600, hidden_size=64, num_hidden_layers=3, num_attention_heads=4, **sizes
    )
    model = init.init_(transformers.LlamaForCausalLM(config), rules, seed=1)
    for size in (40_000, 100_000, 170_000):
        theirs, ours = tmp_path / f"theirs{size}", tmp_path / f"ours{size}"
        model.save_pretrained(theirs, max_shard_size=size)
        checkpoint.write(ours, init.tensors_of(model), rules, seed=1, max_shard_bytes=size)
        files = sorted(path.name for path in theirs.glob("model*"))
        assert sorted(path.name for path in ours.iterdir()) == files
        for name in files:
            if name.endswith(".safetensors"):
                assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name
        index, their_index = (
            json.loads((folder / "model.safetensors.index.json").read_text()) for folder in (ours, theirs)
        )
        assert index["weight_map"] == their_index["weight_map"]
        assert index["metadata"]["total_size"] == their_index["metadata"]["total_size"]


@pytest.mark.slow
def test_the_command_reads_a_configuration(tmp_path: Path) -> None:
    config = transformers.LlamaConfig(
        vocab_size=600, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4
    )
    config.architectures = ["LlamaForCausalLM"]
    config.save_pretrained(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "fastinit", "checkpoint", tmp_path / "out", "--config", tmp_path / "config.json",
         "--preset", "llama", "--seed", "4", "--dtype", "float16"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stdout.split(",")[0]) == (0, "1 file"), done.stderr
    shutil.copy(tmp_path / "config.json", tmp_path / "out")
    loaded = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float16)
    wanted = init.init_(transformers.LlamaForCausalLM(config).half(), Rules.preset("llama"), seed=4)
    for name, tensor in wanted.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("{", ValueError, "a configuration must be one that transformers reads"),
        ('{"model_type": "no such"}', ValueError, "a configuration must be one that transformers reads"),
        ('{"model_type": "llama"}', ValueError, "must name an architecture of transformers.*Received: none"),
        ('{"model_type": "llama", "architectures": ["LlamaTokenizer"]}', ValueError, "Received: LlamaTokenizer"),
        (None, FileNotFoundError, "No such file"),
    ],
)
def test_refused(tmp_path: Path, text: str | None, error: type[Exception], words: str) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(error, match=words) as caught:
        init.tensors_of(tmp_path / "config.json")
    assert "\n" not in str(caught.value)
