"""Signals are served in the midst of a call: a handler that raises ends it, and the pool goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")

# Each takes many seconds, or minutes, if nothing stops it; what it needs is made before the signal comes.
CALLS = {
    "fill": "f.truncated_normal(out.shape, 0.0, 1.0, 5.0, 8.0, seed=0, out=out, threads=threads)",
    "many short runs": "f.truncated_normal((60_000_000, 8), 0.0, 1.0, 5.0, 8.0, seed=0,"
    " index=(slice(None), slice(3, 6)), dtype='float16', threads=threads)",
    "fill_all": "f.initialize({str(i): ('truncated_normal', (8_000_000,), {'lower': 5.0, 'upper': 8.0})"
    " for i in range(30)}, seed=0, threads=threads)",
    "activate": "[f.activate(x, 'mish', out=x, threads=threads) for _ in range(1000)]",
    "rows": "[f.activate(x.reshape(-1, 100), 'softmax', out=x.reshape(-1, 100), threads=threads) for _ in range(1000)]",
    "one row": "f.activate(x, 'log_softmax', out=x, threads=threads)",
    "dense": "f.dense(x, w, threads=threads)",
    "dense, across": "f.dense(x, w.T, threads=threads)",
    "dense, then rows": "f.dense(x, w, activation='softmax', threads=threads)",
    "network": "net(x, threads=threads)",
    "orthogonal": "f.orthogonal((12288, 12288), seed=0, threads=threads)",
    "a batch": "f.orthogonal((50_000, 64, 64), seed=0, threads=threads)",
    "perturb": "f.perturb(x, 0.1, seed=0, index=(slice(None), slice(1)), threads=threads)",
    "recombine": "f.recombine(np.ones(5_000_000), x, seed=0, threads=threads)",
    "complex": "f.orthogonal((6000, 6000), seed=0, dtype='complex64', threads=threads)",
}
ROWS = "x = np.ones((40_000, 4096), 'f4')\n"
PREPARE = {
    "fill": "out = np.empty(600_000_000, 'f2')",
    "activate": "x = np.ones(20_000_000, 'f4')",
    "perturb": "x = np.zeros((60_000_000, 2), 'f4')",
    "recombine": "x = np.zeros(5000, 'f4')",
    "rows": "x = np.ones(20_000_000, 'f4')",
    "one row": "x = np.zeros(400_000_000, 'f4')",
    "dense": ROWS + "w = np.ones((4096, 3000), 'f4')",
    "dense, across": ROWS + "w = np.ones((3000, 4096), 'f4')",
    "dense, then rows": ROWS + "w = np.ones((4096, 3000), 'f4')",
    "network": ROWS + "w = np.ones((4096, 4096), 'f4')\nnet = f.MLP([(w, None, 'relu')] * 4)",
}

START = """
import os, signal, sys, threading
import numpy as np
import fastinit as f
class Stop(Exception): pass
def stop(number, frame): raise Stop
def same():
    values = [f.normal(300_000, seed=3, threads=n).tobytes() for n in (1, 2)]
    values += [f.orthogonal((130, 130), seed=3, threads=n).tobytes() for n in (1, 2)]
    assert values[0] == values[1] and values[2] == values[3]
