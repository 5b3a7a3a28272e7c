"""Build of the compiled module: common C once, each instruction set's kernels with its own flags."""

import os
import platform
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

# No fast-math of any kind and no contraction: the bits depend on it (docs/stream.md).
FLAGS = [
    "-std=c11",
    "-O3",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fvisibility=hidden",
    "-pthread",
    "-g0",
    "-Wall",
    "-Wextra",
]
# FASTINIT_SANITIZE=address,undefined builds with sanitizers; see CONTRIBUTING.md.
SANITIZE = os.environ.get("FASTINIT_SANITIZE")
if SANITIZE:
    FLAGS += [f"-fsanitize={SANITIZE}", "-fno-sanitize-recover=all", "-g", "-O1"]


class BuildKernels(build_ext):
    """Compile csrc/isa/*.c apart, and say plainly when nothing can be compiled."""

    def build_extension(self, ext):
        ext.define_macros.append(("FASTINIT_VERSION", f'"{self.distribution.get_version()}"'))
        try:
            ext.extra_objects = [
                self.compiler.compile(
                    [f"{CSRC}/isa/{name}.c"],
                    output_dir=self.build_temp,
                    extra_postargs=FLAGS + flags,
                    depends=ext.depends,
                )[0]
                for name, flags in ISA_FLAGS["aarch64" if AARCH64 else "x86_64"].items()
            ]
            super().build_extension(ext)
        except CompileError as error:
            sys.exit(
                "fastinit: its kernels could not be compiled. Building from source needs a C compiler, gcc or "
                f"clang, and Python's headers (on Debian: apt install gcc python3-dev). The compiler said: {error}"
            )


if not (X86_64 or AARCH64) or sys.maxsize < 2**32 or sys.byteorder != "little" or sys.platform == "win32":
    sys.exit(f"fastinit: builds on 64-bit x86 and Arm under Linux and macOS. This is {MACHINE} under {sys.platform}.")

os.chdir(Path(__file__).parent)
extension = Extension(
    "fastinit._kernels",
    sources=["src/fastinit/_kernels.pyx", *sorted(glob(f"{CSRC}/*.c")), *sorted(glob(f"{CSRC}/generated/*.c"))],
    depends=sorted(glob(f"{CSRC}/**/*.h", recursive=True)),
    include_dirs=[CSRC],
    extra_compile_args=[*FLAGS, "-Wno-unused-parameter"],
    extra_link_args=["-pthread", *([f"-fsanitize={SANITIZE}"] if SANITIZE else [])],
)
setup(
    ext_modules=cythonize([extension], compiler_directives={"language_level": 3, "freethreading_compatible": True}),
    cmdclass={"build_ext": BuildKernels},
)
