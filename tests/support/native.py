"""C programs for this machine and for those that QEMU and Wine play, compiled as setup.py compiles the kernels."""

from __future__ import annotations

import ast
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "src" / "fastinit" / "csrc"
MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
PACKAGES = {
    "aarch64": "gcc-aarch64-linux-gnu, libc6-dev-arm64-cross",
    "x86_64": "gcc-x86-64-linux-gnu",
    "windows": "gcc-mingw-w64-x86-64",
}


def compiler_of(machine: str) -> str:
    """Of an architecture under Linux, or of "windows", which is x86-64 there."""
    compiler = "x86_64-w64-mingw32-gcc" if machine == "windows" else f"{machine}-linux-gnu-gcc"
    if machine == MACHINE:
        compiler = "cc"
    if shutil.which(compiler) is None:
        pytest.skip(f"no compiler {compiler}" + ("" if compiler == "cc" else f" (Debian: {PACKAGES[machine]})"))
    return compiler


def setup_constant(name: str) -> Any:
    """A literal of setup.py, which cannot be imported: that would build."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise LookupError(name)


def flags_of(machine: str) -> list[str]:
    flags: list[str] = setup_constant("FLAGS")
    return flags + setup_constant("WINDOWS_GCC_FLAGS") if machine == "windows" else flags


def flags_of_isas(machine: str) -> dict[str, list[str]]:
    """The instruction sets of a machine, and the flags that each has for itself."""
    found: dict[str, list[str]] = setup_constant("ISA_FLAGS")["x86_64" if machine == "windows" else machine]
    return found


def wine(folder: Path) -> list[str]:
    """The command that runs a program for Windows; what Wine takes for its disks lies in the folder."""
    program = shutil.which("wine64") or shutil.which("wine")
    if program is None or MACHINE != "x86_64":
        pytest.skip("no Wine on x86-64 (Debian: wine, wine64)")
    settings = [f"WINEPREFIX={folder}", "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml="]
    return ["env", *settings, program]


def emulator(machine: str, cpu: str) -> list[str]:
    program = shutil.which(f"qemu-{machine}")
    if program is None or sys.platform != "linux":
        pytest.skip(f"no qemu-{machine} (Debian: qemu-user)")
    version = re.search(r"version (\d+)\.(\d+)", subprocess.check_output([program, "--version"], text=True))
    assert version
    if cpu == "Haswell" and (int(version[1]), int(version[2])) < (7, 2):
        pytest.skip(f"qemu has AVX2 since 7.2, this is {version[0]}")
    return [program, "-cpu", cpu]
