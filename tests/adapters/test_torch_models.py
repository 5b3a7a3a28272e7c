"""Whole architectures, at the size of a test: made on meta, emptied into memory, initialized, run.

A residual network of bottlenecks (float32, batch norms with their buffers), GPT-2 (a tied head, fused q, k and v, a
mask in a buffer), Llama (bfloat16, grouped queries, a gated layer) and PyTorch's own multi-head attention.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn
from torch.nn.functional import scaled_dot_product_attention, silu

import fastinit
import fastinit.torch as init
from fastinit import Key, Rules


class Bottleneck(nn.Module):
    def __init__(self, channels: int, inner: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Any) -> Any:
        inner = self.bn1(self.conv1(x)).relu()
        inner = self.bn2(self.conv2(inner)).relu()
        return (self.bn3(self.conv3(inner)) + self.downsample(x)).relu()


class ResNet(nn.Module):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = nn.Sequential(Bottleneck(width, width, 4 * width, 1), Bottleneck(4 * width, width, 4 * width, 1))
        self.layer2 = nn.Sequential(Bottleneck(4 * width, 2 * width, 8 * width, 2))
        self.fc = nn.Linear(8 * width, 10)

    def forward(self, x: Any) -> Any:
        x = self.bn1(self.conv1(x)).relu()
        return self.fc(self.layer2(self.layer1(x)).mean((2, 3)))


class Conv1D(nn.Module):
    """GPT-2's linear layer, with its weight as (in, out)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Any) -> Any:
        return x @ self.weight + self.bias


class Block(nn.Module):
    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.ModuleDict({"c_attn": Conv1D(width, 3 * width), "c_proj": Conv1D(width, width)})
        self.mlp = nn.ModuleDict({"c_fc": Conv1D(width, 4 * width), "c_proj": Conv1D(4 * width, width)})
        self.register_buffer("mask", torch.ones(length, length, dtype=torch.bool).tril())

    def forward(self, x: Any) -> Any:
        parts = self.attn["c_attn"](self.ln_1(x)).chunk(3, -1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for part in parts)
        seen = scaled_dot_product_attention(q, k, v, self.mask[: x.shape[-2], : x.shape[-2]])
        x = x + self.attn["c_proj"](seen.transpose(-3, -2).flatten(-2))
        return x + self.mlp["c_proj"](nn.functional.gelu(self.mlp["c_fc"](self.ln_2(x)), approximate="tanh"))


class GPT2(nn.Module):
    def __init__(
        self, vocabulary: int = 300, width: int = 48, heads: int = 4, length: int = 16, layers: int = 2
    ) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.h = nn.ModuleList(Block(width, heads, length) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.tie()

    def tie(self) -> None:
        self.lm_head.weight = self.wte.weight

    def forward(self, tokens: Any) -> Any:
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[-1]))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


class Layer(nn.Module):
    """Of a Llama: grouped queries, root-mean-square norms, a gated layer."""

    def __init__(self, width: int, heads: int, groups: int) -> None:
        super().__init__()
        self.heads, self.groups = heads, groups
        self.input_layernorm, self.post_attention_layernorm = nn.RMSNorm(width), nn.RMSNorm(width)
        narrow = width * groups // heads
        sizes = {"q_proj": width, "k_proj": narrow, "v_proj": narrow, "o_proj": width}
        self.self_attn = nn.ModuleDict({name: nn.Linear(width, size, bias=False) for name, size in sizes.items()})
        self.mlp = nn.ModuleDict(
            {
                "gate_proj": nn.Linear(width, 2 * width, bias=False),
                "up_proj": nn.Linear(width, 2 * width, bias=False),
                "down_proj": nn.Linear(2 * width, width, bias=False),
            }
        )

    def forward(self, x: Any) -> Any:
        inner = self.input_layernorm(x)
        sizes = (self.heads, self.groups, self.groups)
        q, k, v = (
            self.self_attn[f"{name}_proj"](inner).unflatten(-1, (size, -1)).transpose(-3, -2)
            for name, size in zip("qkv", sizes, strict=True)
        )
        seen = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + self.self_attn["o_proj"](seen.transpose(-3, -2).flatten(-2))
        inner = self.post_attention_layernorm(x)
        return x + self.mlp["down_proj"](silu(self.mlp["gate_proj"](inner)) * self.mlp["up_proj"](inner))


