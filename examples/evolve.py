"""Train a policy without gradients, by three evolution strategies on two control tasks, with fastinit alone.

Run it from the project's root::

    pip install '.[examples]' && python examples/evolve.py cartpole    # or acrobot

The tasks are Gymnasium's: CartPole-v1, a pole that is kept upright, solved at a mean return of 475 (of at most 500),
and Acrobot-v1, a double pendulum that is swung up, solved at -100 (of at least -500). The strategies differ in what
they do with the ranks of a population:

    openai   a gradient of the expected fitness, from mirrored pairs (Salimans et al., 2017)
    csa      the best half recombined, one step size, adapted by the length of its path (Hansen and Ostermeier, 2001)
    snes     a step size for every parameter, adapted by squares (Schaul, Glasmachers and Schmidhuber, 2011)

No strategy stores its noise: a generation's key names it, `perturb` adds it, `recombine` makes it again to sum it up.
And no network is built: a population's policies are views of its rows, and one `dense` call a layer runs all of them.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import Any, Protocol

import numpy as np

import fastinit

Array = np.ndarray

SIGMA = 0.3
JUDGED = 20  # episodes by which theta itself is judged


# ---- strategies: `ask` draws a population, `tell` learns from its fitness, more being better ----


class Strategy(Protocol):
    theta: Array

    def ask(self) -> Array: ...
    def tell(self, fitness: Array) -> None: ...


def centered_ranks(fitness: Array) -> Array:
    """From -1/2 for the worst to 1/2 for the best."""
    return fitness.argsort().argsort() / (len(fitness) - 1) - 0.5


def log_weights(fitness: Array) -> Array:
    """Of the better half, falling with the logarithm of the rank, their sum 1; 0 for the others."""
    place = (-fitness).argsort().argsort()
    weights = np.maximum(0.0, math.log(len(fitness) / 2 + 0.5) - np.log(place + 1.0))
    return weights / weights.sum()


class OpenAI:
    def __init__(self, theta: Array, sigma: float, population: int, key: fastinit.Key, rate: float = 0.5) -> None:
        self.theta, self.sigma, self.population, self.rate = theta.copy(), sigma, population, rate
        self.key, self.generation = key, 0

    def ask(self) -> Array:
        self.seed = self.key.child("noise", self.generation)
        return fastinit.perturb(self.theta, self.sigma, self.population, seed=self.seed, antithetic=True)

    def tell(self, fitness: Array) -> None:
        weights = centered_ranks(fitness) / (self.population * self.sigma)
        self.theta += self.rate * fastinit.recombine(weights, self.theta, seed=self.seed, antithetic=True)
        self.generation += 1


class CSA:
    def __init__(self, theta: Array, sigma: float, population: int, key: fastinit.Key) -> None:
        self.theta, self.sigma, self.population = theta.copy(), sigma, population
        self.key, self.generation = key, 0
        self.path = np.zeros_like(theta)

    def ask(self) -> Array:
        self.seed = self.key.child("noise", self.generation)
        return fastinit.perturb(self.theta, self.sigma, self.population, seed=self.seed)

    def tell(self, fitness: Array) -> None:
        weights = log_weights(fitness)
        step = fastinit.recombine(weights, self.theta, seed=self.seed)
        n, selected = self.theta.size, 1.0 / (weights**2).sum()
        memory = (selected + 2) / (n + selected + 5)
        damping = 1 + memory + 2 * max(0.0, math.sqrt((selected - 1) / (n + 1)) - 1)
        self.theta += np.float32(self.sigma) * step
        self.path = (1 - memory) * self.path + math.sqrt(memory * (2 - memory) * selected) * step
        expected = math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n))  # length of a standard normal vector
        self.sigma *= math.exp(memory / damping * (float(np.linalg.norm(self.path)) / expected - 1))
        self.generation += 1


class SNES:
    def __init__(self, theta: Array, sigma: float, population: int, key: fastinit.Key) -> None:
        self.theta, self.sigma, self.population = theta.copy(), np.full_like(theta, sigma), population
        self.key, self.generation = key, 0

    def ask(self) -> Array:
        self.seed = self.key.child("noise", self.generation)
        return fastinit.perturb(self.theta, self.sigma, self.population, seed=self.seed)

    def tell(self, fitness: Array) -> None:
        utilities = log_weights(fitness) - 1 / self.population  # their sum is 0
        rate = (3 + math.log(self.theta.size)) / (5 * math.sqrt(self.theta.size))
        self.theta += self.sigma * fastinit.recombine(utilities, self.theta, seed=self.seed)
        squares = fastinit.recombine(utilities, self.theta, seed=self.seed, squares=True)
        self.sigma *= np.exp(rate / 2 * squares)
        self.generation += 1


STRATEGIES: dict[str, Callable[[Array, float, int, fastinit.Key], Strategy]] = {
    "openai": OpenAI,
    "csa": CSA,
    "snes": SNES,
}


# ---- policies ----


def layers(parameters: Array, widths: tuple[int, ...]) -> list[tuple[Array, Array]]:
    """Weights (..., in, out) and biases (..., out), views of parameters (..., n)."""
    found, at = [], 0
    for inputs, outputs in pairwise(widths):
        weight = parameters[..., at : at + inputs * outputs]
        at += inputs * outputs
        bias = parameters[..., at : at + outputs]
        at += outputs
        found.append((weight.reshape(*parameters.shape[:-1], inputs, outputs), bias))
    return found


def initial(widths: tuple[int, ...], key: fastinit.Key) -> Array:
    """All parameters of one policy in a row: LeCun-normal weights, no biases."""
    theta = np.zeros(sum((inputs + 1) * outputs for inputs, outputs in pairwise(widths)), np.float32)
    for i, (weight, _) in enumerate(layers(theta, widths)):
        fastinit.lecun_normal(weight.shape, seed=key.child("layer", i), out=weight)
    return theta


def act(policies: list[tuple[Array, Array]], observations: Array) -> Array:
    """The actions of P policies, given an observation (P, in) each."""
    x = observations.astype(np.float32)[:, None]
    for i, (weight, bias) in enumerate(policies):
        x = fastinit.dense(x, weight, bias, "tanh" if i + 1 < len(policies) else None)
    return x[:, 0].argmax(axis=1)


# ---- tasks ----


@dataclass(frozen=True)
class Task:
    id: str
    widths: tuple[int, ...]  # observations, hidden units, actions
    steps: int  # of an episode, at most
    population: int
    solved: float  # the mean return that counts as solved


TASKS = {
    "cartpole": Task("CartPole-v1", (4, 16, 2), 500, 64, 475.0),
    "acrobot": Task("Acrobot-v1", (6, 16, 3), 500, 32, -100.0),
}


def environments(task: Task, count: int) -> Any:
    try:
        import gymnasium
    except ImportError:
        raise SystemExit("this example needs Gymnasium: pip install 'fastinit[examples]'") from None
    at_once = gymnasium.spec(task.id).vector_entry_point is not None
    return gymnasium.make_vec(task.id, count, vectorization_mode="vector_entry_point" if at_once else "sync")


def returns(task: Task, tracks: Any, population: Array, seed: int) -> Array:
    """The return of one episode of every member, all of them side by side."""
    policies = layers(population, task.widths)
    observations, _ = tracks.reset(seed=seed)
    total, running = np.zeros(len(population)), np.ones(len(population), bool)
    for _ in range(task.steps):
        observations, reward, ended, cut_off, _ = tracks.step(act(policies, observations))
        total += reward * running
        running &= ~(ended | cut_off)
        if not running.any():
            break
    return total


def train(task: Task, strategy: str, seed: int, generations: int, report: bool = True) -> list[float]:
    """The mean returns of theta itself, generation by generation, until they are those of a solved task."""
    key = fastinit.Key(seed)
    search = STRATEGIES[strategy](initial(task.widths, key), SIGMA, task.population, key)
    tracks, judges = environments(task, task.population), environments(task, JUDGED)
    history = []
    for generation in range(generations):
        start = perf_counter()
        search.tell(returns(task, tracks, search.ask(), 1000 * seed + generation))
        took = perf_counter() - start
        judged = np.broadcast_to(search.theta, (JUDGED, search.theta.size))
        history.append(float(returns(task, judges, judged, 10**6 + seed).mean()))
        if report:
            print(f"{strategy:>7} {generation:4d}: mean return {history[-1]:8.1f}, {1e3 * took:6.1f} ms a generation")
        if history[-1] >= task.solved:
            break
    tracks.close()
    judges.close()
    return history


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train a policy by evolution strategies.")
    parser.add_argument("task", choices=TASKS, nargs="?", default="cartpole")
    parser.add_argument("--strategy", choices=STRATEGIES, default=None, help="all of them by default")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    parser.add_argument("--generations", type=int, default=40, help="at most (default: %(default)s)")
    options = parser.parse_args(arguments)
    for strategy in [options.strategy] if options.strategy else STRATEGIES:
        history = train(TASKS[options.task], strategy, options.seed, options.generations)
        print(f"{strategy:>7}: {history[-1]:.1f} after {len(history)} generations")


if __name__ == "__main__":
    main()
