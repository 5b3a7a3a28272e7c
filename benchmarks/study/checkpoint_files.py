"""Measure what it takes to write a checkpoint of 1.07 GB, and print the table of docs/guide/checkpoints.md.

    python benchmarks/study/checkpoint_files.py DIRECTORY --rounds 3
    taskset -c 1 python benchmarks/study/checkpoint_files.py DIRECTORY --threads 1

Ways take turns, each in a process of its own; medians of processor time, wall time and new memory beside the page
cache. Zeros that are written past the page cache show the disk's own rate in the same minutes. Files are compared with
what `fastinit.normal` makes before they count. Needs torch and safetensors.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import resource
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fastinit
import fastinit.checkpoint as checkpoint

TENSORS = {f"layers.{i}.weight": ((8192, 4096), "bfloat16") for i in range(16)}
BYTES = sum(2 * rows * columns for (rows, columns), _ in TENSORS.values())
RULES = fastinit.Rules({".*": ("normal", {"std": 0.02})})


def drawn(directory: Path, threads: int) -> None:
    """The numbers alone, into one buffer."""
    out = np.empty((1024, 4096), np.uint16)
    for name, (shape, _) in TENSORS.items():
        for row in range(0, shape[0], len(out)):
            block = (slice(row, row + len(out)), slice(0, shape[1]))
            key = fastinit.Key(0).child(name)
            fastinit.normal(shape, std=0.02, seed=key, dtype="bfloat16", index=block, out=out, threads=threads)


def mapped(directory: Path, threads: int) -> None:
    checkpoint.write(directory, TENSORS, RULES, seed=0, threads=threads)


def direct(directory: Path, threads: int) -> None:
    checkpoint.write(directory, TENSORS, RULES, seed=0, threads=threads, direct=True)


def torch(directory: Path, threads: int) -> None:
    import torch
    from safetensors.torch import save_file

    torch.set_num_threads(threads)
    tensors = {name: torch.empty(shape, dtype=torch.bfloat16).normal_(0, 0.02) for name, (shape, _) in TENSORS.items()}
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    synchronize(directory / "model.safetensors")


def zeros_past_the_cache(directory: Path, threads: int) -> None:
    block = mmap.mmap(-1, 1 << 23)
    fd = os.open(directory / "zeros", os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    for position in range(0, BYTES, len(block)):
        os.pwrite(fd, block, position)
    os.close(fd)
    synchronize(directory / "zeros")


WAYS: dict[str, Callable[[Path, int], None]] = {
    "the numbers alone": drawn,
    "mapped, the default": mapped,
    "direct=True": direct,
    "torch normal_, save_file, fsync": torch,
    "zeros past the page cache": zeros_past_the_cache,
}


def synchronize(path: Path) -> None:
    fd = os.open(path, os.O_RDWR)
    os.fsync(fd)
    os.close(fd)


def private_memory() -> int:
    """Bytes that are no file's."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("RssAnon:")[2].split()[0])


def measure(way: str, directory: Path, threads: int) -> dict[str, float]:
    """In this process: one way, once."""
    if WAYS[way] is torch:
        __import__("safetensors.torch")
    drawn(directory, threads)  # threads and tables are there
    peak, done = 0, False

    def watch() -> None:
        nonlocal peak
        while not done:
            peak = max(peak, private_memory())
            time.sleep(0.01)

    before = private_memory()
    watching = threading.Thread(target=watch)
    watching.start()
    used, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    WAYS[way](directory, threads)
    wall, now = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    done = True
    watching.join()
    if WAYS[way] in (mapped, direct):
        check(directory / "model.safetensors")
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return {"cpu": cpu, "wall": wall, "memory": peak - before}


def check(path: Path) -> None:
    file = np.memmap(path, np.uint16, "r")
    name, (shape, _) = max(TENSORS.items())  # the last in the file
    out = np.empty(shape, np.uint16)
    fastinit.normal(shape, std=0.02, seed=fastinit.Key(0).child(name), dtype="bfloat16", out=out)
    assert (file[-out.size :] == out.reshape(-1)).all()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", type=Path, help="where there is room for 2 GB, on the disk to measure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measure(options.way, options.directory, options.threads)))
        return
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way in WAYS:
            place = options.directory / "checkpoint_files"
            place.mkdir()
            command = [sys.executable, __file__, place, "--way", way, "--threads", str(options.threads)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found[way].append(json.loads(done.stdout))
            shutil.rmtree(place)
    print(f"{BYTES / 1e9:.2f} GB of bfloat16, {options.threads} threads, load {os.getloadavg()[0]:.0f}\n")
    print("| | CPU s | wall s | GB/s | new memory |\n|---|---|---|---|---|")
    for way, runs in found.items():
        cpu, wall, memory = (statistics.median([run[key] for run in runs]) for key in ("cpu", "wall", "memory"))
        print(f"| {way} | {cpu:.2f} | {wall:.1f} | {BYTES / 1e9 / wall:.2f} | {memory / 1e6:.0f} MB |")


if __name__ == "__main__":
    main()
