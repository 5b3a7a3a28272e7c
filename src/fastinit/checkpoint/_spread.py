"""How widely the values of a rule are spread, for those who look at a plan."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import initializers, schemes
from ..keys import Key
from ..rules import Entry, out_in
from ._draw import Blocks, draws_blocks
from ._dtypes import kind_of
from ._tensors import Tensor, Wanted

# Their first elements are not like the others.
_PATTERNED = tuple(
    form
    for function in (initializers.identity, initializers.dirac, schemes.zero_hadamard)
    for form in (function, out_in(function, {})[0])
)
_LOOKED_AT = 1 << 18


def std_of(name: str, tensor: Tensor, entry: Entry) -> float | None:
    """The standard deviation of a tensor's first elements, None where they say little of the others."""
    if not draws_blocks(entry.initializer) or entry.initializer in _PATTERNED:
        return None
    wanted = Wanted(name, tensor.shape, kind_of("float32"), ())
    if wanted.size == 0:
        return None
    values: Any = np.empty(min(wanted.size, _LOOKED_AT), np.float32)
    work = Blocks({name: entry})
    work.add(wanted, 0, values)
    work.do(Key(0), None)
    return float(values.std(dtype=np.float64))
