"""Gains against an independent integration, PyTorch's table, and the activations' own limits."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import mpmath as mp
import pytest

import fastinit
from fastinit.propagation._gain import NAMES
from support.tools import load_tool

# Definitions from the papers, apart from those of tools/check_activations.py: other formulas where there are any.
LAMBDA, ALPHA = mp.mpf("1.0507009873554804934193349852946"), mp.mpf("1.6732632423543772848170429916717")


def softplus(z: mp.mpf, beta: float = 1.0) -> mp.mpf:
    return mp.log(1 + mp.exp(mp.mpf(beta) * z)) / mp.mpf(beta)


def elu(z: mp.mpf, alpha: mp.mpf | float = 1.0) -> mp.mpf:
    return z if z > 0 else mp.mpf(alpha) * (mp.exp(z) - 1)


FUNCTIONS: dict[str, Callable[[mp.mpf], mp.mpf]] = {
    "elu": elu,
    "exp": mp.exp,
    "gelu": lambda z: z * mp.erfc(-z / mp.sqrt(2)) / 2,
    "gelu_tanh": lambda z: z / (1 + mp.exp(-2 * mp.sqrt(2 / mp.pi) * (z + mp.mpf("0.044715") * z**3))),
    "hard_sigmoid": lambda z: max(mp.mpf(0), min(mp.mpf(1), z / 6 + mp.mpf(1) / 2)),
    "hard_silu": lambda z: z * max(mp.mpf(0), min(mp.mpf(1), z / 6 + mp.mpf(1) / 2)),
    "leaky_relu": lambda z: max(z, mp.mpf("0.01") * z),
    "linear": lambda z: z,
    "mish": lambda z: z * ((1 + mp.exp(z)) ** 2 - 1) / ((1 + mp.exp(z)) ** 2 + 1),
    "relu": lambda z: max(z, mp.mpf(0)),
    "relu6": lambda z: min(max(z, mp.mpf(0)), mp.mpf(6)),
    "selu": lambda z: LAMBDA * elu(z, ALPHA),
    "sigmoid": lambda z: (1 + mp.tanh(z / 2)) / 2,
    "silu": lambda z: z * (1 + mp.tanh(z / 2)) / 2,
    "softplus": softplus,
    "softsign": lambda z: z / (1 + abs(z)),
    "tanh": lambda z: (mp.exp(2 * z) - 1) / (mp.exp(2 * z) + 1),
    "celu": elu,
    "log_sigmoid": lambda z: -softplus(-z),
    "hard_tanh": lambda z: max(mp.mpf(-1), min(mp.mpf(1), z)),
    "relu_squared": lambda z: max(z, mp.mpf(0)) ** 2,
    "squareplus": lambda z: (z + mp.sqrt(z * z + 4)) / 2,
    "quick_gelu": lambda z: z * (1 + mp.tanh(mp.mpf("1.702") * z / 2)) / 2,
}


def integrated(f: Callable[[mp.mpf], mp.mpf]) -> float:
    """By Gauss's rule and not, as the tool does, by tanh-sinh."""
    with mp.workdps(25):
        edges = [mp.mpf(k) / 2 for k in range(-30, 31)]
        moment = mp.quad(lambda z: f(z) ** 2 * mp.npdf(z), edges, method="gauss-legendre")
        return float(1 / mp.sqrt(moment))


def test_the_numbers_of_the_docstring() -> None:
    numbers = re.findall(r"(\d\.\d{16})\b *for\s+(\w+)", fastinit.gain.__doc__ or "")
    assert len(numbers) == 3
    for value, name in numbers:
        assert fastinit.gain(name) == float(value), name


@pytest.mark.parametrize("name", NAMES)
def test_gains_are_exact(name: str) -> None:
    function = FUNCTIONS[name] if name in FUNCTIONS else load_tool("check_activations").EXACT[name]
    assert fastinit.gain(name) == pytest.approx(integrated(function), rel=1e-12)


