"""All tensors of a model in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import _kernels
from .._arguments import check_target, check_threads
from ..keys import Key
from ..runtime import thread_limit
from ._checks import check_entry
from ._engine import Batch, find
from ._orthogonal import delta_orthogonal, orthogonal
from ._random import normal, truncated_normal, uniform
from ._scaled import glorot_normal, glorot_uniform, he_normal, he_uniform, lecun_normal, lecun_uniform, variance_scaling


def initialize(tensors: Mapping[str, Sequence[Any]], *, seed: Any = None, threads: Any = None) -> dict[str, np.ndarray]:
    """Initialize all tensors of a model in one call, in parallel.

    Every tensor gets its own stream, ``Key(seed).child(name)``, so the result is that of the separate
    calls, bit for bit: ``initializer(shape, seed=Key(seed).child(name), **kwargs)``. It does not depend
    on the order of the tensors nor on which others there are.

    Parameters
    ----------
    tensors : mapping of str to (initializer, shape) or (initializer, shape, kwargs)
        `initializer` is a name or a function of this package, or any callable that takes a shape and
        ``seed=``. `kwargs` is a dict of its further arguments, ``out=`` included.
    seed : None, int, Key, or numpy.random.SeedSequence, Generator or BitGenerator
        None takes fresh entropy, once for all.
    threads : int
        The most threads that the call may use. Values never depend on it.

    Returns
    -------
    dict of str to numpy.ndarray
        In the order of `tensors`.

    Raises
    ------
    TypeError, ValueError
        If an entry is not as described or its initializer refuses it. Everything is checked before any
        array that was passed in is written.

    Examples
    --------
    >>> import fastinit
    >>> weights = fastinit.initialize(
    ...     {
    ...         "dense.kernel": ("he_normal", (784, 128)),
    ...         "dense.bias": ("zeros", (128,)),
    ...         "head.kernel": ("normal", (128, 10), {"std": 0.02, "dtype": "float64"}),
    ...     },
    ...     seed=0,
    ... )
    >>> bool((weights["head.kernel"] == fastinit.normal(
    ...     (128, 10), std=0.02, dtype="float64", seed=fastinit.Key(0).child("head.kernel"))).all())
    True
    """
    limit = thread_limit() if threads is None else check_threads(threads)
    root = Key(seed)
    requests: list[tuple[Any, ...]] = []
    calls: list[Callable[[int], None]] = []
    copies: list[tuple[np.ndarray, np.ndarray]] = []
    arrays = {}
    for name, entry in tensors.items():
        initializer, shape, kwargs = check_entry(name, entry)
        function = find(initializer) if isinstance(initializer, str) else initializer
        key = root.child(name)
        if function in _DRAWN:
            arrays[name] = function(shape, seed=Batch(key, requests, calls), **kwargs)
            continue
        # What is not drawn is made now, and written to its place when all has been checked.
        out = kwargs.pop("out", None)
        array = function(shape, seed=key, **kwargs)
        if out is not None:
            check_target(array.shape, kwargs.get("dtype"), out, None, None)
            copies.append((out, array))
        arrays[name] = array if out is None else out
    for out, array in copies:
        np.asarray(out)[...] = array
    _kernels.fill_all(requests, limit)
    for call in calls:
        call(limit)
    return arrays


# The initializers that note their work down, so that `initialize` can do it when all has been checked.
_DRAWN = {
    uniform,
    normal,
    truncated_normal,
    variance_scaling,
    glorot_uniform,
    glorot_normal,
    he_uniform,
    he_normal,
    lecun_uniform,
    lecun_normal,
    orthogonal,
    delta_orthogonal,
}
