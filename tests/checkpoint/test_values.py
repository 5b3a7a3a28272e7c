"""What stands in the files: the format, and every tensor's values."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoint.files import RULES, SEED, TENSORS, assert_same, expected, names, read, read_directory
from hypothesis import given
from hypothesis import strategies as st

import fastinit
from fastinit import Key, Rules
from fastinit.checkpoint import Tensor, _ways, plan, tensors_of, write
from fastinit.checkpoint._blocks import blocks_of


@pytest.fixture(params=["mapped", "direct"])
def direct(request: pytest.FixtureRequest, tmp_path: Path) -> bool:
    if request.param == "direct":
        try:
            write(tmp_path / "probe", {"w": ((2,), "float32")}, {"w": "ones"}, seed=0, direct=True)
        except OSError as error:
            pytest.skip(f"direct=True is for file systems that have it: {error}")
    return bool(request.param == "direct")


@pytest.fixture(params=[4096, 12288, None], ids=["4096", "12288", "whole"])
def cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of files so small that tensors and rows are cut by them."""
    if request.param:
        monkeypatch.setattr(_ways, "WINDOW", request.param)
        monkeypatch.setattr(_ways, "CHUNK", request.param)


@pytest.mark.usefixtures("cut")
def test_one_file_holds_what_initialize_makes(tmp_path: Path, direct: bool) -> None:
    files = write(tmp_path / "deep" / "out", TENSORS, RULES, seed=SEED, direct=direct)
    assert files == [tmp_path / "deep/out/model.safetensors"]
    assert names(tmp_path / "deep/out") == ["model.safetensors"]
    assert_same(read(files[0]), expected())


@pytest.mark.usefixtures("cut")
def test_many_files_hold_the_same(tmp_path: Path, direct: bool) -> None:
    tmp_path /= "out"
    files = write(tmp_path, TENSORS, RULES, seed=SEED, max_shard_bytes=20_000, direct=direct, threads=2)
    count = len(files) - 1
    assert count >= 4
    assert [file.name for file in files] == [
        *[f"model-{i + 1:05d}-of-{count:05d}.safetensors" for i in range(count)],
        "model.safetensors.index.json",
    ]
    assert names(tmp_path) == sorted(file.name for file in files)
    assert_same(read_directory(tmp_path), expected())


def test_files_lie_in_the_librarys_order(tmp_path: Path) -> None:
    tensors: dict[str, Any] = {
        "b": ((2,), "bfloat16"),
        "é": ((2,), "float16"),
        "a": ((2,), "float16"),
        "z": ((2,), "float64"),
        'quo"te\n\x01\x7f': ((2,), "float32"),
    }
    (file,) = write(tmp_path, tensors, {"(?s:.)*": "ones"}, seed=0)
    data = file.read_bytes()
    text = (
        '{"__metadata__":{"format":"pt"},"z":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},'
        '"quo\\"te\\n\\u0001\x7f":{"dtype":"F32","shape":[2],"data_offsets":[16,24]},'
        '"b":{"dtype":"BF16","shape":[2],"data_offsets":[24,28]},'
        '"a":{"dtype":"F16","shape":[2],"data_offsets":[28,32]},'
        '"é":{"dtype":"F16","shape":[2],"data_offsets":[32,36]}}'
    ).encode()
    text += b" " * (-len(text) % 8)
    values = np.ones(2).tobytes() + np.ones(2, "<f4").tobytes() + b"\x80\x3f" * 2 + np.ones(4, "<f2").tobytes()
    assert data == len(text).to_bytes(8, "little") + text + values


def test_a_dtype_for_all_leaves_integers_alone(tmp_path: Path) -> None:
    tensors = {"w": ((5, 4), "F32"), "small": ((3,), "float8_e4m3fn"), "steps": ((), np.dtype("int64"))}
    (file,) = write(tmp_path, tensors, {"w": "he_uniform", "small": "ones", "steps": "zeros"}, seed=0, dtype="bfloat16")
    found = read(file)
    assert tensors_of(file) == {
        "steps": Tensor((), "int64"),
        "small": Tensor((3,), "bfloat16"),
        "w": Tensor((5, 4), "bfloat16"),
    }
    assert found["steps"].tolist() == 0
    kernel = fastinit.he_uniform((5, 4), in_axis=1, out_axis=0, seed=Key(0).child("w"), dtype="bfloat16",
                                 out=np.empty((5, 4), np.uint16))  # fmt: skip
    assert found["w"].tobytes() == kernel.tobytes()


def test_zeros_of_every_dtype(tmp_path: Path) -> None:
    (file,) = write(tmp_path, {"mask": ((3, 2), "bool"), "w8": ((4,), "F8_E4M3")}, {".*": "zeros"}, seed=None)
    assert {name: array.tolist() for name, array in read(file).items()} == {"mask": [[False] * 2] * 3, "w8": [0] * 4}


@pytest.mark.usefixtures("cut")
def test_rows_of_zeros(tmp_path: Path) -> None:
    tensors = {"embed": ((700, 9), "float32", (3, -1, 400)), "square": ((40, 40), "float32", (2,))}
    rules = Rules({"embed": "normal", "square": "orthogonal"})
    (file,) = write(tmp_path, tensors, rules, seed=SEED)
    wanted = {name: array.copy() for name, array in expected(tensors, rules).items()}
    wanted["embed"][[3, 699, 400]] = 0.0
    wanted["square"][2] = 0.0
    assert_same(read(file), wanted)
    inode = file.stat().st_ino
    write(tmp_path, tensors, rules, seed=SEED)
    assert file.stat().st_ino == inode


