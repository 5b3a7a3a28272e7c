"""A call writes all of its result or none of it: overlapping outputs, refused entries, traps, memory that fails."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import fastinit
from fastinit import Key
from support.failing_memory import run_with_failing_memory

# ---- outputs that overlap ----


def overlapping_pairs(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    a = np.full((6, 6), 7, "f4")
    mapped = np.memmap(folder / "tensor", "f4", "w+", shape=(6, 6))
    mapped[:] = 7
    return {
        "the same array": (a, a),
        "a view": (a, a[2:4]),
        "two views": (a[:4], a[3:]),
        "one element": (a[0], a.reshape(-1)[5:7]),
        "reshaped": (a, a.reshape(4, 9)),
        "bits of another dtype": (a, a.view("f8")),
        "a memmap": (mapped, mapped[1:2]),
        "a memmap and its plain array": (mapped, np.asarray(mapped)),
        "inside a larger array": (a[1:5], a[2:3]),
    }


@pytest.mark.parametrize("swapped", [False, True])
def test_outputs_that_overlap_are_refused_by_both_names(swapped: bool, tmp_path: Path) -> None:
    for what, pair in overlapping_pairs(tmp_path).items():
        first, second = pair[::-1] if swapped else pair
        generator = np.random.default_rng(0)
        before = generator.bit_generator.state
        with pytest.raises(ValueError, match=r"^every `out` must lie apart .* Received: an `out` of 'head' .* 'emb'$"):
            fastinit.initialize(
                {
                    "emb": ("normal", first.shape, {"out": first}),
                    "beside": ("ones", (3,)),
                    "head": ("ones", second.shape, {"out": second}),
                },
                seed=generator,
            )
        assert (first.view("f4") == 7).all(), what
        assert (second.view("f4") == 7).all(), what
        assert generator.bit_generator.state == before, what


def test_any_two_of_many() -> None:
    memory = np.full(100, 7, "f4")
    outs = [memory[10 * i : 10 * i + 10] for i in (3, 0, 9, 5)] + [memory[49:52]]
    with pytest.raises(ValueError, match=r"an `out` of 'w4' that overlaps that of 'w3'$"):
        fastinit.initialize({f"w{i}": ("ones", out.shape, {"out": out}) for i, out in enumerate(outs)})
    assert (memory == 7).all()


def test_outputs_side_by_side_are_fine() -> None:
    memory = np.full(20, 7, "f4")
    empty = memory[5:5]
    outs = {"left": memory[:10], "right": memory[10:], "empty": empty, "again": empty}
    fastinit.initialize({name: ("normal", out.shape, {"out": out}) for name, out in outs.items()}, seed=3)
    for name, out in outs.items():
        assert (out == fastinit.normal(out.shape, seed=Key(3).child(name))).all()


def test_reversed_strides_are_no_output() -> None:
    memory = np.full(20, 7, "f4")
    with pytest.raises(ValueError, match=r"^'b': `out` must be C-contiguous"):
        fastinit.initialize({"a": ("ones", 20, {"out": memory}), "b": ("ones", 20, {"out": memory[::-1]})})
    assert (memory == 7).all()


# ---- initialize is all or nothing ----


def returns(value: Any) -> Callable[..., Any]:
    return lambda shape, seed: value


@pytest.mark.parametrize(
    ("entry", "error", "sentence"),
    [
        (("normal", -1), ValueError, r"^'bad': `shape` must hold no negative size\. Received: shape=-1$"),
        (("normal", 3, {"std": -1.0}), ValueError, r"^'bad': `std` must be finite and >= 0"),
        (
            ("he_norml", 3),
            ValueError,
            r"^'bad': an initializer's name .* Did you mean 'he_normal'\? Received: 'he_norml'$",
        ),
        (("normal", 3, {"out": np.zeros(4, "f4")}), ValueError, r"^'bad': `out` must have shape \(3,\)"),
        (("normal", 3, {"colour": 1}), TypeError, r"^'bad': .*unexpected keyword argument 'colour'$"),
        (("orthogonal", (3,)), ValueError, r"^'bad': `shape` must have at least two axes"),
        (("normal",), TypeError, r"Received: 'bad': \('normal',\)$"),
    ],
)
def test_a_refused_entry_changes_nothing(entry: Any, error: type[Exception], sentence: str) -> None:
    outs = [np.full(n, 7, "f4") for n in (3, 100_000)]
    generator = np.random.default_rng(0)
    before = generator.bit_generator.state
    tensors = {
        "a": ("ones", 3, {"out": outs[0]}),
        "b": ("normal", 100_000, {"out": outs[1]}),
        "bad": entry,
    }
    with pytest.raises(error, match=sentence):
        fastinit.initialize(tensors, seed=generator)
    assert all((out == 7).all() for out in outs)
    assert generator.bit_generator.state == before


@pytest.mark.parametrize(
    ("made", "dtype", "error", "sentence"),
    [
        ([1.0, 2.0, 3.0], "f4", TypeError, r"^'bad': an initializer must return a NumPy array\. Received: list$"),
        (None, "f4", TypeError, r"^'bad': an initializer must return a NumPy array\. Received: NoneType$"),
        (np.full(3, 1e300), "f4", ValueError, r"finite in float32, like its `out`\. Received: "),
        (np.full(3, 70000.0), "f2", ValueError, r"finite in float16, like its `out`\. Received: "),
        (np.array([1j, 2.0, 3.0]), "f4", TypeError, r"that its `out` of float32 can hold\. Received: complex128$"),
        (np.array(["1", "2", "3"]), "f4", TypeError, r"that its `out` of float32 can hold\. Received: <U1$"),
        (np.array([1, None, 3], object), "f4", TypeError, r"can hold\. Received: object$"),
        (np.array([True, False, True]), "f4", TypeError, r"can hold\. Received: bool$"),
        (np.zeros(4), "f4", ValueError, r"^'bad': an initializer must return the shape of its `out`, \(3,\)"),
        (np.zeros((1, 3)), "f4", ValueError, r"^'bad': an initializer must return the shape of its `out`, \(3,\)"),
        (np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]), "f4", ValueError, r"^'bad': .* no masked element"),
    ],
)
def test_what_a_callable_returns_is_checked_before_anything_is_written(
    made: Any, dtype: str, error: type[Exception], sentence: str
) -> None:
    good, out = np.full(3, 7, "f4"), np.full(3, 7, dtype)
    with pytest.raises(error, match=sentence):
        fastinit.initialize({"good": ("normal", 3, {"out": good}), "bad": (returns(made), 3, {"out": out})}, seed=0)
    assert (good == 7).all()
    assert (out == 7).all()


def test_a_callable_that_raises_leaves_all_as_it_was() -> None:
    def fails(shape: Any, seed: Any) -> np.ndarray:
        raise RuntimeError("no more numbers")

    good = np.full(3, 7, "f4")
    with pytest.raises(RuntimeError, match=r"^no more numbers$"):
        fastinit.initialize({"good": ("ones", 3, {"out": good}), "bad": (fails, 3)})
    assert (good == 7).all()


@pytest.mark.parametrize(
    ("made", "dtype"),
    [
        (np.array([1.5, -2.0, 3.0], ">f8"), "f4"),
        (np.arange(3), "f2"),
        (np.array([1.5, np.inf, np.nan]), "f4"),
        (np.array([1.0, 2.0, 3.0], "f4"), "c8"),
        (np.array([1.5, 2.5, 3.5]), ml_dtypes.bfloat16),
        (np.arange(6.0)[::-2], "f8"),
    ],
)
def test_numbers_that_a_callable_returns_are_converted(made: np.ndarray, dtype: Any) -> None:
    out = np.zeros(3, dtype)
    result = fastinit.initialize({"own": (returns(made), 3, {"out": out})})
    assert result["own"] is out
    np.testing.assert_array_equal(out, made.astype(dtype))


def test_any_number_of_threads_is_a_limit() -> None:
    for threads in (2**31, 2**40, 2**64, 10**30):
        out = np.full(3, 7, "f4")
        fastinit.initialize({"a": ("ones", 3, {"out": out})}, threads=threads)
        assert (out == 1).all()
        x, weight = np.ones((600, 600), "f4"), np.ones((600, 600), "f4")
        assert fastinit.normal((300, 300), seed=0, threads=threads).shape == (300, 300)
        assert fastinit.orthogonal((64, 64), seed=0, threads=threads).shape == (64, 64)
        assert (fastinit.dense(x, weight, threads=threads) == 600).all()
        assert (fastinit.activate(x, "relu", threads=threads) == 1).all()
        assert (fastinit.MLP([(weight, None, None)])(x, threads=threads) == 600).all()
        assert fastinit.lsuv([6, 5], fastinit.normal((32, 6), std=1.0, seed=0), threads=threads).stds
        assert fastinit.propagate([6, 5], threads=threads).layers


@pytest.mark.parametrize("name", ["a\udc80", "\ud800"])
def test_a_name_that_is_no_text_advances_no_generator(name: str) -> None:
    generator = np.random.default_rng(0)
    before = generator.bit_generator.state
    with pytest.raises(ValueError, match=r"^a tensor's name must be text that UTF-8 encodes") as caught:
        fastinit.initialize({"a": ("normal", 3), name: ("normal", 3)}, seed=generator)
    assert type(caught.value) is ValueError
    assert generator.bit_generator.state == before


@pytest.mark.parametrize(
    "tensors", [0, None, [("a", ("zeros", (2,)))], "abc", {("a", ("zeros", 2))}, np.zeros(3), iter(())]
)
def test_what_is_no_mapping_is_refused(tensors: Any) -> None:
    with pytest.raises(TypeError, match=r"^`tensors` must be a mapping of names to \(initializer, shape\)"):
        fastinit.initialize(tensors)


# ---- traps of the caller's ----

WRITERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "constant": lambda out: fastinit.constant((3, 3), [[1, 1, 1], [1, 1, 1], [1, 1, 1e-8]], out=out),
    "constant of one": lambda out: fastinit.constant((3, 3), 1e-8, out=out),
    "constant that rounds": lambda out: fastinit.constant((3, 3), np.full((3, 3), 0.1), out=out),
    "constant of ints": lambda out: (
        fastinit.constant((3, 3), np.full((3, 3), 2**24 + 1), out=out)
        if out.dtype != np.float16
        else fastinit.constant((3, 3), 2049, out=out)
    ),
    "identity": lambda out: fastinit.identity((3, 3), 1e-8, out=out),
    "dirac": lambda out: fastinit.dirac((1, 3, 3), out=out.reshape(1, 3, 3))[0],
    "sparse": lambda out: fastinit.sparse((3, 3), 0.5, 1e-7, seed=0, out=out),
    "delta_orthogonal": lambda out: fastinit.delta_orthogonal((1, 3, 3), 1e-7, seed=0, out=out.reshape(1, 3, 3))[0],
    "orthogonal": lambda out: fastinit.orthogonal((3, 3), 1e-7, precise=True, seed=0, out=out),
    "normal": lambda out: fastinit.normal((3, 3), std=1e-7, seed=0, out=out),
    "zero_hadamard": lambda out: fastinit.schemes.zero_hadamard((3, 3), out=out),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ml_dtypes.bfloat16])
def test_the_callers_traps_stop_nothing(name: str, dtype: Any) -> None:
    expected = WRITERS[name](np.full((3, 3), 7, dtype))
    out = np.full((3, 3), 7, dtype)
    with np.errstate(all="raise"):
        WRITERS[name](out)
    assert out.tobytes() == expected.tobytes()


# ---- memory that fails ----

FAILING = """
import gc
import sys
import numpy as np
import fastinit as f
from fastinit.initializers._engine import registry

