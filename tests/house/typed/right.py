"""Calls that a type checker lets pass; test_types.py has mypy read this file, and nobody runs it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

import fastinit
from fastinit import schemes
from fastinit.forward import Activation
from fastinit.initializers import Entry

# Initializers
w = fastinit.he_normal((8, 4), seed=0)
assert_type(w, NDArray[Any])
fastinit.he_normal(np.int64(8), seed=np.uint32(3), threads=np.int32(2))
fastinit.he_normal([8, 4], seed=fastinit.Key(0).child("a", 1, b"c"), dtype=np.float64, batch_axis=())
fastinit.normal((8, 4), 0.0, 1, seed=np.random.default_rng(), dtype="bfloat16", out=None)
fastinit.uniform(8, seed=np.random.SeedSequence(1), index=(slice(0, 4),), out=np.empty(4, np.float32))
fastinit.variance_scaling((8, 4), 2, "fan_avg", "untruncated_normal", in_axis=(0, 1), out_axis=-1)
fastinit.orthogonal((3, 8, 4), batch_axis=0, dtype=np.complex64)
fastinit.constant((2, 2), [1.5, -1.0])
fastinit.get("he_normal")((8, 4), seed=0)
fastinit.get("normal")((8, 4), 0.0, 1.0, dtype=np.float64)
fastinit.get("variance_scaling")((8, 4), scale=2.0)
assert_type(fastinit.fans((8, 4)), tuple[int, int])

# Models
model = fastinit.initialize({"a": ("he_normal", (8, 4)), "b": (fastinit.normal, 4, {"std": 0.1})}, seed=0)
assert_type(model, dict[str, NDArray[Any]])
entries: dict[str, Entry] = {f"{i}": ("zeros", [8]) for i in range(3)}
fastinit.initialize(entries, seed=fastinit.Key(3), threads=2)
fastinit.initialize({"c": (lambda shape, seed: np.zeros(shape), (3, 3))})
schemes.t5((8, 4), head_dim=2, seed=0, dtype="float64", in_axis=0, out_axis=1)
schemes.zero_hadamard((2, 4), out=np.empty((2, 4), np.float32))
assert_type(schemes.mup((8, 4), (4, 4), batch_axis=()), NDArray[Any])
schemes.mup_rate((8, 4), (4, 4), "sgd")

# The forward pass
x32, w32 = np.ones((2, 8), np.float32), np.ones((8, 4), np.float32)
x64, w64 = np.ones((2, 8)), np.ones((8, 4))
assert_type(fastinit.dense(x32, w32, None, "relu"), NDArray[np.float32])
assert_type(fastinit.dense(x64, w64, np.zeros(4), ("leaky_relu", 0.2), threads=2), NDArray[np.float64])
fastinit.dense(x32, w, out=np.empty((2, 4), np.float32), transpose_weight=True)
assert_type(fastinit.activate(x32, "softmax"), NDArray[np.float32])
assert_type(fastinit.activate(x64, None, x64), NDArray[np.float64])
tanh: Activation = "tanh"
fastinit.activate(w, tanh)
network = fastinit.MLP([(w, None, "gelu"), (w32, np.zeros(4, np.float32), ("elu", 0.5)), (w32, None, tanh)])
assert_type(network(x32), NDArray[np.float32])
network.update(0, bias=np.zeros(4, np.float32))
fastinit.MLP.from_arrays(list(model.values()), [None, None], "silu", "log_softmax")
fastinit.MLP(network.layers)

# Evolution strategies
assert_type(fastinit.perturb(x32, 0.1, 4, seed=0, antithetic=True), NDArray[np.float32])
assert_type(fastinit.perturb(x64, np.ones(3), seed=fastinit.Key(0), out=x64), NDArray[np.float64])
assert_type(fastinit.recombine([1, 0.5], x32, seed=0), NDArray[np.float32])
fastinit.recombine(x64[0], x32, seed=np.random.SeedSequence(1), index=(slice(1), slice(1)), squares=True)

# Signals
fastinit.propagate([8, np.int64(4)], initializer="he_normal", activation=("softplus", 2.0), seed=fastinit.Key(1))
fastinit.propagate(network, x64, batch=16, condition=True)
report = fastinit.propagate([(w, None, "relu")], [[1, 2, 3]], initializer=fastinit.he_normal)
report.plot("signal.png")
layers, iterations, stds = fastinit.lsuv([8, 4], x32, activation=None, seed=3)
fastinit.MLP(layers)
fastinit.propagate(layers)
fastinit.lsuv(network, x64.tolist())
assert_type(fastinit.gain("leaky_relu", 0.2), float)
fastinit.gain(("softplus", 2.0), convention="torch")
assert_type(fastinit.info()["threads"], int)
