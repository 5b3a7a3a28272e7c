"""Memory that fails once, at a chosen allocation: a library that is loaded before all others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# The n-th call of malloc, calloc or realloc after arm(n) returns NULL; the calls of other threads count, too.
SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

static long until;
static long seen;
static int armed;

void arm(long n) { until = n; seen = 0; armed = 1; }
long disarm(void) { armed = 0; return seen; }

static int fails(void)
{
    if (!armed)
        return 0;
    if (__atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED) != until)
        return 0;
    errno = ENOMEM;
    return 1;
}

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }
void *realloc(void *memory, size_t size) { return fails() ? NULL : __libc_realloc(memory, size); }
"""


def run_with_failing_memory(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in which `arm(n)` lets the n-th allocation fail; `disarm()` counts.

    Python's small objects come from memory of its own: were theirs to fail, too, NumPy itself would crash.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("memory is made to fail by glibc's names and a C compiler")
    source, library = folder / "failing.c", folder / "failing.so"
    source.write_text(SOURCE)
    built = subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=False)
    if built.returncode:
        pytest.skip("this C library has no __libc_malloc")
    prelude = (
        "import ctypes\n"
        f"_library = ctypes.PyDLL({str(library)!r})\n"
        "arm, disarm = _library.arm, _library.disarm\n"
        "arm.argtypes, arm.restype, disarm.restype = [ctypes.c_long], None, ctypes.c_long\n"
    )
    return subprocess.run(
        [sys.executable, "-c", prelude + script],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "LD_PRELOAD": str(library)},
    )
