"""Build of the compiled module: common C once, each instruction set's kernels with its own flags."""

import hashlib
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path

import Cython
import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError

CSRC = "src/fastinit/csrc"
MACHINE = platform.machine().lower()
X86_64, AARCH64 = MACHINE in ("x86_64", "amd64"), MACHINE in ("aarch64", "arm64")
WINDOWS = sys.platform == "win32"

# The instruction sets of each architecture and the flags that only csrc/isa/<name>.c gets.
ISA_FLAGS = {
    "x86_64": {
        "scalar": [],
        "sse42": ["-msse4.2", "-mpopcnt"],
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
    "-mno-mmx",  # whose registers are x87's: used and not emptied, they make a NaN of the next long double
]
# gcc keeps the stack of Windows on 16 bytes and yet moves vectors of 32 and 64 to it as if it were on theirs (its bug
# 54412); so told, the assembler writes those moves that take any address. Clang aligns the stack.
WINDOWS_GCC_FLAGS = ["-Wa,-muse-unaligned-vector-move"]
# FASTINIT_SANITIZE=address,undefined builds with sanitizers; see CONTRIBUTING.md.
SANITIZE = os.environ.get("FASTINIT_SANITIZE")
SANITIZER_FLAGS = [f"-fsanitize={SANITIZE}", "-fno-sanitize-recover=all", "-g1", "-O1"] if SANITIZE else []
# The kernels are large inlined functions: sanitized as all else is, each instruction set's would compile for minutes.
# Without those checks of pointers that AddressSanitizer makes anyway, it is half a minute. Python's -fwrapv would make
# that longer, and hide an overflow.
SANITIZED_KERNEL_FLAGS = ["-fno-wrapv", "-fno-sanitize=null,object-size,pointer-overflow"]

CHECK_NOT_LOADED = 4  # as tools/check_build.py exits


class BuildKernels(build_ext):
    """Compile csrc/isa/*.c apart, let the module check itself, and say plainly when it cannot be made or is wrong."""

    def build_extension(self, ext):
        ext.define_macros.append(("FASTINIT_VERSION", f'"{self.distribution.get_version()}"'))
        flags = [*FLAGS, *filter(self.is_known, FLAGS_OF_SOME), *self.windows_flags(), *SANITIZER_FLAGS]
        module, build_name = Path(self.get_ext_fullpath(ext.name)), self.name_of_build(flags)
        if module.exists() and build_name.encode() in module.read_bytes():
            return
        ext.define_macros.append(("FASTINIT_BUILD", f'"{build_name}"'))
        ext.extra_compile_args = [*flags, "-Wno-unused-parameter"]
        # Python for Windows brings none of the compiler's own libraries.
        ext.extra_link_args = [*flags, *(["-static"] if WINDOWS else [])]
        try:
            ext.extra_objects = self.compile_kernels(flags, ext.depends)
            super().build_extension(ext)
        except CompileError as error:
            sys.exit(
                "fastinit: its kernels could not be compiled. Building from source needs a C compiler, gcc or "
                f"clang, and Python's headers (on Debian: apt install gcc python3-dev). The compiler said: {error}"
            )
        self.check(module)

    def windows_flags(self):
        if not WINDOWS or b"clang" in (self.compiler_version() or b""):
            return []
        if not all(map(self.is_known, WINDOWS_GCC_FLAGS)):
            sys.exit(
                "fastinit: its kernels could not be compiled. Under Windows that needs gcc (MinGW-w64) with binutils "
                "2.38 or newer, whose assembler takes -muse-unaligned-vector-move"
            )
        return WINDOWS_GCC_FLAGS

    def compile_kernels(self, flags, depends):
        """An object for each instruction set, as many at a time as there are processors: each takes half a minute."""

        if SANITIZE:
            flags = [*flags, *filter(self.is_known, SANITIZED_KERNEL_FLAGS)]

        def compiled(item):
            name, own_flags = item
            return self.compiler.compile(
                [f"{CSRC}/isa/{name}.c"],
                output_dir=self.build_temp,
                extra_postargs=flags + own_flags,
                depends=depends,
            )[0]

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(compiled, ISA_FLAGS["aarch64" if AARCH64 else "x86_64"].items()))

    def finalize_options(self):
        super().finalize_options()
        self.force = True  # the times of files say nothing of flags; and a module may lie here that is newer
        if WINDOWS:
            self.compiler = "mingw32"  # as setuptools calls gcc there; the compiler is CC's, which may be clang

    def run(self):
        if WINDOWS and shutil.which(shlex.split(os.environ.get("CC", "gcc"))[0]) is None:
            sys.exit("fastinit: building under Windows needs gcc (MinGW-w64), or another that CC names, on the PATH")
        super().run()

    def name_of_build(self, flags):
        """A name that the module carries, of everything that it is made from: the same name, the same module."""
        made_from = [CSRC + "/**/*.[ch]", CSRC + "/*.def", "src/fastinit/*.p[yx][xdi]", "setup.py"]
        digest = hashlib.sha256()
        for path in sorted(path for pattern in made_from for path in glob(pattern, recursive=True)):
            digest.update(f"{path} {os.path.getsize(path)} ".encode() + Path(path).read_bytes())
        commands = [self.compiler.compiler_so, self.compiler.linker_so, flags]
        told = [
            commands,
            self.compiler_version(),
            Cython.__version__,
            numpy.__version__,
            sys.version,
            self.distribution.get_version(),
            self.include_dirs,
        ]
        digest.update(repr(told).encode())
        return f"fastinit-build-{digest.hexdigest()}"

    def compiler_version(self):
        try:
            return subprocess.run([*self.compiler.compiler_so, "--version"], capture_output=True, check=False).stdout
        except OSError:
            return None

    def is_known(self, flag):
        """Whether this compiler takes the flag, beside the user's."""
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "empty.c"), Path(folder, "empty.o")
            source.touch()
            command = [*self.compiler.compiler_so, flag, "-c", source, "-o", target]
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


