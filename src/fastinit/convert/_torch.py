"""PyTorch's modules: a Sequential by its children, any other by what torch.fx traces of its forward."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from ._chain import STRANGE, Chain, Place, Unfit, one_or_each, scale_and_shift


def _of_rows(name: str, dim: int | None) -> str:
    if dim not in (None, -1, 1):
        raise Unfit(f"must work along the last axis. Received: dim={dim}")
    return name


def _softplus(beta: float, threshold: float) -> tuple[str, float]:
    if threshold < 20:  # from there on the two differ by less than 1e-10 of the value
        raise Unfit(f"must have a threshold of at least 20. Received: {threshold}")
    return "softplus", beta


def _gelu(approximate: str) -> str:
    return "gelu_tanh" if approximate == "tanh" else "gelu"


def _clip(low: float, high: float) -> str:
    if (low, high) != (0, 6):
        raise Unfit(f"must clip to [0, 6], as relu6 does. Received: [{low}, {high}]")
    return "relu6"


def _threshold(threshold: float, value: float) -> str:
    if (threshold, value) != (0, 0):
        raise Unfit(f"must have threshold 0 and value 0, as relu. Received: {threshold} and {value}")
    return "relu"


def _celu(alpha: float) -> tuple[str, float]:
    if alpha != 1:
        raise Unfit(f"must have alpha 1, where it is elu. Received: {alpha}")
    return "elu", 1.0


def _prelu(weight: Tensor) -> tuple[str, float]:
    if weight.numel() != 1:
        raise Unfit(f"must have one slope for all features. Received: {weight.numel()}")
    return "leaky_relu", float(_array(weight).reshape(()))


# Each module's activation, with the parameters that it has.
MODULES: dict[type[nn.Module], Callable[[Any], Any]] = {
    nn.CELU: lambda m: _celu(m.alpha),
    nn.ELU: lambda m: ("elu", m.alpha),
    nn.GELU: lambda m: _gelu(m.approximate),
    nn.Hardshrink: lambda m: ("hard_shrink", m.lambd),
    nn.Hardsigmoid: lambda m: "hard_sigmoid",
    nn.Hardswish: lambda m: "hard_silu",
    nn.Hardtanh: lambda m: _clip(m.min_val, m.max_val),
    nn.LeakyReLU: lambda m: ("leaky_relu", m.negative_slope),
    nn.LogSigmoid: lambda m: "log_sigmoid",
    nn.LogSoftmax: lambda m: _of_rows("log_softmax", m.dim),
    nn.Mish: lambda m: "mish",
    nn.PReLU: lambda m: _prelu(m.weight),
    nn.ReLU: lambda m: "relu",
    nn.ReLU6: lambda m: "relu6",
    nn.RReLU: lambda m: ("leaky_relu", (m.lower + m.upper) / 2),
    nn.SELU: lambda m: "selu",
    nn.Sigmoid: lambda m: "sigmoid",
    nn.SiLU: lambda m: "silu",
    nn.Softmax: lambda m: _of_rows("softmax", m.dim),
    nn.Softmin: lambda m: _of_rows("softmin", m.dim),
    nn.Softplus: lambda m: _softplus(m.beta, m.threshold),
    nn.Softshrink: lambda m: ("soft_shrink", m.lambd),
    nn.Softsign: lambda m: "softsign",
    nn.Tanh: lambda m: "tanh",
    nn.Tanhshrink: lambda m: "tanh_shrink",
    nn.Threshold: lambda m: _threshold(m.threshold, m.value),
}

# The same as functions and methods, by name, each with the arguments of torch's.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "celu": lambda x, alpha=1.0, inplace=False: _celu(alpha),
    "elu": lambda x, alpha=1.0, inplace=False: ("elu", alpha),
    "exp": lambda x: "exp",
    "gelu": lambda x, *, approximate="none": _gelu(approximate),
    "hardsigmoid": lambda x, inplace=False: "hard_sigmoid",
    "hardswish": lambda x, inplace=False: "hard_silu",
    "hardtanh": lambda x, min_val=-1.0, max_val=1.0, inplace=False: _clip(min_val, max_val),
    "leaky_relu": lambda x, negative_slope=0.01, inplace=False: ("leaky_relu", negative_slope),
    "log_softmax": lambda x, dim=None, _stacklevel=3, dtype=None: _of_rows("log_softmax", dim),
    "mish": lambda x, inplace=False: "mish",
    "prelu": lambda x, weight: _prelu(weight),
    "relu": lambda x, inplace=False: "relu",
    "relu6": lambda x, inplace=False: "relu6",
    "selu": lambda x, inplace=False: "selu",
    "sigmoid": lambda x: "sigmoid",
    "silu": lambda x, inplace=False: "silu",
    "softmax": lambda x, dim=None, _stacklevel=3, dtype=None: _of_rows("softmax", dim),
    "softplus": lambda x, beta=1.0, threshold=20.0: _softplus(beta, threshold),
    "softsign": lambda x: "softsign",
    "tanh": lambda x: "tanh",
    "threshold": lambda x, threshold, value, inplace=False: _threshold(threshold, value),
}

_NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_NORMS = (nn.BatchNorm1d, nn.SyncBatchNorm)
_KNOWN = (nn.Linear, nn.Flatten, *_NORMS, *_NOTHING, *MODULES)
_KNOWN_TYPES = frozenset(_KNOWN)
_DROPOUTS = ("dropout", "alpha_dropout", "feature_alpha_dropout", "dropout1d", "dropout2d", "dropout3d")
_CASTS = ("float", "double", "contiguous", "clone", "detach")
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


def chain_of(module: Any) -> Chain:
    """What a module computes in evaluation."""
    if isinstance(module, torch.jit.ScriptModule) or not isinstance(module, nn.Module):
        raise TypeError(f"`module` must be a torch.nn.Module, not scripted. Received: {type(module).__name__}")
    reader = _Reader()
    with _in_evaluation(module), torch.no_grad():
        reader.module("", module)
    return reader.chain


@contextmanager
def _in_evaluation(module: nn.Module) -> Iterator[None]:
    """By the flag alone: a module's own train() may do more."""
    training = [each for each in module.modules() if each.training]
    try:
        for each in training:
            each.training = False
        yield
    finally:
        for each in training:
            each.training = True


