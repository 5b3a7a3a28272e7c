"""Populations: their values, blocks and pairs, and what is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastinit
from oracle import evolution as oracle
from support.bits import assert_same_bits

DTYPES = ("float32", "float64")
# Axes of theta: of one element, fewer than a vector, one more than many vectors, of several axes, and of none.
SHAPES = ((1,), (3,), (2100,), (257,), (8, 64), (2, 3, 5), ())


def centre(shape: tuple[int, ...], dtype: Any, seed: int = 11) -> np.ndarray:
    return np.asarray(fastinit.normal(shape, 0.0, 3.0, dtype=dtype, seed=seed))


def spreads(shape: tuple[int, ...], population: int, dtype: Any) -> dict[str, Any]:
    """Sigma for all, for each parameter, for each member, for each number, and for some axes of the parameters."""

    def positive(size: tuple[int, ...]) -> np.ndarray:
        return np.asarray(np.abs(fastinit.normal(size, 0.0, 1.0, dtype=dtype, seed=12)))

    kinds: dict[str, Any] = {
        "number": 0.1,
        "member": positive((population, *[1] * len(shape))),
        "all": positive((population, *shape)),
    }
    if shape:
        kinds["parameter"] = positive(shape)
        kinds["first axis"] = positive((shape[0], *[1] * (len(shape) - 1)))
        kinds["last axis"] = positive(shape[-1:])
        kinds["one"] = positive((1,) * len(shape))
    return kinds


@pytest.mark.parametrize("antithetic", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_values_are_those_of_the_oracle(isa: str, dtype: str, shape: tuple[int, ...], antithetic: bool) -> None:
    theta = centre(shape, dtype)
    for kind, sigma in spreads(shape, 6, dtype).items():
        found = fastinit.perturb(theta, sigma, 6, seed=5, antithetic=antithetic)
        assert_same_bits(found, oracle.perturb(theta, sigma, 6, 5, antithetic))
        assert found.shape == (6, *shape), kind


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_without_a_population_each_element_is_perturbed_once(isa: str, dtype: str, shape: tuple[int, ...]) -> None:
    theta = centre(shape, dtype)
    sigmas: list[Any] = [0.1, np.abs(theta)] if shape else [0.1]
    for sigma in sigmas:
        expected = oracle.perturb(theta, sigma, None, 5)
        assert_same_bits(fastinit.perturb(theta, sigma, seed=5), expected)
        in_place = np.array(theta)
        assert fastinit.perturb(in_place, sigma, seed=5, out=in_place) is in_place
        assert_same_bits(in_place, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_noise_is_that_of_normal(dtype: str) -> None:
    """Of all that `normal` draws under the key; and of one theta and sigma for all it is `normal` itself."""
    key = fastinit.Key(3).child("generation", 8)
    theta = np.zeros((7, 9), dtype)
    assert_same_bits(
        fastinit.perturb(theta, 1.0, 5, seed=key), fastinit.normal((5, 7, 9), 0.0, 1.0, dtype=dtype, seed=key)
    )
    theta[...] = 0.75
    assert_same_bits(
        fastinit.perturb(theta, 0.3, 5, seed=key), fastinit.normal((5, 7, 9), 0.75, 0.3, dtype=dtype, seed=key)
    )


@st.composite
def blocks(draw: Callable[..., Any]) -> tuple[tuple[int, ...], int | None, bool, str, tuple[slice, ...]]:
    shape = tuple(draw(st.lists(st.integers(1, 7), min_size=1, max_size=3)))
    population = draw(st.one_of(st.none(), st.integers(1, 6).map(lambda n: 2 * n)))
    antithetic = population is not None and draw(st.booleans())
    kind = draw(st.sampled_from(["number", "member", "all", "parameter", "first axis", "last axis", "one"]))
    index = []
    for size in shape if population is None else (population, *shape):
        start = draw(st.integers(0, size))
        index.append(slice(start, draw(st.integers(start, size))))
    return shape, population, antithetic, kind, tuple(index)


@settings(max_examples=150)
@given(blocks(), st.sampled_from(DTYPES))
def test_any_block_is_that_of_the_whole(case: Any, dtype: str) -> None:
    shape, population, antithetic, kind, index = case
    theta = centre(shape, dtype)
    if population is None and kind in ("member", "all"):
        kind = "parameter"
    sigma = spreads(shape, population or 1, dtype)[kind]
    whole = fastinit.perturb(theta, sigma, population, seed=5, antithetic=antithetic)
    block = fastinit.perturb(theta, sigma, population, seed=5, antithetic=antithetic, index=index)
    assert_same_bits(block, whole[index])
    out = np.empty_like(block)
    assert fastinit.perturb(theta, sigma, population, seed=5, antithetic=antithetic, index=index, out=out) is out
    assert_same_bits(out, block)


def test_a_member_far_beyond_what_memory_holds() -> None:
    theta = centre((5,), "float32")
    index = (slice(2**40 + 7, 2**40 + 9), slice(None))
    eps = fastinit.normal((2**41, 5), 0.0, 1.0, seed=5, index=index)
    assert_same_bits(fastinit.perturb(np.zeros(5, np.float32), 1.0, 2**41, seed=5, index=index), eps)
    pair = fastinit.perturb(
        theta, 0.5, 2**42, seed=5, index=(slice(2**41 + 14, 2**41 + 16), slice(None)), antithetic=True
    )
    assert_same_bits(pair[0], oracle.fma32(np.float32(0.5), eps[0], theta))
    assert_same_bits(pair[1], oracle.fma32(np.float32(-0.5), eps[0], theta))


@pytest.mark.parametrize("antithetic", [False, True])
def test_a_member_does_not_depend_on_how_many_there_are(antithetic: bool) -> None:
    theta = centre((33,), "float32")
    few, many = (fastinit.perturb(theta, 0.1, n, seed=5, antithetic=antithetic) for n in (4, 10))
    assert_same_bits(few, many[:4])


@pytest.mark.parametrize("threads", [2, 3, 8, None])
@pytest.mark.parametrize("antithetic", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_number_of_threads_changes_nothing(isa: str, dtype: str, antithetic: bool, threads: int | None) -> None:
    theta, sigma = centre((4996,), dtype), np.abs(centre((4996,), dtype, 3))
    one, many = (
        fastinit.perturb(theta, sigma, 64, seed=5, antithetic=antithetic, threads=n).tobytes() for n in (1, threads)
    )
    assert one == many


@pytest.mark.parametrize("threads", [1, 3])
def test_a_long_array_in_place(threads: int) -> None:
    theta = centre((300_001,), "float32")
    expected = fastinit.perturb(theta, 0.1, seed=5, threads=1)
    assert_same_bits(fastinit.perturb(theta, 0.1, seed=5, out=theta, threads=threads), expected)


def test_parts_of_theta_in_place() -> None:
    theta = centre((6, 5), "float64")
    whole = fastinit.perturb(theta, 0.1, seed=5)
    index = (slice(2, 4), slice(None))
    fastinit.perturb(theta, 0.1, seed=5, index=index, out=theta[2:4])
    assert_same_bits(theta[2:4], whole[2:4])


def layouts(array: np.ndarray) -> dict[str, np.ndarray]:
    """The same values, lying otherwise."""
    wide = np.zeros((*array.shape, 2), array.dtype)
    wide[..., 1] = array
    memory = np.zeros(array.nbytes + 1, np.uint8)
    odd = np.ndarray(array.shape, array.dtype, memory, 1)
    odd[...] = array
    read_only = array.copy()
    read_only.flags.writeable = False
    return {
        "every second": wide[..., 1],
        "backwards": array[::-1, ::-1].copy()[::-1, ::-1],
        "by columns": np.asfortranarray(array),
        "misaligned": odd,
        "read-only": read_only,
    }


@pytest.mark.parametrize("layout", ["every second", "backwards", "by columns", "misaligned", "read-only"])
def test_theta_and_sigma_may_lie_anyhow(layout: str) -> None:
    theta, sigma = centre((6, 5), "float32"), np.abs(centre((6, 5), "float32", 4))
    expected = fastinit.perturb(theta, sigma, 4, seed=5)
    assert_same_bits(fastinit.perturb(layouts(theta)[layout], layouts(sigma)[layout], 4, seed=5), expected)


def test_a_repeated_theta() -> None:
    theta = np.broadcast_to(np.float32(2.0), (1000,))
    assert_same_bits(fastinit.perturb(theta, 0.1, 3, seed=5), fastinit.normal((3, 1000), 2.0, 0.1, seed=5))


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_at_the_ends_of_the_range(isa: str, dtype: str) -> None:
    """Subnormal and too large results round as the oracle's; NaN and infinities go through."""
    tiny, largest = float(np.finfo(dtype).smallest_subnormal), float(np.finfo(dtype).max)
    theta = np.array([0.0, -0.0, tiny, largest, -largest, math.inf, -math.inf, math.nan] * 9, dtype)
    for sigma in (0.0, tiny, 3 * tiny, 1e-3, largest):
        expected = oracle.perturb(theta, sigma, 4, 5, True)
        assert_same_bits(fastinit.perturb(theta, sigma, 4, seed=5, antithetic=True), expected)
        each = np.full(theta.shape, sigma, dtype)
        assert_same_bits(fastinit.perturb(theta, each, 4, seed=5, antithetic=True), expected)


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("columns", [1, 3, 7, 8, 15, 17, 63, 64, 65, 200])
def test_nothing_beyond_the_arrays_is_touched(isa: str, guarded: Any, columns: int, at_end: bool) -> None:
    for dtype in DTYPES:
        for antithetic in (False, True):
            theta = guarded[0].copy_of(centre((columns,), dtype), at_end)
            sigma = guarded[1].copy_of(np.abs(centre((columns,), dtype, 4)), at_end)
            out = guarded[2].copy_of(np.zeros((4, columns), dtype), at_end)
            for spread in (sigma, 0.1):
                fastinit.perturb(theta, spread, 4, seed=5, out=out, antithetic=antithetic)
                assert_same_bits(out, oracle.perturb(theta, spread, 4, 5, antithetic))


