"""The command line: `python -m fastinit info` and `python -m fastinit demo`."""

import argparse
from collections.abc import Sequence
from typing import NoReturn

from . import _demo
from .runtime import info

EXAMPLES = """\
examples:
  python -m fastinit info               the version, the instruction sets and the threads of this machine
  python -m fastinit demo               initialize GPT-2 small, beside NumPy
  python -m fastinit demo --seed 7 --no-compare
  FASTINIT_ISA=avx2 python -m fastinit demo
                                        the same bits by another instruction set
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def seed(text: str) -> int:
    value = int(text) if text.isdecimal() and len(text) <= 20 else -1
    if not 0 <= value < 2**64:
        raise argparse.ArgumentTypeError(f"must be an integer in [0, 2**64). Received: {text}")
    return value


def show_info() -> None:
    facts = info()
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"{name:{width}}  {', '.join(value) if isinstance(value, tuple) else value}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = Parser(
        prog="python -m fastinit",
        description="Neural-network weight initialization with the same bits on every machine.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    commands.add_parser("info", help="print the version, the instruction sets and the number of threads")
    demo = commands.add_parser(
        "demo",
        help="initialize every parameter of GPT-2 small and print times, moments and a checksum",
        description="Initialize every parameter of GPT-2 small by its published scheme; print the time beside "
        "NumPy's, the moments of each kind of tensor and a checksum of all bits. Takes about 0.6 GB of memory.",
    )
    demo.add_argument("--seed", type=seed, default=0, help="an integer in [0, 2**64) (default: %(default)s)")
    demo.add_argument("--no-compare", action="store_true", help="do not time NumPy")

    options = parser.parse_args(arguments)
    try:
        if options.command == "info":
            show_info()
        else:
            _demo.run(seed=options.seed, compare=not options.no_compare)
    except MemoryError:
        parser.exit(1, f"{parser.prog}: there is not enough memory; the demo holds the whole model, 0.5 GB\n")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: interrupted\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
