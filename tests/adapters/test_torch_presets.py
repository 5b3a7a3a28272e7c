"""The defaults of torch's own modules as rules, and presets on real models."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import fastinit.torch as init
from fastinit import Key, Rules, normal

nn = torch.nn
NAMES = json.loads((Path(__file__).parent.parent / "data/parameter_names.json").read_text())


def same_distributions(make: Any) -> None:
    torch.manual_seed(0)
    theirs, ours = make(), make()
    rules = init.defaults(ours)
    with torch.no_grad():
        for tensor in (*ours.parameters(), *ours.buffers()):
            if tensor.is_floating_point():
                tensor.fill_(math.nan)
    init.init_(
        ours, rules, seed=1, skip=[".*num_batches_tracked"] if "num_batches" in str(ours.state_dict().keys()) else ()
    )
    for (name, their), our in zip(theirs.state_dict().items(), ours.state_dict().values(), strict=True):
        if not their.is_floating_point():
            continue
        a, b = their.double().flatten(), our.double().flatten()
        assert bool(torch.isfinite(b).all()), name
        if bool((a == a[0]).all()):  # zeros and ones
            assert torch.equal(a, b), name
            continue
        spread = max(float(a.std()), float(b.std()))
        assert abs(float(b.mean() - a.mean())) < 8 * spread / math.sqrt(len(a)), name
        assert float(b.std()) == pytest.approx(float(a.std()), rel=6 / math.sqrt(len(a))), name
        # A uniform distribution ends where its sample ends; a normal's goes on.
        uniform = float(a.abs().max()) < 1.9 * spread
        assert len(a) < 200 or uniform == (float(b.abs().max()) < 1.9 * spread), name


MODULES = {
    "linear": lambda: nn.Linear(64, 80),
    "bilinear": lambda: nn.Bilinear(16, 12, 20),
    "conv1d": lambda: nn.Conv1d(16, 32, 5),
    "conv2d, grouped": lambda: nn.Conv2d(16, 32, 3, groups=4),
    "conv3d": lambda: nn.Conv3d(8, 8, 3),
    "transposed": lambda: nn.ConvTranspose2d(24, 16, 3),
    "transposed, grouped": lambda: nn.ConvTranspose2d(24, 16, 3, groups=2),
    "embedding": lambda: nn.Embedding(100, 20, padding_idx=3),
    "embedding bag": lambda: nn.EmbeddingBag(100, 20),
    "norms": lambda: nn.Sequential(nn.LayerNorm(8), nn.GroupNorm(2, 8), nn.RMSNorm(8), nn.BatchNorm2d(8)),
    "instance norm": lambda: nn.InstanceNorm2d(8, affine=True, track_running_stats=True),
    "attention": lambda: nn.MultiheadAttention(64, 4),
    "attention, other widths": lambda: nn.MultiheadAttention(64, 4, kdim=32, vdim=48, add_bias_kv=True),
    "lstm": lambda: nn.LSTM(24, 40, num_layers=2, proj_size=16),
    "gru": lambda: nn.GRU(24, 40, bidirectional=True),
    "cells": lambda: nn.ModuleList([nn.RNNCell(24, 40), nn.LSTMCell(24, 40), nn.GRUCell(24, 40)]),
    "prelu": lambda: nn.Sequential(nn.Linear(64, 64), nn.PReLU(3, init=0.1)),
    "encoder layer": lambda: nn.TransformerEncoderLayer(64, 4, 128),
    "transformer": lambda: nn.Transformer(64, 4, 1, 1, 128),
    "a transformer inside": lambda: nn.ModuleDict({"t": nn.Transformer(64, 4, 1, 1, 128), "head": nn.Linear(64, 80)}),
}


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("name", MODULES)
def test_defaults_are_those_of_torchs_own_modules(name: str) -> None:
    same_distributions(MODULES[name])


def test_defaults_leave_what_they_do_not_know_without_a_rule() -> None:
    class Gain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)
            self.gain = nn.Parameter(torch.ones(4))

    model = Gain()
    with pytest.raises(ValueError, match="no rule for 'gain'"):
        init.init_(model, init.defaults(model), seed=0)
    init.init_(model, [("gain", "ones"), *init.defaults(model)], seed=0)


def test_defaults_of_a_tied_and_of_a_parametrized_weight() -> None:
    model = nn.ModuleDict({"a": nn.Linear(8, 8), "b": nn.Linear(8, 8), "c": nn.Linear(8, 8)})
    model["b"].weight = model["a"].weight
    nn.utils.parametrizations.weight_norm(model["c"])
    rules = init.defaults(model)
    assert "c\\.weight" in rules.match("c.weight").pattern
    assert rules.match("b.weight") is None
    init.init_(model, rules, seed=0)


# The real models, where they are installed


def recorded_from(model: Any) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in model.named_parameters()}


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, m in NAMES["models"].items() if m["package"] == "transformers"])
def test_recorded_names_are_those_of_transformers(name: str) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    recorded = NAMES["models"][name]
    config = getattr(transformers, recorded["config"])(**recorded["arguments"])
    with torch.device("meta"):
        model = getattr(transformers, recorded["class"])(config)
    assert recorded_from(model) == recorded["shapes"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, m in NAMES["models"].items() if m["package"] == "timm"])
def test_recorded_names_are_those_of_timm(name: str) -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed, or its torchvision", exc_type=ImportError)
    recorded = NAMES["models"][name]
    model = timm.models.vision_transformer.VisionTransformer(**recorded["arguments"])
    assert recorded_from(model) == recorded["shapes"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_real_gpt2_is_initialized_by_its_preset() -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = transformers.GPT2Config(n_layer=2, n_embd=64, n_head=4, vocab_size=300, n_positions=50)
    model = transformers.GPT2LMHeadModel(config)
    init.init_(model, Rules.preset("gpt2", layers=2), seed=0)
    assert model.lm_head.weight is model.transformer.wte.weight
    wanted = normal((300, 64), std=0.02, seed=Key(0).child("transformer.wte.weight"))
    np.testing.assert_array_equal(model.lm_head.weight.detach().numpy(), wanted)
    assert torch.isfinite(model(torch.arange(10)[None]).logits).all()
