"""Signals and gradients of any module: the report of propagate, and weights scaled to the data."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn
from torch.nn import functional

import fastinit
import fastinit.torch as init

WIDTHS = [40, 30, 30, 8]
ACTIVATIONS: dict[Any, Any] = {
    "relu": nn.ReLU(inplace=True),
    ("leaky_relu", 0.2): nn.LeakyReLU(0.2, inplace=True),
    ("elu", 0.5): nn.ELU(0.5),
    "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU("tanh"),
    "silu": nn.SiLU(inplace=True),
    "mish": nn.Mish(),
    "selu": nn.SELU(),
    "tanh": nn.Tanh(),
    "sigmoid": nn.Sigmoid(),
    "softsign": nn.Softsign(),
    ("softplus", 2.0): nn.Softplus(2.0),
    "hard_sigmoid": nn.Hardsigmoid(),
    "hard_silu": nn.Hardswish(),
    "relu6": nn.ReLU6(),
    ("celu", 0.5): nn.CELU(0.5),
    "log_sigmoid": nn.LogSigmoid(),
    ("hard_shrink", 0.2): nn.Hardshrink(0.2),
    "soft_shrink": nn.Softshrink(),
    "tanh_shrink": nn.Tanhshrink(),
}


def batch(*shape: int, dtype: Any = None) -> Any:
    return init.normal_(torch.empty(shape, dtype=dtype), seed=1)


def state(module: Any) -> dict[str, Any]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def unchanged(module: Any, before: dict[str, Any]) -> bool:
    return all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("initializer", ["he_normal", "zeros"])
def test_the_report_is_that_of_fastinit(activation: Any, initializer: str) -> None:
    key, x = fastinit.Key(5), fastinit.normal((64, 40), std=1.0, dtype="float64", seed=9)
    module = nn.Sequential()
    for number, (a, b) in enumerate(pairwise(WIDTHS), 1):
        layer = nn.Linear(a, b, bias=False, dtype=torch.float64)
        weight = fastinit.get(initializer)((a, b), dtype="float64", seed=key.child("layer", number))
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight).T)
        module.extend([layer, ACTIVATIONS[activation]])
    wanted = fastinit.propagate(WIDTHS, x, initializer=initializer, activation=activation, seed=5)
    found = init.propagate(module, torch.from_numpy(x), loss=None, seed=5)
    assert found.verdict == wanted.verdict
    assert math.isclose(found.input_spread, wanted.input_spread)
    assert [layer.name for layer in found.layers] == ["0", "2", "4"]
    columns = found.to_dict()
    del columns["name"]
    for name, column in wanted.to_dict().items():
        if name in ("activation", "verdict", "layer", "inputs", "outputs", "condition"):
            assert columns[name] == column, name
        else:
            np.testing.assert_allclose(columns[name], column, rtol=1e-6, atol=1e-12, err_msg=name)


class Functional(nn.Module):
    """What no list of modules shows: activations as functions, a residual branch, a layer that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.GroupNorm(2, 8)
        self.shared = nn.Conv2d(8, 8, 1, groups=2)
        self.scale = nn.Parameter(torch.ones(1))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Any, double: bool = False) -> Any:
        x = functional.relu(self.norm(self.first(x)), inplace=True)
        for _ in range(2 if double else 1):
            x = x + self.shared(x).tanh() * self.scale
        return {"logits": self.head(x.mean((2, 3)))}


def test_functions_residuals_and_named_inputs() -> None:
    report = init.propagate(Functional(), x=batch(16, 3, 6, 6), double=True)
    columns = report.to_dict()
    assert columns["name"] == ["first", "norm", "shared", "shared", "head"]
    assert columns["activation"] == ["linear", "relu", "tanh", "tanh", "linear"]
    assert columns["inputs"] == [3, 8, 8, 8, 8]
    assert columns["outputs"] == [8, 8, 8, 8, 5]
    assert "shared" in str(report)
    assert report.verdict == "healthy"


def test_gradients_are_autograds() -> None:
    module, x = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)), batch(10, 6)
    report = init.propagate(module, x, loss=lambda y: (y**2).sum())
    z = module[0](x).detach().requires_grad_()
    y = module[2](torch.tanh(z))
    (at_z,) = torch.autograd.grad((y**2).sum(), z)
    at_y = 2 * y.detach()
    assert math.isclose(report.layers[0].gradient_norm, float(at_z.norm() / at_y.norm()), rel_tol=1e-5)
    ratio = float(at_z.square().mean().sqrt() / at_y.square().mean().sqrt())
    assert math.isclose(report.layers[0].gradient_rms, ratio, rel_tol=1e-5)
    assert math.isclose(report.layers[1].gradient_rms, 1.0, rel_tol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_nothing_is_changed(training: bool) -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Dropout(), nn.Flatten(), nn.Linear(128, 4)
    ).train(training)
    x = batch(8, 3, 6, 6)
    before, generator, given = state(module), torch.get_rng_state(), x.clone()
    reports = [init.propagate(module, x, seed=seed) for seed in (3, 3, 4)]
    assert unchanged(module, before)
    assert torch.equal(torch.get_rng_state(), generator)
    assert torch.equal(x, given)
    assert all(parameter.grad is None for parameter in module.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    assert reports[0].to_dict() == reports[1].to_dict()
    assert reports[0].to_dict() != reports[2].to_dict()


def test_attention_tokens_frozen_and_bfloat16() -> None:
    model = nn.Sequential(
        nn.Embedding(50, 16), nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), nn.LayerNorm(16)
    )
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    tokens = torch.arange(40).reshape(8, 5)
    report = init.propagate(model.bfloat16(), tokens)
    names = ["0", "1.self_attn", "1.norm1", "1.linear1", "1.linear2", "1.norm2", "2"]
    assert report.to_dict()["name"] == names
    assert report.layers[0].inputs == 50
    assert all(layer.gradient_norm > 0 for layer in report.layers)
    assert not any(parameter.requires_grad for parameter in model.parameters())


