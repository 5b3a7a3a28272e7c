"""fastinit.convert.from_keras: every activation, random architectures, and what is refused."""

from __future__ import annotations

import importlib
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinit.convert import from_keras, layers_of
from support.bits import assert_same_bits
from support.converted import assert_agrees
from support.keras_backend import ignore_copy_keyword, keras

_keras = importlib.import_module("fastinit.convert._keras")
pytestmark = ignore_copy_keyword
L = keras.layers

LAYERS: list[tuple[Any, Any]] = [
    (lambda: L.Activation("exponential"), "exp"),
    (L.ELU, ("elu", 1.0)),
    (lambda: L.ELU(0.3), ("elu", 0.3)),
    (L.LeakyReLU, ("leaky_relu", 0.3)),
    (lambda: L.LeakyReLU(0.1), ("leaky_relu", 0.1)),
    (lambda: L.PReLU("ones", shared_axes=[1]), ("leaky_relu", 1.0)),
    (L.ReLU, "relu"),
    (lambda: L.ReLU(6), "relu6"),
    (lambda: L.ReLU(negative_slope=0.2), ("leaky_relu", 0.2)),
    (L.Softmax, "softmax"),
]


def rows(count: int, width: int, dtype: Any = np.float32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, count, width]).standard_normal((count, width)).astype(dtype)


def computed(model: Any, x: np.ndarray) -> np.ndarray:
    result = model(keras.ops.convert_to_tensor(x))
    return np.asarray(result.detach() if hasattr(result, "detach") else result)


def test_every_row_of_the_tables_is_tried() -> None:
    assert {type(make()) for make, _ in LAYERS} == set(_keras.LAYERS)


@pytest.mark.parametrize("name", sorted(_keras.FUNCTIONS))
def test_every_function(name: str) -> None:
    if not hasattr(keras.activations, name):
        pytest.skip(f"this Keras has no {name}")
    model = keras.Sequential([keras.Input((7,)), L.Dense(9, name), L.Dense(4), L.Activation(name)])
    network = from_keras(model)
    assert [layer.activation for layer in network.layers] == [_keras.FUNCTIONS[name]] * 2
    x = rows(20, 7)
    assert_agrees(network, x, computed(model, x))


@pytest.mark.parametrize(("make", "expected"), LAYERS, ids=range(len(LAYERS)))
def test_every_layer_that_is_an_activation(make: Any, expected: Any) -> None:
    as_layer = keras.Sequential([keras.Input((7,)), L.Dense(9), make()])
    as_argument = keras.Sequential([keras.Input((7,)), L.Dense(9, activation=make())])
    x = rows(20, 7)
    for model in (as_layer, as_argument):
        theirs = computed(model, x)
        network = from_keras(model)
        assert network.layers[0].activation == expected
        assert_agrees(network, x, theirs)


OPERATIONS: list[tuple[Any, Any]] = [
    (keras.ops.elu, ("elu", 1.0)),
    (keras.ops.exp, "exp"),
    (keras.ops.gelu, "gelu_tanh"),  # Keras's default here, and only here
    (lambda x: keras.ops.gelu(x, approximate=False), "gelu"),
    (keras.ops.hard_sigmoid, "hard_sigmoid"),
    (keras.ops.hard_silu, "hard_silu"),
    (keras.ops.leaky_relu, ("leaky_relu", 0.2)),
    (keras.ops.log_softmax, "log_softmax"),
    (keras.ops.relu, "relu"),
    (keras.ops.relu6, "relu6"),
    (keras.ops.selu, "selu"),
    (keras.ops.sigmoid, "sigmoid"),
    (keras.ops.silu, "silu"),
    (keras.ops.softmax, "softmax"),
    (keras.ops.softplus, "softplus"),
    (keras.ops.softsign, "softsign"),
    (keras.ops.tanh, "tanh"),
]


