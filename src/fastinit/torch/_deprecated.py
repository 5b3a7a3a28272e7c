"""torch.nn.init's names from before the underscore: deprecated there, and here."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from torch import Tensor

from . import _drop_in


def _deprecated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    new = function.__name__
    old = new[:-1]

    @functools.wraps(function)
    def deprecated(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(f"`{old}` is deprecated in favor of `{new}`, as in torch.nn.init", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    deprecated.__name__ = deprecated.__qualname__ = old
    deprecated.__doc__ = f"Call `{new}`, with a FutureWarning."
    return deprecated


uniform = _deprecated(_drop_in.uniform_)
normal = _deprecated(_drop_in.normal_)
constant = _deprecated(_drop_in.constant_)
eye = _deprecated(_drop_in.eye_)
dirac = _deprecated(_drop_in.dirac_)
xavier_uniform = _deprecated(_drop_in.xavier_uniform_)
xavier_normal = _deprecated(_drop_in.xavier_normal_)
kaiming_uniform = _deprecated(_drop_in.kaiming_uniform_)
kaiming_normal = _deprecated(_drop_in.kaiming_normal_)
orthogonal = _deprecated(_drop_in.orthogonal_)
sparse = _deprecated(_drop_in.sparse_)