CALLS = {
    "zeros": ((40, 50), lambda out: f.zeros((40, 50), out=out)),
    "constant": ((40, 50), lambda out: f.constant((40, 50), np.arange(50.0), out=out)),
    "identity": ((40, 50), lambda out: f.identity((40, 50), 3.0, out=out)),
    "dirac": ((3, 8, 8), lambda out: f.dirac((3, 8, 8), out=out)),
    "normal": ((40, 50), lambda out: f.normal((40, 50), seed=0, out=out)),
    "truncated_normal": ((40, 50), lambda out: f.truncated_normal((40, 50), seed=0, out=out)),
    "glorot_uniform": ((40, 50), lambda out: f.glorot_uniform((40, 50), seed=0, out=out)),
    "sparse": ((40, 50), lambda out: f.sparse((40, 50), 0.5, seed=0, out=out)),
    "orthogonal": ((40, 50), lambda out: f.orthogonal((40, 50), seed=0, out=out)),
    "orthogonal of turned axes": ((6, 40, 5), lambda out: f.orthogonal((6, 40, 5), column_axis=1, seed=0, out=out)),
    "delta_orthogonal": ((3, 8, 8), lambda out: f.delta_orthogonal((3, 8, 8), seed=0, out=out)),
    "zero_hadamard": ((8, 16), lambda out: f.schemes.zero_hadamard((8, 16), out=out)),
    "initialize": ((2, 8, 16), lambda out: f.initialize({
        "a": ("sparse", (8, 16), {"sparsity": 0.5, "out": out[0]}),
        "b": ("normal", (8, 16), {"out": out[1]}),
    }, seed=0)),
    "activate": ((40, 50), lambda out: f.activate(X, "relu", out)),
    "dense": ((40, 50), lambda out: f.dense(X, W[:50], None, "softmax", out=out)),
    "perturb": ((40, 50), lambda out: f.perturb(W[0], W[::2, :1], 50, seed=0, out=out, antithetic=True, index=PART)),
    "recombine": ((40, 50), lambda out: f.recombine(X[:, 0], X, seed=0, out=out, antithetic=True, squares=True)),
}
X, W, PART = np.ones((40, 50), "f4"), np.ones((100, 50), "f4"), (slice(5, 45), slice(None))


