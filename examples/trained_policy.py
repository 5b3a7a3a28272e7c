"""A policy that PyTorch trains and fastinit runs: PPO on CartPole, then one call a step, and how long it takes.

    python examples/trained_policy.py

The weights begin as PPO has them, orthogonal, made by fastinit.torch. Experience is collected through fastinit, too:
the network takes the module's new weights after every update, in place. The trained policy is saved, loaded as a
process without PyTorch would, and run in a loop. CartPole stands here in a few lines of NumPy; its constants are
Gymnasium's.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

import fastinit
import fastinit.torch as init
from fastinit.convert import from_torch, layers_of

MOST_STEPS = 500
ENVIRONMENTS, STEPS, EPOCHS, PARTS = 32, 64, 4, 4
DISCOUNT, TRACE, CLIP, RATE = 0.98, 0.9, 0.2, 2e-3


class CartPole:
    """Many poles on carts at once; each that falls starts again."""

    def __init__(self, count: int, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._count = count
        self.state = self._start(count)
        self.age = np.zeros(count, np.int64)
        self.lengths: list[int] = []  # of the episodes that ended

    def _start(self, count: int) -> np.ndarray:
        return self._rng.uniform(-0.05, 0.05, (count, 4)).astype(np.float32)

    def step(self, actions: np.ndarray) -> np.ndarray:
        """Push each cart, to the left for 0 and to the right for 1; which poles fell."""
        _, speed, angle, turn = self.state.T
        force, pole, mass, half = np.where(actions == 1, 10.0, -10.0), 0.1, 1.1, 0.5
        sine, cosine = np.sin(angle), np.cos(angle)
        pushed = (force + pole * half * turn**2 * sine) / mass
        turning = (9.8 * sine - cosine * pushed) / (half * (4 / 3 - pole * cosine**2 / mass))
        moving = pushed - pole * half * turning * cosine / mass
        change = np.stack([speed, moving, turn, turning], axis=1)
        self.state = (self.state + 0.02 * change).astype(np.float32)
        self.age += 1
        fell = (np.abs(self.state[:, 0]) > 2.4) | (np.abs(self.state[:, 2]) > math.radians(12))
        ended = fell | (self.age >= MOST_STEPS)
        self.lengths += self.age[ended].tolist()
        self.age[ended] = 0
        self.state[ended] = self._start(int(ended.sum()))
        return ended


def network(outputs: int, gain: float, key: fastinit.Key) -> nn.Sequential:
    """Two hidden layers with orthogonal weights, as PPO begins."""
    module = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, outputs))
    for i, own in ((0, math.sqrt(2)), (2, math.sqrt(2)), (4, gain)):
        init.orthogonal_(module[i].weight, own, seed=key.child(i))
        init.zeros_(module[i].bias)
    return module


def train(iterations: int, seed: int = 0) -> tuple[nn.Sequential, list[float]]:
    """The actor, and how long episodes were in each iteration."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    key = fastinit.Key(seed)
    actor, critic = network(2, 0.01, key.child("actor")), network(1, 1.0, key.child("critic"))
    optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], RATE)
    policy, value = from_torch(actor), from_torch(critic)
    poles, history = CartPole(ENVIRONMENTS, seed), []
    for _ in range(iterations):
        policy.update_from(layers_of(actor))
        value.update_from(layers_of(critic))
        states = np.empty((STEPS + 1, ENVIRONMENTS, 4), np.float32)
        actions = np.empty((STEPS, ENVIRONMENTS), np.int64)
        ended = np.empty((STEPS, ENVIRONMENTS), np.bool_)
        poles.lengths.clear()
        for t in range(STEPS):
            states[t] = poles.state
            logits = policy(poles.state)
            actions[t] = rng.random(ENVIRONMENTS) < 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
            ended[t] = poles.step(actions[t])
        states[STEPS] = poles.state
        values = value(states)[..., 0]

        # Generalized advantages: a reward of 1 a step, and nothing after the end.
        advantages, trace = np.empty((STEPS, ENVIRONMENTS), np.float32), np.zeros(ENVIRONMENTS, np.float32)
        for t in reversed(range(STEPS)):
            goes_on = ~ended[t]
            trace = 1 + DISCOUNT * goes_on * values[t + 1] - values[t] + DISCOUNT * TRACE * goes_on * trace
            advantages[t] = trace
        learn(actor, critic, optimizer, states[:STEPS], actions, advantages, values[:STEPS] + advantages)
        history.append(float(np.mean(poles.lengths)) if poles.lengths else float(MOST_STEPS))
    return actor, history


