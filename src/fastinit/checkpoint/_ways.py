"""The two ways of a file's bytes to the disk: through memory that is the file, or past the page cache."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ._files import Unfinished, write_at

if sys.platform != "win32":  # there nothing is written; see _write.py
    import fcntl

Fill = Callable[[int, NDArray[np.uint8]], None]
Told = Callable[[int], None]

# Mapped at a time: so much counts as the process's memory, though it is the page cache's.
WINDOW = 1 << 26
# One buffer is filled while the others are written. The blocks of any disk divide 4096 bytes.
RING, CHUNK, SECTOR = 4, 1 << 23, 4096

_POPULATE_WRITE = 23  # Linux's MADV_POPULATE_WRITE, from 5.14; Python has no name for it


def write_mapped(file: Unfinished, fill: Fill, told: Told) -> None:
    """Let `fill` write into the file's own pages, a window at a time, which the system sends to the disk meanwhile."""
    for start in range(0, file.size, WINDOW):
        size = min(WINDOW, file.size - start)
        window = mmap.mmap(file.fd, size, offset=start)
        if hasattr(window, "madvise"):
            # All pages at once cost less than one fault for each.
            with contextlib.suppress(OSError):
                window.madvise(_POPULATE_WRITE)
        fill(start, np.frombuffer(window, np.uint8))
        del window  # and with the last view of it, the mapping
        if hasattr(os, "posix_fadvise"):
            # Pages that are not yet on the disk are not dropped: they are begun to be written.
            with contextlib.suppress(OSError):
                os.posix_fadvise(file.fd, start, size, os.POSIX_FADV_DONTNEED)
        told(size)


def write_direct(file: Unfinished, fill: Fill, told: Told) -> None:
    """Let `fill` write into one buffer of a ring while the others go to the disk by O_DIRECT."""
    memory = mmap.mmap(-1, RING * CHUNK)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
    ring = [np.frombuffer(memory, np.uint8, CHUNK, i * CHUNK) for i in range(RING)]
    writing: deque[Future[None]] = deque()
    with ThreadPoolExecutor(RING - 1) as writers:
        try:
            for number, start in enumerate(range(0, file.size, CHUNK)):
                if len(writing) == RING:
                    writing.popleft().result()
                size = min(CHUNK, file.size - start)
                buffer = ring[number % RING]
                fill(start, buffer[:size])
                whole = size + -size % SECTOR
                buffer[size:whole] = 0
                writing.append(writers.submit(write_at, file.fd, buffer[:whole].data, start))
                told(size)
            while writing:
                writing.popleft().result()
        except OSError as error:
            raise _not_direct(error, file.path) if error.errno == errno.EINVAL else error from None


def go_direct(file: Unfinished) -> None:
    """Let what is written to a file pass the page cache, where the file system can."""
    flag = getattr(os, "O_DIRECT", None)
    if flag is None:
        raise _not_direct(OSError(errno.EINVAL, "a system without it"), file.path)
    try:
        fcntl.fcntl(file.fd, fcntl.F_SETFL, fcntl.fcntl(file.fd, fcntl.F_GETFL) | flag)
    except OSError as error:
        raise _not_direct(error, file.path) if error.errno == errno.EINVAL else error from None


def _not_direct(error: OSError, path: Path) -> OSError:
    return OSError(
        error.errno,
        f"direct=True must be left out where a file system has no O_DIRECT. Received: {error.strerror}",
        str(path),
    )
