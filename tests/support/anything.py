"""Calls of the public API with arguments of every type, and what must hold of each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

import fastinit
from fastinit.forward._activation import PARAMETERS

# What a call may raise. MemoryError: a shape of 10**15 elements is a right one.
REFUSALS = (TypeError, ValueError, MemoryError)

SIZES = st.one_of(st.integers(0, 40), st.sampled_from([1, 2, 64, 65, 129]))
SHAPES = st.lists(SIZES, max_size=4).map(tuple).filter(lambda shape: np.prod(shape, dtype=float) < 1e5)
NUMBERS = st.one_of(st.floats(width=64), st.integers(-(2**70), 2**70), st.sampled_from([0, 0.0, -0.0, 1, 0.02, 5e-324]))
ODD = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    st.text(max_size=5),
    st.binary(max_size=5),
    st.complex_numbers(),
    st.decimals(),
    st.fractions(),
    st.sampled_from(
        [
            (), [], {}, set(), object(), int, len, Decimal("NaN"), Fraction(1, 3), np.float32(2), np.int8(-3),
            np.ones(3), np.ones((2, 2), "f4"), np.array(2.5), np.array("a"), np.ma.masked, slice(None), Ellipsis,
            np.datetime64("NaT"), 10**400, range(3), fastinit.Key(1), "he_normal", b"relu", "relu",
        ]
    ),
)  # fmt: skip
DTYPES = st.sampled_from(["float32", "float64", "float16", "bfloat16", np.float32, np.dtype("f8"), "complex64", None])
SEEDS = st.one_of(st.integers(0, 2**64 - 1), st.just(fastinit.Key(3)), st.none())
ARRAYS = st.builds(
    lambda shape, dtype, order, step: np.ones(shape, dtype, order)[..., ::step] if shape else np.ones(shape, dtype),
    SHAPES,
    st.sampled_from(["f4", "f8", "f2", "i4", "?", "c8", "O"]),
    st.sampled_from("CF"),
    st.sampled_from([1, 2, -1]),
)
FLOATS = st.builds(np.full, SHAPES, NUMBERS.filter(lambda x: abs(x) < 3e38).map(float), st.sampled_from(["f4", "f8"]))
ACTIVATIONS = st.one_of(
    st.sampled_from(sorted(PARAMETERS)),
    st.sampled_from([(name, {key: 0.5}) for name, of_name in PARAMETERS.items() for key in of_name]),
    st.tuples(st.sampled_from(["leaky_relu", "elu", "relu"]), NUMBERS),
)
# What an argument of a name usually is; any argument may also be anything.
USUAL: dict[str, st.SearchStrategy[Any]] = {
    "shape": st.one_of(SHAPES, SIZES),
    "dtype": DTYPES,
    "seed": SEEDS,
    "out": st.one_of(st.none(), ARRAYS),
    "index": st.one_of(st.none(), st.lists(st.slices(40), max_size=4).map(tuple), st.just((slice(None), slice(1, 3)))),
    "threads": st.one_of(st.none(), st.integers(-1, 3)),
    "in_axis": st.one_of(st.integers(-3, 3), st.lists(st.integers(-3, 3), max_size=2)),
    "out_axis": st.integers(-3, 3),
    "batch_axis": st.one_of(st.integers(-3, 3), st.lists(st.integers(-3, 3), max_size=2)),
    "mode": st.sampled_from(["fan_in", "fan_out", "fan_avg", "fan_geo_avg", "fan"]),
    "distribution": st.sampled_from(["uniform", "truncated_normal", "untruncated_normal", "normal"]),
    "bounds": st.sampled_from(["standard", "absolute", "std"]),
    "precise": st.booleans(),
    "transpose_weight": st.booleans(),
    "x": st.one_of(FLOATS, ARRAYS),
    "weight": ARRAYS,
    "bias": st.one_of(st.none(), ARRAYS),
    "activation": st.one_of(st.none(), ACTIVATIONS),
    "axis": st.one_of(st.just(-1), st.integers(-3, 3), st.lists(st.integers(-3, 3), max_size=3).map(tuple)),
    "antithetic": st.booleans(),
    "squares": st.booleans(),
    "sigma": st.floats(0, 10),
    "population": st.one_of(st.none(), st.integers(0, 9)),
    "value": st.one_of(NUMBERS, ARRAYS),
    "scale": st.floats(0, 1e6),
    "std": st.floats(0, 1e6),
    "low": st.floats(-10, 0),
    "high": st.floats(0, 10),
    "lower": st.floats(-40, 0),
    "upper": st.floats(0, 40),
    "sparsity": st.floats(0, 1),
    "groups": st.integers(1, 4),
    "column_axis": st.integers(-3, 3),
    "name": st.sampled_from(["he_normal", "HeNormal", "zeros", "none such"]),
}


def run_network(
    x: Any,
    weight: Any,
    bias: Any = None,
    activation: Any = None,
    *,
    transpose_weight: Any = False,
    out: Any = None,
    threads: Any = None,
) -> Any:
    """An MLP of one layer."""
    return fastinit.MLP([(weight, bias, activation)], transpose_weight=transpose_weight)(x, out=out, threads=threads)


def initialize_one(initializer: Any, shape: Any, dtype: Any = None, out: Any = None, seed: Any = 0) -> Any:
    return fastinit.initialize({"tensor": (initializer, shape, {"dtype": dtype, "out": out})}, seed=seed)["tensor"]


FUNCTIONS = {
    name: function
    for name in fastinit.__all__
    if inspect.isfunction(function := getattr(fastinit, name)) and name not in ("initialize", "propagate", "lsuv")
} | {"MLP": run_network, "initialize": initialize_one}
USUAL["initializer"] = st.sampled_from(
    sorted(name for name in FUNCTIONS if "shape" in inspect.signature(FUNCTIONS[name]).parameters)
)
# Their results may be what they are given: infinite, or NaN.
OF_ARRAYS = ("dense", "activate", "constant", "MLP", "perturb", "recombine")


@st.composite
def products(draw: Callable[[Any], Any]) -> dict[str, Any]:
    """Arrays that `dense` can multiply."""
    rows, depth, columns = draw(st.lists(SIZES, min_size=3, max_size=3))
    dtype, transposed = draw(st.sampled_from(["f4", "f8"])), draw(st.booleans())
    x = np.ones((*draw(st.sampled_from([(), (2,)])), rows, depth * 2), dtype)[..., :: draw(st.sampled_from([1, 2]))]
    weight = np.full((columns, depth) if transposed else (depth, columns), 0.5, dtype)
    bias = draw(st.sampled_from([None, np.ones(columns, dtype)]))
    return {"x": x[..., :depth], "weight": weight, "bias": bias, "transpose_weight": transposed}


@st.composite
def elements(draw: Callable[[Any], Any]) -> dict[str, Any]:
    """An array, an activation, and perhaps which of its elements take part."""
    x = draw(FLOATS)
    where = draw(st.sampled_from([None, np.ones(x.shape, bool), np.arange(x.size).reshape(x.shape) % 3 > 0]))
    return {"x": x, "name": draw(ACTIVATIONS)} | ({} if where is None else {"where": where})


@st.composite
def populations(draw: Callable[[Any], Any]) -> dict[str, Any]:
    """What `perturb` and `recombine` are about: parameters, and a weight for each member."""
    like = draw(FLOATS).ravel()
    return {"theta": like, "like": like, "weights": draw(st.lists(st.floats(-9, 9), max_size=9))}


# Arguments that belong together, of functions that take such.
TOGETHER = {
    "dense": products(),
    "MLP": products(),
    "activate": elements(),
    "perturb": populations(),
    "recombine": populations(),
}


@st.composite
def calls(draw: Callable[[Any], Any]) -> tuple[str, dict[str, Any]]:
    """The name of a public function and arguments for it, some of them missing."""
    name = draw(st.sampled_from(sorted(FUNCTIONS)))
    parameters = list(inspect.signature(FUNCTIONS[name]).parameters.values())
    together = draw(TOGETHER[name]) if name in TOGETHER else {}
    arguments: dict[str, Any] = {key: value for key, value in together.items() if key in {p.name for p in parameters}}
    for parameter in parameters:
        needed = parameter.default is parameter.empty
        if parameter.name not in arguments and (needed or draw(st.integers(0, 2)) == 0):
            arguments[parameter.name] = draw(USUAL.get(parameter.name, NUMBERS))
    if draw(st.booleans()):
        place_for_the_result(name, arguments)
    if arguments and draw(st.booleans()):
        arguments[draw(st.sampled_from(sorted(arguments)))] = draw(ODD)
    return name, arguments


def place_for_the_result(name: str, arguments: dict[str, Any]) -> None:
    """Give a call that has a result an `out` that fits it."""
    if "out" in inspect.signature(FUNCTIONS[name]).parameters:
        arguments.pop("out", None)
        with suppress(*REFUSALS):
            result = FUNCTIONS[name](**arguments)
            arguments["out"] = np.ones(result.shape, result.dtype)


def bytes_of(value: Any) -> bytes | None:
    return value.tobytes() if type(value) is np.ndarray and value.dtype != object else None


def check(name: str, arguments: dict[str, Any]) -> bool:
    """Call it. True if there was a result, False if it was refused; whatever else happens is an AssertionError."""
    function, out = FUNCTIONS[name], arguments.get("out")
    before = {key: bytes_of(value) for key, value in arguments.items()}
    try:
        result = function(**arguments)
    except REFUSALS as error:
        refusal: Exception | None = error
    else:
        refusal = None
    if refusal:
        assert str(refusal) or isinstance(refusal, MemoryError), f"{name}: refused without a word"
        for key, value in arguments.items():
            assert bytes_of(value) == before[key], f"{name}: refused {refusal!r}, but {key} was written to"
        return False
    for key, value in arguments.items():
        if value is not out:
            assert bytes_of(value) == before[key], f"{name}: {key} was written to"
    if isinstance(out, np.ndarray):
        assert result is out, f"{name}: not the out= that was given"
    if isinstance(result, np.ndarray):
        # The same again, on another number of threads: the same bits, unless the seed is fresh.
        drawn = "seed" in inspect.signature(function).parameters
        if not drawn or isinstance(arguments.get("seed"), (int, fastinit.Key)):
            first = result.tobytes()
            again = function(**{**arguments, "threads": 2} if "threads" in arguments else arguments)
            if not isinstance(out, np.ndarray) or not any(
                value is out for key, value in arguments.items() if key != "out"
            ):
                assert again.tobytes() == first, f"{name}: other bits at the second call"
        if name not in OF_ARRAYS and result.dtype.kind == "f":
            assert np.isfinite(result).all(), f"{name}: a value that is not finite"
    return True
