"""What a person sees in a terminal: tables, and progress."""

from contextlib import suppress
from time import monotonic
from typing import TextIO


class Progress:
    """One line on a terminal, written over itself and wiped at the end; nothing on any other stream.

    Nothing is written before `after` seconds, so that what is quick stays silent. A stream that is not there, is
    closed or breaks silences it: no computation fails because nobody can watch.
    """

    def __init__(self, stream: TextIO | None, after: float = 0.0) -> None:
        self.stream = stream
        self.start = monotonic() + after
        self.visible = False
        if stream is not None:
            with suppress(Exception):  # whatever stands in for the stream raises
                self.visible = bool(stream.isatty())

    def say(self, text: str) -> None:
        if self.stream is None or not self.visible or monotonic() < self.start:
            return
        try:
            self.stream.write(f"\r\x1b[K{text}")
            self.stream.flush()
        except Exception:  # as above
            self.visible = False

    def bar(self, done: int, of: int, what: str) -> None:
        """A bar that is full when `done` is `of`."""
        filled = 30 * done // max(1, of)
        self.say(f"{'#' * filled}{'.' * (30 - filled)} {done}/{of} {what}")

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        self.say("")


def table(rows: list[list[str]]) -> str:
    """Rows of text in columns: the first on the left, the others on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def amount(nbytes: float) -> str:
    """So many bytes, in three digits of a decimal unit: "14.1 GB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if nbytes < 999.5:
            return f"{nbytes:.0f} {unit}" if unit == "B" or nbytes >= 99.95 else f"{nbytes:.3g} {unit}"
        nbytes /= 1000
    return f"{nbytes:.3g} TB" if nbytes < 99.95 else f"{nbytes:.0f} TB"
