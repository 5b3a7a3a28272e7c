"""Every refused argument: the exact exception, its sentence, and that nothing is written."""

import sys
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import fastinit
from fastinit import _arguments
from fastinit.initializers._engine import registry

F32, F64, F16, BF16 = np.dtype("f4"), np.dtype("f8"), np.dtype("f2"), np.dtype(ml_dtypes.bfloat16)
NAN, INF = float("nan"), float("inf")

# The arguments, after the shape, that each initializer cannot do without.
REQUIRED: dict[str, dict[str, Any]] = {"constant": {"value": 1.5}, "sparse": {"sparsity": 0.5}}
PLAIN = ["zeros", "ones", "constant", "uniform", "normal", "truncated_normal"]
LAWS_AND_AUTHORS = [(who, law) for who in ("glorot", "he", "lecun") for law in ("uniform", "normal")]
FAN_SCALED = ["variance_scaling", *(f"{who}_{law}" for who, law in LAWS_AND_AUTHORS)]
SHAPED = {"identity": (4, 4), "dirac": (3, 4, 4), "sparse": (4, 4)}
EVERY = [*PLAIN, *FAN_SCALED, *SHAPED]

Row = tuple[str, Any, dict[str, Any], type[Exception], str]


def refused(name: str, shape: Any, arguments: dict[str, Any], kind: type[Exception], sentence: str) -> None:
    """The call raises exactly this, in one sentence that tells what came."""
    with pytest.raises(kind, match=sentence) as caught:
        fastinit.get(name)(shape, **{**REQUIRED.get(name, {}), **arguments})
    assert type(caught.value) is kind
    assert "Received: " in str(caught.value)
    assert "\n" not in str(caught.value)


def identify(value: Any) -> str | None:
    return value.__name__ if isinstance(value, type) else None


# ---- shapes ----

NOT_A_SHAPE = r"^`shape` must be an int or a sequence of ints\. Received: shape="
SHAPES = [
    (None, TypeError, NOT_A_SHAPE + "None$"),
    (True, TypeError, NOT_A_SHAPE + "True$"),
    (np.True_, TypeError, NOT_A_SHAPE),
    (3.0, TypeError, NOT_A_SHAPE + r"3\.0$"),
    (np.float32(3), TypeError, NOT_A_SHAPE),
    (3j, TypeError, NOT_A_SHAPE),
    ("33", TypeError, NOT_A_SHAPE + "'33'$"),
    (b"33", TypeError, NOT_A_SHAPE + "b'33'$"),
    (object, TypeError, NOT_A_SHAPE),
    ((3, True), TypeError, NOT_A_SHAPE + r"\(3, True\)$"),
    ((np.False_, 3), TypeError, NOT_A_SHAPE),
    ((3, 4.0), TypeError, NOT_A_SHAPE + r"\(3, 4\.0\)$"),
    ([3, np.float64(4)], TypeError, NOT_A_SHAPE),
    ((3, "4"), TypeError, NOT_A_SHAPE + r"\(3, '4'\)$"),
    ((3, None), TypeError, NOT_A_SHAPE + r"\(3, None\)$"),
    ((3, (4, 5)), TypeError, NOT_A_SHAPE + r"\(3, \(4, 5\)\)$"),
    (np.array([3.0, 4.0]), TypeError, NOT_A_SHAPE),
    (np.array([[3, 4]]), TypeError, NOT_A_SHAPE),
    (-1, ValueError, r"^`shape` must hold no negative size\. Received: shape=-1$"),
    (np.int64(-1), ValueError, r"^`shape` must hold no negative size\. Received: shape="),
    ((3, -4), ValueError, r"^`shape` must hold no negative size\. Received: shape=\(3, -4\)$"),
    ((0, -1), ValueError, r"^`shape` must hold no negative size\. Received: shape=\(0, -1\)$"),
    ([1] * 33, ValueError, r"^`shape` must have at most 32 axes\. Received: 33 axes$"),
]


@pytest.mark.parametrize("name", ["zeros", "constant", "normal", "he_normal", "identity"])
@pytest.mark.parametrize(("shape", "kind", "sentence"), SHAPES, ids=identify)
def test_refused_shapes(name: str, shape: Any, kind: type[Exception], sentence: str) -> None:
    refused(name, shape, {}, kind, sentence)


@pytest.mark.parametrize("shape", [{3, 4}, {3: 4}, iter((3, 4)), np.array(3)], ids=["set", "dict", "iterator", "0-D"])
def test_shapes_that_are_no_sequence_are_refused(shape: Any) -> None:
    refused("zeros", shape, {}, TypeError, NOT_A_SHAPE)


TOO_BIG = [
    ((2**61,), "f4"),
    ((2**31, 2**30), "f4"),
    ((2**60,), "f8"),
    ((2**62,), "f2"),
    ((2**62,), "bfloat16"),
    (2**63, "f2"),
    (2**64, "f2"),
    (10**40, "f4"),
    ((2**32, 2**32), "f4"),
    ((2**40, 2**40), "f4"),
    ((2**62, 0), "f2"),
    ((2**40, 2**40, 0), "f2"),
]


