"""Gated layers: glu, swiglu and geglu as one call of dense and of MLP, whose columns they halve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import MLP, activate, dense
from oracle import forward as oracle_forward
from support.bits import assert_same_bits
from support.forward_cases import DTYPES, values

NAMES: list[Any] = ["glu", "swiglu", "geglu"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_a_layer_equals_the_oracle(name: Any, dtype: Any, isa: str) -> None:
    for rows, depth, columns in ((1, 1, 2), (3, 5, 2), (7, 4, 34), (13, 40, 66), (2, 390, 100), (1, 0, 6)):
        x, weight, bias = values((rows, depth), dtype), values((depth, columns), dtype), values((columns,), dtype)
        expected = oracle_forward.activate(oracle_forward.dense(x, weight, bias), name)
        assert_same_bits(dense(x, weight, bias, name), expected)
        assert_same_bits(dense(x, np.ascontiguousarray(weight.T), bias, name, transpose_weight=True), expected)
        assert_same_bits(dense(x[0], weight, bias, name), expected[0])
        guarded = np.full((rows + 2, columns // 2), 77, dtype)
        assert dense(x, weight, bias, name, out=guarded[1:-1]) is not None
        assert_same_bits(guarded[1:-1], expected)
        assert (guarded[[0, -1]] == 77).all()
        assert_same_bits(MLP([(weight, bias, name)])(x), expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("x", "weight"),
    [
        ((1030, 9), (9, 512)), ((513, 3), (3, 1026)), ((5, 300, 4), (4, 260)), ((700, 1, 6), (6, 8)),
        ((6, 200, 31), (6, 31, 90)), ((40, 3, 5), (40, 5, 12)), ((2, 600, 7), (2, 7, 1100)), ((3, 1, 0), (0, 4)),
    ],
    ids=str,
)  # fmt: skip
def test_large_layers_in_parts(name: Any, x: tuple[int, ...], weight: tuple[int, ...]) -> None:
    """What waits for the gate is a part of the rows or items; threads and layouts change no bit."""
    a, w = values(x, np.float32), values(weight, np.float32)
    bias = values(weight[-1:], np.float32)
    expected = activate(dense(a, w, bias), name)
    for threads in (1, 3):
        assert_same_bits(dense(a, w, bias, name, threads=threads), expected)
        turned = np.asfortranarray(a), np.asfortranarray(w), np.repeat(bias, 2)[::2]
        assert_same_bits(dense(*turned, name, threads=threads), expected)
        spread = np.zeros((*x[:-1], 2 * x[-1]), np.float32)
        spread[..., ::2] = a
        assert_same_bits(dense(spread[..., ::2], w, bias, name, threads=threads), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_network_of_them(dtype: Any, isa: str) -> None:
    shapes = [(6, 40, "swiglu"), (20, 13, "tanh"), (13, 66, "glu"), (33, 10, ("prelu", 0.1)), (10, 14, "geglu")]
    layers: list[Any] = [
        (values((inputs, columns), dtype, i), values((columns,), dtype, i + 9) if i % 2 else None, name)
        for i, (inputs, columns, name) in enumerate(shapes)
    ]
    network = MLP(layers)
    assert repr(network).startswith("MLP(6 -> 20 swiglu -> 13 tanh -> 33 glu -> 10 prelu(0.1) -> 7 geglu")
    for rows in (0, 1, 5, 47, 49, 260):
        x = values((rows, 6), dtype)
        signal = x
        for layer in layers:
            signal = dense(signal, *layer)
        assert_same_bits(network(x, threads=1), signal)
        assert_same_bits(network(x, threads=3), signal)
        out = np.full((rows, 7), 77, dtype)
        assert network(x[::-1], out) is out
        assert_same_bits(out, np.ascontiguousarray(signal[::-1]))


def test_a_population_of_them() -> None:
    weights = values((5, 4, 12), np.float32), values((5, 6, 8), np.float32)
    network = MLP([(weights[0], None, "geglu"), (weights[1], values((5, 8), np.float32), "glu")])
    x = values((5, 9, 4), np.float32)
    expected = [
        dense(dense(x[i], weights[0][i], None, "geglu"), weights[1][i], values((5, 8), np.float32)[i], "glu")
        for i in range(5)
    ]
    assert_same_bits(network(x), np.array(expected))


def test_slopes_of_columns_in_layers() -> None:
    x, weight = values((7, 5), np.float32), values((5, 9), np.float32)
    slopes = np.linspace(-1, 1, 9, dtype=np.float32)
    expected = activate(dense(x, weight), ("prelu", slopes))
    assert_same_bits(dense(x, weight, None, ("prelu", slopes)), expected)
    given = slopes.copy()
    network = MLP([(weight, None, ("prelu", {"negative_slope": given}))])
    given[:] = 77
    assert_same_bits(network(x), expected)
    assert np.array_equal(network.layers[0].activation[1]["negative_slope"], slopes)  # type: ignore[index]
    assert "prelu(negative_slope=...)" in repr(network)


def test_relu_with_parameters_in_layers() -> None:
    x, weight = values((70, 50), np.float32), values((50, 90), np.float32)
    for parameters in ({"max_value": 1.0}, {"negative_slope": 0.1}, {"threshold": 1.0}, {"negative_slope": 1e-60}):
        activation: Any = ("relu", parameters)
        expected = activate(dense(x, weight), activation)
        assert_same_bits(dense(x, weight, None, activation), expected)
        assert_same_bits(MLP([(weight, None, activation)])(x), expected)


X, W = np.ones((2, 3), np.float32), np.ones((3, 4), np.float32)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: dense(X, W[:, :3], None, "glu"), "glu must have an even number of columns, .* Received: 3"),
        (lambda: MLP([(W[:, :3], None, "swiglu")]), "swiglu must have an even number of columns, .* Received: 3"),
        (lambda: MLP([(W, None, "glu"), (W[:4], None, None)]), "as many inputs as the layer before has outputs"),
        (lambda: dense(X, W, None, "glu", out=np.zeros((2, 4), np.float32)), r"`out` must have shape \(2, 2\)"),
        (lambda: dense(X, W, np.ones(2, np.float32), "glu"), r"`bias` must be \(out,\)"),
        (lambda: dense(X, W, None, ("prelu", np.ones(3, np.float32))), "a value for each of the 4 columns"),
        (lambda: MLP([(W, None, ("prelu", np.ones(3, np.float32)))]), "a value for each of the 4 columns"),
    ],
)  # fmt: skip
def test_errors(call: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_through_them(name: Any) -> None:
    report = fastinit.propagate([30, 40, 20], activation=name, seed=1)
    assert [layer.inputs for layer in report.layers] == [30, 40]
    layers, _, stds = fastinit.lsuv([30, 40, 20], values((64, 30), np.float32), activation=name)
    assert [layer.weight.shape for layer in layers] == [(30, 80), (40, 40)]
    assert max(abs(std - 1) for std in stds) <= 0.02
    assert fastinit.propagate(layers, values((64, 30), np.float32)).layers[1].activation == name


def test_the_registers_of_long_double_are_empty(isa: str) -> None:
    """They are those of MMX, too: a kernel that used some and left them in use would make this a NaN."""
    x, weight = values((3, 10), np.float64), values((10, 14), np.float64)
    for name in (*fastinit._kernels.ACTIVATIONS,):  # type: ignore[attr-defined]
        for dtype in DTYPES:
            activate(x.astype(dtype), name)
            dense(x.astype(dtype), weight.astype(dtype), None, name)
        assert (np.arange(40, dtype=np.longdouble) * 2 == 2 * np.arange(40)).all(), name
