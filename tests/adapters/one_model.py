"""One model for all adapters: its names, shapes, dtypes and rules, and the checksum that each must reach.

The checksum is that of the NumPy calls (test_one_model.py). Every rule names its axes itself, so that no framework's
convention moves a value. All sizes can be divided among 4 torch processes or 8 JAX devices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

SEED = 20261126

# name: (shape, dtype)
TENSORS: dict[str, tuple[tuple[int, ...], str]] = {
    "embed.table": ((64, 32), "float32"),
    "blocks.0.attention.query": ((32, 8, 8), "bfloat16"),
    "blocks.0.attention.out": ((64, 32), "float32"),
    "blocks.0.mlp.up": ((32, 64), "float16"),
    "blocks.0.mlp.down": ((64, 32), "bfloat16"),
    "blocks.0.norm.scale": ((32,), "float32"),
    "blocks.1.experts": ((8, 16, 24), "float32"),
    "conv.kernel": ((8, 8, 16, 32), "float32"),
    "head.kernel": ((32, 128), "float32"),
    "head.bias": ((128,), "float32"),
}

# (pattern, initializer, kwargs), as for fastinit.Rules
RULES: list[tuple[str, str, dict[str, Any]]] = [
    (r"embed\..*", "normal", {"std": 0.02}),
    (
        r".*\.query",
        "variance_scaling",
        {"scale": 1.0, "mode": "fan_avg", "distribution": "untruncated_normal", "in_axis": 0, "out_axis": (1, 2)},
    ),
    (r".*\.attention\.out", "orthogonal", {"gain": 0.5, "column_axis": -1}),
    (r".*\.up", "he_normal", {"in_axis": 0, "out_axis": 1}),
    (r".*\.down", "truncated_normal", {"std": 0.1, "lower": -3.0, "upper": 3.0}),
    (r".*\.scale", "ones", {}),
    (r".*\.experts", "lecun_normal", {"in_axis": 1, "out_axis": 2, "batch_axis": 0}),
    (r"conv\.kernel", "glorot_uniform", {"in_axis": -2, "out_axis": -1}),
    (r"head\.kernel", "uniform", {"low": -0.25, "high": 0.25}),
    (r".*\.bias", "constant", {"value": 0.1}),
]

CHECKSUM = "c88a696d612ee111569697ea8eb4d79dc66cbc66496e720680cc69e720ec8ebc"


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of the whole tensors: name, shape and bytes in C order of each. bfloat16 may come as its uint16 bits."""
    assert sorted(arrays) == sorted(TENSORS)
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        assert array.shape == TENSORS[name][0], name
        assert array.dtype.itemsize == (4 if TENSORS[name][1] == "float32" else 2), name
        digest.update(f"{name} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