@pytest.mark.parametrize(("shape", "dtype"), TOO_BIG)
@pytest.mark.parametrize("name", ["zeros", "normal", "he_uniform"])
def test_two_to_the_63_bytes_are_refused(name: str, shape: Any, dtype: str) -> None:
    sentence = r"^`shape` must describe fewer than 2\*\*63 bytes\. Received: shape=.*, dtype="
    refused(name, shape, {"dtype": dtype}, ValueError, sentence)
    # With `index`, too: positions in the full tensor must be representable.
    index = tuple(slice(0, 0) for _ in (shape if isinstance(shape, tuple) else (shape,)))
    refused(name, shape, {"dtype": dtype, "index": index}, ValueError, sentence)


def test_just_less_than_two_to_the_63_bytes_is_allowed() -> None:
    last = 2**61 - 1
    assert fastinit.normal(last, seed=0, index=(slice(last - 3, last),)).shape == (3,)
    assert fastinit.normal(2**62 - 1, seed=0, dtype="f2", index=(slice(-1, None),)).shape == (1,)


def test_memory_that_is_not_there_is_a_memory_error() -> None:
    with pytest.raises(MemoryError):
        fastinit.normal((2**30, 2**28), seed=0)


# ---- the keyword arguments of every initializer ----

DTYPE = r"^`dtype` must be float32, float64, float16 or bfloat16"
LIKE = (4, 4)
READ_ONLY = np.zeros(LIKE, F32)
READ_ONLY.flags.writeable = False
BYTES = np.zeros(4 * 16 + 1, np.uint8)
COMMON: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"dtype": "int32"}, TypeError, DTYPE + r" in native byte order\. Received: dtype\('int32'\)$"),
    ({"dtype": int}, TypeError, DTYPE),
    ({"dtype": bool}, TypeError, DTYPE),
    ({"dtype": np.complex64}, TypeError, DTYPE + r" in native byte order\. Received: dtype\('complex64'\)$"),
    ({"dtype": "c16"}, TypeError, DTYPE),
    ({"dtype": np.longdouble}, TypeError, DTYPE),
    ({"dtype": object}, TypeError, DTYPE),
    ({"dtype": "S4"}, TypeError, DTYPE),
    ({"dtype": "M8[s]"}, TypeError, DTYPE),
    ({"dtype": "f4,f4"}, TypeError, DTYPE),
    ({"dtype": np.dtype(("f4", (2,)))}, TypeError, DTYPE),
    ({"dtype": "float33"}, TypeError, DTYPE + r"\. Did you mean 'float32'\? Received: 'float33'$"),
    ({"dtype": "torch.float32"}, TypeError, DTYPE),
    ({"dtype": 32}, TypeError, DTYPE + r"\. Received: 32$"),
    ({"dtype": [1]}, TypeError, DTYPE + r"\. Received: \[1\]$"),
    ({"dtype": ["f4", "f8"]}, TypeError, DTYPE + r"\. Received: \['f4', 'f8'\]$"),
    ({"dtype": ["float32"]}, TypeError, DTYPE),
    ({"dtype": {}}, TypeError, DTYPE),
    ({"dtype": F32.newbyteorder()}, TypeError, DTYPE + r" in native byte order\. Received: dtype\('.f4'\)$"),
    ({"dtype": ml_dtypes.float8_e4m3fn}, TypeError, DTYPE),
    ({"threads": 0}, ValueError, r"^`threads` must be >= 1\. Received: threads=0$"),
    ({"threads": -1}, ValueError, r"^`threads` must be >= 1\. Received: threads=-1$"),
    ({"threads": True}, TypeError, r"^`threads` must be None or an int\. Received: threads=True$"),
    ({"threads": 1.5}, TypeError, r"^`threads` must be None or an int\. Received: threads=1\.5$"),
    ({"threads": 1.0}, TypeError, r"^`threads` must be None or an int\. Received: threads=1\.0$"),
    ({"threads": "2"}, TypeError, r"^`threads` must be None or an int\. Received: threads='2'$"),
    ({"out": READ_ONLY}, ValueError, r"^`out` must be writable\. Received: a read-only array$"),
    ({"out": np.broadcast_to(np.zeros((), F32), LIKE)}, ValueError, r"^`out` must be .*\. Received: "),
    ({"out": np.zeros(LIKE, F64), "dtype": F32}, TypeError, r"^`out` must have dtype float32\. Received: "),
    ({"out": np.zeros(LIKE, F32), "dtype": F64}, TypeError, r"^`out` must have dtype float64\. Received: "),
    ({"out": np.zeros(LIKE, F16), "dtype": "bfloat16"}, TypeError, r"^`out` must have dtype bfloat16\. Received: "),
    ({"out": np.zeros(LIKE, BF16), "dtype": F16}, TypeError, r"^`out` must have dtype float16\. Received: "),
    ({"out": np.zeros(LIKE, np.uint16), "dtype": BF16}, TypeError, r"^`out` must have dtype bfloat16\. Received: "),
    ({"out": np.zeros(LIKE, np.int32)}, TypeError, r"^`out.dtype` must be float32.*\. Received: dtype\('int32'\)$"),
    (
        {"out": np.zeros(LIKE, ">f4"), "dtype": F32},
        TypeError,
        r"^`out` must have dtype float32\. Received: dtype\('>f4",
    ),
    ({"out": np.zeros(LIKE, ">f4")}, TypeError, r"^`out.dtype` must be .* in native byte order\. Received: .*>f4"),
    ({"out": np.zeros((4, 5), F32)}, ValueError, r"^`out` must have shape \(4, 4\)\. Received: \(4, 5\)$"),
    ({"out": np.zeros((1, 4, 4), F32)}, ValueError, r"^`out` must have shape \(4, 4\)\. Received: \(1, 4, 4\)$"),
    ({"out": np.zeros(16, F32)}, ValueError, r"^`out` must have shape \(4, 4\)\. Received: \(16,\)$"),
    ({"out": np.zeros((), F32)}, ValueError, r"^`out` must have shape \(4, 4\)\. Received: \(\)$"),
    ({"out": np.zeros((8, 4), F32)[::2]}, ValueError, r"^`out` must be C-contiguous\. Received: strides \(32, 4\)$"),
    ({"out": np.zeros((4, 8), F32)[:, ::2]}, ValueError, r"^`out` must be C-contiguous\. Received: strides \(32, 8\)$"),
    ({"out": np.zeros(LIKE, F32)[::-1]}, ValueError, r"^`out` must be C-contiguous\. Received: strides \(-16, 4\)$"),
    ({"out": np.zeros(LIKE, F32).T}, ValueError, r"^`out` must be C-contiguous\. Received: strides \(4, 16\)$"),
    (
        {"out": np.zeros(LIKE, F32, order="F")},
        ValueError,
        r"^`out` must be C-contiguous\. Received: strides \(4, 16\)$",
    ),
    (
        {"out": BYTES[1:].view(F32).reshape(LIKE)},
        ValueError,
        r"^`out` must be aligned .*\. Received: an unaligned array$",
    ),
    ({"out": [[0.0] * 4] * 4, "dtype": F32}, TypeError, r"^`out` must be a NumPy array\. Received: list$"),
    ({"out": bytearray(64), "dtype": F32}, TypeError, r"^`out` must be a NumPy array\. Received: bytearray$"),
    ({"out": np.float32(1)}, TypeError, r"^`out` must be a NumPy array\. Received: float32$"),
    (
        {"out": np.zeros(LIKE, F32), "index": (slice(2), slice(2))},
        ValueError,
        r"`out` must have shape \(2, 2\)\. Received",
    ),
    ({"index": slice(2)}, TypeError, r"^`index` must be a tuple of slices\. Received: index=slice"),
    ({"index": [slice(2), slice(2)]}, TypeError, r"^`index` must be a tuple of slices\. Received: index=\[slice"),
    ({"index": 1}, TypeError, r"^`index` must be a tuple of slices\. Received: index=1$"),
    ({"index": (1, 2)}, TypeError, r"^`index` must be a tuple of slices\. Received: index=\(1, 2\)$"),
    ({"index": (slice(2), 1)}, TypeError, r"^`index` must be a tuple of slices\. Received: "),
    ({"index": (..., slice(2))}, TypeError, r"^`index` must be a tuple of slices\. Received: "),
    ({"index": (None, slice(2))}, TypeError, r"^`index` must be a tuple of slices\. Received: "),
    ({"index": ()}, ValueError, r"^`index` must hold one slice for each of 2 axes\. Received: index=\(\)$"),
    ({"index": (slice(2),)}, ValueError, r"^`index` must hold one slice for each of 2 axes\. Received: "),
    ({"index": (slice(2),) * 3}, ValueError, r"^`index` must hold one slice for each of 2 axes\. Received: "),
]
COMMON += [
    ({"index": pair}, kind, sentence)
    for part, kind, sentence in [
        (
            slice(0, 5),
            ValueError,
            r"^`index` must lie inside the shape: 0 <= start <= stop <= 4 on axis \d\. Received: ",
        ),
        (slice(5, 5), ValueError, r"^`index` must lie inside the shape: .*\. Received: slice\(5, 5, None\)$"),
        (slice(5, None), ValueError, r"^`index` must lie inside the shape: .*\. Received: slice\(5, None, None\)$"),
        (slice(-5, None), ValueError, r"^`index` must lie inside the shape: .*\. Received: slice\(-5, None, None\)$"),
        (slice(None, -5), ValueError, r"^`index` must lie inside the shape: .*\. Received: slice\(None, -5, None\)$"),
        (slice(3, 2), ValueError, r"^`index` must lie inside the shape: .*\. Received: slice\(3, 2, None\)$"),
        (slice(-1, -2), ValueError, r"^`index` must lie inside the shape: .*\. Received: slice\(-1, -2, None\)$"),
        (slice(0, 2**64), ValueError, r"^`index` must lie inside the shape: .*\. Received: "),
        (slice(-(2**64), 2), ValueError, r"^`index` must lie inside the shape: .*\. Received: "),
        (slice(0, 4, 2), ValueError, r"^`index` must have step 1\. Received: slice\(0, 4, 2\) on axis \d$"),
        (
            slice(None, None, -1),
            ValueError,
            r"^`index` must have step 1\. Received: slice\(None, None, -1\) on axis \d$",
        ),
        (slice(0, 4, 0), ValueError, r"^`index` must have step 1\. Received: slice\(0, 4, 0\) on axis \d$"),
        (slice(0, 4, True), ValueError, r"^`index` must have step 1\. Received: slice\(0, 4, True\) on axis \d$"),
        (slice(0, 4, 1.0), ValueError, r"^`index` must have step 1\. Received: slice\(0, 4, 1\.0\) on axis \d$"),
        (slice(False, 2), TypeError, r"^`index` must hold slices of ints\. Received: slice\(False, 2, None\)$"),
        (slice(0, True), TypeError, r"^`index` must hold slices of ints\. Received: slice\(0, True, None\)$"),
        (slice(0, np.True_), TypeError, r"^`index` must hold slices of ints\. Received: "),
        (slice(0.0, 2), TypeError, r"^`index` must hold slices of ints\. Received: slice\(0\.0, 2, None\)$"),
        (slice("0", 2), TypeError, r"^`index` must hold slices of ints\. Received: slice\('0', 2, None\)$"),
    ]
    for pair in ((part, slice(None)), (slice(None), part))
]


