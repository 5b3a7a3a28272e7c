"""The kernels without Python: a C harness, compiled for this machine, for emulated ones and for Windows, against the
oracle."""

import functools
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import _arguments, _kernels
from fastinit.forward import _activation
from oracle import evolution as oracle_evolution
from oracle import forward as oracle_forward
from oracle import orthogonal as oracle_orthogonal
from oracle import stream as oracle_stream
from support.activation_cases import NAMES, PARAMETERS, VALUES, edge_values, random_values, row_cases
from support.isas import RUNNABLE
from support.law_cases import (
    ALL,
    COUNTS,
    DTYPES,
    FIRSTS,
    KEY,
    LAWS,
    ONE_PER_METHOD,
    STREAM,
    edge_case,
    oracle,
    oracle_bits,
)
from support.native import CSRC, MACHINE, compiler_of, emulator, flags_of, flags_of_isas, wine

pytestmark = pytest.mark.slow


# Where the harness runs: machine, the CPU that qemu plays, the instruction sets that are runnable there and, of
# these, whose values count. qemu 7.2 is wrong about AVX2: it overlooks the index of a gather if that is ymm4.
EMULATED: dict[str, tuple[str, str, list[str], list[str]]] = {
    "aarch64 of the first generation": ("aarch64", "cortex-a57", ["scalar", "neon"], ["scalar", "neon"]),
    "x86-64 without AVX": ("x86_64", "Nehalem", ["scalar", "sse42"], ["scalar", "sse42"]),
    "x86-64 without SSE4.2": ("x86_64", "core2duo", ["scalar"], []),
    "x86-64 without AVX-512": ("x86_64", "Haswell", ["scalar", "sse42", "avx2"], []),
}


# ---- rows of the harness's input, each with the bytes that must come out ----


def fnv1a(data: bytes) -> str:
    """64-bit FNV-1a, as the harness prints it."""
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


def law_fields(law: str, dtype: str) -> str:
    maker, *arguments = LAWS[law]
    constants = [float(a).hex() for a in arguments] + ["0"] * (4 - len(arguments))
    return f"{maker} {dtype} {' '.join(constants)}"


def philox_fields(shape: tuple[int, int], block: Any, key: int = KEY, stream: int = STREAM) -> str:
    ends = " ".join(f"{start} {stop}" for start, stop in block)
    return f"philox {key:x} {stream:x} {shape[0]} {shape[1]} {ends}"


def run_rows(law: str, dtype: str, firsts: tuple[int, ...], counts: tuple[int, ...]) -> Iterator[tuple[str, bytes]]:
    whole = oracle_bits(law, dtype, max(firsts) + max(counts))
    for first in firsts:
        for count in counts:
            block = ((0, 1), (first, first + count))
            fields = f"{law_fields(law, dtype)} {philox_fields((1, 2000), block)}"
            yield fields, whole[first : first + count].tobytes()


def far_rows(law: str, dtype: str) -> Iterator[tuple[str, bytes]]:
    """Two runs beyond 2^32 elements, and one at the end of the largest tensor."""
    last = 2**60 if dtype == "float64" else 2**61
    for shape, block in (
        ((3, 2**33), ((1, 3), (2**33 - 101, 2**33 - 2))),
        ((1, last), ((0, 1), (last - 77, last))),
    ):
        expected = oracle_stream.block(oracle(law, dtype), KEY, STREAM, shape, block).view(DTYPES[dtype])
        yield f"{law_fields(law, dtype)} {philox_fields(shape, block)}", expected.tobytes()


def edge_row(law: str, dtype: str) -> tuple[str, bytes]:
    words, expected = edge_case(law, dtype)
    return f"{law_fields(law, dtype)} given {len(words)} {' '.join(f'{word:x}' for word in words)}", expected.tobytes()


def word_rows() -> Iterator[tuple[str, bytes]]:
    for key, stream in ((0, 0), (KEY, STREAM), (2**64 - 1, 2**64 - 1)):
        for first in (0, 5, 2**34 - 70, 2**61 - 99):  # the third is across the carry of the block number
            block = ((0, 1), (first, first + 99))
            fields = f"words uint32 0 0 0 0 {philox_fields((1, 2**61), block, key, stream)}"
            yield fields, oracle_stream.philox_words(key, stream, first, 99).tobytes()


# ---- products and networks: rows of the input, with the oracle's bytes ----


def activation_number(name: str) -> int:
    return _kernels.ACTIVATIONS[name]


