"""Run a program in many processes, one a rank, that talk through gloo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def environment() -> dict[str, str]:
    """That of a process that is one of many: it imports what this one does, and leaves the others a core."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def run_ranks(program: Path, world: int, folder: Path, seconds: float = 300.0) -> list[dict[str, Any]]:
    """What each rank wrote: `program` gets its rank, the world's size and a folder, and writes `RANK.json` there."""
    processes = [
        subprocess.Popen(
            [sys.executable, str(program), str(rank), str(world), str(folder)],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(world)
    ]
    try:
        said = [process.communicate(timeout=seconds)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()  # where one has failed, the others wait for it
            process.wait()
    for rank, process in enumerate(processes):
        assert process.returncode == 0, f"rank {rank} of {world}:\n{said[rank]}"
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(world)]
