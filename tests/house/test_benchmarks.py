"""The rooms of benchmarks/: who knows whom, the list of promises, and that the page shows what was measured."""

import argparse
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.report import tables
from benchmarks.study import against, promises
from benchmarks.study.promised import PROMISES

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
RESULTS = BENCHMARKS / "results" / "0.1.0-intel-emerald-rapids"
SECOND = BENCHMARKS / "results" / "0.2.0.dev0-amd-zen-3"
BY_NAME = {promise.what: promise for promise in PROMISES}


def test_nothing_imports_a_benchmark():
    importing = re.compile(r"^\s*(?:from|import) .*\bbench_", re.MULTILINE)
    assert [file.name for file in BENCHMARKS.rglob("*.py") if importing.search(file.read_text("utf-8"))] == []


def test_peers_know_neither_study_nor_report():
    importing = re.compile(r"benchmarks\.(study|report)|pytest")
    assert [
        file.name for file in (BENCHMARKS / "peers").glob("*.py") if importing.search(file.read_text("utf-8"))
    ] == []


def test_one_file_looks_behind_the_public_names():
    private = re.compile(r"fastinit(\.| import )_[a-z]")
    assert [file.name for file in BENCHMARKS.rglob("*.py") if private.search(file.read_text("utf-8"))] == ["peak.py"]


def test_every_promise_has_a_name_and_one_target():
    assert len(BY_NAME) == len(PROMISES)
    for promise in PROMISES:
        assert (promise.at_least is None) != (promise.at_most is None), promise.what
        assert promise.cores in ("one", "all"), promise.what


def test_what_the_page_promises_is_measured():
    """The second machine's table, which is of the present list; the first's keeps the targets of its time."""
    page = (ROOT / "docs" / "performance.md").read_text("utf-8")
    table = page.split("<!-- table: second promises -->")[1].split("<!-- end -->")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in table.splitlines() if line.startswith("| ")][1:]
    assert {what for what, _ in rows} == set(BY_NAME)
    for what, target in rows:
        promise = BY_NAME[what]
        promised = promise.promised("avx2")
        sign, unit = (">=", "x") if promise.faster else ("<=", "")
        assert target == ("" if promised is None else f"{sign} {promised:g}{unit}"), what


def test_kept_or_not():
    faster, slower = BY_NAME["uniform vs `random(out=)`"], BY_NAME["bf16 he_normal vs f32, time"]
    assert [faster.kept("avx512", ratio) for ratio in (3.99, 4.0)] == [False, True]
    assert [slower.kept("avx512", ratio) for ratio in (1.04, 1.05)] == [True, False]
    assert faster.kept("avx2", 9.0) is None
    assert BY_NAME["he_normal vs NumPy idiom"].kept("avx2", 14.5) is True


def test_the_table_says_what_is_kept():
    promise = BY_NAME["he_normal vs NumPy idiom"]
    text = promises.table([promise.row("avx512", 22.0, 0.7, 15.4), promise.row("avx2", 15.0, 1.0, 15.0)])
    assert "| AVX-512 | 22.00x | >= 22.5x | **no** | 0.7 / 15.4 ns a value |" in text
    assert "| AVX2 | 15.00x | >= 14.5x | yes | 1 / 15 ns a value |" in text
    assert "1 of 2 promises kept" in text


def test_the_tables_are_those_of_the_results(tmp_path: Path):
    pages = ("docs/performance.md", "docs/comparison.md", "README.md")
    (tmp_path / "docs").mkdir()
    for page in pages:
        shutil.copy(ROOT / page, tmp_path / page)
    tables.run(argparse.Namespace(results=RESULTS, second=SECOND, root=tmp_path, skip=[]))
    for page in pages:
        assert (tmp_path / page).read_text("utf-8") == (ROOT / page).read_text("utf-8"), page


def test_results_that_are_not_there(tmp_path: Path):
    with pytest.raises(SystemExit, match="no results begin with"):
        tables.run(argparse.Namespace(results=tmp_path / "none", second=SECOND, root=tmp_path, skip=[]))


def test_two_builds_measure_each_job_once():
    rows = against.rows_of(PROMISES)
    assert [row.what for row in rows[: len(PROMISES)]] == [promise.what for promise in PROMISES]
    own = [row.job for row in rows[len(PROMISES) :]]
    assert "dense 32x8x4, contiguous" in own
    assert "he_normal 4096²" not in own
    assert len(set(own)) == len(own)


def test_bits_are_compared_with_their_shape_and_dtype():
    values = np.arange(6, dtype=np.float32)
    assert against.digest(values) == against.digest(values.copy())
    others = [values[::-1], values.reshape(2, 3), values.view(np.int32), -values]
    assert len({against.digest(other) for other in (values, *others)}) == 5
    assert against.digest({"a": values}) == against.digest(values)
