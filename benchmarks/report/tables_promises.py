"""The table of promises, from the results of `python -m benchmarks.study promises`, and of the machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.report.cells import Content
from benchmarks.study.timing import short

TITLES = {"avx512": "AVX-512", "avx2": "AVX2, no target", "neon": "NEON, no target", "scalar": "scalar, no target"}


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
    table = content["promises"]["promises"]
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    isas = list(dict.fromkeys(row["isa"] for row in rows))
    lines = ["| what | target (AVX-512) | " + " | ".join(TITLES[isa] for isa in isas) + " |"]
    lines.append("|---|---|" + "---|" * len(isas))
    for what in dict.fromkeys(row["what"] for row in rows):
        found = {row["isa"]: row for row in rows if row["what"] == what}
        cells = [_target(found), *(_figure(found[isa]) if isa in found else "" for isa in isas)]
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


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
