"""What an initialization does to a signal and its gradient, on any module of PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ..forward._activation import described
from ..keys import Key
from ..propagation import LayerReport, Report
from ..propagation._report import judge
from ..propagation._traits import saturated_share, slope
from ._drop_in import normal_
from ._seed import key_of


def propagate(
    module: nn.Module, *inputs: Any, loss: Callable[[Any], Tensor] | None = None, seed: Any = 0, **named_inputs: Any
) -> Report:
    """Send a batch through a module and a gradient back, and report on every layer: `fastinit.propagate` in torch.

    A layer is a call of a module that has parameters of its own and within which no other such module is called:
    linear layers, convolutions, embeddings, norms, attention. ``print(report)`` is a table with a verdict for each,
    by name, ``report.plot("signal.png")`` a figure, ``report.to_dict()`` its columns.

    Parameters
    ----------
    module : torch.nn.Module
        In the mode that it is in, training or not. Its parameters, gradients and buffers stay as they are, and so does
        torch's generator: whatever draws within (dropout) draws from `seed`.
    *inputs, **named_inputs
        What `module` takes. The first axis of every tensor is the batch, of rows that differ.
    loss : callable, optional
        Of the module's output, a tensor of one number. By default the sum of the output times standard normal numbers
        of the key ``Key(seed).child("gradient")``, so that the gradient at the output is white. The output is the
        first floating-point tensor of what the module returns.
    seed : int, fastinit.Key, torch.Generator, None, or a seed of NumPy's

    Returns
    -------
    fastinit.propagation.Report
        Of each layer: the signal is its output behind the activation that is called on it, if one is (``relu``,
        ``gelu``, ``tanh``, ..., as a module or as a function), the gradient that at its output before. The spread is
        the std of each element over the batch, RMS over the elements; `inputs` and `outputs` are features or
        channels, `dead` the share of channels whose slope is zero everywhere, `symmetric` that of units of weights
        with more than one axis. If `loss` is given, `gradient_rms` is relative to that at the output. `input_spread`
        is that of the first floating-point input, or of the first layer's output where there is none (tokens).

    Raises
    ------
    TypeError, ValueError
        If `module` is none, has no layer, the inputs do not vary, or no gradient comes back from `loss`.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> import fastinit.torch as init
    >>> layers = [part for _ in range(12) for part in (nn.Linear(64, 64), nn.ReLU())]
    >>> report = init.propagate(nn.Sequential(*layers), init.normal_(torch.empty(128, 64), seed=0))
    >>> report.verdict  # torch's default is too small for relu
    'vanishing'
    >>> for layer in layers[::2]:
    ...     _ = init.he_normal_(layer.weight)
    >>> init.propagate(nn.Sequential(*layers), init.normal_(torch.empty(128, 64), seed=0)).verdict
    'healthy'
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"`module` must be a torch.nn.Module. Received: {type(module).__name__}")
    key = Key(key_of(seed))
    watch = _Watch(module)
    leaves = tuple(_leaf(value) for value in inputs)
    named = {name: _leaf(value) for name, value in named_inputs.items()}
    with undisturbed(module, key), torch.enable_grad(), watch:
        result = module(*leaves, **named)
        calls = watch.calls
        if not calls:
            raise ValueError("`module` must call a layer that has parameters. Received: none")
        output = next(_floating(result), None)
        if output is None or not output.requires_grad:
            raise ValueError("`module` must return a floating-point tensor. Received: " + type(result).__name__)
        goal = _white(output, key) if loss is None else loss(result)
        gradients = torch.autograd.grad(goal, [output, *[call.before for call in calls]], allow_unused=True)
    norm = 0.0 if gradients[0] is None else _norm(gradients[0])
    if not norm > 0.0 and not math.isnan(norm):
        raise ValueError(f"`loss` must have a gradient at the module's output. Received: one of norm {norm}")
    given = next(_floating((leaves, named)), None)
    input_spread = _spread(_array(calls[0].after if given is None else given))
    if not 0.0 < input_spread < math.inf:
        raise ValueError(f"the inputs must have rows that differ. Received: a spread of {input_spread}")
    rms = 1.0 if loss is None else norm / math.sqrt(gradients[0].numel())
    with np.errstate(all="ignore"):  # overflow is a finding here, not an accident
        reports = [
            call.report(number, input_spread, norm, rms, gradient)
            for number, (call, gradient) in enumerate(zip(calls, gradients[1:], strict=True), 1)
        ]
    return Report(tuple(reports), input_spread)


