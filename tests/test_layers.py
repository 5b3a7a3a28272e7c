"""The house's rule: arrows only point down. What may import or include what, and what stands where."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import fastinit
from fastinit import schemes

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src/fastinit"
CSRC = PACKAGE / "csrc"

if not CSRC.is_dir():
    pytest.skip("the source tree is not here", allow_module_level=True)

# Each module and the modules of the package that it may import, top floor first.
MAY_IMPORT = {
    "__main__": {"_demo", "_signal", "runtime", "_validation", "fastinit"},
    "_demo": {"_terminal", "fastinit", "initializers", "keys", "runtime"},
    "_signal": {"_plot", "_report", "_terminal", "_validation_insight", "initializers", "propagation"},
    "__init__": {"_fans", "dense", "initializers", "keys", "propagation", "runtime", "schemes"},
    "schemes": {"_constant", "_engine", "_fans", "_random", "_scaled", "_validation", "_validation_insight"},
    "propagation": {
        *("_gain", "_lsuv", "_network", "_random", "_report", "_slopes", "_terminal", "dense", "keys"),
        *("_validation", "_validation_insight"),
    },
    "_lsuv": {"_network", "_terminal", "_validation", "_validation_insight", "dense", "keys"},
    "_report": {"_plot", "_terminal"},
    "_plot": {"_validation_insight"},
    "_network": {"_activation", "_engine", "_validation_forward", "_validation_insight", "dense", "keys"},
    "dense": {"_activation", "_kernels", "_memory", "_validation", "_validation_forward", "runtime"},
    "_slopes": set(),
    "_gain": {"_activation", "_gain_table", "_validation", "_validation_forward", "_validation_insight"},
    "_gain_table": set(),
    "_terminal": set(),
    "initializers": {"_constant", "_engine", "_models", "_orthogonal", "_random", "_scaled", "_structured"},
    "_models": {"_engine", "_kernels", "_orthogonal", "_random", "_scaled", "_validation", "keys", "runtime"},
    "_structured": {"_engine", "_kernels", "_random", "_validation", "keys"},
    "_orthogonal": {"_engine", "_kernels", "_random", "_validation", "keys", "runtime"},
    "_scaled": {"_engine", "_fans", "_kernels", "_validation"},
    "_random": {"_engine", "_kernels", "_validation"},
    "_constant": {"_engine", "_validation"},
    "_activation": {"_kernels", "_validation", "_validation_forward", "runtime"},
    "_engine": {"_kernels", "_validation", "keys", "runtime"},
    "keys": {"_validation"},
    "runtime": {"_cpus", "_kernels", "_validation"},
    "_cpus": set(),
    "_fans": {"_validation"},
    "_validation_forward": {"_kernels", "_validation"},
    "_validation_insight": {"_validation"},
    "_validation": {"_kernels", "_memory"},
    "_memory": set(),
    "_reference_orthogonal": {"_reference"},
    "_reference": {"_tables"},
    "_reference_forward": {"_activation_tables", "_reference"},
    "_activation_tables": set(),
    "_tables": set(),
}


def imports_of(path: Path) -> set[str]:
    """Modules of this package that a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {node.module} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "fastinit":
            inner = node.module.split(".")[1:]
            found |= {inner[0]} if inner else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[-1] for alias in node.names if alias.name.split(".")[0] == "fastinit"}
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_modules_import_only_what_stands_below(path: Path) -> None:
    assert path.stem in MAY_IMPORT
    assert imports_of(path) - {"__version__"} <= MAY_IMPORT[path.stem]


def includes_of(path: Path) -> set[str]:
    return set(re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(), re.MULTILINE))


def test_intrinsics_stand_in_the_vocabulary_alone() -> None:
    for path in [*CSRC.rglob("*.c"), *CSRC.rglob("*.h")]:
        if path.parent.name != "simd":
            assert not includes_of(path) & {"immintrin.h", "arm_neon.h"}, path
            assert not re.search(r"\b_mm\d*_|\bv[a-z]+q_[fsu]\d", path.read_text()), path


def test_kernels_know_no_system() -> None:
    for path in (CSRC / "kernels").glob("*.h"):
        allowed = {"string.h", "stdint.h", "../tables.h", "../activation_tables.h", "../kernels.h"}
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


def test_a_source_distribution_holds_all_that_builds() -> None:
    lines = (ROOT / "MANIFEST.in").read_text().splitlines()
    (patterns,) = (line.split()[2:] for line in lines if line.startswith("recursive-include src/fastinit "))
    left_out = {".so", ".pyc"}
    for path in PACKAGE.rglob("*"):
        if path.is_file() and path.suffix not in left_out:
            assert any(path.match(pattern) for pattern in patterns), path
