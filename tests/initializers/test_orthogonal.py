"""orthogonal and delta_orthogonal: exact to the bit, orthogonal to the last digits, Haar by its laws."""

from __future__ import annotations

import functools
import itertools
import math
import tracemalloc
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from scipy import stats

import fastinit
from fastinit import _kernels
from oracle import orthogonal as oracle_orthogonal

REALS: tuple[Any, ...] = (np.float32, np.float64)
COMPLEX: tuple[Any, ...] = (np.complex64, np.complex128)
ALL = slice(None)


# ---- orthogonality ----


def worst(q: np.ndarray) -> tuple[float, float]:
    """max |Q*Q - I| and its Frobenius norm, in units of the dtype's epsilon; of a wide matrix QQ*."""
    # In more digits than q has, so that the product's own errors do not count; but NumPy's product of long doubles is
    # a plain loop, which large matrices would wait for.
    single = q.real.dtype.itemsize < 8 or q.size > 1 << 17
    reals, pairs = (np.float64, np.complex128) if single else (np.longdouble, np.clongdouble)
    wide = q.astype(pairs if np.iscomplexobj(q) else reals)
    if q.shape[0] < q.shape[1]:
        wide = wide.T
    error = wide.conj().T @ wide - np.eye(wide.shape[1])
    eps = np.finfo(q.dtype).eps
    return float(np.abs(error).max(initial=0.0) / eps), float(np.linalg.norm(error) / eps)


def assert_orthogonal(q: np.ndarray) -> None:
    largest, norm = worst(q)
    assert largest <= 8.0
    assert norm <= max(8.0, 2.0 * math.sqrt(q.size))


SIZES = (1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 96, 100, 127, 128, 129, 255, 256, 300, 512)


@pytest.mark.parametrize("dtype", [*REALS, *COMPLEX])
def test_square_matrices_are_orthogonal(dtype: Any) -> None:
    for n in SIZES:
        assert_orthogonal(fastinit.orthogonal((n, n), dtype=dtype, seed=n))


@pytest.mark.parametrize("dtype", [*REALS, *COMPLEX])
@pytest.mark.parametrize(
    "shape",
    [(2, 1), (1, 2), (1, 9), (100, 1), (33, 32), (32, 33), (70, 64), (65, 31), (31, 400), (1000, 50), (17, 1500)],
)
def test_rectangles_are_orthonormal(shape: tuple[int, int], dtype: Any) -> None:
    assert_orthogonal(fastinit.orthogonal(shape, dtype=dtype, seed=3))


def test_1024_in_float32_is_orthogonal_to_1e_6() -> None:
    for seed in range(3):
        assert worst(fastinit.orthogonal((1024, 1024), seed=seed))[0] * np.finfo(np.float32).eps <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [*REALS, *COMPLEX])
@pytest.mark.parametrize("shape", [(1000, 1000), (2048, 2048), (4096, 1024), (700, 3000)])
def test_large_matrices_are_orthogonal(shape: tuple[int, int], dtype: Any) -> None:
    largest, norm = worst(fastinit.orthogonal(shape, dtype=dtype, seed=1))
    assert largest <= 12.0
    assert norm <= 2.0 * math.sqrt(math.prod(shape))


# ---- bits ----


@functools.cache
def oracle(dtype: Any, rows: int, columns: int, number: int = 0, gain: float = 1.0, seed: int = 7) -> np.ndarray:
    """The tall matrix by the oracle."""
    pairs = np.dtype(dtype).kind == "c"
    real = {np.complex64: np.float32, np.complex128: np.float64}.get(dtype, dtype)
    q = oracle_orthogonal.orthogonal(np.dtype(real).name, seed, 0, rows, columns, number, gain, pairs)
    return (np.stack([q[::2], q[1::2]], -1).view(dtype)[..., 0] if pairs else q).astype(dtype)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("dtype", [*REALS, *COMPLEX])
@pytest.mark.parametrize(
    "shape", [(1, 1), (2, 1), (2, 2), (5, 3), (16, 16), (17, 17), (32, 32), (33, 33), (48, 31), (64, 64), (80, 40)]
)
def test_oracle_equality(isa: str, shape: tuple[int, int], dtype: Any) -> None:
    rows, columns = shape
    expected = oracle(dtype, rows, columns)
    assert same_bits(fastinit.orthogonal(shape, dtype=dtype, seed=7), expected)
    if rows > columns:
        assert same_bits(fastinit.orthogonal((columns, rows), dtype=dtype, seed=7), expected.T)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [*REALS, *COMPLEX])