@pytest.mark.parametrize("name", ["zeros", "constant", "identity", "uniform", "he_normal", "sparse"])
@pytest.mark.parametrize(("arguments", "kind", "sentence"), COMMON)
def test_refused_keywords(name: str, arguments: dict[str, Any], kind: type[Exception], sentence: str) -> None:
    refused(name, LIKE, arguments, kind, sentence)


@pytest.mark.parametrize("out", [[[0.0] * 4] * 4, bytearray(64), "out", 1], ids=["list", "bytearray", "str", "int"])
def test_an_out_that_is_no_array_is_told_so_without_a_dtype_too(out: Any) -> None:
    refused("normal", LIKE, {"out": out}, TypeError, r"^`out` must be a NumPy array\. Received: ")


@pytest.mark.parametrize("dtype", [",", "f4,,", ("f4", -1)])
def test_dtypes_that_numpy_refuses_in_its_own_way(dtype: Any) -> None:
    refused("normal", LIKE, {"dtype": dtype}, TypeError, DTYPE + r".*[.?] Received: ")


@pytest.mark.parametrize("index", [(slice(0, 1),), (slice(None),) * 2])
def test_a_scalar_has_an_index_of_no_slice(index: Any) -> None:
    refused("normal", (), {"index": index}, ValueError, r"^`index` must hold one slice for each of 0 axes\. Received: ")