def forget():
    for draw in [*registry.values(), f.schemes.zero_hadamard]:
        draw.request.known.clear()


name = sys.argv[1] if len(sys.argv) > 1 else NAME
shape, call = CALLS[name]
expected = np.full(shape, 7, "f4")
call(expected)
out = np.full(shape, 7, "f4")
forget()
gc.disable()
arm(0)
call(out)
count = disarm()
assert (out == expected).all()
failed = 0
for n in range(1, count + 1):
    out[...] = 7
    forget()
    arm(n)
    try:
        call(out)
    except Exception as error:  # for want of memory NumPy says SystemError and more
        disarm()
        failed += isinstance(error, MemoryError)
        assert (out == 7).all(), f"written before the {n}th of {count} allocations failed"
    else:
        disarm()
        assert (out == expected).all(), n
print(count, failed)
"""
CALLS = (
    "zeros",
    "constant",
    "identity",
    "dirac",
    "normal",
    "truncated_normal",
    "glorot_uniform",
    "sparse",
    "orthogonal",
    "orthogonal of turned axes",
    "delta_orthogonal",
    "zero_hadamard",
    "initialize",
    "activate",
    "dense",
    "perturb",
    "recombine",
)


@pytest.mark.parametrize("name", CALLS)
def test_memory_that_fails_leaves_out_untouched(name: str, tmp_path: Path) -> None:
    result = run_with_failing_memory(f"NAME = {name!r}\n{FAILING}", tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


# ---- subclasses of arrays are plain memory ----


def masked(shape: tuple[int, ...]) -> np.ndarray:
    return np.ma.array(np.full(shape, 7, "f4"), mask=np.ones(shape, bool), hard_mask=True)


class Turned(np.ndarray):
    """Whose assignments and copies do something else."""

    def __setitem__(self, at: Any, value: Any) -> None:
        raise AssertionError("written by assignment")

    def __array_finalize__(self, of: Any) -> None:
        return


def mapped(shape: tuple[int, ...]) -> np.ndarray:
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, "f4", "w+", shape=shape)


@pytest.mark.parametrize(
    "make",
    [
        masked,
        lambda shape: np.full(shape, 7, "f4").view(np.matrix),
        lambda shape: np.full(shape, 7, "f4").view(Turned),
        mapped,
        lambda shape: np.full(shape, 7, "f4").view(np.recarray),
    ],
    ids=["masked", "matrix", "own", "memmap", "recarray"],
)
def test_outputs_are_written_as_plain_memory(make: Callable[[tuple[int, ...]], np.ndarray]) -> None:
    calls: dict[str, dict[str, Any]] = {
        "zeros": {},
        "ones": {},
        "constant": {"value": [1.0, 2.0, 3.0]},
        "identity": {"gain": 2.0},
        "normal": {"seed": 1},
        "he_uniform": {"seed": 1},
        "sparse": {"sparsity": 0.4, "seed": 1},
        "orthogonal": {"seed": 1},
    }
    for name, kwargs in calls.items():
        out = make((3, 3))
        assert fastinit.get(name)((3, 3), out=out, **kwargs) is out
        assert np.asarray(out).tobytes() == fastinit.get(name)((3, 3), **kwargs).tobytes(), name
        out, seed = make((3, 3)), kwargs.pop("seed", None)
        fastinit.initialize({"w": (name, (3, 3), {**kwargs, "out": out})}, seed=1)
        alone = fastinit.get(name)((3, 3), **kwargs, seed=None if seed is None else Key(1).child("w"))
        assert np.asarray(out).tobytes() == alone.tobytes(), name


@pytest.mark.parametrize(
    ("name", "kwargs", "error"),
    [
        ("w", {"seed": 1}, TypeError),
        ("w", {"threads": 2}, TypeError),
        ("w", {"out": np.zeros((8, 9), np.float32)}, ValueError),
        ("w", {"out": [0.0]}, TypeError),
        ("w", {"index": (slice(9), slice(None))}, ValueError),
        ("w", {"nothing": 1}, TypeError),
        ("w", [1], TypeError),
        ("\ud800", {}, ValueError),
        (3, {}, TypeError),
    ],
)
def test_an_entry_like_one_before_is_checked_as_the_first(name: Any, kwargs: Any, error: Any) -> None:
    expected = fastinit.he_normal((8, 8), threads=2, seed=fastinit.Key(5).child("w"))
    for _ in range(2):
        assert (fastinit.initialize({"w": ("he_normal", (8, 8))}, seed=5)["w"] == expected).all()
        assert (fastinit.initialize({"w": ("he_normal", (8, 8), {"dtype": "float32"})}, seed=5)["w"] == expected).all()
        with pytest.raises(error):
            fastinit.initialize({name: ("he_normal", (8, 8), kwargs)}, seed=5)
