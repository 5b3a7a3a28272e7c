"""ONNX models: one node after another, each of which takes the one before and constants."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.inliner import inline_local_functions
from onnx.reference import ReferenceEvaluator

from .._arguments import brief
from ._chain import STRANGE, Chain, Place, Unfit, one_or_each, scale_and_shift
from ._formulas import FORMULAS, X, plus, power, rounded, times


def _of_rows(name: str, axis: int) -> str:
    if axis not in (-1, 1):
        raise Unfit(f"must work along the last axis. Received: axis={axis}")
    return name


def _only(activation: Any, **attributes: tuple[float, float]) -> Any:
    """The activation, if the attributes are those that it is defined with."""
    for name, (given, wanted) in attributes.items():
        if not np.isclose(given, wanted, rtol=1e-6, atol=0):
            raise Unfit(f"must have {name} {wanted:.6g}. Received: {given:.6g}")
    return activation


def _clip(low: float | None, high: float | None) -> str:
    if low != 0 or high not in (None, 6):
        raise Unfit(f"must clip at 0, or to [0, 6]. Received: {low} and {high}")
    return "relu" if high is None else "relu6"


def _slope(slope: Any) -> tuple[str, float]:
    if np.size(slope) != 1:
        raise Unfit(f"must have one slope for all features. Received: {np.size(slope)}")
    return "leaky_relu", float(np.reshape(slope, ()))


# Each operator's activation: a function of its constants and its attributes, with the standard's defaults. In a formula
# that an exporter wrote out it stands by its own name.
OPERATORS: dict[str, Callable[..., Any]] = {
    "Celu": lambda alpha=1.0: _only(("elu", 1.0), alpha=(alpha, 1.0)),
    "Clip": lambda low=None, high=None, **old: _clip(old.get("min", low), old.get("max", high)),  # before opset 11
    "Elu": lambda alpha=1.0: ("elu", alpha),
    "Exp": lambda: "exp",
    "Gelu": lambda approximate="none": "gelu_tanh" if approximate == "tanh" else "gelu",
    "HardSigmoid": lambda alpha=0.2, beta=0.5: _only("hard_sigmoid", alpha=(alpha, 1 / 6), beta=(beta, 0.5)),
    "HardSwish": lambda: "hard_silu",
    "LeakyRelu": lambda alpha=0.01: ("leaky_relu", alpha),
    "LogSoftmax": lambda axis=-1: _of_rows("log_softmax", axis),
    "Mish": lambda: "mish",
    "PRelu": _slope,
    "Relu": lambda: "relu",
    "Selu": lambda alpha=1.67326319217681884765625, gamma=1.05070102214813232421875: _only(
        "selu", alpha=(alpha, 1.67326324), gamma=(gamma, 1.05070099)
    ),
    "Sigmoid": lambda: "sigmoid",
    "Softmax": lambda axis=-1: _of_rows("softmax", axis),
    "Softplus": lambda: "softplus",
    "Softsign": lambda: "softsign",
    "Swish": lambda alpha=1.0: _only("silu", alpha=(alpha, 1.0)),
    "Tanh": lambda: "tanh",
    "ThresholdedRelu": lambda alpha=1.0: ("thresholded_relu", alpha),
}

_ARITHMETIC = ("Add", "Sub", "Mul", "Div")
# What activations are put together of.
_IN_FORMULAS = (
    *_ARITHMETIC,
    *("Abs", "Erf", "Greater", "HardSigmoid", "Identity", "Pow", "Sigmoid", "Softplus", "Tanh", "Where"),
)
_NO_FORMULA = "must end a chain or an activation that fastinit has: another formula comes together here"


def chain_of(model: Any) -> Chain:
    """What the model computes."""
    if isinstance(model, (str, os.PathLike)):
        model = onnx.load(os.fspath(model))
    elif isinstance(model, (bytes, bytearray, memoryview)):
        model = onnx.load_from_string(bytes(model))
    if not isinstance(model, onnx.ModelProto):
        raise TypeError(f"`model` must be a path, bytes or an onnx.ModelProto. Received: {brief(type(model).__name__)}")
    return _Reader(inline_local_functions(model) if model.functions else model).read()


class _Reader:
    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = model.graph
        self._chain = Chain()
        self._opsets = list(model.opset_import)
        self._constants = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
        self._uses = Counter(name for node in model.graph.node for name in node.input)
        inputs = [each.name for each in model.graph.input if each.name not in self._constants]
        if len(inputs) != 1 or len(model.graph.output) != 1:
            received = f"{len(inputs)} inputs, {len(model.graph.output)} outputs"
            raise ValueError(f"`model` must have one input and one output. Received: {received}")
        # The last layer's result by its name; and, while an activation is being put together, all that came of it.
        self._formulas: dict[str, Any] = {inputs[0]: X}
        # Where all of it came together last, if that is no activation yet.
        self._open: Place | None = None

    def read(self) -> Chain:
        position = 0
        for node in self._graph.node:
            taken = [name for name in node.input if name]
            if all(name in self._constants for name in taken):
                self._evaluate(node)
                continue
            place = Place(position, node.name, node.op_type)
            position += 1
            try:
                if not all(name in self._constants or name in self._formulas for name in taken):
                    raise Unfit("must take the layer before and constants: a network is one chain")
                if list(self._formulas.values()) == [X] and self._uses[next(iter(self._formulas))] == 1:
                    self._step(place, node)
                    self._formulas = {node.output[0]: X}
                else:
                    self._put_together(place, node)
            except Unfit as why:
                raise place.error(why) from None
        if self._open is not None:
            raise self._open.error(_NO_FORMULA)
        if list(self._formulas) != [self._graph.output[0].name]:
            raise ValueError("`model` must end with its last layer. Received: an output that is another's")
        return self._chain

    def _evaluate(self, node: Any) -> None:
        """A node of constants is a constant."""
        graph = onnx.helper.make_graph(
            [node], "constant", [onnx.helper.make_empty_tensor_value_info(name) for name in node.input if name],
            [onnx.helper.make_empty_tensor_value_info(name) for name in node.output],
        )  # fmt: skip
        model = onnx.helper.make_model(graph, opset_imports=self._opsets)
        values = ReferenceEvaluator(model).run(None, {name: self._constants[name] for name in node.input if name})
        self._constants.update(zip(node.output, values, strict=True))

    def _attributes(self, node: Any) -> dict[str, Any]:
        found = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        if node.op_type in ("Softmax", "LogSoftmax"):
            opset = max((each.version for each in self._opsets if each.domain in ("", "ai.onnx")), default=13)
            found.setdefault("axis", -1 if opset >= 13 else 1)
        return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}

    def _step(self, place: Place, node: Any) -> None:
        kind, attributes = node.op_type, self._attributes(node)
        constants = [self._constants.get(name) for name in node.input]
        if node.domain not in ("", "ai.onnx"):
            raise Unfit(STRANGE)
        if kind in ("Gemm", "MatMul"):
            if constants[0] is not None or constants[1] is None:
                raise Unfit("must multiply the layer before with a constant")
            self._chain.dense(place, *_product(constants, **attributes))
        elif kind in _ARITHMETIC:
            self._chain.affine(place, *_affine(kind, *constants))
        elif kind == "BatchNormalization":
            if attributes.get("training_mode"):
                raise Unfit("must not be in training mode")
            gamma, beta, mean, variance = constants[1:]
            self._chain.affine(place, *scale_and_shift(mean, variance, attributes.get("epsilon", 1e-5), gamma, beta))
        elif kind in OPERATORS:
            numbers = [_number_of(each) for each in constants[1:]]
            self._chain.activation(place, _bound(OPERATORS[kind], numbers, attributes))
        else:
            _check_nothing(kind, constants, attributes, self._chain.width)

    def _put_together(self, place: Place, node: Any) -> None:
        """One node of an activation that is written out; at its last one it is known."""
        if node.op_type not in _IN_FORMULAS:
            if self._open is not None:
                raise self._open.error(_NO_FORMULA)
            raise Unfit("must be the only one that takes the layer before: a network is one chain")
        taken = [self._formulas[name] if name in self._formulas else self._number(name) for name in node.input if name]
        for name in node.input:
            self._uses[name] -= 1
        self._formulas[node.output[0]] = _formula(node.op_type, taken, self._attributes(node))
        if any(self._uses[name] for name in self._formulas if name != node.output[0]):
            return
        activation = FORMULAS.get(rounded(self._formulas[node.output[0]]))
        self._open = place if activation is None else None
        if activation is None:
            self._formulas = {node.output[0]: self._formulas[node.output[0]]}
        else:
            self._chain.activation(place, activation)
            self._formulas = {node.output[0]: X}

    def _number(self, name: str) -> float:
        if self._constants[name].size != 1:
            raise Unfit("must take the layer before and nothing else of its size: a network is one chain")
        return float(self._constants[name].reshape(()))


def _product(constants: list[Any], alpha: float = 1.0, beta: float = 1.0, transA: int = 0, transB: int = 0) -> Any:
    """The weight (in, out) and the bias (out,) of Gemm and MatMul."""
    if transA:
        raise Unfit("must not transpose the layer before")
    weight = constants[1].T if transB else constants[1]
    bias = constants[2] if len(constants) > 2 else None
    if weight.ndim != 2:
        raise Unfit(f"must have a weight of two axes. Received: {weight.shape}")
    if alpha != 1:
        weight = _scaled(weight, alpha)
    if bias is not None:
        bias = np.broadcast_to(bias.reshape(()), weight.shape[1:]) if bias.size == 1 else one_or_each(bias)
        bias = bias if beta == 1 else _scaled(bias, beta)
    return weight, bias


def _scaled(array: NDArray[Any], factor: float) -> NDArray[Any]:
    """Rounded once, and to float32 where it was narrower."""
    wide = array.astype(np.float64) * factor
    return wide if array.dtype == np.float64 else wide.astype(np.float32)


def _number_of(constant: Any) -> Any:
    return float(constant.reshape(())) if constant is not None and constant.size == 1 else constant


def _affine(kind: str, a: Any, b: Any) -> tuple[Any, Any]:
    """x + c, x - c, c - x, x * c, x / c as a scale and a shift."""
    constant = one_or_each((b if a is None else a).astype(np.float64))
    zero, one = np.zeros(()), np.ones(())
    if kind == "Add":
        return one, constant
    if kind == "Sub":
        return (one, -constant) if a is None else (-one, constant)
    if kind == "Mul":
        return constant, zero
    if a is not None:
        raise Unfit("must divide the layer before, not divide by it")
    return 1 / constant, zero


def _bound(row: Callable[..., Any], numbers: list[Any], attributes: dict[str, Any]) -> Any:
    try:
        return row(*numbers, **attributes)
    except TypeError as error:
        raise Unfit(f"has arguments that are not known here ({error})") from None


def _check_nothing(kind: str, constants: list[Any], attributes: dict[str, Any], width: int | None) -> None:
    """Refuse what is not known to hand on rows as they are."""
    if kind == "Flatten":
        if attributes.get("axis", 1) not in (1, -1):
            raise Unfit(f"must flatten all axes but the first. Received: axis={attributes['axis']}")
    elif kind == "Reshape":
        shape = [] if constants[1] is None else constants[1].tolist()
        rows = len(shape) == 2 and shape[0] in (-1, 0, 1)
        if not rows or (shape[1] not in (-1, 0) and width not in (None, shape[1])):
            raise Unfit(f"must keep rows and features. Received: {shape}")
    elif kind == "Dropout":
        if len(constants) > 2 and constants[2] is not None and bool(constants[2]):
            raise Unfit("must not be in training mode")
    elif kind == "Cast":
        if attributes["to"] not in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE):
            name = onnx.TensorProto.DataType.Name(attributes["to"])
            raise Unfit(f"must be to float or double. Received: {name}")
    elif kind != "Identity":
        raise Unfit(STRANGE)


def _formula(kind: str, taken: list[Any], attributes: dict[str, Any]) -> Any:
    if kind in ("Add", "Sub"):
        return plus(taken[0], taken[1] if kind == "Add" else times(-1.0, taken[1]))
    if kind == "Mul":
        return times(*taken)
    if kind == "Div" and isinstance(taken[1], float):
        return times(taken[0], 1 / taken[1])
    if kind == "Pow":
        return power(*taken)
    if kind == "Identity":
        return taken[0]
    if kind == "HardSigmoid":
        _bound(OPERATORS[kind], [], attributes)
        return kind, *taken
    return kind, *taken, *sorted(attributes.items())