# ---- the arguments of single initializers ----

STD = r"^`std` must be finite and >= 0\. Received: std="
FINITE = r"^every value must be finite in {}, at most {}\. Received: "
F16_FITS, F32_FITS = FINITE.format("float16", "65504"), FINITE.format("float32", r"3\.40282e\+38")
F64_FITS, BF16_FITS = FINITE.format("float64", r"1\.79769e\+308"), FINITE.format("bfloat16", r"3\.38953e\+38")
BOUNDS = r"^`lower` must be <= `upper`, and neither NaN\. Received: lower="


def numbers(call: str, argument: str, **others: Any) -> list[Row]:
    """What no real argument may be."""
    shape = SHAPED.get(call, (4, 4))
    real = rf"^`{argument}` must be a real number\. Received: {argument}="
    rows: list[Row] = []
    for bad in (True, np.False_, "1", b"1", None, 1j, [1.0], (1.0,), np.array([1.0]), {}, object):
        rows.append((call, shape, {argument: bad, **others}, TypeError, real))
    for bad in (NAN, np.float32("nan"), INF if argument not in ("lower", "upper") else NAN, 10**400):
        rows.append((call, shape, {argument: bad, **others}, ValueError, r"\. Received: "))
    return rows


SINGLE: list[Row] = [
    *numbers("identity", "gain"),
    *numbers("uniform", "low"),
    *numbers("uniform", "high"),
    *numbers("normal", "mean"),
    *numbers("normal", "std"),
    *numbers("truncated_normal", "mean"),
    *numbers("truncated_normal", "std"),
    *numbers("truncated_normal", "lower"),
    *numbers("truncated_normal", "upper"),
    *numbers("variance_scaling", "scale"),
    *numbers("sparse", "sparsity"),
    *numbers("sparse", "std"),
    # identity
    (
        "identity",
        (),
        {},
        ValueError,
        r"^`shape` must have at least two axes, \(\.\.\., rows, columns\)\. Received: shape=\(\)",
    ),
    ("identity", 4, {}, ValueError, r"^`shape` must have at least two axes, .*\. Received: shape=\(4,\)$"),
    ("identity", (4, 4), {"gain": INF}, ValueError, r"^`gain` must be finite\. Received: gain=inf$"),
    ("identity", (4, 4), {"gain": 65505.0, "dtype": F16}, ValueError, F16_FITS + r"gain=65505\.0$"),
    ("identity", (4, 4), {"gain": -1e39}, ValueError, F32_FITS + r"gain=-1e\+39$"),
    # dirac
    (
        "dirac",
        (4, 4),
        {},
        ValueError,
        r"^`shape` must be that of a 1-D to 3-D convolution, .*\. Received: shape=\(4, 4\)$",
    ),
    ("dirac", 4, {}, ValueError, r"^`shape` must be that of a 1-D to 3-D convolution, .*\. Received: shape=\(4,\)$"),
    (
        "dirac",
        (1,) * 6,
        {},
        ValueError,
        r"^`shape` must be that of a 1-D to 3-D .*\. Received: shape=\(1, 1, 1, 1, 1, 1\)$",
    ),
    (
        "dirac",
        (3, 4, 4),
        {"groups": 3},
        ValueError,
        r"^`groups` must divide the number of outputs, 4\. Received: groups=3$",
    ),
    (
        "dirac",
        (3, 4, 4),
        {"groups": 8},
        ValueError,
        r"^`groups` must divide the number of outputs, 4\. Received: groups=8$",
    ),
    ("dirac", (3, 4, 4), {"groups": 0}, ValueError, r"^`groups` must be >= 1\. Received: groups=0$"),
    ("dirac", (3, 4, 4), {"groups": -2}, ValueError, r"^`groups` must be >= 1\. Received: groups=-2$"),
    ("dirac", (3, 4, 4), {"groups": 2.0}, TypeError, r"^`groups` must be an int\. Received: groups=2\.0$"),
    ("dirac", (3, 4, 4), {"groups": True}, TypeError, r"^`groups` must be an int\. Received: groups=True$"),
    ("dirac", (3, 4, 4), {"groups": None}, TypeError, r"^`groups` must be an int\. Received: groups=None$"),
    # constant
    (
        "constant",
        LIKE,
        {"value": True},
        TypeError,
        r"^`value` must be a real number or an array of them\. Received: value=",
    ),
    ("constant", LIKE, {"value": "1"}, TypeError, r"^`value` must be a real number or .*\. Received: value='1'$"),
    ("constant", LIKE, {"value": None}, TypeError, r"^`value` must be a real number or .*\. Received: value=None$"),
    ("constant", LIKE, {"value": 1j}, TypeError, r"^`value` must be a real number or .*\. Received: value=1j$"),
    ("constant", LIKE, {"value": [True] * 4}, TypeError, r"^`value` must be a real number or .*\. Received: value="),
    (
        "constant",
        LIKE,
        {"value": np.array(0, "m8[s]")},
        TypeError,
        r"^`value` must be a real number .*\. Received: value=",
    ),
    (
        "constant",
        LIKE,
        {"value": [1.0, 2.0]},
        ValueError,
        r"^`value` must broadcast to shape \(4, 4\)\. Received: .*\(2,\)$",
    ),
    (
        "constant",
        LIKE,
        {"value": np.ones((1, 4, 4))},
        ValueError,
        r"^`value` must broadcast to .*\. Received: .*\(1, 4, 4\)$",
    ),
    ("constant", LIKE, {"value": 65505.0, "dtype": F16}, ValueError, F16_FITS + r"value=65505\.0$"),
    ("constant", LIKE, {"value": [1.0, 2, 3, -1e5], "dtype": F16}, ValueError, F16_FITS),
    ("constant", LIKE, {"value": 1e39}, ValueError, F32_FITS + r"value=1e\+39$"),
    ("constant", LIKE, {"value": 3.4e38, "dtype": "bfloat16"}, ValueError, BF16_FITS),
    # uniform
    (
        "uniform",
        LIKE,
        {"low": 1.0, "high": 0.5},
        ValueError,
        r"^`low` must be <= `high`\. Received: low=1\.0, high=0\.5$",
    ),
    ("uniform", LIKE, {"low": 1.0}, ValueError, r"^`low` must be <= `high`\. Received: low=1\.0, high=0\.05$"),
    ("uniform", LIKE, {"low": -INF}, ValueError, r"^`low` must be finite\. Received: low=-inf$"),
    ("uniform", LIKE, {"high": INF}, ValueError, r"^`high` must be finite\. Received: high=inf$"),
    ("uniform", LIKE, {"high": NAN}, ValueError, r"^`high` must be finite\. Received: high=nan$"),
    ("uniform", LIKE, {"high": 65505.0, "dtype": F16}, ValueError, F16_FITS + r"low=-0\.05, high=65505\.0$"),
    ("uniform", LIKE, {"low": -1e5, "high": 0, "dtype": F16}, ValueError, F16_FITS + r"low=-100000\.0, high=0$"),
    ("uniform", LIKE, {"high": 3.4e38, "dtype": "bfloat16"}, ValueError, BF16_FITS),
    ("uniform", LIKE, {"high": 1e39}, ValueError, F32_FITS),
    # normal and truncated_normal
    ("normal", LIKE, {"std": -1.0}, ValueError, STD + r"-1\.0$"),
    ("normal", LIKE, {"std": -5e-324}, ValueError, STD + "-5e-324$"),
    ("normal", LIKE, {"std": NAN}, ValueError, STD + "nan$"),
    ("normal", LIKE, {"std": INF}, ValueError, STD + "inf$"),
    ("normal", LIKE, {"std": np.float32("inf")}, ValueError, STD + "inf$"),
    ("normal", LIKE, {"std": "0.02"}, TypeError, r"^`std` must be a real number\. Received: std='0\.02'$"),
    ("normal", LIKE, {"std": True}, TypeError, r"^`std` must be a real number\. Received: std=True$"),
    ("normal", LIKE, {"mean": -INF}, ValueError, r"^`mean` must be finite\. Received: mean=-inf$"),
    ("normal", LIKE, {"mean": NAN}, ValueError, r"^`mean` must be finite\. Received: mean=nan$"),
    ("normal", LIKE, {"std": 65504 / 6.33, "dtype": F16}, ValueError, F16_FITS + r"mean=0\.0, std="),
    ("normal", LIKE, {"mean": -65504.0, "std": 1.0, "dtype": F16}, ValueError, F16_FITS + r"mean=-65504\.0, std=1\.0"),
    ("normal", LIKE, {"std": 6e37}, ValueError, F32_FITS),
    ("normal", LIKE, {"std": 5.36e37, "dtype": "bfloat16"}, ValueError, BF16_FITS),
    ("normal", LIKE, {"std": 2.3e307, "dtype": F64}, ValueError, F64_FITS),
    ("truncated_normal", LIKE, {"std": -1.0}, ValueError, STD + r"-1\.0$"),
    ("truncated_normal", LIKE, {"lower": 1.0, "upper": -1.0}, ValueError, BOUNDS + r"1\.0, upper=-1\.0$"),
    ("truncated_normal", LIKE, {"lower": 3.0}, ValueError, BOUNDS + r"3\.0, upper=2\.0$"),
    ("truncated_normal", LIKE, {"lower": NAN}, ValueError, BOUNDS + r"nan, upper=2\.0$"),
    ("truncated_normal", LIKE, {"upper": NAN}, ValueError, BOUNDS + r"-2\.0, upper=nan$"),
    ("truncated_normal", LIKE, {"lower": INF, "upper": INF}, ValueError, BOUNDS + "inf, upper=inf$"),
    ("truncated_normal", LIKE, {"lower": -INF, "upper": -INF}, ValueError, BOUNDS + "-inf, upper=-inf$"),
    ("truncated_normal", LIKE, {"lower": INF, "upper": -INF}, ValueError, BOUNDS + "inf, upper=-inf$"),
    ("truncated_normal", LIKE, {"lower": "a"}, TypeError, r"^`lower` must be a real number\. Received: lower='a'$"),
    ("truncated_normal", LIKE, {"std": 33000.0, "dtype": F16}, ValueError, F16_FITS + r".*lower=-2\.0, upper=2\.0$"),
    ("truncated_normal", LIKE, {"mean": 65504.0, "dtype": F16}, ValueError, F16_FITS),
    ("truncated_normal", LIKE, {"std": 1.8e38}, ValueError, F32_FITS),
    ("truncated_normal", LIKE, {"std": 1e308, "dtype": F64}, ValueError, F64_FITS),
    ("truncated_normal", LIKE, {"std": 1e308, "upper": 1e308, "dtype": F64}, ValueError, F64_FITS),
    ("truncated_normal", LIKE, {"std": 1.0, "lower": 1e39, "upper": 2e39}, ValueError, F32_FITS),
    ("truncated_normal", LIKE, {"std": 6e37, "upper": INF}, ValueError, F32_FITS),
    # variance_scaling
    ("variance_scaling", LIKE, {"scale": 0.0}, ValueError, r"^`scale` must be finite and > 0\. Received: scale=0\.0$"),
    ("variance_scaling", LIKE, {"scale": 0}, ValueError, r"^`scale` must be finite and > 0\. Received: scale=0$"),
    (
        "variance_scaling",
        LIKE,
        {"scale": -2.0},
        ValueError,
        r"^`scale` must be finite and > 0\. Received: scale=-2\.0$",
    ),
    ("variance_scaling", LIKE, {"scale": INF}, ValueError, r"^`scale` must be finite and > 0\. Received: scale=inf$"),
    ("variance_scaling", LIKE, {"scale": 1e12, "dtype": F16}, ValueError, F16_FITS),
    ("variance_scaling", LIKE, {"scale": 1e12, "distribution": "uniform", "dtype": F16}, ValueError, F16_FITS),
    ("variance_scaling", LIKE, {"scale": 1e80, "distribution": "untruncated_normal"}, ValueError, F32_FITS),
    # sparse
    ("sparse", LIKE, {"sparsity": -0.1}, ValueError, r"^`sparsity` must lie in \[0, 1\]\. Received: sparsity=-0\.1$"),
    ("sparse", LIKE, {"sparsity": 1.1}, ValueError, r"^`sparsity` must lie in \[0, 1\]\. Received: sparsity=1\.1$"),
    ("sparse", LIKE, {"sparsity": 2}, ValueError, r"^`sparsity` must lie in \[0, 1\]\. Received: sparsity=2$"),
    ("sparse", LIKE, {"std": -1.0}, ValueError, STD + r"-1\.0$"),
    ("sparse", LIKE, {"std": 1e5, "dtype": F16}, ValueError, F16_FITS),
    ("sparse", 4, {}, ValueError, r"^`shape` must have two axes, \(in, out\)\. Received: shape=\(4,\)$"),
    ("sparse", (2, 3, 4), {}, ValueError, r"^`shape` must have two axes, \(in, out\)\. Received: shape=\(2, 3, 4\)$"),
    ("sparse", (), {}, ValueError, r"^`shape` must have two axes, \(in, out\)\. Received: shape=\(\)$"),
]

