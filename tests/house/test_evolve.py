"""The example that trains policies by evolution strategies: each strategy on a function, and on a control task."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

import fastinit
from support.tools import load_example


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return load_example("evolve")


@pytest.mark.parametrize("strategy", ["openai", "csa", "snes"])
def test_a_strategy_finds_the_top_of_a_hill(example: ModuleType, strategy: str) -> None:
    """Of an elliptic one in twelve dimensions."""
    top, scale = np.linspace(-1.0, 1.0, 12, dtype=np.float32), np.linspace(1.0, 3.0, 12)
    search = example.STRATEGIES[strategy](np.zeros(12, np.float32), 0.3, 40, fastinit.Key(0))
    for _ in range(150):
        search.tell(-(((search.ask() - top) * scale) ** 2).sum(axis=1))
    assert np.abs(search.theta - top).max() < (0.2 if strategy == "openai" else 1e-3)  # the first keeps its sigma


def test_ranks_and_weights(example: ModuleType) -> None:
    fitness = np.array([3.0, -1.0, 10.0, 0.0])
    assert example.centered_ranks(fitness).tolist() == pytest.approx([1 / 6, -1 / 2, 1 / 2, -1 / 6])
    weights = example.log_weights(fitness)
    assert weights.sum() == pytest.approx(1)
    assert weights[2] > weights[0] > weights[3] == weights[1] == 0


def test_policies_are_views_of_the_population(example: ModuleType) -> None:
    widths = (4, 16, 2)
    theta = example.initial(widths, fastinit.Key(0))
    assert theta.size == 4 * 16 + 16 + 16 * 2 + 2
    assert example.layers(theta, widths)[0][0].std() == pytest.approx(0.5, abs=0.1)
    population = fastinit.perturb(theta, 0.1, 5, seed=1)
    policies = example.layers(population, widths)
    assert [array.shape for layer in policies for array in layer] == [(5, 4, 16), (5, 16), (5, 16, 2), (5, 2)]
    assert all(np.shares_memory(array, population) for layer in policies for array in layer)
    observations = fastinit.normal((5, 4), std=1.0, seed=2)
    found = example.act(policies, observations)
    for i in range(5):
        pairs = zip(example.layers(population[i], widths), ("tanh", None), strict=True)
        alone = fastinit.MLP([(*layer, name) for layer, name in pairs])
        assert alone(observations[i]).argmax() == found[i]


@pytest.mark.parametrize("strategy", ["openai", "csa", "snes"])
def test_cartpole_is_learnt(example: ModuleType, strategy: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("gymnasium", reason="Gymnasium is not installed")
    example.main(["cartpole", "--strategy", strategy])
    last = capsys.readouterr().out.splitlines()[-1]
    assert float(last.split(":")[1].split()[0]) >= 475.0


@pytest.mark.slow
def test_acrobot_is_learnt(example: ModuleType) -> None:
    """A task that Gymnasium runs one environment at a time."""
    pytest.importorskip("gymnasium", reason="Gymnasium is not installed")
    assert example.train(example.TASKS["acrobot"], "csa", 0, generations=10, report=False)[-1] >= -100.0
