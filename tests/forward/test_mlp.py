"""MLP: dense() layer after layer, bit for bit, for one network and for populations."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastinit
from fastinit import MLP, _kernels, dense
from fastinit.forward import Layer, _activation
from support.bits import assert_same_bits
from support.floating_point import DAZ, FTZ, mode
from support.forward_cases import ACTIVATIONS, DTYPES, first_words, laid_out, values
from support.guard import Guarded
from support.isas import RUNNABLE


def layers_of(widths: list[int], dtype: Any, leading: tuple[int, ...] = (), seed: int = 0) -> list[Layer]:
    """Layers between the widths, every third without a bias, with all activations in turn."""
    names = list(_activation.PARAMETERS)
    result = []
    for i, (depth, columns) in enumerate(itertools.pairwise(widths)):
        name: Any = names[(seed + i) % len(names)]
        both = 2 * columns if name in _activation.GATED else columns
        weight = values((*leading, depth, both), dtype, seed + i) / np.sqrt(max(1, depth)).astype(dtype)
        bias = None if i % 3 == 2 else values((*leading, both), dtype, seed + i)
        result.append(Layer(weight, bias, name))
    return result


def in_turn(layers: list[Layer], x: np.ndarray) -> np.ndarray:
    values = np.atleast_2d(x)  # a population's results without a row would be taken for rows
    for layer in layers:
        values = dense(values, *layer, threads=1)
    return values[..., 0, :] if x.ndim == 1 else values


# ---- one network ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [1, 2, 3, 7, 39])
def test_equals_layer_after_layer(isa: str, count: int, dtype: Any) -> None:
    for seed in range(5):
        widths = [int(n) for n in np.random.default_rng([seed, count]).integers(1, 71, count + 1)]
        layers = layers_of(widths, dtype, seed=3 * seed)
        network = MLP(layers)
        for rows in (0, 1, 2, 5, 12, 13, 47, 49):
            x = values((rows, widths[0]), dtype)
            assert_same_bits(network(x), in_turn(layers, x))
        assert_same_bits(network(x[0]), in_turn(layers, x[0]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_width_to_70(isa: str, dtype: Any) -> None:
    for width in range(71):
        layers = layers_of([width, 70 - width, width * 30 % 71, width], dtype, seed=width)
        x = values((7, width), dtype)
        assert_same_bits(MLP(layers)(x), in_turn(layers, x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_every_activation_between_layers_and_last(isa: str, activation: Any, dtype: Any) -> None:
    layers = [Layer(values((9, 37), dtype), values((37,), dtype), activation)]
    layers.append(Layer(values((37, 21), dtype), None, activation))
    x = values((14, 9), dtype)
    network = MLP(layers)
    for rows in (1, 3, 14):
        assert_same_bits(network(x[:rows]), in_turn(layers, x[:rows]))


@pytest.mark.parametrize("widths", [[385, 33, 769, 5], [3, 1100, 2], [1, 1, 1], [900, 1]], ids=str)
def test_depths_and_widths_of_many_blocks(isa: str, widths: list[int]) -> None:
    layers = layers_of(widths, np.float32)
    for rows in (1, 50, 241):
        if isa == "scalar" and rows == 241:
            continue  # slow, and nothing new
        x = values((rows, widths[0]), np.float32)
        assert_same_bits(MLP(layers)(x), in_turn(layers, x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("widths", "rows"),
    [([64, 300, 100], 481), ([600, 1500, 1], 97), ([8, 64, 64, 4], 5001), ([5, 70000], 49), ([1300, 1700], 1)],
    ids=str,
)
def test_any_number_of_threads(widths: list[int], rows: int, dtype: Any) -> None:
    layers = layers_of(widths, dtype, seed=10)
    x, network = values((rows, widths[0]), dtype), MLP(layers)
    expected = in_turn(layers, x)
    for threads in (1, 2, 3, 8, 300, 10**30, None):
        assert network(x, threads=threads).tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_alone_is_the_row_in_any_batch(isa: str, dtype: Any) -> None:
    layers = layers_of([20, 90, 30], dtype, seed=5)
    network, x = MLP(layers), values((300, 20), dtype)
    whole = network(x)
    for i in (0, 47, 48, 240, 299):
        assert_same_bits(network(x[i]), whole[i])
    for size in (2, 13, 48, 49, 239, 241):
        assert_same_bits(network(x[:size]), whole[:size])


@pytest.mark.parametrize("sizes", [(0, 5), (5, 0), (3, 0, 4), (0, 0), (4, 5, 0, 0, 6), (0, 3, 0)], ids=str)
@pytest.mark.parametrize("leading", [(), (3,), (0,), (2, 1)], ids=str)
def test_sizes_of_zero(leading: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    layers = layers_of(list(sizes), np.float32, leading, seed=4)
    network = MLP(layers)
    for rows in (0, 1, 4):
        x = values((*leading, rows, sizes[0]), np.float32)
        assert_same_bits(network(x), in_turn(layers, x))
    assert_same_layers(network, layers)
    again = pickle.loads(pickle.dumps(network))
    assert repr(again) == repr(network)
    assert_same_layers(again, layers)
    network.update(0, weight=layers[0].weight, bias=layers[0].bias)


def test_axes_of_zero_beside_others() -> None:
    layers = layers_of([3, 4], np.float32)
    network = MLP(layers)
    for shape in ((5, 0, 3), (0, 5, 3), (5, 0, 2, 3), (0, 0, 3)):
        assert network(np.ones(shape, np.float32)).shape == (*shape[:-1], 4)
        assert network(np.ones((*shape[:-1], 6), np.float32)[..., ::2]).shape == (*shape[:-1], 4)


# ---- layouts of x ----


def test_leading_axes_of_x_are_a_batch() -> None:
    layers = layers_of([6, 30, 7], np.float64, seed=6)
    network, x = MLP(layers), values((3, 4, 5, 6), np.float64)
    expected = in_turn(layers, x.reshape(60, 6)).reshape(3, 4, 5, 7)
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1)):
        assert_same_bits(network(x.transpose(*order, 3)), expected.transpose(*order, 3))
    assert_same_bits(network(x[::2, ::-1, 1::3]), expected[::2, ::-1, 1::3])
    assert_same_bits(network(np.broadcast_to(x[:, :1], x.shape)), np.broadcast_to(expected[:, :1], expected.shape))
    assert_same_bits(network(np.asfortranarray(x)), expected)
    ones = (1,) * 28
    assert_same_bits(network(x.reshape(3, *ones, 4, 5, 6)), expected.reshape(3, *ones, 4, 5, 7))


@settings(max_examples=100)
@given(st.data())
def test_any_strides_and_populations(data: st.DataObject) -> None:
    dtype, isa = data.draw(st.sampled_from(DTYPES)), data.draw(st.sampled_from(RUNNABLE))
    widths = data.draw(st.lists(st.one_of(st.integers(0, 5), st.integers(0, 70)), min_size=2, max_size=4))
    leading = tuple(data.draw(st.lists(st.integers(0, 3), max_size=3)))
    layers = []
    for layer in layers_of(widths, dtype, leading, seed=data.draw(st.integers(0, 20))):
        shared = data.draw(st.booleans())
        weight_shape = layer.weight.shape[-2:] if shared else layer.weight.shape
        bias_shape = weight_shape[-1:] if data.draw(st.booleans()) else (*weight_shape[:-2], weight_shape[-1])
        bias = None if layer.bias is None else data.draw(laid_out(bias_shape, dtype))
        layers.append(Layer(data.draw(laid_out(weight_shape, dtype)), bias, layer.activation))
    population = next((layer.weight.shape[:-2] for layer in layers if layer.weight.ndim > 2), ())
    axes = data.draw(st.integers(0, len(population)))
    x_leading = [data.draw(st.sampled_from([1, n])) for n in population[axes:]]
    if not population:
        x_leading = data.draw(st.lists(st.integers(0, 3), max_size=2))
    rows = [data.draw(st.integers(0, 60))] if x_leading or data.draw(st.booleans()) else []
    x = data.draw(laid_out((*x_leading, *rows, widths[0]), dtype))
    before = _kernels.current_isa()
    _kernels.use_isa(isa)
    try:
        expected, network = in_turn(layers, x), MLP(layers)
        # Layers that come before the first that is a population's do not broadcast in dense.
        shape = (*population, *expected.shape[-2 if x.ndim > 1 else -1 :]) if population else expected.shape
        assert_same_bits(network(x), np.broadcast_to(expected, shape))
        assert_same_layers(network, layers)
    finally:
        _kernels.use_isa(before)


# ---- populations ----


@pytest.mark.parametrize("leading", [(5,), (2, 3), (1,), (1, 1), (3, 1, 2)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_population_is_its_networks(isa: str, dtype: Any, leading: tuple[int, ...]) -> None:
    layers = layers_of([9, 20, 33, 4], dtype, leading, seed=1)
    layers[1] = Layer(*layers_of([20, 33], dtype, seed=8)[0])  # shared by all
    layers[0] = layers[0]._replace(bias=layers[0].bias.reshape(-1, 20)[0])  # a bias shared by all
    network = MLP(layers)
    for rows in (1, 3, 20):
        x = values((*leading, rows, 9), dtype)
        found = network(x)
        assert found.shape == (*leading, rows, 4)
        for place in np.ndindex(leading):
            own = [
                Layer(
                    layer.weight if layer.weight.ndim == 2 else layer.weight[place],
                    layer.bias if layer.bias is None or layer.bias.ndim == 1 else layer.bias[place],
                    layer.activation,
                )
                for layer in layers
            ]
            assert_same_bits(found[place], in_turn(own, x[place]))
            shared_x = network(x[place])
            assert shared_x.shape == (*leading, rows, 4)
            assert_same_bits(shared_x[place], found[place])
            assert_same_bits(network(x[place][0])[place], found[place][0])


def test_rows_of_a_population_in_any_layout() -> None:
    leading = (2, 3)
    layers = layers_of([6, 11, 4], np.float32, leading, seed=1)
    network, x = MLP(layers), values((2, 3, 5, 6), np.float32)
    expected = in_turn(layers, x)
    assert_same_bits(network(x[:, :, ::-1]), expected[:, :, ::-1])
    assert_same_bits(network(np.asfortranarray(x)), expected)
    assert_same_bits(network(x.transpose(1, 0, 2, 3).copy().transpose(1, 0, 2, 3)), expected)
    assert_same_bits(network(np.repeat(x, 2, -1)[..., ::2]), expected)
    # The same rows for some of the networks: axes without a step, or of one element, or absent. A step of
    # zero along the last of the leading axes was once forgotten.
    for part in (x[:, :1], x[:1], x[:1, :1]):
        wide = np.broadcast_to(part, x.shape)
        assert_same_bits(network(wide), in_turn(layers, wide))
        assert_same_bits(network(part), in_turn(layers, wide))
    assert_same_bits(network(x[0]), in_turn(layers, np.broadcast_to(x[0], x.shape)))


@pytest.mark.parametrize("leading", [(), (4,), (2, 3)], ids=str)
@pytest.mark.parametrize("rows", [1, 20, 700])
def test_rows_anywhere_in_memory(isa: str, rows: int, leading: tuple[int, ...]) -> None:
    layers = layers_of([6, 11, 4], np.float32, leading, seed=1)
    network, x = MLP(layers), values((*leading, rows, 6), np.float32)
    expected = network(x)
    misaligned = np.zeros(x.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(x.shape)
    record = np.zeros(x.shape, [("odd", np.uint8), ("value", np.float32)])["value"]
    misaligned[...] = record[...] = x
    for odd in (misaligned, record, np.asfortranarray(x), x.repeat(2, -1)[..., ::2], x[..., ::-1].copy()[..., ::-1]):
        for threads in (1, 3):
            assert_same_bits(network(odd, threads=threads), expected)
        shared = odd[(0,) * len(leading)]
        assert_same_bits(network(shared), network(shared.copy()))
        assert_same_bits(network(shared[0]), network(shared[0].copy()))


def test_an_out_in_the_gaps_of_x_is_apart() -> None:
    layers = layers_of([3, 9, 4], np.float32)
    network, x = MLP(layers), values((2, 3), np.float32)
    memory = np.full((6, 12), 9.0, np.float32)
    memory[:, 0] = x.ravel()
    out = memory[0, 2:10].reshape(2, 4)
    assert network(memory[:, 0].reshape(2, 3), out) is out
    assert_same_bits(out, network(x))
    with pytest.raises(ValueError, match="overlaps `x`"):
        network(memory[:, 0].reshape(2, 3), memory.reshape(-1)[5:13].reshape(2, 4))


@pytest.mark.parametrize("items", [2, 40, 1000])
def test_populations_on_any_number_of_threads(items: int) -> None:
    layers = layers_of([8, 64, 64, 4], np.float32, (items,), seed=1)
    rows = 20000 // items
    network, x = MLP(layers), values((items, rows, 8), np.float32)
    expected = in_turn(layers, x).tobytes()
    for threads in (1, 2, 3, 8, None):
        assert network(x, threads=threads).tobytes() == expected


# ---- what a network keeps ----


def assert_same_layers(network: MLP, layers: list[Layer]) -> None:
    assert len(network.layers) == len(layers)
    for found, expected in zip(network.layers, layers, strict=True):
        assert_same_bits(found.weight, expected.weight)
        assert (found.bias is None) == (expected.bias is None)
        if expected.bias is not None:
            assert_same_bits(found.bias, expected.bias)
        assert found.activation == expected.activation


@pytest.mark.parametrize("dtype", DTYPES)
def test_layers_come_back_bit_for_bit(isa: str, dtype: Any) -> None:
    layers = layers_of([7, 50, 1, 33, 64, 70], dtype, seed=2)
    layers[0].weight[0, :5] = [np.nan, np.inf, -np.inf, -0.0, np.finfo(dtype).smallest_subnormal]
    layers[0].weight.view(f"u{np.dtype(dtype).itemsize}")[1, 0] = (
        np.array(np.nan, dtype).view("u4" if dtype is np.float32 else "u8") + 5
    )
    network = MLP(layers)
    for found, expected in zip(network.layers, layers, strict=True):
        assert isinstance(found, Layer)
        assert found.weight.tobytes() == expected.weight.tobytes()
    assert_same_layers(network, layers)


def test_a_network_keeps_copies() -> None:
    layers = layers_of([3, 4, 2], np.float32)
    network, x = MLP(layers), values((5, 3), np.float32)
    expected = network(x)
    layers[0].weight[:] = 0
    layers[0].bias[:] = 0
    network.layers[0].weight[:] = 0
    network.layers[0].bias[:] = 0
    assert_same_bits(network(x), expected)


@pytest.mark.parametrize("leading", [(), (3,), (2, 2)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_pickles_and_copies(dtype: Any, leading: tuple[int, ...]) -> None:
    layers = layers_of([5, 40, 6], dtype, leading, seed=3)
    layers[1] = layers[1]._replace(activation=("leaky_relu", 0.3))
    network, x = MLP(layers), values((7, 5), dtype)
    for again in (
        *(pickle.loads(pickle.dumps(network, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)),
        copy.copy(network),
        copy.deepcopy(network),
    ):
        assert again is not network
        assert_same_bits(again(x), network(x))
        assert_same_layers(again, layers)
        assert repr(again) == repr(network)
        again.update(0, weight=np.zeros_like(layers[0].weight))
    assert_same_layers(network, layers)


def test_repr_and_counts() -> None:
    layers = layers_of([5, 40, 6, 2], np.float32, seed=3)
    layers[1] = layers[1]._replace(activation=("leaky_relu", 0.25))
    layers[2] = layers[2]._replace(activation=None)
    network = MLP(layers)
    size = 5 * 40 + 40 + 40 * 6 + 6 + 6 * 2
    assert repr(network) == f"MLP(5 -> 40 leaky_relu -> 6 leaky_relu(0.25) -> 2 linear, float32, {size} parameters)"
    assert network.num_parameters == size
    assert network.dtype == np.float32
    population = MLP([(np.zeros((3, 2, 4)), np.zeros(4), "tanh")])
    assert repr(population) == "MLP(2 -> 4 tanh, population (3,), float64, 28 parameters)"


def test_from_arrays() -> None:
    layers = layers_of([5, 40, 6, 2], np.float64, seed=3)
    weights, biases = [layer.weight for layer in layers], [layer.bias for layer in layers]
    for made, names in (
        (MLP.from_arrays(weights, biases), ["relu", "relu", None]),
        (MLP.from_arrays(tuple(weights), biases, "tanh", "softmax"), ["tanh", "tanh", "softmax"]),
    ):
        assert_same_layers(made, [Layer(w, b, a) for w, b, a in zip(weights, biases, names, strict=True)])
    without = MLP.from_arrays(weights[:1])
    assert_same_layers(without, [Layer(weights[0], None, None)])


def test_layers_may_be_any_iterable() -> None:
    layers = layers_of([5, 4, 3], np.float32)
    for given_layers in (layers, tuple(layers), iter(layers), [list(layer) for layer in layers]):
        assert_same_layers(MLP(given_layers), layers)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("leading", [(), (3,)], ids=str)
def test_update(isa: str, leading: tuple[int, ...], dtype: Any) -> None:
    layers, others = (layers_of([5, 40, 6], dtype, leading, seed=seed) for seed in (0, 50))
    network, x = MLP(layers), values((7, 5), dtype)
    network.update(0, weight=others[0].weight)
    layers[0] = layers[0]._replace(weight=others[0].weight)
    assert_same_layers(network, layers)
    network.update(-1, bias=others[1].bias[..., ::-1])
    layers[1] = layers[1]._replace(bias=others[1].bias[..., ::-1])
    assert_same_layers(network, layers)
    network.update(np.int64(1), np.asfortranarray(others[1].weight), others[1].bias)
    layers[1] = layers[1]._replace(weight=others[1].weight, bias=others[1].bias)
    assert_same_layers(network, layers)
    network.update(0)
    assert_same_layers(network, layers)
    assert_same_bits(network(x), in_turn(layers, x))


def test_update_refuses_what_does_not_fit() -> None:
    layers = layers_of([5, 40, 6, 2], np.float32)
    network = MLP(layers)
    wrong: list[tuple[Any, dict[str, Any], type, str]] = [
        (3, {}, IndexError, "a layer's index must lie in [-3, 3). Received: 3"),
        (-4, {}, IndexError, "a layer's index must lie in [-3, 3). Received: -4"),
        (True, {}, TypeError, "a layer's index must be an int. Received: True"),
        (0.0, {}, TypeError, "a layer's index must be an int. Received: 0.0"),
        (
            2,
            {"bias": np.zeros(2, np.float32)},
            ValueError,
            "`bias` must be None for a layer without one. Received: ndarray",
        ),
        (
            0,
            {"weight": np.zeros((40, 5), np.float32), "bias": np.zeros(40, np.float32)},
            ValueError,
            "`weight` must be like the one it replaces, float32 of shape (5, 40). Received: float32 of shape (40, 5)",
        ),
        (
            0,
            {"weight": np.zeros((5, 40), np.float32), "bias": np.zeros(40)},
            ValueError,
            "`bias` must be like the one it replaces, float32 of shape (40,). Received: float64 of shape (40,)",
        ),
        (
            0,
            {"weight": [[0.0]]},
            TypeError,
            "`weight` must be a NumPy array of float32 or float64. Received: list",
        ),
    ]  # fmt: skip
    for index, arguments, error, sentence in wrong:
        with pytest.raises(error) as caught:
            network.update(index, **arguments)
        assert str(caught.value) == sentence
        assert_same_layers(network, layers)


# ---- from several threads, and in a foreign mode ----


def test_calls_at_once() -> None:
    layers = layers_of([30, 200, 10], np.float32)
    network = MLP(layers)
    batches = [values((rows, 30), np.float32) for rows in (1, 3, 64, 500, 2000)]
    expected = [in_turn(layers, x).tobytes() for x in batches]

    def calls(i: int) -> bool:
        return [network(x, threads=1 + i % 4).tobytes() for x in batches] == expected

    with ThreadPoolExecutor(8) as executor:
        assert all(executor.map(calls, range(32)))


def test_update_beside_calls_breaks_nothing() -> None:
    """What comes out then is not promised; that nothing falls over, and that all is right afterwards, is."""
    layers, others = (layers_of([30, 200, 10], np.float32, seed=seed) for seed in (0, 50))
    network, x = MLP(layers), values((2000, 30), np.float32)
    stop = threading.Event()

    def update() -> None:
        while not stop.is_set():
            for each in (others, layers):
                network.update(0, each[0].weight, each[0].bias)

    thread = threading.Thread(target=update)
    thread.start()
    try:
        for _ in range(20):
            assert network(x, threads=2).shape == (2000, 10)
    finally:
        stop.set()
        thread.join()
    assert_same_layers(network, layers)
    assert_same_bits(network(x), in_turn(layers, x))


@pytest.mark.parametrize("rows", [3, 1000])
def test_a_foreign_mode_changes_no_bit_and_is_kept(rows: int, isa: str, mxcsr: Any) -> None:
    layers = layers_of([30, 70, 10], np.float32, seed=1)
    layers = [Layer(layer.weight, None, name) for layer, name in zip(layers, ("leaky_relu", None), strict=True)]
    network, x = MLP(layers), values((rows, 30), np.float32) * np.float32(1e-38)
    expected = network(x).tobytes()
    assert any(expected)
    with mode(mxcsr, FTZ | DAZ):
        found = network(x, threads=3)
    assert found.tobytes() == expected


# ---- memory ----


@pytest.mark.parametrize("at_end", [True, False], ids=["end", "start"])
def test_nothing_outside_the_arrays_is_touched(isa: str, at_end: bool, guarded: list[Guarded]) -> None:
    for widths in ([3, 5], [1, 1, 1], [17, 33, 31], [5, 0, 7], [64, 12, 65], [390, 3]):
        network = MLP(layers_of(widths, np.float32))
        for rows in (1, 2, 7, 10):
            array = values((rows, widths[0]), np.float32)
            x = guarded[0].copy_of(array, at_end)
            out = guarded[1].copy_of(np.zeros((rows, widths[-1]), np.float32), at_end)
            assert network(x, out) is out
            assert_same_bits(out, network(array))
            assert_same_bits(network(guarded[0].copy_of(array[::-1], at_end)[::-1], out=out), network(array))


def test_a_network_of_another_instruction_set_says_so() -> None:
    if len(RUNNABLE) == 1:
        pytest.skip("there is only one instruction set")
    before, network = _kernels.current_isa(), MLP(layers_of([3, 4], np.float32))
    _kernels.use_isa(next(name for name in RUNNABLE if name != before))
    try:
        for call in (
            lambda: network(np.ones(3, np.float32)),
            lambda: network.layers,
            lambda: network.update(0, bias=np.ones(4, np.float32)),
        ):
            with pytest.raises(RuntimeError, match="this network was packed for another instruction set"):
                call()
    finally:
        _kernels.use_isa(before)
    assert network(np.ones(3, np.float32)).shape == (4,)


def test_out() -> None:
    layers = layers_of([3, 9, 4], np.float32)
    network, x = MLP(layers), values((2, 3), np.float32)
    expected, out = network(x), np.zeros((2, 4), np.float32)
    assert network(x, out) is out
    assert_same_bits(out, expected)
    assert network(x.T.copy().T, out=out) is out
    assert_same_bits(out, expected)
    read_only = np.zeros((2, 4), np.float32)
    read_only.flags.writeable = False
    memory = np.full(20, 9.0, np.float32)
    wrong: list[tuple[Any, Any, type, str]] = [
        (x, [0.0], TypeError, "`out` must be a NumPy array. Received: list"),
        (x, np.zeros((2, 4)), TypeError, "`out` must have dtype float32. Received: dtype('float64')"),
        (x, np.zeros((4, 2), np.float32), ValueError, "`out` must have shape (2, 4). Received: (4, 2)"),
        (x, np.zeros((4, 2), np.float32).T, ValueError, "`out` must be C-contiguous. Received: strides (4, 8)"),
        (x, read_only, ValueError, "`out` must be writable. Received: a read-only array"),
        (
            memory[:6].reshape(2, 3),
            memory[5:13].reshape(2, 4),
            ValueError,
            "`out` must lie apart from the other arrays. Received: an `out` that overlaps `x`",
        ),
    ]
    for given_x, given_out, error, sentence in wrong:
        with pytest.raises(error) as caught:
            network(given_x, given_out)
        assert str(caught.value) == sentence
    assert (memory == 9).all()
    assert not read_only.any()


# ---- errors ----


def ones(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.ones(shape, dtype)


MADE_WRONG: list[tuple[Callable[[], Any], type, str]] = [
    (
        lambda: MLP([]),
        ValueError,
        "`layers` must be an iterable of (weight, bias, activation), at least one. Received: none",
    ),
    (lambda: MLP(3), TypeError, "`layers` must be an iterable of (weight, bias, activation). Received: int"),
    (
        lambda: MLP([(ones(3, 4), None)]),
        TypeError,
        "`layers` must be an iterable of (weight, bias, activation). Received: 2 things as layer 0",
    ),
    (
        lambda: MLP([ones(3, 3, 4)]),
        TypeError,
        "`layers` must be an iterable of (weight, bias, activation). Received: ndarray as layer 0",
    ),
    (
        lambda: MLP([([[1.0]], None, None)]),
        TypeError,
        "`weight` must be a NumPy array of float32 or float64. Received: list",
    ),
    (
        lambda: MLP([(ones(3, 4), None, None), (ones(4, 2, dtype="f8"), None, None)]),
        TypeError,
        "`layers[1]: weight` must have the dtype of the first weight, float32. Received: dtype dtype('float64')",
    ),
    (
        lambda: MLP([(ones(3, 4), ones(4, dtype="f8"), None)]),
        TypeError,
        "`layers[0]: bias` must have the dtype of the first weight, float32. Received: dtype dtype('float64')",
    ),
    (
        lambda: MLP([(ones(4), None, None)]),
        ValueError,
        "`layers[0]: weight` must have at least two axes, (..., in, out). Received: (4,)",
    ),
    (
        lambda: MLP([(ones(3, 4), None, None), (ones(3, 2), None, None)]),
        ValueError,
        "`layers[1]: weight` must have as many inputs as the layer before has outputs. "
        "Received: shapes (3, 4) and (3, 2)",
    ),
    (
        lambda: MLP([(ones(3, 4), ones(3), None)]),
        ValueError,
        "`layers[0]: bias` must be (out,) or (..., out) with the weight's leading axes. "
        "Received: bias of shape (3,), weight of shape (3, 4)",
    ),
    (
        lambda: MLP([(ones(3, 4), ones(2, 4), None)]),
        ValueError,
        "`layers[0]: bias` must be (out,) or (..., out) with the weight's leading axes. "
        "Received: bias of shape (2, 4), weight of shape (3, 4)",
    ),
    (
        lambda: MLP([(ones(2, 3, 4), None, None), (ones(5, 4, 4), None, None)]),
        ValueError,
        "the leading axes of all weights must be the same, or none. Received: (2,) and, in layers[1], (5,)",
    ),
    (
        lambda: MLP([(ones(3, 4), None, "rellu")]),
        ValueError,
        f"an activation must be one of {', '.join(_activation.PARAMETERS)}. Did you mean 'relu'? Received: 'rellu'",
    ),
    (
        lambda: MLP([(ones(3, 4), None, ("tanh", 2.0))]),
        ValueError,
        "the activation tanh takes no parameter. Received: ('tanh', 2.0)",
    ),
    (
        lambda: MLP([(ones(3, 4), None, ("softplus", 1e-300))]),
        ValueError,
        "`beta` of softplus must be at least 1.17549e-38 in float32. Received: beta=1e-300",
    ),
    (lambda: MLP.from_arrays([]), ValueError, "`weights` must hold at least one array. Received: none"),
    (lambda: MLP.from_arrays(ones(3, 4)), TypeError, "`weights` must be a sequence of arrays. Received: ndarray"),
    (
        lambda: MLP.from_arrays([ones(3, 4)], []),
        ValueError,
        "`biases` must be as many as the weights. Received: 0 biases, 1 weights",
    ),
    (
        lambda: MLP.from_arrays([ones(3, 4), ones(4, 2)], ones(2)),
        TypeError,
        "`layers[0]: bias` must be a NumPy array of float32 or float64. Received: float32",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "sentence"), MADE_WRONG, ids=first_words)
def test_networks_that_are_none(make: Callable[[], Any], error: type, sentence: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == sentence


CALLED_WRONG: list[tuple[dict[str, Any], type, str]] = [
    ({"x": [1.0, 2.0, 3.0]}, TypeError, "`x` must be a NumPy array of float32 or float64. Received: list"),
    (
        {"x": ones(2, 3, dtype="f8")},
        TypeError,
        "`x` must have the dtype of the network, float32. Received: dtype dtype('float64')",
    ),
    (
        {"x": ones(2, 3, dtype="f2")},
        TypeError,
        "`x` must be a NumPy array of float32 or float64. Received: dtype dtype('float16')",
    ),
    ({"x": ones(2, 4)}, ValueError, "`x` must be (..., 3), as the first layer has 3 inputs. Received: (2, 4)"),
    ({"x": ones()}, ValueError, "`x` must be (..., 3), as the first layer has 3 inputs. Received: ()"),
    ({"x": ones(2, 3), "threads": False}, TypeError, "`threads` must be None or an int. Received: threads=False"),
    ({"x": ones(2, 3), "threads": 0}, ValueError, "`threads` must be >= 1. Received: threads=0"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "error", "sentence"), CALLED_WRONG, ids=first_words)
def test_wrong_calls_write_nothing(arguments: dict[str, Any], error: type, sentence: str) -> None:
    network, out = MLP([(ones(3, 4), None, None)]), np.full((2, 4), 9.0, np.float32)
    for given_out in (None, out):
        with pytest.raises(error) as caught:
            network(out=given_out, **arguments)
        assert str(caught.value) == sentence
    assert (out == 9).all()


@pytest.mark.parametrize("shape", [(4, 2, 3), (2, 1, 2, 3), (3, 2, 2, 3), (2, 5, 2, 3), (1, 2, 5, 2, 3)], ids=str)
def test_rows_that_do_not_fit_a_population(shape: tuple[int, ...]) -> None:
    network = MLP([(ones(2, 5, 3, 4), None, None)])
    if shape in ((2, 1, 2, 3), (2, 5, 2, 3)):
        assert network(ones(*shape)).shape == (2, 5, 2, 4)
        return
    with pytest.raises(ValueError, match=r"have the population's leading axes \(2, 5\) before these. Received: \("):
        network(ones(*shape))


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="this NumPy has no more than 32 axes")
def test_more_than_32_axes() -> None:
    with pytest.raises(ValueError, match=r"`x` must have at most 32 axes\. Received: 33"):
        MLP([(ones(3, 4), None, None)])(ones(*(1,) * 32, 3))
    with pytest.raises(ValueError, match=r"`layers\[0\]: weight` must have at most 32 axes\. Received: 33"):
        MLP([(ones(*(1,) * 31, 3, 4), None, None)])


def test_results_that_no_memory_holds() -> None:
    tall = np.broadcast_to(np.ones(1, np.float32), (1 << 50, 1))
    for width in (1, 1 << 14):
        with pytest.raises((ValueError, MemoryError)):
            MLP([(np.ones((1, width), np.float32), None, None)])(tall)


def test_a_large_result() -> None:
    layers = layers_of([3, 2100], np.float32)
    x = values((4096, 3), np.float32)
    found = MLP(layers)(x)
    assert math.prod(found.shape) * 4 > 1 << 25
    assert_same_bits(found, in_turn(layers, x))
    assert_same_bits(MLP(layers)(x[::-1])[::-1], found)


def test_examples_of_initialized_networks() -> None:
    weights = [fastinit.he_normal((8, 64), seed=1), fastinit.lecun_normal((64, 4), seed=2)]
    network = MLP.from_arrays(weights, activation="tanh")
    x = fastinit.normal((32, 8), seed=3)
    np.testing.assert_allclose(network(x), np.tanh(x @ weights[0]) @ weights[1], rtol=1e-5, atol=1e-6)
