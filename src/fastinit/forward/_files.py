"""Networks in files: safetensors, with what the tensors do not say in the metadata."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._safetensors import PathLike, read_arrays, read_header, write_arrays

_NAME = "fastinit.MLP"  # of the metadata's entry


def write(path: PathLike, layers: Sequence[tuple[Any, Any, Any]], more: Mapping[str, str]) -> None:
    """Write a network's layers, with more entries of the metadata."""
    arrays = {}
    for i, (weight, bias, _) in enumerate(layers):
        arrays[f"layers.{i}.weight"] = weight
        if bias is not None:
            arrays[f"layers.{i}.bias"] = bias
    described = {"version": 1, "activations": [_plain(activation) for *_, activation in layers]}
    write_arrays(path, arrays, {_NAME: json.dumps(described, separators=(",", ":")), **more})


def read(path: PathLike) -> tuple[list[tuple[Any, Any, Any]], dict[str, str]]:
    """The layers that a file of `write` holds, and its metadata."""
    header = read_header(path)
    received = f"Received: {os.fspath(path)!r}"
    if _NAME not in header.metadata:
        raise ValueError(
            f"`path` must be a file of MLP.save; fastinit.convert.from_safetensors reads others. {received}"
        )
    described = json.loads(header.metadata[_NAME])
    if described["version"] != 1:
        raise ValueError(f"`path` must be a file of this version of fastinit, or an earlier one. {received}")
    arrays = read_arrays(path)
    layers = []
    for i, activation in enumerate(described["activations"]):
        weight, bias = (arrays.get(f"layers.{i}.{part}") for part in ("weight", "bias"))
        layers.append((weight, bias, _restored(activation, weight)))
    return layers, header.metadata


def _plain(activation: Any) -> Any:
    """As JSON has it: a name, or a list of a name and its parameters."""
    if activation is None or isinstance(activation, str):
        return activation
    if isinstance(activation, tuple):
        return [_plain(part) for part in activation]
    if isinstance(activation, Mapping):
        return {name: _plain(value) for name, value in activation.items()}
    return np.asarray(activation).tolist()  # a number, or one for each column


def _restored(activation: Any, weight: Any) -> Any:
    """As `_plain` was given it; arrays have the dtype of the network."""
    if not isinstance(activation, list):
        return activation
    name, given = activation
    if isinstance(given, dict):
        return name, {word: _array(value, weight) for word, value in given.items()}
    return name, _array(given, weight)


def _array(value: Any, weight: Any) -> Any:
    return np.array(value, weight.dtype) if isinstance(value, list) else value
