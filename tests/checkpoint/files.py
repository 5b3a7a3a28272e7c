"""What the tests of checkpoints share: a file read without this package or the safetensors library, and a model."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

import fastinit
from fastinit import Key, Rules

SEED = 5
ITEMSIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "BOOL": 1, "F8_E4M3": 1}
MEMORY = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "BOOL": "?", "F8_E4M3": "u1"}

TENSORS: dict[str, tuple[tuple[int, ...], str]] = {
    "embed.weight": ((301, 24), "bfloat16"),
    "layers.0.attention.weight": ((72, 24), "float32"),
    "layers.0.conv.weight": ((20, 6, 3, 3), "float16"),
    "layers.0.norm.weight": ((24,), "float64"),
    "layers.0.experts": ((4, 24, 10), "bfloat16"),
    "layers.1.square.weight": ((40, 40), "float32"),
    "layers.1.sparse.weight": ((30, 50), "float32"),
    "layers.1.hadamard.weight": ((16, 32), "float32"),
    "layers.1.identity.weight": ((17, 9), "bfloat16"),
    "layers.1.dirac.weight": ((6, 6, 3), "float32"),
    "layers.1.delta.weight": ((8, 6, 3, 3), "float64"),
    "layers.1.bias": ((72,), "float32"),
    "nothing": ((0, 7), "float32"),
    "scale": ((), "bfloat16"),
    "head.weight": ((1201, 24), "float16"),
}
RULES = Rules(
    [
        ("embed.weight", "truncated_normal", {"std": 0.02}),
        (r".*\.attention\.weight", "he_normal"),
        (r".*\.conv\.weight", "glorot_uniform"),
        (r".*\.norm\.weight", "ones"),
        (r".*\.experts", "lecun_normal", {"batch_axis": 0, "in_axis": 2, "out_axis": 1}),
        (r".*\.square\.weight", "orthogonal", {"gain": 2.0}),
        (r".*\.sparse\.weight", "sparse", {"sparsity": 0.4}),
        (r".*\.hadamard\.weight", "zero_hadamard"),
        (r".*\.identity\.weight", "identity"),
        (r".*\.dirac\.weight", "dirac"),
        (r".*\.delta\.weight", "delta_orthogonal"),
        (r".*\.bias", "constant", {"value": 0.1}),
        ("nothing|scale", "uniform", {"low": 1.0, "high": 2.0}),
        (r"head\.weight", "gpt2_residual", {"layers": 3}),
    ]
)


def expected(
    tensors: Any = TENSORS, rules: Any = RULES, seed: Any = SEED, layout: str = "out_in"
) -> dict[str, np.ndarray]:
    """The same by `fastinit.initialize`; bfloat16 as its bits."""
    plan = {}
    for name, entry in rules.plan({name: tensor[0] for name, tensor in tensors.items()}, layout=layout).items():
        is_bits = tensors[name][1] == "bfloat16"
        kwargs: dict[str, Any] = {"out": np.empty(entry.shape, np.uint16 if is_bits else tensors[name][1])}
        kwargs |= {"dtype": "bfloat16"} if is_bits else {}
        plan[name] = (entry.initializer, entry.shape, {**entry.kwargs, **kwargs})
    return fastinit.initialize(plan, seed=Key(seed))


def read(path: Path) -> dict[str, np.ndarray]:
    """Every tensor of a file, which must have no gaps and nothing after the last."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert header.pop("__metadata__") == {"format": "pt"}
    assert length % 8 == 0
    position, found = 0, {}
    for name, entry in header.items():
        start, stop = entry["data_offsets"]
        assert start == position
        assert stop - start == math.prod(entry["shape"]) * ITEMSIZES[entry["dtype"]]
        assert (8 + length + start) % ITEMSIZES[entry["dtype"]] == 0
        position = stop
        part = data[8 + length + start : 8 + length + stop]
        found[name] = np.frombuffer(part, MEMORY[entry["dtype"]]).reshape(entry["shape"])
    assert len(data) == 8 + length + position
    return found


def read_directory(directory: Path) -> dict[str, np.ndarray]:
    """Every tensor of a sharded checkpoint, as its index has it."""
    index = json.loads((directory / "model.safetensors.index.json").read_text())
    files = {name: read(directory / name) for name in sorted(set(index["weight_map"].values()))}
    found = {name: files[file][name] for name, file in index["weight_map"].items()}
    assert sum(map(len, files.values())) == len(found)
    assert index["metadata"]["total_size"] == sum(array.nbytes for array in found.values())
    assert [*index["weight_map"]] == sorted(index["weight_map"])
    return found


def assert_same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert sorted(found) == sorted(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        assert found[name].tobytes() == array.tobytes(), name


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())
