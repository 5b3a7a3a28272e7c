"""Instruction sets, what `info` tells, and the floating-point mode of a thread."""

import ctypes
import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import _kernels, runtime
from support.floating_point import DAZ, FTZ, TOWARDS_ZERO, UPWARD, mode
from support.isas import RUNNABLE

# Every distribution and dtype in a few hundred values each: one hash.
DRAW = """
import hashlib, math
import fastinit
digest = hashlib.sha256()
for dtype in ("f4", "f8", "f2"):
    for seed in (0, fastinit.Key(1).child("w")):
        digest.update(fastinit.uniform(333, -1.0, 2.0, dtype=dtype, seed=seed))
        digest.update(fastinit.normal(333, 0.5, 2.0, dtype=dtype, seed=seed))
        digest.update(fastinit.he_normal((33, 11), dtype=dtype, seed=seed))
        digest.update(fastinit.glorot_uniform((33, 11), dtype=dtype, seed=seed))
        digest.update(fastinit.sparse((33, 11), 0.5, dtype=dtype, seed=seed))
        for bounds in ((-1.5, 1.5), (-1.0, 2.0), (0.5, math.inf), (5.0, 8.0), (1.0, 1.001), (-40.0, -39.0)):
            digest.update(fastinit.truncated_normal(333, 0.0, 1.0, *bounds, dtype=dtype, seed=seed))
print(digest.hexdigest())
"""


def python(code: str, isa: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "FASTINIT_ISA"}
    if isa is not None:
        environment["FASTINIT_ISA"] = isa
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)


# ---- what it tells ----


def test_info_agrees_with_the_rest() -> None:
    info = fastinit.info()
    assert set(info) == {"version", "isa", "large_products", "compiled", "runnable", "slow", "threads", "workers"}
    assert info["version"] == fastinit.__version__
    assert info["isa"] == fastinit.isa() == _kernels.current_isa()
    assert fastinit.available_isas() == tuple(name for name in info["compiled"] if name in info["runnable"])
    assert fastinit.isa() in fastinit.available_isas()
    assert type(info["threads"]) is int
    assert 1 <= info["threads"] <= (os.cpu_count() or 1)
    info["isa"] = "changed"
    assert fastinit.info()["isa"] == fastinit.isa()


def test_which_set_computes_large_products() -> None:
    assert _kernels.preferred_isa(b"AuthenticAMD", 25, "avx512") == ("avx2", 2.0**30)  # Zen 4
    for vendor, family, best in (
        (b"AuthenticAMD", 25, "avx2"),
        (b"AuthenticAMD", 26, "avx512"),
        (b"GenuineIntel", 25, "avx512"),
        (b"", 0, "neon"),
    ):
        assert _kernels.preferred_isa(vendor, family, best) == (best, 0.0)
    forced = "import fastinit; print(fastinit.info()['large_products'])"
    for name in RUNNABLE:
        assert python(forced, name).stdout.strip() == name


def test_scalar_is_always_there_and_first() -> None:
    assert fastinit.available_isas()[0] == "scalar"
    assert "scalar" in fastinit.info()["compiled"]
    assert "scalar" in fastinit.info()["runnable"]


