"""Fresh entropy differs in every call, thread and child; an explicit seed gives the same bits in all of them."""

import functools
import hashlib
import multiprocessing
import os
import subprocess
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastinit

RANDOM: list[tuple[str, dict[str, object]]] = [
    ("uniform", {}),
    ("normal", {}),
    ("truncated_normal", {"dtype": "f8"}),
    ("variance_scaling", {"distribution": "uniform"}),
    ("he_normal", {}),
    ("glorot_uniform", {"dtype": "bfloat16"}),
    ("sparse", {"sparsity": 0.5}),
]
SHAPE = (16, 16)
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def in_forked_child(work: Callable[[], bytes]) -> bytes:
    """What `work` returns in a child that was forked right now."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        # From Python 3.12 on: forking while other threads run may deadlock the child. It does not wait for any.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            os.write(write, work())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        result = pipe.read()
    assert os.waitpid(pid, 0)[1] == 0
    return result


def fresh() -> bytes:
    return fastinit.normal(8).tobytes()


def everything(seed: int) -> bytes:
    """A hash of every random initializer's bits under one seed."""
    digest = hashlib.sha256()
    for name, arguments in RANDOM:
        digest.update(fastinit.get(name)(SHAPE, seed=seed, **arguments).tobytes())
    return digest.digest()


# ---- no seed ----


@pytest.mark.parametrize(("name", "arguments"), RANDOM)
def test_calls_differ(name: str, arguments: dict[str, object]) -> None:
    draws = {fastinit.get(name)(SHAPE, **arguments).tobytes() for _ in range(20)}
    draws |= {fastinit.get(name)(SHAPE, seed=None, **arguments).tobytes() for _ in range(20)}
    assert len(draws) == 40


def test_fresh_keys_use_all_their_bits() -> None:
    keys = [fastinit.Key() for _ in range(500)]
    assert len(set(keys)) == 500
    for bit in range(64):
        for words in ([key.key for key in keys], [key.stream for key in keys]):
            ones = sum(word >> bit & 1 for word in words)
            assert abs(ones - 250) < 6 * 500**0.5 / 2  # 128 counts of a fair coin: one in 4 million runs fails


def test_no_other_state_is_read_or_written() -> None:
    np.random.seed(0)  # noqa: NPY002
    state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    first = fresh()
    np.random.seed(0)  # noqa: NPY002
    assert fresh() != first
    assert np.random.get_state()[1].tobytes() == state  # noqa: NPY002


def test_threads_differ() -> None:
    count, calls = 16, 25
    barrier = threading.Barrier(count)

    def work(_: int) -> list[bytes]:
        barrier.wait()
        return [fresh() for _ in range(calls)]

    with ThreadPoolExecutor(count) as pool:
        draws = [draw for result in pool.map(work, range(count)) for draw in result]
    assert len(draws) == count * calls
    assert Counter(draws).most_common(1)[0][1] == 1


@needs_fork
def test_forked_children_differ() -> None:
    fresh()  # whatever a call leaves behind is there to be copied
    draws = [in_forked_child(fresh) for _ in range(6)] + [fresh() for _ in range(6)]
    assert {len(draw) for draw in draws} == {32}
    assert len(set(draws)) == 12


@needs_fork
def test_forked_grandchildren_differ() -> None:
    both = in_forked_child(lambda: fresh() + in_forked_child(fresh) + in_forked_child(fresh))
    draws = {both[:32], both[32:64], both[64:], fresh()}
    assert len(both) == 96
    assert len(draws) == 4


# ---- a seed ----


def test_threads_draw_the_same_bits_from_a_seed() -> None:
    count = 16
    barrier = threading.Barrier(count)

    def work(i: int) -> list[bytes]:
        barrier.wait()
        # In different orders, so that different calls meet.
        return [everything(seed) for seed in (range(6) if i % 2 else reversed(range(6)))]

    with ThreadPoolExecutor(count) as pool:
        results = list(pool.map(work, range(count)))
    expected = [everything(seed) for seed in range(6)]
    assert len(set(expected)) == 6
    for i, result in enumerate(results):
        assert (result if i % 2 else result[::-1]) == expected


def test_threads_fill_parts_of_one_tensor() -> None:
    whole = fastinit.he_normal((1024, 1024), seed=3)
    out = np.empty_like(whole)

    def work(i: int) -> None:
        rows = slice(64 * i, 64 * (i + 1))
        part = fastinit.he_normal((1024, 1024), seed=3, index=(rows, slice(None)), out=out[rows])
        assert part.base is out

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))
    assert out.tobytes() == whole.tobytes()


@needs_fork
@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_forked_children_draw_the_same_bits_from_a_seed(seed: int) -> None:
    before = everything(seed)
    assert in_forked_child(lambda: everything(seed)) == before
    assert in_forked_child(lambda: in_forked_child(lambda: everything(seed))) == before
    assert everything(seed) == before


@needs_fork
def test_large_calls_after_a_fork() -> None:
    def large() -> bytes:
        return hashlib.sha256(fastinit.normal(1_000_000, seed=5)).digest()

    assert in_forked_child(large) == large() == in_forked_child(large)


def test_spawned_children() -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        unseeded = pool.map(functools.partial(fastinit.normal, dtype="f4"), [SHAPE] * 6, chunksize=1)
        same = functools.partial(fastinit.he_normal, seed=fastinit.Key(9).child("a"))
        seeded = pool.map(same, [SHAPE] * 6, chunksize=1)
        pool.close()
        pool.join()
    unseeded += [fastinit.normal(SHAPE) for _ in range(2)]
    assert len({draw.tobytes() for draw in unseeded}) == 8
    expected = fastinit.he_normal(SHAPE, seed=fastinit.Key(9).child("a"))
    assert {draw.tobytes() for draw in seeded} == {expected.tobytes()}


def test_another_interpreter_draws_the_same_bits() -> None:
    code = (
        "import sys, fastinit\n"
        "seed = fastinit.Key(1).child('encoder', 3)\n"
        "sys.stdout.buffer.write(fastinit.he_normal((16, 16), seed=seed).tobytes())\n"
        "sys.stdout.buffer.write(fastinit.normal(8).tobytes())\n"
    )
    results = []
    for salt in ("0", "1"):  # of str hashes, which reach no bits
        environment = {**os.environ, "PYTHONHASHSEED": salt}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, timeout=60)
        results.append(run.stdout)
    expected = fastinit.he_normal((16, 16), seed=fastinit.Key(1).child("encoder", 3)).tobytes()
    assert [result[:-32] for result in results] == [expected] * 2
    assert results[0][-32:] != results[1][-32:]
