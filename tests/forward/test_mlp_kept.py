"""Networks that are kept: other dtypes, other layouts, other inputs, new values in place, and files."""

from __future__ import annotations

import copy
import json
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastinit
from fastinit import MLP, _safetensors
from fastinit.forward import Layer
from support.bits import assert_same_bits
from support.forward_cases import ACTIVATIONS, DTYPES, values


def layers_of(widths: list[int], dtype: Any, leading: tuple[int, ...] = (), seed: int = 0) -> list[Layer]:
    """Layers between the widths, the second without a bias, with all activations in turn."""
    layers = []
    for i, (depth, columns) in enumerate(pairwise(widths)):
        bias = None if i == 1 else values((*leading, columns), dtype, seed + i)
        weight = values((*leading, depth, columns), dtype, seed + i)
        layers.append(Layer(weight, bias, ACTIVATIONS[(seed + i) % len(ACTIVATIONS)]))
    return layers


def assert_same_network(found: MLP, expected: MLP) -> None:
    assert repr(found) == repr(expected)
    for one, other in zip(found.layers, expected.layers, strict=True):
        assert_same_bits(one.weight, other.weight)
        assert (one.bias is None) == (other.bias is None)
        if other.bias is not None:
            assert_same_bits(one.bias, other.bias)
        assert one.activation == other.activation


class Named(MLP):
    name = "nobody"


# ---- a row for each network ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("leading", [(), (1,), (5,), (2, 3), (0,), (40,)], ids=str)
def test_each_is_a_row_for_each(isa: str, leading: tuple[int, ...], dtype: Any) -> None:
    network = MLP(layers_of([8, 17, 4], dtype, leading, seed=1))
    x = values((*leading, 8), dtype)
    found = network.each(x)
    assert found.shape == (*leading, 4)
    for place in np.ndindex(leading):
        assert_same_bits(found[place], network(x[place])[place])
    assert_same_bits(network.each(np.asfortranarray(x)), found)
    assert_same_bits(network.each(x, threads=2), found)
    out = np.zeros_like(found)
    assert network.each(x, out) is out
    assert_same_bits(out, found)


def test_each_refuses_what_does_not_fit() -> None:
    network = MLP(layers_of([8, 4], np.float32, (2, 3)))
    x = np.ones((2, 3, 8), np.float32)
    wrong: list[tuple[Any, Any, type, str]] = [
        (x[0], None, ValueError, "`x` must be (2, 3, 8), a row for each network. Received: (3, 8)"),
        (x[..., None, :], None, ValueError, "`x` must be (2, 3, 8), a row for each network. Received: (2, 3, 1, 8)"),
        (
            x.astype(np.float64),
            None,
            TypeError,
            "`x` must have the dtype of the network, float32. Received: dtype dtype('float64')",
        ),
        (x.tolist(), None, TypeError, "`x` must be a NumPy array of float32 or float64. Received: list"),
        (x, x[..., :4], ValueError, "`out` must be C-contiguous. Received: strides (96, 32, 4)"),
        (x, np.ones((2, 3, 1, 4), np.float32), ValueError, "`out` must have shape (2, 3, 4). Received: (2, 3, 1, 4)"),
    ]
    for given_x, out, error, sentence in wrong:
        with pytest.raises(error) as caught:
            network.each(given_x, out)
        assert str(caught.value) == sentence


def test_the_plain_call_points_to_each() -> None:
    with pytest.raises(ValueError, match=r"each\(\) takes one row for each network. Received: \(2, 3, 8\)"):
        MLP(layers_of([8, 4], np.float32, (2, 3)))(np.ones((2, 3, 8), np.float32))
    assert MLP.__doc__ is not None
    assert "`each` takes it for a row for each" in MLP.__doc__


# ---- inputs of other kinds ----


@pytest.mark.parametrize("dtype", DTYPES)
def test_predict_converts(dtype: Any) -> None:
    network = MLP(layers_of([3, 5, 2], dtype, seed=3))
    x = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, 0.0]], dtype)
    expected = network(x)
    halves: list[Any] = [x, x.tolist(), x.astype(np.float16), x.astype(">f8"), x.astype(np.longdouble), tuple(x)]
    for given_x in halves:
        assert_same_bits(network.predict(given_x), expected)
    assert_same_bits(network.predict([1, 2, 3]), network(np.array([1, 2, 3], dtype)))
    assert_same_bits(network.predict(np.array([True, False, True])), network(np.array([1, 0, 1], dtype)))
    assert_same_bits(network.predict(np.ma.MaskedArray(x)), expected)
    ml_dtypes = pytest.importorskip("ml_dtypes")
    assert_same_bits(network.predict(x.astype(ml_dtypes.bfloat16)), expected)
    out = np.zeros_like(expected)
    assert network.predict(x.tolist(), out) is out
    assert_same_bits(out, expected)


