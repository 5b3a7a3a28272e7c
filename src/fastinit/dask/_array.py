"""A lazy array, of which each block is one task."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize

import fastinit
from fastinit import Key

_NOT_ITS_OWN = ("shape", "dtype", "seed", "out", "index", "threads")


def array(
    initializer: str | Callable[..., Any],
    shape: Any,
    chunks: Any = "auto",
    *,
    seed: Any,
    dtype: Any = None,
    **kwargs: Any,
) -> da.Array:
    """Return a Dask array of an initializer's values, which are drawn when they are computed, block by block.

    The values are those of ``initializer(shape, seed=seed, dtype=dtype, **kwargs)``, whatever the chunks, the
    scheduler and the workers; `dask.array.random` has other numbers for other chunks. Equal calls make arrays of the
    same name, so that Dask computes them once.

    Parameters
    ----------
    initializer : str or callable
        A name or a function of `fastinit` or `fastinit.schemes` that draws. Blocks of `orthogonal` along the longer
        axis cost as much as the whole.
    shape : int or sequence of int
    chunks : as everywhere in Dask
    seed : None, int, Key, or numpy.random.SeedSequence, Generator or BitGenerator
        None takes fresh entropy, once for the array. A generator is advanced now.
    dtype : dtype
        float32 if None; "bfloat16" needs the package ml_dtypes.
    **kwargs
        The initializer's further arguments.

    Returns
    -------
    dask.array.Array

    Raises
    ------
    TypeError, ValueError
        If the initializer refuses an argument, or cannot draw blocks; now, and not when it is computed.

    Examples
    --------
    >>> import fastinit, fastinit.dask
    >>> x = fastinit.dask.array("normal", (10**6, 10**6), chunks=(1000, 1000), seed=0)
    >>> bool((x[:2, :3].compute() == fastinit.normal(
    ...     (10**6, 10**6), seed=0, index=(slice(0, 2), slice(0, 3)))).all())
    True
    """
    function = _function(initializer)
    foreign = [name for name in kwargs if name in _NOT_ITS_OWN]
    if foreign:
        raise TypeError(
            f"an initializer's arguments must hold none of {', '.join(_NOT_ITS_OWN)}. Received: {', '.join(foreign)}"
        )
    # Whatever is wrong is said now.
    fastinit.zeros(shape, index=_nothing(shape))
    sizes = tuple([int(n) for n in shape]) if hasattr(shape, "__len__") else (int(shape),)
    drawn = function(sizes, seed=0, dtype=dtype, index=_nothing(sizes), **kwargs)
    divided = da.core.normalize_chunks(chunks, sizes, dtype=drawn.dtype)
    key = Key(seed)
    block = _Block(function, sizes, divided, key, drawn.dtype, kwargs)
    token = tokenize(function.__qualname__, sizes, divided, (key.key, key.stream), str(drawn.dtype), kwargs)
    return da.map_blocks(
        block,
        chunks=divided,
        dtype=drawn.dtype,
        meta=np.empty((0,) * len(sizes), drawn.dtype),
        name=f"{function.__name__}-{token}",
    )


class _Block:
    """What a task does."""

    def __init__(
        self,
        function: Callable[..., Any],
        shape: tuple[int, ...],
        chunks: tuple[tuple[int, ...], ...],
        key: Key,
        dtype: Any,
        kwargs: dict[str, Any],
    ) -> None:
        self._function = function
        self._shape = shape
        self._starts = [[0, *itertools.accumulate(sizes)] for sizes in chunks]
        self._key = key
        self._kwargs = {**kwargs, "dtype": dtype}

    def __call__(self, block_id: tuple[int, ...] = ()) -> Any:
        index = tuple([slice(starts[i], starts[i + 1]) for starts, i in zip(self._starts, block_id, strict=True)])
        # Tasks run side by side already.
        return self._function(self._shape, seed=self._key, index=index, threads=1, **self._kwargs)


def _function(initializer: Any) -> Callable[..., Any]:
    if isinstance(initializer, str):
        scheme = getattr(fastinit.schemes, initializer, None) if initializer in fastinit.schemes.__all__ else None
        function: Any = scheme if scheme is not None else fastinit.get(initializer)
    else:
        function = initializer
    if not inspect.isfunction(function) or function.__module__.partition(".")[0] != "fastinit":
        raise TypeError(f"`initializer` must be a name or a function of fastinit. Received: {initializer!r}")
    return function


def _nothing(shape: Any) -> tuple[slice, ...]:
    return (slice(0, 0),) * (len(shape) if hasattr(shape, "__len__") else 1)
