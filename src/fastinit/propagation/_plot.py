"""The figure of one or more reports: the signal on its way up, the gradient on its way back."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._checks import check_axes_pair, check_figure_file, no_matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart by colour-blind eyes and by their brightness; markers and dashes help.
_COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
_DASHES = ("-", "--", "-.", ":")
_MARKERS = "osDXPp*"  # and no triangles, which stand for what lies beyond the scale

# No axis shows more than this; what lies beyond stands at its edge, as a triangle.
_LEAST, _MOST = 1e-9, 1e9
_BEYOND = "zero, or beyond the scale"


def require_matplotlib() -> None:
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise no_matplotlib() from None


def require_file(target: str | os.PathLike[str]) -> None:
    """Whether matplotlib can write a figure there."""
    from matplotlib.backend_bases import FigureCanvasBase

    check_figure_file(os.fspath(target), FigureCanvasBase.get_supported_filetypes())


def draw(reports: Mapping[str, Any], band: tuple[float, float], target: Any, title: str | None = None) -> Figure:
    """Draw a line for each `Report` on two axes, or into a file; return the figure.

    The band is what is healthy, relative to the input's spread and to the gradient's norm at the output.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    is_file = isinstance(target, (str, os.PathLike))
    if is_file:
        require_file(target)
        figure = Figure(figsize=(8, 7.5), layout="constrained")
        axes = figure.subplots(2, 1, sharex=True)
        if title is not None:
            figure.suptitle(title)
    else:
        axes = check_axes_pair(target)
        figure = axes[0].figure

    first = next(iter(reports.values()))
    smallest, largest = band
    signal_band = [(smallest * first.input_spread, largest * first.input_spread) for _ in first.layers]
    # The band of the gradient is one of its norm, which reaches the RMS by way of the layer's width.
    ratios = [_width_ratio(first.layers[-1], layer) for layer in first.layers]
    gradient_band = [(smallest * ratio, largest * ratio) for ratio in ratios]
    _panel(axes[0], {n: [r.spread for r in v.layers] for n, v in reports.items()}, signal_band)
    _panel(axes[1], {n: [r.gradient_rms for r in v.layers] for n, v in reports.items()}, gradient_band)
    stacked = axes[0].get_position().y0 >= axes[1].get_position().y1
    titles = (
        "Signal: standard deviation of a unit's output over the batch",
        ("Gradient: RMS at the pre-activations, for 1 at the output"),
    )
    for ax, words in zip(axes, titles, strict=True):
        # Side by side there is no room for more than the first word.
        ax.set_title(words if stacked else words.partition(":")[0], loc="left", fontsize=11, pad=9)
        if ax is axes[1] or not stacked:
            ax.set_xlabel("layer")
    axes[0].set_ylabel("standard deviation")
    axes[1].set_ylabel("gradient RMS")
    if is_file:
        entries = _legend(axes)
        figure.legend(entries.values(), entries, loc="outside lower center", ncols=min(4, len(entries)), frameon=False)
        figure.savefig(target, dpi=150)
    else:
        entries = _legend(axes)
        axes[0].legend(entries.values(), entries, frameon=False)
    return figure


def _width_ratio(last: Any, layer: Any) -> float:
    """The RMS of a gradient at a layer whose norm is that at the output."""
    if layer.name is not None and 0.0 < layer.gradient_norm < math.inf and 0.0 < layer.gradient_rms < math.inf:
        return float(layer.gradient_rms / layer.gradient_norm)  # a module's outputs have more axes than one
    return math.sqrt(last.outputs / layer.outputs)


def _legend(axes: Any) -> dict[str, Any]:
    """The handles of both axes by label, what lies beyond the scale last."""
    entries: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    beyond = entries.pop(_BEYOND, None)
    return entries if beyond is None else {**entries, _BEYOND: beyond}


def _panel(ax: Any, lines: Mapping[str, list[float]], band: list[tuple[float, float]]) -> None:
    from matplotlib.ticker import MaxNLocator, NullLocator

    layers = range(1, len(band) + 1)
    shown = [value for values in lines.values() for value in values if _LEAST <= value <= _MOST]
    low = min(shown + [low for low, _ in band]) / 3
    high = max(shown + [high for _, high in band]) * 3
    ax.fill_between(layers, *zip(*band, strict=True), facecolor="0.92", edgecolor="0.7", label="healthy", zorder=0)
    # Of lines that coincide all are seen: the first are the widest, and their markers stand at other layers.
    every = max(min(len(lines), len(band) // 5, 3), len(band) // 12, 1)
    for index, (name, values) in enumerate(lines.items()):
        color = _COLORS[index % len(_COLORS)]
        # NaN comes after an overflow: it stands where that does. The axes clip what lies beyond.
        seen = [high if math.isnan(value) else min(max(value, low), high) for value in values]
        ax.plot(
            layers,
            [value if 0.0 < value < math.inf else math.nan for value in values],
            color=color,
            linestyle=_DASHES[index // len(_COLORS) % len(_DASHES)] if index >= len(_COLORS) else "-",
            marker=_MARKERS[index % len(_MARKERS)],
            markevery=(index % every, every),
            markersize=5.5,
            markerfacecolor="white" if index % 2 else color,
            linewidth=min(3.0, 1.6 + 0.4 * (len(lines) - 1 - index)),
            label=name,
        )
        for edge, marker in ((low, "v"), (high, "^")):
            # Triangles of each scheme at other layers, so that none hides another.
            stride = max(every, len(lines))
            beyond = [layer for layer, value in zip(layers, seen, strict=True) if value == edge]
            at = [layer for layer in beyond if (layer - 1 - index) % stride == 0] or beyond[:1]
            if beyond:
                ax.plot(at, [edge] * len(at), marker, color=color, markersize=8, clip_on=False)
                ax.plot([], [], "v", color="0.4", markersize=8, label=_BEYOND)
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    ax.set_xlim(1, max(2, len(band)))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.spines[["top", "right"]].set_visible(False)