def learn(
    actor: nn.Module,
    critic: nn.Module,
    optimizer: torch.optim.Optimizer,
    states: np.ndarray,
    actions: np.ndarray,
    advantages: np.ndarray,
    returns: np.ndarray,
) -> None:
    """PPO's clipped objective over what was collected."""
    x = torch.from_numpy(states).reshape(-1, 4)
    chosen = torch.from_numpy(actions).reshape(-1, 1)
    gains = torch.from_numpy(advantages).reshape(-1)
    gains = (gains - gains.mean()) / (gains.std() + 1e-8)
    goals = torch.from_numpy(returns).reshape(-1)
    with torch.no_grad():
        before = actor(x).log_softmax(1).gather(1, chosen)[:, 0]
    for _ in range(EPOCHS):
        for part in torch.randperm(len(x)).chunk(PARTS):
            likelihoods = actor(x[part]).log_softmax(1)
            ratio = (likelihoods.gather(1, chosen[part])[:, 0] - before[part]).exp()
            clipped = torch.minimum(ratio * gains[part], ratio.clamp(1 - CLIP, 1 + CLIP) * gains[part])
            error = (critic(x[part])[:, 0] - goals[part]) ** 2
            loss = -clipped.mean() + 0.5 * error.mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_([*actor.parameters(), *critic.parameters()], 0.5)
            optimizer.step()


def run(policy: fastinit.MLP, steps: int, seed: int = 1) -> tuple[list[int], np.ndarray]:
    """One pole, the likelier action at every step: how long episodes were, and each call's nanoseconds."""
    pole, logits, times = CartPole(1, seed), np.empty(2, np.float32), np.empty(steps, np.int64)
    for t in range(steps):
        state = pole.state[0]
        begin = time.perf_counter_ns()
        policy(state, logits)
        times[t] = time.perf_counter_ns() - begin
        pole.step(logits.argmax(keepdims=True))
    return pole.lengths, times


def run_in_torch(actor: nn.Module, steps: int) -> np.ndarray:
    """Nanoseconds of the module's own calls."""
    state, times = torch.zeros(4), np.empty(steps, np.int64)
    with torch.inference_mode():
        for t in range(steps):
            begin = time.perf_counter_ns()
            actor(state)
            times[t] = time.perf_counter_ns() - begin
    return times


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train CartPole's policy with PyTorch and run it with fastinit.")
    parser.add_argument("--iterations", type=int, default=40, help="of PPO (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=20_000, help="of the trained policy (default: %(default)s)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)

    actor, history = train(options.iterations)
    print("mean length of an episode: " + ", ".join(f"{length:.0f}" for length in history))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.safetensors"
        from_torch(actor).save(path)
        policy = fastinit.MLP.load(path)
    print(policy)

    lengths, times = run(policy, options.steps)
    print(f"trained policy, the likelier action: episodes of {np.mean(lengths or [options.steps]):.0f} steps")
    for name, found in (("fastinit", times), ("PyTorch", run_in_torch(actor, options.steps))):
        median, slow = np.percentile(found / 1000, (50, 99))
        print(f"one call of {name}: median {median:.2f} µs, 99th percentile {slow:.2f} µs")


if __name__ == "__main__":
    main()
