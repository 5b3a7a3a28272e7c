"""Weights in safetensors files, as layers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments import brief, check_flag, is_sequence
from .._safetensors import PathLike, read_arrays, read_header
from ._chain import Chain, Place


def read(
    path: PathLike, activation: Any, output_activation: Any, names: Iterable[str] | None, transpose_weight: bool
) -> Chain:
    transpose_weight = check_flag("transpose_weight", transpose_weight)
    tensors = read_header(path).tensors
    chosen = _all_layers(list(tensors)) if names is None else list(names)
    for name in chosen:
        if f"{name}.weight" not in tensors:
            raise ValueError(f"`names` must be of layers with a weight in the file. Received: {brief(name)}")
    activations = _activations(activation, output_activation, len(chosen))
    wanted = [f"{name}.{part}" for name in chosen for part in ("weight", "bias") if f"{name}.{part}" in tensors]
    for name in wanted:
        dtype = tensors[name].dtype
        if dtype not in ("F16", "BF16", "F32", "F64"):
            raise ValueError(f"{name!r} must be of float16, bfloat16, float32 or float64. Received: {dtype}")
    arrays = {
        name: _widened(array) if tensors[name].dtype == "BF16" else array
        for name, array in read_arrays(path, wanted).items()
    }
    chain = Chain()
    for position, (name, own) in enumerate(zip(chosen, activations, strict=True)):
        place = Place(position, name, "a dense layer")
        weight = arrays[f"{name}.weight"]
        chain.dense(place, weight.T if transpose_weight else weight, arrays.get(f"{name}.bias"))
        chain.activation(place, own)
    return chain


def _all_layers(tensors: list[str]) -> list[str]:
    """The names before .weight, 2 before 10."""
    layers = [name.removesuffix(".weight") for name in tensors if name.endswith(".weight")]
    known = {f"{name}.{part}" for name in layers for part in ("weight", "bias")}
    others = [name for name in tensors if name not in known]
    if others or not layers:
        raise ValueError(
            "a file must hold nothing but NAME.weight and NAME.bias of dense layers, or `names` must say which. "
            f"Received: {brief(others or tensors)}"
        )
    return sorted(layers, key=lambda name: [int(n) if n.isdigit() else n for n in re.split(r"(\d+)", name)])


def _activations(activation: Any, output_activation: Any, count: int) -> list[Any]:
    if is_sequence(activation) and not isinstance(activation, tuple):
        if len(activation) != count or output_activation is not None:
            raise ValueError(
                f"`activation` must be one for all layers but the last or a list of one for each of {count}, "
                f"without `output_activation`. Received: {brief(list(activation))}"
            )
        return list(activation)
    return [activation] * (count - 1) + [output_activation] * (count > 0)


def _widened(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """bfloat16 is the upper half of float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)
