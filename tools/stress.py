"""Call fastinit from many threads and processes for as long as one likes: python tools/stress.py --seconds 600.

Every thread calls the same objects (one MLP among them), on one or two threads of the pool, and compares each result
with the one that a single thread gave before. Meanwhile processes are forked and spawned which do the same. The memory
that the process holds must not grow: it is looked at after a tenth of the time and at the end. `--calls 1000000` makes
as many calls in a row of each small kind, on one thread, and looks at the memory before and after.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import threading
import time
from collections.abc import Callable

import numpy as np

import fastinit

SMALL, MIDDLE, LARGE = (8, 8), (64, 64), (600, 500)
X = fastinit.normal((32, 8), std=1.0, seed=0)
WEIGHTS = fastinit.he_normal((8, 64), seed=1), fastinit.he_normal((64, 4), seed=2)
NETWORK = fastinit.MLP([(WEIGHTS[0], None, "tanh"), (WEIGHTS[1], None, "softmax")])
ENTRIES = {str(i): ("he_normal", MIDDLE) for i in range(6)}

CALLS: dict[str, Callable[[int], np.ndarray]] = {
    "he_normal, small": lambda threads: fastinit.he_normal(SMALL, seed=3, threads=threads),
    "normal, large": lambda threads: fastinit.normal(LARGE, seed=4, threads=threads),
    "uniform, into an array": lambda threads: fastinit.uniform(
        LARGE, seed=5, threads=threads, out=np.empty(LARGE, np.float32)
    ),
    "orthogonal": lambda threads: fastinit.orthogonal(MIDDLE, seed=6, threads=threads),
    "dense": lambda threads: fastinit.dense(X, WEIGHTS[0], None, "gelu", threads=threads),
    "MLP": lambda threads: NETWORK(X, threads=threads),
    "activate": lambda threads: fastinit.activate(X, "softmax", threads=threads),
    "initialize": lambda threads: np.concatenate(list(fastinit.initialize(ENTRIES, seed=7, threads=threads).values())),
}


def stress(seed: int, until: float, expected: dict[str, bytes], counts: list[int], faults: list[str]) -> None:
    rng, names = random.Random(seed), list(CALLS)
    while time.monotonic() < until and not faults:
        for _ in range(100):
            name = rng.choice(names)
            if CALLS[name](rng.randint(1, 2)).tobytes() != expected[name]:
                faults.append(name)
        counts[seed] += 100


def child(expected: dict[str, bytes]) -> None:
    sys.exit(any(call(2).tobytes() != expected[name] for name, call in CALLS.items()))


def resident() -> float:
    """MiB of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


SMALL_CALLS = ("he_normal, small", "dense", "MLP", "activate")


def in_a_row(count: int) -> list[str]:
    """What grew."""
    grew = []
    for name in SMALL_CALLS:
        call = CALLS[name]
        for _ in range(1000):
            call(1)
        early, begun = resident(), time.monotonic()
        for _ in range(count):
            call(1)
        grown = resident() - early
        print(f"{count} calls of {name}: {time.monotonic() - begun:.1f} s, {grown:+.2f} MiB")
        if grown > 1:
            grew.append(f"{name}: memory grew by {grown:.1f} MiB")
    return grew


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--threads", type=int, default=4, help="that call (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default: %(default)s)")
    parser.add_argument("--calls", type=int, help="only this many calls of each small kind, one behind the other")
    options = parser.parse_args()
    if options.calls:
        sys.exit(", ".join(in_a_row(options.calls)) or 0)

    expected = {name: call(1).tobytes() for name, call in CALLS.items()}
    counts, faults, children = [0] * options.threads, list[str](), 0
    begun = time.monotonic()
    until = begun + options.seconds
    threads = [
        threading.Thread(target=stress, args=(i, until, expected, counts, faults)) for i in range(options.threads)
    ]
    for thread in threads:
        thread.start()
    early = None
    while time.monotonic() < until and not faults:
        # A fork in the midst of other threads' calls: the child's pool starts anew.
        for method in ("fork", "spawn"):
            process = multiprocessing.get_context(method).Process(target=child, args=(expected,))
            process.start()
            process.join(60)
            if process.exitcode != 0:
                faults.append(f"a process by {method}: exit code {process.exitcode}")
                process.kill()
            children += 1
        if early is None and time.monotonic() - begun > options.seconds / 10:
            early = resident()
    for thread in threads:
        thread.join()
    late = resident()
    grown = late - (early or late)
    print(f"{sum(counts)} calls on {options.threads} threads, {children} processes, {late:.0f} MiB, {grown:+.1f} since")
    if grown > 8:
        faults.append(f"memory grew by {grown:.1f} MiB")
    sys.exit(f"fault: {', '.join(faults)}" if faults else 0)


if __name__ == "__main__":
    main()
