"""The floating-point mode of this thread, as another library may have left it."""

from __future__ import annotations

import ctypes
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MODE_SOURCE = """
#include <xmmintrin.h>
unsigned get_mode(void) { return _mm_getcsr(); }
void set_mode(unsigned mode) { _mm_setcsr(mode); }
"""
FTZ, DAZ = 1 << 15, 1 << 6
UPWARD, TOWARDS_ZERO = 2 << 13, 3 << 13
FLAGS = 0x3F  # exceptions that have been seen; no mode


@contextmanager
def mode(mxcsr: ctypes.CDLL, bits: int) -> Iterator[None]:
    before = mxcsr.get_mode()
    mxcsr.set_mode(before | bits)
    try:
        yield
        after = mxcsr.get_mode()
    finally:
        mxcsr.set_mode(before)
    assert after & ~FLAGS == (before | bits) & ~FLAGS


def reach_mode(folder: Path) -> ctypes.CDLL:
    """Two functions that read and write this thread's MXCSR, compiled in a folder."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("MXCSR is a register of x86-64")
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler to reach the mode with")
    source, library = folder / "mode.c", folder / "mode.so"
    source.write_text(MODE_SOURCE)
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source], check=True, timeout=60)
    loaded = ctypes.CDLL(str(library))
    loaded.get_mode.restype = ctypes.c_uint
    loaded.set_mode.argtypes = [ctypes.c_uint]
    loaded.set_mode.restype = None
    return loaded
