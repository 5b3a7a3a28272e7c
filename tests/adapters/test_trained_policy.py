"""The example that trains a policy with PyTorch and runs it: what it learns, and that both compute the same."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from support.tools import load_example

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from fastinit.convert import from_torch
from support.converted import assert_agrees


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return load_example("trained_policy")


def test_the_poles_fall_as_gymnasium_has_it(example: ModuleType) -> None:
    poles = example.CartPole(2, 0)
    poles.state = np.array([[0.1, -0.2, 0.05, 0.3], [2.39, 3.0, 0.0, 0.0]], np.float32)
    ended = poles.step(np.array([1, 0]))
    assert ended.tolist() == [False, True]
    # By the equations of CartPole-v1, worked out in double precision.
    assert np.allclose(poles.state[0], [0.096, -0.00562507, 0.056, 0.02349585], atol=1e-5)
    assert poles.lengths == [1]
    assert poles.age.tolist() == [1, 0]
    assert np.abs(poles.state[1]).max() <= 0.05


def test_it_learns_and_runs(example: ModuleType) -> None:
    actor, history = example.train(12)
    assert history[0] < 40
    assert max(history) > 2 * history[0]
    policy = from_torch(actor)
    x = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    with torch.no_grad():
        assert_agrees(policy, x, actor(torch.from_numpy(x)).numpy())
    lengths, times = example.run(policy, 600)
    assert len(times) == 600
    assert sum(lengths) <= 600
    assert lengths == example.run(policy, 600)[0]
    assert np.mean(lengths) > 2 * 9  # of the steps that any constant action lasts


def test_the_command_prints_latencies(example: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    example.main(["--iterations", "1", "--steps", "200"])
    torch.set_num_threads(threads)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "MLP(4 -> 64 tanh -> 64 tanh -> 2 linear, float32, 4610 parameters)"
    assert lines[3].startswith("one call of fastinit: median ")
    assert "99th percentile" in lines[4]
