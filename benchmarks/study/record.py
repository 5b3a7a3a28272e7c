"""What is kept of a measurement: the machine, the versions and the figures, as JSON."""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
from pathlib import Path
from typing import Any

import fastinit
from benchmarks.peers import libraries

RESULTS = Path(__file__).parents[1] / "results"
MICROARCHITECTURES = {
    ("GenuineIntel", 6, 85): "Skylake-SP or Cascade Lake",
    ("GenuineIntel", 6, 106): "Ice Lake-SP",
    ("GenuineIntel", 6, 143): "Sapphire Rapids",
    ("GenuineIntel", 6, 173): "Granite Rapids",
    ("GenuineIntel", 6, 207): "Emerald Rapids",
    ("AuthenticAMD", 25, 1): "Zen 3",
    ("AuthenticAMD", 25, 17): "Zen 4",
    ("AuthenticAMD", 26, 2): "Zen 5",
}


def machine() -> dict[str, Any]:
    """The machine, as far as it can be told without naming it."""
    facts: dict[str, Any] = {"processor": platform.machine(), "cpus": os.cpu_count(), "system": platform.system()}
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        fields = {
            key.strip(): value.strip()
            for key, _, value in (line.partition(":") for line in cpuinfo.read_text().split("\n\n")[0].splitlines())
        }
        facts["processor"] = re.sub(r"\((R|TM)\)", "", fields.get("model name", facts["processor"]))
        if "vendor_id" in fields:
            who = (fields["vendor_id"], int(fields["cpu family"]), int(fields["model"]))
            facts["family"], facts["model"] = who[1:]
            facts["microarchitecture"] = MICROARCHITECTURES.get(who, "")
            facts["virtual"] = "hypervisor" in fields.get("flags", "").split()
    if (memory := Path("/proc/meminfo")).exists():
        facts["memory_gb"] = round(int(memory.read_text().split()[1]) / 2**20)
    if (huge := Path("/sys/kernel/mm/transparent_hugepage/enabled")).exists():
        facts["transparent_hugepages"] = huge.read_text().split("[")[1].split("]")[0]
    for level in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind = (level / "type").read_text().strip()
        if kind != "Instruction":
            facts[f"l{(level / 'level').read_text().strip()}"] = (level / "size").read_text().strip()
    return facts


def machine_slug() -> str:
    """A name for files, such as intel-emerald-rapids."""
    facts = machine()
    vendor = facts["processor"].split()[0]
    name = f"{vendor} {facts['microarchitecture']}" if facts.get("microarchitecture") else facts["processor"]
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def path(folder: Path, slug: str, what: str) -> Path:
    return folder / f"{fastinit.__version__}-{slug}-{what}.json"


def load(file: Path) -> dict[str, Any]:
    """What the file holds, or an empty record; machine, instruction sets, versions and date are those of now."""
    content = json.loads(file.read_text()) if file.exists() else {}
    content["fastinit"] = fastinit.__version__
    content["machine"] = machine()
    content["isas"] = list(fastinit.available_isas())
    content["python"] = platform.python_version()
    content["libraries"] = libraries.versions()
    content["date"] = datetime.date.today().isoformat()
    return content


def save(file: Path, content: dict[str, Any]) -> None:
    """One line for every fact and for every row of a table."""
    lines = []
    for key, value in content.items():
        if isinstance(value, dict) and "rows" in value:
            rows = ",\n   ".join(json.dumps(row) for row in value["rows"])
            lines.append(f' "{key}": {{"columns": {json.dumps(value["columns"])},\n  "rows": [\n   {rows}\n  ]}}')
        else:
            lines.append(f' "{key}": {json.dumps(value)}')
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def merge(content: dict[str, Any], table: str, columns: list[str], rows: list[list[Any]], keys: int) -> None:
    """Put rows into a table of the record, in place of those with the same first `keys` columns."""
    kept = {tuple(row[:keys]): row for row in content.get(table, {}).get("rows", [])}
    for row in rows:
        kept[tuple(row[:keys])] = row
    content[table] = {"columns": columns, "rows": list(kept.values())}


def show(columns: list[str], rows: list[list[Any]]) -> None:
    """Print a table that is not kept."""
    texts = [columns, *([f"{cell:.5g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for line in texts:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    print(flush=True)


def best_isas() -> list[str]:
    """The instruction sets that can run here, best first."""
    return list(reversed(fastinit.available_isas()))


def fast_isas() -> list[str]:
    """The two best of those with a fused multiply-add of their own, or what there is."""
    return [isa for isa in best_isas() if isa not in ("scalar", "sse42")][:2] or best_isas()
