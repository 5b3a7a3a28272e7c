"""The table of promises, from the results of `python -m benchmarks.study promises`, and of the machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.report.cells import Content
from benchmarks.study.timing import short

TITLES = {"avx512": "AVX-512", "avx2": "AVX2", "neon": "NEON", "scalar": "scalar"}

# The rows of README.md: what, beside what, and the promise that measured it.
SUMMARY = (
    ("`uniform`, 16 M values", "NumPy's `random`", "uniform vs `random(out=)`"),
    ("`he_normal`, 16 M values", "the best NumPy idiom", "he_normal vs NumPy idiom"),
    ("", "PyTorch's `trunc_normal_`", "he_normal vs `torch.nn.init.trunc_normal_`"),
    (
        "`he_normal((8, 8))`, a call",
        "NumPy's `standard_normal`",
        "he_normal((8, 8), seed=0) vs `standard_normal((8, 8), dtype=f32)`, time of a call",
    ),
    ("`orthogonal`, 1024 x 1024", "NumPy's `qr`", "orthogonal 1024² vs NumPy's qr with its signs"),
    ("", "PyTorch's `orthogonal_`", "orthogonal 1024² vs `torch.nn.init.orthogonal_`"),
    ("`dense` with relu, 12 x 64 x 64", "NumPy", "dense + bias + relu 12x64x64 vs NumPy idiom"),
    ("`MLP` 8-64-64-4, one row", "ONNX Runtime", "MLP 8-64-64-4 relu, batch 1 vs onnxruntime"),
    ("", "PyTorch", "MLP 8-64-64-4 relu, batch 1 vs torch"),
    ("`MLP` 784-256-128-10, 32 rows", "ONNX Runtime", "MLP 784-256-128-10 relu, batch 32 vs onnxruntime"),
)


def machine(content: Content) -> str:
    facts = content["promises"]["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in content["promises"]["libraries"].items())
    virtual = "a virtual machine with " if facts.get("virtual") else ""
    return (
        f"{facts['processor']}, family {facts.get('family')}, model {facts.get('model')} "
        f"({facts.get('microarchitecture') or 'unknown'}); {virtual}{facts['cpus']} processors, "
        f"{facts.get('memory_gb')} GB of memory, caches {facts.get('l1')} + {facts.get('l2')} a core and "
        f"{facts.get('l3')} shared; {facts['system']}, transparent huge pages: {facts.get('transparent_hugepages')}; "
        f"Python {content['promises']['python']}, {versions}; fastinit {content['promises']['fastinit']}, "
        f"measured on {content['promises']['date']}."
    )


def promises(content: Content) -> str:
    """A row for every promise, the instruction sets side by side; what falls short is in bold."""
    rows = _rows(content)
    isas = list(dict.fromkeys(row["isa"] for row in rows))
    titles = [TITLES[isa] for isa in isas]
    lines = [f"| what | target ({titles[0]}) | " + " | ".join(titles) + " |"]
    lines.append("|---|---|" + "---|" * len(isas))
    for what in dict.fromkeys(row["what"] for row in rows):
        found = {row["isa"]: row for row in rows if row["what"] == what}
        cells = [_target(found), *(_figure(found[isa]) if isa in found else "" for isa in isas)]
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def summary(first: Content, second: Content) -> str:
    """The two machines side by side, each under its best instruction set: how many times faster."""
    columns = []
    for content in (first, second):
        rows = _rows(content)
        best = rows[0]["isa"]
        ratios = {
            row["what"]: row["measured"] if row["faster"] else 1 / row["measured"] for row in rows if row["isa"] == best
        }
        facts = content["promises"]["machine"]
        columns.append((f"{facts['microarchitecture']}, {TITLES[best]}", ratios))
    lines = [
        "| | how many times faster than | " + " | ".join(title for title, _ in columns) + " |",
        "|---|---|---:|---:|",
    ]
    for ours, other, what in SUMMARY:
        lines.append(f"| {ours} | {other} | " + " | ".join(f"{ratios[what]:.2g}x" for _, ratios in columns) + " |")
    return "\n".join(lines)


def _rows(content: Content) -> list[dict[str, Any]]:
    table = content["promises"]["promises"]
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


def _target(found: dict[str, dict[str, Any]]) -> str:
    """That of AVX-512, and of AVX2 behind it."""
    texts = {}
    for isa, row in found.items():
        if row["promised"] is not None:
            sign, unit = (">=", "x") if row["faster"] else ("<=", "")
            texts[isa] = sign, f"{row['promised']:g}{unit}"
    if "avx512" not in texts:
        return " ".join(f"{sign} {text}" for sign, text in texts.values())
    also = f" (AVX2 {texts['avx2'][1]})" if "avx2" in texts else ""
    return " ".join(texts["avx512"]) + also


def _figure(row: dict[str, Any]) -> str:
    number = f"{row['measured']:.2f}" + ("x" if row["faster"] else "")
    both = f"{short(row['ours_ns'])} / {short(row['other_ns'])} ns" + (" per call" if row["per"] == "call" else "")
    return f"{number if row['kept'] is not False else f'**{number}**'} ({both})"


TABLES: dict[str, Callable[[Content], str]] = {"machine": machine, "promises": promises}
SECOND: dict[str, Callable[[Content], str]] = {"second machine": machine, "second promises": promises}
