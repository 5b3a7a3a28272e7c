"""fastinit.convert.from_torch: every activation, random architectures, and what is refused."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from fastinit import MLP
from fastinit.convert import _torch, from_torch, layers_of
from support.bits import assert_same_bits
from support.converted import assert_agrees

# Constructors of every activation that is converted, and what it becomes.
ACTIVATIONS: list[tuple[Any, Any]] = [
    (nn.CELU, ("elu", 1.0)),
    (nn.ELU, ("elu", 1.0)),
    (lambda: nn.ELU(0.3), ("elu", 0.3)),
    (nn.GELU, "gelu"),
    (lambda: nn.GELU("tanh"), "gelu_tanh"),
    (nn.Hardshrink, ("hard_shrink", 0.5)),
    (nn.Hardsigmoid, "hard_sigmoid"),
    (nn.Hardswish, "hard_silu"),
    (lambda: nn.Hardtanh(0.0, 6.0), "relu6"),
    (nn.LeakyReLU, ("leaky_relu", 0.01)),
    (lambda: nn.LeakyReLU(0.3), ("leaky_relu", 0.3)),
    (nn.LogSigmoid, "log_sigmoid"),
    (lambda: nn.LogSoftmax(-1), "log_softmax"),
    (nn.Mish, "mish"),
    (nn.PReLU, ("leaky_relu", 0.25)),
    (nn.ReLU, "relu"),
    (nn.ReLU6, "relu6"),
    (nn.RReLU, ("leaky_relu", (1 / 8 + 1 / 3) / 2)),
    (nn.SELU, "selu"),
    (nn.Sigmoid, "sigmoid"),
    (nn.SiLU, "silu"),
    (lambda: nn.Softmax(1), "softmax"),
    (nn.Softplus, ("softplus", 1.0)),
    (lambda: nn.Softplus(3.0), ("softplus", 3.0)),
    (lambda: nn.Softmin(-1), "softmin"),
    (lambda: nn.Softshrink(0.3), ("soft_shrink", 0.3)),
    (nn.Softsign, "softsign"),
    (nn.Tanh, "tanh"),
    (nn.Tanhshrink, "tanh_shrink"),
    (lambda: nn.Threshold(0, 0), "relu"),
]
DTYPES = [torch.float32, torch.float64]


def rows(count: int, width: int, dtype: Any, seed: int = 0) -> Any:
    return torch.from_numpy(np.random.default_rng([seed, count, width]).standard_normal((count, width))).to(dtype)


def disturb(module: nn.Module, seed: int) -> None:
    """Statistics and scales of their own for every norm."""
    generator = torch.Generator().manual_seed(seed)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm1d):
            tensors = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
            for tensor, low in zip(tensors, (-0.5, 0.5, 0.5, -0.5), strict=True):
                if tensor is not None:
                    tensor.data.copy_(torch.rand(tensor.shape, generator=generator) + low)


def evaluated(module: nn.Module, x: Any) -> np.ndarray:
    modes = [each.training for each in module.modules()]
    with torch.no_grad():
        result = module.eval()(x).numpy()
    for each, training in zip(module.modules(), modes, strict=True):
        each.training = training
    return result


def test_every_row_of_the_table_is_tried() -> None:
    assert {type(make()) for make, _ in ACTIVATIONS} == set(_torch.MODULES)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("make", "expected"), ACTIVATIONS, ids=lambda value: str(value) if isinstance(value, tuple) else ""
)
def test_every_activation(make: Any, expected: Any, dtype: Any) -> None:
    module = nn.Sequential(nn.Linear(7, 9), make(), nn.Linear(9, 5), make()).to(dtype)
    network = from_torch(module)
    assert [layer.activation for layer in network.layers] == [expected, expected]
    assert network.dtype == np.dtype(str(dtype).removeprefix("torch."))
    x = 2 * rows(31, 7, dtype)
    if expected == ("softplus", 3.0) and dtype == torch.float64:  # torch takes x for it from 3 x = 20 on
        x = x.clamp(-2, 2)
    assert_agrees(network, x.numpy(), evaluated(module, x))


@settings(max_examples=30)
@given(st.data())
def test_random_architectures(data: st.DataObject) -> None:
    seed, dtype = data.draw(st.integers(0, 1000)), data.draw(st.sampled_from(DTYPES))
    torch.manual_seed(seed)
    widths = data.draw(st.lists(st.integers(1, 40), min_size=2, max_size=6))
    modules: list[nn.Module] = []
    nothing = st.sampled_from([nn.Identity, nn.Dropout, nn.Flatten, nn.AlphaDropout])
    for depth, columns in pairwise(widths):
        if data.draw(st.booleans()):
            eps = data.draw(st.sampled_from([1e-5, 0.1]))
            modules.append(nn.BatchNorm1d(depth, affine=data.draw(st.booleans()), eps=eps))
        modules.append(nn.Linear(depth, columns, bias=data.draw(st.booleans())))
        if data.draw(st.booleans()):
            modules.append(nn.BatchNorm1d(columns))
        modules += [make() for make in data.draw(st.lists(nothing, max_size=2))]
        if data.draw(st.booleans()):
            modules.append(data.draw(st.sampled_from(ACTIVATIONS))[0]())
    at = data.draw(st.integers(0, len(modules)))
    module = nn.Sequential(nn.Sequential(*modules[:at]), nn.Sequential(nn.Sequential(*modules[at:]))).to(dtype)
    disturb(module, seed)
    network = from_torch(module)
    assert len(network.layers) == len(widths) - 1
    for count in (1, 13):
        x = rows(count, widths[0], dtype, seed).clamp(-2, 2)
        assert_agrees(network, x.numpy(), evaluated(module, x))


class Policy(nn.Module):
    """A forward by functions, methods and arithmetic."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.rest = nn.Linear(6, 16), nn.Sequential(nn.Linear(16, 16), nn.ReLU())
        self.head = nn.Linear(16, 3)
        self.register_buffer("mean", torch.linspace(-1, 1, 6))
        self.std = nn.Parameter(torch.linspace(0.5, 2, 6)[None])

    def forward(self, x: Any) -> Any:
        x = (x - self.mean) / self.std
        x = x.reshape(x.shape[0], -1).float()
        x = F.leaky_relu(self.first(torch.flatten(x, 1)), 0.3)
        x = F.dropout(x, training=self.training)
        x = self.rest(x.view(x.size(0), -1))
        x = F.linear(x, self.head.weight, self.head.bias)
        return torch.tanh(2 * x + 1)


