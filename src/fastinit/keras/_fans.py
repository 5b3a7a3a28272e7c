"""Fans as Keras counts them: of the axes that a layer names, or of (*receptive field*, in, out)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ._initializer import RandomInitializer

AxesOrNone = Sequence[int] | None


class FanInitializer(RandomInitializer):
    """An initializer with a fan in its formula, whose axes EinsumDense and MultiHeadAttention set.

    They do so only for subclasses of Keras's VarianceScaling, and from Keras 3.15 on; before, Keras takes the
    fans of convolutions for theirs.
    """

    input_axes: AxesOrNone
    output_axes: AxesOrNone

    def _keep_axes(self, input_axes: AxesOrNone, output_axes: AxesOrNone) -> None:
        """Take the axes in the place of Keras's constructor, which did not always know them."""
        self.input_axes = input_axes
        self.output_axes = output_axes

    def _named_axes(self) -> tuple[Sequence[int], Sequence[int]] | None:
        """The axes, if there are both; with one alone Keras, too, takes its default."""
        if self.input_axes is None or self.output_axes is None:
            return None
        return self.input_axes, self.output_axes

    def _fan_in_axes(self, ndim: int) -> dict[str, Any]:
        """Axes by which fastinit's fan_in is Keras's: the product of `input_axes`, and nothing else."""
        axes = self._named_axes()
        if axes is None:
            return {}
        inputs = {axis % ndim for axis in axes[0]}
        return {"in_axis": tuple(inputs), "out_axis": (), "batch_axis": tuple(set(range(ndim)) - inputs)}

    def _separate_axes(self, ndim: int) -> dict[str, Any]:
        """Axes by which a fan has those of `input_axes` or `output_axes` alone; what is in both counts tensors."""
        axes = self._named_axes()
        if axes is None:
            return {}
        inputs, outputs = ({axis % ndim for axis in part} for part in axes)
        alone = inputs - outputs, outputs - inputs
        batch = set(range(ndim)) - alone[0] - alone[1]
        return {"in_axis": tuple(alone[0]), "out_axis": tuple(alone[1]), "batch_axis": tuple(batch)}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor; a Key as its two words, ``{"key": ..., "stream": ...}``."""
        return {**super().get_config(), "input_axes": self.input_axes, "output_axes": self.output_axes}


def fans_of_axes(shape: tuple[int, ...], input_axes: Sequence[int], output_axes: Sequence[int]) -> tuple[int, int]:
    """(fan_in, fan_out) of named axes. An axis that is in both counts in both; others count in none."""
    return math.prod([shape[axis] for axis in input_axes]), math.prod([shape[axis] for axis in output_axes])
