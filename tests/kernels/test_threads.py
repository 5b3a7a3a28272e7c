"""Threads: the same bits on any number of them, from any number of callers, and in forked children."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import _cpus

SIZE = 3_000_001  # many pieces, the last one short


def digest(threads: int | None = None, seed: int = 5) -> str:
    return hashlib.sha256(fastinit.normal(SIZE, seed=seed, threads=threads)).hexdigest()


@pytest.mark.parametrize("threads", [2, 3, 8, 64, None])
def test_the_number_of_threads_changes_nothing(isa: str, threads: int | None) -> None:
    assert digest(threads) == digest(1)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_other_dtypes(dtype: str) -> None:
    one, many = (fastinit.he_normal((1501, 997), dtype=dtype, seed=1, threads=n) for n in (1, 3))
    assert one.tobytes() == many.tobytes()


@pytest.mark.parametrize(
    ("shape", "index"),
    [
        ((1 << 20, 7), (slice(3, 1 << 19), slice(2, 5))),  # many short runs
        ((5, 1 << 22), (slice(1, 4), slice(77, 1 << 20))),  # a few long ones
        ((40, 50, 60, 70), (slice(None), slice(1, 49), slice(None), slice(0, 69))),
        ((1 << 34, 3), (slice(1 << 33, (1 << 33) + (1 << 18)), slice(None))),  # far beyond 2^32
    ],
)
def test_blocks(shape: tuple[int, ...], index: tuple[slice, ...]) -> None:
    one, many = (fastinit.uniform(shape, seed=2, index=index, threads=n) for n in (1, 4))
    assert one.tobytes() == many.tobytes()


def test_callers_at_once() -> None:
    expected = [digest(1, seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as executor:
        for _ in range(3):
            assert list(executor.map(lambda seed: digest(4, seed), range(8))) == expected


def _child(queue: Any, threads: int) -> None:
    queue.put((digest(threads), digest(1)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_threads_of_its_own() -> None:
    expected = digest(4)  # the pool exists before the fork
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what is tested
        children = [context.Process(target=_child, args=(queue, 4)) for _ in range(3)]
        for child in children:
            child.start()
    results = [queue.get(timeout=120) for _ in children]
    for child in children:
        child.join(timeout=60)
        assert child.exitcode == 0
    assert results == [(expected, expected)] * 3
    assert digest(4) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_fork_while_another_thread_fills() -> None:
    stop = threading.Event()

    def fill() -> None:
        while not stop.is_set():
            digest(2)

    expected = digest(1)
    thread = threading.Thread(target=fill)
    thread.start()
    try:
        for _ in range(5):
            read, write = os.pipe()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                os.write(write, digest(4).encode())
                os._exit(0)
            os.close(write)
            _, status = os.waitpid(pid, 0)
            assert status == 0
            assert os.read(read, 100).decode() == expected
            os.close(read)
    finally:
        stop.set()
        thread.join()


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_the_environment_limits_threads() -> None:
    code = "import fastinit; print(fastinit.info()['threads'])"
    assert run(code, FASTINIT_NUM_THREADS="1").stdout == "1\n"
    assert int(run(code, FASTINIT_NUM_THREADS="1000").stdout) == _cpus.usable_cpus()
    for wrong in ("0", "-1", "two", "1.5"):
        result = run(code, FASTINIT_NUM_THREADS=wrong)
        assert result.returncode != 0
        assert f"FASTINIT_NUM_THREADS must be an int >= 1. Received: {wrong!r}" in result.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity masks")
def test_the_affinity_mask_limits_threads() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    assert run(code + "import fastinit; print(fastinit.info()['threads'])").stdout == "1\n"


def test_a_process_ends_with_its_pool_idle_or_busy() -> None:
    code = (
        "import fastinit, threading\n"
        "fastinit.normal(1 << 22, seed=0, threads=4)\n"
        "threading.Thread(target=lambda: fastinit.normal(1 << 26, seed=0, threads=4), daemon=True).start()\n"
    )
    assert run(code).returncode == 0


def test_control_group_quotas(tmp_path: Any) -> None:
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert _cpus._version2(tmp_path) == 1.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert _cpus._version2(tmp_path) is None
    (tmp_path / "cpu.cfs_quota_us").write_text("200000\n")
    (tmp_path / "cpu.cfs_period_us").write_text("100000\n")
    assert _cpus._version1(tmp_path) == 2.0
    (tmp_path / "cpu.cfs_quota_us").write_text("-1\n")
    assert _cpus._version1(tmp_path) is None
    assert _cpus._version2(tmp_path / "nowhere") is None


MODEL: dict[str, Any] = {
    "embedding": ("normal", (5000, 64), {"std": 0.02}),
    "a.kernel": ("he_normal", (64, 256)),
    "a.bias": ("zeros", 256),
    "b.kernel": (fastinit.glorot_uniform, (256, 64), {"dtype": "float64"}),
    "c.kernel": ("truncated_normal", (512, 512), {"dtype": "bfloat16", "lower": 1.0, "upper": 5.0}),
    "d.kernel": ("sparse", (64, 64), {"sparsity": 0.5}),
    "norm": ["ones", (64,)],
    "shard": ("lecun_normal", (8192, 8192), {"index": (slice(0, 100), slice(5, 700))}),
    "empty": ("normal", (0, 3)),
}


@pytest.mark.parametrize("threads", [1, 2, None])
def test_initialize_equals_the_separate_calls(threads: int | None) -> None:
    weights = fastinit.initialize(MODEL, seed=7, threads=threads)
    assert list(weights) == list(MODEL)
    for name, (initializer, shape, *rest) in MODEL.items():
        function = fastinit.get(initializer) if isinstance(initializer, str) else initializer
        expected = function(shape, seed=fastinit.Key(7).child(name), **(rest[0] if rest else {}))
        assert weights[name].dtype == expected.dtype
        assert weights[name].shape == expected.shape
        assert weights[name].tobytes() == expected.tobytes()


def test_initialize_in_place_and_with_any_callable() -> None:
    kernel, bias = np.full((300, 400), 9.0, np.float32), np.full(400, 9.0, np.float32)

    def mine(shape: Any, seed: Any) -> np.ndarray:
        return fastinit.normal(shape, 1.0, 0.1, seed=seed)

    weights = fastinit.initialize(
        {"k": ("he_normal", (300, 400), {"out": kernel}), "b": ("ones", 400, {"out": bias}), "m": (mine, (3,))}, seed=1
    )
    assert weights["k"] is kernel
    assert weights["b"] is bias
    assert (bias == 1.0).all()
    assert np.array_equal(kernel, fastinit.he_normal((300, 400), seed=fastinit.Key(1).child("k")))
    assert np.array_equal(weights["m"], fastinit.normal(3, 1.0, 0.1, seed=fastinit.Key(1).child("m")))


@pytest.mark.parametrize(
    ("entry", "error", "sentence"),
    [
        (("he_normal",), TypeError, "a tensor must be given as"),
        ("he_normal", TypeError, "a tensor must be given as"),
        (("he_norml", (3, 3)), ValueError, "an initializer's name must be one of"),
        ((3, (3, 3)), TypeError, "an initializer must be a name or a callable"),
        (("he_normal", (3, 3), {"seed": 1}), TypeError, "holds neither `seed` nor `threads`"),
        (("he_normal", (3, 3), [1]), TypeError, "kwargs must be a dict"),
        (("normal", (3, 3), {"std": -1.0}), ValueError, "`std` must be finite and >= 0"),
        (("ones", (3, 3), {"out": np.empty(3, np.float32)}), ValueError, "`out` must have shape"),
    ],
)
def test_initialize_writes_nothing_unless_all_is_right(entry: Any, error: type, sentence: str) -> None:
    kernel, bias = np.full((30, 40), 9.0, np.float32), np.full(40, 9.0, np.float32)
    before = {"k": ("he_normal", (30, 40), {"out": kernel}), "b": ("ones", 40, {"out": bias})}
    with pytest.raises(error, match=sentence):
        fastinit.initialize({**before, "x": entry}, seed=1)
    assert (kernel == 9.0).all()
    assert (bias == 9.0).all()


def test_initialize_refuses_names_that_are_none() -> None:
    with pytest.raises(TypeError, match="a tensor's name must be a str"):
        fastinit.initialize({3: ("ones", 3)}, seed=1)  # type: ignore[dict-item]


def test_initialize_without_a_seed_is_fresh() -> None:
    a, b = (fastinit.initialize({"w": ("normal", 8)})["w"] for _ in range(2))
    assert not np.array_equal(a, b)