def test_predict_refuses_what_is_not_real() -> None:
    network = MLP(layers_of([2, 2], np.float32))
    for x, words in (
        ([1j, 1.0], "`x` must hold real numbers. Received: dtype dtype('complex128')"),
        (["a", "b"], "`x` must hold real numbers. Received: dtype dtype('<U1')"),
        ([None, 1.0], "`x` must hold real numbers. Received: dtype dtype('O')"),
        (np.ma.MaskedArray([1.0, 2.0], [True, False]), "Received: an array with masked elements"),
        ([[1.0], [1.0, 2.0]], "`x` must be what NumPy makes an array of real numbers of. Received: list (setting"),
    ):
        with pytest.raises(TypeError) as caught:
            network.predict(x)
        assert words in str(caught.value)
    with pytest.raises(ValueError, match=r"`x` must be \(..., 2\)"):
        network.predict([1, 2, 3])


# ---- other dtypes ----


@pytest.mark.parametrize("leading", [(), (3,)], ids=str)
def test_astype(leading: tuple[int, ...]) -> None:
    wide = MLP(layers_of([5, 9, 3], np.float64, leading, seed=2))
    narrow = wide.astype(np.float32)
    assert narrow.dtype == np.float32
    for one, other in zip(narrow.layers, wide.layers, strict=True):
        assert_same_bits(one.weight, other.weight.astype(np.float32))
        assert one.activation == other.activation
    assert_same_network(narrow.astype("float64").astype(np.float32), narrow)
    again = wide.astype(np.float64)
    assert again is not wide
    assert_same_network(again, wide)
    special = MLP([(np.array([[np.inf, np.nan, -0.0]]), None, None)]).astype(np.float32)
    assert_same_bits(special.weights[0], np.array([[np.inf, np.nan, -0.0]], np.float32))


def test_astype_keeps_the_class_and_what_it_holds() -> None:
    network = Named(layers_of([5, 3], np.float64))
    network.name = "somebody"
    narrow = network.astype(np.float32)
    assert type(narrow) is Named
    assert narrow.name == "somebody"
    assert narrow.dtype == np.float32
    assert network.dtype == np.float64


def test_astype_refuses_what_it_cannot_hold() -> None:
    network = MLP([(np.ones((1, 1)), np.array([1e300]), None)])
    sentence = r"every finite value must be finite in float32. Received: 1e\+300 in layers\[0\]: bias"
    with pytest.raises(ValueError, match=sentence):
        network.astype(np.float32)
    with pytest.raises(TypeError, match=r"`dtype` must be float32 or float64. Received: 'float16'"):
        network.astype("float16")


# ---- weights (out, in) ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("leading", [(), (3,), (2, 2)], ids=str)
def test_transposed_weights(isa: str, leading: tuple[int, ...], dtype: Any) -> None:
    layers = layers_of([5, 40, 6, 3], dtype, leading, seed=4)
    expected = MLP(layers)
    turned = [layer._replace(weight=layer.weight.swapaxes(-1, -2).copy()) for layer in layers]
    assert_same_network(MLP(turned, transpose_weight=True), expected)
    network = MLP([layer._replace(weight=np.zeros_like(layer.weight)) for layer in layers])
    for i, layer in enumerate(turned):
        network.update(i, layer.weight, layer.bias, transpose_weight=True)
    assert_same_network(network, expected)
    network = MLP([layer._replace(weight=np.zeros_like(layer.weight)) for layer in layers])
    network.update_from(turned, transpose_weight=True)
    assert_same_network(network, expected)
    weights, biases = [layer.weight for layer in turned], [layer.bias for layer in turned]
    made = MLP.from_arrays(weights, biases, "relu", transpose_weight=True)
    for found, layer in zip(made.weights, layers, strict=True):
        assert_same_bits(found, layer.weight)


