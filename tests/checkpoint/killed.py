"""A process of test_safety.py: the same writing, killed at one step after the other, and then done again.

Its arguments are a directory, the way and whether there is another checkpoint before. Every operation by which a file
changes for good is a step; each is reached, and the process that would do it killed instead. What it prints is the
number of steps, if everything was as it should be.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from checkpoint.files import RULES, SEED, TENSORS

from fastinit.checkpoint import _ways, write

STEPS = ("open", "ftruncate", "posix_fallocate", "posix_fadvise", "fsync", "replace", "unlink", "pwrite")


def writes(directory: Path, steps: int, options: dict[str, Any]) -> None:
    """In a process of its own: write, and be killed at the step of this number."""
    pid = os.fork()
    if pid == 0:
        left = steps

        def stepping(function: Any) -> Any:
            def step(*args: Any, **kwargs: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*args, **kwargs)

            return step

        for name in STEPS:
            if hasattr(os, name):
                setattr(os, name, stepping(getattr(os, name)))
        try:
            write(directory, TENSORS, RULES, seed=SEED, max_shard_bytes=60_000, threads=1, **options)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert status == 0 or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL), status
    writes.killed = status != 0  # type: ignore[attr-defined]


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def main(directory: Path, direct: bool, before: str) -> int:
    _ways.WINDOW = _ways.CHUNK = 16384
    undisturbed = directory / "undisturbed"
    options: dict[str, Any] = {"direct": direct, "overwrite": before != "fresh"}
    writes(undisturbed, 0, options)
    wanted = contents(undisturbed)
    assert len(wanted) >= 3
    for steps in range(1, 10_000):
        place = directory / str(steps)
        old: dict[str, bytes] = {}
        if before != "fresh":
            size = 60_000 if before == "same names" else 30_000
            write(place, TENSORS, RULES, seed=SEED + 1, max_shard_bytes=size, threads=1)
            old = contents(place)
        writes(place, steps, options)
        was_killed = writes.killed  # type: ignore[attr-defined]
        found = contents(place) if place.exists() else {}
        index = "model.safetensors.index.json"
        for name, data in found.items():
            if not name.endswith(".tmp"):
                assert data in (wanted.get(name), old.get(name)), f"{name} is half-written, killed at step {steps}"
        named = {name: data for name, data in found.items() if not name.endswith(".tmp")}
        assert index not in named or named in (wanted, old), f"an index of what is not there, killed at step {steps}"
        whole = {
            name: (place / name).stat().st_ino for name in found if found[name] == wanted.get(name) != old.get(name)
        }
        writes(place, 0, options)
        assert contents(place) == wanted, f"the second run did not finish, killed at step {steps}"
        for name, inode in whole.items():
            assert (place / name).stat().st_ino == inode, f"{name} was written again, killed at step {steps}"
        if not was_killed:
            return steps - 1
    raise AssertionError("it never ended")


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), sys.argv[2] == "direct", sys.argv[3]))
