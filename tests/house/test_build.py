"""Builds: whatever flags the environment holds, the bits are right and the process is left alone, or it refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from fastinit import _kernels
from support.native import setup_constant

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
    isas = {isa for machine in setup_constant("ISA_FLAGS").values() for isa in machine} - {"scalar"}
    others = [f"-Dfi_kernels_{isa}=fi_kernels_scalar" for isa in sorted(isas)]
    command = [COMPILERS[0], "-std=c11", "-pthread", "-shared", "-fPIC", "-O1", "-w", "-ffp-contract=off", *others]
    library = folder / "library.so"
    sources = [*sorted(CSRC.glob("*.c")), *sorted(CSRC.glob("generated/*.c")), CSRC / "isa/scalar.c"]
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
    """What building a copy of the tree makes for an installation, and what it said; the next build finds it there."""
    for name, least in (("setuptools", "77"), ("Cython", "3.1"), ("numpy", "2.0")):  # [build-system] in pyproject.toml
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "0"
        if [int(n) for n in found.split(".")[:2]] < [int(n) for n in least.split(".")]:
            pytest.skip(f"building needs {name} {least}; `pip install .` would fetch it")
    tree = folder / "tree"
    left_out = shutil.ignore_patterns(
        "build", ".git", "*.so", "*.egg-info", "__pycache__", "docs", "benchmarks", "tests"
    )
    if not tree.exists():
        shutil.copytree(ROOT, tree, ignore=left_out)
    done = subprocess.run(
        [sys.executable, "setup.py", "build"],
        cwd=tree,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    sanitize = environment.get("FASTINIT_SANITIZE")
    (library,) = (
        (tree / "build" / (f"sanitized-{sanitize}" if sanitize else "")).glob("lib*")
        if not done.returncode
        else (tree,)
    )
    return library, done


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
        (
            "gcc",
            " ".join(flag for flag in RELAXING if "both" not in flag)
            + " -ffp-contract=fast -march=native -flto -frounding-math",
        ),
        ("clang", "-Ofast -ffast-math -funsafe-math-optimizations -fno-signed-zeros -ffp-contract=fast"),
    ],
    ids=["gcc", "clang"],
)
def test_a_build_with_any_flags_is_right(tmp_path: Path, compiler: str, flags: str) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"there is no {compiler} here")
    target, done = built(tmp_path, CC=compiler, CFLAGS=flags, LDFLAGS=flags)
    assert done.returncode == 0, done.stdout + done.stderr
    assert drawn(target) == drawn(None)


# Plays a compiler: what it makes is a list of what it was called with.
FAKE_COMPILER = """#!{python}
import pathlib, sys
arguments = sys.argv[1:]
if "-o" in arguments:
    target = arguments[arguments.index("-o") + 1]
    inputs = [a for a in arguments if a.endswith(".o") and a != target]
    parts = [" ".join(arguments), *(pathlib.Path(a).read_text() for a in inputs)]
    pathlib.Path(target).write_text("\\n".join(parts))
"""


class Tree:
    """A copy of the source tree that is built, again and again, by a compiler that only takes notes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.compiler = folder / "compiler"
        self.compiler.write_text(FAKE_COMPILER.format(python=sys.executable))
        self.compiler.chmod(0o755)

    def build(self, **environment: str) -> tuple[set[str], str]:
        """The names of the files to install, and what the compiler noted."""
        target, done = built(self.folder, CC=str(self.compiler), **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        (module,) = (target / "fastinit").glob("_kernels*.so")
        names = {path.name for path in (target / "fastinit").rglob("*") if "__pycache__" not in path.parts}
        return names, module.read_text()


@pytest.mark.slow
def test_nothing_stale_is_built(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    clean = {"CFLAGS": "", "LDFLAGS": "", "FASTINIT_SANITIZE": ""}
    _, first = tree.build(**clean)
    names, again = tree.build(**clean)
    assert again == first

    # flags, of the compiler and of the sanitizers
    _, flagged = tree.build(**{**clean, "CFLAGS": "-O1 -DHERE"})
    assert "-DHERE" in flagged
    _, sanitized = tree.build(**{**clean, "FASTINIT_SANITIZE": "undefined"})
    assert "-fsanitize=undefined" in sanitized
    assert "-DHERE" not in sanitized
    _, plain = tree.build(**clean)
    assert plain == first

    # a header, a kernel's source and a part of the compiled face; whatever the times of their files
    for name in ("csrc/work.h", "csrc/isa/scalar.c", "_dense.pxi"):
        path = tmp_path / "tree/src/fastinit" / name
        before, status = path.read_text(), path.stat()
        path.write_text(before + "\n")
        os.utime(path, (status.st_atime, status.st_mtime))
        assert tree.build(**clean)[1] != first
        path.write_text(before)
    assert tree.build(**clean)[1] == first

    # a module that was there and is gone, and one that changed without getting newer
    extra = tmp_path / "tree/src/fastinit/_gone.py"
    extra.write_text("here = 1\n")
    assert tree.build(**clean)[0] == names | {"_gone.py"}
    extra.unlink()
    assert tree.build(**clean)[0] == names


@pytest.mark.slow
def test_the_flags_of_setup_come_last(tmp_path: Path) -> None:
    _, notes = Tree(tmp_path).build(CFLAGS="-Ofast -DCFLAGS_ARE_HERE", LDFLAGS="-ffast-math", FASTINIT_SANITIZE="")
    lines = [line for line in notes.splitlines() if " -o " in line]
    assert len(lines) > 10
    for line in lines:
        assert "CFLAGS_ARE_HERE" in line
        for relaxing, exact in (("-Ofast", "-O3"), ("-ffast-math", "-fno-fast-math")):
            assert line.rfind(f" {relaxing}") < line.rfind(f" {exact}")


@pytest.mark.parametrize("module", ["fastinit", "fastinit.keys", "fastinit.schemes", "fastinit.dense"])
def test_a_tree_that_is_not_built_says_so(tmp_path: Path, module: str) -> None:
    shutil.copytree(ROOT / "src/fastinit", tmp_path / "fastinit", ignore=shutil.ignore_patterns("*.so", "csrc"))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", f"import {module}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: fastinit's kernels are not compiled for this Python")
    assert "pip install ." in last
    assert "circular" not in done.stderr
    # One that cannot be loaded is something else.
    (tmp_path / "fastinit" / Path(_kernels.__file__).name).write_bytes(b"")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (
        done.stderr.strip().splitlines()[-1].startswith("ImportError: fastinit's compiled kernels cannot be loaded: ")
    )