@pytest.mark.parametrize("shape", [(130, 130), (300, 70), (161, 97)])
def test_oracle_equality_of_larger_matrices(isa: str, shape: tuple[int, int], dtype: Any) -> None:
    assert same_bits(fastinit.orthogonal(shape, dtype=dtype, seed=7), oracle(dtype, *shape))


def test_oracle_is_orthogonal_in_itself() -> None:
    for dtype in (*REALS, *COMPLEX):
        assert_orthogonal(oracle(dtype, 48, 31))


@pytest.mark.parametrize("dtype", [*REALS, *COMPLEX])
def test_every_instruction_set_and_thread_count_gives_the_same(dtype: Any, isa: str) -> None:
    found = {}
    for threads in (1, 2, 3):
        # The first is divided by matrices among few threads, the others by panels and strips.
        for shape, batch in (((9, 40, 40), 0), ((200, 170), ()), ((90, 210), ())):
            q = fastinit.orthogonal(shape, 1.5, batch_axis=batch, dtype=dtype, seed=3, threads=threads)
            assert found.setdefault(shape, q.tobytes()) == q.tobytes()
    assert found == reference_bits(dtype)


@functools.cache
def reference_bits(dtype: Any) -> dict[tuple[int, ...], bytes]:
    before = _kernels.current_isa()
    _kernels.use_isa(fastinit.available_isas()[-1])
    try:
        return {
            shape: fastinit.orthogonal(shape, 1.5, batch_axis=batch, dtype=dtype, seed=3, threads=1).tobytes()
            for shape, batch in (((9, 40, 40), 0), ((200, 170), ()), ((90, 210), ()))
        }
    finally:
        _kernels.use_isa(before)


@pytest.mark.slow
def test_threads_give_the_same_where_they_are_used() -> None:
    one = fastinit.orthogonal((700, 600), seed=1, threads=1)
    for threads in (2, 3, 8, 300):
        assert same_bits(fastinit.orthogonal((700, 600), seed=1, threads=threads), one)


