"""The command line: `python -m fastinit info`, `demo`, `signal` and `checkpoint`."""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .cli import checkpoint as checkpoint_command
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
  python -m fastinit checkpoint out --like model.safetensors --preset llama --dry-run
                                        the initial weights of a model as files
"""

CHECKPOINT_EXAMPLES = """\
examples:
  python -m fastinit checkpoint out --like model.safetensors --preset llama --dry-run
  python -m fastinit checkpoint out --config config.json --preset llama:std=0.01 --dtype bfloat16
  python -m fastinit checkpoint out --config config.json --preset gpt2:layers=12 --seed 7
  python -m fastinit checkpoint out --like old/ --rules rules.json --shard-size 2GB --part 0/4
                                        the first of four hosts; the others do the same with 1/4, 2/4 and 3/4

rules.json, of which the first pattern that matches a whole name counts:
  [[".*norm.weight", "ones"], [".*bias", "zeros"], [".*", "truncated_normal", {"std": 0.02}]]

After a failure the same command writes what is missing.
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


def write_checkpoint(parser: Parser, options: argparse.Namespace) -> None:
    asked = {name: getattr(options, name) for name in checkpoint_command.Options._fields}
    try:
        checkpoint_command.run(checkpoint_command.Options(**asked))
    except (ImportError, OSError, TypeError, ValueError) as error:
        if isinstance(error, OSError) and error.filename is None:
            raise  # of the output
        parser.exit(2, f"{parser.prog} checkpoint: {error}\n")


def add_checkpoint(commands: Any) -> None:
    checkpoint = commands.add_parser(
        "checkpoint",
        help="write the initial weights of a model as files of safetensors",
        description="Write the initial weights of a model as files of safetensors, straight to disk: a few megabytes\n"
        "of memory, as many hosts as there are, and the same bytes however many.",
        epilog=CHECKPOINT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    checkpoint.add_argument("out", metavar="OUT", help="the directory, which is made if it is not there")
    source = checkpoint.add_mutually_exclusive_group(required=True)
    source.add_argument("--like", metavar="PATH", help="names, shapes and dtypes of this file, index or directory")
    source.add_argument(
        "--config", metavar="FILE", help="those of this config.json of Hugging Face; needs transformers and PyTorch"
    )
    rules = checkpoint.add_mutually_exclusive_group(required=True)
    rules.add_argument("--rules", metavar="FILE", help="a JSON list of [pattern, initializer, arguments]")
    rules.add_argument("--preset", metavar="NAME", help="gpt2:layers=N, llama or vit, with options after a colon")
    checkpoint.add_argument("--seed", type=seed, default=0, help="an integer in [0, 2**64) (default: %(default)s)")
    checkpoint.add_argument("--dtype", metavar="DTYPE", help="of all tensors of floats (default: each its own)")
    checkpoint.add_argument("--shard-size", metavar="SIZE", default="5GB", help="of a file (default: %(default)s)")
    checkpoint.add_argument("--part", metavar="I/N", default="0/1", help="this host's share (default: %(default)s)")
    checkpoint.add_argument(
        "--skip", metavar="PATTERN", action="append", default=[], help="tensors that are left out; may be repeated"
    )
    checkpoint.add_argument(
        "--layout",
        choices=("out_in", "in_out"),
        default="out_in",
        help="how tensors are stored: PyTorch's or JAX's way (default: %(default)s)",
    )
    checkpoint.add_argument("--overwrite", action="store_true", help="replace files of another checkpoint")
    checkpoint.add_argument("--direct", action="store_true", help="write past the page cache (O_DIRECT)")
    checkpoint.add_argument("--threads", type=count, help="at most so many (default: all)")
    checkpoint.add_argument("--dry-run", action="store_true", help="print the plan and write nothing")


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
    add_checkpoint(commands)

    options = parser.parse_args(arguments)
    try:
        if options.command == "info":
            show_info()
        elif options.command == "signal":
            show_signal(parser, options)
        elif options.command == "checkpoint":
            write_checkpoint(parser, options)
        else:
            demo_command.run(seed=options.seed, compare=not options.no_compare)
    except MemoryError:
        parser.exit(1, f"{parser.prog}: there is not enough memory\n")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: interrupted\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
