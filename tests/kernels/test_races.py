"""ThreadSanitizer over the pool: fills, products, networks and orthogonal matrices from several threads at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.isas import RUNNABLE
from support.native import CSRC, MACHINE, compiler_of, setup_constant

pytestmark = pytest.mark.slow


def test_no_data_race(tmp_path: Path) -> None:
    compiler, program = compiler_of(MACHINE), tmp_path / "races"
    flags = [*setup_constant("FLAGS"), "-O1", "-g", "-fsanitize=thread"]
    (tmp_path / "empty.c").write_text("int main(void) { return 0; }\n")
    asked = subprocess.run(
        [compiler, *flags, tmp_path / "empty.c", "-o", tmp_path / "empty"], capture_output=True, check=False
    )
    if asked.returncode != 0:
        pytest.skip(f"{compiler} has no ThreadSanitizer")
    # The kernels of one set, the best, stand for all: which memory a thread gets is decided in front of them.
    flags_of = setup_constant("ISA_FLAGS")[MACHINE]
    best = RUNNABLE[-1]
    flags += [f"-Dfi_kernels_{isa}=fi_kernels_{best}" for isa in flags_of if isa != best]
    kernels = tmp_path / "kernels.o"
    subprocess.run([compiler, *flags, *flags_of[best], "-c", CSRC / f"isa/{best}.c", "-o", kernels], check=True)
    sources = [Path(__file__).parent / "native/races.c", *sorted(CSRC.glob("*.c")), *sorted(CSRC.glob("generated/*.c"))]
    subprocess.run([compiler, *flags, f"-I{CSRC}", *sources, kernels, "-lm", "-o", program], check=True)
    # Where addresses are laid out too randomly for it, the sanitizer cannot start: setarch takes that away.
    quiet = ["setarch", "-R"] if sys.platform == "linux" else []
    environment = {**os.environ, "TSAN_OPTIONS": "halt_on_error=1:exitcode=66"}
    done = subprocess.run([*quiet, program], capture_output=True, text=True, env=environment, timeout=600, check=False)
    assert "WARNING: ThreadSanitizer" not in done.stderr, done.stderr[:5000]
    assert (done.returncode, done.stdout) == (0, "equal\n"), done.stderr[:5000]
