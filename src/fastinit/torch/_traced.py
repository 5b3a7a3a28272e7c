"""Compiled and exported code: a draw stands in the graph as one operator, which draws when the graph runs."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

import fastinit

from ._fill import USUAL
from ._tensor import is_abstract

_F = TypeVar("_F", bound=Callable[..., Tensor])
_FUNCTIONS: dict[str, Callable[..., Tensor]] = {}
_MASK = (1 << 64) - 1


def traced(function: _F) -> _F:
    """Let a function that fills a tensor stand in traced code; elsewhere it is called as it is."""
    name = function.__name__
    _FUNCTIONS[name] = function

    @functools.wraps(function)
    def call(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if torch.compiler.is_compiling():
            _write_down(tensor, name, args, kwargs)
            return tensor
        function(tensor, *args, **kwargs)
        if type(tensor) not in USUAL and is_abstract(tensor) and not tensor.is_meta:
            # To a fake tensor nothing was done, but somebody may write down what would be; not what a generator does.
            with suppress(TypeError):
                _write_down(tensor, name, args, kwargs)
        return tensor

    return cast(_F, call)


def _write_down(tensor: Tensor, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    words = _words(kwargs.pop("seed", None))
    arguments = _text(args, tuple(kwargs), tuple(kwargs.values()))
    # Only where it must be: a change of the mode is a graph of its own, which exported files cannot hold.
    with torch.no_grad() if tensor.requires_grad else nullcontext():
        _fill(tensor, name, arguments, words)


@torch.library.custom_op("fastinit::fill_", mutates_args=("tensor",))
def _fill(tensor: Tensor, function: str, arguments: str, seed: list[int]) -> None:
    """Call a function of this package by its name, its arguments in JSON; no seed is None."""
    described = json.loads(arguments)
    given = {"seed": fastinit.Key.from_words(*[word & _MASK for word in seed])} if seed else {}
    _FUNCTIONS[function](tensor, *described["args"], **described["kwargs"], **given)


@_fill.register_fake
def _(tensor: Tensor, function: str, arguments: str, seed: list[int]) -> None:
    return None


@torch.compiler.assume_constant_result
def _text(args: tuple[Any, ...], names: tuple[str, ...], values: tuple[Any, ...]) -> str:
    kwargs = dict(zip(names, values, strict=True))
    if kwargs.get("generator", 0) is None:
        del kwargs["generator"]
    try:
        return json.dumps({"args": args, "kwargs": kwargs})
    except (TypeError, ValueError):
        raise TypeError(
            "in traced code every argument must be a number, a string or a list of these, and no generator. "
            f"Received: {args}, {kwargs}"
        ) from None


def _words(seed: Any) -> list[int]:
    """A seed as integers of 64 bits with a sign, which is what operators take."""
    if seed is None:
        return []
    if isinstance(seed, fastinit.Key):
        return [_signed(seed.key), _signed(seed.stream)]
    if isinstance(seed, (int, torch.SymInt)) and not isinstance(seed, bool):
        return [_signed(seed), 0]
    raise TypeError(f"in traced code `seed` must be None, an int or a fastinit.Key. Received: {type(seed).__name__}")


def _signed(word: Any) -> Any:
    return word - (1 << 64) if word >= 1 << 63 else word
