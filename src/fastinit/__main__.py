"""The command line: `python -m fastinit info`, `demo` and `signal`."""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .cli import demo as demo_command
from .cli import signal as signal_command
from .runtime import info

EXAMPLES = """\
examples:
  python -m fastinit info               the version, the instruction sets and the threads of this machine
  python -m fastinit demo               initialize GPT-2 small, beside NumPy
  python -m fastinit demo --seed 7 --no-compare
  FASTINIT_ISA=avx2 python -m fastinit demo
                                        the same bits by another instruction set
  python -m fastinit signal             five initializations of a deep network, side by side
"""

SIGNAL_EXAMPLES = """\
examples:
  python -m fastinit signal --plot signal.png
  python -m fastinit signal --widths 784,512x20,10 --activation relu \\
      --init he_normal,glorot_normal,normal:0.01,zeros,orthogonal --plot signal.png
  python -m fastinit signal --widths 64,100x50,10 --activation tanh --init glorot_normal,normal:1
  python -m fastinit signal --activation leaky_relu:0.2 --init he_normal,uniform:0:1,orthogonal:1.4

numbers after a name: normal:STD, truncated_normal:STD, uniform:LOW:HIGH, constant:VALUE, orthogonal:GAIN,
identity:GAIN, sparse:SPARSITY:STD, variance_scaling:SCALE
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, without the usage before it."""

    def print_help(self, file: Any = None) -> None:
        """As argparse does, but that errors of the output are told like those of any other."""
        print(self.format_help(), end="", file=file)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def seed(text: str) -> int:
    value = int(text) if text.isdecimal() and len(text) <= 20 else -1
    if not 0 <= value < 2**64:
        raise argparse.ArgumentTypeError(f"must be an integer in [0, 2**64). Received: {text}")
    return value


def count(text: str) -> int:
    value = int(text) if text.isdecimal() and len(text) <= 9 else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be an integer >= 1. Received: {text}")
    return value


def show_info() -> None:
    facts = info()
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"{name:{width}}  {', '.join(value) if isinstance(value, tuple) else value}")


def show_signal(parser: Parser, options: argparse.Namespace) -> None:
    try:
        signal_command.run(
            options.widths, options.activation, options.init, batch=options.batch, seed=options.seed, plot=options.plot
        )
    except (ImportError, OSError, TypeError, ValueError) as error:
        if isinstance(error, OSError) and error.filename is None:
            raise  # of the output, and not of the figure's file
        parser.exit(2, f"{parser.prog} signal: {error}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        try:
            return run(arguments)
        finally:
            # What is left of the output is written while an error can still be told.
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:  # as `head` closes it: whoever reads has had enough
        drop_output()
        return 128 + 13  # the shell's status of a program that SIGPIPE ended
    except OSError as error:
        drop_output()
        print(f"python -m fastinit: {error}", file=sys.stderr)
        return 1


def drop_output() -> None:
    """Send what is left of the output nowhere, so that the interpreter does not try it once more as it ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(arguments: Sequence[str] | None) -> int:
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

    signal = commands.add_parser(
        "signal",
        help="send a batch through a deep network, a gradient back, and compare initializations",
        description="Send a standard normal batch through a network and a gradient back, for several\n"
        "initializations; print how large both are along the way and what that means, and draw it.",
        epilog=SIGNAL_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    signal.add_argument(
        "--widths",
        default="784,512x20,10",
        help="sizes of the layers, 512x20 being twenty of 512 (default: %(default)s)",
    )
    signal.add_argument("--activation", default="relu", help="after every layer (default: %(default)s)")
    signal.add_argument(
        "--init",
        metavar="NAMES",
        default="he_normal,glorot_normal,orthogonal,normal:0.01,zeros",
        help="initializers, with commas between them (default: %(default)s)",
    )
    signal.add_argument("--batch", type=count, default=256, help="rows of the batch (default: %(default)s)")
    signal.add_argument("--seed", type=seed, default=0, help="an integer in [0, 2**64) (default: %(default)s)")
    signal.add_argument("--plot", metavar="FILE", help="draw it, as .png, .svg or .pdf; needs matplotlib")

    options = parser.parse_args(arguments)
    try:
        if options.command == "info":
            show_info()
        elif options.command == "signal":
            show_signal(parser, options)
        else:
            demo_command.run(seed=options.seed, compare=not options.no_compare)
    except MemoryError:
        parser.exit(1, f"{parser.prog}: there is not enough memory\n")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: interrupted\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