MODES = r"^`mode` must be one of fan_in, fan_out, fan_avg, fan_geo_avg\. (Did you mean '\w+'\? )?Received: mode="
LAWS = r"^`distribution` must be one of uniform, truncated_normal, untruncated_normal\. (Did you mean '\w+'\? )?"
SINGLE += [("variance_scaling", LIKE, {"mode": bad}, ValueError, MODES) for bad in ("fan", "FAN_IN", "", "in", None, 1)]
SINGLE += [
    ("variance_scaling", LIKE, {"distribution": bad}, ValueError, LAWS + "Received: distribution=")
    for bad in ("gauss", "Uniform", "", None, 1)
]


@pytest.mark.parametrize(("name", "shape", "arguments", "kind", "sentence"), SINGLE)
def test_refused_arguments(
    name: str, shape: Any, arguments: dict[str, Any], kind: type[Exception], sentence: str
) -> None:
    refused(name, shape, arguments, kind, sentence)


def test_normal_is_no_distribution_and_the_sentence_says_why() -> None:
    sentence = (
        LAWS + 'Not "normal", which means truncated_normal in TensorFlow and untruncated_normal in JAX\\. '
        "Received: distribution='normal'$"
    )
    refused("variance_scaling", LIKE, {"distribution": "normal"}, ValueError, sentence)


