"""The factories: jax.nn.initializers' names, arguments and distributions, fastinit's bits."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

jax = pytest.importorskip("jax", reason="fastinit.jax needs JAX")

import numpy as np

import fastinit
import fastinit.jax as fj

KEY = jax.random.key(7)
PEERS = [name for name in dir(jax.nn.initializers) if not name.startswith("_") and name != "Initializer"]

# factory, the same by NumPy, a shape
CASES: dict[str, tuple[Any, Callable[..., np.ndarray], tuple[int, ...]]] = {
    "zeros": (fj.zeros, fastinit.zeros, (3, 5)),
    "ones": (fj.ones, fastinit.ones, (3, 5)),
    "constant": (fj.constant(0.1), lambda s, **c: fastinit.constant(s, 0.1, **c), (3, 5)),
    "constant array": (fj.constant([1.5, 2.5]), lambda s, **c: fastinit.constant(s, [1.5, 2.5], **c), (3, 2)),
    "constant jax": (fj.constant(jax.numpy.ones(2)), lambda s, **c: fastinit.constant(s, [1.0, 1.0], **c), (3, 2)),
    "uniform": (fj.uniform(0.5), lambda s, **c: fastinit.uniform(s, 0.0, 0.5, **c), (31, 7)),
    "normal": (fj.normal(0.5), lambda s, **c: fastinit.normal(s, 0.0, 0.5, **c), (31, 7)),
    "truncated_normal": (
        fj.truncated_normal(0.5, lower=-1.0, upper=3.0),
        lambda s, **c: fastinit.truncated_normal(s, 0.0, 0.5, -1.0, 3.0, **c),
        (31, 7),
    ),
    "variance_scaling": (
        fj.variance_scaling(3.0, "fan_out", "normal", 0, (1, 2)),
        lambda s, **c: fastinit.variance_scaling(
            s, 3.0, "fan_out", "untruncated_normal", in_axis=0, out_axis=(1, 2), **c
        ),
        (31, 7, 5),
    ),
    "glorot_uniform": (fj.glorot_uniform(), fastinit.glorot_uniform, (31, 7)),
    "glorot_normal": (fj.glorot_normal(), fastinit.glorot_normal, (31, 7)),
    "lecun_uniform": (fj.lecun_uniform(), fastinit.lecun_uniform, (31, 7)),
    "lecun_normal": (fj.lecun_normal(), fastinit.lecun_normal, (3, 3, 31, 7)),
    "he_uniform": (fj.he_uniform(), fastinit.he_uniform, (31, 7)),
    "he_normal": (fj.he_normal(), fastinit.he_normal, (31, 7)),
    "he_normal axes": (
        fj.he_normal(in_axis=1, out_axis=0, batch_axis=2),
        lambda s, **c: fastinit.he_normal(s, in_axis=1, out_axis=0, batch_axis=2, **c),
        (31, 7, 2),
    ),
    "orthogonal": (fj.orthogonal(1.5), lambda s, **c: fastinit.orthogonal(s, 1.5, **c), (31, 7)),
    "orthogonal column": (
        fj.orthogonal(column_axis=0),
        lambda s, **c: fastinit.orthogonal(s, column_axis=0, **c),
        (31, 7),
    ),
    "delta_orthogonal": (fj.delta_orthogonal(1.5), lambda s, **c: fastinit.delta_orthogonal(s, 1.5, **c), (3, 3, 5, 7)),
    "identity": (fj.identity(1.5), lambda s, **c: fastinit.identity(s, 1.5, **c), (3, 4, 6)),
    "dirac": (fj.dirac(2), lambda s, **c: fastinit.dirac(s, 2, **c), (3, 3, 2, 4)),
    "sparse": (fj.sparse(0.5), lambda s, **c: fastinit.sparse(s, 0.5, **c), (31, 7)),
    "scheme": (
        fj.initializer("gpt2_residual", layers=3),
        lambda s, **c: fastinit.schemes.gpt2_residual(s, 3, **c),
        (31, 7),
    ),
    "any interval": (
        fj.initializer(fastinit.uniform, low=-1, high=2),
        lambda s, **c: fastinit.uniform(s, -1, 2, **c),
        (31, 7),
    ),
}
DTYPES = ("float32", "float16", "bfloat16")


@pytest.fixture
def x64() -> Iterator[None]:
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def same_bits(array: Any, want: np.ndarray) -> None:
    found = np.asarray(array)
    assert found.dtype == want.dtype
    assert found.shape == want.shape
    assert found.tobytes() == want.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_bits_are_those_of_numpy(case: str, dtype: str) -> None:
    init, draw, shape = CASES[case]
    want = draw(shape, dtype=dtype, seed=7)
    same_bits(init(KEY, shape, dtype), want)
    same_bits(jax.jit(lambda key: init(key, shape, dtype))(KEY), want)
    same_bits(jax.vmap(lambda key: init(key, shape, dtype))(KEY[None])[0], want)


@pytest.mark.parametrize("case", CASES)
def test_float64_with_x64(case: str, x64: None) -> None:
    init, draw, shape = CASES[case]
    want = draw(shape, dtype="float64", seed=7)
    same_bits(init(KEY, shape), want)
    same_bits(init(KEY, shape, "float64"), want)
    same_bits(jax.jit(lambda key: init(key, shape))(KEY), want)


@pytest.mark.parametrize("dtype", ["float64", "complex128", np.float64])
def test_float64_without_x64_is_refused(dtype: Any) -> None:
    sentence = r"`dtype` must be one that JAX holds, and (float64|complex128) needs jax\.config\.update"
    for init in (fj.orthogonal(), fj.orthogonal(dtype=dtype)):
        with pytest.raises(ValueError, match=sentence):
            init(KEY, (4, 4), dtype)
        with pytest.raises(ValueError, match=sentence):
            jax.eval_shape(lambda key, init=init: init(key, (4, 4), dtype), KEY)


def test_default_dtype_and_python_types() -> None:
    assert fj.normal()(KEY, (2,)).dtype == np.float32
    assert fj.normal()(KEY, (2,), float).dtype == np.float32
    assert fj.normal(dtype="bfloat16")(KEY, (2,)).dtype == jax.numpy.bfloat16
    assert fj.normal(dtype="bfloat16")(KEY, (2,), jax.numpy.float16).dtype == np.float16
    same_bits(fj.orthogonal()(KEY, (3, 3), complex), fastinit.orthogonal((3, 3), seed=7, dtype="complex64"))


@pytest.mark.parametrize("dtype", [np.int32, bool, "float8_e4m3fn", "complex64", "nonsense", object()])
def test_other_dtypes_are_refused(dtype: Any) -> None:
    with pytest.raises(TypeError, match="`dtype` must be"):
        fj.normal()(KEY, (2,), dtype)


@pytest.mark.parametrize("name", PEERS)
def test_signatures_begin_like_jax(name: str) -> None:
    ours = inspect.signature(getattr(fj, name)).parameters
    theirs = inspect.signature(getattr(jax.nn.initializers, name)).parameters
    assert list(ours) == list(theirs) or list(ours) == [*theirs, "out_sharding"]  # older JAX has no out_sharding
    for parameter in theirs.values():
        if parameter.name != "dtype":
            assert ours[parameter.name].default == parameter.default


def test_an_init_is_called_as_jax_calls_them() -> None:
    assert isinstance(fj.he_normal(), getattr(jax.nn.initializers, "Initializer", object))
    init = fj.he_normal()
    same_bits(init(KEY, (4, 4), dtype=jax.numpy.float32, out_sharding=None), fastinit.he_normal((4, 4), seed=7))
    same_bits(init(KEY, [4, np.int64(4)]), fastinit.he_normal((4, 4), seed=7))


@pytest.mark.parametrize(
    "case", ["uniform", "normal", "truncated_normal", "variance_scaling", "he_normal", "orthogonal"]
)
def test_moments_are_those_of_jax(case: str) -> None:
    shape = (256, 256, 4)[: 3 if case == "variance_scaling" else 2]
    arguments: dict[str, Any] = {
        "uniform": (0.5,),
        "normal": (0.5,),
        "truncated_normal": (0.5,),
        "variance_scaling": (3.0, "fan_out", "uniform", 0, (1, 2)),
    }.get(case, ())
    ours = np.asarray(getattr(fj, case)(*arguments)(KEY, shape), np.float64)
    theirs = np.asarray(getattr(jax.nn.initializers, case)(*arguments)(KEY, shape), np.float64)
    assert ours.mean() == pytest.approx(theirs.mean(), abs=6 * theirs.std() / 256)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    assert abs(ours).max() == pytest.approx(abs(theirs).max(), rel=0.35)


@pytest.mark.parametrize("column_axis", [-2, -1, 0, 1])
@pytest.mark.parametrize("sizes", [(3, 4, 6), (2, 3, 5, 5), (3, 1, 2, 4, 7)])
def test_delta_orthogonal_keeps_norms(sizes: tuple[int, ...], column_axis: int) -> None:
    made = np.asarray(fj.delta_orthogonal(2.0, column_axis)(KEY, sizes))
    centre = made[tuple((k - 1) // 2 for k in sizes[:-2])]
    assert np.count_nonzero(made) == np.count_nonzero(centre)
    np.testing.assert_allclose(centre @ centre.T, 4 * np.eye(sizes[-2]), atol=4e-6)
    matrix = fastinit.orthogonal(sizes[-2:], 2.0, column_axis, seed=7)
    np.testing.assert_array_equal(centre, matrix)


def test_delta_orthogonal_by_rows_refuses_what_the_other_does() -> None:
    for shape, sentence in (((4, 4), "1-D to 3-D convolution"), ((3, 5, 4), "no more inputs than outputs")):
        for column_axis in (-1, 0):
            with pytest.raises(ValueError, match=sentence):
                fj.delta_orthogonal(column_axis=column_axis)(KEY, shape)
    with pytest.raises(ValueError, match="column_axis"):
        fj.delta_orthogonal(column_axis=2)(KEY, (3, 4, 4))


@pytest.mark.parametrize("shape", [(), (5,)])
def test_fans_of_vectors_are_refused_as_by_jax(shape: tuple[int, ...]) -> None:
    for name in ("he_normal", "glorot_uniform", "lecun_normal"):
        with pytest.raises(ValueError, match="`shape` must have at least two axes unless `in_axis` is given"):
            getattr(fj, name)()(KEY, shape)
        with pytest.raises(ValueError, match="at least 2D"):
            getattr(jax.nn.initializers, name)()(KEY, shape)


def test_parameters_may_be_arrays_without_axes() -> None:
    for two in (jax.numpy.float32(2), np.array(2.0), np.float64(2), jax.numpy.bfloat16(2)):
        same_bits(fj.normal(two)(KEY, (5,)), fastinit.normal(5, std=2.0, seed=7))
        same_bits(fj.variance_scaling(two, "fan_in", "uniform")(KEY, (5, 5)), fastinit.he_uniform((5, 5), seed=7))
        same_bits(fj.orthogonal(two)(KEY, (5, 5)), fastinit.orthogonal((5, 5), 2.0, seed=7))
        same_bits(fj.constant(two)(KEY, (5,)), fastinit.constant(5, 2.0))


def test_traced_parameters_are_refused() -> None:
    for make in (
        fj.normal,
        fj.uniform,
        fj.orthogonal,
        fj.identity,
        lambda x: fj.variance_scaling(x, "fan_in", "normal"),
    ):
        with pytest.raises(TypeError, match="must be known when the initializer is made, not traced"):
            jax.jit(lambda x, make=make: make(x)(KEY, (4, 4)))(2.0)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: fj.normal(-1.0), "`stddev` must be finite and >= 0. Received: stddev=-1.0"),
        (lambda: fj.normal(float("nan")), "`stddev` must be finite and >= 0. Received: stddev=nan"),
        (lambda: fj.uniform(-1.0), "`scale` must be finite and >= 0. Received: scale=-1.0"),
        (lambda: fj.truncated_normal(float("inf")), "`stddev` must be finite and >= 0"),
        (lambda: fj.sparse(0.5, -1), "`stddev` must be finite and >= 0"),
        (
            lambda: fj.variance_scaling(1.0, "fan_in", "cauchy"),
            "`distribution` must be one of truncated_normal, normal",
        ),
        (lambda: fj.variance_scaling(1.0, "fan", "normal")(KEY, (2, 2)), "`mode` must be one of fan_in"),
        (lambda: fj.variance_scaling(0.0, "fan_in", "normal")(KEY, (2, 2)), "`scale` must be finite and > 0"),
        (lambda: fj.initializer("he_norml"), "an initializer's name must be one of"),
        (lambda: fj.normal()(KEY, (2, -1)), "`shape` must hold no negative size"),
    ],
)
def test_bad_values(make: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        make()
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: fj.initializer("normal", seed=1), "must hold none of"),
        (lambda: fj.initializer("normal", out=1), "must hold none of"),
        (lambda: fj.initializer(3), "an initializer must be a name or a callable. Received: 3"),
        (lambda: fj.normal("2")(KEY, (2,)), "`std` must be a real number"),
        (lambda: fj.normal()(KEY, "23"), "`shape` must be an int or a sequence of ints"),
        (lambda: fj.normal()(KEY, (2.0,)), "`shape` must be an int or a sequence of ints"),
        (lambda: fj.initializer("normal", stddev=1.0)(KEY, (2,)), "unexpected keyword argument 'stddev'"),
    ],
)
def test_bad_types(make: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(TypeError) as caught:
        make()
    assert sentence in str(caught.value)


def test_errors_come_while_tracing_not_from_the_callback() -> None:
    for init, shape in ((fj.he_normal(), (-1, 2)), (fj.orthogonal(), (3,)), (fj.sparse(2.0), (4, 4))):
        with pytest.raises(ValueError, match="must"):
            jax.eval_shape(lambda key, init=init, shape=shape: init(key, shape), KEY)


def test_equal_factories_are_equal_and_compile_once() -> None:
    assert fj.he_normal() == fj.he_normal()
    assert hash(fj.he_normal()) == hash(fj.he_normal())
    assert fj.kaiming_normal() == fj.he_normal()
    assert fj.he_normal() != fj.he_normal(dtype="bfloat16")
    assert fj.he_normal() != fj.he_uniform()
    assert fj.normal(1.0) != fj.normal(2.0)
    assert fj.constant(0.0) != fj.constant(-0.0)  # equal numbers, other bits
    assert fj.he_normal() != "he_normal"
    array = fj.constant(np.ones(2))
    assert array == array
    assert array != fj.constant(np.ones(2))
    assert len({array, fj.he_normal(), fj.he_normal()}) == 2

    traced = []

    def draw(init: Any, key: Any) -> Any:
        traced.append(init)
        return init(key, (2, 2))

    jitted = jax.jit(draw, static_argnums=0)
    for _ in range(3):
        jitted(fj.he_normal(), KEY)
    assert len(traced) == 1


@pytest.mark.parametrize("case", [name for name in CASES if name not in ("zeros", "ones", "constant jax")])
def test_pickle_copy_and_repr(case: str) -> None:
    init, draw, shape = CASES[case]
    for again in (pickle.loads(pickle.dumps(init)), copy.copy(init), copy.deepcopy(init)):
        same_bits(again(KEY, shape), draw(shape, seed=7))
    assert "object at" not in repr(init)


def test_a_callable_of_ones_own() -> None:
    kept = []

    def draw(shape: Any, *, dtype: Any, seed: Any, low: float) -> np.ndarray:
        kept.append(fastinit.uniform(shape, low, 1.0, dtype=dtype, seed=seed))
        return kept[-1]

    init = fj.initializer(draw, low=0.5)
    want = fastinit.uniform((64, 64), 0.5, 1.0, seed=7)
    eager = init(KEY, (64, 64))
    same_bits(eager, want)
    same_bits(jax.jit(lambda key: init(key, (64, 64)))(KEY), want)
    same_bits(jax.vmap(lambda key: init(key, (64, 64)))(KEY[None])[0], want)
    kept[0][...] = 0.0  # it keeps its array; JAX's must be another
    same_bits(eager, want)


@pytest.mark.parametrize("wrong", [np.zeros(3, np.float32), np.zeros((2, 2)), 0.0])
def test_a_callable_that_returns_something_else(wrong: Any) -> None:
    with pytest.raises(ValueError, match="an initializer must return an array of shape"):
        fj.initializer(lambda shape, **_: wrong)(KEY, (2, 2))