def test_errors_of_transposed_weights_speak_of_what_was_given() -> None:
    network = MLP(layers_of([5, 4], np.float32))
    sentence = (
        r"`weight` must be like the one it replaces, float32 of shape \(4, 5\). Received: float32 of shape \(5, 4\)"
    )
    with pytest.raises(ValueError, match=sentence):
        network.update(0, np.ones((5, 4), np.float32), transpose_weight=True)
    ones = np.ones((4, 3), np.float32)
    with pytest.raises(ValueError, match=r"Received: shapes \(4, 3\) and \(2, 3\)"):
        MLP([(ones, None, None), (ones[:2], None, None)], transpose_weight=True)
    with pytest.raises(ValueError, match=r"must have at least two axes, \(..., out, in\)"):
        MLP([(ones[0], None, None)], transpose_weight=True)
    with pytest.raises(TypeError, match=r"`transpose_weight` must be a bool. Received: transpose_weight=1"):
        MLP([(ones, None, None)], transpose_weight=1)  # type: ignore[arg-type]


@settings(max_examples=100)
@given(st.data())
def test_a_weight_in_any_layout(data: st.DataObject) -> None:
    depth, columns = data.draw(st.integers(0, 40)), data.draw(st.integers(0, 70))
    steps = data.draw(st.tuples(*[st.sampled_from([1, 2, -1, -3])] * 2))
    order = data.draw(st.permutations([0, 1]))
    offset = data.draw(st.sampled_from([0, 1]))
    shape = [(depth, columns)[axis] * abs(steps[axis]) for axis in order]
    raw = np.zeros(shape[0] * shape[1] * 4 + 4, np.uint8)[offset:][: shape[0] * shape[1] * 4].view(np.float32)
    raw[:] = values(raw.shape, np.float32)
    weight = raw.reshape(shape).transpose(np.argsort(order))[:: steps[0], :: steps[1]]
    network = MLP([(weight, None, None)])
    assert_same_bits(network.weights[0], weight)
    network.update(0, np.zeros_like(weight))
    network.update(0, weight)
    assert_same_bits(network.weights[0], weight)


# ---- new values for all layers ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("leading", [(), (3,)], ids=str)
def test_update_from(isa: str, leading: tuple[int, ...], dtype: Any) -> None:
    widths = [5, 40, 6, 3]
    network, other = (
        MLP([layer._replace(activation="tanh") for layer in layers_of(widths, dtype, leading, seed=seed)])
        for seed in (0, 7)
    )
    first = copy.copy(network)
    network.update_from(other)
    assert_same_network(network, other)
    network.update_from(first.layers)
    assert_same_network(network, first)
    # Some layers, and of a population some networks, change.
    layers = first.layers
    layers[1].weight[..., 2, 3] += 1
    layers[2].weight[(-1,) * len(leading)][1, 1] = -0.0
    network.update_from(layers)
    assert_same_network(network, MLP(layers))
    layers[2].weight[(0,) * len(leading)][1, 1] = 0.0
    network.update_from(layers)
    assert_same_network(network, MLP(layers))
    x = values((7, 5), dtype)
    assert_same_bits(network(x), MLP(layers)(x))


def test_activations_of_one_meaning_are_the_same() -> None:
    weight = np.ones((2, 2), np.float32)
    network = MLP([(weight, None, None), (weight, None, "leaky_relu")])
    network.update_from([(2 * weight, None, "linear"), (3 * weight, None, ("leaky_relu", 0.01))])
    assert [float(each[0, 0]) for each in network.weights] == [2, 3]