@pytest.mark.parametrize("name", FAN_SCALED)
def test_axes_are_checked_by_every_fan_scaled_initializer(name: str) -> None:
    for arguments in ({"in_axis": 2}, {"out_axis": -3}, {"batch_axis": (0, 7)}):
        refused(name, LIKE, arguments, ValueError, r"^`\w+` must name axes of a 2-D shape\. Received: ")
    refused(name, LIKE, {"in_axis": 1}, ValueError, r"^no axis of a 2-D shape may be named twice\. Received: ")
    refused(name, LIKE, {"out_axis": 1.0}, TypeError, r"^`out_axis` must be an int or a sequence of ints\. Received: ")


@pytest.mark.parametrize("name", EVERY)
def test_arguments_without_a_name_or_default_are_python_errors(name: str) -> None:
    function = fastinit.get(name)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'shape'"):
        function(**REQUIRED.get(name, {}))
    with pytest.raises(TypeError, match="unexpected keyword argument 'dtpye'"):
        function(LIKE, **REQUIRED.get(name, {}), dtpye="f4")


@pytest.mark.parametrize("seed", [True, 1.0, "0", -1, 2**64, [1]], ids=repr)
@pytest.mark.parametrize("name", ["uniform", "normal", "truncated_normal", "sparse", *FAN_SCALED])
def test_refused_seeds(name: str, seed: Any) -> None:
    kind = ValueError if type(seed) is int else TypeError
    refused(name, LIKE, {"seed": seed}, kind, r"^`seed` must .*\. Received: ")