def function_fields(name: str, *given: float) -> str:
    """An activation with values for its first parameters, as the harness reads it."""
    standard = [value for value, _ in _activation.PARAMETERS[name].values()]
    values = [*given, *standard[len(given) :], 0.0, 0.0, 0.0][:3]
    return " ".join([str(activation_number(name)), *(float(value).hex() for value in values)])


def normal(shape: tuple[int, ...], dtype: Any, seed: int) -> np.ndarray:
    return fastinit.normal(shape, 0.0, 1.0, dtype=dtype, seed=seed)


def oracle_layer(x: np.ndarray, i: int, columns: int, name: str, *parameters: float) -> np.ndarray:
    """What layer i of the harness makes of x."""
    weight = normal((x.shape[1], columns), x.dtype, seed=2 + 2 * i)
    bias = normal((columns,), x.dtype, seed=3 + 2 * i)
    return oracle_forward.activate(oracle_forward.dense(x, weight, bias), name, *parameters)


# Rows, depth, columns: tiles and strips of every instruction set, blocks of depth and rows, and pieces of columns,
# 512 at most, that NEON's strips of 12 and 6 do not divide.
PRODUCTS = [
    *((rows, 7, 3 * rows + 1) for rows in range(1, 27)),
    *((3, 5, columns) for columns in (1, 6, 11, 12, 13, 24, 47, 48, 49, 96)),
    *((rows, depth, 25) for rows in (1, 9) for depth in (0, 1, 383, 384, 385, 769)),
    (239, 3, 13), (240, 3, 13), (241, 3, 13), (481, 2, 12),
    (2, 3, 256), (2, 3, 504), (2, 3, 512), (9, 3, 516),
    (2, 3, 1020), (2, 3, 1023), (9, 3, 1024), (2, 3, 1032), (9, 3, 1200), (1, 3, 1536), (5, 3, 2040), (2, 3, 2049),
    (128, 258, 1032), (129, 130, 1200),
]  # fmt: skip
# Beyond two million multiplications, threads divide them.
DIVIDED = [(200, 101, 130), (13, 110, 1536), (2, 900, 1200)]
NETWORKS: list[tuple[int, int, list[tuple[str, int]]]] = [
    (rows, 9, [("tanh", 50), ("gelu", 13), ("softmax", 30), ("linear", 7)]) for rows in (1, 2, 12, 50)
]
NETWORKS += [(3, 385, [("relu", 1100), ("log_softmax", 5)]), (245, 2, [("silu", 700), ("mish", 3)])]
NETWORKS += [(rows, 7, [("swiglu", 34), ("glu", 30), ("prelu", 9), ("geglu", 10)]) for rows in (1, 13, 250)]


def product_rows(dtype: str) -> Iterator[tuple[str, bytes]]:
    for rows, depth, columns in (*PRODUCTS, *DIVIDED):
        x = normal((rows, depth), dtype, seed=1)
        expected = oracle_layer(x, 0, columns, "relu").tobytes()
        number, threads = function_fields("relu"), 3 if (rows, depth, columns) in DIVIDED else 1
        yield f"dense {dtype} {number} {rows} {depth} {columns} 0 {threads}", expected
        weight = normal((columns, depth), dtype, seed=2).T
        bias = normal((columns,), dtype, seed=3)
        across = oracle_forward.dense(x, weight, bias).tobytes()
        yield f"dense {dtype} {function_fields('linear')} {rows} {depth} {columns} 1 {threads}", across
    for name, parameters in _activation.PARAMETERS.items():
        values = [1.5 * standard for standard, _ in parameters.values()][:1]
        expected = oracle_layer(normal((9, 6), dtype, seed=1), 0, 30, name, *values).tobytes()
        yield f"dense {dtype} {function_fields(name, *values)} 9 6 30 0 1", expected
    for rows, depth, columns, threads in ((1200, 3, 700, 1), (1, 5, 2, 1), (600, 200, 130, 3)):
        x = normal((rows, depth), dtype, seed=1)
        expected = oracle_layer(x, 0, columns, "swiglu").tobytes()
        yield f"dense {dtype} {function_fields('swiglu')} {rows} {depth} {columns} 0 {threads}", expected


def network_rows(dtype: str) -> Iterator[tuple[str, bytes]]:
    for rows, width, layers in NETWORKS:
        x = normal((rows, width), dtype, seed=1)
        fields = f"network {dtype} {rows} {len(layers)} {width}"
        for i, (name, columns) in enumerate(layers):
            x = oracle_layer(x, i, columns, name)
            fields += f" {activation_number(name)} {columns}"
        yield fields, x.tobytes()