@pytest.mark.parametrize("slope", [0.0, 0.2, -1.0, 1.0, 3.0])
def test_leaky_relu_of_any_slope(slope: float) -> None:
    exact = integrated(lambda z: z if z > 0 else slope * z)
    assert fastinit.gain("leaky_relu", slope) == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize("alpha", [0.0, 0.5, -1.0, 1.67])
def test_elu_of_any_alpha(alpha: float) -> None:
    assert fastinit.gain("elu", alpha) == pytest.approx(integrated(lambda z: elu(z, alpha)), rel=1e-14)


@pytest.mark.parametrize("name", ["leaky_relu", "elu", "softplus"])
@pytest.mark.parametrize("size", [5e-324, 1e-308, 1e-200, 1e-160, 1e160, 1e200, 1.7e308])
def test_no_parameter_overflows(name: str, size: float) -> None:
    limits = {"leaky_relu": (math.sqrt(2), math.sqrt(2) / size), "elu": (math.sqrt(2), 0.0)}
    with mp.workdps(25):
        below = mp.quad(lambda z: (mp.exp(z) - 1) ** 2 * mp.npdf(z), [-20, -8, -3, 0])
        limits["elu"] = math.sqrt(2), float(1 / (mp.sqrt(below) * size))
    limits["softplus"] = size / math.log(2), math.sqrt(2)
    small, large = limits[name]
    assert fastinit.gain(name, size) == pytest.approx(large if size > 1 else small, rel=1e-14, abs=1e-323)
    if name != "softplus":
        assert fastinit.gain(name, -size) == fastinit.gain(name, size)


@pytest.mark.parametrize("beta", [1e-12, 1e-6, 0.05, 0.7, 2.0, 9.0, 60.0])
def test_softplus_of_any_beta(beta: float) -> None:
    assert fastinit.gain("softplus", beta) == pytest.approx(integrated(lambda z: softplus(z, beta)), rel=1e-13)


def test_the_limits_of_softplus() -> None:
    assert fastinit.gain("softplus", 1e12) == pytest.approx(math.sqrt(2), rel=1e-11)
    assert fastinit.gain("softplus", 1e-12) == pytest.approx(1e-12 / math.log(2), rel=1e-11)


@pytest.mark.parametrize(
    ("activation", "f"),
    [
        (("relu", {"max_value": 1.5, "negative_slope": 0.5}), lambda z: min(z, mp.mpf(1.5)) if z > 0 else z / 2),
        (("relu", {"threshold": 0.5}), lambda z: z if z > 0.5 else mp.mpf(0)),
        (("selu", {"alpha": 1.0, "gamma": 1.0}), elu),
        (("selu", {"alpha": 0.5, "gamma": 1e200}), lambda z: mp.mpf(1e200) * elu(z, 0.5)),
        (("swish", 1.702), FUNCTIONS["quick_gelu"]),
        (("swish", 0.0), lambda z: z / 2),
        (("silu", 1e300), lambda z: max(z, mp.mpf(0))),
        (("hard_sigmoid", {"alpha": 0.25}), lambda z: max(mp.mpf(0), min(mp.mpf(1), z / 4 + 0.5))),
        (("softplus", {"threshold": 0.5}), lambda z: z if z > 0.5 else softplus(z)),
        (("celu", 2.0), lambda z: z if z > 0 else 2 * mp.expm1(z / 2)),
        (("hardtanh", {"min_value": -0.5, "max_value": 2.0}), lambda z: max(mp.mpf(-0.5), min(mp.mpf(2), z))),
        (("hard_shrink", 1.5), lambda z: z if abs(z) > 1.5 else mp.mpf(0)),
        (("softshrink", 1.0), lambda z: mp.sign(z) * max(abs(z) - 1, mp.mpf(0))),
        (("threshold", {"threshold": 0.5, "value": 20.0}), lambda z: z if z > 0.5 else mp.mpf(20)),
        (("squareplus", 1.0), lambda z: (z + mp.sqrt(z * z + 1)) / 2),
    ],
    ids=str,
)
def test_gains_of_any_parameters(activation: Any, f: Callable[[mp.mpf], mp.mpf]) -> None:
    assert fastinit.gain(activation) == pytest.approx(integrated(f), rel=1e-11)
    assert fastinit.gain(*activation) == fastinit.gain(activation)


