"""The house's rule: arrows only point down. What may import or include what, and what stands where."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastinit
from fastinit import schemes

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src/fastinit"
CSRC = PACKAGE / "csrc"

if not CSRC.is_dir():
    pytest.skip("the source tree is not here", allow_module_level=True)


def test_arrows_point_down_in_python() -> None:
    """The contracts of pyproject.toml."""
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_nothing_below_looks_at_the_face() -> None:
    for path in PACKAGE.rglob("*.py"):
        depth = len(path.relative_to(PACKAGE).parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == depth and node.module is None:
                names = {alias.name for alias in node.names}
                modules = {name for name in names if (PACKAGE / f"{name}.py").exists() or (PACKAGE / name).is_dir()}
                assert names - modules <= {"_kernels", "__version__"}, path


WINGS = (
    "initializers",
    "forward",
    "convert",
    "propagation",
    "evolution",
    "cli",
    "checkpoint",
    "dask",
    "jax",
    "keras",
    "torch",
)


@pytest.mark.parametrize("wing", WINGS)
def test_a_face_only_hands_names_on(wing: str) -> None:
    """What it defined would shadow the modules behind it."""
    for node in ast.parse((PACKAGE / wing / "__init__.py").read_text()).body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_all = isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]
        assert is_docstring or is_all or isinstance(node, ast.ImportFrom), ast.unparse(node)
        if isinstance(node, ast.ImportFrom) and node.level == 0:  # of what the framework has itself
            assert (node.module or "").split(".")[0] == wing


def includes_of(path: Path) -> set[str]:
    return set(re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(), re.MULTILINE))


def test_intrinsics_stand_in_the_vocabulary_alone() -> None:
    for path in [*CSRC.rglob("*.c"), *CSRC.rglob("*.h")]:
        if path.parent.name != "simd":
            assert not includes_of(path) & {"immintrin.h", "arm_neon.h"}, path
            assert not re.search(r"\b_mm\d*_|\bv[a-z]+q_[fsu]\d", path.read_text()), path


def test_kernels_know_no_system() -> None:
    for path in (CSRC / "kernels").glob("*.h"):
        allowed = {"stddef.h", "stdint.h", "string.h", "../activations.def", "../fastinit.h"}
        allowed |= {f"../generated/{name}.h" for name in ("tables", "rows", "activation_tables")}
        assert includes_of(path) - {other.name for other in (CSRC / "kernels").glob("*.h")} <= allowed, path


def test_an_instruction_set_is_its_vocabulary_and_the_kernels() -> None:
    for path in (CSRC / "isa").glob("*.c"):
        assert path.read_text().split() == [
            "#include",
            f'"../simd/{path.stem}.h"',
            "#include",
            '"../kernels/all.h"',
        ]


def test_c_never_allocates_and_knows_no_python() -> None:
    for path in [*CSRC.rglob("*.c"), *CSRC.rglob("*.h")]:
        assert not re.search(r"\b(malloc|calloc|realloc|free)\s*\(", path.read_text()), path
        assert "Python.h" not in includes_of(path), path


def test_flags_are_those_that_keep_the_bits() -> None:
    text = (ROOT / "setup.py").read_text()
    assert "-ffp-contract=off" in text
    assert not re.search(r"-ffast-math|-Ofast|-march=native|-fopenmp|-funsafe", text)


def test_everything_public_is_exported_and_documented() -> None:
    public = {name: getattr(fastinit, name) for name in fastinit.__all__}
    public |= {name: getattr(schemes, name) for name in schemes.__all__ if name != "Factors"}
    for name, thing in public.items():
        if callable(thing):
            assert thing.__doc__, name
            assert ">>> " in thing.__doc__, name


def test_every_name_of_version_0_1_is_still_here() -> None:
    names = """
        MLP Key __version__ activate available_isas constant delta_orthogonal dense dirac fans gain get glorot_normal
        glorot_uniform he_normal he_uniform identity info initialize isa kaiming_normal kaiming_uniform lecun_normal
        lecun_uniform lsuv normal ones orthogonal propagate schemes sparse truncated_normal uniform variance_scaling
        xavier_normal xavier_uniform zeros
    """
    assert set(names.split()) <= set(fastinit.__all__)
    assert all(hasattr(fastinit, name) for name in fastinit.__all__)


def test_a_source_distribution_holds_all_that_builds_and_tests() -> None:
    """All files of the folders that it names, but what building and testing leave there."""
    lines = (ROOT / "MANIFEST.in").read_text().splitlines()
    included = [line.split()[1:] for line in lines if line.startswith("recursive-include ")]
    assert {folder for folder, *_ in included} > {"src/fastinit", "tests", "tools"}
    for folder, *patterns in included:
        for path in (ROOT / folder).rglob("*"):
            made_here = path.suffix in (".so", ".pyd", ".pyc") or {".hypothesis", ".benchmarks"} & set(path.parts)
            if path.is_file() and not made_here and "docs/reference/generated" not in path.as_posix():
                assert any(path.match(pattern) for pattern in patterns), path
