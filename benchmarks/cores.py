"""On which processors a process runs, and that the libraries in it have no threads besides."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

# Read by the libraries when they are imported. Threads of theirs that wait by spinning would disturb the others.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@contextmanager
def pinned(cores: str) -> Iterator[None]:
    """Keep this process, and those that it starts meanwhile, on one processor ("one") or leave it all ("all").

    Libraries count the processors when they are imported: a process that shall be right for them is started pinned.
    Where the system offers no such thing, nothing happens.
    """
    if cores == "all" or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def count(cores: str) -> int:
    """How many processors "one" or "all" are here."""
    if cores == "one":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