def chain(weight: float) -> Any:
    layers = [nn.Linear(32, 32, bias=False) for _ in range(8)]
    for number, layer in enumerate(layers):
        init.orthogonal_(layer.weight, weight, seed=number)
    return nn.Sequential(*[part for layer in layers for part in (layer, nn.Tanh())])


def test_verdicts() -> None:
    x = batch(64, 32)
    assert init.propagate(chain(0.2), x).verdict == "vanishing"
    assert init.propagate(chain(40.0), x).verdict == "saturated"
    assert init.propagate(nn.Sequential(*[part for part in chain(5.0) if isinstance(part, nn.Linear)]), x).verdict == (
        "exploding"
    )
    conv = nn.Conv2d(4, 4, 3, groups=4)
    init.constant_(conv.weight, 0.1)
    init.zeros_(conv.bias)
    assert init.propagate(conv, batch(4, 4, 5, 5)).layers[0].symmetric == 0.0  # each channel sees another
    for transposed in (nn.Conv2d(4, 4, 3), nn.ConvTranspose2d(4, 4, 3), nn.ConvTranspose2d(4, 4, 3, groups=2)):
        init.constant_(transposed.weight, 0.1)
        init.zeros_(transposed.bias)
        assert init.propagate(transposed, batch(4, 4, 5, 5)).verdict == "symmetric"


def test_the_figure(tmp_path: Any) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    figure = init.propagate(Functional(), batch(16, 3, 6, 6)).plot(tmp_path / "signal.png")
    assert (tmp_path / "signal.png").stat().st_size > 10_000
    assert len(figure.axes) == 2


def test_refusals() -> None:
    layer = nn.Linear(4, 3)
    with pytest.raises(TypeError, match="`module` must be"):
        init.propagate([1, 2], batch(4, 4))
    with pytest.raises(ValueError, match="must call a layer that has parameters"):
        init.propagate(nn.ReLU(), batch(4, 4))
    with pytest.raises(ValueError, match="rows that differ"):
        init.propagate(layer, torch.ones(4, 4))
    with pytest.raises(ValueError, match="must have a gradient"):
        init.propagate(layer, batch(4, 4), loss=lambda y: (y * 0).sum())
    assert not layer._forward_hooks


def deep() -> Any:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.SiLU(inplace=True),
        nn.ConvTranspose2d(8, 4, 3),
        nn.BatchNorm2d(4),
        nn.Flatten(),
        *[part for _ in range(5) for part in (nn.Linear(144, 144), nn.GELU(), nn.Dropout(0.1))],
    )


@pytest.mark.parametrize("orthonormal", [True, False])
def test_lsuv_brings_every_output_to_variance_one(orthonormal: bool) -> None:
    module, x = deep(), batch(64, 3, 6, 6)
    before, generator = state(module), torch.get_rng_state()
    scaled = init.lsuv_(module, x, seed=3, orthonormal=orthonormal)
    assert torch.equal(torch.get_rng_state(), generator)
    assert list(scaled) == ["0", "2", "5", "8", "11", "14", "17"]
    assert all(abs(layer.std - 1) <= 0.02 for layer in scaled.values())
    for name, tensor in module.state_dict().items():
        is_scaled = name.endswith("weight") and name != "3.weight"
        assert torch.equal(tensor, before[name]) != is_scaled, name
    assert abs(module[0](x).std().item() - 1) <= 0.02
    start = init.orthogonal_(torch.empty(8, 3, 3, 3), seed=fastinit.Key(3).child("0.weight"))
    first = start if orthonormal else before["0.weight"]
    torch.testing.assert_close(module[0].weight / module[0].weight.norm(), first / first.norm())
    again = deep()
    again.load_state_dict(before)
    init.lsuv_(again, x, seed=3, orthonormal=orthonormal)
    assert unchanged(again, module.state_dict())


def test_lsuv_leaves_all_as_it_was_when_it_fails() -> None:
    module, x = deep(), batch(64, 3, 6, 6)
    init.constant_(module[11].bias, 0.0)
    with torch.no_grad():
        module[11].bias[::2] = 9.0
    before = state(module)
    with pytest.raises(ValueError, match=r"std 1 within `tolerance`.*'11'"):
        init.lsuv_(module, x, seed=0)
    assert unchanged(module, before)
    with pytest.raises(ValueError, match=r"finite std > 0.*'0'"):
        init.lsuv_(nn.Sequential(nn.Linear(3, 2, bias=False)), torch.zeros(4, 3), seed=0)
    assert not any(part._forward_hooks for part in module.modules())


def test_lsuv_refuses_and_skips() -> None:
    tied = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    tied[1].weight = tied[0].weight
    with pytest.raises(ValueError, match=r"'0.weight', shared"):
        init.lsuv_(tied, batch(8, 4), seed=0)
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))
    with pytest.raises(ValueError, match="'weight', parametrized"):
        init.lsuv_(normed, batch(8, 4), seed=0)
    with pytest.raises(ValueError, match="must have a Linear or a convolution"):
        init.lsuv_(tied, batch(8, 4), seed=0, skip=".*")
    with pytest.raises(ValueError, match="`tolerance`"):
        init.lsuv_(tied, batch(8, 4), seed=0, tolerance=0.0)
    pair = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    before = state(pair)
    assert list(init.lsuv_(pair, batch(8, 4), seed=0, skip=r"1\..*")) == ["0"]
    assert torch.equal(pair[1].weight, before["1.weight"])
