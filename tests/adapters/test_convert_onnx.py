"""fastinit.convert.from_onnx: every operator, random graphs against ONNX Runtime, and what is refused."""

from __future__ import annotations

import io
import math
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is not installed")

from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from fastinit.convert import _onnx, from_onnx, layers_of
from support.bits import assert_same_bits
from support.converted import assert_agrees

OPSET = 20
THIRD = float(np.float32(0.3))

# Nodes with their attributes and constants, and what they become.
ACTIVATIONS: list[tuple[str, dict[str, Any], list[Any], Any]] = [
    ("Celu", {}, [], ("elu", 1.0)),
    ("Clip", {}, [0.0, 6.0], "relu6"),
    ("Clip", {}, [0.0], "relu"),
    ("Elu", {}, [], ("elu", 1.0)),
    ("Elu", {"alpha": 0.3}, [], ("elu", THIRD)),
    ("Exp", {}, [], "exp"),
    ("Gelu", {}, [], "gelu"),
    ("Gelu", {"approximate": "tanh"}, [], "gelu_tanh"),
    ("HardSigmoid", {"alpha": 1 / 6}, [], "hard_sigmoid"),
    ("HardSwish", {}, [], "hard_silu"),
    ("LeakyRelu", {}, [], ("leaky_relu", 0.01)),
    ("LeakyRelu", {"alpha": 0.3}, [], ("leaky_relu", THIRD)),
    ("LogSoftmax", {}, [], "log_softmax"),
    ("Mish", {}, [], "mish"),
    ("PRelu", {}, [0.25], ("leaky_relu", 0.25)),
    ("Relu", {}, [], "relu"),
    ("Selu", {}, [], "selu"),
    ("Sigmoid", {}, [], "sigmoid"),
    ("Softmax", {"axis": 1}, [], "softmax"),
    ("Softplus", {}, [], "softplus"),
    ("Softsign", {}, [], "softsign"),
    ("Tanh", {}, [], "tanh"),
    ("ThresholdedRelu", {"alpha": 0.5}, [], ("thresholded_relu", 0.5)),
]
NEWER = {"Swish"}  # than the opset here


