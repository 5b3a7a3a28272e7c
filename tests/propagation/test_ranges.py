"""propagate and lsuv on batches and weights whose squares no dtype holds, of other classes, and without a stderr."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit._terminal import Progress
from fastinit.propagation import _lsuv, _propagate

X = fastinit.normal((256, 32), std=1.0, seed=0, dtype="float64")


def seen(report: Any) -> list[tuple[Any, ...]]:
    """What does not change where x is multiplied by a power of two."""
    first = report.input_spread
    return [
        (r.verdict, r.dead, r.saturated, r.gradient_rms, r.mean / first, r.std / first, r.rms / first, r.spread / first)
        for r in report.layers
    ]


@pytest.mark.parametrize("exponent", [-1000, -700, -520, -100, 100, 400, 512, 700, 1000])
def test_the_verdict_of_a_scaled_batch(exponent: int) -> None:
    plain = fastinit.propagate([32, 16, 8], X)
    scaled = fastinit.propagate([32, 16, 8], np.ldexp(X, exponent))
    assert scaled.input_spread == np.ldexp(plain.input_spread, exponent)
    assert seen(scaled) == seen(plain)


def test_inputs_that_said_inf() -> None:
    assert fastinit.propagate([32, 16, 8], X * 1e155).verdict == fastinit.propagate([32, 16, 8], X).verdict == "healthy"
    assert fastinit.propagate([3, 2], np.eye(3) * 1e300).layers[0].verdict == "healthy"
    assert fastinit.propagate([32, 16, 8], (X * 1e-39).astype("f4")).verdict == "healthy"
    single = fastinit.propagate([32, 16, 8], X[:1] * 1e200)
    assert single.input_spread == pytest.approx(1e200, rel=0.5)


def test_far_weights_and_gradients() -> None:
    weight = fastinit.he_normal((32, 32), dtype="float64", seed=1)
    report = fastinit.propagate([(weight * 1e200, None, None), (weight * 1e-200, None, None)], X)
    assert [np.isfinite(r.gradient_rms) for r in report.layers] == [True, True]
    assert report.layers[1].gradient_norm == pytest.approx(1.0)
    assert report.layers[0].gradient_norm == pytest.approx(1e-200, rel=1)
    assert (report.layers[0].verdict, report.layers[1].verdict) == ("exploding", "healthy")


@pytest.mark.parametrize("exponent", [-900, -512, -61, 61, 512, 900])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_weights_of_a_scaled_batch(exponent: int, activation: str) -> None:
    plain = fastinit.lsuv([32, 16, 8], X, activation=activation, tolerance=1e-9)
    scaled = fastinit.lsuv([32, 16, 8], np.ldexp(X, exponent), activation=activation, tolerance=1e-9)
    assert scaled.stds == plain.stds
    # The first weight makes the scale good, exactly but for roundings of its way there; the others see no difference.
    np.testing.assert_allclose(np.ldexp(scaled.layers[0].weight, exponent), plain.layers[0].weight, rtol=1e-14)
    np.testing.assert_allclose(scaled.layers[1].weight, plain.layers[1].weight, rtol=1e-12)


def test_a_small_batch_in_float32() -> None:
    plain = fastinit.lsuv([32, 16, 8], X.astype("f4"), tolerance=1e-5)
    small = fastinit.lsuv([32, 16, 8], np.ldexp(X.astype("f4"), -100), tolerance=1e-5)
    np.testing.assert_allclose(np.ldexp(small.layers[0].weight, -100), plain.layers[0].weight, rtol=1e-5)
    large = fastinit.lsuv([32, 16, 8], np.ldexp(X.astype("f4"), 100), tolerance=1e-5)
    np.testing.assert_allclose(np.ldexp(large.layers[0].weight, 100), plain.layers[0].weight, rtol=1e-5)


def test_weights_that_no_dtype_holds_are_refused_by_a_sentence() -> None:
    for x in ((X * 1e-39).astype("f4"), (X * 1e-43).astype("f4"), X * 1e-310):
        with pytest.raises(ValueError, match=r"^every scaled weight must fit float\d\d, .* layer 1 does not$"):
            fastinit.lsuv([32, 16, 8], x)


def test_far_weights_of_lsuv_do_not_matter() -> None:
    weight = fastinit.orthogonal((32, 16), seed=1)
    plain = fastinit.lsuv([(weight, None, "relu")], X.astype("f4"), tolerance=1e-5)
    for exponent in (-100, -70, 70, 100):
        far = fastinit.lsuv([(np.ldexp(weight, exponent), None, "relu")], X.astype("f4"), tolerance=1e-5)
        np.testing.assert_allclose(far.layers[0].weight, plain.layers[0].weight, rtol=1e-5)


# ---- other classes of arrays ----


class Own(np.ndarray):
    def __matmul__(self, other: Any) -> Any:
        raise AssertionError("multiplied by its own operator")

    def __truediv__(self, other: Any) -> Any:
        raise AssertionError("divided by its own operator")

    def __mul__(self, other: Any) -> Any:
        raise AssertionError("multiplied by its own operator")


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    "turn",
    [
        lambda a: a.view(np.matrix) if a.ndim == 2 else a,
        lambda a: np.ma.array(a, mask=np.ones(a.shape, bool), hard_mask=True),
        lambda a: a.view(Own),
        lambda a: a.view(np.recarray),
    ],
    ids=["matrix", "masked", "own", "recarray"],
)
def test_weights_are_plain_memory(turn: Any, bias: bool) -> None:
    layers = [
        (fastinit.he_normal((32, 16), seed=1), fastinit.normal((16,), seed=3) if bias else None, "tanh"),
        (fastinit.he_normal((16, 8), seed=2), None, None),
    ]
    turned = [(turn(w.copy()), None if b is None else turn(b.copy()), a) for w, b, a in layers]
    x = X.astype("f4")
    assert (
        fastinit.propagate(turned, x, condition=True).to_dict()
        == fastinit.propagate(layers, x, condition=True).to_dict()
    )
    expected, result = fastinit.lsuv(layers, x), fastinit.lsuv(turned, x)
    assert result.stds == expected.stds
    for layer, other in zip(result.layers, expected.layers, strict=True):
        assert type(layer.weight) is np.ndarray
        assert layer.weight.tobytes() == other.weight.tobytes()
    network, plain = fastinit.MLP(turned), fastinit.MLP(layers)
    assert network(x).tobytes() == plain(x).tobytes()
    if not isinstance(turned[0][0], Own):
        network.update(0, turned[0][0])
        assert network(turn(x.copy())).tobytes() == plain(x).tobytes()


@pytest.mark.parametrize(
    "turn", [lambda a: a.view(np.matrix), lambda a: np.ma.array(a), lambda a: a.tolist(), lambda a: a.astype(">f4")]
)
def test_batches_are_converted(turn: Any) -> None:
    x = X.astype("f4")
    assert fastinit.propagate([32, 16], turn(x)).to_dict() == fastinit.propagate([32, 16], x).to_dict()
    assert fastinit.lsuv([32, 16], turn(x)).stds == fastinit.lsuv([32, 16], x).stds


# ---- nobody who watches ----


class Broken(io.StringIO):
    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


class Full(Broken):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


class Ascii(Broken):
    def write(self, text: str) -> int:
        raise UnicodeEncodeError("ascii", text, 0, 1, "ordinal not in range")


class ClosedLater(Broken):
    def write(self, text: str) -> int:
        raise ValueError("I/O operation on closed file")


class Untold(io.StringIO):
    def isatty(self) -> bool:
        raise RuntimeError("who asks?")


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize(
    "stream",
    [None, closed(), object(), Broken(), Full(), Ascii(), ClosedLater(), Untold()],
    ids=["None", "closed", "object", "pipe", "full", "ascii", "closed later", "untold"],
)
def test_no_computation_fails_for_want_of_a_stderr(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient = lambda stream, after: Progress(stream, 0.0)  # noqa: E731
    monkeypatch.setattr(_propagate, "Progress", impatient)
    monkeypatch.setattr(_lsuv, "Progress", impatient)
    expected = fastinit.propagate([3, 3]).to_dict()
    monkeypatch.setattr(sys, "stderr", stream)
    report, result = fastinit.propagate([3, 3]), fastinit.lsuv([32, 3], X)
    monkeypatch.undo()
    assert report.to_dict() == expected
    assert result.stds == fastinit.lsuv([32, 3], X).stds