@pytest.mark.parametrize("name", ["He_Normal", "he-normal", "", "orthogonal_", "fans", "get", "Key", "_draw"])
def test_unknown_names_list_the_valid_ones(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"^an initializer's name must be one of .*\. (Did you mean '\w+'\? )?Received: "
    ) as caught:
        fastinit.get(name)
    listed = str(caught.value).split("one of ")[1].split(". ")[0].split(", ")
    assert listed == sorted(listed)
    assert set(EVERY) | {"xavier_normal", "xavier_uniform", "kaiming_normal", "kaiming_uniform"} <= set(listed)
    assert str(caught.value).endswith(f"Received: {name!r}")


@pytest.mark.parametrize("name", [None, 1, b"zeros", ["zeros"], fastinit.zeros])
def test_names_that_are_no_str(name: Any) -> None:
    with pytest.raises(TypeError, match=r"^an initializer's name must be a str\. Received: "):
        fastinit.get(name)


# ---- bfloat16 without its package ----


@pytest.fixture
def no_ml_dtypes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    _arguments._resolve_dtype.cache_clear()
    for draw in registry.values():
        draw.request.known.clear()  # what is remembered needs no package
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    yield
    monkeypatch.undo()
    _arguments._resolve_dtype.cache_clear()


@pytest.mark.usefixtures("no_ml_dtypes")
def test_bfloat16_without_ml_dtypes_names_the_extra() -> None:
    sentence = r"^dtype 'bfloat16' needs the package ml_dtypes: pip install 'fastinit\[bfloat16\]'$"
    for name in EVERY:
        with pytest.raises(ImportError, match=sentence):
            fastinit.get(name)(SHAPED.get(name, LIKE), **REQUIRED.get(name, {}), dtype="bfloat16")
    assert fastinit.normal(3, dtype="f2").dtype == F16