class Llama(nn.Module):
    def __init__(
        self, vocabulary: int = 300, width: int = 64, heads: int = 4, groups: int = 2, layers: int = 2
    ) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(Layer(width, heads, groups) for _ in range(layers))
        self.norm = nn.RMSNorm(width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens: Any) -> Any:
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.lm_head(self.norm(x))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(64, 4, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.attention(x, x, x)[0]


RESNET = [
    (r".*(bn\d|downsample\.1)\.weight", "ones"),
    (r".*(bn\d|downsample\.1)\.bias", "zeros"),
    (r".*running_mean", "zeros"),
    (r".*running_var", "ones"),
    (r".*(conv\d|downsample\.0)\.weight", "variance_scaling", {"scale": 2.0, "mode": "fan_out"}),
    (r"fc\.weight", "lecun_uniform"),
    (r"fc\.bias", "zeros"),
]
TOKENS = torch.arange(10)[None]
# What makes a model, its rules, its dtype, an input, and the shape of what comes out.
MODELS: dict[str, tuple[Callable[[], Any], Any, str, Any, tuple[int, ...]]] = {
    "residual network": (ResNet, RESNET, "float32", torch.ones(2, 3, 32, 32), (2, 10)),
    "GPT-2": (GPT2, Rules.preset("gpt2", layers=2), "float32", TOKENS, (1, 10, 300)),
    "Llama": (Llama, Rules.preset("llama"), "bfloat16", TOKENS, (1, 10, 300)),
    "attention": (Attention, None, "float32", torch.ones(2, 5, 64), (2, 5, 64)),
}


def emptied(make: Callable[[], Any], dtype: str) -> Any:
    with torch.device("meta"):
        model = make().to(getattr(torch, dtype))
    model = model.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.fill_(3)  # to_empty leaves whatever was there
    if isinstance(model, GPT2):
        model.tie()
        for block in model.h:
            block.mask.copy_(torch.ones_like(block.mask).tril())
    return model


def bits(tensor: Any) -> np.ndarray:
    tensor = tensor.detach()
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


@pytest.mark.parametrize("name", MODELS)
def test_a_whole_model_is_what_numpy_calls_make_it(name: str) -> None:
    make, rules, dtype, x, shape = MODELS[name]
    model = emptied(make, dtype)
    rules = init.defaults(model) if rules is None else Rules(rules) if isinstance(rules, list) else rules
    init.init_(model, rules, seed=7, skip=".*num_batches_tracked" if name == "residual network" else ())
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    drawn = 0
    for path, tensor in tensors.items():
        rule = rules.match(path)
        if rule is None:
            continue
        out = np.empty(tensor.shape, np.uint16) if dtype == "bfloat16" else None
        kwargs: dict[str, Any] = {"dtype": dtype, "out": out, **rule.kwargs}
        if rule.initializer not in ("ones", "zeros", "constant"):
            kwargs["seed"] = Key(7).child(path)
            drawn += 1
        if rule.initializer in ("he_normal", "lecun_uniform", "glorot_uniform", "variance_scaling"):
            kwargs |= {"in_axis": 1, "out_axis": 0}
        wanted = getattr(fastinit, rule.initializer, None) or getattr(fastinit.schemes, rule.initializer)
        np.testing.assert_array_equal(bits(tensor), wanted(tuple(tensor.shape), **kwargs), err_msg=path)
    assert drawn >= 2
    found = model.eval()(x)
    assert found.shape == shape
    assert bool(torch.isfinite(found).all())


@pytest.mark.parametrize("name", MODELS)
def test_a_whole_model_is_the_same_from_its_own_constructor_and_on_two_threads(name: str) -> None:
    make, rules, dtype, _, _ = MODELS[name]
    emptied_one, made = emptied(make, dtype), make().to(getattr(torch, dtype))
    skip = ".*num_batches_tracked" if name == "residual network" else ()
    for model, threads in ((emptied_one, 1), (made, 2)):
        init.init_(model, init.defaults(model) if rules is None else rules, seed=3, skip=skip, threads=threads)
    theirs = made.state_dict()
    for path, tensor in emptied_one.state_dict().items():
        if "num_batches" not in path:
            np.testing.assert_array_equal(bits(tensor), bits(theirs[path]), err_msg=path)