def _array(tensor: Tensor) -> NDArray[Any]:
    """The tensor's numbers; of a plain one on the CPU its memory."""
    if tensor.is_meta:
        raise Unfit("must have weights. Received: a tensor on meta")
    if tensor.layout is not torch.strided or tensor.is_quantized or not tensor.is_floating_point():
        raise Unfit(f"must have dense weights of floats. Received: {tensor.layout}, {tensor.dtype}")
    plain = tensor.detach().resolve_neg().cpu()
    if plain.dtype not in (torch.float32, torch.float64):
        plain = plain.float()
    try:
        return plain.numpy()
    except (RuntimeError, TypeError) as error:  # a tensor that wraps others
        raise Unfit(f"must have plain tensors. Received: {type(tensor).__name__} ({error})") from None


def _kind(module: nn.Module) -> type[nn.Module] | None:
    """The module of torch's whose forward it has."""
    if type(module) in _KNOWN_TYPES:
        return type(module)
    return next((base for base in _KNOWN if isinstance(module, base) and type(module).forward is base.forward), None)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return _kind(m) is not None or super().is_leaf_module(m, module_qualified_name)


class _Reader:
    def __init__(self) -> None:
        self.chain = Chain()
        self._position = 0

    def _place(self, name: str, kind: str) -> Place:
        self._position += 1
        return Place(self._position - 1, name, kind)

    def module(self, name: str, module: nn.Module) -> None:
        if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
            self._check_hooks(Place(self._position, name, type(module).__name__), module)
            for child_name, child in module._modules.items():
                if child is not None:
                    self.module(f"{name}.{child_name}" if name else child_name, child)
            return None
        kind = _kind(module)
        if kind is None:
            for wrapper in ("_orig_mod", "module"):  # torch.compile, and what wraps for many devices
                wrapped = getattr(module, wrapper, None)
                if type(module).__module__.startswith("torch.") and isinstance(wrapped, nn.Module):
                    return self.module(name, wrapped)
        if kind is None and not type(module).__module__.startswith("torch."):
            return self._trace(name, module)
        place = self._place(name, type(module).__name__)
        self._check_hooks(place, module)
        try:
            self._known(place, kind, module)
        except Unfit as why:
            raise place.error(why) from None
        return None

    def _check_hooks(self, place: Place, module: nn.Module) -> None:
        if any(getattr(module, hooks) for hooks in _HOOKS):
            raise place.error("has forward hooks, which may change what it computes: remove them")

    def _known(self, place: Place, kind: type[nn.Module] | None, module: Any) -> None:
        if kind is nn.Linear:
            bias = None if module.bias is None else _array(module.bias)
            self.chain.dense(place, _array(module.weight).T, bias)
        elif kind in MODULES:
            self.chain.activation(place, MODULES[kind](module))
        elif kind in _NORMS:
            self.chain.affine(place, *_norm(module))
        elif kind is nn.Flatten:
            if (module.start_dim, module.end_dim) != (1, -1):
                raise Unfit(f"must flatten all axes but the first. Received: {module.start_dim} to {module.end_dim}")
        elif kind not in _NOTHING:
            known = type(module).__module__ == "torch.nn.modules.activation"
            raise Unfit("is an activation that fastinit does not have" if known else STRANGE)

    # ---- a forward of the user's own ----

    def _trace(self, name: str, module: nn.Module) -> None:
        self._check_hooks(Place(self._position, name, type(module).__name__), module)
        try:
            graph = _Tracer().trace(module)
        except Exception as error:  # whatever a forward raises when it is given no tensors
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise Place(self._position, name, type(module).__name__).error(
                f"must be a module that torch.fx can trace, or give its Sequential. Received: {why}"
            ) from None
        _Graph(self, name, module).read(graph)