# Strides in bytes of x (items, rows, depth), given an element's bytes n and the sizes, and what each begins behind a
# boundary: transposed, with gaps, backwards, repeated, of any alignment.
SCATTERED: list[Callable[..., tuple[int, tuple[int, int, int]]]] = [
    lambda n, items, rows, depth: (0, (n * rows * depth, n * depth, n)),
    lambda n, items, rows, depth: (0, (2 * n * rows * depth, 2 * n * depth, 2 * n)),
    lambda n, items, rows, depth: (0, (n, n * items, n * items * rows)),
    lambda n, items, rows, depth: (1, (n * rows * depth, n * depth, n)),
    lambda n, items, rows, depth: (3, ((n + 1) * rows * depth, (n + 1) * depth, n + 1)),
    lambda n, items, rows, depth: (0, (-n * rows * depth, -n * depth, -n)),
    lambda n, items, rows, depth: (0, (n * depth, n * depth * items, -n)),
]  # fmt: skip


def scattered_rows(dtype: str) -> Iterator[tuple[str, bytes]]:
    """Arrays anywhere in memory; two parts of x of more than 4 MB, the second with fewer rows, on two threads."""
    n = np.dtype(dtype).itemsize
    relu, gelu, glu = function_fields("relu"), activation_number("gelu"), function_fields("glu")
    for items, rows, depth, columns, threads in (
        (1, 32, 8, 4, 1), (3, 5, 7, 33, 1), (2, 70, 21, 12, 3), (1, 1, 1, 1, 1),
        (1, 1100, 960, 3, 2), (1100, 1, 960, 3, 2),
    ):  # fmt: skip
        x = normal((items * rows, depth), dtype, seed=1)
        expected = oracle_layer(x, 0, columns, "relu").tobytes()
        of_network = oracle_layer(x, 0, columns, "gelu").tobytes()
        for layout in SCATTERED if x.size < 10000 else SCATTERED[2:5:2]:
            shift, strides = layout(n, items, rows, depth)
            weights = f"{n * columns} {n} {n}" if shift == 0 else f"{-n - 2} {(n + 2) * depth} {n + 1}"
            fields = f"{items} {rows} {depth} {columns} {threads} {shift} {strides[0]} {strides[1]} {strides[2]}"
            yield f"scattered {dtype} {relu} {fields} {weights}", expected
            if columns % 2 == 0:
                yield f"scattered {dtype} {glu} {fields} {weights}", oracle_layer(x, 0, columns, "glu").tobytes()
            if items == 1:
                fields = f"{shift} {strides[1]} {strides[2]} {dtype} {rows} 1 {depth} {gelu} {columns}"
                yield f"scattered_network {fields}", of_network
            if items == 1 and (shift or strides[1:] != (n * depth, n)) and 1 < x.size < 10000:
                for name in ("linear", "softmax"):
                    y = oracle_forward.activate(x, name).tobytes()
                    fields = f"{shift} {strides[1]} {strides[2]} {dtype} {function_fields(name)}"
                    yield f"scattered_activate {fields} {rows} {depth} {threads}", y


