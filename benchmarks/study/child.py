"""Measurements run in processes of their own: pinned from the start, under one instruction set, with one task each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fastinit
from benchmarks import cores

ROOT = Path(__file__).parents[2]


def environment(isa: str, on: str, source: Path | None = None) -> dict[str, str]:
    """That of a child under this instruction set, on "one" core or "all", with the package of the folder `source`."""
    package = source or Path(fastinit.__file__).parents[1]
    path = [str(package), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    limits = cores.ONE_THREAD if on == "one" else {}
    return {**os.environ, "FASTINIT_ISA": isa, "PYTHONPATH": os.pathsep.join(path), **limits}


@contextmanager
def started(
    study: str, task: dict[str, Any], on: str, surroundings: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """`python -m benchmarks.study --child STUDY TASK`, whose lines are JSON; SystemExit if it fails."""
    command = [sys.executable, "-m", "benchmarks.study", "--child", study, json.dumps(task)]
    with cores.pinned(on):
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=surroundings, cwd=ROOT
        )
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise SystemExit(f"benchmarks.study {study}: a measurement failed, see above")


def rows(study: str, task: dict[str, Any], on: str, surroundings: Mapping[str, str]) -> Iterator[Any]:
    """What the child prints, as it comes."""
    with started(study, task, on, surroundings) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)


def say(row: Any) -> None:
    """In the child: one line for the parent."""
    print(json.dumps(row), flush=True)


def progress(text: str) -> None:
    """One line on standard error, written over itself on a terminal."""
    sys.stderr.write(f"\r\x1b[K{text}" if sys.stderr.isatty() else f"{text}\n")
    sys.stderr.flush()


def finished(text: str) -> None:
    """The last of these lines, which stays."""
    progress(f"{text}\n" if sys.stderr.isatty() else text)
