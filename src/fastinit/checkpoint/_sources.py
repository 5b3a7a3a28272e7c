"""Names, shapes and dtypes from checkpoints that exist: their headers alone are read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ._dtypes import KINDS
from ._format import read_header
from ._tensors import Tensor

_NAMES = {kind.code: kind.name for kind in KINDS}
_INDEX_ENDS = ".safetensors.index.json"


def tensors_of(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read which tensors a checkpoint of safetensors holds: names, shapes and dtypes.

    Only headers are read, by Python alone. `fastinit.torch.tensors_of` and `fastinit.jax.tensors_of` do the same for
    models, and for the configurations of Hugging Face.

    Parameters
    ----------
    path : str or path-like
        A file ``*.safetensors``; an index ``*.safetensors.index.json``; or a directory with one index, or with one
        such file.

    Returns
    -------
    dict of str to Tensor
        In the order of the header, or of the index. `write` takes it.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is not of safetensors, or a directory holds none or several.

    Examples
    --------
    >>> import tempfile, fastinit.checkpoint as checkpoint
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     _ = checkpoint.write(directory, {"w": ((3, 4), "float16")}, {"w": "he_normal"}, seed=0)
    ...     checkpoint.tensors_of(directory)
    {'w': Tensor(shape=(3, 4), dtype='float16', zero_rows=())}
    """
    file = Path(path)
    if file.is_dir():
        file = _only_one(file)
    found = _of_index(file) if file.name.endswith(_INDEX_ENDS) else read_header(file)
    # A dtype that nobody here knows is told by its code when someone wants it written.
    return {name: Tensor(shape, _NAMES.get(code, code)) for name, (shape, code) in found.items()}


def _only_one(directory: Path) -> Path:
    indices = sorted(directory.glob(f"*{_INDEX_ENDS}"))
    whole = [file for file in sorted(directory.glob("*.safetensors")) if not _is_shard(file)] if indices else []
    found = [*indices, *whole] or sorted(directory.glob("*.safetensors"))
    if len(found) != 1:
        said = ", ".join(file.name for file in found[:4]) + (", ..." if len(found) > 4 else "")
        raise ValueError(
            "a directory must hold one checkpoint, an index or a file of safetensors; else name the file. "
            f"Received: {str(directory)!r}, which holds {said or 'none'}"
        )
    return found[0]


def _is_shard(file: Path) -> bool:
    return "-of-" in file.name


def _of_index(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    try:
        files: Any = json.loads(path.read_bytes())["weight_map"]
    except (ValueError, TypeError, KeyError):
        files = None
    if not isinstance(files, dict) or not all(isinstance(file, str) for file in files.values()):
        raise ValueError(f"an index must be JSON with a weight_map. Received: {str(path)!r}")
    headers = {file: read_header(path.parent / file) for file in dict.fromkeys(files.values())}
    missing = [name for name, file in files.items() if name not in headers[file]]
    if missing:
        raise ValueError(
            f"an index must name tensors that its files hold. Received: {str(path)!r}, whose {missing[0]!r} is not in "
            f"{files[missing[0]]!r}"
        )
    return {name: headers[file][name] for name, file in files.items()}
