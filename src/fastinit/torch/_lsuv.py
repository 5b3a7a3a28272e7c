"""Layer-sequential unit-variance initialization of a module."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .._arguments import check_positive, check_positive_int
from ..keys import Key
from ._drop_in import orthogonal_
from ._names import Named, tensors_of
from ._propagate import undisturbed
from ._seed import key_of
from ._tensor import check

_LAYERS = (nn.Linear, nn.modules.conv._ConvNd)


class Scaled(NamedTuple):
    """What `lsuv_` did to a layer.

    Attributes
    ----------
    iterations : int
        How often its weight was scaled.
    std : float
        The standard deviation of its output on the batch, after the last of these.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> layer = torch.nn.Linear(64, 64, bias=False)
    >>> init.lsuv_(layer, init.normal_(torch.empty(256, 64), std=3.0, seed=1), seed=0)[""].iterations
    1
    """

    iterations: int
    std: float


def lsuv_(
    module: nn.Module,
    *inputs: Any,
    seed: Any = None,
    orthonormal: bool = True,
    skip: str | Iterable[str] = (),
    tolerance: float = 0.02,
    max_iterations: int = 10,
    **named_inputs: Any,
) -> dict[str, Scaled]:
    """Scale the weights of a module's Linear and convolution layers until each output has variance one.

    Every weight starts orthonormal; then the batch runs through the module once, and each layer, when it is called the
    first time, is divided by the standard deviation of its output until that is 1 within `tolerance`. Unlike a gain
    from a table this fits any activation, any connection and the data.

    Parameters
    ----------
    module : torch.nn.Module
        In the mode that it is in, training or not. All but these weights stays as it is, biases, buffers and torch's
        generator too; dropout draws from `seed`.
    *inputs, **named_inputs
        What `module` takes: a batch like those that it will see.
    seed : int, fastinit.Key, torch.Generator, None, or a seed of NumPy's
        The weight named "a.b.weight", as `init_` names it, starts with the key ``Key(seed).child("a.b.weight")``. None
        takes one word of torch's default generator.
    orthonormal : bool
        False keeps the weights that there are, and only scales them.
    skip : str or iterable of str
        Patterns of names of weights that stay as they are.
    tolerance : float
        Of the standard deviation, > 0.
    max_iterations : int
        The most that one weight is scaled. If that does not do, it is an error.

    Returns
    -------
    dict of str to Scaled
        By the name of the layer, in the order in which they were called; layers that were not are left alone.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, a weight is shared, parametrized or not to be filled, or an output does not
        come to variance one. All weights are as they were, then.

    References
    ----------
    Mishkin and Matas, "All you need is a good init", ICLR 2016, algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> import fastinit.torch as init
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GELU(), nn.Flatten(), nn.Linear(288, 10))
    >>> scaled = init.lsuv_(model, init.normal_(torch.empty(64, 3, 8, 8), seed=1), seed=0)
    >>> list(scaled), max(abs(layer.std - 1) for layer in scaled.values()) < 0.02
    (['0', '3'], True)
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"`module` must be a torch.nn.Module. Received: {type(module).__name__}")
    allowed, most = check_positive("tolerance", tolerance), check_positive_int("max_iterations", max_iterations)
    patterns = (skip,) if isinstance(skip, str) else tuple(skip)
    found = _weights(module, patterns)
    key = Key(key_of(seed))
    before = {name: named.tensor.detach().clone() for name, named in found.items()}
    scaled: dict[str, Scaled] = {}
    hooks = []
    try:
        if orthonormal:
            for name, named in found.items():
                orthogonal_(named.tensor, seed=key.child(name))
        for name, named in found.items():
            layer = name.rpartition(".")[0]
            hooks.append(named.owner.register_forward_hook(_scaling(layer, scaled, allowed, most)))
        with undisturbed(module, key), torch.no_grad():
            module(*inputs, **named_inputs)
        for name, named in found.items():
            if name.rpartition(".")[0] not in scaled:
                _put_back(named, before[name])
    except BaseException:
        for name, named in found.items():
            _put_back(named, before[name])
        raise
    finally:
        for hook in hooks:
            hook.remove()
    return scaled


def _weights(module: nn.Module, patterns: tuple[str, ...]) -> dict[str, Named]:
    every = list(tensors_of(module))
    uses = Counter(id(named.tensor) for named in every if not named.is_parametrized)
    found = {}
    for named in every:
        is_weight = isinstance(named.owner, _LAYERS) and named.attribute == "weight"
        if not is_weight or any(re.fullmatch(pattern, named.name) for pattern in patterns):
            continue
        if named.is_parametrized or uses[id(named.tensor)] > 1:
            how = "parametrized" if named.is_parametrized else "shared with another module"
            raise ValueError(f"a weight must be its layer's own to be scaled: skip it. Received: {named.name!r}, {how}")
        try:
            check(named.tensor)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{named.name!r}: {error}") from None
        found[named.name] = named
    if not found:
        raise ValueError("`module` must have a Linear or a convolution layer. Received: none that is not skipped")
    return found


def _scaling(name: str, scaled: dict[str, Scaled], tolerance: float, most: int) -> Callable[..., Any]:
    def hook(layer: Any, args: Any, result: Tensor) -> Tensor | None:
        if name in scaled:
            return None
        count = 0
        while True:
            std = float(result.double().std(correction=0))
            if not 0.0 < std < math.inf:
                raise ValueError(f"every layer's output must have a finite std > 0. Received: std={std} in {name!r}")
            if abs(std - 1.0) <= tolerance:
                scaled[name] = Scaled(count, std)
                return result
            if count == most:
                raise ValueError(
                    "every layer's output must come to std 1 within `tolerance` after at most `max_iterations` "
                    "scalings, and cannot where the bias alone has more. "
                    f"Received: std={std:.6g} after {count} in {name!r}"
                )
            layer.weight.div_(std)
            count += 1
            result = layer.forward(*args)

    return hook


def _put_back(named: Named, before: Tensor) -> None:
    with torch.no_grad():
        named.tensor.copy_(before)