class Build(build):
    """Keep what is built with sanitizers in a folder of its own."""

    def initialize_options(self):
        super().initialize_options()
        if SANITIZE:
            self.build_base = f"build/sanitized-{SANITIZE.replace(',', '-')}"


class BuildPython(build_py):
    """Copy all modules, and leave none behind from builds before."""

    def finalize_options(self):
        super().finalize_options()
        self.force = True

    def run(self):
        super().run()
        if getattr(self, "editable_mode", False):
            return
        wanted = {*self.get_outputs(include_bytecode=False), *self.get_finalized_command("build_ext").get_outputs()}
        wanted = {Path(path).resolve() for path in wanted}
        for path in Path(self.build_lib, "fastinit").rglob("*"):
            if path.is_file() and path.resolve() not in wanted:
                path.unlink()


if not (X86_64 or (AARCH64 and not WINDOWS)) or sys.maxsize < 2**32 or sys.byteorder != "little":
    sys.exit(
        "fastinit: builds on 64-bit x86 and Arm under Linux and macOS, and on 64-bit x86 under Windows. "
        f"This is {MACHINE} under {sys.platform}."
    )

os.chdir(Path(__file__).parent)
extension = Extension(
    "fastinit._kernels",
    sources=["src/fastinit/_kernels.pyx", *sorted(glob(f"{CSRC}/*.c")), *sorted(glob(f"{CSRC}/generated/*.c"))],
    depends=[*sorted(glob(f"{CSRC}/**/*.h", recursive=True)), f"{CSRC}/activations.def"],
    include_dirs=[CSRC, numpy.get_include()],
    # As old as the oldest NumPy that it shall run beside; the headers are those of NumPy 2, which run beside both.
    define_macros=[("NPY_TARGET_VERSION", "NPY_1_25_API_VERSION"), ("NPY_NO_DEPRECATED_API", "NPY_1_25_API_VERSION")],
)
if WINDOWS:
    # Python's headers for Windows know of themselves what the Microsoft compiler tells them, and until Python 3.14 not
    # whether there is a lock of the interpreter.
    extension.define_macros.append(("MS_WIN64", ""))
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        extension.define_macros.append(("Py_GIL_DISABLED", "1"))
# Cython looks at the times of its sources alone.
generated = Path("src/fastinit/_kernels.c")
by_another = generated.exists() and f"Cython {Cython.__version__} " not in generated.open().readline()
setup(
    ext_modules=cythonize(
        [extension],
        compiler_directives={"language_level": 3, "freethreading_compatible": True},
        force=True if by_another else None,
    ),
    cmdclass={"build": Build, "build_py": BuildPython, "build_ext": BuildKernels},
)
