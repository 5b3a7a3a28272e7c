"""The tables of the forward pass, activations and orthogonal matrices, from `... study sweep forward`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.report.cells import NAMES, Content, fastest_in_bold, markdown, number

P99_FROM = 100  # samples; of fewer, the 99th percentile would be the largest


def forward_rows(content: Content, section: str, keys: int) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows of a section by their first columns: the instruction set, the case and the library."""
    table = content["forward"][section]
    return {tuple(row[:keys]): dict(zip(table["columns"], row, strict=True)) for row in table["rows"]}


def cases(rows: dict[tuple[Any, ...], Any]) -> list[tuple[Any, ...]]:
    """What stands between the instruction set and the library."""
    return list(dict.fromkeys(key[1:-1] for key in rows))


def latency(row: dict[str, Any] | None) -> str:
    """Median and 99th percentile in µs."""
    if row is None:
        return "-"
    p99 = number(row["p99_ns"] / 1e3) if row["samples"] >= P99_FROM else "-"
    return f"{number(row['median_ns'] / 1e3)} / {p99}"


def share(row: dict[str, Any] | None) -> str:
    return "-" if row is None else f"{100 * row['gflops'] / row['peak_gflops']:.0f} %"


def latency_table(content: Content, section: str, head: list[str], keys: int) -> str:
    """Latencies of every library, with the rate and its share of the fma peak where they were reckoned."""
    rows = forward_rows(content, section, keys)
    others = [name for name in dict.fromkeys(key[-1] for key in rows) if name != "fastinit"]
    with_rates = "gflops" in content["forward"][section]["columns"]
    head = [*head, "AVX-512", *(NAMES.get(name, name) for name in others), "AVX2"]
    head += ["AVX-512, GF/s", "of peak", "AVX2, of peak"] if with_rates else []
    lines = []
    for case in cases(rows):
        found = [rows.get(("avx512", *case, library)) for library in ("fastinit", *others)]
        texts = [latency(row) for row in found]
        cells = [*map(str, case), *fastest_in_bold(texts, [row and row["median_ns"] for row in found])]
        second = rows.get(("avx2", *case, "fastinit"))
        cells.append(latency(second))
        if with_rates and found[0]:
            cells += [number(found[0]["gflops"]), share(found[0]), share(second)]
        lines.append(cells)
    return markdown(head, lines)


def activate(content: Content) -> str:
    """ns per value."""
    rows = forward_rows(content, "activate", 3)
    lines = []
    for (name,) in cases(rows):
        keys = [("avx512", name, library) for library in ("fastinit", "numpy", "torch")]
        values = [rows[key]["median_ns"] / rows[key]["values"] if key in rows else None for key in keys]
        second = rows.get(("avx2", name, "fastinit"))
        cells = fastest_in_bold([_hundredths(value) for value in values], values)
        lines.append([f"`{name}`", *cells, _hundredths(second and second["median_ns"] / second["values"])])
    return markdown(["", "AVX-512", "NumPy, SciPy", "PyTorch", "AVX2"], lines)


def _hundredths(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def orthogonal(content: Content) -> str:
    """ms, with max |Q'Q - I| in parentheses."""
    rows = forward_rows(content, "orthogonal", 3)
    hidden = ("fastinit", "fastinit precise", "limit")
    others = [name for name in dict.fromkeys(key[-1] for key in rows) if name not in hidden]

    def cell(row: dict[str, Any] | None) -> str:
        return "-" if row is None else f"{_ms(row['ms'])} ({row['error']:.0e})".replace("e-0", "e-")

    lines = []
    for (shape,) in cases(rows):
        ours, precise, limit = (rows.get(("avx512", shape, name)) for name in hidden)
        if ours is None:
            continue
        found = [ours, *(rows.get(("avx512", shape, name)) for name in others)]
        texts = fastest_in_bold([cell(row) for row in found], [row and row["ms"] for row in found])
        times = number(ours["ms"] / limit["ms"]) + "x" if limit else "-"
        second = cell(rows.get(("avx2", shape, "fastinit")))
        lines.append([shape, _ms(limit["ms"]) if limit else "-", texts[0], times, cell(precise), second, *texts[1:]])
    head = [
        "",
        "limit",
        "AVX-512",
        "of the limit",
        "`precise=True`",
        "AVX2",
        *(NAMES.get(name, name) for name in others),
    ]
    return markdown(head, lines)


def _ms(value: float) -> str:
    return f"{value:.2g}" if value < 0.1 else number(value)


TABLES: dict[str, Callable[[Content], str]] = {
    "dense": lambda c: latency_table(c, "dense", ["rows x in x out", "activation"], 4),
    "mlp": lambda c: latency_table(c, "mlp", ["network", "rows", "activation"], 5),
    "population": lambda c: latency_table(c, "population", ["rows each"], 3),
    "activate": activate,
    "orthogonal": orthogonal,
}