def test_a_forward_of_its_own() -> None:
    policy = Policy()
    network = from_torch(policy)
    assert repr(network).startswith("MLP(6 -> 16 leaky_relu(0.3) -> 16 relu -> 3 tanh, float32")
    x = rows(20, 6, torch.float32)
    assert_agrees(network, x.numpy(), evaluated(policy, x))
    assert policy.training
    assert policy.rest[0].training


class Functional(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.linear, self.function = nn.Linear(5, 4), function
        self.slope = nn.Parameter(torch.tensor([0.3]))

    def forward(self, x: Any) -> Any:
        return self.function(self.linear(x))


FUNCTIONS: list[tuple[Any, Any]] = [
    (F.celu, ("elu", 1.0)),
    (lambda x: F.elu(x, 0.3), ("elu", 0.3)),
    (lambda x: F.elu(input=x, alpha=0.3), ("elu", 0.3)),
    (torch.exp, "exp"),
    (lambda x: x.exp(), "exp"),
    (F.gelu, "gelu"),
    (lambda x: F.gelu(x, approximate="tanh"), "gelu_tanh"),
    (F.hardsigmoid, "hard_sigmoid"),
    (F.hardswish, "hard_silu"),
    (lambda x: F.hardtanh(x, 0, 6), "relu6"),
    (F.leaky_relu, ("leaky_relu", 0.01)),
    (lambda x: F.leaky_relu(x, negative_slope=0.2), ("leaky_relu", 0.2)),
    (lambda x: F.log_softmax(x, dim=1), "log_softmax"),
    (lambda x: x.log_softmax(-1), "log_softmax"),
    (F.mish, "mish"),
    (F.relu, "relu"),
    (torch.relu, "relu"),
    (torch.relu_, "relu"),
    (lambda x: x.relu(), "relu"),
    (F.relu6, "relu6"),
    (F.selu, "selu"),
    (torch.selu, "selu"),
    (F.sigmoid, "sigmoid"),
    (torch.sigmoid, "sigmoid"),
    (F.silu, "silu"),
    (lambda x: F.softmax(x, -1), "softmax"),
    (lambda x: torch.softmax(x, dim=-1), "softmax"),
    (F.softplus, ("softplus", 1.0)),
    (lambda x: F.softplus(x, beta=2), ("softplus", 2)),
    (F.softsign, "softsign"),
    (F.tanh, "tanh"),
    (torch.tanh, "tanh"),
    (lambda x: x.tanh(), "tanh"),
    (lambda x: F.threshold(x, 0, 0), "relu"),
]


@pytest.mark.parametrize(("function", "expected"), FUNCTIONS, ids=range(len(FUNCTIONS)))
def test_every_function(function: Any, expected: Any) -> None:
    module = Functional(function)
    network = from_torch(module)
    assert network.layers[0].activation == expected
    x = rows(9, 5, torch.float32)
    assert_agrees(network, x.numpy(), evaluated(module, x))


def test_prelu_as_a_function() -> None:
    class Prelu(Functional):
        def forward(self, x: Any) -> Any:
            return F.prelu(self.linear(x), self.slope)

    assert from_torch(Prelu(None)).layers[0].activation == ("leaky_relu", pytest.approx(0.3))


# ---- dtypes, layouts, modes ----


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_narrow_weights_become_float32_without_rounding(dtype: Any) -> None:
    module = nn.Sequential(nn.Linear(5, 4), nn.Tanh()).to(dtype)
    network = from_torch(module)
    assert network.dtype == np.float32
    assert_same_bits(network.weights[0], module[0].weight.detach().float().numpy().T)


def test_dtype() -> None:
    module = nn.Linear(5, 4).double()
    assert from_torch(module).dtype == np.float64
    narrow = from_torch(module, dtype="float32")
    assert_same_bits(narrow.weights[0], module.weight.detach().numpy().T.astype(np.float32))
    assert from_torch(nn.Linear(5, 4), dtype=np.float64).dtype == np.float64
    assert from_torch(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2).double())).dtype == np.float64
    with pytest.raises(TypeError, match=r"`dtype` must be float32 or float64. Received: 'float16'"):
        from_torch(module, dtype="float16")
    with torch.no_grad():
        module.bias[1] = 1e300
    with pytest.raises(ValueError, match=r"must be finite in float32. Received: 1e\+300 in dense layer 0's bias"):
        from_torch(module, dtype=np.float32)


