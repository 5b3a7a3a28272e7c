"""Draw cost against size from the sweep's results: docs/cost.svg.

python -m benchmarks.report plot cost benchmarks/results/<version>-<machine>-avx512.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.report.cells import DOCS, LAWS, size_text

# Okabe and Ito's colours, told apart by the colour-blind too, and a marker each for print.
STYLES: dict[str, tuple[str, str, str]] = {
    "scipy": ("SciPy", "#CC79A7", "v"),
    "torch": ("PyTorch", "#D55E00", "s"),
    "jax": ("JAX", "#E69F00", "^"),
    "numpy": ("NumPy", "#0072B2", "D"),
    "fastinit avx2": ("fastinit, AVX2", "#56B4E9", "o"),
    "fastinit": ("fastinit, AVX-512", "#009E73", "o"),
    "fill": ("the limit: ndarray.fill", "#000000", ""),
}


def series(content: dict[str, Any], law: str, library: str) -> list[tuple[int, float]]:
    """Size and ns per value of one line: float32, warm, one core."""
    table = content["cost"]
    rows = (dict(zip(table["columns"], row, strict=True)) for row in table["rows"])
    wanted = {"dtype": "float32", "law": law, "memory": "warm", "threads": "one", "library": library}
    return sorted((row["size"], row["ns"]) for row in rows if wanted.items() <= row.items())


def draw(content: dict[str, Any], second: dict[str, Any] | None, files: list[Path]) -> None:
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    plt.rcParams.update({"font.size": 11, "font.family": "DejaVu Sans", "svg.hashsalt": "fastinit"})
    figure, axes = plt.subplots(1, 3, figsize=(13, 5.6), sharex=True, sharey=True)
    for axis, (law, title) in zip(axes, LAWS.items(), strict=True):
        for key, (label, colour, marker) in STYLES.items():
            source = second if key == "fastinit avx2" else content
            points = series(source, law, key.split()[0]) if source else []
            if not points:
                continue
            ours = key.startswith("fastinit")
            axis.plot(
                *zip(*points, strict=True),
                label=label,
                color=colour,
                marker=marker,
                markersize=5,
                linewidth=2.6 if ours else 1.6,
                linestyle="--" if key == "fill" else "-",
                zorder=3 if ours else 2,
            )
        axis.set(xscale="log", yscale="log", title=title, xlabel="values in the tensor", ylim=(0.1, 600))
        axis.xaxis.set_major_locator(FixedLocator([1 << k for k in range(10, 27, 4)]))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.xaxis.set_major_formatter(FuncFormatter(size_text))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.grid(True, color="#DDDDDD", linewidth=0.7)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("nanoseconds per float32 value")
    handles, labels = axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False, columnspacing=1.4)
    facts = content["machine"]
    machine = f"{facts['processor']} ({facts.get('microarchitecture') or 'unknown'})"
    figure.suptitle(f"Time per value, memory already there, one core of an {machine}", y=0.98)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    for file in files:
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None, dpi=150)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, help="the JSON file of an AVX-512 machine, or of its best")
    parser.add_argument("--avx2", type=Path, help="that of the same machine under AVX2")
    parser.add_argument("--out", type=Path, nargs="+", default=[DOCS / "cost.svg"], help="an .svg or .png file")


def run(options: argparse.Namespace) -> None:
    second = json.loads(options.avx2.read_text()) if options.avx2 else None
    draw(json.loads(options.results.read_text()), second, options.out)
