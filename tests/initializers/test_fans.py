"""Fans: how many inputs and outputs a weight connects, and the spread that follows from them."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastinit
from fastinit import fans

# What Keras 3 gives: keras/src/initializers/random_initializers.py, compute_fans. Its rule: () is (1, 1),
# (n,) is (n, n), (a, b) is (a, b), and else the last two axes are in and out and all others the receptive
# field that multiplies both. The middle column names the layer with this kernel.
KERAS = [
    ((), "scalar", (1, 1)),
    ((7,), "bias", (7, 7)),
    ((784, 128), "Dense", (784, 128)),
    ((5, 3, 4), "Conv1D, 5 taps, 3 to 4", (15, 20)),
    ((3, 3, 16, 32), "Conv2D, 3x3, 16 to 32", (144, 288)),
    ((1, 1, 64, 256), "Conv2D, 1x1", (64, 256)),
    ((7, 7, 3, 64), "Conv2D, the stem of ResNet-50", (147, 3136)),
    ((2, 3, 4, 5, 6), "Conv3D, 2x3x4, 5 to 6", (120, 144)),
    ((2, 3, 2, 3, 5, 7), "four spatial axes", (180, 252)),
    ((3, 3, 8, 32), "Conv2D, 32 to 32, groups=4: the kernel holds in / groups", (72, 288)),
    ((3, 3, 32, 1), "DepthwiseConv2D, multiplier 1", (288, 9)),
    ((512, 8, 64), "MultiHeadAttention query, which Keras takes for a convolution of 512 taps", (4096, 32768)),
    ((0, 4), "no inputs", (0, 4)),
    ((3, 0, 4), "no inputs in three taps", (0, 12)),
    ((0, 3, 4), "no taps", (0, 0)),
    ((0,), "empty bias", (0, 0)),
]

# What JAX gives: jax/_src/nn/initializers.py, _compute_fans. Its rule: with all, in, out and batch the
# products over the axes named (an empty sequence gives 1), the field is all / in / out / batch, and the
# fans are in * field, out * field.
JAX = [
    ((784, 128), {}, (784, 128)),
    ((3, 3, 16, 32), {}, (144, 288)),
    ((2, 3, 4, 5, 6), {}, (120, 144)),
    # PyTorch's layouts, (out, in) and (out, in, *spatial): torch/nn/init.py gives the same numbers.
    ((128, 784), {"in_axis": 1, "out_axis": 0}, (784, 128)),
    ((32, 16, 3, 3), {"in_axis": 1, "out_axis": 0}, (144, 288)),
    ((32, 16, 3, 3), {"in_axis": -3, "out_axis": -4}, (144, 288)),
    # Attention, flax/linen/attention.py: query, key and value (d, heads, k); output (heads, k, d).
    ((512, 8, 64), {"in_axis": 0, "out_axis": (1, 2)}, (512, 512)),
    ((512, 8, 32), {"in_axis": 0, "out_axis": (1, 2)}, (512, 256)),
    ((512, 8, 64), {"in_axis": [0], "out_axis": [1, 2]}, (512, 512)),
    ((8, 64, 512), {"in_axis": (0, 1), "out_axis": 2}, (512, 512)),
    ((8, 64, 768), {"in_axis": (-3, -2), "out_axis": -1}, (512, 768)),
    ((3, 8, 512, 64), {"in_axis": 2, "out_axis": (1, 3), "batch_axis": 0}, (512, 512)),
    # Experts, layers under scan, and populations are stacked into one tensor.
    ((4, 512, 2048), {"batch_axis": 0}, (512, 2048)),
    ((4, 512, 2048), {"batch_axis": (0,)}, (512, 2048)),
    ((12, 4, 512, 2048), {"batch_axis": (0, 1)}, (512, 2048)),
    ((12, 4, 512, 2048), {"batch_axis": (0, -3)}, (512, 2048)),
    ((10, 3, 3, 16, 32), {"batch_axis": 0}, (144, 288)),
    ((512, 2048, 4), {"in_axis": 0, "out_axis": 1, "batch_axis": 2}, (512, 2048)),
    ((4, 512, 2048), {}, (2048, 8192)),  # not named as stacked, they are a receptive field
    # An axis left out is receptive field; no axis is a factor of 1.
    ((5, 6), {"in_axis": (), "out_axis": 1}, (5, 30)),
    ((5, 6), {"in_axis": 0, "out_axis": ()}, (30, 6)),
    ((5, 6), {"in_axis": (), "out_axis": (), "batch_axis": (0, 1)}, (1, 1)),
    ((5, 6, 7), {"in_axis": (0, 1, 2), "out_axis": ()}, (210, 1)),
    ((7,), {"in_axis": 0, "out_axis": ()}, (7, 1)),
    ((7,), {"in_axis": (), "out_axis": 0}, (1, 7)),
    ((9, 7), {"in_axis": (), "out_axis": 1, "batch_axis": 0}, (1, 7)),
]


@pytest.mark.parametrize(("shape", "layer", "expected"), KERAS)
def test_fans_with_default_axes_are_those_of_keras(shape: tuple[int, ...], layer: str, expected: Any) -> None:
    assert fans(shape) == expected
    assert fans(list(shape)) == expected
    assert fans(np.array(shape, np.int64)) == expected if shape else True
    assert [type(n) for n in fans(shape)] == [int, int]


@pytest.mark.parametrize(("shape", "axes", "expected"), JAX)
def test_fans_with_axes_are_those_of_jax(shape: tuple[int, ...], axes: dict[str, Any], expected: Any) -> None:
    assert fans(shape, **axes) == expected


@pytest.mark.parametrize(("shape", "axes", "expected"), JAX)
def test_axes_may_be_numpy_ints(shape: tuple[int, ...], axes: dict[str, Any], expected: Any) -> None:
    ints = {name: np.int64(at) if isinstance(at, int) else tuple(map(np.int8, at)) for name, at in axes.items()}
    assert fans(shape, **ints) == expected


def test_an_int_is_a_shape() -> None:
    assert fans(7) == fans(np.int32(7)) == (7, 7)


@given(st.data(), st.lists(st.integers(1, 6), min_size=2, max_size=6))
def test_any_choice_of_axes(data: st.DataObject, shape: list[int]) -> None:
    roles = data.draw(st.lists(st.sampled_from("iobf"), min_size=len(shape), max_size=len(shape)))
    signs = data.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    axes = {
        name: tuple(i - len(shape) * signs[i] for i, role in enumerate(roles) if role == letter)
        for name, letter in (("in_axis", "i"), ("out_axis", "o"), ("batch_axis", "b"))
    }
    size = {letter: math.prod(n for n, role in zip(shape, roles, strict=True) if role == letter) for letter in "iobf"}
    assert fans(shape, **axes) == (size["i"] * size["f"], size["o"] * size["f"])


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_stacking_and_layout_leave_fans_alone(field: list[int], n: int, m: int, stacked: int) -> None:
    expected = fans((*field, n, m))
    assert fans((stacked, *field, n, m), batch_axis=0) == expected
    assert fans((m, n, *field), in_axis=1, out_axis=0) == expected
    assert fans((*field, m, n), in_axis=-1, out_axis=-2) == expected
    assert fans((*field, n, m), in_axis=-1, out_axis=-2) == expected[::-1]


@pytest.mark.parametrize(("shape", "expected"), [(7, (7, 7)), ((), (1, 1)), ((3, 4), (3, 4)), ((2, 3, 4), (6, 8))])
def test_an_empty_batch_axis_is_the_default_however_it_is_written(shape: Any, expected: Any) -> None:
    assert fans(shape, batch_axis=()) == expected
    assert fans(shape, batch_axis=[]) == expected


def test_large_sizes_are_exact() -> None:
    assert fans((2**20, 2**40)) == (2**20, 2**40)
    assert fans((3**10, 3**12, 3**14)) == (3**22, 3**24)


def test_empty_axes_in_fans_of_a_zero_field() -> None:
    # JAX divides by zero here; nothing is there to be divided.
    assert fans((0, 5, 6), in_axis=1, out_axis=2) == (0, 0)
    assert fans((0, 5, 6), batch_axis=0) == (5, 6)
    assert fans((4, 0, 6), batch_axis=0) == (0, 6)


# One sentence of JAX, "Can't compute input and output sizes of a 1-dimensional weights tensor", is ours about axes.
AXIS_ERRORS = [
    ((5,), {"in_axis": 0}, ValueError, r"no axis of a 1-D shape may be named twice\. Received: in_axis=0, out_axis=-1"),
    ((5,), {"batch_axis": 0}, ValueError, r"`in_axis` must name axes of a 1-D shape\. Received: in_axis=-2"),
    ((), {"batch_axis": 0}, ValueError, r"`in_axis` must name axes of a 0-D shape\. Received: in_axis=-2"),
    ((), {"in_axis": 0}, ValueError, r"`in_axis` must name axes of a 0-D shape\. Received: in_axis=0"),
    ((5, 6), {"in_axis": 2}, ValueError, r"`in_axis` must name axes of a 2-D shape\. Received: in_axis=2"),
    ((5, 6), {"in_axis": -3}, ValueError, r"`in_axis` must name axes of a 2-D shape\. Received: in_axis=-3"),
    ((5, 6), {"out_axis": (1, 5)}, ValueError, r"`out_axis` must name axes .*\. Received: out_axis=\(1, 5\)"),
    ((5, 6), {"batch_axis": 2}, ValueError, r"`batch_axis` must name axes .*\. Received: batch_axis=2"),
    ((5, 6), {"in_axis": 1}, ValueError, r"no axis .* named twice\. Received: in_axis=1, out_axis=-1, batch_axis=\(\)"),
    ((5, 6), {"batch_axis": 0}, ValueError, r"named twice\. Received: in_axis=-2, out_axis=-1, batch_axis=0"),
    ((5, 6, 7), {"in_axis": (0, -3)}, ValueError, r"named twice\. Received: in_axis=\(0, -3\)"),
    ((5, 6, 7), {"in_axis": (0, 0)}, ValueError, r"named twice\. Received: in_axis=\(0, 0\)"),
    ((5, 6), {"in_axis": 0.0}, TypeError, r"`in_axis` must be an int or a sequence of ints\. Received: in_axis=0\.0"),
    ((5, 6), {"in_axis": -2.0}, TypeError, r"`in_axis` must be an int or .*\. Received: in_axis=-2\.0"),
    ((5, 6, 7), {"in_axis": -2.0}, TypeError, r"`in_axis` must be an int or .*\. Received: in_axis=-2\.0"),
    ((5, 6), {"out_axis": True}, TypeError, r"`out_axis` must be an int or .*\. Received: out_axis=True"),
    ((5, 6), {"in_axis": None}, TypeError, r"`in_axis` must be an int or .*\. Received: in_axis=None"),
    ((5, 6), {"in_axis": "0"}, TypeError, r"`in_axis` must be an int or .*\. Received: in_axis='0'"),
    ((5, 6), {"batch_axis": (0.5,)}, TypeError, r"`batch_axis` must be an int or .*\. Received: batch_axis=\(0\.5,\)"),
    ((5, 6), {"in_axis": (False,)}, TypeError, r"`in_axis` must be an int or .*\. Received: in_axis=\(False,\)"),
]


@pytest.mark.parametrize(("shape", "axes", "kind", "sentence"), AXIS_ERRORS)
def test_axes_that_are_refused(shape: tuple[int, ...], axes: dict[str, Any], kind: type, sentence: str) -> None:
    with pytest.raises(kind, match=sentence) as caught:
        fans(shape, **axes)
    assert type(caught.value) is kind
    out = np.full(shape, 3, np.float32)
    with pytest.raises(kind, match=sentence):
        fastinit.he_normal(shape, **axes, out=out)
    assert (out == 3).all()


@pytest.mark.parametrize(
    ("shape", "kind"), [(True, TypeError), ((2.0, 3), TypeError), ("33", TypeError), ((2, -3), ValueError)]
)
def test_shapes_that_fans_refuses(shape: Any, kind: type) -> None:
    with pytest.raises(kind, match=r"`shape` must .*\. Received: shape="):
        fans(shape)


# ---- what the fans do ----

MODES = {
    "fan_in": lambda a, b: a,
    "fan_out": lambda a, b: b,
    "fan_avg": lambda a, b: (a + b) / 2,
    "fan_geo_avg": lambda a, b: math.sqrt(a * b),
}
# std of the result in units of the parameter, the largest value and the fourth moment, both in units of the std.
DENSITY_2 = math.exp(-2) / math.sqrt(2 * math.pi)
MASS_2 = math.erf(math.sqrt(2))
VARIANCE_2 = 1 - 4 * DENSITY_2 / MASS_2
FOURTH_2 = (3 * MASS_2 - 2 * DENSITY_2 * (8 + 6)) / MASS_2 / VARIANCE_2**2
DISTRIBUTIONS = {
    "uniform": (math.sqrt(3), 1.8),
    "truncated_normal": (2 / math.sqrt(VARIANCE_2), FOURTH_2),
    "untruncated_normal": (None, 3.0),
}


def check_moments(values: np.ndarray, std: float, distribution: str) -> None:
    """Mean, std and fourth moment within 5 standard errors, and the edge where there is one."""
    edge, fourth = DISTRIBUTIONS[distribution]
    x = values.ravel().astype(np.float64) / std
    n = x.size
    assert abs(x.mean()) < 5 / math.sqrt(n)
    assert abs(x.std() - 1) < 5 * math.sqrt((fourth - 1) / (4 * n))
    assert abs((x**4).mean() - fourth) < 5 * (x**4).std() / math.sqrt(n)
    if edge is None:
        assert 4.5 < abs(x).max() < 6.4
    else:
        assert edge * 0.999 < abs(x).max() <= edge * (1 + 2**-23)


@pytest.mark.parametrize(("mode", "distribution"), list(itertools.product(MODES, DISTRIBUTIONS)))
def test_variance_scaling_has_the_std_of_its_formula(mode: str, distribution: str) -> None:
    shape, scale = (3, 1600, 200), 1.7
    values = fastinit.variance_scaling(shape, scale, mode, distribution, seed=2024)
    check_moments(values, math.sqrt(scale / MODES[mode](4800, 600)), distribution)


@pytest.mark.parametrize(
    ("name", "scale", "mode", "distribution"),
    [
        ("glorot_uniform", 1, "fan_avg", "uniform"),
        ("glorot_normal", 1, "fan_avg", "truncated_normal"),
        ("he_uniform", 2, "fan_in", "uniform"),
        ("he_normal", 2, "fan_in", "truncated_normal"),
        ("lecun_uniform", 1, "fan_in", "uniform"),
        ("lecun_normal", 1, "fan_in", "truncated_normal"),
    ],
)
def test_named_schemes(name: str, scale: float, mode: str, distribution: str) -> None:
    shape, seed = (2400, 400), 7
    values = fastinit.get(name)(shape, seed=seed)
    check_moments(values, math.sqrt(scale / MODES[mode](*shape)), distribution)
    again = fastinit.variance_scaling(shape, scale, mode, distribution, seed=seed)
    assert values.tobytes() == again.tobytes()
    # Attention: 24 heads of 25, whose fans JAX counts as 512 and 600.
    axes: dict[str, Any] = {"in_axis": 0, "out_axis": (1, 2)}
    values = fastinit.get(name)((512, 24, 25), **axes, seed=seed)
    check_moments(values, math.sqrt(scale / MODES[mode](512, 600)), distribution)


def test_truncated_std_is_exact_where_statistics_can_tell() -> None:
    # 16 million values tell the std to 0.015 %; without the division by 0.8796 it would be 12 % off.
    values = fastinit.he_normal((4096, 4096), seed=1)
    assert abs(values.std(dtype=np.float64) / math.sqrt(2 / 4096) - 1) < 7e-4


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("mode", MODES)
def test_the_formula_bit_for_bit(mode: str, distribution: str) -> None:
    shape, scale = (7, 31, 57), 0.9
    values = fastinit.variance_scaling(shape, scale, mode, distribution, seed=5)
    std = math.sqrt(scale / MODES[mode](7 * 31, 7 * 57))
    if distribution == "uniform":
        # f32(int32(word)) * (L * 2^-31), closed at both ends
        words = np.empty(shape, np.uint32)
        fastinit._kernels.fill(fastinit._kernels.Law.words(), words, 5, 0, shape)
        step = np.float32(math.sqrt(3 * (scale / MODES[mode](7 * 31, 7 * 57))) * 2.0**-31)
        expected = words.view(np.int32).astype(np.float32) * step
    elif distribution == "truncated_normal":
        expected = fastinit.truncated_normal(shape, 0.0, std / 0.87962566103423978, seed=5)
    else:
        expected = fastinit.normal(shape, 0.0, std, seed=5)
    assert values.tobytes() == expected.tobytes()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0,), (3, 0, 0)])
def test_zero_fans_divide_by_one(mode: str, shape: tuple[int, ...]) -> None:
    for distribution in DISTRIBUTIONS:
        assert fastinit.variance_scaling(shape, 2.0, mode, distribution, seed=0).shape == shape


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_fans_of_one(shape: tuple[int, ...]) -> None:
    value = fastinit.variance_scaling(shape, 2.5, "fan_avg", "untruncated_normal", seed=3)
    assert value.tobytes() == fastinit.normal(shape, 0.0, math.sqrt(2.5), seed=3).tobytes()


def test_a_one_dimensional_tensor_has_its_size_as_fans() -> None:
    values = fastinit.lecun_uniform(10**6, seed=1)
    check_moments(values, 1e-3, "uniform")


def test_fans_below_one_count_as_one() -> None:
    # (0 + 1) / 2 and sqrt(0 * 1): JAX would divide by zero, Keras takes max(1, fan).
    small = fastinit.variance_scaling((0, 1), 1.0, "fan_avg", seed=0)
    assert small.shape == (0, 1)
    axes = {"in_axis": (), "out_axis": (), "batch_axis": 0}
    values = fastinit.variance_scaling(10**6, 4.0, "fan_in", "uniform", **axes, seed=0)
    check_moments(values, 2.0, "uniform")


def test_fans_of_a_block_are_those_of_the_whole() -> None:
    block = fastinit.he_normal((2**20, 2**20), seed=0, index=(slice(5, 1005), slice(7, 1007)))
    check_moments(block, math.sqrt(2 / 2**20), "truncated_normal")