@pytest.mark.parametrize(("function", "expected"), OPERATIONS, ids=range(len(OPERATIONS)))
def test_every_operation(function: Any, expected: Any) -> None:
    x = keras.Input((7,))
    model = keras.Model(x, function(L.Dense(5)(x)))
    network = from_keras(model)
    assert network.layers[0].activation == expected
    assert_agrees(network, rows(9, 7), computed(model, rows(9, 7)))


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1:UserWarning")  # of one column
@settings(max_examples=15)
@given(st.data())
def test_random_architectures(data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    widths = data.draw(st.lists(st.integers(1, 30), min_size=2, max_size=5))
    layers: list[Any] = []
    if data.draw(st.booleans()):
        layers.append(L.Normalization(mean=rng.normal(size=widths[0]), variance=rng.uniform(0.5, 2, widths[0])))
    if data.draw(st.booleans()):
        layers.append(L.Rescaling(0.5, 0.25))
    nothing = [L.Dropout, L.Identity, L.Flatten, L.GaussianNoise, L.AlphaDropout]
    for depth, columns in pairwise(widths):
        if data.draw(st.booleans()):
            layers.append(L.BatchNormalization(center=data.draw(st.booleans()), scale=data.draw(st.booleans())))
        layers.append(L.Dense(columns, use_bias=data.draw(st.booleans()), bias_initializer="uniform"))
        if data.draw(st.booleans()):
            layers.append(L.BatchNormalization())
        for kind in data.draw(st.lists(st.sampled_from(nothing), max_size=2)):
            layers.append(kind() if kind in (L.Identity, L.Flatten) else kind(0.5))
        if data.draw(st.booleans()):
            layers.append(data.draw(st.sampled_from(LAYERS[1:]))[0]())
        assert depth
    functional = data.draw(st.booleans())
    start = keras.Input(widths[:1])
    if functional:
        end = start
        at = data.draw(st.integers(0, len(layers)))
        for layer in layers[:at]:
            end = layer(end)
        if layers[at:]:
            end = keras.Sequential(layers[at:])(end)
        model = keras.Model(start, end)
    else:
        model = keras.Sequential([start, *layers])
    for layer in layers:
        if isinstance(layer, L.BatchNormalization):
            layer.moving_mean.assign(rng.uniform(-0.5, 0.5, layer.moving_mean.shape))
            layer.moving_variance.assign(rng.uniform(0.5, 1.5, layer.moving_variance.shape))
    network = from_keras(model)
    x = rows(11, widths[0], seed=seed)
    assert_agrees(network, x, computed(model, x))


def test_dtypes() -> None:
    model = keras.Sequential([keras.Input((5,)), L.Dense(4, "tanh", dtype="bfloat16")])
    assert from_keras(model).dtype == np.float32
    model = keras.Sequential([keras.Input((5,)), L.Dense(4, "tanh")])
    network = from_keras(model, dtype=np.float64)
    assert network.dtype == np.float64
    assert_same_bits(network.astype(np.float32).weights[0], from_keras(model).weights[0])


def test_update_from_a_model() -> None:
    models = [keras.Sequential([keras.Input((5,)), L.Dense(4, "tanh"), L.Dense(2)]) for _ in range(2)]
    network = from_keras(models[0])
    network.update_from(layers_of(models[1]))
    assert_same_bits(network.weights[1], from_keras(models[1]).weights[1])


class Own(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = L.Dense(3)

    def call(self, x: Any) -> Any:
        return self.dense(x)


class Twice(L.Dense):
    def call(self, x: Any, training: Any = None) -> Any:
        return 2 * super().call(x)


def own() -> Any:
    model = Own()
    model(keras.ops.ones((1, 4)))
    return model


def residual() -> Any:
    x = keras.Input((4,))
    return keras.Model(x, L.Add()([L.Dense(4)(x), x]))


def two() -> Any:
    x = keras.Input((4,))
    return keras.Model(x, [L.Dense(4)(x), L.Dense(4)(x)])


def dense(*rest: Any) -> Any:
    return keras.Sequential([keras.Input((4,)), L.Dense(4, name="first"), *rest])


REFUSED: list[tuple[Any, type, str]] = [
    (lambda: 3, TypeError, "`model` must be a keras.Model. Received: int"),
    (lambda: keras.Sequential([L.Dense(3)]), ValueError, "`model` must be built: give it an Input, or call it once."),
    (own, ValueError, "must be a Sequential or a functional model: what a call() of its own computes cannot be read."),
    (residual, ValueError, "`model` must be one chain of layers. Received: Add ("),
    (two, ValueError, "`model` must have one input and one output. Received: 1 inputs, 2 outputs"),
    (
        lambda: dense(L.LayerNormalization(name="norm")),
        ValueError,
        "layer 1 (norm): LayerNormalization is neither a dense layer nor an activation",
    ),
    (
        lambda: dense(Twice(3, name="own")),
        ValueError,
        "layer 1 (own): Twice is neither a dense layer nor an activation",
    ),
    (
        lambda: dense(L.Dense(3, lambda x: x, name="own")),
        ValueError,
        "layer 1 (own): Dense has an activation that fastinit does not have: <lambda>",
    ),
    (
        lambda: dense(L.Dense(3, activation=L.PReLU(), name="own")),
        ValueError,
        "layer 1 (own): PReLU must be built: call the model once",
    ),
    (lambda: dense(L.ReLU(5, name="r")), ValueError, "layer 1 (r): ReLU must be relu, leaky relu or relu6. Received: "),
    (
        lambda: dense(L.PReLU(name="p")),
        ValueError,
        "layer 1 (p): PReLU must have one slope for all features",
    ),
    (lambda: dense(L.Softmax(0, name="s")), ValueError, "layer 1 (s): Softmax must work along the last axis"),
]


@pytest.mark.parametrize(("make", "error", "sentence"), REFUSED, ids=[sentence[:50] for *_, sentence in REFUSED])
def test_what_is_refused(make: Any, error: type, sentence: str) -> None:
    with pytest.raises(error) as caught:
        from_keras(make())
    assert sentence in str(caught.value)
