"""The stride of an axis of one element, and those of an array of none, may be anything: nobody ever takes the step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastinit
from support.bits import assert_same_bits
from support.forward_cases import DTYPES, values

STRIDES = [1, 3, -1, -4096, 0, 1 << 40]


def with_stray_strides(array: np.ndarray, stride: int) -> np.ndarray:
    """The same array, of the same memory, with this stride along each axis of one element."""
    strides = tuple([stride if n == 1 else step for n, step in zip(array.shape, array.strides, strict=True)])
    strayed = np.lib.stride_tricks.as_strided(array, array.shape, strides)
    assert strayed.strides == strides
    return strayed


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("sizes", [(1, 8, 5), (3, 1, 5), (3, 8, 1), (1, 1, 1), (1, 8, 1), (1, 1, 6)])
def test_strides_that_are_never_taken(sizes: tuple[int, int, int], stride: int, dtype: Any) -> None:
    rows, depth, columns = sizes
    x, weight, bias = (
        values((1, rows, depth), dtype, 1),
        values((1, depth, columns), dtype, 2),
        values((columns,), dtype, 3),
    )
    expected = fastinit.dense(x, weight, bias, "relu")
    strayed = [with_stray_strides(array, stride) for array in (x, weight, bias)]
    assert_same_bits(fastinit.dense(*strayed, "relu"), expected)
    out = np.empty_like(expected)
    assert fastinit.dense(*strayed, "relu", out=with_stray_strides(out, stride)) is not None
    assert_same_bits(out, expected)
    across = np.ascontiguousarray(weight.transpose(0, 2, 1))
    assert_same_bits(
        fastinit.dense(strayed[0], with_stray_strides(across, stride), bias, "relu", transpose_weight=True), expected
    )
    network = fastinit.MLP([(strayed[1], strayed[2], "relu")])
    assert_same_bits(network(strayed[0]), expected)
    assert_same_bits(network(strayed[0], with_stray_strides(np.empty_like(expected), stride)), expected)
    assert_same_bits(fastinit.activate(strayed[0], "tanh"), fastinit.activate(x, "tanh"))
    assert_same_bits(
        fastinit.activate(strayed[0], "tanh", out=strayed[0]), fastinit.activate(values(x.shape, dtype, 1), "tanh")
    )


@pytest.mark.parametrize("stride", STRIDES)
def test_arrays_of_nothing(stride: int) -> None:
    empty = with_stray_strides(np.empty((0, 1), np.float32), stride)
    assert fastinit.dense(empty, np.ones((1, 3), np.float32)).shape == (0, 3)
    assert fastinit.MLP([(np.ones((1, 3), np.float32), None, None)])(empty).shape == (0, 3)
    assert fastinit.activate(empty, "relu").shape == (0, 1)
