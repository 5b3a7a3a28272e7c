"""The compiled module, disassembled: each instruction set stays in its own file, and all else runs on any x86-64.

One instruction too many and `import fastinit` dies on the processor that lacks it. The GNU assembler judges: it is
given the disassembly again, and told what the file may use.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fastinit import _kernels
from support.disassembly import instructions, unknown_to
from support.native import MACHINE, flags_of_isas

if sys.platform != "linux" or MACHINE != "x86_64":
    pytest.skip("instructions of x86-64 in a file as Linux has them", allow_module_level=True)
if "-march=" in os.environ.get("CFLAGS", ""):
    pytest.skip("CFLAGS ask for another processor", allow_module_level=True)

BASELINE = "generic64"

# No processor stumbles over these: endbr64, notrack and bnd do nothing where they mean nothing; older processors read
# tzcnt as bsf, and compilers write it so where both are the same. xgetbv follows a question to cpuid.
HARMLESS = {"endbr64", "notrack", "bnd", "tzcnt"}
ASKS_FIRST = {"xgetbv": {"saved_state", "cpu_has_avx2", "cpu_has_avx512"}}


def processor_of(flags: list[str]) -> str:
    """What the assembler calls a processor that gcc's flags are for; SSE4.2 and all above it have POPCNT."""
    extensions = [flag.removeprefix("-m") for flag in flags if not flag.startswith("-mtune")]
    return "+".join([BASELINE, *extensions, *(["popcnt"] if extensions else [])])


PROCESSORS = {f"{isa}.c": processor_of(flags) for isa, flags in flags_of_isas("x86_64").items()}


def may_stand(text: str, function: str) -> bool:
    name = text.split()[0]
    return "nop" in text or name in HARMLESS or function in ASKS_FIRST.get(name, ())


def too_new(found_in: dict[str, dict[str, str]]) -> list[str]:
    """File, function and text of each instruction that its file may not use."""
    found = []
    for file, where in found_in.items():
        texts = [text for text, function in where.items() if not may_stand(text, function)]
        unknown = unknown_to(PROCESSORS.get(file, BASELINE), texts)
        found += [f"{file}: {where[text]}: {text}" for text in unknown]
    return found


@pytest.fixture(scope="module")
def module() -> dict[str, dict[str, str]]:
    return instructions(Path(_kernels.__file__))


def test_every_file_keeps_to_its_instruction_set(module: dict[str, dict[str, str]]) -> None:
    assert too_new(module) == []


def test_the_kernels_are_told_apart(module: dict[str, dict[str, str]]) -> None:
    """Otherwise the test above would see all of them, or none."""
    registers = {"sse42.c": "%xmm", "avx2.c": "%ymm", "avx512.c": "%zmm"}
    for file, register in registers.items():
        assert sum(register in text for text in module[file]) > 1000
    others = [text for file, texts in module.items() if file not in PROCESSORS for text in texts]
    assert len(others) > 1000
    assert not any(register in text for text in others for register in ("%ymm", "%zmm", "%k1"))


# A file, an instruction, and whether it may stand there.
TRIALS = [
    ("pool.c", "addpd %xmm0, %xmm0", True),
    ("pool.c", "haddps %xmm0, %xmm0", False),
    ("pool.c", "popcnt %eax, %eax", False),
    ("pool.c", "cmpxchg16b (%rax)", False),
    ("pool.c", "mulx %rax, %rax, %rax", False),
    ("pool.c", "xgetbv", False),
    ("scalar.c", "pshufb %xmm0, %xmm0", False),
    ("scalar.c", "vmulss %xmm0, %xmm0, %xmm0", False),
    ("sse42.c", "pcmpgtq %xmm0, %xmm0", True),
    ("sse42.c", "vroundps $1, %xmm0, %xmm0", False),
    ("sse42.c", "aesenc %xmm0, %xmm0", False),
    ("avx2.c", "vfmadd231ps %ymm0, %ymm0, %ymm0", True),
    ("avx2.c", "vaddps %zmm0, %zmm0, %zmm0", False),
    ("avx2.c", "vsqrtps %ymm0, %ymm0{%k1}", False),
    ("avx2.c", "vaddps %ymm16, %ymm0, %ymm0", False),
    ("avx512.c", "vsqrtps %ymm16, %ymm0{%k1}", True),
    ("avx512.c", "vpmadd52luq %zmm0, %zmm0, %zmm0", False),
]


def compiled(file: Path, function: str, *flags: str) -> dict[str, dict[str, str]]:
    """The instructions of a library with a file that has one function."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    file.write_text(f"static __attribute__((used)) {function}\n")
    library = file.with_name("library.so")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", *flags, file, "-o", library], check=True)
    return instructions(library)


@pytest.mark.parametrize(("file", "instruction", "fits"), TRIALS)
def test_what_is_too_new_is_found(tmp_path: Path, file: str, instruction: str, fits: bool) -> None:
    found = too_new(compiled(tmp_path / file, f'void f(void) {{ __asm__ volatile("{instruction}"); }}'))
    assert [line.split()[:3] for line in found] == ([] if fits else [[f"{file}:", "f:", instruction.split()[0]]])


@pytest.mark.parametrize(("file", "flag"), [("pool.c", "-mavx2"), ("scalar.c", "-march=haswell"), ("sse42.c", "-mavx")])
def test_a_file_with_the_wrong_flags_is_found(tmp_path: Path, file: str, flag: str) -> None:
    function = "float f(float x) { return x * x; }"
    assert too_new(compiled(tmp_path / file, function)) == []
    assert "vmulss" in str(too_new(compiled(tmp_path / file, function, flag)))
