"""Draw the time of a square orthogonal matrix against its side: docs/orthogonal.svg.

python -m benchmarks.report plot orthogonal benchmarks/results/<version>-<machine>-forward.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.report.cells import DOCS

Points = list[tuple[int, float]]

# By instruction set and library: label, colour (Okabe and Ito's, as in plot_cost.py), marker.
STYLES: dict[tuple[str, str], tuple[str, str, str]] = {
    ("avx512", "scipy ortho_group"): ("SciPy ortho_group", "#CC79A7", "v"),
    ("avx512", "jax"): ("JAX", "#E69F00", "^"),
    ("avx512", "numpy qr"): ("NumPy qr", "#0072B2", "D"),
    ("avx512", "torch"): ("PyTorch", "#D55E00", "s"),
    ("avx512", "scipy qr float32"): ("SciPy qr float32", "#777777", "P"),
    ("avx2", "fastinit"): ("fastinit, AVX2", "#56B4E9", "o"),
    ("avx512", "fastinit"): ("fastinit, AVX-512", "#009E73", "o"),
    ("avx512", "limit"): ("", "#000000", ""),
}
LIMIT = "the limit: 4/3 n³ operations\nat the rate of dense"


def series(content: dict[str, Any], isa: str, library: str) -> Points:
    """Side and milliseconds of the squares."""
    table = content["orthogonal"]
    rows = (dict(zip(table["columns"], row, strict=True)) for row in table["rows"])
    points = []
    for row in rows:
        if row["isa"] == isa and row["library"] == library and " of " not in row["shape"]:
            height, width = map(int, row["shape"].split("x"))
            if height == width:
                points.append((height, row["ms"]))
    return sorted(points)


def draw(content: dict[str, Any], files: list[Path]) -> None:
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    plt.rcParams.update({"font.size": 11, "font.family": "DejaVu Sans", "svg.hashsalt": "fastinit"})
    figure, axis = plt.subplots(figsize=(9, 6.6))
    for (isa, library), (label, colour, marker) in STYLES.items():
        points = series(content, isa, library)
        if not points:
            continue
        ours = library == "fastinit"
        axis.plot(
            *zip(*points, strict=True),
            label=label,
            color=colour,
            marker=marker,
            markersize=6,
            linewidth=2.6 if ours else 1.6,
            linestyle="--" if library == "limit" else "-",
            zorder=3 if ours else 2,
        )
    axis.set(xscale="log", yscale="log", xlabel="side n of the matrix", ylabel="milliseconds", ylim=(0.001, 3000))
    sides = sorted({n for isa, library in STYLES for n, _ in series(content, isa, library)})
    axis.xaxis.set_major_locator(FixedLocator(sides))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.grid(True, color="#DDDDDD", linewidth=0.7)
    axis.spines[["top", "right"]].set_visible(False)
    # The legend takes the upper left; below the dashed line there is room for its name.
    below = {n: ms for n, ms in series(content, "avx512", "limit") if n <= 256}
    if below:
        side = max(below)
        axis.annotate(LIMIT, (side, below[side]), (12, -14), textcoords="offset points", va="top")
    axis.legend(loc="upper left", frameon=True, framealpha=1, edgecolor="none", labelspacing=0.3)
    facts = content["machine"]
    machine = f"{facts['processor']} ({facts.get('microarchitecture') or 'unknown'})"
    axis.set_title(f"Time of a random orthogonal n x n matrix, float32,\none core of an {machine}", pad=12)
    figure.tight_layout()
    for file in files:
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None, dpi=110)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, help="the JSON file of `study sweep forward`")
    parser.add_argument("--out", type=Path, nargs="+", default=[DOCS / "orthogonal.svg"], help="an .svg or .png file")


def run(options: argparse.Namespace) -> None:
    draw(json.loads(options.results.read_text()), options.out)