def test_bits_are_those_of_the_weights() -> None:
    module = nn.Sequential(nn.Dropout(), nn.Linear(5, 40), nn.ReLU(), nn.Identity(), nn.Linear(40, 4, bias=False))
    network = from_torch(module)
    assert_same_bits(network.weights[0], module[1].weight.detach().numpy().T)
    assert_same_bits(network.biases[0], module[1].bias.detach().numpy())
    assert_same_bits(network.weights[1], module[4].weight.detach().numpy().T)
    assert network.biases[1] is None


def test_modes_stay_as_they_were() -> None:
    module = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Dropout())
    module[1].eval()
    from_torch(module)
    assert [each.training for each in module.modules()] == [True, True, False, True]


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_wrappers_and_parametrizations() -> None:
    plain = nn.Sequential(nn.Linear(5, 4), nn.Tanh())
    expected = from_torch(plain).weights[0]
    for wrapped in (torch.compile(plain, backend="eager"), nn.DataParallel(plain)):
        assert_same_bits(from_torch(wrapped).weights[0], expected)
    nn.utils.parametrizations.weight_norm(plain[0])
    with torch.no_grad():
        plain[0].parametrizations.weight.original0.mul_(2)
    assert_same_bits(from_torch(plain).weights[0], plain[0].weight.detach().numpy().T)


