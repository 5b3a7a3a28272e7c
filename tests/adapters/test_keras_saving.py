"""Models with fastinit.keras are saved, loaded and cloned; strings name its classes inside a scope."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastinit
from support.bits import assert_same_bits
from support.keras_backend import fk, ignore_copy_keyword, keras, numpy_of, run

pytestmark = ignore_copy_keyword

KEY = fastinit.Key(7).child("kernel")


def model_of(initializer: Any, units: int = 4) -> Any:
    layers = [keras.Input((3,)), keras.layers.Dense(units, kernel_initializer=initializer)]
    return keras.Sequential(layers)


EVERY = [
    fk.Zeros(),
    fk.Ones(),
    fk.Constant(0.5),
    fk.Identity(2.0),
    fk.RandomNormal(0.0, 0.1, 5),
    fk.TruncatedNormal(0.0, 0.1, 5),
    fk.RandomUniform(-1.0, 1.0, 5),
    fk.VarianceScaling(2.0, "fan_out", "uniform", 5),
    fk.GlorotUniform(5),
    fk.GlorotNormal(5),
    fk.HeUniform(5),
    fk.HeNormal(KEY),
    fk.LecunUniform(5),
    fk.LecunNormal(5),
    fk.Orthogonal(2.0, KEY),
    fk.Sparse(0.5, 0.1, KEY),
    fk.GPT2Residual(12, seed=KEY),
    fk.SmallInit(3, seed=5),
    fk.WangInit(3, 6, seed=5),
    fk.T5(2, seed=5),
    fk.Fixup(8, seed=5),
    fk.Siren(True, seed=5),
    fk.MuP((3, 2), seed=KEY),
    fk.ZeroHadamard(),
]


@pytest.mark.parametrize(
    "initializer", [*EVERY, fk.Dirac(2), fk.DeltaOrthogonal(2.0, KEY)], ids=lambda i: type(i).__name__
)
def test_config(initializer: Any) -> None:
    """Through Keras's own functions, and JSON."""
    stored = json.loads(json.dumps(keras.initializers.serialize(initializer)))
    assert stored["registered_name"] == f"fastinit>{type(initializer).__name__}"
    again = keras.initializers.get(stored)
    assert type(again) is type(initializer)
    assert again.get_config() == initializer.get_config()
    shape = (3, 4, 4) if isinstance(initializer, (fk.Dirac, fk.DeltaOrthogonal)) else (3, 4)
    assert_same_bits(numpy_of(again(shape)), numpy_of(initializer(shape)))
    assert type(keras.initializers.get(type(initializer)(**initializer.get_config()))) is type(initializer)


def test_a_registered_name_is_a_string_for_layers() -> None:
    layer = keras.layers.Dense(4, kernel_initializer="fastinit>HeNormal")
    assert type(layer.kernel_initializer) is fk.HeNormal


def test_a_new_process_loads_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    model = keras.Sequential([keras.Input((3,))])
    for initializer in EVERY:
        model.add(keras.layers.Dense(3, kernel_initializer=initializer))
    model.save(path)
    np.savez(tmp_path / "weights.npz", *[numpy_of(v) for v in model.variables])
    code = f"""
import sys, warnings
import fastinit.keras
warnings.filterwarnings("error")
warnings.filterwarnings("ignore", message="__array__ implementation doesn't accept")
import keras, numpy as np
model = keras.models.load_model({str(path)!r})
stored = np.load({str(tmp_path / "weights.npz")!r})
print(all(np.array_equal(keras.ops.convert_to_numpy(v), stored[f"arr_{{i}}"]) for i, v in enumerate(model.variables)))
print(" ".join(type(layer.kernel_initializer).__name__ for layer in model.layers))
print(set(type(layer.kernel_initializer).__module__ for layer in model.layers))
"""
    names = " ".join(type(initializer).__name__ for initializer in EVERY)
    assert run(code).splitlines() == ["True", names, "{'fastinit.keras'}"]