def test_kernels_write_the_matrix_and_nothing_else(isa: str) -> None:
    plan = _kernels.Law.normal(_kernels.FLOAT32, 0.0, 1.0, -math.inf, math.inf)
    for (rows, columns), wide in itertools.product([(1, 1), (3, 2), (33, 33), (65, 40)], [False, True]):
        for first, last in {(0, columns), (columns - 1, columns), (columns // 2, columns)}:
            count = 2 * rows * (last - first)
            guarded = np.full(count + 32, 7.0, np.float32)
            part = guarded[16 : 16 + count]
            _kernels.orthogonal(plan, part, 1, 0, (rows, columns), (1, 3), (first, last), wide, False, 1.0, 2)
            assert np.all(guarded[:16] == 7.0)
            assert np.all(guarded[16 + count :] == 7.0)
            assert np.abs(part).max() <= 1.0 + 1e-6


def test_kernels_refuse_what_does_not_fit() -> None:
    plan = _kernels.Law.normal(_kernels.FLOAT32, 0.0, 1.0, -math.inf, math.inf)
    half = _kernels.Law.normal(_kernels.FLOAT16, 0.0, 1.0, -math.inf, math.inf)
    out = np.empty(12, np.float32)

    def make(of: Any, matrix: tuple[int, int], numbers: tuple[int, int], columns: tuple[int, int]) -> None:
        _kernels.orthogonal(of, out, 0, 0, matrix, numbers, columns, False, False, 1.0, 1)

    make(plan, (4, 3), (0, 1), (0, 3))
    for arguments in (
        (half, (4, 3), (0, 1), (0, 3)),
        (plan, (3, 4), (0, 1), (0, 4)),
        (plan, (4, 3), (0, 1), (0, 2)),
        (plan, (4, 3), (0, 1), (0, 4)),
        (plan, (4, 3), (0, 1), (2, 2)),
        (plan, (4, 3), (2, 1), (0, 3)),
    ):
        with pytest.raises(ValueError, match=r"orthogonal matrices|no columns|bytes"):
            make(*arguments)
    with pytest.raises(ValueError, match="no rounding"):
        _kernels.narrow(_kernels.FLOAT32, out, _kernels.FLOAT64, np.empty(12))
    with pytest.raises(ValueError, match="bytes"):
        _kernels.narrow(_kernels.FLOAT64, np.empty(5), _kernels.FLOAT32, out)


# ---- dtypes and gain ----


def test_rounding_is_numpys(isa: str) -> None:
    rng = np.random.default_rng(0)
    wide = rng.standard_normal(1037) * 10.0 ** rng.uniform(-12, 4, 1037)
    single = wide.astype(np.float32)
    for count in (0, 1, 3, 4, 15, 16, 17, 1037):
        out = np.empty(count, np.float32)
        _kernels.narrow(_kernels.FLOAT64, wide[:count], _kernels.FLOAT32, out)
        assert same_bits(out, single[:count])
        for code, dtype in ((_kernels.FLOAT16, np.float16), (_kernels.BFLOAT16, ml_dtypes.bfloat16)):
            bits = np.empty(count, np.uint16)
            _kernels.narrow(_kernels.FLOAT32, single[:count], code, bits)
            with np.errstate(over="ignore"):
                assert same_bits(bits, single[:count].astype(dtype).view(np.uint16))


@pytest.mark.parametrize("shape", [(40, 24), (24, 40), (3, 3, 5, 8)])
def test_narrow_dtypes_are_float32_rounded(isa: str, shape: tuple[int, ...]) -> None:
    single = fastinit.orthogonal(shape, 1.3, seed=2)
    for dtype in (np.float16, ml_dtypes.bfloat16):
        assert same_bits(fastinit.orthogonal(shape, 1.3, dtype=dtype, seed=2), single.astype(dtype))


@pytest.mark.parametrize("shape", [(40, 24), (24, 40), (3, 3, 5, 8)])
def test_precise_is_float64_rounded(isa: str, shape: tuple[int, ...]) -> None:
    double = fastinit.orthogonal(shape, 1.3, dtype="float64", seed=2)
    single = fastinit.orthogonal(shape, 1.3, seed=2, precise=True)
    assert same_bits(single, double.astype(np.float32))
    assert same_bits(fastinit.orthogonal(shape, 1.3, dtype="float64", seed=2, precise=True), double)
    for dtype in (np.float16, ml_dtypes.bfloat16):
        assert same_bits(fastinit.orthogonal(shape, 1.3, dtype=dtype, seed=2, precise=True), single.astype(dtype))
    both = fastinit.orthogonal(shape, 1.3, dtype="complex128", seed=2)
    assert same_bits(fastinit.orthogonal(shape, 1.3, dtype="complex64", seed=2, precise=True), both.astype("complex64"))


@pytest.mark.parametrize("dtype", REALS)
def test_gain_is_one_product(dtype: Any) -> None:
    q = fastinit.orthogonal((40, 24), dtype=dtype, seed=5)
    for gain in (2.0, 0.1, -1.7, 1e-30, 1e30):
        assert same_bits(fastinit.orthogonal((40, 24), gain, dtype=dtype, seed=5), q * dtype(gain))
    assert not fastinit.orthogonal((40, 24), 0, dtype=dtype, seed=5).any()


def test_complex_gain_is_that_of_the_oracle(isa: str) -> None:
    for dtype in COMPLEX:
        q = fastinit.orthogonal((3, 9, 5), -1.7, batch_axis=0, dtype=dtype, seed=7)
        for b in range(3):
            assert same_bits(q[b], oracle(dtype, 9, 5, b, -1.7))


# ---- shapes ----


def test_batch_is_numbered_in_order(isa: str) -> None:
    q = fastinit.orthogonal((2, 3, 6, 4), batch_axis=(0, 1), seed=7)
    for b, (i, j) in enumerate(np.ndindex(2, 3)):
        assert same_bits(q[i, j], oracle(np.float32, 6, 4, b))
    moved = fastinit.orthogonal((6, 2, 4, 3), column_axis=2, batch_axis=(3, 1), seed=7)
    assert same_bits(np.ascontiguousarray(moved.transpose(1, 3, 0, 2)), q)
    assert same_bits(
        fastinit.orthogonal((2, 3, 4, 6), batch_axis=(-4, -3), seed=7), np.ascontiguousarray(np.swapaxes(q, 2, 3))
    )


@pytest.mark.parametrize("dtype", [*REALS, *COMPLEX])
def test_small_matrices_of_a_batch_are_drawn_several_at_a_time(isa: str, dtype: Any) -> None:
    for n, count in ((1, 2100), (3, 500), (8, 67), (16, 19), (31, 7), (45, 4)):
        q = fastinit.orthogonal((count, n, n), batch_axis=0, dtype=dtype, seed=7, threads=1)
        for b in (0, count // 2, count - 1):
            assert same_bits(q[b], oracle(dtype, n, n, b))
        assert same_bits(fastinit.orthogonal((count, n, n), batch_axis=0, dtype=dtype, seed=7, threads=3), q)
        part = (slice(1, -1), ALL, slice(n // 2, None))
        some = fastinit.orthogonal((count, n, n), batch_axis=0, dtype=dtype, seed=7, index=part)
        assert same_bits(some, np.ascontiguousarray(q[part]))


def test_convolutions_are_flattened_over_all_but_the_columns() -> None:
    q = fastinit.orthogonal((3 * 3 * 4, 8), seed=1)
    assert same_bits(fastinit.orthogonal((3, 3, 4, 8), seed=1).reshape(36, 8), q)
    torch = fastinit.orthogonal((8, 4, 3, 3), column_axis=0, seed=1)
    assert same_bits(torch.reshape(8, 36), np.ascontiguousarray(q.T))
    middle = fastinit.orthogonal((3, 8, 12), column_axis=1, seed=1)
    assert same_bits(np.moveaxis(middle, 1, -1).reshape(36, 8), q)
    wide = fastinit.orthogonal((2, 3, 40), seed=1)
    assert same_bits(wide.reshape(6, 40), fastinit.orthogonal((6, 40), seed=1))
    assert_orthogonal(wide.reshape(6, 40))


def test_empty_and_single() -> None:
    for shape in ((0, 0), (0, 3), (3, 0), (2, 0, 3)):
        assert fastinit.orthogonal(shape, seed=0).shape == shape
    assert fastinit.orthogonal((0, 3, 3), batch_axis=0, seed=0).shape == (0, 3, 3)
    ones = fastinit.orthogonal((2000, 1, 1), batch_axis=0, seed=0)
    assert set(ones.ravel().tolist()) == {-1.0, 1.0}
    assert abs(int(ones.sum())) < 200
    for shape in ((1, 5), (5, 1)):
        assert math.isclose(float(np.linalg.norm(fastinit.orthogonal(shape, seed=0))), 1.0, rel_tol=1e-6)
    units = fastinit.orthogonal((2000, 1, 1), batch_axis=0, dtype="complex128", seed=0).ravel()
    assert np.allclose(np.abs(units), 1.0)
    assert stats.kstest(np.angle(units), stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3


BLOCKS: list[tuple[tuple[int, ...], int, Any]] = [
    ((70, 50), -1, ()),
    ((50, 70), -1, ()),
    ((70, 50), 0, ()),
    ((50, 70), 0, ()),
    ((3, 2, 7, 20), -1, ()),
    ((3, 2, 2, 20), -1, ()),
    ((20, 3, 2, 7), 0, ()),
    ((3, 20, 7), 1, ()),
    ((3, 4, 12, 9), -1, (0, 1)),
    ((3, 4, 9, 12), -1, (0, 1)),
    ((9, 3, 12, 4), 0, (1, 3)),
    ((4, 3, 5, 6), 1, 2),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "complex64"])
@pytest.mark.parametrize(("shape", "column_axis", "batch_axis"), BLOCKS)
def test_blocks_are_slices_of_the_whole(
    isa: str, shape: tuple[int, ...], column_axis: int, batch_axis: Any, dtype: str
) -> None:
    rng = np.random.default_rng(1)
    make = functools.partial(fastinit.orthogonal, shape, 1.1, column_axis, batch_axis, dtype=dtype, seed=11)
    whole = make()
    for attempt in range(12):
        ends = [sorted(rng.integers(0, n + 1, 2).tolist()) for n in shape]
        if attempt % 3 == 0:  # whole but for one axis
            axis = int(rng.integers(len(shape)))
            ends = [ends[i] if i == axis else [0, n] for i, n in enumerate(shape)]
        if attempt % 4 == 3:  # a single element
            ends = [[start, start + 1] for start in (int(rng.integers(n)) for n in shape)]
        index = tuple(slice(*pair) for pair in ends)
        block = whole[index]
        assert same_bits(make(index=index), np.ascontiguousarray(block)), index
        out = np.empty(block.shape, block.dtype)
        assert make(index=index, out=out) is out
        assert same_bits(out, np.ascontiguousarray(block))


@pytest.mark.slow
def test_column_blocks_of_a_large_matrix() -> None:
    whole = fastinit.orthogonal((600, 520), seed=2)
    for first, last in ((0, 1), (0, 130), (130, 260), (251, 333), (390, 520), (519, 520)):
        assert same_bits(
            fastinit.orthogonal((600, 520), seed=2, index=(ALL, slice(first, last))),
            np.ascontiguousarray(whole[:, first:last]),
        )


# ---- the Haar measure ----


def draws(n: int, count: int, dtype: Any = np.float64, seed: int = 0) -> np.ndarray:
    return fastinit.orthogonal((count, n, n), batch_axis=0, dtype=dtype, seed=seed)


def assert_mean(values: np.ndarray, expected: float) -> None:
    error = values.std() / math.sqrt(len(values))
    assert abs(values.mean() - expected) <= 4.5 * error


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("n", [2, 3, 4, 7, 20, 33])
def test_moments_are_those_of_the_haar_measure(n: int, dtype: Any) -> None:
    q = draws(n, 40_000 if n < 10 else 4_000, dtype).astype(np.float64)
    trace = np.trace(q, axis1=1, axis2=2)
    assert_mean(trace, 0.0)
    assert_mean(trace**2, 1.0)
    assert_mean(trace**4, 3.0)
    for i, j in itertools.product({0, 1, n - 1}, repeat=2):
        assert_mean(q[:, i, j], 0.0)
        assert_mean(q[:, i, j] ** 2, 1 / n)
        assert_mean(q[:, i, j] ** 4, 3 / (n * (n + 2)))
    assert_mean(q[:, 0, 0] ** 2 * q[:, 0, 1] ** 2, 1 / (n * (n + 2)))
    assert_mean(q[:, 0, 0] ** 2 * q[:, n - 1, n - 1] ** 2, (n + 1) / (n * (n - 1) * (n + 2)))
    assert_mean(q[:, 0, 0] * q[:, 0, 1] * q[:, 1, 0] * q[:, 1, 1], -1 / (n * (n - 1) * (n + 2)))
    assert_mean(np.linalg.det(q), 0.0)  # as many reflections as rotations


def test_moments_of_rectangles() -> None:
    for shape in ((9, 4), (4, 9)):
        q = fastinit.orthogonal((20_000, *shape), batch_axis=0, seed=4).astype(np.float64)
        for i, j in itertools.product({0, 3}, repeat=2):
            assert_mean(q[:, i, j], 0.0)
            assert_mean(q[:, i, j] ** 4, 3 / (9 * 11))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_unitary_moments(n: int) -> None:
    q = draws(n, 20_000, np.complex128)
    trace = np.trace(q, axis1=1, axis2=2)
    for part in (trace.real, trace.imag, (trace**2).real, (trace**2).imag):
        assert_mean(part, 0.0)
    if n > 1:  # otherwise they are constants
        assert_mean(np.abs(trace) ** 2, 1.0)
        assert_mean(np.abs(trace) ** 4, 2.0)
        assert_mean(np.abs(q[:, 0, n - 1]) ** 4, 2 / (n * (n + 1)))
    phases = np.angle(np.linalg.det(q))
    assert stats.kstest(phases, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3


@pytest.mark.parametrize("shape", [(4, 4), (33, 33), (12, 5), (5, 12)])
def test_invariance_under_a_fixed_rotation(shape: tuple[int, int]) -> None:
    """The law of an entry stays q^2 ~ Beta(1/2, (n - 1)/2) when the matrix is turned, from the left or the right."""
    q = fastinit.orthogonal((5_000, *shape), batch_axis=0, seed=6).astype(np.float64)
    n = max(shape)
    law = stats.beta(0.5, (n - 1) / 2)
    rng = np.random.default_rng(5)
    left, right = (np.linalg.qr(rng.standard_normal((side, side)))[0] for side in shape)
    for turned in (left @ q, q @ right, left @ q @ right):
        for i, j in itertools.product({0, shape[0] - 1}, {0, shape[1] - 1}):
            assert stats.kstest(turned[:, i, j] ** 2, law.cdf).pvalue > 1e-4


def angles(q: np.ndarray) -> np.ndarray:
    """Eigen-angles of each matrix in [0, pi], ascending, one of every conjugate pair."""
    return np.sort(np.abs(np.angle(np.linalg.eigvals(q))), axis=1)[:, ::2]


def by_qr(n: int, count: int) -> np.ndarray:
    """The circular real ensemble by another way (Mezzadri)."""
    q, r = np.linalg.qr(np.random.default_rng(n).standard_normal((count, n, n)))
    return q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]


def test_angles_of_small_rotations_have_their_density() -> None:
    for n, law in ((2, lambda x: x / np.pi), (3, lambda x: (x - np.sin(x)) / np.pi)):
        q = draws(n, 40_000)
        rotations = q[np.linalg.det(q) > 0]
        found = np.sort(np.abs(np.angle(np.linalg.eigvals(rotations))), axis=1)[:, -1]
        assert stats.kstest(found, law).pvalue > 1e-3


@pytest.mark.parametrize(("n", "count"), [(2, 8_000), (3, 8_000), (4, 8_000), (7, 6_000), (16, 2_000), (50, 300)])
def test_spacings_of_eigenangles(n: int, count: int) -> None:
    """Neighbouring angles repel each other just as those of the circular real ensemble do."""
    found, expected = draws(n, count, seed=8), by_qr(n, count)
    for sign in (1, -1):
        ours, theirs = (angles(q[np.linalg.det(q) * sign > 0]) for q in (found, expected))
        gaps, their_gaps = np.diff(ours, axis=1), np.diff(theirs, axis=1)
        statistics = [(ours[:, -1], theirs[:, -1])]
        if gaps.shape[1]:
            statistics += [(gaps.min(axis=1), their_gaps.min(axis=1)), (gaps[:, -1], their_gaps[:, -1])]
        for a, b in statistics:
            assert np.ptp(b) < 1e-6 or stats.ks_2samp(a, b).pvalue > 1e-3


# ---- delta_orthogonal ----


@pytest.mark.parametrize("shape", [(3, 4, 6), (4, 2, 5, 5), (1, 2, 3, 3, 7), (2, 6, 0, 3), (0, 3, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float16", "complex64"])
def test_delta_is_orthogonal_at_the_centre(shape: tuple[int, ...], dtype: str) -> None:
    w = fastinit.delta_orthogonal(shape, 1.2, dtype=dtype, seed=9)
    assert w.shape == shape
    expected = np.zeros(shape, dtype)
    if expected.size:
        centre = tuple((k - 1) // 2 for k in shape[:-2])
        expected[centre] = fastinit.orthogonal(shape[-2:], 1.2, dtype=dtype, seed=9)
    assert same_bits(w, expected)
    rng = np.random.default_rng(2)
    for _ in range(10):
        index = tuple(slice(*sorted(rng.integers(0, n + 1, 2).tolist())) for n in shape)
        block = fastinit.delta_orthogonal(shape, 1.2, dtype=dtype, seed=9, index=index)
        assert same_bits(block, np.ascontiguousarray(expected[index]))


def test_delta_keeps_the_norm_of_every_input() -> None:
    w = fastinit.delta_orthogonal((3, 3, 5, 9), seed=0)[1, 1].astype(np.float64)
    assert np.allclose(w @ w.T, np.eye(5), atol=1e-6)


# ---- the common arguments ----


def test_registered_and_in_models(isa: str) -> None:
    assert fastinit.get("orthogonal") is fastinit.orthogonal
    assert fastinit.get("delta_orthogonal") is fastinit.delta_orthogonal
    out = np.empty((20, 30), np.float64)
    made = fastinit.initialize(
        {
            "a": ("orthogonal", (40, 30), {"gain": 0.5}),
            "b": ("delta_orthogonal", (3, 4, 6), {"dtype": "complex64"}),
            "c": (fastinit.orthogonal, (20, 30), {"out": out}),
            "d": ("he_normal", (20, 30)),
        },
        seed=1,
        threads=2,
    )
    key = fastinit.Key(1)
    assert same_bits(made["a"], fastinit.orthogonal((40, 30), 0.5, seed=key.child("a")))
    assert same_bits(made["b"], fastinit.delta_orthogonal((3, 4, 6), dtype="complex64", seed=key.child("b")))
    assert made["c"] is out
    assert same_bits(out, fastinit.orthogonal((20, 30), dtype="float64", seed=key.child("c")))
    assert same_bits(made["d"], fastinit.he_normal((20, 30), seed=key.child("d")))


def test_a_model_with_a_fault_leaves_arrays_untouched() -> None:
    out = np.full((4, 4), 5.0, np.float32)
    with pytest.raises(ValueError, match="gain"):
        fastinit.initialize(
            {"a": ("orthogonal", (4, 4), {"out": out}), "b": ("orthogonal", (4, 4), {"gain": math.inf})}, seed=0
        )
    assert np.all(out == 5.0)


def test_seeds() -> None:
    assert not same_bits(fastinit.orthogonal((5, 5)), fastinit.orthogonal((5, 5)))
    assert not same_bits(fastinit.orthogonal((5, 5), seed=0), fastinit.orthogonal((5, 5), seed=1))
    key = fastinit.Key(3).child("x")
    assert same_bits(fastinit.orthogonal((5, 5), seed=key), fastinit.orthogonal((5, 5), seed=key))


ERRORS: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    (((),), {}, ValueError, "`shape` must have at least two axes. Received: shape=()"),
    ((5,), {}, ValueError, "`shape` must have at least two axes. Received: shape=(5,)"),
    (((4, 5),), {"batch_axis": 0}, ValueError, "at least two axes besides `batch_axis`"),
    (((4, 5, 6),), {"batch_axis": (0, 1)}, ValueError, "at least two axes besides `batch_axis`"),
    (((4, 5), math.nan), {}, ValueError, "`gain` must be finite. Received: gain=nan"),
    (((4, 5), -math.inf), {}, ValueError, "`gain` must be finite. Received: gain=-inf"),
    (((4, 5), "2"), {}, TypeError, "`gain` must be a real number. Received: gain='2'"),
    (((4, 5), 1j), {"dtype": "complex64"}, TypeError, "`gain` must be a real number"),
    (((4, 5), 1e5), {"dtype": "float16"}, ValueError, "every value must be finite in float16"),
    (((4, 5), 3.4028234e38), {}, ValueError, "every value must be finite in float32"),
    (((4, 5),), {"column_axis": 2}, ValueError, "`column_axis` must name axes of a 2-D shape. Received: column_axis=2"),
    (((4, 5),), {"column_axis": 1.0}, TypeError, "`column_axis` must be an int. Received: column_axis=1.0"),
    (((4, 5),), {"column_axis": (1,)}, TypeError, "`column_axis` must be an int"),
    (((4, 5, 6),), {"batch_axis": -1}, ValueError, "may be named twice"),
    (((4, 5, 6),), {"batch_axis": 3}, ValueError, "`batch_axis` must name axes of a 3-D shape"),
    (((4, 5, 6),), {"batch_axis": 0.5}, TypeError, "`batch_axis` must be an int or a sequence of ints"),
    (((4, 5),), {"precise": 1}, TypeError, "`precise` must be a bool. Received: precise=1"),
    (((4, 5),), {"dtype": "int32"}, TypeError, "float16, bfloat16, complex64 or complex128"),
    (((4, 5),), {"dtype": "complex256"}, TypeError, "float16, bfloat16, complex64 or complex128"),
    (((4, 5),), {"dtype": ">c8"}, TypeError, "native byte order"),
    (((4, 5),), {"out": np.empty((4, 4), np.float32)}, ValueError, "`out` must have shape"),
    (((4, 5),), {"out": np.empty((4, 5), np.float64), "dtype": "float32"}, TypeError, "`out` must have dtype float32"),
    (((4, 5),), {"index": (slice(0, 5), ALL)}, ValueError, "`index` must lie inside the shape"),
    (((4, 5),), {"threads": 0}, ValueError, "`threads` must be >= 1"),
    (((4, 5),), {"seed": -1}, ValueError, "`seed` must lie in"),
]


@pytest.mark.parametrize(("arguments", "keywords", "kind", "sentence"), ERRORS)
def test_errors(arguments: tuple[Any, ...], keywords: dict[str, Any], kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind) as caught:
        fastinit.orthogonal(*arguments, **{"seed": 0} | keywords)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((4, 5), "`shape` must be that of a 1-D to 3-D convolution, (*spatial, in, out). Received: shape=(4, 5)"),
        ((1, 1, 1, 1, 4, 5), "`shape` must be that of a 1-D to 3-D convolution"),
        ((3, 5, 4), "`shape` must have no more inputs than outputs, (..., in, out). Received: shape=(3, 5, 4)"),
    ],
)
def test_delta_errors(shape: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        fastinit.delta_orthogonal(shape, seed=0)
    assert sentence in str(caught.value)


def test_other_initializers_refuse_complex_dtypes() -> None:
    with pytest.raises(TypeError, match="float32, float64, float16 or bfloat16"):
        fastinit.normal((3, 3), dtype="complex64")
    with pytest.raises(TypeError, match="float32, float64, float16 or bfloat16"):
        fastinit.zeros((3, 3), out=np.empty((3, 3), np.complex64))


# ---- memory ----


def peak_beyond(shape: tuple[int, ...], **arguments: Any) -> tuple[int, int]:
    """Bytes of the result, and those that a call holds beyond it at most, as tracemalloc counts them."""
    tracemalloc.start()
    try:
        result = fastinit.orthogonal(shape, seed=0, **arguments)
        return result.nbytes, tracemalloc.get_traced_memory()[1] - result.nbytes
    finally:
        tracemalloc.stop()


THIN: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((200_000, 1), {}),
    ((1, 200_000), {}),
    ((60_000, 7), {}),
    ((7, 60_000), {"column_axis": 0}),
    ((20_000, 16), {"dtype": "complex64"}),
    ((2, 3, 20_000, 2), {}),
    ((2, 3, 2, 20_000), {"column_axis": 2}),
    ((500, 1200, 1), {"batch_axis": 0}),
    ((3, 40_000, 5), {"batch_axis": 0}),
    ((40_000, 3, 5), {"batch_axis": 1}),
    ((300_000, 2), {"index": (slice(1000, 240_000), slice(1, 2))}),
    ((2, 300_000), {"index": (slice(1, 2), slice(1000, 240_000))}),
    ((2, 60_000, 3), {"index": (slice(0, 2), slice(0, 50_000), slice(0, 2))}),
]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("shape", "arguments"), THIN)
def test_thin_matrices_take_no_more_than_twice_their_memory(
    shape: tuple[int, ...], arguments: dict[str, Any], threads: int
) -> None:
    for numbers in ({}, {"precise": True}, {"dtype": "float16"}, {"dtype": "bfloat16", "precise": True}):
        result, beyond = peak_beyond(shape, threads=threads, **{**numbers, **arguments})
        assert beyond <= 2 * result + (1 << 20) + (threads << 19), numbers


@pytest.mark.parametrize("dtype", [*REALS, *COMPLEX])
def test_a_drawn_panel_gives_the_bits_of_a_kept_one(isa: str, dtype: Any) -> None:
    """A tall block of one panel's columns is made from few rows at a time, and the matrix of one more column not."""
    columns, last = (17, 16) if np.dtype(dtype).kind == "c" else (33, 32)
    tall = fastinit.orthogonal((5000, columns), dtype=dtype, seed=2, threads=2)
    block = fastinit.orthogonal((5000, columns), dtype=dtype, seed=2, threads=2, index=(ALL, slice(3, last)))
    assert same_bits(block, np.ascontiguousarray(tall[:, 3:last]))
    rows = fastinit.orthogonal((5000, columns), dtype=dtype, seed=2, index=(slice(1500, 4200), slice(3, last)))
    assert same_bits(rows, np.ascontiguousarray(tall[1500:4200, 3:last]))


def workspace(shape: tuple[int, int], threads: int, kind: int = _kernels.FLOAT32, pairs: bool = False) -> int:
    plan = _kernels.Law.normal(kind, 0.0, 1.0, -math.inf, math.inf)
    return _kernels.orthogonal_workspace(plan, shape, (0, 1), (0, shape[1]), pairs, threads)


def test_workspace_is_bounded_whatever_the_threads(isa: str) -> None:
    for rows in (1_000_000, 50_000):
        for columns in (1, 2, 31, 32):
            assert workspace((rows, columns), 1) <= 1 << 20
            assert workspace((rows, columns), 64) <= 64 << 18
        for columns in (33, 40, 64, 100, 129):
            assert workspace((rows, columns), 64) <= 2.1 * rows * columns * 4 + (4 << 20)
            assert workspace((rows, columns), 64, _kernels.FLOAT64) <= 2.1 * rows * columns * 8 + (4 << 20)
    assert workspace((1 << 40, 1), 1) <= 1 << 20


def test_memory_that_cannot_be_had_is_named() -> None:
    plan = _kernels.Law.normal(_kernels.FLOAT32, 0.0, 1.0, -math.inf, math.inf)
    column = ((1 << 44, 1 << 14), (0, 1), (1 << 13, (1 << 13) + 1))
    with pytest.raises(MemoryError, match=r"^\d+ bytes of workspace cannot be had$"):
        _kernels.orthogonal(plan, np.empty(1, np.float32), 0, 0, *column, False, False, 1.0, 1, (0, 1))
