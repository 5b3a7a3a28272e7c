"""bfloat16 without the package ml_dtypes: its bits, written to an `out` of uint16."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import schemes

CASES: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("uniform", (4, 8), {}),
    ("normal", (4, 8), {"mean": 1.0}),
    ("truncated_normal", (4, 8), {}),
    ("he_normal", (4, 8), {}),
    ("glorot_uniform", (4, 8), {}),
    ("orthogonal", (4, 8), {}),
    ("delta_orthogonal", (3, 4, 8), {"gain": 0.7}),
    ("sparse", (4, 8), {"sparsity": 0.5}),
    ("zeros", (4, 8), {}),
    ("ones", (4, 8), {}),
    ("constant", (4, 8), {"value": 0.1}),
    ("constant", (4, 8), {"value": np.linspace(-1.0, 1.0, 8)}),
    ("constant", (0, 8), {"value": 0.1}),
    ("constant", (), {"value": 1 / 3}),
    ("identity", (4, 8), {"gain": 0.3}),
    ("dirac", (3, 4, 8), {}),
    ("siren", (4, 8), {}),
    ("zero_hadamard", (4, 8), {}),
]


@pytest.mark.parametrize(("name", "shape", "kwargs"), CASES)
def test_the_bits_are_those_of_the_dtype(name: str, shape: tuple[int, ...], kwargs: Any) -> None:
    pytest.importorskip("ml_dtypes")
    function = getattr(fastinit, name, None) or getattr(schemes, name)
    expected = function(shape, dtype="bfloat16", seed=1, **kwargs)
    bits = np.full(shape, 77, np.uint16)
    assert function(shape, dtype="bfloat16", seed=1, out=bits, **kwargs) is bits
    np.testing.assert_array_equal(bits, expected.view(np.uint16))

    within = np.full(shape, 77, np.uint16)
    fastinit.initialize({"x": (function, shape, {**kwargs, "dtype": "bfloat16", "out": within})}, seed=5)
    alone = function(shape, dtype="bfloat16", seed=fastinit.Key(5).child("x"), **kwargs)
    np.testing.assert_array_equal(within, alone.view(np.uint16))


def test_a_constant_is_rounded_as_ml_dtypes_rounds_it() -> None:
    pytest.importorskip("ml_dtypes")
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2**64, 20000, dtype=np.uint64).view(np.float64)
    near_ties = 1 + 2**-8 + rng.standard_normal(1000) * 2**-30
    values = np.concatenate([values[np.abs(values) < 3e38], near_ties, [1 + 2**-8, -0.0, 1e-40]])
    bits = fastinit.constant(values.shape, values, dtype="bfloat16", out=np.empty(values.shape, np.uint16))
    expected = fastinit.constant(values.shape, values, dtype="bfloat16")
    np.testing.assert_array_equal(bits, expected.view(np.uint16))


def test_no_package_is_needed() -> None:
    code = (
        "import sys; sys.modules['ml_dtypes'] = None\n"
        "import numpy as np, fastinit\n"
        "bits = fastinit.ones(3, dtype='bfloat16', out=np.empty(3, np.uint16))\n"
        "assert bits.tolist() == [0x3F80] * 3, bits\n"
        "out = np.empty(3, np.uint16)\n"
        "fastinit.initialize({'x': ('zeros', 3, {'dtype': 'bfloat16', 'out': out})})\n"
        "assert not out.any()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("dtype", [None, "float32", np.uint16])
def test_uint16_alone_is_no_dtype(dtype: Any) -> None:
    with pytest.raises(TypeError, match=r"must be float32, float64, float16 or bfloat16|must have dtype float32"):
        fastinit.normal(3, dtype=dtype, out=np.empty(3, np.uint16))


def test_sentences_name_the_dtype() -> None:
    with pytest.raises(ValueError, match="every value must be finite in bfloat16"):
        fastinit.constant(3, 1e39, dtype="bfloat16", out=np.empty(3, np.uint16))
    with pytest.raises(ValueError, match=r"`out` must have shape \(3,\)"):
        fastinit.ones(3, dtype="bfloat16", out=np.empty(4, np.uint16))