# ---- new weights in place ----


def test_update_from_a_module() -> None:
    module = nn.Sequential(nn.Linear(5, 40), nn.Tanh(), nn.BatchNorm1d(40), nn.Linear(40, 4))
    network = from_torch(module)
    disturb(module, 3)
    with torch.no_grad():
        module[0].weight.mul_(1.5)
    network.update_from(layers_of(module))
    expected = from_torch(module)
    for one, other in zip(network.layers, expected.layers, strict=True):
        assert_same_bits(one.weight, other.weight)
        assert_same_bits(one.bias, other.bias)
    assert layers_of(nn.Linear(3, 2), dtype=np.float64)[0].weight.dtype == np.float64


def test_layers_of_a_module_are_its_memory() -> None:
    module = nn.Linear(5, 4)
    (layer,) = layers_of(module)
    layer.weight[0, 1] = 7
    assert float(module.weight[1, 0].detach()) == 7


def test_a_row_of_a_tensor() -> None:
    """Through the tensor's memory, and by `predict` whatever it is."""
    module = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 4))
    network = from_torch(module)
    x = torch.linspace(-1, 1, 8)
    expected = network(x.numpy())
    assert_same_bits(network.predict(x), expected)
    assert_same_bits(network.predict(x.requires_grad_()), expected)
    assert_same_bits(network.predict(x.detach().double()), expected)
    with pytest.raises(TypeError, match=r"must be what NumPy makes an array of real numbers of. Received: Tensor"):
        network.predict(x.detach().bfloat16())


# ---- what is refused ----


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        return x + self.linear(x)


class Branching(nn.Module):
    def forward(self, x: Any) -> Any:
        return x if x.sum() > 0 else -x


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        y = self.linear(x)
        return y, y


class Always(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        return F.dropout(self.linear(x))


class Lora(nn.Linear):
    def forward(self, x: Any) -> Any:
        return 2 * super().forward(x)


def hooked() -> nn.Module:
    module = nn.Sequential(nn.Linear(4, 4))
    module[0].register_forward_hook(lambda *_: None)
    return module


def dense(*rest: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), *rest)


