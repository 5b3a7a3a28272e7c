"""One tensor is filled: checked, drawn, and reported to autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

from ._dtensor import is_distributed, pieces
from ._ranks import agreed, is_drawn
from ._seed import key_of
from ._tensor import REAL, changed, check, dtype_kwargs, is_abstract, is_direct, place, view, written

# Of these types no tensor is fake, lazy or a wrapper of others, and of the real dtypes none is quantized.
USUAL = frozenset({Tensor, Parameter})


def fill(
    tensor: Tensor,
    initializer: Callable[..., np.ndarray],
    kwargs: dict[str, Any],
    seed: Any = None,
    generator: Any = None,
    threads: Any = None,
    complex_too: bool = False,
) -> Tensor:
    """Fill a tensor in place by an initializer of fastinit, and return it."""
    # What most tensors are, by the shortest way: 12 of the 20 microseconds of a small one would go into asking.
    if type(tensor) in USUAL and is_direct(tensor) and tensor.dtype in REAL and not tensor.is_inference():
        key = key_of(seed, generator)
        initializer(tuple(tensor.shape), seed=key, threads=threads, out=view(tensor), **dtype_kwargs(tensor), **kwargs)
        changed((tensor,))
        return tensor
    check(tensor, complex_too=complex_too, abstract_too=True)
    if is_abstract(tensor):
        # As torch's own: nothing is drawn, but wrong arguments are wrong here too.
        check_arguments(tensor, initializer, kwargs)
        changed([tensor])
        return tensor
    if is_distributed(tensor):
        return _fill_share(tensor, initializer, kwargs, seed, generator, threads)
    placed = place(tensor)
    key = key_of(seed, generator)
    initializer(tuple(tensor.shape), seed=key, threads=threads, **placed.kwargs, **kwargs)
    written([placed])
    return tensor


def _fill_share(
    tensor: Tensor,
    initializer: Callable[..., np.ndarray],
    kwargs: dict[str, Any],
    seed: Any,
    generator: Any,
    threads: Any,
) -> Tensor:
    """Fill what this rank holds of a DTensor."""
    held = pieces(tensor)
    check_arguments(tensor, initializer, kwargs)  # on a rank with an empty share, too
    places = [place(piece.tensor) for piece in held]
    key = key_of(seed, generator)
    if is_drawn(seed, generator):
        key = agreed(key, [tensor])
    for piece, placed in zip(held, places, strict=True):
        initializer(tuple(tensor.shape), seed=key, index=piece.block, threads=threads, **placed.kwargs, **kwargs)
    written(places)
    changed([tensor])
    return tensor


def check_arguments(tensor: Tensor, initializer: Callable[..., np.ndarray], kwargs: dict[str, Any]) -> None:
    """Let an initializer check all of its arguments: it is asked for an empty block."""
    shape = tuple(tensor.shape)
    nothing = tuple([slice(0, 0)] * len(shape))
    bits = np.uint16 if tensor.dtype == torch.bfloat16 else str(tensor.dtype).removeprefix("torch.")
    out = np.empty([0] * len(shape), bits)
    initializer(shape, seed=0, index=nothing, out=out, **dtype_kwargs(tensor), **kwargs)
