"""How far a writing is: on a terminal, or told to a function of the caller's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Any

from .._arguments import brief
from .._terminal import Progress, amount


def check_progress(progress: Any) -> Any:
    if progress is None or isinstance(progress, bool) or callable(progress):
        return progress
    raise TypeError(f"`progress` must be None, a bool or a function of two ints. Received: progress={brief(progress)}")


class Watched:
    """Bytes that have been written, of all."""

    def __init__(self, progress: bool | Callable[[int, int], Any] | None, total: int) -> None:
        self._told = progress if callable(progress) else None
        shown = progress is None or progress is True
        # What takes no time needs no watching.
        self._line = Progress(sys.stderr if shown else None, after=0.5)
        self._total = total
        self._done = 0
        self._start = monotonic()

    def add(self, nbytes: int) -> None:
        self._done += nbytes
        if self._told is not None:
            self._told(self._done, self._total)
        elapsed = monotonic() - self._start
        if elapsed > 0.0:
            rate = self._done / elapsed
            left = (self._total - self._done) / rate
            self._line.say(f"{amount(self._done)} of {amount(self._total)}, {amount(rate)}/s, {left:.0f} s left")

    def finishing(self, name: str) -> None:
        """The bytes are the system's, and it is asked to have them on the disk."""
        self._line.say(f"{amount(self._done)} of {amount(self._total)}, {name} is being put on the disk")

    def __enter__(self) -> Watched:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._line.say("")