class Graph:
    """A chain of nodes that is being written."""

    def __init__(self, dtype: Any = np.float32) -> None:
        self.dtype, self.nodes, self.constants, self.last = np.dtype(dtype), [], [], "x"

    def constant(self, value: Any, dtype: Any = None) -> str:
        array = np.asarray(value, dtype or self.dtype)
        self.constants.append(numpy_helper.from_array(array, f"c{len(self.constants)}"))
        return str(self.constants[-1].name)

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node of these inputs; without any, or with "", of the last result."""
        names = [name or self.last for name in inputs] or [self.last]
        self.last = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [self.last], name=f"n{len(self.nodes)}", **attributes))
        return self.last

    def model(self, opset: int = OPSET, **options: Any) -> Any:
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)
        ends = [helper.make_tensor_value_info(name, kind, [None, None]) for name in ("x", self.last)]
        graph = helper.make_graph(self.nodes, "network", ends[:1], ends[1:], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10, **options)


def run(model: Any, x: np.ndarray) -> np.ndarray:
    runtime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run(None, {session.get_inputs()[0].name: x})[0]
    return result


def rows(count: int, width: int, dtype: Any = np.float32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, count, width]).standard_normal((count, width)).astype(dtype)


def assert_close(network: Any, x: np.ndarray, theirs: np.ndarray) -> None:
    assert_agrees(network, x, theirs)
    found = network(x)
    assert np.abs(found - theirs).max(initial=0.0) <= 1e-5 * max(1.0, np.abs(found).max(initial=0.0))


def test_every_row_of_the_table_is_tried() -> None:
    assert {name for name, *_ in ACTIVATIONS} == set(_onnx.OPERATORS) - NEWER


@pytest.mark.parametrize("case", ACTIVATIONS, ids=lambda case: f"{case[0]}-{case[-1]}")
def test_every_operator(case: Any) -> None:
    kind, attributes, constants, expected = case
    graph = Graph()
    for shape in ((5, 8), (8, 4)):
        graph.add("MatMul", "", graph.constant(rows(*shape)))
        graph.add(kind, "", *[graph.constant(value) for value in constants], **attributes)
    network = from_onnx(graph.model())
    assert [layer.activation for layer in network.layers] == [expected] * 2
    assert_close(network, rows(9, 5), run(graph.model(), rows(9, 5)))


def test_swish() -> None:
    graph = Graph()
    graph.add("MatMul", "", graph.constant(rows(5, 8)))
    graph.add("Swish")
    assert from_onnx(graph.model(24)).layers[0].activation == "silu"
    graph.add("MatMul", "", graph.constant(rows(8, 2)))
    graph.add("Swish", alpha=2.0)
    with pytest.raises(ValueError, match=r"layer 3 \(n3\): Swish must have alpha 1. Received: 2"):
        from_onnx(graph.model(24))


def test_clip_of_old_opsets() -> None:
    graph = Graph()
    graph.add("MatMul", "", graph.constant(rows(5, 8)))
    graph.add("Clip", min=0.0, max=6.0)
    assert from_onnx(graph.model(9)).layers[0].activation == "relu6"


def written_out(graph: Graph, name: str) -> None:
    """As exporters write activations of newer opsets for older ones."""
    x, c = graph.last, graph.constant
    if name == "silu":
        graph.add("Mul", graph.add("Sigmoid", x), x)
    elif name == "mish":
        graph.add("Mul", x, graph.add("Tanh", graph.add("Softplus", x)))
    elif name == "gelu":
        erf = graph.add("Add", graph.add("Erf", graph.add("Div", x, c(math.sqrt(2)))), c(1.0))
        graph.add("Mul", graph.add("Mul", x, erf), c(0.5))
    elif name == "gelu_tanh":
        cube = graph.add("Mul", c(0.044715), graph.add("Pow", x, c(3.0)))
        inner = graph.add("Mul", c(math.sqrt(2 / math.pi)), graph.add("Add", x, cube))
        graph.add("Mul", graph.add("Mul", c(0.5), x), graph.add("Add", c(1.0), graph.add("Tanh", inner)))
    elif name == "hard_silu":
        graph.add("Mul", x, graph.add("HardSigmoid", x, alpha=1 / 6))
    elif name == "softsign":
        graph.add("Div", x, graph.add("Add", c(1.0), graph.add("Abs", x)))
    elif name == "softplus":
        graph.add("Where", graph.add("Greater", x, c(20.0)), x, graph.add("Softplus", x))


@pytest.mark.parametrize("name", ["silu", "mish", "gelu", "gelu_tanh", "hard_silu", "softsign", "softplus"])
def test_activations_that_are_written_out(name: str) -> None:
    graph = Graph()
    for shape in ((5, 8), (8, 4)):
        graph.add("Gemm", "", graph.constant(rows(*shape)), graph.constant(rows(1, shape[1])[0]))
        written_out(graph, name)
    network = from_onnx(graph.model(17))
    assert [layer.activation for layer in network.layers] == [name, name]
    assert_close(network, rows(9, 5), run(graph.model(17), rows(9, 5)))


@settings(max_examples=60)
@given(st.data())
def test_random_graphs(data: st.DataObject) -> None:
    seed, dtype = data.draw(st.integers(0, 1000)), data.draw(st.sampled_from([np.float32, np.float32, np.float64]))
    rng, graph = np.random.default_rng(seed), Graph(dtype)
    widths = data.draw(st.lists(st.integers(1, 30), min_size=2, max_size=5))
    known = ("Relu", "Tanh", "Sigmoid", "Softmax", "LogSoftmax", "Clip")  # in float64, too, in ONNX Runtime
    activations = [case for case in ACTIVATIONS if dtype == np.float32 or case[0] in known]

    def draws(*values: Any) -> Any:
        return data.draw(st.sampled_from(values))

    def nothing() -> None:
        kind = draws("Flatten", "Identity", "Cast", "Reshape", "Dropout", None)
        if kind == "Cast":
            graph.add("Cast", to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
        elif kind == "Reshape":
            graph.add("Reshape", "", graph.constant([draws(0, -1), width], np.int64))
        elif kind is not None:
            graph.add(kind)

    def scaled() -> None:
        kind = draws("Add", "Sub", "Mul", "Div", "BatchNormalization", "c - x", None)
        value = graph.constant(rng.uniform(0.5, 1.5, draws((), (1,), (width,), (1, width))))
        if kind == "BatchNormalization":
            parts = [graph.constant(rng.uniform(0.5, 1.5, width)) for _ in range(4)]
            graph.add(kind, "", *parts, epsilon=draws(1e-5, 0.1))
        elif kind == "c - x":
            graph.add("Sub", value, "")
        elif kind is not None:
            first = draws(True, False) and kind in ("Add", "Mul")
            graph.add(kind, *((value, "") if first else ("", value)))

    width = widths[0]
    for depth, width in pairwise(widths):
        before, width = width, depth
        scaled()
        width = before
        weight = rows(depth, width, dtype, seed) / math.sqrt(depth)
        if data.draw(st.booleans()):
            options = {"alpha": draws(1.0, 0.5), "beta": draws(1.0, 2.0), "transB": draws(0, 1)}
            bias = draws(None, (), (1,), (width,), (1, width))
            constants = [graph.constant(weight.T if options["transB"] else weight)]
            constants += [] if bias is None else [graph.constant(rng.normal(size=bias))]
            graph.add("Gemm", "", *constants, **options)
        else:
            graph.add("MatMul", "", graph.constant(weight))
        scaled()
        nothing()
        if data.draw(st.booleans()):
            kind, attributes, constants, _ = data.draw(st.sampled_from(activations))
            graph.add(kind, "", *[graph.constant(value) for value in constants], **attributes)
        nothing()
    model = graph.model()
    network = from_onnx(model)
    assert network.dtype == dtype
    assert len(network.layers) == len(widths) - 1
    x = rows(7, widths[0], dtype, seed)
    assert_close(network, x, run(model, x))


# ---- where a model comes from ----


def simple(dtype: Any = np.float32) -> Graph:
    graph = Graph(dtype)
    graph.add("MatMul", "", graph.constant(rows(5, 4)))
    graph.add("Add", "", graph.constant(rows(1, 4)[0]))
    graph.add("Tanh")
    return graph


def test_a_path_bytes_and_a_model(tmp_path: Path) -> None:
    model = simple().model()
    expected = from_onnx(model)
    onnx.save(model, tmp_path / "model.onnx")
    options = {"save_as_external_data": True, "size_threshold": 0, "location": "weights"}
    onnx.save(onnx.ModelProto.FromString(model.SerializeToString()), tmp_path / "external.onnx", **options)
    content = model.SerializeToString()
    for given_model in (tmp_path / "model.onnx", str(tmp_path / "external.onnx"), content, bytearray(content)):
        network = from_onnx(given_model)
        assert_same_bits(network.weights[0], expected.weights[0])
        assert_same_bits(network.biases[0], expected.biases[0])
    with pytest.raises(FileNotFoundError):
        from_onnx(tmp_path / "none.onnx")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_initializers_of_any_float_type(dtype: str) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    kind = np.dtype(ml_dtypes.bfloat16) if dtype == "bfloat16" else np.dtype(dtype)
    graph = simple(kind)
    network = from_onnx(graph.model())
    assert network.dtype == (np.float64 if dtype == "float64" else np.float32)
    assert_same_bits(network.weights[0], rows(5, 4).astype(kind).astype(network.dtype))
    assert from_onnx(graph.model(), dtype=np.float64).dtype == np.float64


def test_constants_are_computed() -> None:
    """Weights that other nodes make: Constant, Transpose, Cast, arithmetic."""
    graph = Graph()
    weight = rows(4, 5)
    graph.nodes += [
        helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(weight.astype(np.float16), "w")),
        helper.make_node("Cast", ["w"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["wide"], ["turned"], perm=[1, 0]),
        helper.make_node("Identity", ["turned"], ["same"]),
    ]
    graph.add("MatMul", "", "same")
    network = from_onnx(graph.model())
    assert_same_bits(network.weights[0], weight.astype(np.float16).astype(np.float32).T)


def test_functions_of_the_model_are_read() -> None:
    graph = simple()
    model = graph.model()
    function = helper.make_function(
        "own", "Act", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [helper.make_opsetid("", OPSET)]
    )
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("own", 1))
    node = model.graph.node[-1]
    node.op_type, node.domain = "Act", "own"
    assert from_onnx(model).layers[0].activation == "relu"


def test_update_from_a_model() -> None:
    graph = simple()
    network = from_onnx(graph.model())
    other = simple()
    other.constants[0] = numpy_helper.from_array(2 * rows(5, 4), "c0")
    network.update_from(layers_of(other.model()))
    assert_same_bits(network.weights[0], 2 * rows(5, 4))


@pytest.mark.parametrize("by_dynamo", [False, True])
def test_what_pytorch_exports(by_dynamo: bool) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if by_dynamo:
        pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    nn = torch.nn
    torch.manual_seed(0)
    kinds = (nn.SiLU(), nn.GELU(), nn.GELU("tanh"), nn.Mish(), nn.Hardswish(), nn.Softplus(), nn.Softsign(), nn.PReLU())
    parts = [part for kind in kinds for part in (nn.Linear(8, 8), kind)]
    module = nn.Sequential(nn.BatchNorm1d(8), *parts, nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Softmax(-1)).eval()
    x, buffer = rows(9, 8), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (torch.from_numpy(x),), buffer, dynamo=by_dynamo)
    network = from_onnx(buffer.getvalue())
    names = [layer.activation for layer in network.layers]
    assert names[:7] == ["silu", "gelu", "gelu_tanh", "mish", "hard_silu", "softplus", "softsign"]
    assert names[7:] == [("leaky_relu", 0.25), "softmax"]
    with torch.no_grad():
        assert_close(network, x, module(torch.from_numpy(x)).numpy())


# ---- what is refused ----


def with_nodes(*steps: Any) -> Any:
    """A Gemm, and then nodes: kinds, with constants and attributes."""

    def make() -> Any:
        graph = Graph()
        graph.add("MatMul", "", graph.constant(rows(4, 4)))
        for kind, constants, attributes in steps:
            graph.add(
                kind, "", *[graph.constant(each, getattr(each, "dtype", None)) for each in constants], **attributes
            )
        return graph.model()

    return make


def residual() -> Any:
    graph = Graph()
    h = graph.add("MatMul", "", graph.constant(rows(4, 4)))
    graph.add("Add", graph.add("Relu", h), h)
    return graph.model()


def two_inputs() -> Any:
    model = simple().model()
    model.graph.input.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1]))
    return model


def from_the_left() -> Any:
    graph = Graph()
    graph.add("MatMul", graph.constant(rows(4, 4)), "")
    return graph.model()


def of_itself() -> Any:
    graph = Graph()
    graph.add("MatMul", "x", "x")
    return graph.model()


def another_output() -> Any:
    model = simple().model()
    model.graph.output[0].name = "t1"
    return model


def quick_gelu() -> Any:
    graph = Graph()
    h = graph.add("MatMul", "", graph.constant(rows(4, 4)))
    graph.add("Mul", h, graph.add("Sigmoid", graph.add("Mul", h, graph.constant(1.702))))
    return graph.model()


REFUSED: list[tuple[Any, str]] = [
    (two_inputs, "`model` must have one input and one output. Received: 2 inputs, 1 outputs"),
    (another_output, "`model` must end with its last layer"),
    (from_the_left, "layer 0 (n0): MatMul must multiply the layer before with a constant"),
    (of_itself, "layer 0 (n0): MatMul must be the only one that takes the layer before"),
    (residual, "layer 1 (n1): Relu must be the only one that takes the layer before: a network is one chain"),
    (quick_gelu, "layer 3 (n3): Mul must end a chain or an activation that fastinit has: another formula"),
    (with_nodes(("Sin", [], {})), "layer 1 (n1): Sin is neither a dense layer nor an activation"),
    (with_nodes(("Relu", [], {}), ("Tanh", [], {})), "layer 2 (n2): Tanh must follow a dense layer"),
    (with_nodes(("HardSigmoid", [], {})), "HardSigmoid must have alpha 0.166667. Received: 0.2"),
    (with_nodes(("Selu", [], {"alpha": 1.0})), "Selu must have alpha 1.67326. Received: 1"),
    (with_nodes(("Celu", [], {"alpha": 0.5})), "Celu must have alpha 1. Received: 0.5"),
    (with_nodes(("Clip", [-1.0, 1.0], {})), "Clip must clip at 0, or to [0, 6]. Received: -1.0 and 1.0"),
    (with_nodes(("PRelu", [np.ones(4)], {})), "PRelu must have one slope for all features. Received: 4"),
    (with_nodes(("Softmax", [], {"axis": 0})), "Softmax must work along the last axis. Received: axis=0"),
    (with_nodes(("Gemm", [np.ones((4, 4))], {"transA": 1})), "Gemm must not transpose the layer before"),
    (with_nodes(("Gemm", [np.ones((4, 4)), np.ones((3, 4))], {})), "layer 1 (n1): Gemm must have a bias"),
    (with_nodes(("MatMul", [np.ones((5, 4))], {})), "must have as many inputs as come to it, 4. Received: 5"),
    (with_nodes(("MatMul", [np.ones((2, 4, 4))], {})), "must have a weight of two axes. Received: (2, 4, 4)"),
    (with_nodes(("Add", [np.ones((3, 4))], {})), "Add must scale each of 4 features. Received: shape (3, 4)"),
    (with_nodes(("Flatten", [], {"axis": 0})), "Flatten must flatten all axes but the first. Received: axis=0"),
    (with_nodes(("Reshape", [np.array([2, -1])], {})), "Reshape must keep rows and features. Received: [2, -1]"),
    (with_nodes(("Cast", [], {"to": TensorProto.FLOAT16})), "Cast must be to float or double. Received: FLOAT16"),
    (with_nodes(("Relu", [], {}), ("Mul", [2.0], {})), "layer 2 (n2): Mul must stand next to a dense layer"),
]


@pytest.mark.parametrize(("make", "sentence"), REFUSED, ids=[sentence[:50] for _, sentence in REFUSED])
def test_what_is_refused(make: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the sentence follows
        from_onnx(make())
    assert sentence in str(caught.value)


def test_what_is_no_model() -> None:
    with pytest.raises(TypeError, match=r"`model` must be a path, bytes or an onnx.ModelProto. Received: 'int'"):
        from_onnx(3)
