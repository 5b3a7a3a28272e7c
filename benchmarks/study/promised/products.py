"""The promised ratios of products of shapes that users have beside square ones: `dense` beside `matmul(out=)`."""

from __future__ import annotations

from functools import partial

import numpy as np

import fastinit
from benchmarks.peers import networks
from benchmarks.peers.types import Job
from benchmarks.study.promised.promise import Pair, Promise

Size = tuple[int, int, int]


def versus_matmul(size: Size, activation: str | None, transposed: bool, items: int) -> Pair:
    """The bare product by NumPy, and ours with a bias where it has an activation. `items`: so many products, 0 for one.

    A weight that is transposed lies as PyTorch keeps it, (out, in); NumPy gets the view that one would give it.
    """
    rows, depth, columns = size
    leading = (items,) if items else ()
    x = networks.inputs((*leading, rows, depth))
    weight = fastinit.normal((*leading, depth, columns), 0.0, depth**-0.5, seed=3)
    bias = fastinit.normal((columns,), 0.0, 0.1, seed=4) if activation else None
    out = np.empty((*leading, rows, columns), np.float32)
    if transposed:
        kept = np.ascontiguousarray(weight.T)
        weight = kept.T
        ours = partial(fastinit.dense, x, kept, bias, activation, transpose_weight=True, out=out)
    else:
        ours = partial(fastinit.dense, x, weight, bias, activation, out=out)
    expected = x.astype(np.float64) @ weight.astype(np.float64)
    if bias is not None:
        expected = np.maximum(expected + bias, 0)
    assert np.abs(ours() - expected).max() <= 1e-4 * np.abs(expected).max()

    def other() -> Job:
        return partial(np.matmul, x, weight, out=np.empty_like(out))

    return ours, other


def promise(
    size: Size,
    avx512: float,
    avx2: float | None,
    *,
    activation: str | None = None,
    transposed: bool = False,
    items: int = 0,
) -> Promise:
    layer = "dense + bias + relu" if activation else "dense"
    what = f"{layer} {'x'.join(map(str, size))}" + (", weight (out, in)" if transposed else "")
    if items:
        what = f"{items} x ({what})"
    return Promise(
        f"{what} vs `np.matmul(out=)`{' alone' if activation else ''}",
        what,
        partial(versus_matmul, size, activation, transposed, items),
        at_least=avx512,
        avx2=avx2,
    )


ONE_CORE = (
    # few columns: NumPy splits the sums of a single one, which the promise of equal bits forbids
    promise((4096, 256, 1), 0.62, 0.58),
    promise((4096, 256, 2), 1.6, None),
    promise((4096, 256, 4), 1.55, None),
    promise((16, 64, 4), 0.9, 1.3, items=256),
    # few rows and a large weight
    promise((1, 2048, 2048), 0.7, None, transposed=True),
    promise((4, 2048, 2048), 4.0, None, transposed=True),
    promise((1, 1024, 4096), 0.65, None, transposed=True),
    promise((1, 2048, 2048), 0.97, 0.97),
    promise((1, 1024, 4096), 1.2, 1.2),
    # many of each
    promise((32, 512, 512), 1.05, 1.05),
    promise((64, 784, 512), 0.98, 0.98),
    promise((1024, 1024, 1024), 1.04, 0.98, activation="relu"),
    promise((2048, 2048, 2048), 1.04, 0.96, activation="relu"),
)
