"""Dask arrays, and the examples for Dask, Zarr and np.memmap."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import Key
from support.tools import load_example

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, *arguments: Any) -> str:
    path = EXAMPLES / f"{name}.py"
    if not path.exists():
        pytest.skip("the examples are not here")
    done = subprocess.run([sys.executable, path, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestDask:
    @pytest.fixture
    def array(self) -> Any:
        pytest.importorskip("dask.array", reason="Dask is not installed")
        import dask

        import fastinit.dask

        with dask.config.set(scheduler="sync"):
            yield fastinit.dask.array

    @pytest.mark.parametrize("dtype", [None, "float64", "float16", "bfloat16"])
    @pytest.mark.parametrize(
        ("shape", "chunks"),
        [
            ((30, 20), (7, 9)),
            ((30, 20), -1),
            ((30, 20), "auto"),
            ((30, 20), ((10, 5, 15), (20,))),
            (100, 33),
            ((4, 5, 6), (4, 2, 4)),
            ((0, 5), (1, 2)),
            ((), ()),
        ],
    )
    def test_any_chunks_have_the_values_of_the_whole(self, array: Any, shape: Any, chunks: Any, dtype: Any) -> None:
        if dtype == "bfloat16":
            pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
        key = Key(3).child("w")
        x = array("normal", shape, chunks, seed=key, dtype=dtype, std=0.5)
        wanted = fastinit.normal(shape, seed=key, dtype=dtype, std=0.5)
        found = np.asarray(x.compute())
        assert x.shape == found.shape == wanted.shape
        assert x.dtype == found.dtype == wanted.dtype
        assert found.tobytes() == wanted.tobytes()

    def test_fans_and_matrices_are_those_of_the_whole(self, array: Any) -> None:
        for initializer in ("he_normal", "orthogonal", fastinit.schemes.siren, "zeros", "siren"):
            function = fastinit.schemes.siren if initializer == "siren" else initializer
            function = fastinit.get(function) if isinstance(function, str) else function
            found = array(initializer, (30, 20), (7, 9), seed=1).compute()
            assert found.tobytes() == function((30, 20), seed=1).tobytes()

    def test_part_of_it_takes_the_tasks_of_that_part(self, array: Any) -> None:
        import dask

        x = array("normal", (10**6, 10**6), (1000, 1000), seed=0)
        part = x[999_999:, 998_999:999_002]
        (graph,) = dask.optimize(part)
        assert len(graph.__dask_graph__()) <= 6
        wanted = fastinit.normal((10**6, 10**6), seed=0, index=(slice(999_999, 10**6), slice(998_999, 999_002)))
        assert (part.compute() == wanted).all()

    def test_names(self, array: Any) -> None:
        x = array("normal", (30, 20), 7, seed=0)
        assert x.name == array(fastinit.normal, [30, 20], (7, 7), seed=Key(0), dtype="float32").name
        others = [
            array("normal", (30, 20), 8, seed=0),
            array("normal", (30, 20), 7, seed=1),
            array("normal", (30, 20), 7, seed=0, std=2.0),
            array("normal", (30, 20), 7, seed=0, dtype="float64"),
            array("truncated_normal", (30, 20), 7, seed=0),
            array("normal", (30, 20), 7, seed=None),
            array("normal", (30, 20), 7, seed=None),
        ]
        assert len({x.name, *(other.name for other in others)}) == 8
        assert x.name.startswith("normal-")

    def test_without_a_seed_it_is_drawn_once(self, array: Any) -> None:
        x = array("normal", 100, 10, seed=None)
        assert (x.compute() == x.compute()).all()

    def test_it_travels(self, array: Any) -> None:
        x = array("he_normal", (30, 20), 7, seed=0)
        assert (pickle.loads(pickle.dumps(x)).compute() == x.compute()).all()

    @pytest.mark.parametrize(
        ("call", "error", "words"),
        [
            (("he_norml", (3, 4)), ValueError, "he_normal"),
            (("normal", (-3,)), ValueError, "`shape` must hold no negative size"),
            (("normal", "3"), TypeError, "`shape` must be an int"),
            (("normal", 2.5), TypeError, "`shape` must be an int"),
            ((np.random.normal, (3,)), TypeError, "`initializer` must be a name or a function of fastinit"),
        ],
    )
    def test_refused(self, array: Any, call: Any, error: type[Exception], words: str) -> None:
        with pytest.raises(error, match=words):
            array(*call, seed=0)

    def test_arguments_that_belong_to_the_array(self, array: Any) -> None:
        with pytest.raises(TypeError, match=r"must hold none of .* Received: threads"):
            array("normal", (3,), seed=0, threads=2)

    def test_docstring_examples(self, array: Any) -> None:
        failed, tried = doctest.testmod(importlib.import_module("fastinit.dask._array"))
        assert tried > 0
        assert failed == 0

    def test_the_example(self, array: Any) -> None:
        lines = run("dask_array", "--size", 100_000).splitlines()
        assert lines[0].startswith("a corner of 4 TB: [[")
        assert lines[2] == "the same values in other chunks: True"

    @pytest.mark.slow
    def test_the_example_on_a_cluster(self, array: Any) -> None:
        pytest.importorskip("distributed", reason="distributed is not installed")
        there, here = (run("dask_array", "--size", 100_000, *way) for way in (["--cluster"], []))
        assert there == here


def test_zarr(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr", minversion="3", reason="Zarr 3 is not installed")
    run("zarr_array", tmp_path / "whole.zarr", "--shape", 50, 41, "--chunks", 16, 20)
    wanted = fastinit.he_normal((50, 41), seed=Key(0).child("kernel"))
    array = zarr.open_array(tmp_path / "whole.zarr", mode="r")
    assert (array.metadata.zarr_format, array.compressors) == (3, ())
    assert (array[:] == wanted).all()

    shared = zarr.create_array(tmp_path / "shared.zarr", shape=(50, 41), chunks=(16, 20), dtype="f4", compressors=None)
    fill = load_example("zarr_array").fill
    for worker in (2, 0):
        fill(shared, Key(0).child("kernel"), worker, 3)
    assert not (shared[:] == wanted).all()
    fill(shared, Key(0).child("kernel"), 1, 3)
    assert (shared[:] == wanted).all()


def test_memmap(tmp_path: Path) -> None:
    run("memmap_array", tmp_path / "out.npy", "--shape", 50, 41)
    array = np.load(tmp_path / "out.npy", mmap_mode="r")
    assert (array == fastinit.he_normal((50, 41), seed=Key(0).child("kernel"))).all()
    large = load_example("memmap_array").create(str(tmp_path / "large.npy"), (1 << 20,))
    assert (tmp_path / "large.npy").stat().st_blocks * 512 >= large.nbytes