def overlap_rows() -> Iterator[tuple[str, int]]:
    """Two arrays in one memory, each anyhow: whether they are apart, contiguous and aligned."""
    generator = np.random.default_rng(0)
    memory = np.zeros(4000, np.uint8)
    begin = memory.__array_interface__["data"][0]

    def some() -> np.ndarray:
        shape = generator.integers(0, 5, generator.integers(0, 4))
        shape[generator.random(len(shape)) < 0.7] += 1
        steps = generator.choice([4, 4, 8, -4, 12, 0, 5, 40], len(shape))
        if generator.random() < 0.4:
            steps = [4 * int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
        start = 2000 + int(generator.choice([0, 0, 4, -4, 16, 1, 100, -100]))
        return np.ndarray(tuple(shape), np.float32, memory, start, tuple(steps))

    for _ in range(3000):
        arrays = some(), some()
        low, high = zip(*(_arguments._span(array) for array in arrays), strict=True)
        expected = int(0 in (arrays[0].size, arrays[1].size) or high[0] <= low[1] or high[1] <= low[0])
        for array in arrays:
            expected = expected << 8 | array.flags.c_contiguous << 4 | array.flags.aligned
        fields = [
            f"{array.__array_interface__['data'][0] - begin} {array.ndim}"
            + "".join(f" {n} {step}" for n, step in zip(array.shape, array.strides, strict=True))
            for array in arrays
        ]
        yield f"overlap {fields[0]} {fields[1]}", expected


def activation_rows() -> Iterator[tuple[str, bytes]]:
    """Every activation of edge cases and random values; of rows of an awkward length."""
    for dtype in (np.float32, np.float64):
        values = np.concatenate([edge_values(dtype), random_values(dtype, 600)])
        cases: list[tuple[str, tuple[float, ...]]] = [(name, ()) for name in NAMES]
        cases += [(name, parameters) for name, several in PARAMETERS.items() for parameters in several[:2]]
        for name, parameters in cases:
            x = row_cases(dtype, 38) if name not in VALUES else values
            y = oracle_forward.activate(x, name, *parameters)
            y[np.isnan(y)] = np.nan
            words = " ".join(f"{word:x}" for word in x.ravel().view(np.uint32))
            columns = 1 if name in VALUES else x.shape[-1]
            fields = f"activate {np.dtype(dtype).name} {function_fields(name, *parameters)} {columns}"
            yield f"{fields} {x.nbytes // 4} {words}", y.tobytes()


def orthogonal_rows() -> Iterator[tuple[str, bytes]]:
    for dtype, pairs, (m, n) in itertools.product(
        ("float32", "float64"), (False, True), ((1, 1), (2, 1), (3, 3), (33, 33), (64, 37), (70, 70))
    ):
        whole = oracle_orthogonal.orthogonal(dtype, KEY, STREAM, m, n, 2, -1.3, pairs)
        whole = whole.reshape(m, 2, n).swapaxes(1, 2) if pairs else whole
        for first, last, transposed in ((0, n, 0), (n // 2, n, 1), (n - 1, n, 0)):
            block = whole[:, first:last]
            fields = f"{KEY:x} {STREAM:x} {m} {n} {first} {last} 2 {int(pairs)} {transposed} {(-1.3).hex()}"
            yield (
                f"normal {dtype} 0 1 -inf inf orthogonal {fields}",
                (block.swapaxes(0, 1) if transposed else block).tobytes(),
            )


# Members, columns, the first and the last wanted: of less than a vector, of several draws, and of several pieces.
POPULATIONS = [(6, 1, 0, 6), (6, 7, 0, 6), (8, 65, 1, 7), (2**40, 9, 2**33 - 3, 2**33 + 5), (4, 2500, 1, 4)]
SUMS = [(9, 1), (700, 7), (40, 65), (5, 2500), (3, 20_000)]


def evolution_rows(dtype: str) -> Iterator[tuple[str, bytes]]:
    spread = np.abs(normal((20_000,), dtype, seed=2))
    for (population, columns, first, last), pairs, varies in itertools.product(POPULATIONS, (0, 1), (0, 1)):
        theta, index = normal((columns,), dtype, seed=1), np.arange(first, last)
        rows = index // 2 if pairs else index
        law = oracle_stream.normal(dtype)
        eps = np.stack([law.elements(3, 0, int(row) * columns, columns) for row in rows])
        signs = np.where(index % 2 * pairs, -1.0, 1.0).astype(dtype)[:, None]
        fma = oracle_stream.fma32 if dtype == "float32" else oracle_stream.fma64
        sigma = spread[:columns] if varies else np.asarray(0.1, dtype)
        expected = fma(sigma, eps * signs, theta)
        yield f"perturb {dtype} {population} {columns} {first} {last} {pairs} {varies} 3", expected.tobytes()
    for (members, columns), squares in itertools.product(SUMS, (0, 1)):
        weights = normal((members,), dtype, seed=1)
        weights[::3] = 0
        expected = oracle_evolution.recombine(weights, np.zeros(columns, dtype), 3, squares=bool(squares))
        yield f"recombine {dtype} {members} {columns} {squares} 3", expected.tobytes()


@functools.cache
def rows() -> dict[str, str]:
    """Every row with its hash."""
    found = dict(word_rows()) | dict(activation_rows()) | dict(orthogonal_rows())
    for law, dtype in ALL:
        found |= dict(run_rows(law, dtype, (0, 3), (61, 300)))
        found |= dict(far_rows(law, dtype))
        found |= dict([edge_row(law, dtype)])
    for law, dtype in ONE_PER_METHOD:
        found |= dict(run_rows(law, dtype, FIRSTS, COUNTS))
    for dtype in ("float32", "float64"):
        found |= dict(product_rows(dtype))
        found |= dict(network_rows(dtype))
        found |= dict(scattered_rows(dtype))
        found |= dict(evolution_rows(dtype))
    overlaps = {row: f"{digits:016x}" for row, digits in overlap_rows()}
    return {row: fnv1a(expected) for row, expected in found.items()} | overlaps


# ---- compiling and running ----


def compiled(machine: str, folder: Path) -> str:
    """The harness with all instruction sets of a machine, each compiled as setup.py does; static if it is another's.

    But for this machine with less optimization: all other tests run what setup.py makes for it, and the rest, which is
    how the kernels are started without Python and under QEMU, takes a quarter of the time.
    """
    compiler, flags = compiler_of(machine), flags_of(machine) + ["-O1"] * (machine == MACHINE)
    program = folder / ("harness.exe" if machine == "windows" else "harness")

    def object_of(isa: str, own_flags: list[str]) -> Path:
        target = folder / f"{isa}.o"
        subprocess.run([compiler, *flags, *own_flags, "-c", CSRC / f"isa/{isa}.c", "-o", target], check=True)
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(object_of, *zip(*flags_of_isas(machine).items(), strict=True)))
    sources = [
        Path(__file__).parent / "native/harness.c",
        *sorted(CSRC.glob("*.c")),
        *sorted(CSRC.glob("generated/*.c")),
    ]
    static = [] if machine == MACHINE else ["-static"]
    command = [compiler, *flags, *static, f"-I{CSRC}", *sources, *objects, "-lm", "-o", program]
    subprocess.run(command, check=True)
    return str(program)


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The harness of a machine, compiled at most once."""
    return functools.cache(lambda machine: compiled(machine, tmp_path_factory.mktemp(machine)))


def runnable(command: list[str]) -> list[str]:
    lines = subprocess.check_output(command, text=True).splitlines()
    return [name for name, compiled_in, runs in map(str.split, lines) if (compiled_in, runs) == ("1", "1")]


def check_hashes(command: list[str], isa: str, every: int = 1) -> None:
    """All rows, or one of so many."""
    chosen = dict(list(rows().items())[::every])
    done = subprocess.run([*command, isa], input="\n".join(chosen), text=True, stdout=subprocess.PIPE, check=True)
    pairs = zip(chosen.items(), done.stdout.split(), strict=True)
    assert [row[:200] for (row, expected), found in pairs if found != expected] == []


def test_this_machine(harness: Callable[[str], str]) -> None:
    command = [harness(MACHINE)]
    assert runnable(command) == RUNNABLE
    for isa in RUNNABLE:
        check_hashes(command, isa)


@pytest.mark.parametrize("place", EMULATED)
def test_emulated_machine(harness: Callable[[str], str], place: str) -> None:
    machine, cpu, isas, compared = EMULATED[place]
    command = [*emulator(machine, cpu), harness(machine)]
    assert runnable(command) == isas
    every = 11 if machine == MACHINE else 1  # this machine has computed them all with the same instructions
    for isa in compared:
        check_hashes(command, isa, every)


def test_windows(harness: Callable[[str], str], tmp_path: Path) -> None:
    """Under Wine, which leaves the processor as it is: its instruction sets run there, too, and with the same bits."""
    command = [*wine(tmp_path), harness("windows")]
    assert runnable(command) == RUNNABLE
    for isa in RUNNABLE:
        check_hashes(command, isa)


def test_wide_vectors_move_to_any_address_under_windows(harness: Callable[[str], str]) -> None:
    """gcc does not align the stack for them there; see WINDOWS_GCC_FLAGS in setup.py."""
    program, objdump = harness("windows"), shutil.which("objdump")
    if objdump is None:
        pytest.skip("there is no objdump (Debian: binutils)")
    lines = subprocess.check_output([objdump, "-d", "--no-show-raw-insn", program], text=True).splitlines()
    moves = [line for line in lines if re.search(r"\tvmov\S+ .*%[yz]mm.*\(|\tvmov\S+ .*\(.*%[yz]mm", line)]
    assert len(moves) > 1000
    assert [line for line in moves if re.search(r"\tvmov(ap[sd]|dqa)", line)] == []


@pytest.mark.skipif(MACHINE != "x86_64", reason="this Python is not one of x86-64")
def test_package_without_avx() -> None:
    """The installed package itself, on a CPU from before AVX: it imports, and no bit changes."""
    command = [*emulator("x86_64", "Nehalem"), sys.executable, "-c"]
    if subprocess.run([*command, "import numpy"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this NumPy needs a newer CPU than Nehalem")
    program = "import fastinit; print(fastinit.isa())\n" + "".join(
        f"print(fastinit.{name}((13, 31), seed=1, dtype='{dtype}').tobytes().hex())\n"
        for name in ("glorot_uniform", "he_normal", "normal")
        for dtype in ("float32", "float16", "float64")
    )
    environment = {name: value for name, value in os.environ.items() if name != "FASTINIT_ISA"}
    there, here = (
        subprocess.check_output([*python, program], text=True, env=environment).splitlines()
        for python in (command, command[-2:])
    )
    assert there[0] == "sse42"
    assert there[1:] == here[1:]
