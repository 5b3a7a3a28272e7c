"""fastinit.keras makes fastinit's values: for every class, dtype and shape, with Keras's fans."""

from __future__ import annotations

import doctest
import math
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import schemes
from support.bits import assert_same_bits
from support.keras_backend import BACKEND, VERSION, fk, ignore_copy_keyword, keras, numpy_of, run

pytestmark = ignore_copy_keyword

KEY = fastinit.Key(7).child("kernel")
MATRIX, KERNEL = (24, 36), (3, 3, 8, 16)

# Each class with arguments, and the function whose values it makes.
CASES: dict[str, tuple[Any, Any, tuple[int, ...]]] = {
    "Zeros": (fk.Zeros(), fastinit.zeros, MATRIX),
    "Ones": (fk.Ones(), fastinit.ones, MATRIX),
    "Constant": (fk.Constant(1.7), lambda s, **kw: fastinit.constant(s, 1.7, **kw), MATRIX),
    "Identity": (fk.Identity(1.3), lambda s, **kw: fastinit.identity(s, 1.3, **kw), MATRIX),
    "Dirac": (fk.Dirac(2), lambda s, **kw: fastinit.dirac(s, 2, **kw), KERNEL),
    "RandomNormal": (fk.RandomNormal(0.5, 2.0, KEY), lambda s, **kw: fastinit.normal(s, 0.5, 2.0, **kw), MATRIX),
    "TruncatedNormal": (
        fk.TruncatedNormal(0.5, 2.0, KEY),
        lambda s, **kw: fastinit.truncated_normal(s, 0.5, 2.0, **kw),
        MATRIX,
    ),
    "RandomUniform": (fk.RandomUniform(-1.0, 2.0, KEY), lambda s, **kw: fastinit.uniform(s, -1.0, 2.0, **kw), MATRIX),
    "VarianceScaling": (
        fk.VarianceScaling(3.0, "fan_out", "uniform", KEY),
        lambda s, **kw: fastinit.variance_scaling(s, 3.0, "fan_out", "uniform", **kw),
        KERNEL,
    ),
    "GlorotUniform": (fk.GlorotUniform(KEY), fastinit.glorot_uniform, KERNEL),
    "GlorotNormal": (fk.GlorotNormal(KEY), fastinit.glorot_normal, MATRIX),
    "HeUniform": (fk.HeUniform(KEY), fastinit.he_uniform, MATRIX),
    "HeNormal": (fk.HeNormal(KEY), fastinit.he_normal, KERNEL),
    "LecunUniform": (fk.LecunUniform(KEY), fastinit.lecun_uniform, MATRIX),
    "LecunNormal": (fk.LecunNormal(KEY), fastinit.lecun_normal, KERNEL),
    "Orthogonal": (fk.Orthogonal(1.5, KEY), lambda s, **kw: fastinit.orthogonal(s, 1.5, **kw), KERNEL),
    "DeltaOrthogonal": (fk.DeltaOrthogonal(1.5, KEY), lambda s, **kw: fastinit.delta_orthogonal(s, 1.5, **kw), KERNEL),
    "Sparse": (fk.Sparse(0.7, 0.1, KEY), lambda s, **kw: fastinit.sparse(s, 0.7, 0.1, **kw), MATRIX),
    "GPT2Residual": (
        fk.GPT2Residual(12, 0.03, KEY),
        lambda s, **kw: schemes.gpt2_residual(s, layers=12, std=0.03, **kw),
        MATRIX,
    ),
    "SmallInit": (fk.SmallInit(24, KEY), lambda s, **kw: schemes.small_init(s, dim=24, **kw), MATRIX),
    "WangInit": (fk.WangInit(36, 6, KEY), lambda s, **kw: schemes.wang_init(s, dim=36, layers=6, **kw), MATRIX),
    "T5": (fk.T5(8, 0.5, KEY), lambda s, **kw: schemes.t5(s, head_dim=8, factor=0.5, **kw), MATRIX),
    "Fixup": (fk.Fixup(16, 3, KEY), lambda s, **kw: schemes.fixup(s, branches=16, depth=3, **kw), KERNEL),
    "Siren": (fk.Siren(False, 20.0, KEY), lambda s, **kw: schemes.siren(s, omega=20.0, **kw), MATRIX),
    "MuP": (fk.MuP((6, 9), 0.1, KEY), lambda s, **kw: schemes.mup(s, (6, 9), std=0.1, **kw), MATRIX),
    "ZeroHadamard": (fk.ZeroHadamard(), schemes.zero_hadamard, MATRIX),
}


def test_every_class_has_a_case() -> None:
    assert set(CASES) == set(fk.__all__) - {"scope"}


