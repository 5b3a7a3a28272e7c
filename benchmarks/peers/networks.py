"""Dense layers and networks by each library: one job that runs the forward pass once, the best way it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

import fastinit
from benchmarks.peers.types import Array, Job

# (weight, bias, activation); every library gets the same arrays.
Layers = Sequence[tuple[Array, Array, str | None]]

DENSE = [(12, 64, 64), (36, 256, 256), (64, 784, 512), (264, 784, 128), (1024, 1024, 1024)]
FEW_ROWS = [(rows, 512, 512) for rows in (1, 8, 32)]
SMALL = [(16, 64, 64), (32, 64, 64), (16, 64, 4), (1024, 64, 4)]
MOST_OF_LIBXSMM = 1 << 25  # multiplications of a product that it is for
NETWORKS = [(8, 64, 64, 4), (784, 256, 128, 10), (512, 2048, 512)]
BATCHES = [1, 32, 1024]
ACTIVATIONS = ["relu", "tanh", "gelu"]
POPULATION = 256


def layers(widths: Sequence[int], activation: str | None, last: str | None = None) -> Layers:
    """A network of these widths, whose last layer is linear or has the activation `last`."""
    made = []
    for i, shape in enumerate(pairwise(widths)):
        weight = fastinit.lecun_normal(shape, seed=fastinit.Key(0).child(i))
        bias = fastinit.normal(shape[1:], 0.0, 0.1, seed=fastinit.Key(1).child(i))
        made.append((weight, bias, activation if i + 2 < len(widths) else last))
    return made


def inputs(shape: Sequence[int]) -> Array:
    return fastinit.normal(shape, 0.0, 1.0, seed=2)


def activate_in_place(h: Array, activation: str | None) -> None:
    """The best that NumPy and SciPy do."""
    if activation == "relu":
        np.maximum(h, 0, out=h)
    elif activation == "tanh":
        np.tanh(h, out=h)
    elif activation == "gelu":
        from scipy.special import erf

        scaled = h * np.float32(0.5**0.5)
        erf(scaled, out=scaled)
        scaled += 1
        scaled *= 0.5
        h *= scaled


def by_fastinit(network: Layers, x: Array) -> Job:
    return partial(fastinit.MLP(network), x)


def by_fastinit_dense(network: Layers, x: Array) -> Job:
    ((weight, bias, activation),) = network
    return partial(fastinit.dense, x, weight, bias, activation)


def by_numpy(network: Layers, x: Array) -> Job:
    def job() -> Array:
        h = x
        for weight, bias, activation in network:
            h = h @ weight
            h += bias
            activate_in_place(h, activation)
        return h

    return job


def by_torch(network: Layers, x: Array) -> Job:
    import torch
    from torch import nn

    torch.set_num_threads(1)
    modules: list[nn.Module] = []
    for weight, bias, activation in network:
        linear = nn.Linear(*weight.shape)
        linear.weight.data = torch.from_numpy(np.ascontiguousarray(weight.T))
        linear.bias.data = torch.from_numpy(bias.copy())
        modules.append(linear)
        if activation:
            modules.append({"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}[activation]())
    # Without gradients: as fast as inference mode that was entered beforehand, and without entering it in each call.
    model = (modules[0] if len(modules) == 1 else nn.Sequential(*modules)).requires_grad_(False)
    return partial(model, torch.from_numpy(x))


def by_jax(network: Layers, x: Array) -> Job:
    import jax

    functions = {
        "relu": jax.nn.relu,
        "tanh": jax.numpy.tanh,
        "gelu": partial(jax.nn.gelu, approximate=False),
        None: lambda h: h,
    }
    arrays = [(jax.numpy.asarray(weight), jax.numpy.asarray(bias)) for weight, bias, _ in network]
    names = [activation for *_, activation in network]

    @jax.jit
    def run(arrays: Any, h: Any) -> Any:
        for (weight, bias), name in zip(arrays, names, strict=True):
            h = functions[name](h @ weight + bias)
        return h

    tensor = jax.numpy.asarray(x)
    return lambda: run(arrays, tensor).block_until_ready()


def by_onnxruntime(network: Layers, x: Array) -> Job:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights, name = [], [], "x"
    for i, (weight, bias, activation) in enumerate(network):
        weights += [numpy_helper.from_array(weight, f"w{i}"), numpy_helper.from_array(bias, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [name, f"w{i}", f"b{i}"], [f"h{i}"]))
        name = f"h{i}"
        if activation:
            nodes.append(
                helper.make_node({"relu": "Relu", "tanh": "Tanh", "gelu": "Gelu"}[activation], [name], [f"a{i}"])
            )
            name = f"a{i}"
    first = helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)
    last = helper.make_tensor_value_info(name, TensorProto.FLOAT, (len(x), network[-1][1].size))
    graph = helper.make_graph(nodes, "network", [first], [last], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed = {"x": x}
    return lambda: session.run(None, feed)[0]


LIBRARIES: dict[str, Callable[[Layers, Array], Job]] = {
    "fastinit": by_fastinit,
    "numpy": by_numpy,
    "torch": by_torch,
    "jax": by_jax,
    "onnxruntime": by_onnxruntime,
}


def checked(job: Job, network: Layers, x: Array) -> Job:
    """The job, if its result is what float64 says to within float32's errors."""
    expected = x.astype(np.float64)
    for weight, bias, activation in network:
        expected = expected @ weight.astype(np.float64) + bias
        activate_in_place(expected, activation)
    found = np.asarray(job())
    assert found.shape == expected.shape, (found.shape, expected.shape)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max(), np.abs(found - expected).max()
    return job


def population(size: int, rows: int, widths: Sequence[int]) -> dict[str, Job]:
    """Networks of one shape with weights of their own: one call, a loop over NumPy's, and its batched product."""
    networks = []
    for i, shape in enumerate(pairwise(widths)):
        weight = fastinit.lecun_normal((size, *shape), batch_axis=0, seed=fastinit.Key(3).child(i))
        bias = fastinit.normal((size, shape[1]), 0.0, 0.1, seed=fastinit.Key(4).child(i))
        networks.append((weight, bias, "relu" if i + 2 < len(widths) else None))
    x = inputs((size, rows, widths[0]))
    single = [[(weight[i], bias[i], name) for weight, bias, name in networks] for i in range(size)]

    def loop() -> Array:
        return np.stack([by_numpy(network, x[i])() for i, network in enumerate(single)])

    def batched() -> Array:
        h = x
        for weight, bias, activation in networks:
            h = np.matmul(h, weight)
            h += bias[:, None, :]
            activate_in_place(h, activation)
        return h

    jobs = {"fastinit": partial(fastinit.MLP(networks), x), "numpy loop": loop, "numpy matmul": batched}
    for job in jobs.values():
        assert np.allclose(job(), batched(), rtol=1e-4, atol=1e-5)
    return jobs
