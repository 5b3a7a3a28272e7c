"""Writing a checkpoint, so that whatever happens no file is there in part."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .._arguments import brief, check_flag, check_threads
from ..keys import Key, Seed
from ._draw import Drawing
from ._files import Unfinished, remove, sync_directory, write_whole
from ._finished import strangers, why_unfinished
from ._plan import INDEX, Plan, Shard, plan
from ._progress import Watched, check_progress
from ._ways import go_direct, write_direct, write_mapped


def write(
    directory: str | os.PathLike[str],
    tensors: Mapping[str, Any],
    rules: Any,
    *,
    seed: Seed,
    dtype: Any = None,
    max_shard_bytes: int = 5_000_000_000,
    part: tuple[int, int] = (0, 1),
    skip: str | Iterable[str] = (),
    layout: str = "out_in",
    overwrite: bool = False,
    direct: bool = False,
    threads: int | None = None,
    progress: bool | Callable[[int, int], Any] | None = None,
) -> list[Path]:
    """Write the initial weights of a model as files of safetensors, with the memory of a few buffers.

    The tensor named "a.b.c" is drawn by the first rule whose pattern matches the whole name, with the key
    ``Key(seed).child("a.b.c")``, straight to where it belongs in its file. The files are ``model.safetensors``, or
    ``model-00001-of-0000N.safetensors`` and ``model.safetensors.index.json``, divided as Hugging Face divides them,
    and each is what the safetensors library writes for its tensors, byte for byte.

    A file gets its name when all of it is on the disk: before, it is called ``*.tmp``. Room for all files of the part
    is reserved before the first is written, and the index comes last. After a failure or a kill the same call writes
    what is missing. **A file that has its name is left as it is** if its size, its header and the first elements of
    each tensor are those that would be written; delete it to have it written again.

    Parameters
    ----------
    directory : str or path-like
        Made if it is not there.
    tensors : mapping of str to (shape, dtype)
        In the order in which they are divided among files. A dtype may be a name, a dtype of NumPy, PyTorch or
        ml_dtypes, or a code of safetensors ("BF16"). `tensors_of` reads files; `fastinit.torch.tensors_of` and
        `fastinit.jax.tensors_of` read models that need no memory. A third part of a tuple names rows that are zero
        (``padding_idx``). **Tied tensors belong here once**, under the name that the loader reads.
    rules : fastinit.Rules, or what it is made from
    seed : int, Key, or numpy.random.SeedSequence, Generator or BitGenerator
        None takes fresh entropy; then nothing can be finished later, and there is but one part.
    dtype : dtype
        float32, float64, float16 or bfloat16 for every tensor of floats; None leaves them what they are.
        Tensors of other dtypes must have the rule "zeros", or be skipped.
    max_shard_bytes : int
        The most bytes of tensors in one file. A larger tensor has a file to itself.
    part : (int, int)
        (i, n): this host is number i, from 0 on, of n that make the same call. Each writes its share of the files,
        nearly the same number of bytes; none waits for another. Part 0 writes the index too: a checkpoint is complete
        when the index is there and every file that it names.
    skip : str or iterable of str
        Patterns of names that are left out of the files: what a loader computes by itself.
    layout : {"out_in", "in_out"}
        How the tensors are stored: (out, in, *spatial*) as in PyTorch, or (*spatial*, in, out) as in JAX. Axes that a
        rule gives itself stay. The header's metadata says "pt" or "flax".
    overwrite : bool
        Whether files that are not of this checkpoint may be replaced; those under other names of Hugging Face's
        (``model*.safetensors``, the index), which a loader could take instead, are removed by part 0.
    direct : bool
        Write past the page cache (O_DIRECT), from a ring of 32 MB: less work for the processor where a disk is as
        fast as the numbers, and no memory for pages. Some file systems have none.
    threads : int
        The most threads that the call may use. Values never depend on it.
    progress : None, bool or callable
        None and True show bytes, rate and time left, if stderr is a terminal. A function is called with the bytes that
        have been written and with those of all files to write.

    Returns
    -------
    list of pathlib.Path
        The part's files, written now or before; of part 0 the index, too.

    Raises
    ------
    TypeError, ValueError
        If names and rules do not fit each other, or a tensor cannot be drawn; the sentence names it. Nothing has been
        written then.
    FileExistsError
        If there are files that are not of this checkpoint, and not `overwrite`. Nothing has been written then.
    OSError
        If there is no room for the files (nothing has been written then), a file system has no O_DIRECT, another
        process is writing the same file, the disk fails, or the system is Windows, which has other locks and maps.

    Examples
    --------
    >>> import tempfile, fastinit, fastinit.checkpoint as checkpoint
    >>> tensors = {"up.weight": ((4096, 1024), "bfloat16"), "up.bias": ((4096,), "bfloat16")}
    >>> rules = [(".*weight", "he_normal"), (".*bias", "zeros")]
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     files = checkpoint.write(directory, tensors, rules, seed=0)
    ...     [file.name for file in files], files[0].stat().st_size
    (['model.safetensors'], 8396992)
    """
    asked = plan(tensors, rules, dtype=dtype, max_shard_bytes=max_shard_bytes, part=part, skip=skip, layout=layout)
    check_flag("overwrite", overwrite)
    check_flag("direct", direct)
    check_progress(progress)
    if threads is not None:
        check_threads(threads)
    if seed is None and asked.part[1] > 1:
        raise ValueError("`seed` must be given where there are several parts. Received: seed=None")
    folder = _directory(directory)
    if sys.platform == "win32":
        raise OSError(errno.ENOSYS, "a checkpoint must be written under Linux or macOS. Received: Windows", str(folder))
    return Writing(folder, asked, Key(seed), overwrite, direct, threads, progress).do()


def _directory(directory: Any) -> Path:
    if not isinstance(directory, (str, os.PathLike)):
        raise TypeError(f"`directory` must be a path. Received: directory={brief(directory)}")
    path = Path(directory)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    return path


class Writing:
    """The work of one call."""

    def __init__(
        self,
        directory: Path,
        asked: Plan,
        key: Key,
        overwrite: bool,
        direct: bool,
        threads: int | None,
        progress: Any,
    ) -> None:
        self._directory = directory
        self._plan = asked
        self._key = key
        self._overwrite = overwrite
        self._direct = direct
        self._threads = threads
        self._progress = progress
        self._index = asked.index if asked.part[0] == 0 else None

    def do(self) -> list[Path]:
        self._directory.mkdir(parents=True, exist_ok=True)
        wanted, strange = self._look()
        files = self._reserve(wanted)
        try:
            self._remove(strange, bool(wanted))
            with Watched(self._progress, sum(shard.nbytes for shard in wanted)) as watched:
                for shard, file in zip(wanted, files, strict=True):
                    self._write(shard, file, watched)
        finally:
            for file in files:
                if file.fd >= 0:
                    file.discard()
        paths = [self._directory / shard.name for shard in self._plan.mine]
        if self._index is not None:
            paths.append(self._directory / INDEX)
            if not self._has_index():
                write_whole(paths[-1], self._index)
        return paths

    def _look(self) -> tuple[list[Shard], list[Path]]:
        """The files to write, and those to remove before; or an error about those that are in the way."""
        wanted, strange = [], strangers(self._directory, self._plan)
        if strange and not self._overwrite:
            raise _in_the_way(strange[0], "a file of another checkpoint")
        for shard in self._plan.mine:
            path = self._directory / shard.name
            if path.exists():
                why = why_unfinished(path, shard, self._plan.entries, self._key, self._threads)
                if not why:
                    continue
                if not self._overwrite:
                    raise _in_the_way(path, why)
            wanted.append(shard)
        index = self._directory / INDEX
        if self._index is not None and index.exists() and not self._has_index():
            if not self._overwrite:
                raise _in_the_way(index, "the index of another checkpoint")
            strange.append(index)
        return wanted, strange

    def _has_index(self) -> bool:
        path = self._directory / INDEX
        return path.exists() and path.read_bytes() == self._index

    def _reserve(self, wanted: list[Shard]) -> list[Unfinished]:
        files: list[Unfinished] = []
        try:
            for shard in wanted:
                files.append(Unfinished(self._directory / shard.name, shard.nbytes))
                if self._direct:
                    go_direct(files[-1])
        except BaseException:
            for file in files:
                file.discard()
            raise
        return files

    def _remove(self, strange: list[Path], replacing: bool) -> None:
        """What is not of this checkpoint, and the index, while a file that it names is not yet what it says."""
        if self._plan.part[0] != 0:
            return
        index = self._directory / INDEX
        gone = {*strange, index} if replacing and index.exists() else {*strange}
        for path in sorted(gone, reverse=True):  # the index before the files that it names
            remove(path)
        if gone:
            sync_directory(self._directory)

    def _write(self, shard: Shard, file: Unfinished, watched: Watched) -> None:
        drawing = Drawing(shard.header, shard.places, self._plan.entries, self._key, self._threads)
        (write_direct if self._direct else write_mapped)(file, drawing.fill, watched.add)
        watched.finishing(shard.name)
        file.commit()


def _in_the_way(path: Path, why: str) -> FileExistsError:
    return FileExistsError(
        errno.EEXIST,
        f"a file that is there must be of this checkpoint, or overwrite=True must be given. Received: {why}",
        str(path),
    )
