"""Interleaved timing: every library once, then every library once more, so that all see the same machine.

On one processor the clock is the processor time of the whole process, all of its threads together: what else
runs on the machine may take the processor away for a while but does not count. On several it is the wall's.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from time import perf_counter, process_time
from typing import Any

SHORTEST = 200e-6  # seconds of a sample; quicker calls are repeated within it


def once(job: Callable[[], Any], calls: int = 1, threads: int = 2) -> float:
    clock = process_time if threads == 1 else perf_counter
    start = clock()
    for _ in range(calls):
        job()
    return (clock() - start) / calls


def interleaved(
    jobs: Mapping[Any, Callable[[], Any]], *, threads: int, seconds: float, fewest: int = 3, most: int = 41
) -> dict[Any, list[float]]:
    """Seconds of a call of each job in every round, for about as long as asked.

    The order turns round from one round to the next. Where one job takes much longer than the others,
    it is the one that limits the number of rounds.
    """
    guess = {name: max(once(job, 1, threads), 1e-7) for name, job in jobs.items()}
    calls = {name: max(1, math.ceil(SHORTEST / guess[name])) for name in jobs}
    for name, job in jobs.items():  # the first call may have met cold caches
        if calls[name] > 1:
            guess[name] = once(job, calls[name], threads)
            calls[name] = max(1, math.ceil(SHORTEST / guess[name]))
    rounds = round(seconds / sum(guess[name] * calls[name] for name in jobs))
    rounds = max(fewest, min(most, rounds))
    times: dict[Any, list[float]] = {name: [] for name in jobs}
    for number in range(rounds):
        for name in list(jobs)[:: -1 if number % 2 else 1]:
            times[name].append(once(jobs[name], calls[name], threads))
    return times


def quartiles(times: list[float]) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper quartile."""
    low, middle, high = statistics.quantiles(times, n=4, method="inclusive")
    return low, middle, high


def ratio(of: list[float], to: list[float]) -> float:
    """The median of the ratios of the rounds."""
    return statistics.median(a / b for a, b in zip(of, to, strict=True))
