"""NumPy's arithmetic as fastinit means it, whatever the caller has set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from . import _kernels


@contextmanager
def own_arithmetic() -> Iterator[None]:
    """The standard floating-point mode of the processor, and none of NumPy's warnings or errors."""
    before = _kernels.enter_standard_mode()
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        _kernels.leave_standard_mode(before)