REFUSED: list[tuple[Any, str]] = [
    (
        lambda: nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.LayerNorm(4)),
        "layer 3: LayerNorm is neither a dense layer nor an activation",
    ),
    (
        lambda: nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Sequential(nn.LayerNorm(4))),
        "layer 2 (1.0): LayerNorm is neither a dense layer nor an activation",
    ),
    (lambda: nn.LSTM(4, 4), "layer 0: LSTM is neither a dense layer nor an activation"),
    (lambda: dense(nn.GLU()), "layer 1: GLU is an activation that fastinit does not have"),
    (lambda: nn.Sequential(nn.ReLU(), nn.Linear(4, 4)), "layer 0: ReLU must follow a dense layer"),
    (lambda: dense(nn.ReLU(), nn.Tanh()), "layer 2: Tanh must follow a dense layer, with no other"),
    (
        lambda: dense(nn.ReLU(), nn.BatchNorm1d(4)),
        "layer 2: BatchNorm1d must stand next to a dense layer, which it is folded into",
    ),
    (lambda: dense(nn.ReLU(), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 4)), "layer 3: ReLU must follow"),
    (lambda: dense(nn.BatchNorm1d(4, track_running_stats=False)), "BatchNorm1d must have running statistics"),
    (lambda: nn.Sequential(nn.Dropout()), "the model must hold a dense layer. Received: none"),
    (lambda: dense(nn.Linear(5, 4)), "layer 1: Linear must have as many inputs as come to it, 4. Received: 5"),
    (lambda: dense(nn.BatchNorm1d(5)), "layer 1: BatchNorm1d must scale each of 4 features. Received: shape (5,)"),
    (lambda: dense(nn.Softmax(0)), "layer 1: Softmax must work along the last axis. Received: dim=0"),
    (lambda: dense(nn.Softplus(threshold=5)), "layer 1: Softplus must have a threshold of at least 20. Received: 5"),
    (lambda: dense(nn.PReLU(4)), "layer 1: PReLU must have one slope for all features. Received: 4"),
    (lambda: dense(nn.CELU(0.5)), "layer 1: CELU must have alpha 1, where it is elu. Received: 0.5"),
    (lambda: dense(nn.Hardtanh()), "layer 1: Hardtanh must clip to [0, 6], as relu6 does. Received: [-1"),
    (lambda: dense(nn.Threshold(1, 0)), "layer 1: Threshold must have threshold 0 and value 0"),
    (lambda: dense(nn.Flatten(0)), "layer 1: Flatten must flatten all axes but the first. Received: 0"),
    (lambda: nn.Linear(4, 4, device="meta"), "layer 0: Linear must have weights. Received: a tensor on meta"),
    (hooked, "layer 0: Linear has forward hooks, which may change what it computes: remove them"),
    (Residual, "layer 1: add must take the layer before and nothing else: a network is one chain"),
    (Branching, "layer 0: Branching must be a module that torch.fx can trace"),
    (Two, "layer 1: the result must be one tensor, that of the last layer"),
    (Always, "layer 1: dropout must have training=self.training: it would drop in evaluation, too"),
    (lambda: Functional(torch.sin), "layer 1: sin is neither a dense layer nor an activation"),
    (lambda: Functional(lambda x: F.softmax(x, 0)), "layer 1: softmax must work along the last axis. Received: dim=0"),
    (lambda: Functional(lambda x: x.T), "is neither a dense layer nor an activation"),
    (lambda: Functional(lambda x: x.reshape(2, -1)), "layer 1: reshape must keep rows and features"),
    (lambda: Functional(lambda x: x.half()), "layer 1: half is neither a dense layer nor an activation"),
    (lambda: Functional(lambda x: 1 / x), "layer 1: truediv must divide the layer before, not"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "sentence"), REFUSED, ids=[sentence[:50] for _, sentence in REFUSED])
def test_what_is_refused(make: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the sentence follows
        from_torch(make())
    assert sentence in str(caught.value)


@pytest.mark.parametrize("what", [3, None, nn.Linear], ids=str)
def test_what_is_no_module(what: Any) -> None:
    with pytest.raises(TypeError, match=r"`module` must be a torch.nn.Module, not scripted. Received: "):
        from_torch(what)


def test_a_subclass_is_what_its_own_forward_computes() -> None:
    module = nn.Sequential(Lora(4, 3), nn.Tanh())
    x = rows(5, 4, torch.float32)
    network = from_torch(module)
    assert_same_bits(network.weights[0], 2 * module[0].weight.detach().numpy().T)
    assert_agrees(network, x.numpy(), evaluated(module, x))


def test_ppo_of_fastinit_and_back() -> None:
    """Orthogonal weights as PPO has them, made in torch by fastinit, arrive as they are."""
    init = pytest.importorskip("fastinit.torch")
    module = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 4))
    for layer, gain in ((module[0], math.sqrt(2)), (module[2], 0.01)):
        init.orthogonal_(layer.weight, gain, seed=1)
        init.zeros_(layer.bias)
    network = from_torch(module)
    assert isinstance(network, MLP)
    weight = network.weights[0].astype(np.float64)
    assert np.abs(weight @ weight.T / 2 - np.eye(8)).max() < 1e-6
