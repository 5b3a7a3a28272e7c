"""Calls that a type checker must report: each line that ends in `# wrong`, and no other. Nobody runs this file."""

from __future__ import annotations

import numpy as np

import fastinit
from fastinit import schemes

x32, w32 = np.ones((2, 8), np.float32), np.ones((8, 4), np.float32)
x64, w64 = np.ones((2, 8)), np.ones((8, 4))
network = fastinit.MLP([(w32, None, None)])

# Initializers
fastinit.he_normal((8, 4), seed="x")  # wrong
fastinit.he_normal((8, 4), seed=1.0)  # wrong
fastinit.he_normal("84")  # wrong
fastinit.he_normal((8.0, 4))  # wrong
fastinit.he_normal((8, 4), 2.0)  # wrong
fastinit.he_normal((8, 4), sed=0)  # wrong
fastinit.he_normal((8, 4), out=[0.0])  # wrong
fastinit.he_normal((8, 4), index=slice(2))  # wrong
fastinit.he_normal((8, 4), threads="2")  # wrong
fastinit.he_normal((8, 4), in_axis=0.5)  # wrong
fastinit.he_normal((8, 4), dtype=32)  # wrong
fastinit.he_normal()  # wrong
fastinit.xavier_normal((8, 4), seed="x")  # wrong
fastinit.normal((8, 4), std="0.1")  # wrong
fastinit.variance_scaling((8, 4), mode="fanin")  # wrong
fastinit.variance_scaling((8, 4), distribution="normal")  # wrong
fastinit.orthogonal((8, 4), batch_axis="0")  # wrong
fastinit.orthogonal((8, 4), precise="yes")  # wrong
fastinit.constant((8, 4), lambda: 1.0)  # wrong
fastinit.get("he_normal")((8, 4), seed="x")  # wrong
fastinit.get(fastinit.he_normal)  # wrong
fastinit.fans((8, 4), in_axis="0")  # wrong
fastinit.Key("a")  # wrong
fastinit.Key(0).child(1.5)  # wrong
fastinit.initialize([("he_normal", (8, 4))])  # wrong
fastinit.initialize({"a": ("he_normal",)})  # wrong
fastinit.initialize({"a": ("he_normal", 0.5)})  # wrong
fastinit.initialize({"a": ("he_normal", (8, 4), 0)})  # wrong
fastinit.initialize({"a": ("he_normal", (8, 4))}, seed="x")  # wrong
schemes.t5((8, 4), sed=0)  # wrong
schemes.gpt2_residual((8, 4), layers=2, in_axis=0)  # wrong
schemes.mup((8, 4), (4, 4), seed="x")  # wrong
schemes.mup_rate((8, 4), (4, 4), "adamw")  # wrong

# The forward pass
fastinit.dense(w32, w32, None, "reluu")  # wrong
fastinit.dense(w32, w64)  # wrong
fastinit.dense(x32, w32, np.zeros(4))  # wrong
fastinit.dense([[1.0]], w32)  # wrong
fastinit.dense(x32.astype(np.float16), w32.astype(np.float16))  # wrong
fastinit.dense(x32, w32, None, ("tanh", 0.1))  # wrong
fastinit.dense(x32, w32, None, ("leaky_relu", "0.1"))  # wrong
fastinit.dense(x32, w32, out=np.empty((2, 4)))  # wrong
fastinit.dense(x32, w32, threads=1.5)  # wrong
fastinit.activate(x32, "swisch")  # wrong
fastinit.activate(x32.astype(np.int64), "relu")  # wrong
fastinit.activate(x32, "relu", x64)  # wrong
fastinit.MLP([(w32, None)])  # wrong
fastinit.MLP([(w32, None, "reluu")])  # wrong
fastinit.MLP.from_arrays([w32], activation="reluu")  # wrong
network(x32, threads="2")  # wrong
network.update("0", w32)  # wrong

# Signals
fastinit.propagate("784,10")  # wrong
fastinit.propagate([8, 4.0])  # wrong
fastinit.propagate([8, 4], activation="reluu")  # wrong
fastinit.perturb(w32, 0.1)  # wrong
fastinit.perturb([0.0], 0.1, seed=0)  # wrong
fastinit.perturb(w32, "0.1", seed=0)  # wrong
fastinit.recombine(w32[0], (4,), seed=0)  # wrong
fastinit.recombine(w32[0], w32, seed="x")  # wrong
fastinit.recombine(w32[0], w32, seed=np.random.default_rng(0))  # wrong
fastinit.propagate([8, 4], seed="x")  # wrong
fastinit.propagate([8, 4], initializer=0)  # wrong
fastinit.propagate([8, 4]).plot(3)  # wrong
fastinit.lsuv([8, 4], x32, activation="reluu")  # wrong
fastinit.lsuv([8, 4])  # wrong
fastinit.gain("softmax")  # wrong
fastinit.gain("tanh", convention="keras")  # wrong
fastinit.info()["thread"]  # wrong
