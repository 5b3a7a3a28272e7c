"""LSUV: every pre-activation has variance one, reproducibly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import MLP, dense


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


def test_iterations_are_limited_and_the_std_said() -> None:
    x = np.random.default_rng(0).normal(size=(200, 5))
    bias = np.random.default_rng(2).normal(0.0, 30.0, size=40)
    result = fastinit.lsuv([(np.ones((5, 40)), bias, "relu")], x, max_iterations=3)
    assert result.iterations == [3]
    assert result.stds[0] > 20


@pytest.mark.parametrize(
    ("layers", "kwargs", "words"),
    [
        ([(np.zeros((5, 3)), None, "relu")], {}, "finite and > 0. Received: std=0.0 in layer 1"),
        ([5, 3], {"tolerance": 0.0}, "`tolerance` must be finite and > 0"),
        ([5, 3], {"max_iterations": 0}, "`max_iterations` must be >= 1"),
        ([4, 3], {}, r"`x` must have shape \(batch, 4\)"),
        ([5, 3], {"activation": "sine"}, "`activation` must be one of"),
    ],
)
def test_errors(layers: Any, kwargs: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fastinit.lsuv(layers, np.ones((4, 5)) + np.eye(4, 5), **kwargs)