def test_the_mode_of_the_caller_changes_nothing(mxcsr: Any) -> None:
    from support.floating_point import mode

    theta = np.array([1e-40, 1.0, -1e-39] * 20, np.float32)
    expected = fastinit.perturb(theta, 1e-40, 4, seed=5)
    with mode(mxcsr, 0xFFC0):  # towards zero, subnormals flushed
        found = fastinit.perturb(theta, 1e-40, 4, seed=5)
    assert_same_bits(found, expected)


@pytest.mark.parametrize("seed", [np.random.SeedSequence(4), fastinit.Key(9), np.int64(3)])
def test_seeds_that_name_a_stream(seed: Any) -> None:
    theta = np.zeros(7, np.float32)
    assert_same_bits(fastinit.perturb(theta, 1.0, 4, seed=seed), fastinit.normal((4, 7), 0.0, 1.0, seed=seed))


def test_other_seeds_are_those_of_every_initializer() -> None:
    theta = np.zeros(7, np.float32)
    first, second = np.random.default_rng(4), np.random.default_rng(4)
    assert_same_bits(fastinit.perturb(theta, 1.0, 4, seed=first), fastinit.normal((4, 7), 0.0, 1.0, seed=second))
    assert first.bit_generator.state == second.bit_generator.state
    assert not np.array_equal(*(fastinit.perturb(theta, 1.0, 4, seed=None) for _ in range(2)))