def test_names_and_machines_go_together() -> None:
    assert [name for name, _, _ in _kernels.isas()] == ["scalar", "neon", "sse42", "avx2", "avx512"]
    compiled = set(fastinit.info()["compiled"])
    if platform.machine().lower() in ("x86_64", "amd64"):
        assert compiled == {"scalar", "sse42", "avx2", "avx512"}
        assert "neon" not in fastinit.info()["runnable"]
    else:
        assert not compiled & {"sse42", "avx2", "avx512"}


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="the system does not list the processor's flags")
def test_runnable_sets_are_those_that_the_system_lists() -> None:
    flags = set()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            flags |= set(line.split(":")[1].split())
    runnable = fastinit.info()["runnable"]
    assert ("sse42" in runnable) == ({"ssse3", "sse4_1", "sse4_2", "popcnt"} <= flags)
    assert ("avx2" in runnable) == ({"avx2", "fma", "f16c"} <= flags)
    assert ("avx512" in runnable) == ({"avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags)


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib import metadata

    try:
        version = metadata.version("fastinit")
    except metadata.PackageNotFoundError:
        pytest.skip("fastinit is imported from its sources, not installed")
    assert fastinit.__version__ == version


def test_switching_in_the_process(isa: str) -> None:
    assert fastinit.isa() == fastinit.info()["isa"] == isa
    assert fastinit.info()["slow"] is (isa in ("scalar", "sse42"))


@pytest.mark.parametrize("name", ["avx9", "neon" if platform.machine() == "x86_64" else "avx2", ""])
def test_the_private_switch_refuses_what_cannot_run(name: str) -> None:
    before = fastinit.isa()
    with pytest.raises(ValueError, match="is not compiled in or cannot run here"):
        _kernels.use_isa(name)
    assert fastinit.isa() == before


# ---- FASTINIT_ISA ----


def test_every_available_set_can_be_forced_and_draws_the_same_bits() -> None:
    hashes = set()
    for name in fastinit.available_isas():
        result = python(DRAW + "print(fastinit.isa())", name)
        assert result.returncode == 0, result.stderr
        digest, chosen = result.stdout.split()
        assert chosen == name
        hashes.add(digest)
    assert len(hashes) == 1


@pytest.mark.parametrize("value", [None, ""])
def test_the_best_set_is_the_default(value: str | None) -> None:
    result = python("import fastinit; print(fastinit.isa())", value)
    assert result.stdout.split() == [fastinit.available_isas()[-1]], result.stderr


@pytest.mark.parametrize("name", ["avx9", "AVX2", "scalar ", "none"])
def test_an_unknown_set_is_an_error_that_names_the_choices(name: str) -> None:
    result = python("import fastinit", name)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last == (
        "ImportError: FASTINIT_ISA must name one of scalar, neon, sse42, avx2, avx512. "
        f"Received: {name!r}, an unknown name"
    )


def test_a_set_that_is_not_compiled_in_is_another_error() -> None:
    name = next((name for name, compiled, _ in _kernels.isas() if not compiled), None)
    if name is None:
        pytest.skip("every instruction set is compiled in")
    result = python("import fastinit", name)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last == (
        f"ImportError: FASTINIT_ISA={name}: this build of fastinit has no {name} kernels compiled in. "
        f"It can run here: {', '.join(fastinit.available_isas())}"
    )


def test_a_set_that_the_machine_cannot_run_is_a_third(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fastinit.isa()
    poorer = [("scalar", True, True), ("neon", False, False), ("avx2", True, True), ("avx512", True, False)]
    monkeypatch.setattr(_kernels, "isas", lambda: poorer)
    sentence = r"^FASTINIT_ISA=avx512: this machine cannot run avx512 instructions\. It can run: scalar, avx2$"
    with pytest.raises(ImportError, match=sentence):
        runtime._choose_isa("avx512")
    with pytest.raises(ImportError, match=r"has no neon kernels compiled in\. It can run here: scalar, avx2$"):
        runtime._choose_isa("neon")
    assert runtime.available_isas() == ("scalar", "avx2")
    assert runtime.info()["compiled"] == ("scalar", "avx2", "avx512")
    assert runtime.info()["runnable"] == ("scalar", "avx2")
    assert fastinit.isa() == before


# ---- the floating-point mode ----


def test_the_import_leaves_the_floating_point_mode_alone() -> None:
    code = (
        "import fastinit, numpy as np\n"
        "fastinit.he_normal((100, 100), seed=0); fastinit.normal(100_000, seed=0, threads=2)\n"
        "assert np.finfo(np.float32).smallest_subnormal != 0\n"
        "assert np.float32(1e-38) * np.float32(0.01) != 0\n"
        "assert np.float64(5e-324) * 1.0 == 5e-324\n"
        "assert np.float32(1) + np.float32(2**-24) == 1 and np.float32(1) + np.float32(3 * 2**-25) > 1\n"
    )
    result = python("import warnings; warnings.simplefilter('error')\n" + code)
    assert result.returncode == 0, result.stderr


def test_the_mode_can_be_set(mxcsr: ctypes.CDLL) -> None:
    small = np.array([1e-38], "f4")
    with mode(mxcsr, FTZ | DAZ):
        product = small * np.float32(0.01)
    assert product[0] == 0
    assert (small * np.float32(0.01))[0] != 0
    one = np.array([1.0], "f4")
    with mode(mxcsr, UPWARD):
        total = one + np.float32(1e-20)
    assert total[0] > 1


# Values, bounds or parameters of each of these are subnormal in the dtype, or round differently.
DRAWS: list[tuple[str, dict[str, Any]]] = [
    ("normal", {"std": 0.02}),
    ("normal", {"std": 1e-38}),
    ("normal", {"std": 1e-40}),
    ("normal", {"std": 1e-44, "mean": 1e-43}),
    ("normal", {"std": 1e-308, "dtype": "f8"}),
    ("normal", {"std": 1e-310, "dtype": "f8"}),
    ("normal", {"std": 1e-5, "dtype": "f2"}),
    ("normal", {"std": 1e-39, "dtype": "bfloat16"}),
    ("uniform", {"low": -1e-38, "high": 1e-38}),
    ("uniform", {"low": 1e-40, "high": 1e-39}),
    ("uniform", {"low": -1e-308, "high": 1e-310, "dtype": "f8"}),
    ("uniform", {"low": 1e-8, "high": 1e-6, "dtype": "f2"}),
    ("uniform", {"low": 1e-40, "high": 1e-38, "dtype": "bfloat16"}),
    ("truncated_normal", {"std": 1e-39}),
    ("truncated_normal", {"std": 1e-39, "lower": -1.0, "upper": 2.0}),
    ("truncated_normal", {"std": 1e-39, "lower": 5.0, "upper": 8.0}),
    ("truncated_normal", {"std": 1e-39, "lower": 1.0, "upper": 1.001}),
    ("truncated_normal", {"std": 1.0, "lower": 37.0, "upper": 38.0}),
    ("truncated_normal", {"std": 1.0, "lower": 37.0, "upper": 38.0, "dtype": "f8"}),
    ("truncated_normal", {"std": 1.0, "lower": -1e-310, "upper": 2.0, "dtype": "f8"}),
    ("truncated_normal", {"std": 1e-308, "dtype": "f8"}),
    ("truncated_normal", {"std": 1e-7, "dtype": "f2"}),
    ("truncated_normal", {"std": 1.0, "lower": 0.0, "upper": 1e-3, "dtype": "f2"}),
    ("sparse", {"sparsity": 0.5, "std": 1e-40}),
    ("orthogonal", {}),
    ("orthogonal", {"gain": 1e-38}),
    ("orthogonal", {"gain": 1e-40}),
    ("orthogonal", {"gain": 1e-308, "dtype": "f8"}),
    ("orthogonal", {"gain": 1e-38, "precise": True}),
    ("orthogonal", {"gain": 1e-38, "dtype": "c8"}),
    ("orthogonal", {"gain": 1e-5, "dtype": "f2"}),
    ("orthogonal", {"gain": 1e-39, "dtype": "bfloat16"}),
]
# The parameters of these are computed in Python, before the kernels set the mode.
COMPUTED: list[tuple[str, dict[str, Any]]] = [
    ("he_normal", {}),
    ("he_normal", {"dtype": "f8"}),
    ("glorot_uniform", {"dtype": "f8"}),
    ("variance_scaling", {"scale": 1e-76}),
    ("variance_scaling", {"scale": 1e-77, "distribution": "uniform"}),
]


def check_same_bits_in_mode(name: str, arguments: dict[str, Any], bits: int, mxcsr: ctypes.CDLL) -> None:
    shape = (97, 11)
    function = fastinit.get(name)
    expected = function(shape, seed=12, **arguments).tobytes()
    # A remembered law of zeros must not be taken for one of subnormals, which may count as zero.
    zeros = {key: 0.0 if isinstance(value, float) else value for key, value in arguments.items()}
    if name != "variance_scaling":
        function(shape, seed=12, **zeros)
    with mode(mxcsr, bits):
        values = function(shape, seed=12, **arguments)
    assert values.tobytes() == expected
    assert any(expected)


@pytest.mark.parametrize("bits", [FTZ | DAZ, UPWARD, TOWARDS_ZERO], ids=["flush to zero", "upward", "towards zero"])
@pytest.mark.parametrize(("name", "arguments"), DRAWS)
def test_a_foreign_mode_changes_no_draw_and_is_kept(
    name: str, arguments: dict[str, Any], bits: int, mxcsr: ctypes.CDLL, isa: str
) -> None:
    check_same_bits_in_mode(name, arguments, bits, mxcsr)


@pytest.mark.parametrize(("name", "arguments"), COMPUTED)
def test_flush_to_zero_changes_no_fan_scaled_draw(
    name: str, arguments: dict[str, Any], mxcsr: ctypes.CDLL, isa: str
) -> None:
    check_same_bits_in_mode(name, arguments, FTZ | DAZ, mxcsr)


def test_large_calls_without_the_interpreters_lock_too(mxcsr: ctypes.CDLL) -> None:
    expected = hashlib.sha256(fastinit.normal(300_000, std=1e-40, seed=1)).hexdigest()
    for bits in (FTZ | DAZ, UPWARD):
        with mode(mxcsr, bits):
            values = fastinit.normal(300_000, std=1e-40, seed=1)
        assert hashlib.sha256(values).hexdigest() == expected