class _Call:
    """One call of a layer."""

    def __init__(self, name: str, module: Any, before: Tensor) -> None:
        self.name, self.module, self.before = name, module, before
        self.after = before
        self.activation: _Found = ("linear", ())

    def report(self, number: int, input_spread: float, norm: float, rms: float, gradient: Tensor | None) -> LayerReport:
        z, y = _array(self.before), _array(self.after)
        name, parameters = self.activation
        axis = channels(self.module, z.ndim)
        slopes = slope(name, parameters, z, y) if name != "linear" else None
        others = tuple(other for other in range(z.ndim) if other != axis)
        spread = _spread(y)
        gradient_norm = (0.0 if gradient is None else _norm(gradient)) / norm
        saturated, symmetric = saturated_share(name, parameters, y), _symmetric(self.module)
        return LayerReport(
            layer=number,
            inputs=_inputs(self.module, z.shape[axis]),
            outputs=z.shape[axis],
            activation=name,
            mean=float(y.mean(dtype=np.float64)),
            std=float(y.std(dtype=np.float64)),
            rms=_rms(y),
            spread=spread,
            dead=0.0 if slopes is None else float((slopes == 0).all(axis=others).mean()),
            saturated=saturated,
            symmetric=symmetric,
            gradient_rms=0.0 if gradient is None else _norm(gradient) / math.sqrt(gradient.numel()) / rms,
            gradient_norm=gradient_norm,
            condition=None,
            verdict=judge(spread / input_spread, gradient_norm, saturated, symmetric),
            name=self.name,
        )


class _Watch(TorchFunctionMode):
    """Collects the calls of layers, by hooks, and the activations that are called on their outputs."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.calls: list[_Call] = []
        self._of: dict[int, _Call] = {}
        self._begun: list[int] = []
        self._hooks = []
        for name, part in module.named_modules():
            if next(part.parameters(recurse=False), None) is not None or isinstance(part, nn.MultiheadAttention):
                self._hooks.append(part.register_forward_pre_hook(self._begin))
                self._hooks.append(part.register_forward_hook(self._end(name)))

    def __exit__(self, *error: Any) -> None:
        for hook in self._hooks:
            hook.remove()
        cast(Any, super()).__exit__(*error)

    def _begin(self, module: nn.Module, args: Any) -> None:
        self._begun.append(len(self.calls))

    def _end(self, name: str) -> Callable[[nn.Module, Any, Any], Any]:
        def hook(module: nn.Module, args: Any, result: Any) -> Any:
            first = next(_floating(result), None)
            if self._begun.pop() != len(self.calls) or first is None or not first.numel():
                return None
            if not first.requires_grad:
                first = first.detach().requires_grad_()
            call = _Call(name or type(module).__name__, module, first)
            self.calls.append(call)
            # Handed on is a copy: what works in place must not change what is looked at.
            copied = first.clone()
            self._of[id(copied)] = call
            call.after = copied
            return _replaced(result, next(_floating(result)), copied)

        return hook

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        find = _ACTIVATIONS.get(func)
        call = self._of.get(id(args[0])) if find is not None and args else None
        result = func(*args, **kwargs)
        if find is not None and call is not None and call.activation[0] == "linear":
            call.activation = find(*args[1:], **kwargs)
            call.after = result
        return result


_Found = tuple[str, Sequence[Any]]


def _described(activation: Any) -> _Found:
    """Its name and parameters; one whose parameters are none of fastinit's (an alpha below 0) counts as unknown."""
    try:
        return described(activation)
    except ValueError:
        return "linear", ()


def _named(name: str) -> Callable[..., _Found]:
    return lambda *args, **kwargs: _described(name)


def _first(name: str, parameter: str) -> Callable[..., _Found]:
    """Of a function whose first argument, by this name or not, is the first parameter."""

    def found(*args: Any, **kwargs: Any) -> _Found:
        given = args[0] if args else kwargs.get(parameter)
        return _described((name, None if given is None else float(given)))

    return found


def _gelu(approximate: str = "none") -> _Found:
    return _described("gelu" if approximate == "none" else "gelu_tanh")


def _hardtanh(min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> _Found:
    if (min_val, max_val) == (0.0, 6.0):
        return _described("relu6")
    return _described(("hard_tanh", {"min_value": float(min_val), "max_value": float(max_val)}))


def _softplus(beta: float = 1.0, threshold: float = 20.0) -> _Found:
    return _described(("softplus", {"beta": float(beta), "threshold": float(threshold)}))


def _threshold(threshold: float, value: float, inplace: bool = False) -> _Found:
    return _described(("threshold", {"threshold": float(threshold), "value": float(value)}))


_ACTIVATIONS: dict[Any, Callable[..., _Found]] = {
    **dict.fromkeys((functional.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_), _named("relu")),
    **dict.fromkeys((functional.tanh, torch.tanh, torch.tanh_, Tensor.tanh, Tensor.tanh_), _named("tanh")),
    **dict.fromkeys(
        (functional.sigmoid, torch.sigmoid, torch.sigmoid_, Tensor.sigmoid, Tensor.sigmoid_), _named("sigmoid")
    ),
    functional.relu6: _named("relu6"),
    functional.selu: _named("selu"),
    functional.silu: _named("silu"),
    functional.mish: _named("mish"),
    functional.softsign: _named("softsign"),
    functional.hardsigmoid: _named("hard_sigmoid"),
    functional.hardswish: _named("hard_silu"),
    functional.hardtanh: _hardtanh,
    functional.leaky_relu: _first("leaky_relu", "negative_slope"),
    functional.elu: _first("elu", "alpha"),
    functional.celu: _first("celu", "alpha"),
    functional.logsigmoid: _named("log_sigmoid"),
    functional.hardshrink: _first("hard_shrink", "lambd"),
    functional.softshrink: _first("soft_shrink", "lambd"),
    functional.tanhshrink: _named("tanh_shrink"),
    functional.threshold: _threshold,
    functional.gelu: _gelu,
    functional.softplus: _softplus,
}


@contextmanager
def undisturbed(module: nn.Module, key: Key) -> Iterator[None]:
    """Bring back buffers and torch's generators at the end; in between they follow the key."""
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    devices = {tensor.device for tensor in module.parameters() if tensor.is_cuda}
    with torch.random.fork_rng(devices=sorted(devices, key=str)):
        torch.manual_seed(key.child("torch").key)
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)


