"""fastinit.convert.from_safetensors: which tensors make layers, in which order, of which dtypes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastinit import MLP, _safetensors
from fastinit.convert import from_safetensors
from support.bits import assert_same_bits


def tensors(widths: list[int], names: list[str], dtype: Any = np.float32) -> dict[str, np.ndarray]:
    """Weights (out, in) and biases, but none for the second layer."""
    rng = np.random.default_rng(0)
    found = {}
    for i, name in enumerate(names):
        found[f"{name}.weight"] = rng.normal(size=(widths[i + 1], widths[i])).astype(dtype)
        if i != 1:
            found[f"{name}.bias"] = rng.normal(size=widths[i + 1]).astype(dtype)
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def test_all_layers_of_a_file_in_the_order_of_their_numbers(path: Path) -> None:
    names = ["body.0", "body.2", "body.10", "head"]
    arrays = tensors([5, 9, 8, 7, 3], names)
    _safetensors.write_arrays(path, arrays)
    network = from_safetensors(path, activation="tanh", output_activation="softmax")
    assert repr(network).startswith("MLP(5 -> 9 tanh -> 8 tanh -> 7 tanh -> 3 softmax, float32, ")
    for layer, name in zip(network.layers, names, strict=True):
        assert_same_bits(layer.weight, arrays[f"{name}.weight"].T)
        assert (layer.bias is None) == (f"{name}.bias" not in arrays)


def test_named_layers_with_activations_of_their_own(path: Path) -> None:
    arrays = tensors([5, 9, 8], ["actor.in", "actor.out"]) | tensors([5, 4], ["critic"]) | {"step": np.ones(())}
    _safetensors.write_arrays(path, arrays)
    activations: list[Any] = [("leaky_relu", 0.2), None]
    network = from_safetensors(str(path), names=["actor.in", "actor.out"], activation=activations)
    assert [layer.activation for layer in network.layers] == activations
    assert from_safetensors(path, names=("critic",)).layers[0].activation is None
    with pytest.raises(ValueError, match=r"or `names` must say which. Received: \['step'\]"):
        from_safetensors(path)


def test_weights_in_out(path: Path) -> None:
    network = MLP.from_arrays([np.eye(3, 4), np.ones((4, 2))], None, "tanh")
    network.save(path)
    again = from_safetensors(path, activation="tanh", transpose_weight=False)
    assert_same_bits(again.weights[1], network.weights[1])
    with pytest.raises(
        ValueError, match=r"layer 1 \(layers.1\): a dense layer must have as many inputs as come to it, 3"
    ):
        from_safetensors(path)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_any_float_type(path: Path, dtype: Any) -> None:
    arrays = tensors([5, 9], ["0"], dtype)
    _safetensors.write_arrays(path, arrays)
    network = from_safetensors(path)
    assert network.dtype == (np.float64 if dtype is np.float64 else np.float32)
    assert_same_bits(network.weights[0], arrays["0.weight"].T.astype(network.dtype))
    assert from_safetensors(path, dtype="float64").dtype == np.float64


def test_bfloat16(path: Path) -> None:
    bits = np.array([[0x3F80, 0xC000], [0x0001, 0x7F80]], "<u2")  # 1, -2, the least subnormal, inf
    path.write_bytes(_safetensors.write_header({"0.weight": ("BF16", (2, 2))}) + bits.tobytes())
    expected = (bits.astype(np.uint32) << 16).view(np.float32).T
    assert_same_bits(from_safetensors(path).weights[0], expected)


def test_what_is_refused(path: Path) -> None:
    _safetensors.write_arrays(path, tensors([5, 9], ["0"]))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"names": ["1"]}, "`names` must be of layers with a weight in the file. Received: '1'"),
        ({"activation": ["relu", "relu"]}, "`activation` must be one for all layers but the last or a list of one for"),
        ({"activation": ["relu"], "output_activation": "tanh"}, "without `output_activation`. Received: ['relu']"),
        ({"output_activation": "rellu"}, "Did you mean 'relu'? Received: 'rellu'"),
        ({"names": []}, "the model must hold a dense layer. Received: none"),
    ]
    for options, sentence in wrong:
        with pytest.raises(ValueError) as caught:  # noqa: PT011  the sentence follows
            from_safetensors(path, **options)
        assert sentence in str(caught.value)
    _safetensors.write_arrays(path, {"0.weight": np.ones((2, 2), np.int32)})
    with pytest.raises(ValueError, match=r"'0.weight' must be of float16, bfloat16, float32 or float64. Received: I32"):
        from_safetensors(path)
    _safetensors.write_arrays(path, {"0.weight": np.ones(2)})
    with pytest.raises(ValueError, match=r"layer 0: a dense layer must have a weight of two axes. Received: \(2,\)"):
        from_safetensors(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="`path` must be a whole safetensors file"):
        from_safetensors(path)


def test_what_pytorch_saves(path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    library = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    module = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3)).bfloat16()
    library.save_file(module.state_dict(), path)
    network = from_safetensors(path)
    assert_same_bits(network.weights[1], module[2].weight.detach().float().numpy().T)
