"""Call the public API with arguments of every type, as often as one likes: python tools/fuzz.py --examples 200000.

Each call must give a result, the same bits at a second call on other threads, or be refused by a TypeError or
ValueError with nothing written; the first that does otherwise is shrunk and shown, and the exit code is 1. Under the
sanitizers (CONTRIBUTING.md) it also looks for reads and writes outside of arrays.
"""

from __future__ import annotations

import argparse
import collections
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from hypothesis import HealthCheck, Phase, given, seed, settings

from support.anything import calls, check

counts: collections.Counter[tuple[str, bool]] = collections.Counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--examples", type=int, default=20_000, help="how many calls (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other calls (default: %(default)s)")
    options = parser.parse_args()

    @seed(options.seed)
    @settings(
        max_examples=options.examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(calls())
    def run(call: tuple[str, dict[str, Any]]) -> None:
        counts[call[0], check(*call)] += 1

    warnings.simplefilter("ignore")
    begun = time.perf_counter()
    run()
    passed = sum(count for (_, accepted), count in counts.items() if accepted)
    print(f"{'function':22s} results refusals")
    for name in sorted({name for name, _ in counts}):
        print(f"{name:22s} {counts[name, True]:7d} {counts[name, False]:8d}")
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{counts.total()} calls, {passed} with a result, no fault; {time.perf_counter() - begun:.0f} s, at most "
        f"{megabytes:.0f} MiB"
    )


if __name__ == "__main__":
    main()