@pytest.mark.parametrize("dtype", [None, "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", CASES)
def test_values_are_the_functions(name: str, dtype: str | None) -> None:
    initializer, function, shape = CASES[name]
    tensor = initializer(shape, dtype)
    assert_same_bits(numpy_of(tensor), function(shape, dtype=dtype, seed=KEY))
    assert_same_bits(numpy_of(initializer(list(shape), dtype=dtype)), numpy_of(tensor))


@pytest.mark.parametrize("name", CASES)
def test_float64_is_drawn_as_what_jax_makes_of_it(name: str) -> None:
    initializer, function, shape = CASES[name]
    dtype = "float32" if BACKEND == "jax" else "float64"  # no 64-bit types in JAX unless it is told
    assert_same_bits(numpy_of(initializer(shape, "float64")), function(shape, dtype=dtype, seed=KEY))


def test_float64_where_jax_has_it() -> None:
    if BACKEND != "jax":
        pytest.skip("JAX alone can be without float64")
    code = """
import numpy as np, fastinit, fastinit.keras
w = np.asarray(fastinit.keras.HeNormal(seed=3)((5, 4), "float64"))
print(w.dtype, (w == fastinit.he_normal((5, 4), dtype="float64", seed=3)).all())
"""
    assert run(code, JAX_ENABLE_X64="1") == "float64 True"


def test_another_backend_has_the_same_values() -> None:
    code = """
import numpy as np, keras, fastinit, fastinit.keras
initializer = fastinit.keras.HeNormal(seed=keras.random.SeedGenerator(5))
for key in (fastinit.Key(5), fastinit.Key.from_words(5, 1)):
    for dtype in ("float32",):
        w = np.asarray(initializer((5, 4), dtype))
        print(w.dtype, (w == fastinit.he_normal((5, 4), dtype=dtype, seed=key)).all())
print(np.asarray(fastinit.keras.Zeros()((2,), "int32")).dtype)
try:
    fastinit.keras.Zeros()((2,), layout="rows")
except ValueError as error:
    print(error)
"""
    assert run(code, backend="numpy").splitlines() == [
        "float32 True",
        "float32 True",
        "int32",
        "`layout` must be None with Keras's numpy backend. Received: layout='rows'",
    ]


def test_examples() -> None:
    failed, tried = doctest.testmod(fk)
    assert tried > 80
    assert failed == 0


def test_subclasses_of_keras() -> None:
    for name in set(fk.__all__) - {"scope"}:
        cls = getattr(fk, name)
        assert issubclass(cls, getattr(keras.initializers, name, keras.initializers.Initializer)), name
        assert cls.__module__ == "fastinit.keras"
        assert keras.saving.get_registered_name(cls) == f"fastinit>{name}"
    of_fans = {"T5", "Fixup", "Siren", "MuP"}
    assert all(issubclass(getattr(fk, name), keras.initializers.VarianceScaling) for name in of_fans)


@pytest.mark.skipif(VERSION < (3, 15), reason="Keras names axes to initializers from 3.15 on")
def test_attention_has_the_fans_of_its_axes() -> None:
    layer = keras.layers.MultiHeadAttention(8, 32, kernel_initializer=fk.HeNormal(seed=1))
    layer.build((None, 4, 256), (None, 4, 256))
    kernel = layer.query_dense.kernel
    assert_same_bits(numpy_of(kernel), fastinit.he_normal((256, 8, 32), in_axis=0, out_axis=(1, 2), seed=1))
    assert abs(numpy_of(kernel).std() / math.sqrt(2 / 256) - 1) < 0.01
    projection = layer.output_dense.kernel
    assert_same_bits(numpy_of(projection), fastinit.he_normal((8, 32, 256), in_axis=(0, 1), out_axis=2, seed=1))


def test_a_function_has_the_wrong_fans() -> None:
    """As the guide says, and why there are classes."""
    layer = keras.layers.EinsumDense("abc,cde->abde", (None, 8, 32), kernel_initializer=fastinit.he_normal)
    layer.build((None, 4, 256))
    assert layer.kernel.shape == (256, 8, 32)
    assert abs(numpy_of(layer.kernel).std() / 0.0313 - 1) < 0.01


@pytest.mark.skipif(VERSION < (3, 15), reason="Keras names axes to initializers from 3.15 on")
@pytest.mark.parametrize(("mode", "fan"), [("fan_in", 32), ("fan_out", 8 * 48), ("fan_avg", 208)])
def test_einsum_of_experts(mode: str, fan: int) -> None:
    """Keras takes the experts' axis, which the output has too, for one of the outputs."""
    initializer = fk.VarianceScaling(2.0, mode, "uniform", seed=3)
    layer = keras.layers.EinsumDense("bei,eio->beo", (8, 48), kernel_initializer=initializer)
    layer.build((None, 8, 32))
    by_axes: dict[str, Any] = {"in_axis": 1, "out_axis": (0, 2), "seed": 3}
    assert_same_bits(numpy_of(layer.kernel), fastinit.variance_scaling((8, 32, 48), 2.0, mode, "uniform", **by_axes))
    assert abs(numpy_of(layer.kernel).std() / math.sqrt(2.0 / fan) - 1) < 0.02


@pytest.mark.skipif(VERSION < (3, 15), reason="Keras's initializers have axes from 3.15 on")
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["truncated_normal", "untruncated_normal", "uniform"])
@pytest.mark.parametrize(("inputs", "outputs"), [([0, 1], [0, 2]), ([0], [2]), ([-2], [-1, 0]), ([], [1])])
def test_any_axes_have_keras_fans(mode: str, distribution: str, inputs: list[int], outputs: list[int]) -> None:
    """Axes in both lists count in both fans, axes in neither in none."""
    arguments = {"scale": 2.0, "mode": mode, "distribution": distribution, "seed": 3}
    arguments |= {"input_axes": inputs, "output_axes": outputs}
    ours = numpy_of(fk.VarianceScaling(**arguments)((8, 32, 48)))
    theirs = numpy_of(keras.initializers.VarianceScaling(**arguments)((8, 32, 48)))
    assert abs(ours.std() / theirs.std() - 1) < 0.04
    assert abs(abs(ours).max() / abs(theirs).max() - 1) < 0.3


