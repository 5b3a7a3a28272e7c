"""The report of `propagate`: what each layer does to a signal, and what that means."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

from .._terminal import table
from ._plot import draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The thresholds of the verdicts, which `Report.__str__` states.
HEALTHY = SMALLEST, LARGEST = 1e-2, 1e2  # a signal or a gradient, relative to where it comes from
MOST_SATURATED = 0.5
MOST_SYMMETRIC = 0.5

# The worst first.
Verdict = Literal["symmetric", "exploding", "saturated", "vanishing", "healthy"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

_LEGEND = f"""\
symmetric: more than {MOST_SYMMETRIC:.0%} of the units have the weights and the bias of another unit, all finite
saturated: more than {MOST_SATURATED:.0%} of the outputs lie within 1 % of the range of an asymptote
exploding, vanishing: the spread relative to that of the input, or the norm of the gradient relative to
           that at the output, above {LARGEST:g} or below {SMALLEST:g}; infinities and NaN explode
spread:    std of a unit over the batch, RMS over the units;  gradient: RMS at the pre-activations
dead:      units whose slope is zero on the whole batch"""


@dataclass(frozen=True)
class LayerReport:
    """The statistics of one layer on a batch.

    Attributes
    ----------
    layer, inputs, outputs : int
        Its number from 1 on, and its widths.
    activation : str
    mean, std, rms : float
        Of all its outputs.
    spread : float
        Standard deviation of a unit over the batch, RMS over the units: the signal that tells one row
        from another. Of a single row, the RMS.
    dead : float
        Share of units whose slope is zero on the whole batch.
    saturated : float
        Share of outputs within 1 % of the activation's range of an asymptote.
    symmetric : float
        Share of units whose incoming weights and bias are finite and those of another unit too: they
        compute the same.
    gradient_rms : float
        RMS of the gradient at the pre-activations, for a standard normal gradient at the output.
    gradient_norm : float
        Its norm, relative to that at the output.
    condition : float or None
        Condition number of the weight, if it was asked for.
    verdict : {"symmetric", "exploding", "saturated", "vanishing", "healthy"}
    name : str or None
        Of a layer that has one: in a module of another framework.
    """

    layer: int
    inputs: int
    outputs: int
    activation: str
    mean: float
    std: float
    rms: float
    spread: float
    dead: float
    saturated: float
    symmetric: float
    gradient_rms: float
    gradient_norm: float
    condition: float | None
    verdict: Verdict
    name: str | None = None


def judge(spread: float, gradient_norm: float, saturated: float, symmetric: float) -> Verdict:
    """The verdict on a layer; the spread is relative to the input's."""
    if symmetric > MOST_SYMMETRIC:
        return "symmetric"
    if not (math.isfinite(spread) and math.isfinite(gradient_norm)):
        return "exploding"
    if saturated > MOST_SATURATED:
        return "saturated"
    if max(spread, gradient_norm) > LARGEST:
        return "exploding"
    if min(spread, gradient_norm) < SMALLEST:
        return "vanishing"
    return "healthy"


class Report:
    """What a network does to a batch and to its gradient, layer by layer.

    Attributes
    ----------
    layers : tuple of LayerReport
    input_spread : float
        The spread of the input batch, which those of the layers are compared with.

    Examples
    --------
    >>> import fastinit
    >>> report = fastinit.propagate([64, 32, 32, 8], initializer="zeros")
    >>> report.verdict
    'symmetric'
    >>> [layer.symmetric for layer in report.layers]
    [1.0, 1.0, 1.0]
    """

    def __init__(self, layers: tuple[LayerReport, ...], input_spread: float) -> None:
        self.layers = layers
        self.input_spread = input_spread

    @property
    def _is_named(self) -> bool:
        return any(layer.name is not None for layer in self.layers)

    @property
    def verdict(self) -> Verdict:
        """The commonest verdict on an unhealthy layer, the worst of equally common ones, or "healthy"."""
        counts = Counter(layer.verdict for layer in self.layers)
        del counts["healthy"]
        return max(counts, key=lambda name: (counts[name], -VERDICTS.index(name)), default="healthy")

    def to_dict(self) -> dict[str, list[Any]]:
        """The columns by name, one entry a layer, as a data frame takes them; without names if no layer has one.

        Examples
        --------
        >>> import fastinit
        >>> fastinit.propagate([64, 32, 8]).to_dict()["outputs"]
        [32, 8]
        """
        columns = {field.name: [getattr(layer, field.name) for layer in self.layers] for field in fields(LayerReport)}
        if not self._is_named:
            del columns["name"]
        return columns

    def plot(self, target: str | os.PathLike[str] | Sequence[Axes]) -> Figure:
        """Draw the spread and the gradient by layer, with matplotlib (``pip install 'fastinit[plot]'``).

        Parameters
        ----------
        target : str, path-like or two matplotlib Axes
            A file to write, its format by its ending, or the two axes to draw the signal and the
            gradient on.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If the file's folder does not exist, or matplotlib does not know its ending.
        """
        label = "this module" if self._is_named else self.layers[0].activation
        return draw({label: self}, HEALTHY, target)

    def __str__(self) -> str:
        head = ["layer", "units", "activation", "mean", "std", "rms", "spread", "dead", "saturated", "symmetric"]
        conditioned = self.layers[0].condition is not None
        tail = [" verdict", *([" name"] if self._is_named else [])]
        rows = [[*head, "gradient", *(["condition"] if conditioned else []), *tail]]
        for r in self.layers:
            sizes = [number(value) for value in (r.mean, r.std, r.rms, r.spread)]
            shares = [f"{value:.0%}" for value in (r.dead, r.saturated, r.symmetric)]
            condition = [] if r.condition is None else [number(r.condition)]
            gradient = [number(r.gradient_rms), *condition]
            tail = [f" {r.verdict}", *([f" {r.name or ''}"] if self._is_named else [])]
            rows.append([str(r.layer), str(r.outputs), r.activation, *sizes, *shares, *gradient, *tail])
        for column in range(-len(tail), 0):  # words begin at the left
            width = max(len(row[column]) for row in rows)
            for row in rows:
                row[column] = row[column].ljust(width)
        return f"{table(rows)}\n\n{self.verdict}\n\n{_LEGEND}"

    def __repr__(self) -> str:
        return f"<fastinit.propagation.Report of {len(self.layers)} layers: {self.verdict}>"


def number(value: float) -> str:
    """Three digits, in few characters."""
    return f"{value:.3g}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"
