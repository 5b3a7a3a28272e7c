"""The tables that the tools generated, read from the C source: what the oracles compute with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

_GENERATED = Path(__file__).resolve().parents[2] / "src/fastinit/csrc/generated"
_ARRAY = re.compile(r"const (?:float|double) (\w+)((?:\[\d+\])+) = \{(.*?)\n\};", re.DOTALL)


def _arrays(name: str) -> dict[str, Any]:
    """Every array of a C file, as float64, which holds the float32 ones exactly."""
    return {
        array: np.array([float.fromhex(number) for number in re.findall(r"-?0x[\da-f.]+p[+-]\d+", body)]).reshape(
            [int(size) for size in re.findall(r"\d+", sizes)]
        )
        for array, sizes, body in _ARRAY.findall((_GENERATED / name).read_text())
    }


LAWS = _arrays("tables.c")  # [j][row] is the coefficient of t^j
ROWS = _arrays("rows.c")  # [row][j] of the float64 ones, for kernels that read a row whole
ACTIVATIONS = _arrays("activation_tables.h")
