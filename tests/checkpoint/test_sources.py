"""`tensors_of`: what a checkpoint that exists holds, by its headers alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fastinit.checkpoint import Tensor, tensors_of, write


def file_of(path: Path, header: Any, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text)
    return path


ENTRY = {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}


def test_a_header_is_enough(tmp_path: Path) -> None:
    odd = {"dtype": "F4", "shape": [], "data_offsets": [12, 13]}
    file = file_of(tmp_path / "x.safetensors", {"w": ENTRY, "__metadata__": {"a": "b"}, "odd": odd})
    assert tensors_of(file) == {"w": Tensor((2, 3), "bfloat16"), "odd": Tensor((), "F4")}
    assert tensors_of(str(tmp_path)) == tensors_of(file)
    with pytest.raises(TypeError, match=r"'odd': `dtype` must be one that safetensors has.*Received: 'F4'"):
        write(tmp_path / "out", tensors_of(file), {".*": "zeros"}, seed=0)


@pytest.mark.parametrize(
    ("header", "length", "words"),
    [
        (b"", None, "a header that is no JSON"),
        (b"{", None, "a header that is no JSON"),
        (b"\xff\xfe", None, "a header that is no JSON"),
        (b"[]", None, "a header that is no object"),
        (b"{}", 3, "a header of 3 bytes in a file of 10"),
        (b"{}", 1 << 60, "a header of 1152921504606846976 bytes in a file of 10"),
        ({"w": {**ENTRY, "shape": [-1]}}, None, "'w' without a shape and a dtype"),
        ({"w": {**ENTRY, "shape": [1.5]}}, None, "'w' without a shape and a dtype"),
        ({"w": {**ENTRY, "dtype": 3}}, None, "'w' without a shape and a dtype"),
        ({"w": []}, None, "'w' without a shape and a dtype"),
    ],
)
def test_files_that_are_none(tmp_path: Path, header: Any, length: int | None, words: str) -> None:
    file = file_of(tmp_path / "x.safetensors", header, length)
    with pytest.raises(ValueError, match=r"a file must be one of safetensors. Received: '.*x.safetensors'") as caught:
        tensors_of(file)
    assert words in str(caught.value)


def test_a_file_that_ends_at_once(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"\0\0\0")
    with pytest.raises(ValueError, match="a file must be one of safetensors"):
        tensors_of(tmp_path / "x.safetensors")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tensors_of(tmp_path / "x.safetensors")


def test_a_directory_holds_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a directory must hold one checkpoint.*which holds none"):
        tensors_of(tmp_path)
    file_of(tmp_path / "a.safetensors", {"w": ENTRY})
    assert [*tensors_of(tmp_path)] == ["w"]
    file_of(tmp_path / "b.safetensors", {"w": ENTRY})
    with pytest.raises(ValueError, match=r"which holds a.safetensors, b.safetensors"):
        tensors_of(tmp_path)


def test_an_index_and_a_whole_file_are_two(tmp_path: Path) -> None:
    write(tmp_path, {"a": ((2,), "float32"), "b": ((2,), "float32")}, {".": "ones"}, seed=0, max_shard_bytes=8)
    assert [*tensors_of(tmp_path)] == ["a", "b"]
    file_of(tmp_path / "model.safetensors", {"w": ENTRY})
    with pytest.raises(ValueError, match=r"model.safetensors.index.json, model.safetensors"):
        tensors_of(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": 3}}'])
def test_an_index_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(ValueError, match="an index must be JSON with a weight_map"):
        tensors_of(tmp_path)


def test_an_index_of_what_is_not_there(tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"v": "x.safetensors"}}')
    with pytest.raises(FileNotFoundError):
        tensors_of(index)
    file_of(tmp_path / "x.safetensors", {"w": ENTRY})
    with pytest.raises(ValueError, match=r"whose 'v' is not in 'x.safetensors'"):
        tensors_of(index)
