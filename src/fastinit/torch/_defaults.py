"""What torch's own modules draw when they are made, as rules."""

from __future__ import annotations

import math
import re
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from ..rules import Rules
from ._names import Named, tensors_of

_Law = tuple[Any, ...]

_ZEROS: _Law = ("zeros",)
_ONES: _Law = ("ones",)
_XAVIER: _Law = ("glorot_uniform",)
# kaiming_uniform_(a=sqrt(5)), which is uniform in ±1 / sqrt(fan_in).
_LINEAR: _Law = ("variance_scaling", {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"})

_WITH_FAN_IN = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, _NormBase)


def defaults(module: nn.Module) -> Rules:
    """Return rules that give a module's tensors the distributions that PyTorch's own modules give them.

    For Linear, Bilinear, convolutions and their transposes, Embedding, the norms (with their running means and
    variances, which are buffers), MultiheadAttention, recurrent layers, PReLU and Transformer, wherever they stand
    inside `module`, under the names that `init_` uses. Tensors of other modules get no rule: give them some before
    these, ``[(...), *init.defaults(module)]``. The rules are exact names, so they can be written to a file.

    Parameters
    ----------
    module : torch.nn.Module
        On the meta device or any other: only its structure is read.

    Returns
    -------
    fastinit.Rules

    References
    ----------
    The ``reset_parameters`` of these modules in PyTorch 2.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> with torch.device("meta"):
    ...     model = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.LayerNorm(128))
    >>> rules = init.defaults(model)
    >>> model = init.init_(model.to_empty(device="cpu"), rules, seed=0)
    >>> bool(model[0].weight.abs().max() <= 784**-0.5)
    True
    """
    of_transformers = {
        id(part) for root in module.modules() if isinstance(root, nn.Transformer) for part in root.modules()
    }
    laws: dict[str, tuple[_Law, list[str]]] = {}
    seen: set[int] = set()
    for named in tensors_of(module):
        tensor = named.tensor
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        law = _law(named)
        if law and not named.is_buffer and tensor.ndim > 1 and id(named.owner) in of_transformers:
            law = _XAVIER
        if law:
            laws.setdefault(f"{named.is_buffer}{law!r}", (law, []))[1].append(named.name)
    return Rules([("|".join(map(re.escape, names)), *law) for law, names in laws.values()])


def _law(named: Named) -> _Law | None:
    owner, name = named.owner, named.attribute
    if named.is_buffer:
        return {"running_mean": _ZEROS, "running_var": _ONES}.get(name) if isinstance(owner, _NormBase) else None
    if isinstance(owner, _NORMS):
        return _ONES if name == "weight" else _ZEROS
    if isinstance(owner, _WITH_FAN_IN):
        return _LINEAR if name == "weight" else _bias(owner)
    if isinstance(owner, (nn.Embedding, nn.EmbeddingBag)):
        return ("normal", {"std": 1.0})
    if isinstance(owner, nn.MultiheadAttention):
        return _attention(name)
    if isinstance(owner, nn.Bilinear):
        return _within(owner.in1_features)
    if isinstance(owner, (nn.RNNBase, nn.RNNCellBase)):
        return _within(owner.hidden_size)
    return ("constant", {"value": owner.init}) if isinstance(owner, nn.PReLU) else None


def _attention(name: str) -> _Law:
    if name in ("bias_k", "bias_v"):  # (1, 1, E), xavier_normal_
        return ("variance_scaling", {"scale": 1.0, "mode": "fan_avg", "distribution": "untruncated_normal"})
    return _ZEROS if name == "in_proj_bias" else _XAVIER


def _bias(owner: Any) -> _Law:
    if isinstance(owner, nn.modules.linear.NonDynamicallyQuantizableLinear):  # attention's output
        return _ZEROS
    return _within(math.prod(owner.weight.shape[1:]))


def _within(fan: int) -> _Law:
    """Uniform in ±1 / sqrt(fan)."""
    end = fan**-0.5 if fan else 0.0
    return ("uniform", {"low": -end, "high": end})
