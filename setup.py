"""Build of the compiled module: common C once, each instruction set's kernels with its own flags."""

import os
import platform
import signal
import subprocess
import sys
from glob import glob
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

CSRC = "src/fastinit/csrc"
MACHINE = platform.machine().lower()
X86_64, AARCH64 = MACHINE in ("x86_64", "amd64"), MACHINE in ("aarch64", "arm64")

# The instruction sets of each architecture and the flags that only csrc/isa/<name>.c gets.
ISA_FLAGS = {
    "x86_64": {
        "scalar": [],
        "avx2": ["-mavx2", "-mfma", "-mf16c", "-mtune=haswell"],
        "avx512": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", "-mf16c"],
    },
    "aarch64": {"scalar": [], "neon": []},
}

# No relaxed arithmetic of any kind and no contraction: the bits depend on it (docs/stream.md). These flags come after
# the user's, of CFLAGS and the like, and so take back what they ask for; the linker gets them, too, because it would
# otherwise add code that lets the whole process flush subnormals. csrc/exact.h refuses what they do not reach.
FLAGS = [
    "-std=c11",
    "-O3",
    "-fno-fast-math",
    "-fno-unsafe-math-optimizations",
    "-fno-finite-math-only",
    "-fsigned-zeros",
    "-fno-associative-math",
    "-fno-reciprocal-math",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fvisibility=hidden",
    "-pthread",
    "-g0",
    "-Wall",
    "-Wextra",
]
# The same, from compilers that know them.
FLAGS_OF_SOME = [
    "-fno-single-precision-constant",
    "-fno-approx-func",
    "-fdenormal-fp-math=ieee",
    "-mfpmath=sse",
    "-mno-daz-ftz",
]
# FASTINIT_SANITIZE=address,undefined builds with sanitizers; see CONTRIBUTING.md.
SANITIZE = os.environ.get("FASTINIT_SANITIZE")
SANITIZER_FLAGS = [f"-fsanitize={SANITIZE}", "-fno-sanitize-recover=all", "-g", "-O1"] if SANITIZE else []

CHECK_NOT_LOADED = 4  # as tools/check_build.py exits


class BuildKernels(build_ext):
    """Compile csrc/isa/*.c apart, let the module check itself, and say plainly when it cannot be made or is wrong."""

    def build_extension(self, ext):
        ext.define_macros.append(("FASTINIT_VERSION", f'"{self.distribution.get_version()}"'))
        flags = [*FLAGS, *filter(self.is_known, FLAGS_OF_SOME), *SANITIZER_FLAGS]
        ext.extra_compile_args = [*flags, "-Wno-unused-parameter"]
        ext.extra_link_args = flags
        try:
            ext.extra_objects = [
                self.compiler.compile(
                    [f"{CSRC}/isa/{name}.c"],
                    output_dir=self.build_temp,
                    extra_postargs=flags + own_flags,
                    depends=ext.depends,
                )[0]
                for name, own_flags in ISA_FLAGS["aarch64" if AARCH64 else "x86_64"].items()
            ]
            super().build_extension(ext)
        except CompileError as error:
            sys.exit(
                "fastinit: its kernels could not be compiled. Building from source needs a C compiler, gcc or "
                f"clang, and Python's headers (on Debian: apt install gcc python3-dev). The compiler said: {error}"
            )
        self.check(Path(self.get_ext_fullpath(ext.name)))

    def is_known(self, flag):
        """Whether this compiler takes the flag, beside the user's."""
        command = [*self.compiler.compiler_so, flag, "-fsyntax-only", "-x", "c", os.devnull]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:  # there is no compiler, which compiling tells
            return False

    def check(self, module):
        """Stop if the module computes wrong bits or touches its process; one for other machines is not checked."""
        if any(flag.startswith("-fsanitize") for flag in [*SANITIZER_FLAGS, *self.compiler.linker_so]):
            print(
                "fastinit: this build is not checked, because it needs a sanitizer's library loaded before all others"
            )
            return
        command = [sys.executable, "tools/check_build.py", module.resolve()]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = (done.stdout.strip() or done.stderr.strip()[-300:] or "the check ended without a word").splitlines()[-1]
        if done.returncode == CHECK_NOT_LOADED:
            print(f"fastinit: this build is not checked, because it cannot be loaded here: {said}")
        elif done.returncode == -signal.SIGILL:
            print("fastinit: this build is not checked, because its compiler's flags ask for another processor")
        elif done.returncode != 0:
            module.unlink()
            sys.exit(
                f"fastinit: this build is refused, because it is wrong ({said}); build it without flags that relax "
                f"arithmetic. CFLAGS, LDFLAGS and CC made these commands: {' '.join(self.compiler.compiler_so)} and "
                f"{' '.join(self.compiler.linker_so)}"
            )


if not (X86_64 or AARCH64) or sys.maxsize < 2**32 or sys.byteorder != "little" or sys.platform == "win32":
    sys.exit(f"fastinit: builds on 64-bit x86 and Arm under Linux and macOS. This is {MACHINE} under {sys.platform}.")

os.chdir(Path(__file__).parent)
extension = Extension(
    "fastinit._kernels",
    sources=["src/fastinit/_kernels.pyx", *sorted(glob(f"{CSRC}/*.c")), *sorted(glob(f"{CSRC}/generated/*.c"))],
    depends=sorted(glob(f"{CSRC}/**/*.h", recursive=True)),
    include_dirs=[CSRC],
)
setup(
    ext_modules=cythonize([extension], compiler_directives={"language_level": 3, "freethreading_compatible": True}),
    cmdclass={"build_ext": BuildKernels},
)
