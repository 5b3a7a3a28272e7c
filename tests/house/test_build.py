"""Builds: whatever flags the environment holds, the bits are right and the process is left alone, or it refuses."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fastinit import _kernels

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "src/fastinit/csrc"

if not CSRC.is_dir():
    pytest.skip("the source tree is not here", allow_module_level=True)

COMPILERS = [name for name in ("cc", "gcc", "clang", "clang-14") if shutil.which(name)]

RELAXING = [
    "-Ofast",
    "-ffast-math",
    "-funsafe-math-optimizations",
    "-ffinite-math-only",
    "-fno-signed-zeros",
    "-freciprocal-math",
    "-fassociative-math -fno-signed-zeros -fno-trapping-math",
    "-fsingle-precision-constant",
    "-mfpmath=387",
    "-mfpmath=both",
]
HARMLESS = ["-O0", "-O2 -march=native", "-Os", "-frounding-math", "-fno-trapping-math", "-ffp-contract=fast", "-flto"]


def setup_constant(name: str) -> Any:
    """A literal of setup.py, which cannot be imported: that would build."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise LookupError(name)


def compiled(compiler: str, *flags: str, source: str = '#include "fastinit.h"\n') -> subprocess.CompletedProcess[str]:
    command = [compiler, "-std=c11", *flags, f"-I{CSRC}", "-fsyntax-only", "-x", "c", "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=False)


def known(compiler: str, flags: list[str]) -> list[str]:
    """Those that the compiler takes, as setup.py finds out."""
    return [flag for flag in flags if compiled(compiler, flag, source="").returncode == 0]


def test_this_build_is_right() -> None:
    assert _kernels.check() is None


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("flags", RELAXING)
def test_relaxed_arithmetic_is_refused_or_unknown(compiler: str, flags: str) -> None:
    """Without the flags that setup.py lets follow, gcc stops; clang does not tell of all."""
    done = compiled(compiler, *flags.split())
    is_gcc = "Free Software Foundation" in subprocess.check_output([compiler, "--version"], text=True)
    if is_gcc or flags in ("-Ofast", "-ffast-math", "-ffinite-math-only"):
        assert done.returncode != 0
        assert "fastinit needs" in done.stderr or "-mfpmath" in done.stderr


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("flags", [*RELAXING, *HARMLESS])
def test_the_flags_of_setup_take_relaxation_back(compiler: str, flags: str) -> None:
    if compiled(compiler, *flags.split(), source="").returncode != 0:
        pytest.skip(f"{compiler} does not know {flags}")
    ours = [*setup_constant("FLAGS"), *known(compiler, setup_constant("FLAGS_OF_SOME"))]
    done = compiled(compiler, *flags.split(), *ours)
    assert done.returncode == 0, done.stderr
    # The driver would print here what it adds to a shared library.
    linked = subprocess.run(
        [compiler, "-###", "-shared", *flags.split(), "none.o", *ours], capture_output=True, text=True, check=False
    )
    assert "crtfastmath" not in linked.stderr


def test_the_check_of_a_build_tells_what_is_wrong() -> None:
    """It is run as setup.py runs it, on this build's own module and on files that are none."""
    program, module = ROOT / "tools/check_build.py", _kernels.__file__
    if os.environ.get("LD_PRELOAD"):
        pytest.skip("a sanitizer's module is not checked by setup.py")
    done = subprocess.run([sys.executable, program, module], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    done = subprocess.run([sys.executable, program, __file__], capture_output=True, text=True, check=False)
    assert done.returncode == setup_constant("CHECK_NOT_LOADED")
    assert "test_build.py" in done.stdout


def checked_library(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Only the scalar kernels, as if for a machine without others, under these flags and without the guard."""
    if not COMPILERS:
        pytest.skip("there is no C compiler here")
    others = [f"-Dfi_kernels_{isa}=fi_kernels_scalar" for isa in ("avx2", "avx512", "neon")]
    command = [COMPILERS[0], "-std=c11", "-pthread", "-shared", "-fPIC", "-O1", "-w", "-ffp-contract=off", *others]
    library = folder / "library.so"
    sources = [*sorted(CSRC.glob("*.c")), CSRC / "isa/scalar.c"]
    if "-fno-signed-zeros" in flags:
        command += ["-DFASTINIT_EXACT_H"]
    subprocess.run([*command, *flags, *sources, f"-I{CSRC}", "-o", library, "-lm"], check=True)
    return subprocess.run(
        [sys.executable, ROOT / "tools/check_build.py", library], capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize(("flags", "said"), [((), ""), (("-fno-signed-zeros",), "under scalar, hash")])
def test_a_library_that_computes_something_else_is_found_out(tmp_path: Path, flags: tuple[str], said: str) -> None:
    done = checked_library(tmp_path, *flags)
    assert (done.returncode != 0) == bool(said)
    assert said in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a start file of gcc's for Linux")
def test_a_library_that_changes_the_process_is_found_out(tmp_path: Path) -> None:
    if not shutil.which("gcc"):
        pytest.skip("there is no gcc here")
    start_file = subprocess.check_output(["gcc", "-print-file-name=crtfastmath.o"], text=True).strip()
    if not Path(start_file).is_file():
        pytest.skip("this gcc has no crtfastmath.o")
    done = checked_library(tmp_path, start_file)
    assert done.returncode != 0
    assert "floating-point mode" in done.stdout


def built(folder: Path, **environment: str) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A copy of the tree, and what building and installing it beside itself said."""
    tree = folder / "tree"
    left_out = shutil.ignore_patterns("build", ".git", "*.so", "*.egg-info", "__pycache__", "docs", "benchmarks")
    if not tree.exists():
        shutil.copytree(ROOT, tree, ignore=left_out)
    target = folder / "installed"
    shutil.rmtree(target, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "-v", "--no-deps", "--target", str(target), "."]
    done = subprocess.run(
        command, cwd=tree, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    return target, done


DRAW = (
    "import fastinit, hashlib, numpy as np\n"
    "assert np.finfo(np.float32).smallest_subnormal != 0 and np.float64(5e-324) * 1.0 == 5e-324\n"
    "print(hashlib.sha256(b''.join(fastinit.truncated_normal(99, 0.0, 1.0, a, 3.0, dtype=d, seed=1).tobytes()\n"
    "    for a in (-3.0, -1.0, 2.9) for d in ('f4', 'f8', 'f2'))\n"
    "    + fastinit.activate(np.array([-0.0, 1.0]), 'relu').tobytes()).hexdigest())\n"
)


def drawn(folder: Path | None) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder)} if folder else dict(os.environ)
    return subprocess.check_output([sys.executable, "-W", "error", "-c", DRAW], env=environment, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("compiler", "flags"),
    [
        ("gcc", " ".join(flag for flag in RELAXING if "both" not in flag) + " -ffp-contract=fast -march=native"),
        ("gcc", "-O0 -flto -frounding-math"),
        ("clang", "-Ofast -ffast-math -funsafe-math-optimizations -fno-signed-zeros -ffp-contract=fast"),
    ],
    ids=["gcc relaxed", "gcc with -flto", "clang relaxed"],
)
def test_a_build_with_any_flags_is_right(tmp_path: Path, compiler: str, flags: str) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"there is no {compiler} here")
    target, done = built(tmp_path, CC=compiler, CFLAGS=flags, LDFLAGS=flags)
    assert done.returncode == 0, done.stdout + done.stderr
    assert drawn(target) == drawn(None)