def test_clone_model() -> None:
    model = model_of(fk.HeNormal(seed=KEY))
    clone = keras.models.clone_model(model)
    assert clone.layers[0] is not model.layers[0]
    assert type(clone.layers[0].kernel_initializer) is fk.HeNormal
    assert_same_bits(numpy_of(clone.layers[0].kernel), fastinit.he_normal((3, 4), seed=KEY))


def test_strings_inside_a_scope() -> None:
    """Every name of Keras, as its own function for strings has them."""
    from keras.src.initializers import ALL_OBJECTS_DICT

    # Of a string Keras itself cannot make the first and the last; STFT stays Keras's.
    others = {keras.initializers.Initializer, getattr(keras.initializers, "STFT", None), keras.initializers.Constant}
    for name, cls in ALL_OBJECTS_DICT.items():
        if cls in others:
            continue
        with fk.scope():
            inside = keras.initializers.get(name)
        assert type(inside) is getattr(fk, cls.__name__), name
        assert type(keras.initializers.get(name)) is cls, name


def test_defaults_of_layers_inside_a_scope() -> None:
    with fk.scope():
        dense, norm, lstm = keras.layers.Dense(4), keras.layers.BatchNormalization(), keras.layers.LSTM(4)
    assert type(dense.kernel_initializer) is fk.GlorotUniform
    assert type(dense.bias_initializer) is fk.Zeros
    assert type(norm.gamma_initializer) is fk.Ones
    assert type(lstm.recurrent_initializer) is fk.Orthogonal
    assert type(keras.layers.Dense(4).kernel_initializer) is keras.initializers.GlorotUniform


def test_a_scope_is_this_threads_alone() -> None:
    found = []
    with fk.scope():
        thread = threading.Thread(target=lambda: found.append(type(keras.initializers.get("he_normal"))))
        thread.start()
        thread.join()
    assert found == [keras.initializers.HeNormal]


def test_a_scope_leaves_saved_models_what_they_are(tmp_path: Path) -> None:
    model_of("he_normal").save(tmp_path / "keras.keras")
    model_of(fk.HeNormal()).save(tmp_path / "fastinit.keras")
    with fk.scope():
        plain = keras.models.load_model(tmp_path / "keras.keras")
        ours = keras.models.load_model(tmp_path / "fastinit.keras")
    assert type(plain.layers[0].kernel_initializer) is keras.initializers.HeNormal
    assert type(ours.layers[0].kernel_initializer) is fk.HeNormal


def test_a_function_is_saved_and_loaded(tmp_path: Path) -> None:
    """fastinit.keras registers it; an alias is the function that it names."""
    for name in ("he_normal", "kaiming_normal", "orthogonal", "zeros"):
        model = model_of(getattr(fastinit, name))
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        assert loaded.layers[0].kernel_initializer is getattr(fastinit, name)
        assert_same_bits(numpy_of(loaded.layers[0].kernel), numpy_of(model.layers[0].kernel))


def test_a_function_that_was_saved_without_fastinit_keras(tmp_path: Path) -> None:
    """The file cannot be loaded as it is; two ways of getting at its weights."""
    path = tmp_path / "model.keras"
    code = f"""
import keras, fastinit
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, kernel_initializer=fastinit.he_normal)])
model.save({str(path)!r})
print(keras.ops.convert_to_numpy(model.layers[0].kernel).tobytes().hex())
"""
    weights = np.frombuffer(bytes.fromhex(run(code)), np.float32).reshape(3, 4)
    with pytest.raises(TypeError):
        keras.models.load_model(path)
    with fk.scope():
        model = keras.models.load_model(path)
    assert type(model.layers[0].kernel_initializer) is fk.HeNormal
    assert_same_bits(numpy_of(model.layers[0].kernel), weights)
    model = keras.models.load_model(path, custom_objects={"he_normal": fastinit.he_normal})
    assert_same_bits(numpy_of(model.layers[0].kernel), weights)
