"""The schemes of the literature: their moments, their factors and their limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.linalg

import fastinit
from fastinit import schemes


@pytest.mark.parametrize(
    ("make", "std"),
    [
        (lambda **k: schemes.gpt2_residual((500, 400), 12, **k), 0.02 / math.sqrt(24)),
        (lambda **k: schemes.gpt2_residual((500, 400), 1, 0.1, **k), 0.1 / math.sqrt(2)),
        (lambda **k: schemes.small_init((500, 400), 500, **k), math.sqrt(2 / 2500)),
        (lambda **k: schemes.wang_init((500, 400), 500, 8, **k), 2 / 8 / math.sqrt(500)),
        (lambda **k: schemes.t5((500, 400), **k), 500**-0.5),
        (lambda **k: schemes.t5((500, 400), 64, 0.5, **k), 0.5 * (500 * 64) ** -0.5),
        (lambda **k: schemes.fixup((500, 400), 16, **k), math.sqrt(2 / 500) / 4),
        (lambda **k: schemes.fixup((500, 400), 16, 3, **k), math.sqrt(2 / 500) / 2),
        (lambda **k: schemes.fixup((500, 400), 16, in_axis=1, out_axis=0, **k), math.sqrt(2 / 400) / 4),
        (lambda **k: schemes.mup((500, 400), (50, 40), 0.3, **k), 0.3 / math.sqrt(10)),
        (lambda **k: schemes.mup((500, 400), (50, 400), 0.3, **k), 0.3 / 10),
        (lambda **k: schemes.mup((500, 400), (500, 40), 0.3, **k), 0.3),
        (lambda **k: schemes.mup((500, 400), (500, 40), 0.3, in_axis=1, out_axis=0, **k), 0.3 / 10),
    ],
)
def test_normal_schemes_have_their_moments(make: Callable[..., np.ndarray], std: float) -> None:
    values = make(seed=5, dtype="float64")
    assert values.shape == (500, 400)
    n = values.size
    assert abs(values.mean()) < 5 * std / math.sqrt(n)
    assert abs((values**2).mean() / std**2 - 1) < 5 * math.sqrt(2 / n)
    assert abs((values**4).mean() / std**4 - 3) < 5 * math.sqrt(96 / n)
    # The keywords of every initializer pass through.
    assert np.array_equal(make(seed=5, dtype="float64", index=(slice(7, 9), slice(2, 5))), values[7:9, 2:5])


@pytest.mark.parametrize(("first", "omega", "limit"), [(False, 30.0, math.sqrt(6 / 300) / 30), (True, 30.0, 1 / 300)])
def test_siren(first: bool, omega: float, limit: float) -> None:
    values = schemes.siren((300, 400), first, omega, seed=2, dtype="float64")
    assert limit * (1 - 1e-3) < abs(values).max() <= limit
    assert (values**2).mean() == pytest.approx(limit**2 / 3, rel=0.02)
    sideways = schemes.siren((400, 300), first, omega, seed=2, dtype="float64", in_axis=1, out_axis=0)
    assert limit * (1 - 1e-3) < abs(sideways).max() <= limit


def test_siren_keeps_the_arguments_of_its_sines() -> None:
    x = fastinit.uniform((2000, 2), -1.0, 1.0, seed=0)
    x = np.sin(30 * (x @ schemes.siren((2, 256), first=True, seed=1)))
    for layer in range(6):
        argument = 30 * (x @ schemes.siren((256, 256), seed=10 + layer))
        assert argument.std() == pytest.approx(1.0, rel=0.15)
        x = np.sin(argument)


def test_deepnorm() -> None:
    one = schemes.Factors(1.0, 1.0)
    for n in (1, 6, 100):
        alone = schemes.Factors((8 * n) ** -0.25, (2 * n) ** 0.25)
        assert schemes.deepnorm(encoder_layers=n) == (alone, one)
        assert schemes.deepnorm(decoder_layers=n) == (one, alone)
    encoder, decoder = schemes.deepnorm(encoder_layers=18, decoder_layers=6)
    assert encoder == pytest.approx((0.87 * (18**4 * 6) ** (-1 / 16), 0.81 * (18**4 * 6) ** (1 / 16)))
    assert decoder == pytest.approx((72**-0.25, 18**0.25))


def test_subln() -> None:
    encoder, decoder = schemes.subln(encoder_layers=12, decoder_layers=6)
    with mpmath.workdps(50):
        assert schemes.subln(decoder_layers=12)[1].weight == float(mpmath.sqrt(mpmath.log(24)))
        assert encoder.weight == float(mpmath.sqrt(mpmath.log(18) * mpmath.log(24) / 3))
        assert decoder == (float(mpmath.sqrt(mpmath.log(18))), 1.0)


def test_t_fixup() -> None:
    assert schemes.t_fixup(encoder_layers=16) == ((0.67 / 2, 1.0), (1.0, 1.0))
    assert schemes.t_fixup(decoder_layers=9)[1].weight == pytest.approx(1 / 3)


def test_mup_rates() -> None:
    hidden, output, source = ((512, 256), (64, 32)), ((512, 10), (64, 10)), ((20, 256), (20, 32))
    assert [schemes.mup_rate(*shapes) for shapes in (hidden, output, source)] == [1 / 8, 1 / 8, 1.0]
    assert [schemes.mup_rate(*shapes, "sgd") for shapes in (hidden, output, source)] == [1.0, 1 / 8, 8.0]
    assert schemes.mup_rate((64, 32), (64, 32)) == schemes.mup_rate((64, 32), (64, 32), "sgd") == 1.0
    assert schemes.mup_rate((10, 512), (10, 64), in_axis=1, out_axis=0) == 1 / 8


def test_mup_takes_a_bias_for_an_input() -> None:
    assert schemes.mup_rate((1024,), (64,)) == 1.0
    assert schemes.mup_rate((1024,), (64,), "sgd") == 16.0
    assert schemes.mup_rate((12, 1024), (12, 64), "sgd", batch_axis=0) == 16.0
    assert np.array_equal(schemes.mup((1024,), (64,), std=1.0, seed=3), fastinit.normal((1024,), std=1.0, seed=3))
    # One axis that is said to be an input's is none.
    assert schemes.mup_rate((1024,), (64,), in_axis=0, out_axis=()) == 1 / 16


def test_mup_rate_knows_its_keywords() -> None:
    with pytest.raises(TypeError, match="in_axes"):
        schemes.mup_rate((64, 32), (64, 32), in_axes=1)  # type: ignore[call-arg]


def test_mup_is_the_plain_draw_at_the_base() -> None:
    draw = schemes.mup((30, 20), (30, 20), 0.3, seed=1)
    assert np.array_equal(draw, fastinit.normal((30, 20), std=0.3, seed=1))


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 5), (4, 8), (1, 2), (7, 100), (128, 129), (3, 4)])
def test_zero_widens_by_a_hadamard_matrix(inputs: int, outputs: int) -> None:
    order = math.ceil(math.log2(outputs))
    expected = 2 ** (-(order - 1) / 2) * scipy.linalg.hadamard(2**order)[:inputs, :outputs]
    assert schemes.zero_hadamard((inputs, outputs), dtype="float64") == pytest.approx(expected, rel=1e-15)


def test_zero_is_the_identity_where_it_does_not_widen() -> None:
    assert np.array_equal(schemes.zero_hadamard((5, 5)), np.eye(5))
    assert np.array_equal(schemes.zero_hadamard((7, 5)), np.eye(7, 5))
    assert schemes.zero_hadamard((0, 0)).shape == (0, 0)
    stacked = schemes.zero_hadamard((2, 3, 4), dtype="float16")
    assert stacked.dtype == np.float16
    assert np.array_equal(stacked[0], stacked[1])
    part = schemes.zero_hadamard((4, 9), index=(slice(1, 3), slice(2, 9)))
    assert np.array_equal(part, schemes.zero_hadamard((4, 9))[1:3, 2:9])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: schemes.gpt2_residual((2, 2), 0), "`layers` must be >= 1"),
        (lambda: schemes.gpt2_residual((2, 2), 1, -1.0), "`std` must be finite"),
        (lambda: schemes.small_init((2, 2), 0), "`dim` must be >= 1"),
        (lambda: schemes.wang_init((2, 2), 2, 0), "`layers` must be >= 1"),
        (lambda: schemes.t5((2, 2), 0), "`head_dim` must be >= 1"),
        (lambda: schemes.t5((2, 2), 1, 0.0), "`factor` must be finite and > 0"),
        (lambda: schemes.fixup((2, 2), 3, 1), "`depth` must be >= 2"),
        (lambda: schemes.fixup((2, 2), 0), "`branches` must be >= 1"),
        (lambda: schemes.siren((2, 2), omega=0.0), "`omega` must be finite and > 0"),
        (lambda: schemes.deepnorm(), "`encoder_layers` or `decoder_layers` must be >= 1"),
        (lambda: schemes.subln(encoder_layers=-1), "`encoder_layers` must be >= 0"),
        (lambda: schemes.mup((2, 2), (2,)), "`base_shape` must have as many axes"),
        (lambda: schemes.mup((2, 2), (2, 0)), "`base_shape` must have as many axes"),
        (lambda: schemes.mup_rate((2, 2), (2, 2), "lion"), "`optimizer` must be one of adam, sgd"),
        (lambda: schemes.zero_hadamard(3), "`shape` must have at least two axes"),
    ],
)
def test_errors(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


HUGE = 10**400


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: schemes.siren((3, 3), omega=1e-200),
            r"^the variance must be finite and > 0 .* Received: omega=1e-200$",
        ),
        (lambda: schemes.siren((3, 3), omega=5e-324), r"^the variance must be finite and > 0"),
        (lambda: schemes.siren((3, 3), omega=1e200), r"^the variance must be finite and > 0"),
        (lambda: schemes.siren((3, 3), True, omega=1e-200), r"^the variance must be finite and > 0"),
        (lambda: schemes.siren((3, 3), omega=HUGE), r"^`omega` must be finite"),
        (
            lambda: schemes.t5((3, 3), factor=1e200),
            r"^the variance must be finite and > 0 .* Received: factor=1e\+200$",
        ),
        (lambda: schemes.t5((3, 3), factor=1e-200), r"^the variance must be finite and > 0"),
        (lambda: schemes.t5((3, 3), HUGE), r"^`head_dim` must be at most 2\*\*53"),
        (lambda: schemes.gpt2_residual((3, 3), HUGE), r"^`layers` must be at most 2\*\*53"),
        (lambda: schemes.gpt2_residual((3, 3), 2**53 + 1), r"^`layers` must be at most 2\*\*53. .*9007199254740993$"),
        (lambda: schemes.small_init((3, 3), HUGE), r"^`dim` must be at most 2\*\*53"),
        (lambda: schemes.wang_init((3, 3), HUGE, 2), r"^`dim` must be at most 2\*\*53"),
        (lambda: schemes.wang_init((3, 3), 2, HUGE), r"^`layers` must be at most 2\*\*53"),
        (lambda: schemes.fixup((3, 3), HUGE), r"^`branches` must be at most 2\*\*53"),
        (lambda: schemes.fixup((3, 3), 2, HUGE), r"^`depth` must be at most 2\*\*53"),
        (lambda: schemes.deepnorm(encoder_layers=HUGE), r"^`encoder_layers` must be at most 2\*\*53"),
        (lambda: schemes.subln(decoder_layers=10**5000), r"^`decoder_layers` must be at most 2\*\*53"),
        (lambda: schemes.t_fixup(encoder_layers=2, decoder_layers=HUGE), r"^`decoder_layers` must be at most"),
        (lambda: schemes.mup((3, 3), (HUGE, 3)), r"^`shape` and `base_shape` must not differ by more"),
        (lambda: schemes.mup((3, 3), (3, HUGE)), r"^`shape` and `base_shape` must not differ by more"),
        (lambda: schemes.mup_rate((HUGE, 3), (3, 3)), r"^`shape` and `base_shape` must not differ by more"),
        (lambda: schemes.mup_rate((HUGE,), (3,), "sgd"), r"^`shape` and `base_shape` must not differ by more"),
        (lambda: schemes.zero_hadamard((2, 2**70)), r"^`shape` must describe fewer than 2\*\*63 bytes"),
        (lambda: schemes.zero_hadamard((2**40, 2**40)), r"^`shape` must describe fewer than 2\*\*63 bytes"),
        (lambda: schemes.siren((HUGE, 3), True), r"^`shape` must describe fewer than 2\*\*63 bytes"),
        (lambda: schemes.wang_init((3, 3), 0, 2), r"^`dim` must be >= 1"),
    ],
)
def test_ends_are_refused_by_a_sentence(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert type(caught.value) is ValueError
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("first", ["no", 1, 0, None, 0.5, np.array(True)])
def test_first_is_a_bool(first: Any) -> None:
    with pytest.raises(TypeError, match=r"^`first` must be a bool\. Received: first="):
        schemes.siren((3, 3), first=first)


def test_ends_that_fit() -> None:
    most = 2**53
    assert np.isfinite(schemes.gpt2_residual((3, 3), most, dtype="float64", seed=0)).all()
    assert np.isfinite(schemes.wang_init((3, 3), most, most, dtype="float64", seed=0)).all()
    assert np.isfinite(schemes.fixup((3, 3), most, most, dtype="float64", seed=0)).all()
    assert all(np.isfinite(f).all() for f in schemes.deepnorm(encoder_layers=most, decoder_layers=most))
    assert all(np.isfinite(f).all() for f in schemes.subln(encoder_layers=most, decoder_layers=most))
    assert abs(schemes.siren((3, 3), omega=1e-150, dtype="float64", seed=0)).max() <= math.sqrt(2) * 1e150 * (1 + 1e-15)
    assert abs(schemes.t5((1, 3), factor=1e150, dtype="float64", seed=0)).max() > 1e149
    assert schemes.siren((0, 3), True).shape == (0, 3)
    assert schemes.zero_hadamard((2**40, 0)).shape == (2**40, 0)
    assert schemes.mup_rate((2**60, 3), (1, 3)) == 2.0**-60


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 12, 24, 96, 1000, 12345, 2**53])
def test_factors_are_rounded_once(n: int) -> None:
    """Whatever libm says: the exact roots, to the nearest float64."""
    with mpmath.workdps(50):
        root = mpmath.root
        assert schemes.deepnorm(encoder_layers=n)[0] == (float(1 / root(8 * n, 4)), float(root(2 * n, 4)))
        both = schemes.deepnorm(encoder_layers=n, decoder_layers=n)
        mixed = float(root(n**5, 16))
        assert both == ((0.87 / mixed, 0.81 * mixed), (float(1 / root(12 * n, 4)), float(root(3 * n, 4))))
        assert schemes.t_fixup(encoder_layers=n, decoder_layers=n) == (
            (0.67 * float(1 / root(n, 4)), 1.0),
            (float(1 / root(9 * n, 4)), 1.0),
        )
        std = math.sqrt(2.0 * float(1 / root(n, 3)) / 5)
    expected = fastinit.variance_scaling((5, 7), std * std * 5, "fan_in", "untruncated_normal", dtype="float64", seed=0)
    np.testing.assert_allclose(schemes.fixup((5, 7), n, 4, dtype="float64", seed=0), expected, rtol=1e-14)
    assert (
        schemes.mup((7 * 3, 5 * 3), (7, 5), 0.03, dtype="float64", seed=0)
        == fastinit.normal((21, 15), 0.0, 0.03 / math.sqrt(3.0), dtype="float64", seed=0)
    ).all()
