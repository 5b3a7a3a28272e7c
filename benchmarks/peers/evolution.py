"""A generation of an evolution strategy, and its parts, by fastinit and by the best that NumPy alone does.

The gradient is the weighted sum of the noise. NumPy keeps that beside the population. fastinit makes it again, or takes
the sum of the members themselves, as the weights add up to 0. Both draw float32 into arrays that are there before, and
run all members' networks by one product a layer, on views of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np

import fastinit
from benchmarks.peers import numpy_idioms
from benchmarks.peers.networks import POPULATION, activate_in_place, inputs
from benchmarks.peers.types import Array, Job

WIDTHS = (8, 64, 64, 4)
ROWS = 16
BLOCK = 64
SIGMA = 0.1


def parameters(widths: Sequence[int]) -> int:
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(widths))


def theta_of(widths: Sequence[int]) -> Array:
    return fastinit.normal(parameters(widths), 0.0, 0.1, seed=7)


def policies(population: Array, widths: Sequence[int]) -> list[tuple[Array, Array, str | None]]:
    """Every layer's weights (P, in, out) and biases (P, out), views of the rows."""
    made, at = [], 0
    for i, (depth, columns) in enumerate(pairwise(widths)):
        weight = population[:, at : at + depth * columns].reshape(-1, depth, columns)
        at += depth * columns
        made.append((weight, population[:, at : at + columns], "tanh" if i + 2 < len(widths) else None))
        at += columns
    return made


def fitness_of(outputs: Array) -> Array:
    """Something that depends on all outputs."""
    return np.square(outputs).mean(axis=(1, 2))


def centered(fitness: Array) -> Array:
    return ((fitness - fitness.mean()) / (fitness.std() * len(fitness) * SIGMA)).astype(np.float32)


# ---- theta + sigma eps ----


def perturb_by_fastinit(size: int, theta: Array, antithetic: bool = False) -> Job:
    out = np.empty((size, theta.size), np.float32)
    return partial(fastinit.perturb, theta, SIGMA, size, seed=3, out=out, antithetic=antithetic)


def perturb_by_expression(size: int, theta: Array) -> Job:
    """theta + sigma * standard_normal, as it is written."""
    rng = np.random.default_rng(0)
    return lambda: theta + np.float32(SIGMA) * rng.standard_normal((size, theta.size), dtype=np.float32)


def perturb_by_numpy(size: int, theta: Array) -> Job:
    """Into arrays that are there, by the fastest generator, row by row while they are in the cache."""
    rng, out = numpy_idioms.generator(), np.empty((size, theta.size), np.float32)

    def perturb() -> Array:
        for row in out:
            rng.standard_normal(dtype=np.float32, out=row)
            row *= np.float32(SIGMA)
            row += theta
        return out

    return perturb


def perturbing(size: int, widths: Sequence[int]) -> dict[str, Job]:
    theta = theta_of(widths)
    jobs = {
        "fastinit": perturb_by_fastinit(size, theta),
        "fastinit, antithetic": perturb_by_fastinit(size, theta, antithetic=True),
        "numpy": perturb_by_numpy(size, theta),
        "numpy expression": perturb_by_expression(size, theta),
    }
    for name, job in jobs.items():
        z = (job() - theta) / SIGMA
        assert z.shape == (size, theta.size), name
        assert abs(float(z.mean())) < 0.01, name
        assert abs(float(z.std()) - 1.0) < 0.01, name
    return jobs


# ---- a generation: perturb, evaluate on rows of observations each, the gradient, the update ----


def blocks(size: int) -> list[slice]:
    """Members whose parameters and activations stay in the second-level cache together."""
    return [slice(first, first + BLOCK) for first in range(0, size, BLOCK)]


def generation_by_fastinit(size: int, widths: Sequence[int], antithetic: bool = False, again: bool = True) -> Job:
    """The gradient of noise that is made `again`, or of the members."""
    theta, x = theta_of(widths), inputs((size, ROWS, widths[0]))
    population, gradient = np.empty((size, theta.size), np.float32), np.empty_like(theta)
    hidden = [np.empty((BLOCK, ROWS, columns), np.float32) for columns in widths[1:]]
    fitness = np.empty(size, np.float32)

    def generation() -> Array:
        for rows in blocks(size):
            members, h = population[rows], x[rows]
            index = (rows, slice(None))
            fastinit.perturb(theta, SIGMA, size, seed=3, index=index, out=members, antithetic=antithetic)
            for (weight, bias, activation), out in zip(policies(members, widths), hidden, strict=True):
                h = fastinit.dense(h, weight, bias, activation, out=out)
            fitness[rows] = fitness_of(h)
        weights = centered(fitness)
        if again:
            fastinit.recombine(weights, theta, seed=3, out=gradient, antithetic=antithetic)
        else:
            fastinit.dense(weights / np.float32(SIGMA), population, out=gradient)
        np.add(theta, np.float32(1e-9) * gradient, out=theta)
        return gradient

    return generation


def generation_by_numpy(size: int, widths: Sequence[int], noise: Array | None = None, antithetic: bool = False) -> Job:
    """The noise is kept; given, it is not drawn, which is for the check of the others."""
    rng, theta, x = numpy_idioms.generator(), theta_of(widths), inputs((size, ROWS, widths[0]))
    pairs = 2 if antithetic else 1
    eps = np.empty((size // pairs, theta.size), np.float32) if noise is None else noise
    scaled, members = (np.empty((BLOCK // n, theta.size), np.float32) for n in (pairs, 1))
    hidden = [np.empty((BLOCK, ROWS, columns), np.float32) for columns in widths[1:]]
    fitness = np.empty(size, np.float32)

    def generation() -> Array:
        for rows in blocks(size):
            drawn, h = eps[rows.start // pairs : rows.stop // pairs], x[rows]
            if noise is None:
                rng.standard_normal(dtype=np.float32, out=drawn)
            np.multiply(drawn, np.float32(SIGMA), out=scaled)
            np.add(theta, scaled, out=members[::pairs])
            if antithetic:
                np.subtract(theta, scaled, out=members[1::2])
            for (weight, bias, activation), out in zip(policies(members, widths), hidden, strict=True):
                h = np.matmul(h, weight, out=out)
                h += bias[:, None, :]
                activate_in_place(h, activation)
            fitness[rows] = fitness_of(h)
        weights = centered(fitness)
        gradient: Array = (weights[0::2] - weights[1::2] if antithetic else weights) @ eps
        np.add(theta, np.float32(1e-9) * gradient, out=theta)
        return gradient

    return generation


def generations(size: int = POPULATION, widths: Sequence[int] = WIDTHS, antithetic: bool = False) -> dict[str, Job]:
    """All make the same gradient of the same noise."""
    eps = fastinit.normal((size // 2 if antithetic else size, parameters(widths)), 0.0, 1.0, seed=3)
    expected = generation_by_numpy(size, widths, eps, antithetic)()
    jobs = {
        "fastinit": generation_by_fastinit(size, widths, antithetic, again=False),
        "fastinit, noise made again": generation_by_fastinit(size, widths, antithetic),
    }
    for name, job in jobs.items():
        assert np.allclose(job(), expected, rtol=1e-2, atol=1e-3 * float(np.abs(expected).max())), name
    return jobs | {"numpy": generation_by_numpy(size, widths, antithetic=antithetic)}
