"""Calls whose like was made before are one call of C: they give, refuse and leave alone what first calls do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import _kernels
from fastinit.initializers._engine import registry
from support.bits import assert_same_bits

SHAPES = {"dirac": (3, 4, 6), "delta_orthogonal": (3, 4, 6), "sparse": (9, 6)}
REQUIRED: dict[str, dict[str, Any]] = {"sparse": {"sparsity": 0.5}, "constant": {"value": 1.5}}
NAMES = sorted(registry)


def forget() -> None:
    for draw in registry.values():
        draw.request.known.clear()  # type: ignore[attr-defined]


def first_and_later(call: Callable[[], Any]) -> tuple[Any, Any]:
    """What a call gives, or the error that it raises, without and with a memory of its like."""

    def outcome() -> Any:
        try:
            return call()
        except (TypeError, ValueError) as error:
            return type(error), str(error)

    forget()
    return outcome(), outcome()


def assert_alike(call: Callable[[], Any]) -> Any:
    first, later = first_and_later(call)
    if isinstance(first, np.ndarray):
        assert_same_bits(later, first)
        assert later.dtype == first.dtype
    else:
        assert later == first
    return first


@pytest.mark.parametrize("dtype", [None, np.float32, "float64", np.dtype("f2"), "bfloat16"])
@pytest.mark.parametrize("name", NAMES)
def test_later_calls_give_what_first_ones_give(name: str, dtype: Any) -> None:
    draw, shape, more = registry[name], SHAPES.get(name, (9, 6)), {**REQUIRED.get(name, {})}
    if dtype is not None:
        more["dtype"] = dtype
    whole = assert_alike(lambda: draw(shape, seed=3, **more))
    index = tuple([slice(1, 3), slice(None), slice(-3, -1), slice(0, 2, 1)][: len(shape)])
    assert_same_bits(assert_alike(lambda: draw(shape, seed=3, index=index, **more)), np.ascontiguousarray(whole[index]))
    more.pop("dtype", None)

    def into_out(kind: Any = whole.dtype, shape: Any = shape, **how: Any) -> np.ndarray:
        out = np.full(how.pop("size", shape), 7, kind)
        assert draw(shape, seed=3, out=out, **how, **more) is out
        return out

    assert_same_bits(assert_alike(into_out), whole)
    # A block into an array, of a tensor that was drawn whole before and the other way round.
    block = whole[index]
    forget()
    for _ in range(2):
        assert_same_bits(into_out(size=block.shape, index=index), np.ascontiguousarray(block))
        assert_same_bits(into_out(), whole)


SEEDS: list[Callable[[], Any]] = [
    lambda: 0,
    lambda: 2**64 - 1,
    lambda: np.uint64(5),
    lambda: fastinit.Key(7),
    lambda: fastinit.Key(7).child("a"),
    lambda: np.random.SeedSequence(1),
    lambda: np.random.default_rng(1),
    lambda: np.random.PCG64(1),
    lambda: -1,
    lambda: 2**64,
    lambda: 2**200,
    lambda: True,
    lambda: 1.0,
    lambda: "1",
]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_seed(seed: Callable[[], Any]) -> None:
    assert_alike(lambda: fastinit.he_normal((5, 4), seed=seed()))
    assert_alike(lambda: fastinit.zeros((5, 4), seed=seed()))  # which takes no notice of it


def test_fresh_entropy_is_fresh() -> None:
    fastinit.normal(9, seed=0)
    assert (fastinit.normal(9) != fastinit.normal(9)).any()


WRONG_OUTS: dict[str, Callable[[], Any]] = {
    "dtype": lambda: np.ones((4, 6), np.int32),
    "byte order": lambda: np.ones((4, 6), ">f4"),
    "shape": lambda: np.ones((6, 4), np.float32),
    "axes": lambda: np.ones((1, 4, 6), np.float32),
    "order": lambda: np.ones((6, 4), np.float32).T,
    "gaps": lambda: np.ones((4, 12), np.float32)[:, ::2],
    "alignment": lambda: np.ones(97, np.uint8)[1:].view(np.float32).reshape(4, 6),
    "read-only": lambda: np.broadcast_to(np.ones((4, 6), np.float32), (4, 6)),
    "list": lambda: [[1.0] * 6] * 4,
}


@pytest.mark.parametrize("name", ["he_normal", "ones", "orthogonal"])
@pytest.mark.parametrize("which", WRONG_OUTS)
def test_an_out_that_is_refused_stays_as_it_is_and_so_does_a_generator(which: str, name: str) -> None:
    draw, out, generator = registry[name], WRONG_OUTS[which](), np.random.PCG64(4)
    kept, state = np.array(out), generator.state

    def call() -> None:
        fastinit.get(name)((4, 6), seed=0, out=np.empty((4, 6), np.float32))  # a like call that is remembered
        draw((4, 6), seed=generator, out=out)

    kind, sentence = assert_alike(call)
    assert issubclass(kind, (TypeError, ValueError))
    assert sentence.startswith("`out")
    assert np.array_equal(out, kept)
    assert generator.state == state


@pytest.mark.parametrize(
    "index",
    [
        (slice(0, 5), slice(None)),
        (slice(3, 2), slice(None)),
        (slice(-5, None), slice(None)),
        (slice(0, 2**70), slice(None)),
        (slice(0, 4, 2), slice(None)),
        (slice(0, 4, True), slice(None)),
        (slice(0, 1.0), slice(None)),
        (slice(0, True), slice(None)),
        (slice(None),),
        (slice(None),) * 3,
        (0, slice(None)),
        [slice(None), slice(None)],
        slice(None),
    ],
)
def test_a_wrong_index_is_refused_likewise(index: Any) -> None:
    def call() -> Any:
        fastinit.he_normal((4, 6), seed=0)
        return fastinit.he_normal((4, 6), seed=0, index=index)

    kind, sentence = assert_alike(call)
    assert kind in (TypeError, ValueError)
    assert "`index` must" in sentence


def test_an_index_of_numpys_ints_and_of_nothing() -> None:
    whole = fastinit.he_normal((4, 6), seed=0)
    for index in [
        (slice(np.int64(1), np.int8(3)), slice(None)),
        (slice(2, 2), slice(None)),
        (slice(4, None), slice(-6, 6)),
    ]:
        assert_same_bits(assert_alike(lambda i=index: fastinit.he_normal((4, 6), seed=0, index=i)), whole[index].copy())
    assert fastinit.normal((), seed=0, index=()) == fastinit.normal((), seed=0)


def test_what_is_equal_and_means_something_else_is_told_apart() -> None:
    forget()
    fastinit.normal(5, 1.0, seed=0)
    fastinit.normal((5, 1), seed=0)
    wrong: list[Callable[[], Any]] = [
        lambda: fastinit.normal((5, 1), (), 2),
        lambda: fastinit.normal(((5, 1), ())),
        lambda: fastinit.normal((5, True)),
        lambda: fastinit.normal(5.0),
        lambda: fastinit.normal((5, 1.0)),
        lambda: fastinit.normal(5, True),
    ]
    for call in wrong:
        with pytest.raises((TypeError, ValueError)):
            call()
    assert_same_bits(fastinit.normal(5, 1, seed=0), fastinit.normal(5, 1.0, seed=0))


def test_names_of_arguments_that_are_made_at_run_time() -> None:
    for name in ("seed", "out", "index", "dtype"):
        value = {"seed": 3, "out": np.empty((4, 6), "f4"), "index": (slice(0, 2), slice(None)), "dtype": "f8"}[name]
        more = {} if name == "seed" else {"seed": 3}
        expected = fastinit.he_normal((4, 6), **more, **{name: value}).copy()
        made = "".join(list(name))
        for _ in range(2):
            assert_same_bits(fastinit.he_normal((4, 6), **more, **{made: value}), expected)


def test_arrays_of_other_classes_are_filled() -> None:
    class Other(np.ndarray):
        pass

    expected = fastinit.he_normal((4, 6), seed=1)
    for _ in range(2):
        for out in (np.ma.masked_all((4, 6), np.float32), np.empty((4, 6), np.float32).view(Other)):
            assert fastinit.he_normal((4, 6), seed=1, out=out) is out
            assert_same_bits(np.asarray(out.data if isinstance(out, np.ma.MaskedArray) else out), expected)


def test_numpys_own_warning_of_shared_memory_is_heard() -> None:
    for _ in range(2):
        out = np.broadcast_arrays(np.zeros(6, np.float32), np.zeros((1, 6)))[0]
        with pytest.warns((DeprecationWarning, FutureWarning), match="broadcast"):
            fastinit.he_normal((1, 6), seed=1, out=out)


@pytest.mark.parametrize("count", [0, 1, 2047, 2048, 2049, 4096, 5000, 33_000, 400_001])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_one_element_everywhere(count: int, dtype: str) -> None:
    for _ in range(2):
        made = fastinit.constant(count, 1.1, dtype=dtype)
        assert (made == np.array(1.1, dtype)).all()
        out = np.zeros(count, dtype)
        fastinit.constant(count, 1.1, out=out)
        assert_same_bits(out, made)
        assert not fastinit.zeros(count, dtype=dtype).any()
        assert not np.signbit(fastinit.zeros(count, dtype=dtype)).any()
        assert np.signbit(fastinit.constant(count, -0.0, dtype=dtype)).all()


def test_a_large_array_in_threads() -> None:
    expected = fastinit.normal((700, 700), seed=2, threads=1)
    for threads in (None, 1, 2, None):
        assert_same_bits(fastinit.normal((700, 700), seed=2, threads=threads), expected)


def test_the_compiled_face_guards_memory() -> None:
    law, kind = _kernels.Law.uniform(_kernels.FLOAT32, 0.0, 1.0), np.dtype(np.float32)
    stream_of, limit = (lambda seed: (seed, 0)), (lambda: 1)
    for wrong in [
        lambda: _kernels.Task(law, None, np.dtype(np.float64), (3,), None, None),
        lambda: _kernels.Task(None, b"", np.dtype("V0"), (3,), None, None),
        lambda: _kernels.Task(law, None, kind, (3,), ((0, 4),), None),
        lambda: _kernels.Task(law, None, kind, (1,) * 33, None, None),
        lambda: _kernels.Task(law, None, kind, (3,), None, None).fulfil(np.zeros(2, kind), 0, stream_of, limit),
        lambda: _kernels.Task(law, None, kind, (3,), None, None).fulfil(np.zeros(6, kind)[::2], 0, stream_of, limit),
        lambda: _kernels.Task(law, None, kind, (3,), None, None).fulfil([0.0] * 3, 0, stream_of, limit),
        lambda: _kernels.aligned((5000,), kind, 5000),
        lambda: _kernels.aligned((1,) * 65, kind, 4),
    ]:
        with pytest.raises(ValueError, match=r"bytes|block|axes"):
            wrong()
    element = _kernels.Task(None, b"abcd", kind, (3,), None, None)
    with pytest.raises(TypeError, match="fill"):
        _kernels.fulfil([(element, np.zeros(3, kind), 0, 0)], [], 1)
