"""Write the tables of docs/ and of README.md anew from the results in benchmarks/results/.

    python -m benchmarks.report tables RESULTS/<version>-<machine> --second RESULTS/<version>-<machine>

The second machine has a table of its promises, and a column in README.md and docs/comparison.md. Each table stands
between two comments, `<!-- table: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from benchmarks.report import tables_forward, tables_initializers, tables_promises
from benchmarks.report.cells import DOCS, Content

TABLES = tables_promises.TABLES | tables_initializers.TABLES | tables_forward.TABLES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, help="what the names of the result files begin with")
    parser.add_argument("--second", type=Path, required=True, help="the same of the second machine")
    parser.add_argument("--root", type=Path, default=DOCS.parent, help="the folder of README.md and docs/")
    parser.add_argument("--skip", nargs="+", default=[], choices=list(TABLES), help="tables to leave as they are")


def loaded(results: Path) -> Content:
    stem = results.name
    content = {
        file.stem.removeprefix(f"{stem}-"): json.loads(file.read_text())
        for file in results.parent.glob(f"{stem}-*.json")
    }
    if not content:
        raise SystemExit(f"no results begin with {str(results)!r}")
    return content


def written(page: Path, texts: dict[str, str]) -> None:
    """Put each table into its place."""
    content = page.read_text()
    for name, text in texts.items():
        pattern = re.compile(rf"(<!-- table: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(content):
            raise SystemExit(f"{page.name} has no place for the table {name!r}")
        content = pattern.sub(lambda match, text=text: f"{match[1]}{text}\n{match[2]}", content)
    page.write_text(content)


def run(options: argparse.Namespace) -> None:
    first, second = loaded(options.results), loaded(options.second)
    texts = {name: make(first) for name, make in TABLES.items() if name not in options.skip}
    texts |= {name: make(second) for name, make in tables_promises.SECOND.items()}
    written(options.root / "docs/performance.md", texts)
    for page in ("README.md", "docs/comparison.md"):
        written(options.root / page, {"summary": tables_promises.summary(first, second)})
