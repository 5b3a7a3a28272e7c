"""What a number, a name and a bound may be, and what is said of those that are none."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from scipy import stats

import fastinit
from fastinit import Key, _kernels
from fastinit.initializers._engine import registry

BF16 = ml_dtypes.bfloat16


class Tensor:
    """An array of another framework, of no dimension unless it is told otherwise."""

    def __init__(self, value: Any, shape: tuple[int, ...] = (), requires_grad: bool = False) -> None:
        self.value, self.shape, self.requires_grad = value, shape, requires_grad

    def item(self) -> Any:
        return self.value

    def __float__(self) -> float:
        return float(self.value)

    def detach(self) -> Tensor:
        return type(self)(self.value, self.shape)


class Array(Tensor):
    """One that NumPy can read, unless a gradient goes through it."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        return np.array(self.value, np.float32)


class Unread(Tensor):
    """One of a dtype that NumPy does not have."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError("Got unsupported ScalarType BFloat16")


HALVES = [
    np.array(0.5),
    np.array(0.5, "f4"),
    np.array(0.5, ">f8"),
    np.array(0.5, BF16),
    BF16(0.5),
    np.float16(0.5),
    np.longdouble(0.5),
    np.ma.array(0.5),
    Decimal("0.5"),
    Fraction(1, 2),
    Tensor(0.5),
    Tensor(Decimal("0.5"), requires_grad=True),
    Array(0.5),
    Array(0.5, requires_grad=True),
    Unread(0.5),
]


@pytest.mark.parametrize("half", HALVES, ids=lambda value: type(value).__name__)
def test_numbers_of_no_dimension(half: Any) -> None:
    same: list[tuple[Callable[[Any], Any], float]] = [
        (lambda v: fastinit.normal(9, std=v, seed=0), 0.5),
        (lambda v: fastinit.normal(9, mean=v, seed=0), 0.5),
        (lambda v: fastinit.uniform(9, v, 1.0, seed=0), 0.5),
        (lambda v: fastinit.truncated_normal(9, lower=v, seed=0), 0.5),
        (lambda v: fastinit.variance_scaling((3, 3), v, seed=0), 0.5),
        (lambda v: fastinit.sparse((6, 3), v, v, seed=0), 0.5),
        (lambda v: fastinit.orthogonal((3, 3), v, seed=0), 0.5),
        (lambda v: fastinit.identity((3, 3), v), 0.5),
        (lambda v: fastinit.constant((3, 3), v), 0.5),
        (lambda v: fastinit.schemes.t5((3, 3), factor=v, seed=0), 0.5),
        (lambda v: np.array(fastinit.gain("leaky_relu", v)), 0.5),
        (lambda v: fastinit.activate(np.array([-1.0, 1.0]), ("leaky_relu", v)), 0.5),
    ]
    for call, number in same:
        if isinstance(half, (Decimal, Fraction, Tensor)) and not isinstance(half, Array) and call is same[8][0]:
            continue  # constant takes arrays, so what NumPy makes of it
        assert call(half).tobytes() == call(number).tobytes()


@pytest.mark.parametrize(
    "value",
    [
        True,
        np.True_,
        np.array(True),
        "0.5",
        b"0.5",
        np.array("0.5"),
        np.str_("0.5"),
        None,
        np.array([0.5]),
        np.array([[0.5]]),
        np.array([0.5, 0.5]),
        [0.5],
        (0.5,),
        0.5j,
        np.complex64(0.5),
        np.array(0.5j),
        np.timedelta64(1),
        np.array(1, "m8[ns]"),
        np.datetime64(1, "ns"),
        np.ma.masked,
        np.ma.array(0.5, mask=True),
        Tensor(True),
        Tensor("0.5"),
        Tensor(0.5, (1,)),
        Tensor(0.5, (2, 2)),
        Array(0.5, (1,)),
        object(),
        float,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_number(value: Any) -> None:
    for name, arguments in (("normal", "std"), ("uniform", "low"), ("variance_scaling", "scale"), ("identity", "gain")):
        with pytest.raises(TypeError, match=rf"^`{arguments}` must be a real number\. Received: {arguments}="):
            fastinit.get(name)((3, 3), **{arguments: value})


def test_a_decimal_in_float32_is_read_as_it_is_written() -> None:
    for value in (0.14, np.float32(0.14), np.array(0.14, "f4"), Array(0.14), Decimal("0.14"), Fraction(14, 100)):
        assert ((fastinit.sparse((50, 3), value, seed=0) == 0).sum(axis=0) == 7).all()


@pytest.mark.parametrize(
    ("rows", "sparsity", "zeros"),
    [
        *((5, 0.9, 4), (50, 0.14, 7), (10, 0.75, 8), (10, 0.0, 0), (10, 1.0, 10), (1, 0.5, 0), (1, 1.0, 1)),
        *((1000, 1e-9, 1), (7, 0.999, 6), (100, 0.29, 29), (0, 0.5, 0), (100, 0.07, 7), (3, 1, 3), (3, 0, 0)),
    ],
)
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", BF16])
def test_zeros_are_counted_by_the_decimal(rows: int, sparsity: float, zeros: int, dtype: Any) -> None:
    w = fastinit.sparse((rows, 4), sparsity, seed=0, dtype=dtype)
    assert ((w == 0).sum(axis=0) == zeros).all()
    assert not np.signbit(w[w == 0].astype("f4")).any()
    # One word an element, numbered as the float32 elements are, whatever the dtype.
    assert ((w == 0) == (fastinit.sparse((rows, 4), sparsity, seed=0) == 0)).all()


# ---- absolute bounds ----


def between(dtype: Any, mean: float, std: float, low: float, high: float, count: int = 20000) -> np.ndarray:
    return fastinit.truncated_normal(count, mean, std, low, high, bounds="absolute", dtype=dtype, seed=1)


@pytest.mark.parametrize("dtype", [BF16, "f2"])
@pytest.mark.parametrize(
    ("mean", "std", "low", "high"),
    [
        (0.1, 0.3, 0.5, 1.0),
        (0.0, 0.7, -0.25, 0.75),
        (0.1, 0.3, -1.0, -0.5),
        (1.5, 0.7, 0.5, 2.0),
        (0.3, 0.1, 0.25, 0.375),
    ],
)
def test_bounds_that_the_dtype_holds_are_drawn_as_often_as_they_should(
    dtype: Any, mean: float, std: float, low: float, high: float
) -> None:
    count = 400_000
    w = between(dtype, mean, std, low, high, count).astype(float)
    assert (w.min(), w.max()) == (low, high)
    law = stats.truncnorm((low - mean) / std, (high - mean) / std, mean, std)
    values, seen = np.unique(w, return_counts=True)
    middles = np.concatenate([[low], (values[1:] + values[:-1]) / 2, [high]])
    for i in (0, 1, -2, -1):
        expected = count * float(
            law.cdf(middles[i + 1 if i >= 0 else len(middles) + i])
            - law.cdf(middles[i if i >= 0 else len(middles) + i - 1])
        )
        assert abs(seen[i] - expected) < 5 * math.sqrt(expected) + 1, values[i]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    ("mean", "std", "low", "high"),
    [
        (0.1, 0.3, 0.5, 1.0),
        (0.1, 0.02, 0.5, 1.0),
        (7.0, 0.5, -math.inf, 1.0),
        (0.0, 1.0, -math.inf, math.inf),
        (0.0, 1.0, 3.0, math.inf),
        (0.7, 3.0, 0.5, 0.75),
    ],
)
def test_the_law_is_that_of_scipy(dtype: Any, mean: float, std: float, low: float, high: float) -> None:
    w = between(dtype, mean, std, low, high).astype(float)
    assert w.min() >= low
    assert w.max() <= high
    law = stats.truncnorm((low - mean) / std, (high - mean) / std, mean, std)
    assert stats.kstest(w, law.cdf).pvalue > 1e-4


def test_an_interval_narrower_than_its_distance_resolves_is_filled_evenly() -> None:
    # In units of std the ends, 10.0 and 10.0 + 6e-10, keep few digits of their distance.
    low, high = 1e6 + 1.0, 1e6 + 1.0 + 2.0**-24
    w = between("f8", 1e6, 0.1, low, high)
    assert (w.min(), w.max()) == (low, high)
    assert stats.kstest((w - low) / (high - low), "uniform").statistic < 0.03  # it is a lattice of 512 values


def test_a_std_of_zero_gives_the_value_nearest_to_the_mean() -> None:
    for mean, value in ((0.3, 0.5), (0.75, 0.75), (7.0, 1.0)):
        assert (between("f4", mean, 0.0, 0.5, 1.0, 9) == value).all()
    assert (between("f4", 0.3, 0.0, -math.inf, math.inf, 9) == np.float32(0.3)).all()


def test_ends_that_are_far_apart() -> None:
    w = between("f8", -1.5e308, 1e308, -1.7e308, 1.7e308)
    assert -1.7e308 <= w.min() < -1.6e308
    assert 1e308 < w.max() <= 1.7e308
    w = between("f8", 0.0, 5e-324, 1e300, 1.7e308, 9)
    assert (w == 1e300).all()
    assert (between("f4", 0.0, 1e-30, 1.0, 2.0, 9) == 1.0).all()
    assert (between("f4", 0.0, 1e-30, -2.0, -1.0, 9) == -1.0).all()
    assert (between("f4", 0.2, 0.1, 0.25, 0.25, 9) == 0.25).all()


def test_a_block_and_threads_and_registered_names_of_absolute_bounds() -> None:
    whole = fastinit.truncated_normal((300, 400), 0.1, 0.3, 0.5, 1.0, bounds="absolute", seed=0)
    kwargs = {"mean": 0.1, "std": 0.3, "lower": 0.5, "upper": 1.0, "bounds": "absolute"}
    part = fastinit.truncated_normal((300, 400), **kwargs, seed=0, index=(slice(7, 9), slice(100, 203)))
    assert (part == whole[7:9, 100:203]).all()
    assert (fastinit.truncated_normal((300, 400), **kwargs, seed=0, threads=2) == whole).all()
    model = fastinit.initialize({"w": ("truncated_normal", (300, 400), kwargs)}, seed=0)
    assert (model["w"] == fastinit.truncated_normal((300, 400), **kwargs, seed=Key(0).child("w"))).all()


def test_bounds_in_units_of_std_are_what_they_were() -> None:
    for arguments in ((0.0, 1.0, -2.0, 2.0), (0.1, 0.3, 4 / 3, 3.0)):
        plain = fastinit.truncated_normal(1000, *arguments, seed=0)
        assert (fastinit.truncated_normal(1000, *arguments, bounds="std", seed=0) == plain).all()


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"bounds": "abs"}, ValueError, r"^`bounds` must be one of std, absolute\. Received: bounds='abs'$"),
        ({"bounds": "Absolute"}, ValueError, r"Did you mean 'absolute'\? Received: bounds='Absolute'$"),
        ({"bounds": None}, ValueError, r"^`bounds` must be one of std, absolute\. Received: bounds=None$"),
        ({"bounds": "absolute", "lower": 2.0, "upper": 1.0}, ValueError, r"^`lower` must be <= `upper`"),
        ({"bounds": "absolute", "lower": math.nan}, ValueError, r"^`lower` must be <= `upper`"),
        ({"bounds": "absolute", "upper": 1e39}, ValueError, r"^every value must be finite in float32"),
        ({"bounds": "absolute", "upper": math.inf, "std": 1e38}, ValueError, r"^every value must be finite in float32"),
    ],
)
def test_refused_bounds(arguments: dict[str, Any], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        fastinit.truncated_normal(3, **arguments)


# ---- what the kernels compute with must fit, too ----


@pytest.mark.parametrize("dtype", ["f4", "f2", BF16])
@pytest.mark.parametrize("bounds", ["std", "absolute"])
@pytest.mark.parametrize(
    ("mean", "std", "lower", "upper"),
    [
        (0.0, 4e38, -1e-35, 1e-35),
        (0.0, 1e300, -1e-300, 1e-300),
        (3.5e38, 1.0, -1.0, 1.0),
        (-1e39, 1.0, -1.0, 1.0),
        (0.0, 1e39, 0.0, 0.0),
    ],
)
def test_a_std_or_mean_that_float32_does_not_hold(
    dtype: Any, bounds: Any, mean: float, std: float, lower: float, upper: float
) -> None:
    with pytest.raises(ValueError, match=r"^(every value|`mean` and `std`) must be finite in "):
        fastinit.truncated_normal(3, mean, std, lower, upper, bounds=bounds, dtype=dtype, seed=0)


def test_the_inputs_that_came_out_wrong() -> None:
    for arguments in ((0.0, 4e38, -0.1, 0.1), (-1e39, 1e39, 0.8, 1.2)):
        with pytest.raises(ValueError, match=r"^`mean` and `std` must be finite"):
            fastinit.truncated_normal(10000, *arguments, seed=0)
    # As large as it may be.
    w = fastinit.truncated_normal(10000, 0.0, 3.4e38, -0.1, 0.1, seed=0)
    assert len(np.unique(w)) > 9000
    assert np.isfinite(w).all()
    w = fastinit.truncated_normal(10000, 1e5, 1e5, -1.0, -0.5, dtype="f2", seed=0)
    assert (0 <= w.min() < 100, 49000 < w.max() <= 50000) == (True, True)
    w = fastinit.truncated_normal(10000, 0.0, 1e300, -0.1, 0.1, dtype="f8", seed=0)
    assert len(np.unique(w)) > 9000


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", BF16])
def test_a_uniform_of_all_that_fits(dtype: Any) -> None:
    most = float(ml_dtypes.finfo(dtype).max)
    w = fastinit.uniform(10000, -most, most, dtype=dtype, seed=0).astype(float)
    assert np.isfinite(w).all()
    assert -most <= w.min() < -0.99 * most
    assert 0.99 * most < w.max() < most
    assert abs(w / most).mean() == pytest.approx(0.5, abs=0.02)


# ---- foreign exceptions ----


class Hostile:
    """Whatever is asked of it, it raises."""

    shape = (2,)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise RuntimeError("no array\nof mine")

    def item(self) -> float:
        raise RuntimeError("no number of mine")


def test_a_constant_that_numpy_cannot_read() -> None:
    sentence = r"^`value` must be a real number or an array of them that NumPy can read\. Received: Hostile$"
    with pytest.raises(TypeError, match=sentence):
        fastinit.constant((2,), Hostile())
    with pytest.raises(TypeError, match=r"^`x` must be an array that NumPy can read\. Received: Hostile$"):
        fastinit.propagate([2, 2], Hostile())
    with pytest.raises(TypeError, match=r"^`std` must be a real number"):
        fastinit.normal(3, std=Hostile())


def test_masked_elements_are_refused_where_an_array_is_converted() -> None:
    hidden = np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])
    with pytest.raises(ValueError, match=r"^`value` must hold no masked element\. Received: a masked array$"):
        fastinit.constant((3,), hidden)
    with pytest.raises(ValueError, match=r"^`x` must hold no masked element"):
        fastinit.propagate([3, 2], hidden[None])
    with pytest.raises(ValueError, match=r"^`x` must hold no masked element"):
        fastinit.lsuv([3, 2], np.ma.masked_all((4, 3)))
    with pytest.raises(ValueError, match=r"^`initializer` must return no masked element"):
        fastinit.propagate([3, 2], initializer=lambda shape, dtype, seed: np.ma.masked_all(shape, dtype))
    # A mask that hides nothing changes nothing.
    assert (fastinit.constant((3,), np.ma.array([1.0, 2.0, 3.0])) == [1, 2, 3]).all()


def test_byte_order_is_spoken_of() -> None:
    swapped = np.ones((3, 3), ">f4" if sys.byteorder == "little" else "<f4")
    plain = np.ones((3, 3), "f4")
    calls: list[Callable[[], Any]] = [
        lambda: fastinit.dense(swapped, plain),
        lambda: fastinit.dense(plain, swapped),
        lambda: fastinit.activate(swapped, "relu"),
        lambda: fastinit.MLP([(swapped, None, None)]),
        lambda: fastinit.MLP([(plain, None, None)])(swapped),
        lambda: fastinit.propagate([(swapped, None, None)]),
        lambda: fastinit.normal((3, 3), out=swapped),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="native byte order"):
            call()


@pytest.mark.parametrize("part", ["a\udc80", "\ud800", "x\udfffy"])
def test_a_part_of_a_path_that_is_no_text(part: str) -> None:
    with pytest.raises(ValueError, match=r"^a part of a key's path must be text that UTF-8 encodes") as caught:
        Key(0).child("a", part)
    assert type(caught.value) is ValueError


@pytest.fixture
def module_anew() -> Iterator[Any]:
    """fastinit.keys, imported anew beside the one that is in use."""
    old = sys.modules.pop("fastinit.keys")
    yield importlib.import_module("fastinit.keys")
    sys.modules["fastinit.keys"] = old


def test_a_key_from_before_a_new_import_is_a_key(module_anew: Any) -> None:
    class Own(module_anew.Key):
        pass

    for other in (module_anew.Key(5), Own(5)):
        assert type(other) is not Key
        assert (fastinit.normal(3, seed=other) == fastinit.normal(3, seed=5)).all()
        assert other == Key(5)
        assert Key(5) == other
        assert Key(other) == Key(5)
    assert module_anew.Key(Key(7).child("a")) == Key(7).child("a")

    class Key_:
        key, stream = 5, 0

    with pytest.raises(TypeError, match=r"^`seed` must be None, an int, a fastinit\.Key"):
        fastinit.normal(3, seed=Key_())


@pytest.mark.parametrize(
    "call",
    [
        lambda big: fastinit.normal(big),
        lambda big: fastinit.normal(3, seed=big),
        lambda big: fastinit.normal(3, std=big),
        lambda big: fastinit.normal(3, threads=big),
        lambda big: fastinit.normal(3, dtype=big),
        lambda big: fastinit.normal(3, index=big),
        lambda big: fastinit.he_normal((3, 3), in_axis=big),
        lambda big: fastinit.constant((3,), [big]),
        lambda big: fastinit.get(big),
        lambda big: fastinit.dense(np.ones((1, 1)), np.ones((1, 1)), activation=big),
        lambda big: fastinit.initialize({"w": big}),
        lambda big: fastinit.initialize({"w": ("ones", 3, big)}),
        lambda big: Key(0).child([big]),
    ],
)
def test_no_message_dumps_what_it_got(call: Callable[[Any], Any]) -> None:
    for big in (np.arange(1000.0).reshape(10, 100), [np.arange(1000.0)] * 3, "x" * 10_000, [*range(1000), 0.5]):
        with pytest.raises((TypeError, ValueError)) as caught:
            call(big)
        assert len(str(caught.value)) < 1000
        assert "\n" not in str(caught.value)


# ---- did you mean ----


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda: fastinit.get("he_norml"), "he_normal"),
        (lambda: fastinit.get("HeNormal"), "he_normal"),
        (lambda: fastinit.get("KaimingUniform"), "kaiming_uniform"),
        (lambda: fastinit.get("xavier_normal_"), "xavier_normal"),
        (lambda: fastinit.get("trunc_normal_"), "truncated_normal"),
        (lambda: fastinit.get("Zeros"), "zeros"),
        (lambda: fastinit.get("eye"), "identity"),
        (lambda: fastinit.initialize({"w": ("Orthogonal", (3, 3))}), "orthogonal"),
        (lambda: fastinit.propagate([3, 3], initializer="he-normal"), "he_normal"),
        (lambda: fastinit.activate(np.ones(3), "Swish"), "silu"),
        (lambda: fastinit.activate(np.ones(3), "ReLU"), "relu"),
        (lambda: fastinit.activate(np.ones(3), "LeakyReLU"), "leaky_relu"),
        (lambda: fastinit.activate(np.ones(3), "HardSwish"), "hard_silu"),
        (lambda: fastinit.dense(np.ones((1, 1)), np.ones((1, 1)), activation="GELU"), "gelu"),
        (lambda: fastinit.gain("Tanh"), "tanh"),
        (lambda: fastinit.normal(3, dtype="bf16"), "bfloat16"),
        (lambda: fastinit.normal(3, dtype="fp16"), "float16"),
        (lambda: fastinit.normal(3, dtype="float_32"), "float32"),
        (lambda: fastinit.orthogonal((3, 3), dtype="complex-64"), "complex64"),
        (lambda: fastinit.variance_scaling((3, 3), mode="fan-in"), "fan_in"),
        (lambda: fastinit.variance_scaling((3, 3), distribution="truncatednormal"), "truncated_normal"),
    ],
)
def test_did_you_mean(call: Callable[[], Any], meant: str) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"\. Did you mean '{meant}'\? Received: "):
        call()


@pytest.mark.parametrize("name", ["banana", "", "42", "q"])
def test_nothing_is_meant_by_what_is_close_to_nothing(name: str) -> None:
    with pytest.raises(ValueError, match=r"^(?!.*Did you mean).*Received: "):
        fastinit.get(name)


@pytest.mark.parametrize("name", ["he_normal", "kaiming_normal", "xavier_uniform", "lecun_normal", "zeros", "ones"])
def test_a_shape_in_pieces_is_told_that_it_is_one_tuple(name: str) -> None:
    hint = rf"^{name}\(\) takes .* A shape of several axes is one tuple: {name}\(\(784, 128\)\)$"
    with pytest.raises(TypeError, match=hint):
        fastinit.get(name)(784, 128)
    with pytest.raises(TypeError, match=r"positional arguments? .*were given$"):
        fastinit.get(name)((3, 3), "fan_in", 1)


@pytest.mark.parametrize("name", ["kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform"])
def test_errors_of_an_alias_speak_of_it(name: str) -> None:
    function = registry[name]
    assert function.__name__ == function.__qualname__ == name
    assert "by another name" in str(function.__doc__)
    for call in (lambda: function(), lambda: function((3, 3), colour=1)):
        with pytest.raises(TypeError, match=rf"^{name}\(\) "):
            call()


def test_the_face_lists_the_groups() -> None:
    for name in fastinit.__all__:
        if not name.startswith(("he_", "glorot_", "lecun_", "kaiming_", "xavier_", "__")):
            assert f"`{name}`" in str(fastinit.__doc__), name
    assert ">>> " in str(fastinit.__doc__)


def test_the_law_holds_the_bounds_as_given() -> None:
    """The outermost words reach the ends, in float32 too, but for what the kernel itself rounds."""
    law = _kernels.Law.normal_between(_kernels.FLOAT32, 0.1, 0.3, 0.5, 1.0)
    words = np.zeros(256, np.uint32)
    words[1] = 0xFFFFFFFF
    out = np.zeros(256, np.float32)
    _kernels.map_words(law, words, out.view(np.uint8))
    assert out[0] == 0.5
    assert np.nextafter(np.float32(1.0), np.float32(0.0)) <= out[1] <= 1.0
