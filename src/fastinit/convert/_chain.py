"""The layers of a model, as they come one after another, become dense layers of fastinit's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._arguments import DTypeLike, brief, check_dtype
from ..forward import Layer

_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
STRANGE = "is neither a dense layer nor an activation"


class Unfit(Exception):
    """Why a layer cannot be one of a chain; what stands after its name in a sentence."""


class Place(NamedTuple):
    """Where a layer stands in its model, and what it is called there."""

    position: int
    name: str
    kind: str

    def error(self, why: object) -> ValueError:
        name = "" if self.name in ("", str(self.position)) else f" ({self.name})"
        return ValueError(f"layer {self.position}{name}: {self.kind} {why}")


@dataclass
class _Dense:
    """(in, out) and (out,), in a dtype of their own or, folded, in float64."""

    weight: NDArray[Any]
    bias: NDArray[Any] | None
    dtype: np.dtype[Any]  # what it was in the model
    activation: Any = None

    def widen(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        weight = self.weight.astype(_FLOAT64)
        bias = np.zeros(weight.shape[1]) if self.bias is None else self.bias.astype(_FLOAT64)
        return weight, bias

    def scale_inputs(self, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> None:
        weight, bias = self.widen()
        self.bias = bias + np.broadcast_to(shift, weight.shape[:1]) @ weight
        self.weight = weight * np.broadcast_to(scale, weight.shape[:1])[:, None]

    def scale_outputs(self, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> None:
        weight, bias = self.widen()
        self.weight, self.bias = weight * scale, bias * scale + shift


class Chain:
    """Dense layers, each with the activation that follows it and what was folded into it."""

    def __init__(self) -> None:
        self._layers: list[_Dense] = []
        # What stands before a dense layer that is still to come: scale, shift, and where the last of it was.
        self._ahead: tuple[NDArray[np.float64], NDArray[np.float64], Place] | None = None

    @property
    def width(self) -> int | None:
        """Of what comes out of the layers so far, as far as it is known."""
        if self._layers:
            return int(self._layers[-1].weight.shape[1])
        return None if self._ahead is None or self._ahead[0].ndim == 0 else len(self._ahead[0])

    def dense(self, place: Place, weight: NDArray[Any], bias: NDArray[Any] | None) -> None:
        """A weight (in, out) and a bias (out,)."""
        if weight.ndim != 2:
            raise place.error(f"must have a weight of two axes. Received: {weight.shape}")
        if self.width not in (None, weight.shape[0]):
            raise place.error(f"must have as many inputs as come to it, {self.width}. Received: {weight.shape[0]}")
        if bias is not None and bias.shape != weight.shape[1:]:
            raise place.error(f"must have a bias of shape {weight.shape[1:]}. Received: {bias.shape}")
        arrays = [None if array is None else _real(place, array) for array in (weight, bias)]
        dtype = _FLOAT64 if any(array is not None and array.dtype == _FLOAT64 for array in arrays) else _FLOAT32
        layer = _Dense(arrays[0], arrays[1], dtype)  # type: ignore[arg-type]  # there is a weight
        if self._ahead is not None:
            layer.scale_inputs(*self._ahead[:2])
            self._ahead = None
        self._layers.append(layer)

    def activation(self, place: Place, activation: Any) -> None:
        """One of fastinit's: a name, or a name and its parameter."""
        if activation in (None, "linear"):
            return
        if not self._layers or self._ahead is not None or self._layers[-1].activation is not None:
            raise place.error("must follow a dense layer, with no other activation between")
        self._layers[-1].activation = activation

    def affine(self, place: Place, scale: Any, shift: Any) -> None:
        """Every feature times a number, plus another; one for all or (features,)."""
        scale, shift = (_real(place, np.asarray(array)).astype(_FLOAT64) for array in (scale, shift))
        for array in (scale, shift):
            if array.ndim > 1 or (array.ndim == 1 and self.width not in (None, len(array))):
                raise place.error(f"must scale each of {self.width} features. Received: shape {array.shape}")
        scale, shift = np.broadcast_arrays(scale, shift)
        if self._layers and self._layers[-1].activation is None and self._ahead is None:
            self._layers[-1].scale_outputs(scale, shift)
        elif self._ahead is None:
            self._ahead = scale, shift, place
        else:
            self._ahead = self._ahead[0] * scale, self._ahead[1] * scale + shift, place

    def layers(self, dtype: DTypeLike) -> list[Layer]:
        """All of them, in one dtype; None is the widest of theirs."""
        if self._ahead is not None:
            raise self._ahead[2].error("must stand next to a dense layer, which it is folded into")
        if not self._layers:
            raise ValueError("the model must hold a dense layer. Received: none")
        wanted = max((layer.dtype for layer in self._layers), key=lambda dtype: dtype.itemsize)
        if dtype is not None:
            wanted = check_dtype(dtype).numpy
            if wanted not in (_FLOAT32, _FLOAT64):
                raise TypeError(f"`dtype` must be float32 or float64. Received: {brief(dtype)}")
        return [
            Layer(
                _rounded(i, "weight", layer.weight, wanted),
                None if layer.bias is None else _rounded(i, "bias", layer.bias, wanted),
                layer.activation,
            )
            for i, layer in enumerate(self._layers)
        ]


def _real(place: Place, array: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in float32 or float64."""
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype in (_FLOAT32, _FLOAT64):
        return array
    if array.dtype == np.float16 or array.dtype.name.startswith(("bfloat", "float8")):
        return array.astype(_FLOAT32)
    if array.dtype.kind in "biu":
        return array.astype(_FLOAT64)
    raise place.error(f"must hold real numbers. Received: dtype {array.dtype}")


def _rounded(index: int, name: str, array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore"):
        rounded = array.astype(dtype)
    if (np.isinf(rounded) & np.isfinite(array)).any():
        largest = np.abs(array[np.isfinite(array)]).max()
        raise ValueError(
            f"every finite value must be finite in {dtype}. Received: {largest:.6g} in dense layer {index}'s {name}"
        )
    return rounded


def one_or_each(array: NDArray[Any]) -> NDArray[Any]:
    """A constant that is added to rows or multiplied with them, without leading axes of one element."""
    if array.size == 1:
        return array.reshape(())
    return array.reshape(-1) if array.shape[-1:] == (array.size,) else array


def scale_and_shift(mean: Any, variance: Any, eps: float, gamma: Any, beta: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """(x - mean) / sqrt(variance + eps) * gamma + beta as a scale and a shift."""
    scale = (1.0 if gamma is None else np.asarray(gamma, np.float64)) / np.sqrt(np.asarray(variance, np.float64) + eps)
    shift = (0.0 if beta is None else np.asarray(beta, np.float64)) - np.asarray(mean, np.float64) * scale
    return scale, shift
