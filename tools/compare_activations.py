"""Where other libraries' activations differ from fastinit's: the table of docs/activations.md.

Run it from the project's root, once for each environment that has some of them::

    python tools/compare_activations.py

It measures PyTorch, JAX, Keras and ONNX Runtime, as many as can be imported, with their own defaults, in float32, and
writes their columns of the table; those of the others stay as they are. A row is there if any of them differs from
fastinit; a cell is empty where it does not, and a dash where there is no such function.
tests/adapters/test_activation_peers.py measures again.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import fastinit

PAGE = Path(__file__).resolve().parent.parent / "docs/activations.md"
BEGIN, END = "<!-- peers -->\n", "<!-- end of peers -->"
HEAD = ["function", "x", "fastinit"]
# The modules, and what the columns call them.
PEERS = {"torch": "PyTorch", "jax": "JAX", "keras": "Keras", "onnxruntime": "ONNX Runtime"}

VALUES = [math.nan, -math.inf, math.inf, -0.0, -1.0, 1.0, -95.0, 3e38]
ROWS = [(math.nan, 0.0), (math.inf, 0.0), (-math.inf, -math.inf), (-math.inf, 0.0)]
OF_ROWS = ("softmax", "log_softmax", "softmin", "sparsemax", "hardmax", "glu")
NAMES = (
    *("relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "sigmoid", "hard_sigmoid"),
    *("hard_silu", "tanh", "softplus", "softsign", "mish", "exp", "celu", "log_sigmoid", "hard_tanh", "hard_shrink"),
    *("soft_shrink", "tanh_shrink", "thresholded_relu", "squareplus", "sparse_plus", "sparse_sigmoid", *OF_ROWS),
)

Function = Callable[[np.ndarray], np.ndarray]


def torch_functions() -> dict[str, Function]:
    import torch
    from torch.nn import functional as f

    own = {
        **{n: getattr(f, n) for n in ("relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus")},
        **{n: getattr(f, n) for n in ("softsign", "mish", "celu")},
        **{n: getattr(torch, n) for n in ("sigmoid", "tanh", "exp")},
        "gelu_tanh": lambda x: f.gelu(x, approximate="tanh"),
        "hard_sigmoid": f.hardsigmoid, "hard_silu": f.hardswish, "log_sigmoid": f.logsigmoid, "hard_tanh": f.hardtanh,
        "hard_shrink": f.hardshrink, "soft_shrink": f.softshrink, "tanh_shrink": f.tanhshrink,
        "softmax": lambda x: f.softmax(x, -1), "log_softmax": lambda x: f.log_softmax(x, -1),
        "softmin": lambda x: f.softmin(x, -1), "glu": f.glu,
    }  # fmt: skip
    return {name: lambda x, g=g: g(torch.from_numpy(x)).numpy() for name, g in own.items()}


def jax_functions() -> dict[str, Function]:
    import jax
    from jax import nn

    own = {
        **{n: getattr(nn, n) for n in ("relu", "relu6", "leaky_relu", "elu", "selu", "silu", "sigmoid")},
        **{n: getattr(nn, n) for n in ("hard_silu", "tanh", "softplus", "mish", "celu", "log_sigmoid", "hard_tanh")},
        **{n: getattr(nn, n) for n in ("squareplus", "sparse_plus", "sparse_sigmoid", "softmax", "log_softmax", "glu")},
        "hard_sigmoid": nn.hard_sigmoid, "softsign": nn.soft_sign, "exp": jax.numpy.exp,
        "gelu": lambda x: nn.gelu(x, approximate=False), "gelu_tanh": nn.gelu,
    }  # fmt: skip
    return {name: lambda x, g=g: np.asarray(g(jax.numpy.asarray(x))) for name, g in own.items()}


def keras_functions() -> dict[str, Function]:
    from keras import activations as k
    from keras import ops

    own = {
        **{n: getattr(k, n) for n in ("relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "sigmoid")},
        **{n: getattr(k, n) for n in ("hard_sigmoid", "hard_silu", "tanh", "softplus", "softsign", "mish", "celu")},
        **{n: getattr(k, n) for n in ("log_sigmoid", "hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink")},
        **{n: getattr(k, n) for n in ("squareplus", "sparse_plus", "sparse_sigmoid", "softmax", "log_softmax")},
        "exp": k.exponential, "gelu_tanh": lambda x: k.gelu(x, approximate=True), "glu": k.glu,
        "thresholded_relu": lambda x: k.threshold(x, 1.0, 0.0), "sparsemax": k.sparsemax,
    }  # fmt: skip

    def of(g: Callable[..., Any]) -> Function:
        return lambda x: np.asarray(ops.convert_to_numpy(g(ops.convert_to_tensor(x))))

    return {name: of(g) for name, g in own.items()}


def onnxruntime_functions() -> dict[str, Function]:
    import onnxruntime
    from onnx import TensorProto, helper

    def model(operator: str, **attributes: Any) -> Function:
        node = helper.make_node(operator, ["x"], ["y"], **attributes)
        ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, None) for end in "xy"]
        graph = helper.make_graph([node], "one", ends[:1], ends[1:])
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
        return lambda x: np.asarray(session.run(None, {"x": x})[0])

    operators = {
        "relu": "Relu", "leaky_relu": "LeakyRelu", "elu": "Elu", "selu": "Selu", "gelu": "Gelu", "sigmoid": "Sigmoid",
        "hard_sigmoid": "HardSigmoid", "hard_silu": "HardSwish", "tanh": "Tanh", "softplus": "Softplus",
        "softsign": "Softsign", "mish": "Mish", "exp": "Exp", "celu": "Celu", "thresholded_relu": "ThresholdedRelu",
        "hard_shrink": "Shrink", "softmax": "Softmax", "log_softmax": "LogSoftmax", "hardmax": "Hardmax",
    }  # fmt: skip
    functions = {name: model(operator) for name, operator in operators.items()}
    functions["gelu_tanh"] = model("Gelu", approximate="tanh")
    functions["soft_shrink"] = model("Shrink", bias=0.5, lambd=0.5)
    return functions


def column(module: str) -> dict[tuple[str, str], str] | None:
    """What a library gives for every function and input, as text; None where it is not installed."""
    try:
        importlib.import_module(module)
    except ImportError:
        return None
    return texts(globals()[f"{module}_functions"]())


def texts(functions: dict[str, Function]) -> dict[tuple[str, str], str]:
    found = {}
    with np.errstate(all="ignore"):
        for name, function in functions.items():
            for given in ROWS if name in OF_ROWS else VALUES:
                y = function(np.atleast_1d(np.array(given, np.float32)))
                found[name, in_words(given)] = ", ".join(f"{float(value):.4g}" for value in y.ravel())
    return found


def in_words(given: Any) -> str:
    return ", ".join(f"{value:g}" for value in given) if isinstance(given, tuple) else f"{given:g}"


def own_column() -> dict[tuple[str, str], str]:
    return texts({name: lambda x, name=name: fastinit.activate(x, name) for name in NAMES})


def held() -> dict[str, dict[tuple[str, str], str]]:
    """The table of the page: for each column, the cells of its rows."""
    text = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    if len(rows) < 2:
        return {}
    return {word: {(row[0].strip("`"), row[1]): row[i] for row in rows[2:]} for i, word in enumerate(rows[0]) if i >= 2}


def main() -> int:
    own, before = own_column(), held()
    measured = {word: column(module) for module, word in PEERS.items()}
    cells: dict[str, dict[tuple[str, str], str]] = {}
    for word, found in measured.items():
        if found is None:
            cells[word] = before.get(word, {})
        else:
            cells[word] = {
                at: "-" if at not in found else "" if found[at] == value else found[at] for at, value in own.items()
            }
    lines = [f"| {' | '.join([*HEAD, *PEERS.values()])} |", "|" + "---|" * (len(HEAD) + len(PEERS))]
    for (name, given), value in own.items():
        row = [cells[word].get((name, given), "") for word in PEERS.values()]
        if any(cell not in ("", "-") for cell in row):
            lines.append(f"| `{name}` | {given} | {value} | {' | '.join(row)} |")
    head, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(head + BEGIN + "\n".join(lines) + "\n" + END + rest.partition(END)[2])
    return 0


if __name__ == "__main__":
    sys.exit(main())
