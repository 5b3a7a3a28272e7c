"""Nothing is there in part, nothing of another's is lost, and what was stopped is finished by the next run."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoint.files import RULES, SEED, TENSORS, assert_same, expected, names, read, read_directory

import fastinit
from fastinit.checkpoint import _files, _ways, _write, write

TESTS = Path(__file__).resolve().parents[1]
SMALL: dict[str, Any] = {"max_shard_bytes": 20_000}


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def in_python(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(Path(fastinit.__file__).parents[1]), str(TESTS)])
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": paths},
        **options,
    )


# Killed


@pytest.mark.parametrize(("way", "before"), [("mapped", "fresh"), ("mapped", "other names"), ("direct", "same names")])
def test_killed_at_every_step(tmp_path: Path, way: str, before: str) -> None:
    if way == "direct":
        try:
            write(tmp_path / "probe", {"w": ((2,), "float32")}, {"w": "ones"}, seed=0, direct=True)
        except OSError as error:
            pytest.skip(f"direct=True is for file systems that have it: {error}")
    done = in_python(str(TESTS / "checkpoint/killed.py"), str(tmp_path), way, before)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


@pytest.mark.slow
def test_killed_at_random_times(tmp_path: Path) -> None:
    program = (
        "import sys, fastinit.checkpoint as c\n"
        "tensors = {str(i): ((1000, 1024), 'bfloat16') for i in range(60)}\n"
        "c.write(sys.argv[1], tensors, {'.*': 'normal'}, seed=3, max_shard_bytes=10_000_000)\n"
    )
    started = time.monotonic()
    assert in_python("-c", program, str(tmp_path / "undisturbed")).returncode == 0
    duration = time.monotonic() - started
    undisturbed = contents(tmp_path / "undisturbed")
    assert len(undisturbed) == 16
    rng = random.Random(0)
    for i in range(20):
        place = tmp_path / str(i)
        environment = {**os.environ, "PYTHONPATH": str(Path(fastinit.__file__).parents[1])}
        process = subprocess.Popen([sys.executable, "-c", program, str(place)], env=environment)
        time.sleep(rng.uniform(0.0, duration))
        process.send_signal(signal.SIGKILL)
        process.wait()
        found = contents(place) if place.exists() else {}
        assert all(data == undisturbed[name] for name, data in found.items() if not name.endswith(".tmp"))
        assert in_python("-c", program, str(place)).returncode == 0
        assert contents(place) == undisturbed
        shutil.rmtree(place)


# What is there already


def test_what_is_finished_stays_and_what_is_missing_comes(tmp_path: Path) -> None:
    files = write(tmp_path, TENSORS, RULES, seed=SEED, **SMALL)
    wanted = contents(tmp_path)
    files[1].unlink()
    files[-1].unlink()
    before = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    assert write(tmp_path, TENSORS, RULES, seed=SEED, **SMALL) == files
    assert contents(tmp_path) == wanted
    for name, state in before.items():
        assert (tmp_path / name).stat().st_ino == state[0], name
        assert (tmp_path / name).stat().st_mtime_ns == state[1], name


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"seed": SEED + 1}, "other values of "),
        ({"dtype": "float32"}, " bytes instead of "),
        ({"rules": [("head.weight", "normal", {"std": 0.1}), *RULES[:-1]]}, "other values of 'head.weight'"),
        ({"rules": [(".*square.*", "orthogonal"), *(r for r in RULES if "square" not in r[0])]}, "'layers.1.square"),
        ({"rules": [(".*sparse.*", "sparse", {"sparsity": 0.5}), *(r for r in RULES if "sparse" not in r[0])]},
         "'layers.1.sparse"),
    ],
)  # fmt: skip
def test_a_file_of_another_checkpoint_is_refused(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    write(tmp_path, TENSORS, RULES, seed=SEED)
    before = contents(tmp_path)
    other = {"rules": RULES, "seed": SEED, **change}
    with pytest.raises(FileExistsError, match=r"must be of this checkpoint, or overwrite=True") as caught:
        write(tmp_path, TENSORS, **other)
    assert why in str(caught.value)
    assert contents(tmp_path) == before
    (file,) = write(tmp_path, TENSORS, **other, overwrite=True)
    again = tmp_path / "again"
    write(again, TENSORS, **other)
    assert file.read_bytes() == (again / file.name).read_bytes()


def test_a_file_with_other_names_of_the_same_size_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"a": ((3,), "float32")}, {".*": "ones"}, seed=0)
    with pytest.raises(FileExistsError, match="a file of other tensors"):
        write(tmp_path, {"b": ((3,), "float32")}, {".*": "ones"}, seed=0)


def test_files_that_a_loader_would_take_instead_are_refused_or_removed(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer.safetensors").write_text("another's")
    write(tmp_path, TENSORS, RULES, seed=SEED)
    before = contents(tmp_path)
    with pytest.raises(FileExistsError, match=r"a file of another checkpoint: '.*/model.safetensors'"):
        write(tmp_path, TENSORS, RULES, seed=SEED, **SMALL)
    assert contents(tmp_path) == before
    write(tmp_path, TENSORS, RULES, seed=SEED, **SMALL, overwrite=True, part=(1, 2))
    assert "model.safetensors" in names(tmp_path)  # it is part 0 that removes
    write(tmp_path, TENSORS, RULES, seed=SEED, **SMALL, overwrite=True, part=(0, 2))
    assert "model.safetensors" not in names(tmp_path)
    assert_same(read_directory(tmp_path), expected())

    with pytest.raises(FileExistsError, match="another checkpoint"):
        write(tmp_path, TENSORS, RULES, seed=SEED)
    write(tmp_path, TENSORS, RULES, seed=SEED, overwrite=True)
    assert contents(tmp_path) == before


def test_an_index_of_another_checkpoint(tmp_path: Path) -> None:
    *_, index = write(tmp_path, TENSORS, RULES, seed=SEED, **SMALL)
    wanted = index.read_bytes()
    index.write_bytes(wanted.replace(b"00001-of", b"00002-of"))
    with pytest.raises(FileExistsError, match="the index of another checkpoint"):
        write(tmp_path, TENSORS, RULES, seed=SEED, **SMALL)
    write(tmp_path, TENSORS, RULES, seed=SEED, **SMALL, part=(1, 2))
    write(tmp_path, TENSORS, RULES, seed=SEED, **SMALL, overwrite=True)
    assert index.read_bytes() == wanted


# Failures


def test_a_draw_that_fails_leaves_what_was_finished(tmp_path: Path) -> None:
    calls = []

    def failing(shape: tuple[int, ...], seed: Any) -> np.ndarray:
        calls.append(shape)
        if len(calls) == 1:
            raise RuntimeError("no numbers today")
        return np.zeros(shape)

    tensors = {"a": ((100,), "float32"), "b": ((100,), "float32"), "c": ((100,), "float32")}
    rules = [("b", failing), (".", "normal")]
    with pytest.raises(RuntimeError, match="no numbers today"):
        write(tmp_path, tensors, rules, seed=0, max_shard_bytes=400)
    assert names(tmp_path) == ["model-00001-of-00003.safetensors"]
    write(tmp_path, tensors, rules, seed=0, max_shard_bytes=400)
    assert len(names(tmp_path)) == 4


def test_an_error_of_the_progress_leaves_nothing_half_written(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, TENSORS, RULES, seed=SEED, progress=stop)
    assert names(tmp_path) == []


@pytest.mark.parametrize("fails_at", [1, 3])
def test_no_room_is_an_error_before_anything_is_written(
    tmp_path: Path, fails_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserved = []

    def reserve(fd: int, size: int) -> None:
        reserved.append(size)
        if len(reserved) == fails_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_files, "_allocate", reserve)
    monkeypatch.setattr(_write, "write_mapped", lambda *_: pytest.fail("something was written"))
    with pytest.raises(OSError, match=r"No space left on device, of \d+ bytes: '.*\.safetensors'") as caught:
        write(tmp_path, TENSORS, RULES, seed=SEED, **SMALL)
    assert caught.value.errno == errno.ENOSPC
    assert names(tmp_path) == []


@pytest.mark.parametrize("way", ["mapped", "direct"])
def test_a_disk_that_is_full(tmp_path: Path, way: str) -> None:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        pytest.skip("a small disk is made by Linux's unshare")
    inside = f"mount -t tmpfs -o size=1m tmpfs {tmp_path} && touch {tmp_path}/mounted && exec {sys.executable} -c "
    program = (
        "import os, sys, fastinit.checkpoint as c\n"
        f"place, options = {str(tmp_path)!r}, dict(seed=0, max_shard_bytes=400_000, direct={way == 'direct'})\n"
        "try:\n"
        "    c.write(place, {n: ((300, 300), 'float32') for n in 'abc'}, {'.': 'normal'}, **options)\n"
        "except OSError as error:\n"
        "    print(error.errno, sorted(os.listdir(place)))\n"
        "c.write(place, {n: ((300, 300), 'float32') for n in 'ab'}, {'.': 'normal'}, **options)\n"
        "print(len(os.listdir(place)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(fastinit.__file__).parents[1]), "PROGRAM": program}
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'{inside} "$PROGRAM"'],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    if not done.stdout and "Traceback" not in done.stderr and done.returncode > 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    if way == "direct" and "no O_DIRECT" in done.stderr:
        pytest.skip("this system's tmpfs has no O_DIRECT")
    assert done.stdout == f"{errno.ENOSPC} ['mounted']\n4\n", done.stderr


def test_room_is_reserved_where_the_system_has_no_call_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fd: int, start: int, size: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    file = _files.Unfinished(tmp_path / "x", 3_000_000)
    assert os.fstat(file.fd).st_size == 3_000_000
    assert os.fstat(file.fd).st_blocks * 512 >= 3_000_000
    file.discard()
    (file_,) = write(tmp_path, TENSORS, RULES, seed=SEED)
    assert_same(read(file_), expected())


def test_without_o_direct(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_DIRECT", raising=False)
    with pytest.raises(OSError, match=r"direct=True must be left out where a file system has no O_DIRECT"):
        write(tmp_path, TENSORS, RULES, seed=SEED, direct=True)
    assert names(tmp_path) == []


def test_a_file_system_that_refuses_o_direct(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fcntl.fcntl

    def refuse(fd: int, command: int, *rest: Any) -> Any:
        if command == fcntl.F_SETFL:
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(fd, command, *rest)

    monkeypatch.setattr(_ways.fcntl, "fcntl", refuse)
    monkeypatch.setattr(os, "O_DIRECT", getattr(os, "O_DIRECT", 0), raising=False)
    with pytest.raises(OSError, match="direct=True must be left out"):
        write(tmp_path, TENSORS, RULES, seed=SEED, direct=True, **SMALL)
    assert names(tmp_path) == []


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    other = _files.Unfinished(tmp_path / "model.safetensors", 8)
    with pytest.raises(BlockingIOError, match=r"one that another is writing: '.*\.tmp'"):
        write(tmp_path, TENSORS, RULES, seed=SEED)
    assert names(tmp_path) == ["model.safetensors.tmp"]
    other.close()  # as when its process ends
    write(tmp_path, TENSORS, RULES, seed=SEED)
    assert names(tmp_path) == ["model.safetensors"]


def test_the_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def recorded(function: Any) -> Any:
        def record(*args: Any) -> Any:
            what = args[0] if isinstance(args[0], (str, Path)) else os.readlink(f"/proc/self/fd/{args[0]}")
            order.append(f"{function.__name__} {Path(what).name}")
            return function(*args)

        return record

    monkeypatch.setattr(os, "fsync", recorded(os.fsync))
    monkeypatch.setattr(os, "replace", recorded(os.replace))
    if not Path("/proc/self/fd").exists():
        pytest.skip("names of open files are Linux's /proc")
    write(tmp_path / "out", {"a": ((2,), "float32"), "b": ((2,), "float32")}, {".": "ones"}, seed=0, max_shard_bytes=8)
    files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
    assert order == [
        step for file in files for step in (f"fsync {file}.tmp", f"replace {file}.tmp", "fsync out")
    ]  # fmt: skip


# Refused


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"tensors": {}}, ValueError, "`tensors` must hold at least one"),
        ({"tensors": [("a", (2,))]}, TypeError, "`tensors` must be a dict"),
        ({"tensors": {"a": (2, 3)}}, TypeError, "'a': a tensor must be given as (shape, dtype)"),
        ({"tensors": {"a": ((2,), "float31")}}, TypeError, "'a': `dtype` must be one that safetensors has"),
        ({"tensors": {"a": ((2,), "bf16")}}, TypeError, "Did you mean 'bfloat16'?"),
        ({"tensors": {"a": ((2,), ">f4")}}, TypeError, "'a': `dtype` must be"),
        ({"tensors": {"a": ((-2,), "float32")}}, ValueError, "'a': `shape` must hold no negative size"),
        ({"tensors": {"a": ((2,), "float32", (2,))}}, ValueError, "'a': rows that are zero must be ints that name"),
        ({"tensors": {"\ud800": ((2,), "float32")}}, ValueError, "must be text that UTF-8 encodes"),
        ({"tensors": {"__metadata__": ((2,), "float32")}}, TypeError, "and not __metadata__"),
        (
            {"tensors": {"a": ((2,), "int64")}},
            TypeError,
            "'a', by the rule 'a': a tensor of int64 must be zeros, or be skipped",
        ),
        ({"rules": {"b": "ones"}}, ValueError, "no rule for 'a'; no name for the rule 'b'"),
        ({"rules": {"a": "he_normal"}}, ValueError, "'a', by the rule 'a': "),
        ({"rules": {".": ("normal", {"std": -1})}}, ValueError, "'a', by the rule '.': `std` must be"),
        ({"skip": "a"}, ValueError, "a `skip` that matches all"),
        ({"dtype": "int64"}, TypeError, "`dtype` must be float32"),
        ({"max_shard_bytes": 0}, ValueError, "`max_shard_bytes` must be >= 1"),
        ({"part": (2, 2)}, ValueError, "`part` must be (i, n) with 0 <= i < n"),
        ({"part": "0/2"}, TypeError, "`part` must be two ints"),
        ({"part": (0, 2), "seed": None}, ValueError, "`seed` must be given where there are several parts"),
        ({"seed": -1}, ValueError, "`seed` must lie in"),
        ({"layout": "io"}, ValueError, "`layout` must be one of out_in, in_out"),
        ({"overwrite": 1}, TypeError, "`overwrite` must be a bool"),
        ({"direct": "yes"}, TypeError, "`direct` must be a bool"),
        ({"threads": 0}, ValueError, "`threads` must be >= 1"),
        ({"progress": 3}, TypeError, "`progress` must be None, a bool or a function"),
        ({"directory": 3}, TypeError, "`directory` must be a path"),
    ],
)
def test_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    call = {"directory": tmp_path / "out", "tensors": {"a": ((2,), "float32")}, "rules": {"a": "ones"}, "seed": 0}
    with pytest.raises(error) as caught:
        write(**{**call, **options})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def test_a_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(NotADirectoryError):
        write(tmp_path / "out", {"a": ((2,), "float32")}, {"a": "ones"}, seed=0)
    assert (tmp_path / "out").read_text() == "mine"


# Progress


def test_a_function_is_told_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ways, "WINDOW", 8192)
    told: list[tuple[int, int]] = []
    files = write(tmp_path, TENSORS, RULES, seed=SEED, progress=lambda *both: told.append(both), **SMALL)
    total = sum(file.stat().st_size for file in files[:-1])
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert len(told) > len(files)
    told.clear()
    files[0].unlink()
    size = (
        write(tmp_path, TENSORS, RULES, seed=SEED, progress=lambda *both: told.append(both), **SMALL)[0].stat().st_size
    )
    assert told[-1] == (size, size)  # of what is still to be written


def test_silent_where_there_is_no_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, TENSORS, RULES, seed=SEED, progress=True)
    assert capfd.readouterr() == ("", "")


def test_under_windows_it_is_planned_and_not_written(tmp_path: Path) -> None:
    """Played by this system without fcntl, and with that name. The command, and with it all others, can be started."""
    program = (
        "import sys, numpy, ctypes, argparse, contextlib, json\n"
        "sys.platform, sys.modules['fcntl'] = 'win32', None\n"
        "import fastinit.__main__, fastinit.checkpoint as checkpoint\n"
        "wanted = {'a.weight': ((4, 3), 'float32')}, {'.*': 'he_normal'}\n"
        "print(len(checkpoint.plan(*wanted).shards))\n"
        "try:\n"
        "    checkpoint.write(sys.argv[1], *wanted, seed=0)\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(fastinit.__file__).parents[1])}
    said = subprocess.check_output(
        [sys.executable, "-c", program, tmp_path / "out"], env=environment, text=True
    ).splitlines()
    assert said == ["1", "a checkpoint must be written under Linux or macOS. Received: Windows"]
    assert not (tmp_path / "out").exists()