signal.signal(signal.SIGALRM, stop)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are born deaf to it
"""


def python(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", START + code],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "call", ["fill", "many short runs", "fill_all", "activate", "rows", "perturb", "recombine", "a batch", "complex"]
)
def test_a_handler_that_raises_ends_the_call(call: str, threads: int) -> None:
    assert ended(call, threads) == ["ended"]


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("call", ["one row", "dense", "dense, across", "dense, then rows", "network", "orthogonal"])
def test_a_handler_that_raises_ends_a_call_of_large_pieces(call: str, threads: int) -> None:
    assert ended(call, threads) == ["ended"]


def ended(call: str, threads: int) -> list[str]:
    return python(
        f"threads = {threads}\n{PREPARE.get(call, '')}\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.3)\n"
        f"try:\n    {CALLS[call]}\n"
        "except Stop:\n    print('ended')\n"
        "same()\n"
    )


def test_control_c_and_the_next_calls() -> None:
    code = (
        "out = np.full(600_000_000, 7, 'f2')\n"
        "for threads in (2, 1, 2):\n"
        "    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    try:\n"
        "        f.truncated_normal(out.shape, 0.0, 1.0, 5.0, 8.0, seed=0, out=out, threads=threads)\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted')\n"
        "    same()\n"
        "print(out[0] != 7, out[-1] == 7)\n"
    )
    assert python(code) == ["interrupted"] * 3 + ["True", "True"]


def test_a_handler_that_returns_changes_nothing() -> None:
    code = (
        "served = []\n"
        "def count(number, frame):\n"
        "    served.append(number)\n"
        "    same()  # and may itself call\n"
        "signal.signal(signal.SIGALRM, count)\n"
        "draw = lambda n: f.truncated_normal(30_000_000, 0.0, 1.0, 5.0, 8.0, seed=0, threads=n).tobytes()\n"
        "expected = draw(1)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.05, 0.1)\n"
        "found = draw(2), draw(1)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0)\n"
        "print(found == (expected, expected), len(served) > 0)\n"
    )
    assert python(code) == ["True", "True"]


def test_a_call_in_another_thread_goes_on() -> None:
    code = (
        "draw = lambda n: f.truncated_normal(30_000_000, 0.0, 1.0, 5.0, 8.0, seed=0, threads=n).tobytes()\n"
        "expected, found = draw(1), []\n"
        "done = threading.Event()  # a join that a signal ends takes the thread for ended\n"
        "threading.Thread(target=lambda: (found.append(draw(2)), done.set())).start()\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.1)\n"
        "try:\n    done.wait()\n"
        "except Stop:\n    print('served')\n"
        "done.wait()\n"
        "print(found == [expected])\n"
    )
    assert python(code) == ["served", "True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_that_a_handler_forks_does_not_end_the_call() -> None:
    code = (
        "child = []\n"
        "def fork(number, frame):\n"
        "    child.append(os.fork())\n"
        "signal.signal(signal.SIGALRM, fork)\n"
        "out = np.empty(100_000_000, 'f2')\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.1)\n"
        "try:\n"
        "    f.truncated_normal(out.shape, 0.0, 1.0, 5.0, 8.0, seed=0, out=out, threads=2)\n"
        "except RuntimeError as error:\n"
        "    same()\n"
        "    os._exit(3 if child == [0] and 'forked' in str(error) else 4)\n"
        "_, status = os.waitpid(child[0], 0)\n"
        "print(os.waitstatus_to_exitcode(status))\n"
        "same()\n"
    )
    assert python(code) == ["3"]


def test_a_call_in_another_thread_leaves_the_interpreter_alone() -> None:
    """It must not even ask for the interpreter's lock: when the interpreter ends, that would end the thread."""
    code = (
        "import time\n"
        "out = np.zeros(6_000_000 if f.info()['slow'] else 60_000_000, 'f2')\n"
        "draw = lambda: f.truncated_normal(out.shape, 0.0, 1.0, 5.0, 8.0, seed=0, out=out, threads=1)\n"
        "thread = threading.Thread(target=draw)\n"
        "thread.start()\n"
        "while out[0] == 0:\n"
        "    time.sleep(0.001)\n"
        "sys.setswitchinterval(1000.0)\n"  # who asks for the lock now, waits
        "end = time.monotonic() + 60\n"
        "while out[-1] == 0 and time.monotonic() < end:\n"
        "    pass\n"
        "print(out[-1] != 0)\n"
        "sys.setswitchinterval(0.005)\n"
        "thread.join()\n"
    )
    assert python(code) == ["True"]
