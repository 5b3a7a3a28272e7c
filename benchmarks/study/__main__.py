"""The commands that measure: python -m benchmarks.study promises | sweep initializers | sweep forward."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.study import against, promises, record, sweep_forward, sweep_initializers

CHILDREN = {
    "promises": promises.run_child,
    "against": against.run_child,
    "sweep initializers": sweep_initializers.run_child,
    "sweep forward": sweep_forward.run_child,
}


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--quick", action="store_true", help="a short look: few rounds, and nothing is kept")
    common.add_argument("--machine", default=record.machine_slug(), help="its name in the results' file names")
    common.add_argument("--results", type=Path, default=record.RESULTS, help="the folder for the results")

    top = argparse.ArgumentParser(prog="python -m benchmarks.study", description="Measure fastinit beside its peers.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("promises", parents=[common], help="every ratio that the project promises")
    promises.add_arguments(one)
    one.set_defaults(run=promises.run)
    sweeps = commands.add_parser("sweep", help="cost against size and beside every library").add_subparsers(
        required=True, metavar="WHAT"
    )
    for name, module, text in (
        ("initializers", sweep_initializers, "cost against size, and memory, threads and bounds"),
        ("forward", sweep_forward, "the forward pass, activations and orthogonal matrices"),
    ):
        one = sweeps.add_parser(name, parents=[common], help=text)
        module.add_arguments(one)
        one.set_defaults(run=module.run)
    return top


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        CHILDREN[sys.argv[2]](json.loads(sys.argv[3]))
        return
    options = parser().parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
