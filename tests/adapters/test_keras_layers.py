"""fastinit.keras in layers and models: dtype policies, training, shape inference and compiled code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastinit
from support.bits import assert_same_bits
from support.keras_backend import BACKEND, fk, ignore_copy_keyword, keras, numpy_of

pytestmark = ignore_copy_keyword


@pytest.mark.parametrize(
    ("policy", "dtype"),
    [
        ("float32", "float32"),
        ("float16", "float16"),
        ("bfloat16", "bfloat16"),
        ("mixed_float16", "float32"),
        ("mixed_bfloat16", "float32"),
        ("float64", "float32" if BACKEND == "jax" else "float64"),
    ],
)
def test_dtype_policies(policy: str, dtype: str) -> None:
    layer = keras.layers.Dense(4, use_bias=False, kernel_initializer=fk.HeNormal(seed=3), dtype=policy)
    layer.build((None, 3))
    assert_same_bits(numpy_of(layer.kernel), fastinit.he_normal((3, 4), dtype=dtype, seed=3))


def test_floatx_is_the_default() -> None:
    before = keras.config.floatx()
    keras.config.set_floatx("float16")
    try:
        assert_same_bits(numpy_of(fk.HeNormal(seed=3)((3, 4))), fastinit.he_normal((3, 4), dtype="float16", seed=3))
        assert_same_bits(numpy_of(fk.Zeros()((3, 4))), np.zeros((3, 4), np.float16))
    finally:
        keras.config.set_floatx(before)


def test_dtypes_of_the_backend() -> None:
    if BACKEND == "torch":
        import torch

        dtype: Any = torch.bfloat16
    else:
        dtype = np.dtype("float16")
    tensor = fk.HeNormal(seed=3)((3, 4), dtype)
    assert tensor.dtype == dtype


@pytest.mark.parametrize("dtype", ["complex64", "int32", "int8", "bool", "float8_e4m3fn"])
def test_other_dtypes_are_refused_in_the_layers_words(dtype: str) -> None:
    if dtype not in keras.src.backend.common.dtypes.ALLOWED_DTYPES:
        pytest.skip("not a dtype of this Keras")
    with pytest.raises(TypeError) as error:
        keras.Variable(fk.HeNormal(), shape=(3, 4), dtype=dtype)
    assert str(error.value) == (
        "the layer's `dtype` must be float32, float64, float16 or bfloat16 where HeNormal of fastinit.keras makes its "
        f"weights. Received: dtype='{dtype}'"
    )


def test_unitary_weights() -> None:
    w = numpy_of(fk.Orthogonal(seed=3)((6, 4), "complex64"))
    assert_same_bits(w.view(np.float32), fastinit.orthogonal((6, 4), dtype="complex64", seed=3).view(np.float32))


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype:UserWarning")  # int64, as Keras asks JAX for it
@pytest.mark.parametrize("cls", [fk.Zeros, fk.Ones, fk.Constant, fk.Identity])
@pytest.mark.parametrize("dtype", ["int32", "uint8", "int64", "bool"])
def test_constants_have_every_dtype(cls: Any, dtype: str) -> None:
    ours, theirs = cls()((3, 3), dtype), getattr(keras.initializers, cls.__name__)()((3, 3), dtype)
    assert ours.dtype == theirs.dtype
    assert np.array_equal(numpy_of(ours), numpy_of(theirs))


def test_a_constant_that_overflows_is_refused() -> None:
    with pytest.raises(ValueError, match="float16"):
        fk.Constant(1e6)((3,), "float16")


def test_bad_arguments_are_refused_when_the_layer_is_built() -> None:
    for initializer in (fk.Sparse(1.5), fk.RandomNormal(stddev=-1.0), fk.T5(head_dim=0), fk.Orthogonal(float("inf"))):
        with pytest.raises(ValueError, match="Received"):
            keras.layers.Dense(4, kernel_initializer=initializer).build((None, 3))
    with pytest.raises(ValueError, match="two axes"):
        fk.Orthogonal()((3,))


def network(**arguments: Any) -> Any:
    generator = keras.random.SeedGenerator(11)
    return keras.Sequential(
        [
            keras.layers.Conv2D(4, 3, kernel_initializer=fk.HeNormal(seed=generator), **arguments),
            keras.layers.BatchNormalization(gamma_initializer=fk.Ones(), beta_initializer=fk.Zeros()),
            keras.layers.Flatten(),
            keras.layers.Dense(8, kernel_initializer=fk.Orthogonal(seed=generator), activation="relu"),
            keras.layers.Dense(2, kernel_initializer=fk.GlorotUniform(seed=generator)),
        ]
    )


def test_training() -> None:
    """fit builds the model, and JAX donates what was handed over without a copy."""
    x = fastinit.normal((32, 6, 6, 1), std=1.0, seed=0)
    y = np.stack([x.sum(axis=(1, 2, 3)), x[:, 0, 0, 0]], axis=1)
    model = network()
    model.compile(keras.optimizers.Adam(0.01), "mse")
    losses = model.fit(x, y, epochs=8, batch_size=8, verbose=0, shuffle=False).history["loss"]
    assert losses[-1] < losses[0]
    assert model.predict(x, verbose=0).shape == (32, 2)


def test_shape_inference_draws_nothing() -> None:
    """A model that is built while shapes are inferred has the weights of one that is built before."""
    early, late = network(), network()
    early.build((None, 6, 6, 1))
    late(keras.Input((6, 6, 1)))
    for one, other in zip(early.variables, late.variables, strict=True):
        assert_same_bits(numpy_of(one), numpy_of(other))

    class Lazy(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network()

        def call(self, x: Any) -> Any:
            return self.inner(x)

    lazy = Lazy()
    lazy(keras.Input((6, 6, 1)))
    for one, other in zip(early.variables, lazy.variables, strict=True):
        assert_same_bits(numpy_of(one), numpy_of(other))


def test_no_generator_advances_for_a_shape() -> None:
    if BACKEND != "torch":
        pytest.skip("PyTorch alone has a device for shapes")
    generator = keras.random.SeedGenerator(5)
    with keras.device("meta"):
        tensor = fk.HeNormal(seed=generator)((3, 4), "bfloat16")
    assert (tensor.device.type, tuple(tensor.shape), str(tensor.dtype)) == ("meta", (3, 4), "torch.bfloat16")
    assert numpy_of(generator.state).tolist() == [5, 0]


def test_layers_inside_compiled_jax() -> None:
    if BACKEND != "jax":
        pytest.skip("JAX alone traces initializers")
    import jax

    for initializer in (fk.HeNormal(seed=3), fk.Orthogonal(seed=fastinit.Key(3)), fk.Zeros()):
        eager = numpy_of(initializer((5, 4)))
        assert_same_bits(np.asarray(jax.jit(lambda make=initializer: make((5, 4)))()), eager)
        assert_same_bits(np.asarray(jax.vmap(lambda _, make=initializer: make((5, 4)))(np.arange(2.0)))[1], eager)
        shape = jax.eval_shape(lambda make=initializer: make((5, 4), "bfloat16"))
        assert (shape.shape, str(shape.dtype)) == ((5, 4), "bfloat16")


def test_a_generator_inside_compiled_jax() -> None:
    if BACKEND != "jax":
        pytest.skip("JAX alone traces initializers")
    import jax

    generator = keras.random.SeedGenerator(5)
    initializer = fk.HeNormal(seed=generator)

    @jax.jit
    def draw(state: Any) -> Any:
        with keras.StatelessScope([(generator.state, state)]) as scope:
            values = initializer((5, 4)), initializer((5, 4))
        return values, scope.get_current_value(generator.state)

    (first, second), state = draw(generator.state.value)
    assert_same_bits(np.asarray(first), fastinit.he_normal((5, 4), seed=5))
    assert_same_bits(np.asarray(second), fastinit.he_normal((5, 4), seed=fastinit.Key.from_words(5, 1)))
    assert np.asarray(state).tolist() == [5, 2]


def test_no_layout_without_jax() -> None:
    if BACKEND == "jax":
        pytest.skip("JAX has layouts")
    for initializer in (fk.HeNormal(), fk.Zeros()):
        with pytest.raises(
            ValueError, match=r"`layout` must be None with Keras's \w+ backend. Received: layout='rows'"
        ):
            initializer((3, 4), layout="rows")
