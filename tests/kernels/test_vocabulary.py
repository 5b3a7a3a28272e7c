"""Every operation of every instruction set's vocabulary against plain C, on this machine and on emulated ones."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from support.isas import RUNNABLE
from support.native import CSRC, MACHINE, compiler_of, emulator, setup_constant

SOURCE = Path(__file__).parent / "native/vocabulary.c"
# Beside what this machine runs: the machine, the processor that QEMU plays, and its instruction set.
EMULATED = {"neon": ("aarch64", "cortex-a57"), "scalar on aarch64": ("aarch64", "cortex-a57")}


def compiled(machine: str, isa: str, folder: Path, *flags: str) -> str:
    program = folder / "vocabulary"
    own = setup_constant("ISA_FLAGS")[machine][isa]
    static = [] if machine == MACHINE else ["-static"]
    subprocess.run(
        [
            *(compiler_of(machine), *setup_constant("FLAGS"), "-Wno-unused-function", *own, *static, *flags),
            *(f'-DVOCABULARY="simd/{isa}.h"', f"-I{CSRC}", SOURCE, "-lm", "-o", program),
        ],
        check=True,
        timeout=300,
    )
    return str(program)


def check(command: list[str]) -> None:
    done = subprocess.run(command, text=True, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) > 1_000_000


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
@pytest.mark.parametrize("name", RUNNABLE)
def test_operations(name: str, tmp_path: Path) -> None:
    check([compiled(MACHINE, name, tmp_path)])


@pytest.mark.slow
@pytest.mark.parametrize("name", EMULATED)
def test_operations_of_an_emulated_machine(name: str, tmp_path: Path) -> None:
    machine, cpu = EMULATED[name]
    check([*emulator(machine, cpu), compiled(machine, name.split()[0], tmp_path)])


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
@pytest.mark.parametrize(
    "fault",
    ["vf_fma(a, b, c) vf_add(vf_mul(a, b), c)", "vd_min(a, b) vd_max(a, b)", "vu_shl64(x, n) vu_shl32(x, n)"],
)
def test_a_wrong_operation_is_found(fault: str, tmp_path: Path) -> None:
    (tmp_path / "fault.h").write_text(f"#define {fault}\n")
    program = compiled(MACHINE, "scalar", tmp_path, f'-DFAULT="{tmp_path}/fault.h"')
    done = subprocess.run([program], text=True, capture_output=True, timeout=300)
    assert done.returncode == 1
    assert " instead of " in done.stdout