def test_bfloat16_comes_back_with_its_package(no_ml_dtypes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImportError, match="ml_dtypes"):
        fastinit.zeros(3, dtype="bfloat16")
    monkeypatch.undo()
    assert fastinit.zeros(3, dtype="bfloat16").dtype == BF16  # a failure is not remembered


# ---- nothing is written before everything is checked ----


def guarded(dtype: Any) -> np.ndarray:
    return np.frombuffer(bytearray(range(7, 7 + 16 * np.dtype(dtype).itemsize)), dtype).reshape(LIKE)


OUT_KEPT = [row for row in SINGLE if row[1] == LIKE]


@pytest.mark.parametrize(("name", "shape", "arguments", "kind", "sentence"), OUT_KEPT)
def test_a_refused_argument_leaves_out_untouched(
    name: str, shape: Any, arguments: dict[str, Any], kind: type[Exception], sentence: str
) -> None:
    dtype = ml_dtypes.bfloat16 if arguments.get("dtype") == "bfloat16" else arguments.get("dtype", F32)
    out = guarded(dtype)
    before = out.tobytes()
    refused(name, shape, {**arguments, "out": out}, kind, sentence)
    assert out.tobytes() == before


@pytest.mark.parametrize("name", ["zeros", "constant", "identity", "normal", "glorot_uniform", "sparse"])
@pytest.mark.parametrize(("arguments", "kind", "sentence"), COMMON)
def test_a_refused_keyword_leaves_out_untouched(
    name: str, arguments: dict[str, Any], kind: type[Exception], sentence: str
) -> None:
    if isinstance(arguments.get("out"), np.ndarray):
        out = arguments["out"]
    else:
        out = guarded(F32)
        arguments = {"out": out, **arguments}
    buffer = out if out.base is None or not isinstance(out.base, np.ndarray) else out.base
    before = buffer.tobytes()
    with pytest.raises((TypeError, ValueError)):
        fastinit.get(name)(LIKE, **REQUIRED.get(name, {}), **arguments)
    assert buffer.tobytes() == before


@pytest.mark.parametrize("seed", [True, 1.0, "0", -1, 2**64], ids=repr)
@pytest.mark.parametrize("name", ["uniform", "normal", "truncated_normal", "sparse", *FAN_SCALED])
def test_a_refused_seed_leaves_out_untouched(name: str, seed: Any) -> None:
    out = guarded(F32)
    before = out.tobytes()
    refused(name, LIKE, {"seed": seed, "out": out}, ValueError if type(seed) is int else TypeError, "`seed` must")
    assert out.tobytes() == before


@pytest.mark.parametrize("name", EVERY)
def test_a_refused_call_advances_no_generator(name: str) -> None:
    generator, twin = np.random.default_rng(1), np.random.default_rng(1)
    refused(name, SHAPED.get(name, LIKE), {"seed": generator, "out": READ_ONLY}, ValueError, "`out` must")
    refused(name, SHAPED.get(name, LIKE), {"seed": generator, "threads": 0}, ValueError, "`threads` must")
    assert generator.bit_generator.random_raw() == twin.bit_generator.random_raw()


# ---- what is just allowed ----


def test_the_largest_values_that_fit() -> None:
    assert (fastinit.constant(3, 65504.0, dtype="f2") == 65504).all()
    assert np.isfinite(fastinit.normal(4096, std=65504 / 6.341, dtype="f2", seed=0)).all()
    assert np.isfinite(fastinit.uniform(4096, -65504, 65504, dtype="f2", seed=0)).all()
    big = float(np.finfo(F32).max)
    assert np.isfinite(fastinit.uniform(4096, -big, big, seed=0)).all()
    assert np.isfinite(fastinit.truncated_normal(4096, std=big / 2, seed=0)).all()
    huge = float(np.finfo(F64).max)
    assert np.isfinite(fastinit.uniform(4096, -huge, huge, seed=0, dtype="f8")).all()
    assert np.isfinite(fastinit.normal(4096, std=huge / 8.31, seed=0, dtype="f8")).all()
    assert np.isfinite(fastinit.truncated_normal(4096, std=huge / 2, seed=0, dtype="f8")).all()


@pytest.mark.parametrize("number", [2, np.int8(2), np.uint64(2), np.float16(2), np.float32(2), np.float64(2)])
def test_numbers_may_be_of_any_real_type(number: Any) -> None:
    expected = fastinit.normal(5, 2.0, 2.0, seed=0)
    assert fastinit.normal(5, number, number, seed=0).tobytes() == expected.tobytes()


def test_every_spelling_of_a_dtype() -> None:
    for spelling in ("float32", "f4", "single", np.float32, F32, "=f4", "<f4", np.dtype("<f4")):
        assert fastinit.ones(2, dtype=spelling).dtype == F32
    for spelling in ("float64", "f8", "double", float, np.float64, F64):
        assert fastinit.ones(2, dtype=spelling).dtype == F64
    for spelling in ("bfloat16", ml_dtypes.bfloat16, BF16):
        assert fastinit.ones(2, dtype=spelling).dtype == BF16
    assert fastinit.ones(2).dtype == fastinit.ones(2, dtype=None).dtype == F32
