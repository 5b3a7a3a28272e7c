"""LSUV: every pre-activation has variance one, reproducibly."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import MLP, dense
from fastinit.propagation import _lsuv


def stds_of(layers: list[Any], x: np.ndarray) -> list[float]:
    stds = []
    for weight, bias, activation in layers:
        z = x.astype(np.float64) @ weight.astype(np.float64) + (0.0 if bias is None else bias)
        stds.append(float(z.std()))
        x = dense(x, weight, bias, activation)
    return stds


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "sigmoid", "linear", ("leaky_relu", 0.2)])
def test_depth_fifty(activation: Any) -> None:
    x = fastinit.uniform((128, 64), 0.0, 1.0, seed=1)
    layers, iterations, stds = fastinit.lsuv([64] + [96] * 49 + [10], x, activation=activation, seed=2)
    assert len(layers) == len(iterations) == len(stds) == 50
    measured = stds_of(layers, x)
    assert max(abs(std - 1) for std in measured) < 0.02
    assert stds == pytest.approx(measured, rel=1e-4)
    assert max(iterations) <= 2
    assert fastinit.propagate(layers, x).layers[-1].rms > 0.01


def test_it_scales_orthogonal_weights_of_named_keys() -> None:
    x = fastinit.normal((64, 32), 0.0, 3.0, seed=1)
    (layer, *_), _, _ = fastinit.lsuv([32, 32, 32], x, seed=7)
    start = fastinit.orthogonal((32, 32), seed=fastinit.Key(7).child("layer", 1))
    scale = layer[0] / start
    assert scale == pytest.approx(np.full((32, 32), scale[0, 0]), rel=1e-5)


def test_it_is_reproducible() -> None:
    x = fastinit.normal((64, 32), 0.0, 1.0, seed=1)
    once, again = (fastinit.lsuv([32, 48, 8], x, seed=7) for _ in range(2))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(once.layers, again.layers, strict=True))
    assert once[1:] == again[1:]


def test_layers_with_biases_are_scaled_in_copies() -> None:
    x = np.random.default_rng(0).normal(size=(200, 5))
    weights = [np.random.default_rng(1).normal(size=shape) for shape in ((5, 40), (40, 40))]
    bias = np.random.default_rng(2).normal(0.0, 0.7, size=40)
    given = [(weights[0], bias, "relu"), (weights[1], None, "tanh")]
    before = [weight.copy() for weight in weights]
    result = fastinit.lsuv(given, x, tolerance=1e-6, max_iterations=100)
    assert all(np.array_equal(a, b) for a, b in zip(weights, before, strict=True))
    assert stds_of(result.layers, x) == pytest.approx([1.0, 1.0], abs=1e-6)
    assert result.layers[0][1] is bias
    assert result.iterations[0] > 1
    by_mlp = fastinit.lsuv(MLP(given), x, tolerance=1e-6, max_iterations=100)
    assert np.array_equal(by_mlp.layers[1][0], result.layers[1][0])


@pytest.mark.parametrize("most", [3, 10])
def test_a_bias_that_varies_too_much_is_refused(most: int) -> None:
    weight, bias = fastinit.he_normal((32, 8), seed=0), np.arange(8, dtype="f") * 5
    before = weight.copy()
    words = f"cannot where the bias alone has std 1 or more.* after {most} in layer 1, whose bias has std 11.4564"
    with pytest.raises(ValueError, match=words):
        fastinit.lsuv([(weight, bias, "relu")], fastinit.normal((64, 32), seed=1), max_iterations=most)
    assert np.array_equal(weight, before)


def test_its_bits_are_pinned() -> None:
    """On every machine, and for every instruction set and NumPy."""
    x = fastinit.uniform((100, 40), -1.0, 2.0, seed=1)
    layers, _, stds = fastinit.lsuv([40, 48, 33, 7], x, activation="gelu", tolerance=1e-3, seed=7)
    digest = hashlib.sha256(b"".join(layer.weight.astype("<f4").tobytes() for layer in layers))
    digest.update(np.array(stds, "<f8").tobytes())
    assert digest.hexdigest()[:16] == "aff3b5bb154e6ee7"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1001])
def test_sums_are_sums(size: int) -> None:
    values = np.random.default_rng(size).normal(3.0, 2.0, size)
    assert _lsuv._sum(values) == pytest.approx(math.fsum(values), rel=1e-14)
    assert _lsuv._std(values) == pytest.approx(values.std(), rel=1e-13)


def test_its_layers_make_a_network() -> None:
    x = fastinit.normal((64, 32), 0.0, 1.0, seed=1)
    result = fastinit.lsuv([32, 16, 4], x)
    assert MLP(result.layers)(x).shape == (64, 4)
    assert [(layer.bias, layer.activation) for layer in result.layers] == [(None, "relu")] * 2
    assert type(result.layers[0].activation) is str


@pytest.mark.parametrize(
    ("layers", "kwargs", "words"),
    [
        ([(np.zeros((5, 3)), None, "relu")], {}, "finite and > 0. Received: std=0.0 in layer 1"),
        ([5, 3], {"tolerance": 0.0}, "`tolerance` must be finite and > 0"),
        ([5, 3], {"max_iterations": 0}, "`max_iterations` must be >= 1"),
        ([4, 3], {}, r"`x` must have shape \(batch, 4\)"),
        ([5.0, 3.0], {}, "widths in `layers` must be ints >= 1"),
        ([(np.eye(5), None, "relu")], {"activation": "tanh"}, "`activation` must be left out"),
        ([5, 3], {"activation": "sine"}, "an activation must be one of"),
    ],
)
def test_errors(layers: Any, kwargs: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fastinit.lsuv(layers, np.ones((4, 5)) + np.eye(4, 5), **kwargs)


def test_arguments_in_the_wrong_order() -> None:
    with pytest.raises(TypeError, match=r"`layers`, the first argument, .* Received: an array of shape \(64, 32\)"):
        fastinit.lsuv(np.ones((64, 32)), [32, 1])
