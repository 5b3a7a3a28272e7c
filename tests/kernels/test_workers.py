"""The pool's threads exist and have stack enough, whatever a process keeps there, and `info` counts them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastinit

# The deepest kernels, each by one thread and by several: the number of different results, then of workers.
DRAWS = """
import fastinit, numpy as np
def draw(threads):
    x = fastinit.normal((300, 200), seed=1)
    return b"".join(a.tobytes() for a in (
        fastinit.orthogonal((300, 300), seed=0, threads=threads),
        fastinit.orthogonal((300, 300), seed=0, threads=threads, dtype="float64"),
        fastinit.orthogonal((90, 90), seed=0, threads=threads, dtype="complex128"),
        fastinit.truncated_normal(200_000, 0.0, 1.0, 5.0, 8.0, seed=0, threads=threads),
        fastinit.truncated_normal(200_000, 0.0, 1.0, 5.0, 8.0, seed=0, threads=threads, dtype="float64"),
        fastinit.dense(x, x.T, activation="softmax", threads=threads),
    ))
print(len({draw(threads) for threads in (3, 1, 3)}), fastinit.info()["workers"])
"""

BIG_TLS = "__thread char big[BYTES]; char *touch(void) { return big; }"

# Refuses the first so many threads, as a full table of processes does.
REFUSING = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
    static int calls;
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = dlsym(RTLD_NEXT, "pthread_create");
    const char *refused = getenv("REFUSED");
    if (calls++ < (refused ? atoi(refused) : 0))
        return EAGAIN;
    return real(thread, attributes, run, context);
}
"""


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout.strip()


def preloaded(source: str, folder: Path, *flags: str) -> str:
    """A library of this source, to be loaded before all others."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        pytest.skip("there is no C compiler, or no LD_PRELOAD here")
    if os.environ.get("LD_PRELOAD"):
        pytest.skip("something else is loaded before all others")
    library = folder / "preloaded.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-x", "c", "-", "-o", library, *flags],
        input=source,
        text=True,
        check=True,
    )
    return str(library)


def test_a_process_as_it_is() -> None:
    assert python(DRAWS) == "1 2"


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc's")
@pytest.mark.parametrize("surplus", [200_000, 250_000, 262_144, 300_000, 2_000_000, 100_000_000])
def test_any_surplus_of_static_tls(surplus: int) -> None:
    assert python(DRAWS, GLIBC_TUNABLES=f"glibc.rtld.optional_static_tls={surplus}") == "1 2"


@pytest.mark.parametrize("size", [200_000, 260_000, 8 << 20])
def test_a_library_with_thread_local_memory(tmp_path: Path, size: int) -> None:
    library = preloaded(BIG_TLS, tmp_path, f"-DBYTES={size}")
    assert python(DRAWS, LD_PRELOAD=library) == "1 2"


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a POSIX system")
@pytest.mark.parametrize("size", [1 << 18, 1 << 20, -1])
def test_any_limit_of_stacks(size: int) -> None:
    limit = f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_STACK, ({size}, resource.RLIM_INFINITY))\n"
    again = f"os.execv(sys.executable, [sys.executable, '-c', {DRAWS!r}])"
    hard = subprocess.run(["sh", "-c", "ulimit -H -s"], capture_output=True, text=True, check=True).stdout.strip()
    if hard != "unlimited":
        pytest.skip("the limit of stacks cannot be set freely here")
    assert python(limit + again) == "1 2"


def test_a_call_from_a_thread_with_a_small_stack() -> None:
    code = "import threading\ndef run():\n    exec(DRAWS, {})\nthreading.stack_size(1 << 18)\n"
    code += "t = threading.Thread(target=run); t.start(); t.join()"
    assert python(f"DRAWS = {DRAWS!r}\n{code}") == "1 2"


@pytest.mark.parametrize(("refused", "workers"), [(1, [0, 2]), (2, [0, 0, 2]), (3, [0, 0, 0, 2])])
def test_refused_threads_are_tried_again_by_the_next_call(tmp_path: Path, refused: int, workers: list[int]) -> None:
    code = (
        "import fastinit\n"
        "expected = fastinit.normal(300_000, seed=0, threads=1).tobytes()\n"
        f"for _ in range({len(workers)}):\n"
        "    assert fastinit.normal(300_000, seed=0, threads=3).tobytes() == expected\n"
        "    print(fastinit.info()['workers'])\n"
    )
    library = preloaded(REFUSING, tmp_path, "-ldl")
    found = python(code, LD_PRELOAD=library, REFUSED=str(refused)).split()
    assert [int(n) for n in found] == workers


def test_a_thread_that_is_refused_later_leaves_the_others(tmp_path: Path) -> None:
    """The first to go is no worker: it only looks at its stack."""
    source = REFUSING.replace("calls++ < (", "++calls == 3 + (")
    code = (
        "import fastinit\n"
        "for _ in range(2):\n"
        "    fastinit.normal(600_000, seed=0, threads=4)\n"
        "    print(fastinit.info()['workers'])\n"
    )
    assert python(code, LD_PRELOAD=preloaded(source, tmp_path, "-ldl")).split() == ["1", "3"]


def test_workers_are_counted() -> None:
    code = (
        "import fastinit, os\n"
        "print(fastinit.info()['workers'])\n"
        "fastinit.normal(100, seed=0, threads=4); print(fastinit.info()['workers'])\n"
        "fastinit.normal(300_000, seed=0, threads=1); print(fastinit.info()['workers'])\n"
        "fastinit.normal(300_000, seed=0, threads=3); print(fastinit.info()['workers'])\n"
        "fastinit.normal(300_000, seed=0, threads=2); print(fastinit.info()['workers'])\n"
    )
    assert python(code).split() == ["0", "0", "0", "2", "2"]
    assert type(fastinit.info()["workers"]) is int


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_counts_its_own() -> None:
    code = (
        "import fastinit, os\n"
        "fastinit.normal(300_000, seed=0, threads=3)\n"
        "if os.fork() == 0:\n"
        "    first = fastinit.info()['workers']\n"
        "    fastinit.normal(300_000, seed=0, threads=2)\n"
        "    print(first, fastinit.info()['workers'], flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print(fastinit.info()['workers'])\n"
    )
    assert python(code).split() == ["0", "1", "2"]