def test_update_from_changes_all_or_nothing() -> None:
    layers = [layer._replace(activation="tanh") for layer in layers_of([5, 4, 3], np.float32)]
    network = MLP(layers)
    before = copy.copy(network)
    new = [Layer(layer.weight + 1, layer.bias, layer.activation) for layer in layers]
    wrong: list[tuple[Any, type, str]] = [
        (new[:1], ValueError, "`layers` must be as many as the network has, 2. Received: 1"),
        (
            [new[0], new[1]._replace(activation="relu")],
            ValueError,
            "`layers[1]: activation` must be the network's, 'tanh'; make a new one. Received: 'relu'",
        ),
        (
            [new[0], new[1]._replace(bias=np.ones(3, np.float32))],
            ValueError,
            "`layers[1]: bias` must be None for a layer without one. Received: ndarray",
        ),
        (
            [new[0]._replace(bias=None), new[1]],
            TypeError,
            "`layers[0]: bias` must be a NumPy array of float32 or float64. Received: NoneType",
        ),
        (
            [new[0], new[1]._replace(weight=np.ones((4, 3)))],
            ValueError,
            "`layers[1]: weight` must be like the one it replaces, float32 of shape (4, 3). "
            "Received: float64 of shape (4, 3)",
        ),
        (3, TypeError, "`layers` must be an iterable of (weight, bias, activation). Received: int"),
    ]
    for given_layers, error, sentence in wrong:
        with pytest.raises(error) as caught:
            network.update_from(given_layers)
        assert str(caught.value) == sentence
        assert_same_network(network, before)


def test_weights_and_biases_alone() -> None:
    layers = layers_of([5, 4, 3], np.float32)
    network = MLP(layers)
    for found, layer in zip(network.weights, layers, strict=True):
        assert_same_bits(found, layer.weight)
    assert network.biases[1] is None
    assert_same_bits(network.biases[0], layers[0].bias)
    network.weights[0][:] = 0
    assert_same_bits(network.weights[0], layers[0].weight)


# ---- files ----


@settings(max_examples=30)
@given(st.data())
def test_what_is_saved_comes_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    widths = data.draw(st.lists(st.integers(0, 30), min_size=2, max_size=13))
    dtype, leading = data.draw(st.sampled_from(DTYPES)), data.draw(st.sampled_from([(), (3,), (2, 1)]))
    network = MLP(layers_of(widths, dtype, leading, seed=data.draw(st.integers(0, 20))))
    path = tmp_path_factory.mktemp("saved") / "network.safetensors"
    network.save(path)
    again = MLP.load(str(path))
    assert_same_network(again, network)
    x = values((3, widths[0]), dtype)
    assert_same_bits(again(x), network(x))


