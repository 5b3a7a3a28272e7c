"""Files that nobody sees before they are whole."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

if sys.platform != "win32":  # there nothing is written; see _write.py
    import fcntl

_ZEROS = bytes(1 << 20)
# What a system or a file system without such an operation says.
_NOT_OFFERED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)


class Unfinished:
    """A file under its temporary name, with all the room that it needs and nothing in it.

    Whoever has it open holds a lock, which the system takes back when the process ends, however it ends. So what a
    killed process left is told from what another one is writing.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.temporary = temporary_name(path)
        self.size = size
        self.fd = _open_alone(self.temporary)
        try:
            os.ftruncate(self.fd, 0)
            _allocate(self.fd, size)
        except BaseException as error:
            self.discard()
            if isinstance(error, OSError) and error.errno is not None:
                raise OSError(error.errno, f"{os.strerror(error.errno)}, of {size} bytes", str(path)) from None
            raise

    def commit(self) -> None:
        """Give the file its name, with everything on the disk that was written."""
        # Whole sectors may have been written.
        os.ftruncate(self.fd, self.size)
        os.fsync(self.fd)
        os.replace(self.temporary, self.path)
        self.close()
        sync_directory(self.path.parent)

    def discard(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self.temporary)
        self.close()

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def write_whole(path: Path, data: bytes) -> None:
    """Write a small file, as the large ones: all of it or nothing."""
    file = Unfinished(path, len(data))
    try:
        write_at(file.fd, memoryview(data), 0)
        file.commit()
    except BaseException:
        file.discard()
        raise


def write_at(fd: int, data: memoryview, position: int) -> None:
    """`os.pwrite` of everything: the system may write less at a time."""
    while len(data):
        count = os.pwrite(fd, data, position)
        data, position = data[count:], position + count


def remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def sync_directory(path: Path) -> None:
    """Let names be on the disk, too; where directories cannot be opened or synchronized, the system sees to it."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            raise
    finally:
        os.close(fd)


def temporary_name(path: Path) -> Path:
    return path.with_name(f"{path.name}.tmp")


def _open_alone(path: Path) -> int:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise BlockingIOError(
                errno.EWOULDBLOCK,
                "a file must be written by one process. Received: one that another is writing",
                str(path),
            ) from None
        except OSError as error:
            if error.errno not in (*_NOT_OFFERED, errno.ENOLCK):  # a file system without locks
                os.close(fd)
                raise
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(fd), os.stat(path)):
                return fd
        os.close(fd)  # the other process has just finished it


def _allocate(fd: int, size: int) -> None:
    """Reserve the room, so that a full disk is an error here; in a mapped file it would end the process."""
    if size == 0:
        return
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(fd, 0, size)
            return
        except OSError as error:
            if error.errno not in _NOT_OFFERED:
                raise
    for position in range(0, size, len(_ZEROS)):
        os.pwrite(fd, _ZEROS[: min(len(_ZEROS), size - position)], position)
