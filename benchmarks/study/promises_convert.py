"""Measure what converted networks promise beside the frameworks that they come from, and print the tables.

    taskset -c 1 python benchmarks/study/promises_convert.py

takes about a minute. One processor and one thread for all, the processor's time, the median of rounds in which they
take turns. Results are checked before they are timed.
"""

from __future__ import annotations

import copy
import os
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from torch import nn

from fastinit import MLP
from fastinit.convert import from_keras, from_onnx, from_sklearn, from_torch, layers_of

Job = Callable[[], Any]
ROUNDS = 41


def medians(jobs: dict[str, Job], seconds: float = 1e-3) -> dict[str, float]:
    """Processor seconds of a call of each, in turns of about so many seconds."""
    calls = {}
    for name, job in jobs.items():
        job()
        start = time.process_time()
        for _ in range(5):
            job()
        calls[name] = max(1, round(5 * seconds / max(1e-7, time.process_time() - start)))
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(ROUNDS):
        for name in list(jobs)[:: -1 if number % 2 else 1]:
            job = jobs[name]
            start = time.process_time()
            for _ in range(calls[name]):
                job()
            times[name].append((time.process_time() - start) / calls[name])
    return {name: statistics.median(found) for name, found in times.items()}


def policy() -> nn.Module:
    """8-64-64-4 with tanh, of a control task's size."""
    torch.manual_seed(0)
    layers = [nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 4)]
    return nn.Sequential(*layers).requires_grad_(False)


def session_of(network: MLP) -> onnxruntime.InferenceSession:
    nodes, constants, name = [], [], "x"
    for i, (weight, bias, activation) in enumerate(network.layers):
        assert bias is not None
        constants += [numpy_helper.from_array(weight, f"w{i}"), numpy_helper.from_array(bias, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [name, f"w{i}", f"b{i}"], [f"h{i}"]))
        name = f"h{i}"
        if activation is not None:
            nodes.append(helper.make_node("Tanh", [name], [f"a{i}"]))
            name = f"a{i}"
    ends = [helper.make_tensor_value_info(each, TensorProto.FLOAT, [None, None]) for each in ("x", name)]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    assert np.array_equal(from_onnx(model).weights[0], network.weights[0])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def keras_of(network: MLP) -> Any:
    layers = [keras.layers.Dense(each.weight.shape[1], each.activation) for each in network.layers]
    model = keras.Sequential([keras.Input(network.weights[0].shape[:1]), *layers])
    for layer, own in zip(layers, network.layers, strict=True):
        layer.set_weights([own.weight, own.bias])
    assert np.array_equal(from_keras(model).weights[0], network.weights[0])
    return model


def policy_rows(rows: int) -> dict[str, float]:
    """A batch of observations by each library; a single one as it comes, without an axis for the batch if it may."""
    module = policy()
    network = from_torch(module)
    scripted = torch.jit.freeze(torch.jit.script(module.eval()))
    session, model = session_of(network), keras_of(network)
    x = np.random.default_rng(0).normal(size=(rows, 8)).astype(np.float32)
    one = x[0] if rows == 1 else x
    tensor, tensors = torch.from_numpy(one), keras.ops.convert_to_tensor(x)
    out = np.empty((*one.shape[:-1], 4), np.float32)
    jobs: dict[str, Job] = {
        "fastinit": lambda: network(one),
        "fastinit, out=": lambda: network(one, out),
        "fastinit, from a tensor's memory": lambda: network(tensor.numpy()),
        "fastinit, predict(tensor)": lambda: network.predict(tensor),
        "ONNX Runtime": lambda: session.run(None, {"x": x})[0],
        "PyTorch": lambda: module(tensor),
        "PyTorch, scripted and frozen": lambda: scripted(tensor),
        "Keras, model(x)": lambda: model(tensors),
    }
    with torch.inference_mode():
        expected = network(one)
        for name, job in jobs.items():
            assert np.abs(np.asarray(job()).reshape(expected.shape) - expected).max() < 1e-5, name
        return medians(jobs)


def digits_rows() -> dict[str, tuple[float, float]]:
    """predict_proba and predict of scikit-learn's classifier of digits, by it and by what it became."""
    x, y = load_digits(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = MLPClassifier((64,), max_iter=20, random_state=0).fit(x, y)
    network, found = from_sklearn(estimator), {}
    assert np.array_equal(network.predict(x), estimator.predict(x))
    assert np.abs(network.predict_proba(x) - estimator.predict_proba(x)).max() < 1e-12
    for rows in (1, len(x)):
        part = x[:rows]
        for name in ("predict_proba", "predict"):
            ours, theirs = (partial(getattr(each, name), part) for each in (network, estimator))
            pair = medians({"ours": ours, "theirs": theirs})
            found[f"{name}, {rows} row{'s' * (rows > 1)}"] = pair["ours"], pair["theirs"]
    return found


def updates() -> dict[str, float]:
    """New weights of a module: into the network that is there, or into a new one."""
    module = policy()
    network = from_torch(module)
    other = copy.deepcopy(module)
    for parameter in other.parameters():
        parameter.add_(1)
    pair = [layers_of(module), layers_of(other)]
    turn = [0]

    def changed() -> None:
        turn[0] ^= 1
        network.update_from(pair[turn[0]])

    return medians(
        {
            "from_torch(module)": lambda: from_torch(module),
            "layers_of(module)": lambda: layers_of(module),
            "update_from(layers), all changed": changed,
            "update_from(layers), none changed": lambda: network.update_from(pair[turn[0]]),
        }
    )


def main() -> None:
    torch.set_num_threads(1)
    columns = {rows: policy_rows(rows) for rows in (1, 256)}
    print("| 8-64-64-4 tanh, float32 | 1 row, µs | 256 rows, µs |\n|---|---|---|")
    for name in columns[1]:
        print(f"| {name} | {' | '.join(f'{1e6 * found[name]:.2f}' for found in columns.values())} |")
    print("\n| digits, 64-64-10, float64 | fastinit, µs | scikit-learn, µs | ratio |\n|---|---|---|---|")
    for name, (ours, theirs) in digits_rows().items():
        print(f"| {name} | {1e6 * ours:.2f} | {1e6 * theirs:.2f} | {theirs / ours:.1f}x |")
    print("\n| new weights, 8-64-64-4 | µs |\n|---|---|")
    for name, seconds in updates().items():
        print(f"| {name} | {1e6 * seconds:.1f} |")


if __name__ == "__main__":
    main()