def test_a_file_is_a_safetensors_file(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    network = MLP(layers_of([3, 5, 2], np.float32))
    network.save(tmp_path / "a")
    arrays = safetensors.load_file(tmp_path / "a")
    assert sorted(arrays) == ["layers.0.bias", "layers.0.weight", "layers.1.weight"]
    assert_same_bits(arrays["layers.0.weight"], network.weights[0])
    metadata = _safetensors.read_header(tmp_path / "a").metadata
    assert json.loads(metadata["fastinit.MLP"]) == {"version": 1, "activations": ["linear", "relu"]}
    safetensors.save_file(arrays, tmp_path / "b", metadata)
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()


def test_saving_replaces_and_leaves_nothing_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "network"
    first, second = (MLP(layers_of([3, 5, 2], np.float32, seed=seed)) for seed in (0, 1))
    first.save(path)
    second.save(path)
    assert_same_network(MLP.load(path), second)

    def fails(*_: Any) -> None:
        raise OSError("no space")

    monkeypatch.setattr("os.replace", fails)
    with pytest.raises(OSError, match="no space"):
        first.save(path)
    assert [each.name for each in tmp_path.iterdir()] == ["network"]
    assert_same_network(MLP.load(path), second)


def test_parameters_that_are_arrays(tmp_path: Path) -> None:
    slopes = np.array([0.1, 0.2, 0.3], np.float32)
    weight = values((4, 3), np.float32)
    for activation in (("prelu", slopes), ("prelu", {"negative_slope": slopes}), ("relu", {"max_value": 0.5})):
        network, x = MLP([(weight, None, activation)]), values((5, 4), np.float32)
        network.save(tmp_path / "a")
        assert_same_bits(MLP.load(tmp_path / "a")(x), network(x))
        wide = network.astype(np.float64)
        assert_same_bits(wide.astype(np.float32)(x), network(x))
        network.update_from([(2 * weight, None, activation)])
        assert_same_bits(network.weights[0], 2 * weight)
        with pytest.raises(ValueError, match=r"activation` must be the network's"):
            network.update_from([(weight, None, ("prelu", 2 * slopes))])


def test_load_gives_the_class_that_is_asked(tmp_path: Path) -> None:
    MLP(layers_of([3, 2], np.float32)).save(tmp_path / "a")
    assert type(Named.load(tmp_path / "a")) is Named


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "network"
    MLP(layers_of([3, 2], np.float32)).save(path)
    whole = path.read_bytes()
    header = json.loads(whole[8 : 8 + struct.unpack("<Q", whole[:8])[0]])

    def with_header(change: Any) -> bytes:
        changed = copy.deepcopy(header)
        change(changed)
        text = json.dumps(changed).encode()
        return struct.pack("<Q", len(text)) + text + whole[8 + struct.unpack("<Q", whole[:8])[0] :]

    def retype(changed: Any) -> None:
        changed["layers.0.bias"]["dtype"] = "F31"

    def reshape(changed: Any) -> None:
        changed["layers.0.bias"]["shape"] = [3]

    def negative(changed: Any) -> None:
        changed["layers.0.bias"]["shape"] = [-2, -1]

    def unsaid(changed: Any) -> None:
        del changed["layers.0.bias"]["shape"]

    sentence = f"`path` must be a whole safetensors file. Received: {str(path)!r}, with "
    for content, what in (
        (b"", "a header whose length cannot be"),
        (b"\xff" * 100, "a header whose length cannot be"),
        (whole[:20], "a header whose length cannot be"),
        (whole[:-1], f"{len(whole) - 1} bytes, where its header asks for {len(whole)}"),
        (whole + b"0", f"{len(whole) + 1} bytes, where its header asks for {len(whole)}"),
        (struct.pack("<Q", 8) + b"[1, 2, 3", "a header that is none"),
        (struct.pack("<Q", 9) + b"[1, 2, 3]", "a header that is none"),
        (with_header(retype), "'layers.0.bias' of dtype 'F31'"),
        (with_header(reshape), "'layers.0.bias' of shape (3,) in the bytes 0 to 8"),
        (with_header(negative), "a header that is none"),
        (with_header(unsaid), "a header that is none"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError) as caught:  # noqa: PT011  the sentence follows
            MLP.load(path)
        assert str(caught.value) == sentence + what
    _safetensors.write_arrays(path, {"weight": np.ones((2, 2))})
    with pytest.raises(ValueError, match=r"must be a file of MLP.save; fastinit.convert.from_safetensors reads others"):
        MLP.load(path)
    _safetensors.write_arrays(path, {}, {"fastinit.MLP": '{"version": 2}'})
    with pytest.raises(ValueError, match="must be a file of this version of fastinit, or an earlier one"):
        MLP.load(path)
    with pytest.raises(FileNotFoundError):
        MLP.load(tmp_path / "none")


NUMPY_CODES = sorted(set(_safetensors.NUMPY) - {"BF16", "C64"})


@settings(max_examples=60)
@given(st.data())
def test_files_are_the_librarys(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    names = data.draw(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=5, unique=True))
    arrays = {}
    for i, name in enumerate(set(names) - {"__metadata__"}):
        shape = data.draw(st.lists(st.integers(0, 4), max_size=3))
        dtype = _safetensors.NUMPY[data.draw(st.sampled_from(NUMPY_CODES))]
        arrays[name] = np.arange(i, i + int(np.prod(shape, dtype=int))).reshape(shape).astype(dtype)
    empty: list[Any] = [{}] if arrays else []  # without tensors the library writes no JSON then
    metadata = data.draw(st.sampled_from([None, *empty, {"format": "np"}, {"a\n\x7fü": '"\\/\x1f'}]))
    folder = tmp_path_factory.mktemp("files")
    _safetensors.write_arrays(folder / "a", arrays, metadata)
    safetensors.save_file(arrays, folder / "b", metadata)
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()
    header = _safetensors.read_header(folder / "a")
    assert header.metadata == (metadata or {})
    found = _safetensors.read_arrays(folder / "b")
    assert list(found) == list(header.tensors)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)


def test_bfloat16_as_bits(tmp_path: Path) -> None:
    bits = np.array([0x3F80, 0xC000], "<u2")
    header = _safetensors.write_header({"w": ("BF16", (2,))})
    (tmp_path / "a").write_bytes(header + bits.tobytes())
    assert _safetensors.read_header(tmp_path / "a").tensors["w"].dtype == "BF16"
    assert _safetensors.read_arrays(tmp_path / "a")["w"].tolist() == bits.tolist()


def test_the_package_names_its_converters() -> None:
    assert fastinit.convert.from_torch.__name__ == "from_torch"