@pytest.mark.parametrize("activation", [("relu", {"max_value": 0.0}), ("hard_tanh", {"min_value": 0, "max_value": 0})])
def test_nothing_has_no_gain(activation: Any) -> None:
    with pytest.raises(ValueError, match="must let something of a standard normal signal through"):
        fastinit.gain(activation)


def test_the_textbook_values() -> None:
    assert fastinit.gain("relu") == fastinit.gain("leaky_relu", 0) == fastinit.gain("elu", 0) == math.sqrt(2)
    assert fastinit.gain("leaky_relu", 1) == 1
    assert fastinit.gain("linear") == 1
    assert abs(fastinit.gain("selu") - 1) < 1e-15
    assert fastinit.gain("tanh") == pytest.approx(1.5925374, rel=1e-7)
    assert fastinit.gain("gelu") == pytest.approx((1 / 3 + 1 / (2 * math.pi * math.sqrt(3))) ** -0.5, rel=1e-15)
    assert fastinit.gain("silu") == pytest.approx(1.6765324, rel=1e-7)


def test_a_parameter_may_come_with_the_name() -> None:
    assert fastinit.gain(("leaky_relu", 0.2)) == fastinit.gain("leaky_relu", 0.2)
    assert fastinit.gain(None) == fastinit.gain("linear") == fastinit.gain(None, convention="torch") == 1
    assert fastinit.gain(("softplus", 2.0)) == fastinit.gain("softplus", 2.0) != fastinit.gain("softplus")


def test_the_convention_of_pytorch() -> None:
    table = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}
    for name, value in table.items():
        assert fastinit.gain(name, convention="torch") == value
    for slope in (0.0, 0.01, 0.2, 5**0.5):
        exact = pytest.approx(math.sqrt(2 / (1 + slope**2)), rel=3e-16)
        assert fastinit.gain("leaky_relu", slope, convention="torch") == exact


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("softmax",), ValueError, "elementwise to have a gain"),
        (("log_softmax",), ValueError, "elementwise to have a gain"),
        (("sine",), ValueError, "an activation must be one of celu, elu, exp"),
        ((3,), TypeError, r"a name, a \(name, parameter\) pair or"),
        (((),), TypeError, r"a name, a \(name, parameter\) pair or"),
        ((None, 1.0), ValueError, "the activation linear takes no parameter. Received: .'linear', 1.0"),
        (("tanh", 1.0), ValueError, "the activation tanh takes no parameter"),
        ((("tanh", 1.0),), ValueError, "the activation tanh takes no parameter"),
        (("logsoftmax",), ValueError, "elementwise to have a gain. Received: activation='log_softmax'"),
        (("glu",), ValueError, "elementwise to have a gain"),
        ((("leaky_relu", 0.1), 0.2), ValueError, "given once.* Received: .'leaky_relu', 0.1. and param=0.2"),
        (("elu", math.nan), ValueError, "`alpha` of elu must be finite"),
        (("elu", "1"), TypeError, "`alpha` must be a real number"),
        (("softplus", 0.0), ValueError, "`beta` of softplus must be finite and > 0"),
        (("gelu", None, "torch"), ValueError, "PyTorch's table has no others"),
        (("tanh", None, "keras"), ValueError, "`convention` must be one of torch"),
    ],
)
def test_errors(arguments: tuple[object, ...], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        fastinit.gain(*arguments)  # type: ignore[arg-type]