def channels(module: Any, ndim: int) -> int:
    """The axis of a layer's output that counts its units."""
    convolutions = nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.GroupNorm
    if isinstance(module, nn.modules.conv._ConvNd):
        return ndim - 1 - len(module.kernel_size)
    return min(1, ndim - 1) if isinstance(module, convolutions) else ndim - 1


def _inputs(module: Any, outputs: int) -> int:
    for name in ("in_features", "in_channels", "embed_dim", "num_embeddings", "in1_features"):
        if isinstance(getattr(module, name, None), int):
            return int(getattr(module, name))
    weight = getattr(module, "weight", None)
    if isinstance(weight, Tensor) and weight.ndim == 2 and outputs in weight.shape:
        return int(weight.numel() // outputs)
    return outputs


def _symmetric(module: Any) -> float:
    """The share of units that have the weights and the bias of another one, all of them finite."""
    source = module.out_proj if isinstance(module, nn.MultiheadAttention) else module
    weight, bias = getattr(source, "weight", None), getattr(source, "bias", None)
    if not isinstance(weight, Tensor) or weight.ndim < 2:
        return 0.0  # a norm's unit has its own input
    if isinstance(source, nn.modules.conv._ConvNd) and source.transposed:
        # (in, out / groups, ...): units by group
        parts = weight.view(source.groups, -1, *weight.shape[1:]).transpose(1, 2)
        units = parts.flatten(0, 1).flatten(1)
    else:
        has_units_last = isinstance(source, (nn.Embedding, nn.EmbeddingBag)) or (
            type(source).__name__ == "Conv1D" and weight.ndim == 2
        )
        units = (weight.T if has_units_last else weight).flatten(1)
    rows = _array(units).astype(np.float64)
    if isinstance(bias, Tensor) and bias.shape == (len(rows),):
        rows = np.column_stack([rows, _array(bias)])
    groups = getattr(source, "groups", 1)
    if groups > 1:  # each sees inputs of its own
        rows = np.column_stack([rows, np.repeat(np.arange(groups), len(rows) // groups)])
    rows = np.ascontiguousarray(rows[np.isfinite(rows).all(axis=1)] + 0.0)  # which makes every zero positive
    _, counts = np.unique(rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize))), return_counts=True)
    return float(counts[counts > 1].sum() / units.shape[0])


def _leaf(value: Any) -> Any:
    is_real = isinstance(value, Tensor) and value.is_floating_point()
    return value.detach().clone().requires_grad_() if is_real else value


def _floating(value: Any) -> Iterator[Tensor]:
    """The floating-point tensors within tuples, lists and mappings."""
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _floating(part)
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _floating(part)


def _replaced(value: Any, old: Tensor, new: Tensor) -> Any:
    if value is old:
        return new
    if isinstance(value, dict):
        return type(value)({name: _replaced(part, old, new) for name, part in value.items()})
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[_replaced(part, old, new) for part in value])
    return type(value)(_replaced(part, old, new) for part in value) if isinstance(value, (tuple, list)) else value


def _white(output: Tensor, key: Key) -> Tensor:
    dtype = torch.promote_types(output.dtype, torch.float32)
    noise = normal_(torch.empty(output.shape, dtype=dtype, device=output.device), seed=key.child("gradient"))
    return (output * noise).sum()


def _array(tensor: Tensor) -> np.ndarray:
    tensor = tensor.detach()
    array: np.ndarray = (tensor if tensor.dtype == torch.float64 else tensor.float()).cpu().numpy()
    return array


def _norm(tensor: Tensor) -> float:
    return float(tensor.detach().double().norm())


def _rms(values: np.ndarray) -> float:
    return math.sqrt(float(np.square(values, dtype=np.float64).mean()))


def _spread(values: np.ndarray) -> float:
    """The std over the batch, RMS over the elements; of a single row, which has none, its RMS."""
    if values.ndim == 0 or len(values) == 1:
        return _rms(values)
    return math.sqrt(float(values.var(axis=0, dtype=np.float64).mean()))
