"""Write the tables of docs/performance.md anew from the results in benchmarks/results/.

    python -m benchmarks.report tables benchmarks/results/<version>-<machine>

Each table stands between two comments, `<!-- table: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from benchmarks.report import tables_forward, tables_initializers, tables_promises
from benchmarks.report.cells import DOCS

TABLES = tables_promises.TABLES | tables_initializers.TABLES | tables_forward.TABLES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, help="what the names of the result files begin with")
    parser.add_argument("--page", type=Path, default=DOCS / "performance.md")
    parser.add_argument("--skip", nargs="+", default=[], choices=list(TABLES), help="tables to leave as they are")


def run(options: argparse.Namespace) -> None:
    folder, stem = options.results.parent, options.results.name
    content = {
        file.stem.removeprefix(f"{stem}-"): json.loads(file.read_text()) for file in folder.glob(f"{stem}-*.json")
    }
    if not content:
        raise SystemExit(f"no results begin with {str(options.results)!r}")
    page = options.page.read_text()
    for name, make in TABLES.items():
        if name in options.skip:
            continue
        pattern = re.compile(rf"(<!-- table: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(page):
            raise SystemExit(f"{options.page.name} has no place for the table {name!r}")
        text = make(content)
        page = pattern.sub(lambda match, text=text: f"{match[1]}{text}\n{match[2]}", page)
    options.page.write_text(page)
