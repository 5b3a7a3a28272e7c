"""The command line where its output ends: in a pipe that closes, on a full device, nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = {
    "info": ["info"],
    "signal": ["signal", "--widths", "8,8x3,4", "--batch", "4"],
    "help": ["--help"],
    "help of signal": ["signal", "--help"],
    "demo's help": ["demo", "--help"],
}

if sys.platform == "win32":
    pytest.skip("pipes are closed and devices full as Unix has them", allow_module_level=True)


def run(command: list[str], **streams: object) -> subprocess.CompletedProcess[bytes]:
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run([sys.executable, "-m", "fastinit", *command], timeout=120, check=False, **options)  # type: ignore[call-overload]


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_pipe_that_nobody_reads(name: str, unbuffered: bool) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = run(COMMANDS[name], stdout=writing, env={**os.environ, "PYTHONUNBUFFERED": "1" if unbuffered else ""})
    finally:
        os.close(writing)
    assert result.stderr == b""
    assert result.returncode == 141


@pytest.mark.parametrize("name", COMMANDS)
def test_a_pipe_that_closes_after_a_line(name: str) -> None:
    line = f"set -o pipefail; {sys.executable} -m fastinit {' '.join(COMMANDS[name])} | head -1 | wc -l"
    result = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120, check=False)
    assert result.stdout.strip() == "1"
    assert result.stderr == ""
    assert result.returncode in (0, 141)  # whether all was written before the pipe closed


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_device(name: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    with open("/dev/full", "wb") as full:
        result = run(COMMANDS[name], stdout=full)
    assert result.stderr.decode().splitlines() == ["python -m fastinit: [Errno 28] No space left on device"]
    assert result.returncode == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_no_output_at_all(name: str) -> None:
    """As pythonw and services have it: no stdout, no stderr, and nothing to complain to."""
    line = f"exec {sys.executable} -m fastinit {' '.join(COMMANDS[name])} >&- 2>&-"
    assert subprocess.run(["bash", "-c", line], timeout=120, check=False).returncode == 0


def test_errors_without_a_stderr() -> None:
    line = f"exec {sys.executable} -m fastinit signal --widths nonsense 2>&-"
    result = subprocess.run(["bash", "-c", line], capture_output=True, timeout=120, check=False)
    assert (result.returncode, result.stdout) == (2, b"")