@pytest.mark.parametrize("input_axes", [[0], [-3]])
def test_schemes_take_axes(input_axes: list[int]) -> None:
    shape, axes = (16, 4, 8), {"input_axes": input_axes, "output_axes": [1, 2]}
    by_axes: dict[str, Any] = {"in_axis": 0, "out_axis": (1, 2), "seed": 3}
    pairs = [
        (fk.T5(head_dim=8, seed=3, **axes), schemes.t5(shape, 8, **by_axes)),
        (fk.Fixup(16, seed=3, **axes), schemes.fixup(shape, 16, **by_axes)),
        (fk.Siren(seed=3, **axes), schemes.siren(shape, **by_axes)),
        (fk.Siren(first=True, seed=3, **axes), schemes.siren(shape, first=True, **by_axes)),
        (fk.MuP((4, 4, 2), seed=3, **axes), schemes.mup(shape, (4, 4, 2), **by_axes)),
    ]
    for initializer, expected in pairs:
        assert_same_bits(numpy_of(initializer(shape)), expected)


def test_mup_of_experts() -> None:
    initializer = fk.MuP((8, 4, 4), seed=3, input_axes=[0, 1], output_axes=[0, 2])
    expected = schemes.mup((8, 16, 32), (8, 4, 4), in_axis=1, out_axis=2, batch_axis=0, seed=3)
    assert_same_bits(numpy_of(initializer((8, 16, 32))), expected)


@pytest.mark.parametrize("shape", [(), (5,), (0, 3), (2, 3, 4, 5, 6)])
def test_shapes_of_any_rank(shape: tuple[int, ...]) -> None:
    assert_same_bits(numpy_of(fk.HeNormal(seed=3)(shape)), fastinit.he_normal(shape, seed=3))
    assert_same_bits(numpy_of(fk.Zeros()(shape, "bfloat16")), fastinit.zeros(shape, dtype="bfloat16"))


def test_parameters_may_be_tensors() -> None:
    scalar = keras.ops.convert_to_tensor(0.25)
    assert_same_bits(numpy_of(fk.RandomNormal(scalar, scalar, 3)((4, 5))), fastinit.normal((4, 5), 0.25, 0.25, seed=3))
    assert_same_bits(numpy_of(fk.Constant(scalar)((4, 5))), fastinit.constant((4, 5), 0.25))
    row = keras.ops.convert_to_tensor([1.0, 2.0, 3.0])
    assert_same_bits(numpy_of(fk.Constant(row)((2, 3))), fastinit.constant((2, 3), [1.0, 2.0, 3.0]))


class Watched(fk.HeNormal):
    """Keeps the array that the tensor is made of, which no other may."""

    array: np.ndarray

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        self.array = super()._fill(shape, **common)
        return self.array


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("side", [64, 500, 2048])
def test_a_variable_has_the_memory_that_was_drawn_into(side: int, dtype: str) -> None:
    initializer = Watched(seed=3)
    variable = keras.Variable(initializer, shape=(side, side), dtype=dtype)
    address = initializer.array.ctypes.data
    if BACKEND == "torch":
        assert variable.value.data_ptr() == address
    elif BACKEND == "jax":
        assert variable.value.unsafe_buffer_pointer() == address
    else:
        pytest.skip(f"the {BACKEND} backend copies")


def test_what_jax_holds_is_not_written_when_it_is_donated() -> None:
    if BACKEND != "jax":
        pytest.skip("JAX alone donates")
    import jax

    initializer = Watched(seed=3)
    tensor = initializer((500, 500))
    assert tensor.unsafe_buffer_pointer() == initializer.array.ctypes.data
    before = initializer.array.copy()
    jax.jit(lambda x: x + 1, donate_argnums=0)(tensor).block_until_ready()
    assert_same_bits(initializer.array, before)
