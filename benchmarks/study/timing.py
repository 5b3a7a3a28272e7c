"""Interleaved timing: every library once, then every library once more, so that all see the same machine.

On one processor the clock is the processor time of the whole process, all of its threads together: what else
runs on the machine may take the processor away for a while but does not count. On several it is the wall's, and
also where the latency of single calls is asked for, with its 99th percentile.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from time import perf_counter, perf_counter_ns, process_time
from typing import Any

SHORTEST = 200e-6  # seconds of a sample; quicker calls are repeated within it
SHORTEST_LATENCY = 4e-6  # the same where single calls are asked for: the clock itself takes some 0.05 µs
TURN = 1e-3  # seconds of one job's turn, if its call is shorter


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


def latencies(
    jobs: Mapping[Any, Callable[[], Any]], *, seconds: float, fewest: int = 20, most: int = 2000
) -> dict[Any, tuple[int, list[float]]]:
    """Wall-clock seconds of single calls of each job, and how many calls a sample had to join because they are short.

    The jobs take turns of about a millisecond, or of one call if that is longer. A turn of several begins with a
    call that does not count: it brings back into the caches what the others drove out. The order turns round
    from one round to the next.
    """
    guess = {}
    for name, job in jobs.items():
        job()
        guess[name] = max(min(once(job) for _ in range(3)), 1e-7)
    calls = {name: max(1, math.ceil(SHORTEST_LATENCY / guess[name])) for name in jobs}
    turns = {name: max(1, round(TURN / (guess[name] * calls[name]))) for name in jobs}
    rounds = max(fewest, math.ceil(seconds / sum(guess[name] * (calls[name] * turns[name] + 1) for name in jobs)))
    samples: dict[Any, list[float]] = {name: [] for name in jobs}
    for number in range(rounds):
        for name in list(jobs)[:: -1 if number % 2 else 1]:
            if len(samples[name]) >= most:
                continue
            job, repeats = jobs[name], range(calls[name])
            if guess[name] < TURN:
                job()
            for _ in range(turns[name]):
                start = perf_counter_ns()
                for _ in repeats:
                    job()
                samples[name].append((perf_counter_ns() - start) / len(repeats) * 1e-9)
    return {name: (calls[name], samples[name]) for name in jobs}


def quartiles(times: list[float]) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper quartile."""
    low, middle, high = statistics.quantiles(times, n=4, method="inclusive")
    return low, middle, high


def ratio(of: list[float], to: list[float]) -> float:
    """The median of the ratios of the rounds."""
    return statistics.median(a / b for a, b in zip(of, to, strict=True))


def short(ns: float) -> str:
    """About three digits."""
    return f"{ns:,.0f}" if ns >= 100 else f"{ns:.3g}"