@pytest.mark.usefixtures("cut")
def test_initializers_of_ones_own(tmp_path: Path) -> None:
    def own(shape: tuple[int, ...], seed: Any) -> np.ndarray:
        return fastinit.normal(shape, seed=seed) * 2

    rules = Rules([("a", own), ("b", functools.partial(fastinit.normal, std=3.0)), ("c", own)])
    tensors = {name: ((50, 40), dtype) for name, dtype in zip("abc", ("float32", "float64", "bfloat16"), strict=True)}
    (file,) = write(tmp_path, tensors, rules, seed=SEED)
    assert_same(read(file), expected(tensors, rules))
    inode = file.stat().st_ino
    write(tmp_path, tensors, rules, seed=SEED)
    assert file.stat().st_ino == inode


def test_the_other_layout(tmp_path: Path) -> None:
    tensors = {"kernel": ((30, 10), "float32")}
    rules = Rules({"kernel": "he_normal"})
    (file,) = write(tmp_path, tensors, rules, seed=SEED, layout="in_out")
    data = file.read_bytes()
    assert b'{"__metadata__":{"format":"flax"}' in data
    assert data.endswith(expected(tensors, rules, layout="in_out")["kernel"].tobytes())


def test_parts_make_the_whole(tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    write(alone, TENSORS, RULES, seed=SEED, max_shard_bytes=20_000)
    of = 3
    written = [write(together, TENSORS, RULES, seed=SEED, max_shard_bytes=20_000, part=(i, of)) for i in (2, 0, 1)]
    assert sorted(path.name for paths in written for path in paths) == names(alone)
    assert [paths[-1].suffix == ".json" for paths in written] == [False, True, False]
    for name in names(alone):
        assert (together / name).read_bytes() == (alone / name).read_bytes(), name


def test_parts_have_like_shares_and_some_have_none() -> None:
    tensors = {str(i): ((1000 * (1 + i % 3),), "float32") for i in range(31)}
    whole = plan(tensors, {".*": "zeros"}, max_shard_bytes=16_000)
    shares = [plan(tensors, {".*": "zeros"}, max_shard_bytes=16_000, part=(i, 4)).mine for i in range(4)]
    assert sorted(shard.name for share in shares for shard in share) == [shard.name for shard in whole.shards]
    loads = [sum(shard.nbytes for shard in share) for share in shares]
    assert max(loads) - min(loads) <= max(shard.nbytes for shard in whole.shards)
    assert plan(tensors, {".*": "zeros"}, part=(3, 4)).mine == ()


def test_a_part_without_files_writes_nothing(tmp_path: Path) -> None:
    assert write(tmp_path, {"w": ((2,), "float32")}, {"w": "ones"}, seed=0, part=(1, 2)) == []
    assert names(tmp_path) == []


def test_how_files_are_divided() -> None:
    sizes = {"a": 40, "b": 70, "huge": 1000, "c": 20, "d": 10, "e": 100, "f": 1}
    tensors = {name: ((size,), "int8") for name, size in sizes.items()}
    shards = plan(tensors, {".*": "zeros"}, max_shard_bytes=100).shards
    assert [[place.tensor.name for place in shard.places] for shard in shards] == [
        ["a"], ["huge"], ["b", "c", "d"], ["e"], ["f"],
    ]  # fmt: skip
    assert [shard.name for shard in shards][-1] == "model-00005-of-00005.safetensors"


def test_what_is_skipped_is_left_out(tmp_path: Path) -> None:
    tensors = {"w": ((2,), "float32"), "rotary.inv_freq": ((4,), "float32")}
    (file,) = write(tmp_path, tensors, {"w": "ones"}, seed=0, skip=r".*inv_freq")
    assert [*read(file)] == ["w"]


def test_the_index_is_what_hugging_face_writes(tmp_path: Path) -> None:
    tensors = {"b": ((4,), "float32"), "a": ((4,), "float32")}
    *_, index = write(tmp_path, tensors, {".*": "ones"}, seed=0, max_shard_bytes=16)
    assert index.read_text() == (
        '{\n  "metadata": {\n    "total_size": 32\n  },\n  "weight_map": {\n'
        '    "a": "model-00002-of-00002.safetensors",\n    "b": "model-00001-of-00002.safetensors"\n  }\n}\n'
    )


@given(st.lists(st.integers(1, 5), max_size=4), st.data())
def test_blocks_are_the_elements_between(sizes: list[int], data: st.DataObject) -> None:
    shape = tuple(sizes)
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    start = data.draw(st.integers(0, array.size))
    stop = data.draw(st.integers(start, array.size))
    found = [array[block] for block in blocks_of(shape, start, stop)]
    assert all(part.size for part in found)
    assert len(found) <= max(1, 2 * len(shape) - 1)
    assert [n for part in found for n in part.ravel().tolist()] == [*range(start, stop)]


def test_tensors_of_what_was_written(tmp_path: Path) -> None:
    files = write(tmp_path, TENSORS, RULES, seed=SEED, max_shard_bytes=20_000)
    found = tensors_of(tmp_path)
    assert [*found] == sorted(TENSORS)
    assert {name: tensor[:2] for name, tensor in found.items()} == TENSORS
    assert tensors_of(files[-1]) == found
    again = tmp_path / "again"
    write(again, found, RULES, seed=SEED)
    assert_same(read(again / "model.safetensors"), expected())
    assert tensors_of(again) == tensors_of(again / "model.safetensors")
    header = json.loads((tmp_path / files[0].name).read_bytes()[8:].split(b"}}")[0] + b"}}")
    assert [*tensors_of(files[0])] == [name for name in header if name != "__metadata__"]
