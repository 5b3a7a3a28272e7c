"""What a type checker says of calls: right ones pass, and of wrong ones each is reported."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import fastinit
from fastinit import schemes
from fastinit.initializers._engine import registry

TYPED = Path(__file__).resolve().parent / "typed"
SOURCE = Path(fastinit.__file__).resolve().parents[1]

# What Cython adds to every module.
ALLOWED = ("__reduce_cython__", "__setstate_cython__", "__test__")


def run_mypy(folder: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("mypy", reason="mypy is not installed")
    environment = os.environ | {"MYPY_CACHE_DIR": str(folder)}
    if "site-packages" not in SOURCE.parts:  # where mypy would find it by itself, and wants no path
        environment["MYPYPATH"] = str(SOURCE)
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, str]]:
    """What mypy says of each file, by line."""
    files = [str(TYPED / name) for name in ("right.py", "wrong.py")]
    result = run_mypy(tmp_path_factory.mktemp("mypy"), "mypy", "--strict", "--config-file=", *files)
    assert result.returncode in (0, 1), result.stdout + result.stderr
    found: dict[str, dict[int, str]] = {"right.py": {}, "wrong.py": {}}
    for path, line, words in re.findall(r"^(.+?):(\d+): error: (.*)$", result.stdout, re.MULTILINE):
        found[Path(path).name][int(line)] = words
    return found


@pytest.mark.slow
def test_right_calls_pass(reported: dict[str, dict[int, str]]) -> None:
    assert reported["right.py"] == {}


@pytest.mark.slow
def test_wrong_calls_are_reported(reported: dict[str, dict[int, str]]) -> None:
    lines = (TYPED / "wrong.py").read_text().splitlines()
    marked = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert len(marked) > 50
    found = reported["wrong.py"]
    assert {number: lines[number - 1] for number in marked - set(found)} == {}, "not reported"
    assert {number: words for number, words in found.items() if number not in marked} == {}, "reported, but right"


@pytest.mark.slow
def test_the_stub_is_that_of_the_compiled_module(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.write_text("".join(f"fastinit\\._kernels\\.{name}\n" for name in ALLOWED))
    options = [f"--allowlist={allowed}", "--ignore-unused-allowlist", "--concise"]
    result = run_mypy(tmp_path, "mypy.stubtest", "fastinit._kernels", *options)
    assert result.returncode == 0, result.stdout + result.stderr


PUBLIC = [getattr(fastinit, name) for name in fastinit.__all__ if inspect.isfunction(getattr(fastinit, name))]
PUBLIC += [getattr(schemes, name) for name in schemes.__all__ if inspect.isfunction(getattr(schemes, name))]


@pytest.mark.parametrize("function", PUBLIC, ids=lambda function: function.__name__)
def test_a_public_function_says_its_types(function: typing.Any) -> None:
    """To who reads it and to who resolves it; and none of its own is `Any`."""
    if sys.version_info < (3, 11):
        pytest.skip("typing has no Unpack before Python 3.11, and annotations stay strings")
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters
    assert list(hints) == [*parameters, "return"]
    assert typing.Any not in hints.values()
    assert "object at" not in str(inspect.signature(function))


def test_the_decorator_hides_no_signature() -> None:
    for name, function in registry.items():
        signature = inspect.signature(function)
        assert next(iter(signature.parameters)) == "shape", name
        assert signature.return_annotation == "NDArray[Any]", name
        assert {"dtype", "seed", "out", "index", "threads"} <= set(signature.parameters), name
    assert inspect.signature(fastinit.variance_scaling).parameters["mode"].annotation == "Mode"
