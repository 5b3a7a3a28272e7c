"""The example that compares schemes: its gradients, its tables and a short run."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from support.tools import ROOT, load_example


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return load_example("compare_schemes")


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh", "sigmoid"])
def test_gradients(example: ModuleType, activation: str) -> None:
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(6, 5)), np.array([0, 1, 2, 3, 1, 0])
    layers = [[rng.normal(size=(2, *shape)), rng.normal(size=(2, shape[1]))] for shape in ((5, 7), (7, 4))]

    def losses() -> np.ndarray:
        logits = example.forward(layers, x, activation)[-1]
        logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return -logs[:, np.arange(6), labels].mean(axis=-1)

    found = example.gradients(layers, example.forward(layers, x, activation), labels, activation)
    for pair, gradients in zip(layers, found, strict=True):
        for array, gradient in zip(pair, gradients, strict=True):
            assert gradient.shape == array.shape
            at = tuple(n // 2 for n in array.shape)
            before = array[at]
            array[at] = before + 1e-6
            above = losses()
            array[at] = before - 1e-6
            difference = (above - losses())[at[0]] / 2e-6
            array[at] = before
            assert gradient[at] == pytest.approx(difference, rel=1e-5, abs=1e-9)


def test_a_short_run_learns(example: ModuleType) -> None:
    pytest.importorskip("sklearn")
    data = example.digits()
    assert [part.shape for part in data] == [(1437, 64), (1437,), (360, 64), (360,)]
    assert data[0].std() == pytest.approx(0.976, abs=0.01)
    good, bad = (example.train(scheme, "relu", 2, 2, 3, data) for scheme in ("he_normal", "zeros"))
    assert good.accuracy > 0.9
    assert good.epochs_to_90 <= 3
    assert good.verdict == "healthy"
    assert bad.accuracy < 0.2
    assert bad.epochs_to_90 is None
    assert bad.verdict == "symmetric"


@pytest.mark.parametrize("scheme", ["lsuv", "zeros, random biases", "normal x (√(6/in) + √(6/out))"])
def test_starts(example: ModuleType, scheme: str) -> None:
    x = np.random.default_rng(0).normal(size=(300, 64)).astype(np.float32)
    layers = example.initial(scheme, "tanh", 2, 0, x)
    assert [weight.shape for weight, _ in layers] == [(64, 64), (64, 64), (64, 10)]
    assert {array.dtype for pair in layers for array in pair} == {np.dtype("float32")}
    if scheme == "lsuv":
        assert (x[:256] @ layers[0][0]).std() == pytest.approx(1, abs=0.02)
    elif scheme == "zeros, random biases":
        assert not layers[0][0].any()
        assert layers[0][1].std() > 0.5
    else:
        assert layers[0][0].std() == pytest.approx(2 * (6 / 64) ** 0.5, rel=0.05)


def test_the_committed_table_is_that_of_the_page(example: ModuleType) -> None:
    page = ROOT / "docs/choosing.md"
    results = example.read_csv(page.parent / "choosing/schemes.csv")
    assert len(results) == len(example.SCHEMES) * len(example.ACTIVATIONS) * len(example.DEPTHS)
    text = page.read_text()
    for part in (example.tables(results), example.best(results), example.predictions(results)):
        assert part.strip() in text
