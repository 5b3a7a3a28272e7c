"""The dtypes of safetensors, and which of them fastinit draws."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._arguments import brief, suggestion


class Kind(NamedTuple):
    """A dtype of safetensors."""

    code: str  # in a file's header
    name: str  # NumPy's, or ml_dtypes' where NumPy has none
    itemsize: int

    @property
    def is_drawn(self) -> bool:
        return self.code in _DRAWN

    @property
    def is_float(self) -> bool:
        return self.name.startswith(("float", "bfloat"))

    @property
    def memory(self) -> np.dtype[Any]:
        """What an array in memory has: bfloat16 is its bits, so that it needs no package."""
        return np.dtype(_DRAWN[self.code])


# In the order in which safetensors sorts tensors within a file, which keeps each aligned.
KINDS = [
    Kind("U64", "uint64", 8),
    Kind("I64", "int64", 8),
    Kind("F64", "float64", 8),
    Kind("C64", "complex64", 8),
    Kind("F32", "float32", 4),
    Kind("U32", "uint32", 4),
    Kind("I32", "int32", 4),
    Kind("BF16", "bfloat16", 2),
    Kind("F16", "float16", 2),
    Kind("U16", "uint16", 2),
    Kind("I16", "int16", 2),
    Kind("F8_E5M2FNUZ", "float8_e5m2fnuz", 1),
    Kind("F8_E4M3FNUZ", "float8_e4m3fnuz", 1),
    Kind("F8_E8M0", "float8_e8m0fnu", 1),
    Kind("F8_E4M3", "float8_e4m3fn", 1),
    Kind("F8_E5M2", "float8_e5m2", 1),
    Kind("I8", "int8", 1),
    Kind("U8", "uint8", 1),
    Kind("BOOL", "bool", 1),
]
_DRAWN = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": np.uint16}
_BY_CODE = {kind.code: kind for kind in KINDS}
_BY_NAME = {kind.name: kind for kind in KINDS}
DRAWN_NAMES = ("float32", "float64", "float16", "bfloat16")


def kind_of(dtype: Any) -> Kind:
    """The dtype that a name, a code of safetensors, or a dtype of NumPy, ml_dtypes, PyTorch or JAX means."""
    text = dtype if isinstance(dtype, str) else str(dtype).removeprefix("torch.")
    known = _BY_CODE.get(text) or _BY_NAME.get(text)
    if known is not None:
        return known
    try:
        resolved = None if dtype is None else np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError):  # NumPy reads strings as a small language
        resolved = None
    if resolved is None or not resolved.isnative or resolved.name not in _BY_NAME:
        hint = suggestion(dtype, DRAWN_NAMES, {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"})
        raise TypeError(
            f"`dtype` must be one that safetensors has, as {', '.join(DRAWN_NAMES)}. {hint}Received: {brief(dtype)}"
        )
    return _BY_NAME[resolved.name]
