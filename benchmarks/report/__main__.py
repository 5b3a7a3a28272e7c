"""The commands that show results: python -m benchmarks.report tables | plot cost | plot orthogonal."""

from __future__ import annotations

import argparse

from benchmarks.report import plot_cost, plot_orthogonal, tables


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m benchmarks.report", description="Show what benchmarks.study found.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("tables", help="write the tables of docs/performance.md anew")
    tables.add_arguments(one)
    one.set_defaults(run=tables.run)

    plots = commands.add_parser("plot", help="draw a figure of docs/").add_subparsers(required=True, metavar="WHAT")
    for name, module, text in (
        ("cost", plot_cost, "cost against size, from `study sweep initializers`"),
        ("orthogonal", plot_orthogonal, "the time of orthogonal matrices, from `study sweep forward`"),
    ):
        one = plots.add_parser(name, help=text)
        module.add_arguments(one)
        one.set_defaults(run=module.run)
    return top


def main() -> None:
    options = parser().parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