THETA = np.zeros((4, 6), np.float32)
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a list": (lambda: fastinit.perturb([0.0], 0.1, seed=0), TypeError, "`theta` must be a NumPy array"),
    "of 16 bits": (lambda: fastinit.perturb(np.zeros(3, np.float16), 0.1, seed=0), TypeError, "`theta` must be"),
    "other byte order": (lambda: fastinit.perturb(np.zeros(3, ">f4"), 0.1, seed=0), TypeError, "native byte order"),
    "no seed": (lambda: fastinit.perturb(THETA, 0.1), TypeError, "seed"),
    "bad seed": (lambda: fastinit.perturb(THETA, 0.1, seed="a"), TypeError, "`seed` must be"),
    "negative sigma": (lambda: fastinit.perturb(THETA, -0.1, seed=0), ValueError, "`sigma` must be finite and >= 0"),
    "NaN": (lambda: fastinit.perturb(THETA, math.nan, seed=0), ValueError, "`sigma` must be finite and >= 0"),
    "large sigma": (lambda: fastinit.perturb(THETA, 1e39, seed=0), ValueError, "finite in float32"),
    "a bool": (lambda: fastinit.perturb(THETA, True, seed=0), TypeError, "`sigma` must be a real number"),
    "list of sigma": (lambda: fastinit.perturb(THETA, [0.1] * 6, seed=0), TypeError, "`sigma` must be a real number"),
    "sigma of float64": (lambda: fastinit.perturb(THETA, np.ones(6), seed=0), TypeError, "the dtype of `theta`"),
    "one negative": (
        lambda: fastinit.perturb(THETA, np.array([1, 1, 1, 1, -1e-9, 1], "f4"), seed=0),
        ValueError,
        "`sigma` must be finite and >= 0",
    ),
    "one NaN": (
        lambda: fastinit.perturb(THETA, np.array([1, math.nan, 1, 1, 1, 1], "f4"), seed=0),
        ValueError,
        "`sigma` must be finite and >= 0",
    ),
    "one infinite": (
        lambda: fastinit.perturb(THETA, np.array([1, math.inf, 1, 1, 1, 1], "f4"), seed=0),
        ValueError,
        "`sigma` must be finite and >= 0",
    ),
    "masked": (
        lambda: fastinit.perturb(THETA, np.ma.masked_equal(np.arange(6, dtype="f4"), 3), seed=0),
        ValueError,
        "masked",
    ),
    "no broadcast": (lambda: fastinit.perturb(THETA, np.ones(5, "f4"), 3, seed=0), ValueError, "broadcast to shape"),
    "wider than all": (
        lambda: fastinit.perturb(THETA, np.ones((3, 4, 6), "f4"), seed=0),
        ValueError,
        r"broadcast to shape \(4, 6\)",
    ),
    "members": (lambda: fastinit.perturb(THETA, 0.1, 2.5, seed=0), TypeError, "`population` must be an int"),
    "none": (lambda: fastinit.perturb(THETA, 0.1, 0, seed=0), ValueError, "`population` must be >= 1"),
    "odd": (lambda: fastinit.perturb(THETA, 0.1, 3, seed=0, antithetic=True), ValueError, "`population` must be even"),
    "pair of one": (lambda: fastinit.perturb(THETA, 0.1, seed=0, antithetic=True), ValueError, "must be given where"),
    "a flag": (lambda: fastinit.perturb(THETA, 0.1, 2, seed=0, antithetic=1), TypeError, "`antithetic` must be a bool"),
    "too large": (lambda: fastinit.perturb(THETA, 0.1, 2**60, seed=0), ValueError, r"fewer than 2\*\*63 bytes"),
    "index": (lambda: fastinit.perturb(THETA, 0.1, 2, seed=0, index=(slice(1),)), ValueError, "`index` must hold one"),
    "threads": (lambda: fastinit.perturb(THETA, 0.1, seed=0, threads=0), ValueError, "`threads` must be >= 1"),
    "axes": (lambda: fastinit.perturb(np.zeros((1,) * 32, "f4"), 0.1, 2, seed=0), ValueError, "at most 32 axes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    call, error, sentence = REFUSED[case]
    with pytest.raises(error, match=sentence):
        call()


def test_what_out_may_be() -> None:
    for wrong, error in (
        (np.zeros((3, 4, 6), np.float64), TypeError),
        (np.zeros((4, 6), np.float32), ValueError),
        (np.zeros((3, 4, 12), np.float32)[..., ::2], ValueError),
        ([0.0], TypeError),
    ):
        with pytest.raises(error, match="`out` must"):
            fastinit.perturb(THETA, 0.1, 3, seed=0, out=wrong)


def test_overlaps_are_refused_and_write_nothing() -> None:
    memory = centre((100,), "float32")
    before, generator = memory.copy(), np.random.default_rng(0)
    theta, sigma = memory[:10], np.abs(memory[90:])
    state = generator.bit_generator.state
    calls: dict[str, Callable[[], Any]] = {
        "theta": lambda: fastinit.perturb(theta, 0.1, 2, seed=generator, out=memory[:20].reshape(2, 10)),
        "a row": lambda: fastinit.perturb(memory[:10], 0.1, 1, seed=generator, out=memory[:10].reshape(1, 10)),
        "shifted": lambda: fastinit.perturb(theta, 0.1, seed=generator, out=memory[1:11]),
        "in the gaps": lambda: fastinit.perturb(memory[:20:2], 0.1, seed=generator, out=memory[:10]),
    }
    for call in calls.values():
        with pytest.raises(ValueError, match="overlaps `theta`"):
            call()
    memory[90:] = sigma
    before = memory.copy()
    with pytest.raises(ValueError, match="overlaps `sigma`"):
        fastinit.perturb(theta, memory[90:], seed=generator, out=memory[90:])
    assert np.array_equal(memory, before)
    assert generator.bit_generator.state == state


def test_an_out_in_the_gaps_of_theta_is_apart_from_it() -> None:
    memory = np.zeros((4, 2), np.float32)
    expected = fastinit.perturb(memory[:1, 0], 0.1, seed=5)
    assert_same_bits(fastinit.perturb(memory[:1, 0], 0.1, seed=5, out=memory[:1, 1]), expected)
    assert memory[0, 0] == 0


def test_empty_parameters() -> None:
    theta = np.zeros((0, 3), np.float32)
    assert fastinit.perturb(theta, 0.1, 4, seed=0).shape == (4, 0, 3)
    assert fastinit.perturb(theta, np.zeros((0, 3), np.float32), 4, seed=0, antithetic=True).shape == (4, 0, 3)
    assert fastinit.perturb(theta, 0.1, seed=0).shape == (0, 3)


GUIDE = Path(__file__).resolve().parents[2] / "docs/guide/evolution-strategies.md"


def test_the_code_of_the_guide_says_what_is_true() -> None:
    if not GUIDE.exists():
        pytest.skip("the docs are not here")
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 4
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)  # the page's text is code of this project