def _norm(module: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    if module.running_mean is None or module.running_var is None:
        raise Unfit("must have running statistics")
    mean, variance = _array(module.running_mean), _array(module.running_var)
    gamma, beta = (None if each is None else _array(each) for each in (module.weight, module.bias))
    return scale_and_shift(mean, variance, module.eps, gamma, beta)


class _Graph:
    """A graph of torch.fx whose nodes each take the one before."""

    def __init__(self, reader: _Reader, name: str, module: nn.Module) -> None:
        self._reader, self._name, self._module = reader, name, module
        self._shapes: set[fx.Node] = set()  # what only tells of axes

    def read(self, graph: fx.Graph) -> None:
        current: fx.Node | None = None
        for node in graph.nodes:
            inputs = [each for each in node.all_input_nodes if each.op != "get_attr" and each not in self._shapes]
            if node.op == "placeholder":
                if node.users:
                    if current is not None:
                        raise self._place(node).error("is a second input, and a network has one")
                    current = node
            elif node.op == "output":
                if inputs != [current] or node.args[0] is not current:
                    raise self._place(node).error("must be one tensor, that of the last layer")
            elif node.op == "get_attr":
                continue
            elif self._is_of_axes(node):
                self._shapes.add(node)
            elif inputs != [current]:
                raise self._place(node).error("must take the layer before and nothing else: a network is one chain")
            else:
                self._step(node, current)
                current = node

    def _is_of_axes(self, node: fx.Node) -> bool:
        if node.op == "call_method":
            return node.target in ("size", "dim")
        if node.target is getattr:
            return node.args[1] in ("shape", "ndim")
        return node.op == "call_function" and node.target is operator.getitem and node.args[0] in self._shapes

    def _place(self, node: fx.Node) -> Place:
        target = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
        return self._reader._place(self._name, target.strip("_") if node.op != "output" else "the result")

    def _step(self, node: fx.Node, current: fx.Node | None) -> None:
        if node.op == "call_module":
            assert isinstance(node.target, str)
            name = f"{self._name}.{node.target}" if self._name else node.target
            self._reader.module(name, self._module.get_submodule(node.target))
            return
        place = self._place(node)
        arguments = [self._value(each) for each in node.args]
        options = {key: self._value(each) for key, each in node.kwargs.items()}
        try:
            self._call(place, node, [None if each is current else each for each in arguments], options)
        except Unfit as why:
            raise place.error(why) from None

    def _value(self, argument: Any) -> Any:
        """A parameter or a buffer for the node that stands for it."""
        if not isinstance(argument, fx.Node) or argument.op != "get_attr":
            return argument
        value: Any = self._module
        for part in str(argument.target).split("."):
            value = getattr(value, part)
        return value

    def _call(self, place: Place, node: fx.Node, arguments: list[Any], options: dict[str, Any]) -> None:
        chain, name = self._reader.chain, place.kind
        if "input" in options:
            options.pop("input")
            arguments.insert(0, None)
        if node.op == "call_function" and not _is_of_torch(node.target, name):
            raise Unfit(STRANGE)
        if name == "linear":
            weight, bias = _bound(lambda x, weight, bias=None: (weight, bias), arguments, options)
            chain.dense(place, _array(weight).T, None if bias is None else _array(bias))
        elif name in ("add", "sub", "mul", "truediv", "div"):
            chain.affine(place, *_affine(name, arguments, options))
        elif name in FUNCTIONS:
            chain.activation(place, _bound(FUNCTIONS[name], arguments, options))
        elif name in _DROPOUTS:
            if _bound(lambda x, p=0.5, training=True, inplace=False: training, arguments, options):
                raise Unfit("must have training=self.training: it would drop in evaluation, too")
        elif name == "flatten":
            if _bound(lambda x, start_dim=0, end_dim=-1: (start_dim, end_dim), arguments, options) != (1, -1):
                raise Unfit("must flatten all axes but the first")
        elif name in ("view", "reshape"):
            self._check_reshape(arguments[1:])
        elif name == "to":
            dtypes = [each for each in (*arguments, *options.values()) if isinstance(each, torch.dtype)]
            if not all(each in (torch.float32, torch.float64) for each in dtypes):
                raise Unfit(f"must be to float32 or float64. Received: {dtypes[0]}")
        elif name not in _CASTS:
            raise Unfit(STRANGE)

    def _check_reshape(self, shape: list[Any]) -> None:
        """Rows stay rows: (-1, features) or (the batch's size, -1)."""
        if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
            shape = list(shape[0])
        batch = shape and (shape[0] == -1 or shape[0] in self._shapes)
        width = self._reader.chain.width
        if not (batch and len(shape) == 2 and (shape[1] == -1 or width is None or shape[1] == width)):
            raise Unfit(f"must keep rows and features. Received: {tuple(str(n) for n in shape)}")


def _is_of_torch(target: Any, name: str) -> bool:
    homes = (torch, nn.functional, torch.special, operator, torch._C._nn)
    names = (name, f"{name}_", f"i{name}")
    return any(getattr(home, each, None) is target for home in homes for each in names)


def _bound(row: Callable[..., Any], arguments: list[Any], options: dict[str, Any]) -> Any:
    try:
        return row(*arguments, **options)
    except TypeError as error:
        raise Unfit(f"has arguments that are not known here ({error})") from None


def _affine(name: str, arguments: list[Any], options: dict[str, Any]) -> tuple[Any, Any]:
    """x + c, x - c, c - x, x * c, x / c as a scale and a shift."""
    if options or len(arguments) != 2 or (arguments[0] is None) == (arguments[1] is None):
        raise Unfit("must have one constant besides the layer before")
    first = arguments[0] is None  # where x stands
    constant = arguments[1 if first else 0]
    if isinstance(constant, Tensor):
        constant = one_or_each(_array(constant))
    elif isinstance(constant, bool) or not isinstance(constant, (int, float)):
        raise Unfit("must have a number or a tensor besides the layer before")
    constant = np.asarray(constant, np.float64)
    zero, one = np.zeros(()), np.ones(())
    if name == "add":
        return one, constant
    if name == "sub":
        return (one, -constant) if first else (-one, constant)
    if name == "mul":
        return constant, zero
    if not first:
        raise Unfit("must divide the layer before, not divide by it")
    return 1 / constant, zero
