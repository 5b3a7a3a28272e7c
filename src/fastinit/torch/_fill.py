"""One tensor is filled: checked, drawn, and reported to autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._seed import key_of
from ._tensor import changed, check, dtype_kwargs, is_abstract, place, written


def fill(
    tensor: Tensor,
    initializer: Callable[..., np.ndarray],
    kwargs: dict[str, Any],
    *,
    seed: Any = None,
    generator: Any = None,
    threads: Any = None,
    complex_too: bool = False,
) -> Tensor:
    """Fill a tensor in place by an initializer of fastinit, and return it."""
    check(tensor, complex_too=complex_too, abstract_too=True)
    if is_abstract(tensor):
        # As torch's own: nothing is drawn, but wrong arguments are wrong here too.
        check_arguments(tensor, initializer, kwargs)
        changed([tensor])
        return tensor
    placed = place(tensor)
    key = key_of(seed, generator)
    initializer(tuple(tensor.shape), seed=key, threads=threads, **placed.kwargs, **kwargs)
    written([placed])
    return tensor


def check_arguments(tensor: Tensor, initializer: Callable[..., np.ndarray], kwargs: dict[str, Any]) -> None:
    """Let an initializer check all of its arguments: it is asked for an empty block."""
    shape = tuple(tensor.shape)
    nothing = tuple([slice(0, 0)] * len(shape))
    bits = np.uint16 if tensor.dtype == torch.bfloat16 else str(tensor.dtype).removeprefix("torch.")
    out = np.empty([0] * len(shape), bits)
    initializer(shape, seed=0, index=nothing, out=out, **dtype_kwargs(tensor), **kwargs)
