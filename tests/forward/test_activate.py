"""Activations: to the bit against the oracle, to the ulp against the truth, and the arguments of `activate`."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastinit
from fastinit import _kernels
from fastinit.forward import _activation
from oracle import forward as oracle_forward
from support.activation_cases import (
    HALVES,
    NAMES,
    PARAMETERS,
    ROWS,
    VALUES,
    edge_values,
    random_values,
    row_cases,
)
from support.bits import assert_same_bits, bits
from support.floating_point import DAZ, FTZ, UPWARD, mode
from support.tools import load_tool

DTYPES = [np.float32, np.float64]
# Largest errors in ulp, for float32 and float64.
BOUNDS = dict.fromkeys(NAMES, (4.0, 8.0)) | dict.fromkeys(("exp", "sigmoid", "tanh"), (2.0, 4.0))


def tool() -> ModuleType:
    """tools/check_activations.py, which knows the true values."""
    return load_tool("check_activations")


def with_parameters(name: str, values: tuple[float, ...]) -> Any:
    return name, dict(zip(_activation.PARAMETERS[name], values, strict=False))


# ---- to the bit ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", VALUES)
def test_equals_the_oracle(name: str, dtype: Any, isa: str) -> None:
    x = np.concatenate([edge_values(dtype), random_values(dtype, 3000 if dtype is np.float32 else 1200)])
    assert_same_bits(fastinit.activate(x, name), oracle_forward.activate(x, name), x)
    for parameters in PARAMETERS.get(name, []):
        if name in ("softplus", "celu") and parameters[0] < np.finfo(dtype).tiny:
            continue
        expected = oracle_forward.activate(x, name, *parameters)
        assert_same_bits(fastinit.activate(x, with_parameters(name, parameters)), expected, x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("columns", [1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 100])
@pytest.mark.parametrize("name", ROWS)
def test_rows_equal_the_oracle(name: str, columns: int, dtype: Any, isa: str) -> None:
    x = row_cases(dtype, columns)
    expected = oracle_forward.activate(x, name)
    found = fastinit.activate(x, name)
    assert_same_bits(found, expected, x)
    if name == "prelu":
        return
    endless = np.inf if name != "softmin" else -np.inf
    broken = np.isnan(x).any(1)
    if name != "hardmax":
        broken |= (x == endless).any(1) | (x == -endless).all(1)
    assert np.isnan(found[broken]).all()
    assert not np.isnan(found[~broken]).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("columns", [2, 4, 6, 14, 16, 30, 34, 62, 64, 66, 200])
@pytest.mark.parametrize("name", HALVES)
def test_halves_equal_the_oracle(name: str, columns: int, dtype: Any, isa: str) -> None:
    x = row_cases(dtype, columns)
    found = fastinit.activate(x, name)
    assert found.shape == (len(x), columns // 2)
    assert_same_bits(found, oracle_forward.activate(x, name))
    inner = {"glu": "sigmoid", "swiglu": "silu", "geglu": "gelu"}[name]
    value, gate = np.split(x, 2, axis=1)
    with np.errstate(all="ignore"):
        assert_same_bits(found, value * fastinit.activate(gate, inner))
    out = np.full((len(x) + 1, columns // 2), 77, dtype)
    assert fastinit.activate(x, name, out[:-1]) is not None
    assert_same_bits(out[:-1], found)
    assert (out[-1] == 77).all()
    assert_same_bits(fastinit.activate(x[::-1], name), np.ascontiguousarray(found[::-1]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", VALUES + ROWS)
def test_every_size_and_no_byte_beyond(name: str, dtype: Any, isa: str) -> None:
    """Inputs and outputs begin anywhere, stand between other values, and are one and the same or not."""
    rng = np.random.default_rng(1)
    for count in [*range(71), 127, 128, 129, 383, 384, 385]:
        offset = int(rng.integers(1, 9))
        x = np.full(count + 20, np.nan, dtype)
        x[offset : offset + count] = rng.normal(size=count) * 5
        original = x.copy()
        values = x[offset : offset + count]
        if name in ROWS or count < 71:
            expected = oracle_forward.activate(values, name)
        else:
            expected = fastinit.activate(values, name)
        guarded = np.full(count + 20, 77, dtype)
        out = guarded[20 - offset : 20 - offset + count]
        assert fastinit.activate(values, name, out) is out
        assert_same_bits(out, expected, values)
        assert (guarded[: 20 - offset] == 77).all()
        assert (guarded[20 - offset + count :] == 77).all()
        assert np.array_equal(bits(x), bits(original))
        assert fastinit.activate(values, name, values) is values
        assert_same_bits(values, expected, values)
        x[offset : offset + count] = original[offset : offset + count]
        assert np.array_equal(bits(x), bits(original))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", VALUES + ROWS)
def test_threads_and_place_change_no_bit(name: str, dtype: Any) -> None:
    x = (np.random.default_rng(2).normal(size=(331, 997)) * 4).astype(dtype)
    whole = fastinit.activate(x, name, threads=1)
    for threads in (2, 3, 8, None):
        assert_same_bits(fastinit.activate(x, name, threads=threads), whole, x)
    assert_same_bits(fastinit.activate(x[77:78], name), whole[77:78], x[77:78])
    long = x.reshape(1, -1)
    expected = oracle_forward.activate(long[:, :1000], name)
    assert_same_bits(fastinit.activate(long[:, :1000], name), expected, long[:, :1000])


@pytest.mark.parametrize("bits_of_mode", [FTZ | DAZ, UPWARD], ids=["flush to zero", "upward"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", VALUES + ROWS)
def test_a_foreign_mode_changes_no_bit_and_is_kept(
    name: str,
    dtype: Any,
    bits_of_mode: int,
    mxcsr: Any,
    isa: str,
) -> None:
    x = edge_values(dtype)
    x = np.concatenate([x[np.isfinite(x)] if name in ROWS else x, np.linspace(-110, -80, 50).astype(dtype)])
    expected = fastinit.activate(x, name).tobytes()
    out = np.empty_like(x)
    with mode(mxcsr, bits_of_mode):
        fastinit.activate(x, name, out)
    assert out.tobytes() == expected


# ---- to the ulp ----


def accuracy_points(dtype: Any, count: int) -> np.ndarray:
    rng = np.random.default_rng(7)
    reach = 110 if dtype is np.float32 else 760
    third = count // 3
    small = np.exp(rng.uniform(math.log(float(np.finfo(dtype).tiny)) - 5, 4, third)) * rng.choice([-1, 1], third)
    x = [rng.normal(size=third) * 4, rng.uniform(-reach, reach, count - 2 * third), small]
    with np.errstate(under="ignore"):
        return np.concatenate(x).astype(dtype)


def check_accuracy(name: str, dtype: Any, count: int, again: int) -> None:
    """Against float64, or longdouble, and the worst points against mpmath."""
    truth = tool()
    x = accuracy_points(dtype, count)
    y = fastinit.activate(x, name)
    bound = BOUNDS[name][dtype is np.float64]
    wide: Any = np.float64 if dtype is np.float32 else np.longdouble
    if (name == "gelu" and dtype is np.float64) or np.finfo(wide).nmant < np.finfo(dtype).nmant + 10:
        worst = np.arange(len(x))[:: max(1, len(x) // (20 * again))]  # mpmath is all there is
    else:
        with np.errstate(all="ignore"):
            errors = truth.ulp_errors(y, truth.TRUTH[name](x.astype(wide)))
        errors[np.isnan(errors)] = np.inf
        assert errors.max() <= bound + 0.01, (errors.max(), x[errors.argmax()])
        worst = np.argsort(errors)[-again:]
    for i in worst:
        if np.isfinite(y[i]):
            assert truth.exact_error(name, x[i], y[i]) <= bound, x[i]
        else:
            assert mp.mpf(float(np.finfo(dtype).max)) < truth.EXACT[name](mp.mpf(float(x[i])))


EXACT_NAMES = [name for name in VALUES if name not in ("linear", "leaky_relu")]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXACT_NAMES)
def test_errors(name: str, dtype: Any) -> None:
    check_accuracy(name, dtype, 30_000, 30)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXACT_NAMES)
def test_errors_of_a_million_points(name: str, dtype: Any) -> None:
    check_accuracy(name, dtype, 1_000_000, 1000)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beta", [0.1, 3.0, 1e30, 1e-30])
def test_errors_of_softplus_with_beta(beta: float, dtype: Any) -> None:
    truth, rounded = tool(), float(dtype(beta))
    with np.errstate(over="ignore"):
        x = (accuracy_points(dtype, 300) / dtype(beta)).astype(dtype)
    x = x[np.isfinite(x)]
    with mp.workdps(60):
        for value, y in zip(x, fastinit.activate(x, ("softplus", beta)), strict=True):
            true = mp.log1p(mp.exp(mp.mpf(float(value)) * rounded)) / rounded
            truth.EXACT["softplus of beta"] = lambda _, true=true: true
            assert truth.exact_error("softplus of beta", value, y) <= BOUNDS["softplus"][dtype is np.float64], value


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("columns", [1, 2, 10, 1000])
def test_errors_of_rows(columns: int, name: str, dtype: Any) -> None:
    truth, rng = tool(), np.random.default_rng(columns)
    for scale in (1e-3, 1.0, 10.0, 100.0):
        x = (rng.normal(size=columns) * scale).astype(dtype)
        y = fastinit.activate(x, name)
        with mp.workdps(60):
            exact = [mp.mpf(float(value)) for value in x]
            most = max(exact)
            others = mp.fsum([mp.exp(value - most) for value in sorted(exact)[:-1]])
            for value, found in list(zip(exact, y, strict=True))[:200]:
                log = (value - most) - mp.log1p(others)
                truth.EXACT["row"] = lambda _, log=log: mp.exp(log) if name == "softmax" else log
                assert truth.exact_error("row", found, found) <= BOUNDS[name][dtype is np.float64]


def test_errors_of_long_rows_do_not_grow() -> None:
    x = np.full(1_000_000, 0.1)
    x[0] = 0.7
    y = fastinit.activate(x, "softmax")
    with mp.workdps(40):
        weight = mp.exp(mp.mpf(0.1) - mp.mpf(0.7))
        true = 1 / (1 + 999_999 * weight)
        assert abs(mp.mpf(y[0]) - true) <= 4 * mp.mpf(2) ** -53 * true
        assert abs(mp.mpf(y[1]) - true * weight) <= 4 * mp.mpf(2) ** -53 * true * weight


# ---- values that one can say ----


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values(dtype: Any, isa: str) -> None:
    def f(name: Any, *values: float) -> list[str]:
        """As text, so that zeros have signs."""
        return [str(float(y)) for y in fastinit.activate(np.array(values, dtype), name)]

    inf, tiny = math.inf, float(np.finfo(dtype).smallest_subnormal)
    for name in VALUES + ROWS:
        assert f(name, math.nan) == ["nan"], name
    assert f("relu", -0.0, 0.0, -1.0, inf, -inf, tiny) == ["0.0", "0.0", "0.0", "inf", "0.0", str(tiny)]
    assert f("relu6", -0.0, 7.0, inf, -inf, 5.5) == ["0.0", "6.0", "6.0", "0.0", "5.5"]
    assert f("leaky_relu", -0.0, 2.0, inf, -inf) == ["-0.0", "2.0", "inf", "-inf"]
    assert f(("leaky_relu", 0.5), -2.0, -tiny * 2) == ["-1.0", str(-tiny)]
    for name in ("elu", "selu", "tanh", "softsign", "silu", "gelu", "gelu_tanh", "mish", "hard_silu"):
        assert f(name, 0.0, -0.0) == ["0.0", "-0.0"], name
    for name in ("silu", "gelu", "gelu_tanh", "mish", "hard_silu"):
        assert f(name, -inf, inf) == ["-0.0", "inf"], name
    assert f("elu", -inf, inf, -1e-30) == ["-1.0", "inf", str(float(dtype(-1e-30)))]
    assert f(("elu", -2.0), -inf) == ["2.0"]
    assert f("tanh", -inf, inf, 50.0, tiny, -tiny) == ["-1.0", "1.0", "1.0", str(tiny), str(-tiny)]
    assert f("softsign", -inf, inf, float(np.finfo(dtype).max), 1.0) == ["-1.0", "1.0", "1.0", "0.5"]
    assert f("sigmoid", -inf, inf, 0.0, -0.0) == ["0.0", "1.0", "0.5", "0.5"]
    assert f("hard_sigmoid", -inf, inf, -3.0, 3.0, 0.0) == ["0.0", "1.0", "0.0", "1.0", "0.5"]
    assert f("softplus", -inf, inf) == ["0.0", "inf"]
    assert f(("softplus", 1e30), -1.0, 2.0) == ["0.0", "2.0"]
    assert f("exp", -inf, inf, 0.0, -0.0, 1000.0, -1000.0) == ["0.0", "inf", "1.0", "1.0", "inf", "0.0"]
    huge = float(np.finfo(dtype).max)
    for name in ("relu", "silu", "gelu", "gelu_tanh", "mish", "hard_silu", "elu", "softplus", "linear"):
        assert f(name, huge) == [str(huge)], name
    assert f("softmax", 3.0) == ["1.0"]
    assert f("softmax", 1.0, 1.0) == ["0.5", "0.5"]
    assert f("log_softmax", 3.0) == ["0.0"]
    assert f("log_softmax", 0.0, -inf) == ["0.0", "-inf"]
    assert f("softmax", huge, -huge) == ["1.0", "0.0"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_bounded_functions_keep_their_bounds(dtype: Any, isa: str) -> None:
    x = np.concatenate([np.linspace(-50, 50, 100_001), edge_values(dtype)]).astype(dtype)
    x = x[~np.isnan(x)]
    for name, low, high in (("tanh", -1, 1), ("sigmoid", 0, 1), ("softsign", -1, 1), ("hard_sigmoid", 0, 1)):
        y = fastinit.activate(x, name)
        assert (low <= y).all(), name
        assert (y <= high).all(), name


# ---- arguments ----

X = np.array([[-1.0, 2.0, 3.0], [0.5, -4.0, 1.0]], np.float32)


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (
            ([1.0], "relu"),
            TypeError,
            "`x` must be a NumPy array of float32, float64, float16 or bfloat16. Received: list",
        ),
        ((np.arange(3), "relu"), TypeError, r"`x` must be .* Received: dtype dtype\('int64'\)"),
        ((X.astype(object), "relu"), TypeError, "`x` must be a NumPy array of float32, float64, float16 or bfloat16"),
        ((X.astype(">f4"), "relu"), TypeError, "or bfloat16 in native byte order"),
        (
            (X, "rellu"),
            ValueError,
            "an activation must be one of linear, relu, .*geglu. Did you mean 'relu'. Received: 'rellu'",
        ),
        ((X, 3), TypeError, r"an activation must be a name, a \(name, parameter\) pair or .*. Received: 3"),
        ((X, ("relu",)), TypeError, r"an activation must be a name, a \(name, parameter\) pair or"),
        ((X, (3, 1.0)), TypeError, r"an activation must be a name, a \(name, parameter\) pair or"),
        ((X, ("tanh", 1.0)), ValueError, r"the activation tanh takes no parameter. Received: \('tanh', 1.0\)"),
        ((X, ("tanh", {"alpha": 1.0})), ValueError, "the activation tanh takes no parameter"),
        ((X, ("elu", {"alfa": 1})), ValueError, "the parameters of elu are alpha. Received: 'alfa'"),
        ((X, ("elu", math.inf)), ValueError, "`alpha` of elu must be finite. Received: alpha=inf"),
        ((X, ("elu", "1")), TypeError, "`alpha` must be a real number"),
        ((X, ("elu", True)), TypeError, "`alpha` must be a real number"),
        ((X, ("elu", 1e39)), ValueError, "every value must be finite in float32"),
        ((X, ("softplus", 0.0)), ValueError, "`beta` of softplus must be finite and > 0. Received: beta=0.0"),
        ((X, ("softplus", -1)), ValueError, "`beta` of softplus must be finite and > 0"),
        ((X, ("softplus", 1e-40)), ValueError, "`beta` of softplus must be at least 1.17549e-38 in float32"),
        ((X, ("celu", 0)), ValueError, "`alpha` of celu must be finite and > 0. Received: alpha=0"),
        ((X, ("relu", {"max_value": -1})), ValueError, "`max_value` of relu must be >= 0. Received: max_value=-1"),
        ((X, ("soft_shrink", math.inf)), ValueError, "`threshold` of soft_shrink must be finite and >= 0"),
        (
            (X, ("hard_tanh", math.nan)),
            ValueError,
            "`min_value` of hard_tanh must be a number. Received: min_value=nan",
        ),
        (
            (X, ("hard_tanh", {"min_value": 2})),
            ValueError,
            "`max_value` of hard_tanh must be at least `min_value`. Received: min_value=2.0, max_value=1.0",
        ),
        ((X, ("prelu", np.ones(2, np.float32))), ValueError, "have a value for each of the 3 columns. Received: shape"),
        ((X, ("prelu", np.ones(3))), TypeError, "`negative_slope` must have the dtype of `x`, float32"),
        ((X, ("prelu", np.ones((1, 3), np.float32))), ValueError, "must be a number or an array of one axis"),
        ((X, ("prelu", np.full(3, np.nan, np.float32))), ValueError, "`negative_slope` of prelu must be finite"),
        ((X, "glu"), ValueError, "glu must have an even number of columns, .* Received: 3"),
        ((np.ones(()), "softmax"), ValueError, "`x` must have at least one axis for softmax"),
        ((X, "relu", [1.0]), TypeError, "`out` must be a NumPy array"),
        ((X, "relu", np.empty((2, 3))), TypeError, "`out` must have dtype float32"),
        ((X, "relu", np.empty(6, np.float32)), ValueError, r"`out` must have shape \(2, 3\)"),
        ((X, "relu", np.empty((3, 2), np.float32).T), ValueError, "`out` must be C-contiguous"),
    ],
)
def test_wrong_arguments(arguments: Any, error: type, sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        fastinit.activate(*arguments)


def test_wrong_outputs_are_left_alone() -> None:
    memory = np.arange(20, dtype=np.float32)
    for x, out in (
        (memory[:10], memory[1:11]),
        (memory[1:11], memory[:10]),
        (memory[:10][::-1], memory[:10]),
        (memory[:20:2], memory[:10]),
        (memory[:9].reshape(3, 3).T, memory[:9].reshape(3, 3)),
    ):
        with pytest.raises(ValueError, match="`out` must be the memory of `x` or apart from it"):
            fastinit.activate(x, "exp", out)
    frozen = np.ones(3, np.float32)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="`out` must be writable"):
        fastinit.activate(frozen, "exp", frozen)
    with pytest.raises(ValueError, match="`threads` must be >= 1"):
        fastinit.activate(memory, "exp", memory, threads=0)
    assert np.array_equal(memory, np.arange(20))
    # Interleaved, but no element in common:
    fastinit.activate(memory[::2][:0], "exp", memory[:0])
    assert np.array_equal(fastinit.activate(memory[10:], "linear", memory[:10]), np.arange(10, 20))


def test_the_kernels_guard_memory() -> None:
    x, relu, softmax = np.ones((2, 3), np.float32), _activation.resolve("relu"), _activation.resolve("softmax")
    for wrong in (-1, len(NAMES)):
        with pytest.raises(ValueError, match="there is no activation of code"):
            _kernels.Function(wrong)
    with pytest.raises(ValueError, match="an activation has at most 3 parameters"):
        _kernels.Function(0, (1.0, 2.0, 3.0, 4.0))
    with pytest.raises(TypeError, match="must be an array of float32 or float64"):
        _kernels.Function(0, (), np.ones(3, np.float16))
    with pytest.raises(ValueError, match="must be 1-D and contiguous"):
        _kernels.Function(0, (), np.ones(6)[::2])
    read_only = x.copy()
    read_only.flags.writeable = False
    glu, prelu = _activation.resolve("glu"), _activation.resolve(("prelu", np.ones(2, np.float32)))
    for wrong_x, out, function in (
        (x.astype(np.float16), None, relu),
        ([1.0], None, relu),
        (x, np.ones(6, np.float32), relu),
        (x, np.ones((2, 3)), relu),
        (x, np.ones((3, 2), np.float32).T, relu),
        (x, np.zeros(25, np.uint8)[1:].view(np.float32).reshape(2, 3), relu),
        (x, read_only, relu),
        (x[::-1], x, relu),
        (np.ones((), np.float32), None, softmax),
        (x, None, glu),
        (x[:, :2], np.ones((2, 2), np.float32), glu),
        (x, None, prelu),
        (x[:, :2].astype(np.float64), None, prelu),
    ):
        assert _kernels.activate(wrong_x, function, out, 1) is None
    assert (x == 1).all()


def test_an_out_in_the_gaps_of_x_is_apart() -> None:
    memory = np.arange(-6, 6, dtype=np.float64)
    x, out = memory[::9], memory[3:5]
    assert fastinit.activate(x, "relu", out=out) is out
    assert np.array_equal(memory, [-6, -5, -4, 0, 3, -1, 0, 1, 2, 3, 4, 5])
    with pytest.raises(ValueError, match="`out` must be the memory of `x` or apart from it"):
        fastinit.activate(memory[::3], "relu", out=memory[2:6])


@pytest.mark.parametrize("name", ["tanh", "softmax"])
@pytest.mark.parametrize("shape", [(700, 301), (40, 70000), (3, 5, 20000)], ids=str)
def test_large_arrays_in_any_order(name: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    expected = fastinit.activate(x, name, threads=1)
    transposed = np.asfortranarray(x)
    odd = np.zeros(x.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(shape)
    odd[...] = x
    for threads in (1, 3):
        assert_same_bits(fastinit.activate(transposed, name, threads=threads), expected)
        assert_same_bits(fastinit.activate(odd, name, threads=threads), expected)
        assert_same_bits(fastinit.activate(x[..., ::-1], "relu", threads=threads), np.maximum(x, 0)[..., ::-1] + 0)


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="this NumPy has no more than 32 axes")
def test_more_than_32_axes() -> None:
    x = np.linspace(-1, 1, 24).reshape(2, *(1,) * 38, 3, 4)
    for given_x in (x, x.swapaxes(0, -1)):
        for name in ("relu", "softmax"):
            expected = fastinit.activate(given_x.reshape(-1, given_x.shape[-1]), name).reshape(given_x.shape)
            out = np.zeros(given_x.shape)
            assert fastinit.activate(given_x, name, out=out) is out
            assert_same_bits(out, expected)
            assert_same_bits(fastinit.activate(given_x, name), expected)
    expected = np.maximum(x, 0)
    assert fastinit.activate(x, "relu", out=x) is x
    assert_same_bits(x, expected)
    with pytest.raises(ValueError, match="must be the memory of `x` or apart"):
        fastinit.activate(
            x.reshape(-1)[:12].reshape((1,) * 39 + (12,))[..., ::-1],
            "relu",
            out=x.reshape(-1)[:12].reshape((1,) * 39 + (12,)),
        )


def test_names_are_resolved() -> None:
    assert _activation.resolve(None) is _activation.resolve("linear") is _activation.resolve("identity")
    assert _activation.resolve("silu") is _activation.resolve("swish")
    assert _activation.described(None) == ("linear", [])
    assert _activation.described("leaky_relu") == ("leaky_relu", [0.01])
    assert _activation.described(("elu", np.float32(2))) == ("elu", [2.0])
    assert _activation.described(("gelu", None)) == ("gelu", [])
    assert _activation.described(
        (
            "swish",
            {
                "beta": 2,
            },
        )
    ) == ("silu", [2.0])
    assert _activation.described(("relu", {"threshold": 1})) == ("relu", [0.0, math.inf, 1.0])
    assert np.array_equal(fastinit.activate(X, None), X)
    assert {*oracle_forward.VALUES, *oracle_forward.ROWS, *oracle_forward.HALVES} == set(NAMES)


@settings(max_examples=200)
@given(st.data())
def test_any_shape_and_strides(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(0, 6), max_size=4)))
    name = data.draw(st.sampled_from(VALUES if shape == () else VALUES + ROWS))
    dtype = data.draw(st.sampled_from(DTYPES))
    steps = [data.draw(st.sampled_from([1, 2, -1, -3])) for _ in shape]
    sizes = [n * abs(step) for n, step in zip(shape, steps, strict=True)]
    x = np.array(np.random.default_rng(3).normal(size=sizes)).astype(dtype)
    x = x[(..., *[slice(None, None, step) for step in steps])]
    x = x.transpose(data.draw(st.permutations(range(x.ndim))))
    found = fastinit.activate(x, name)
    assert found.flags.c_contiguous
    assert_same_bits(found, oracle_forward.activate(np.ascontiguousarray(x).reshape(x.shape), name), x)


def test_subclasses_and_misaligned_memory() -> None:
    raw = np.zeros(4 * 7 + 1, np.uint8)
    x = raw[1:].view(np.float32)
    x[...] = np.arange(-3, 4)
    assert np.array_equal(fastinit.activate(x, "relu"), np.maximum(np.arange(-3, 4), 0))
    assert type(fastinit.activate(np.ma.masked_array(X), "relu")) is np.ndarray


# ---- the operators of ONNX ----

ONNX = {
    "relu": "relu", "elu": "elu", "selu": "selu", "gelu": "gelu", "sigmoid": "sigmoid", "hardswish": "hard_silu",
    "tanh": "tanh", "softplus": "softplus", "softsign": "softsign", "mish": "mish", "exp": "exp",
    "softmax": "softmax", "logsoftmax": "log_softmax", "leakyrelu": "leaky_relu", "swish": "silu",
    "celu": "celu", "hardsigmoid": "hard_sigmoid", "hardmax": "hardmax", "thresholdedrelu": "thresholded_relu",
    "prelu": "prelu", "shrink": "shrink",
}  # fmt: skip
# Parameters that ONNX has otherwise by default, and what it calls them.
ONNX_DEFAULTS = {"HardSigmoid": {"alpha": 0.2, "beta": 0.5}}
ONNX_ATTRIBUTES = {
    "LeakyRelu": {"alpha": "negative_slope"}, "Elu": {"alpha": "alpha"}, "Celu": {"alpha": "alpha"},
    "HardSigmoid": {"alpha": "alpha", "beta": "beta"}, "ThresholdedRelu": {"alpha": "threshold"},
    "Selu": {"alpha": "alpha", "gamma": "gamma"}, "Swish": {"alpha": "beta"},
}  # fmt: skip


def onnx_cases() -> list[Any]:
    """Each single-node case of these operators, (name, activation, inputs, outputs)."""
    pytest.importorskip("onnx")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases
        from onnx.helper import get_attribute_value

        found = []
        for case in collect_testcases(None):
            operator, *rest = case.name.removeprefix("test_").split("_")
            if operator not in ONNX or "expanded" in rest or case.model is None or len(case.model.graph.node) != 1:
                continue
            node = case.model.graph.node[0]
            attributes = {a.name: get_attribute_value(a) for a in node.attribute}
            name: Any = ONNX[operator]
            x = np.asarray(case.data_sets[0][0][0])
            if node.op_type == "Gelu" and attributes.pop("approximate", b"none") == b"tanh":
                name = "gelu_tanh"
            names = ONNX_ATTRIBUTES.get(node.op_type, {})
            given = {own: attributes.pop(theirs) for theirs, own in names.items() if theirs in attributes}
            given = ONNX_DEFAULTS.get(node.op_type, {}) | given
            axis = attributes.pop("axis", -1)
            if node.op_type == "PRelu":
                slopes = np.asarray(case.data_sets[0][0][1])
                if slopes.ndim > 1:
                    continue  # a slope for each element
                given = {"negative_slope": np.broadcast_to(slopes, x.shape[-1:]).copy()}
            if node.op_type == "Shrink":
                bias, name = attributes.pop("bias", 0.0), "soft_shrink" if attributes.get("bias") else "hard_shrink"
                given = {"threshold": attributes.pop("lambd")}
                name = "soft_shrink" if bias == given["threshold"] else "hard_shrink"
            assert not attributes, (case.name, attributes)
            found.append((case.name, (name, given) if given else name, axis, x, np.asarray(case.data_sets[0][1][0])))
        return found


def test_onnx_operators() -> None:
    cases = onnx_cases()
    names = {name[0] if isinstance(name, tuple) else name for _, name, _, _, _ in cases}
    assert {"relu", "gelu", "gelu_tanh", "sigmoid", "tanh", "softmax", "log_softmax", "mish", "leaky_relu"} <= names
    assert {"celu", "hard_sigmoid", "hardmax", "thresholded_relu", "prelu", "hard_shrink", "soft_shrink"} <= names
    for case, name, axis, x, y in cases:
        found = fastinit.activate(x, name, axis=axis)
        assert found.dtype == y.dtype, case
        np.testing.assert_allclose(found, y, rtol=1e-5 if x.dtype == np.float32 else 1e-12, atol=1e-7, err_msg=case)
