"""What the tables of the report have in common: cells, names and Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
Content = dict[str, dict[str, Any]]  # of the result files, by what they are of

LAWS = {"uniform": "uniform", "normal": "normal", "truncated_normal": "truncated normal, ±2 std"}
NAMES = {
    "numpy": "NumPy",
    "numpy-threads": "NumPy, in threads",
    "scipy": "SciPy",
    "torch": "PyTorch",
    "jax": "JAX",
    "onnxruntime": "ONNX Runtime",
    "numpy qr": "NumPy qr",
    "numpy qr, stacked": "NumPy qr, one call",
    "scipy qr float32": "SciPy qr float32",
    "scipy ortho_group": "SciPy `ortho_group`",
}


def markdown(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def number(value: float | None) -> str:
    """About three digits."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def size_text(size: float, _: object = None) -> str:
    for unit, power in (("M", 20), ("k", 10)):
        if size >= 1 << power:
            return f"{size / (1 << power):g} {unit}"
    return f"{size:g}"


def fastest_in_bold(texts: list[str], values: list[float | None]) -> list[str]:
    """The cells of one row, that of the least value in bold, and equals to the shown digits."""
    best = texts[min((value, i) for i, value in enumerate(values) if value is not None)[1]].split(" / ")[0]
    return [f"**{text}**" if text.split(" / ")[0] == best else text for text in texts]
