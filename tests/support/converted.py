"""What a network's result may be off by: the bounds of its layers, carried through those that follow."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import fastinit
from fastinit import MLP

# The steepest that an activation is; all others are at most 1.2.
_STEEPEST = {"log_softmax": 2.0, "selu": 1.76}


def bounds(network: MLP, x: np.ndarray, loose: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """What the layers come to in float64, and how far from it a result in the network's dtype may lie.

    A sum of k products and a bias errs by (k + 2) u times the sum of their magnitudes, an activation by 4 units in the
    last place. With `loose` both err also by so many units of 1, of sums and of arguments: implementations that cancel,
    or that add the parts of a folded bias one by one.
    """
    unit = float(np.finfo(network.dtype).eps) / 2
    values, error = x.astype(np.float64), np.zeros(x.shape)
    for weight, bias, activation in network.layers:
        wide, shift = weight.astype(np.float64), 0.0 if bias is None else bias.astype(np.float64)
        sums = np.abs(values) @ np.abs(wide) + np.abs(shift)
        error = error @ np.abs(wide) + (len(weight) + 2) * unit * (sums * (1 + loose) + loose)
        values = values @ wide + shift
        name, parameter = activation if isinstance(activation, tuple) else (activation, 0.0)
        steepest = _STEEPEST.get(name or "linear", max(1.2, abs(parameter)))
        if name == "exp":
            steepest = math.exp(min(700.0, (values + error).max(initial=0.0)))
        if name is not None:
            arguments = np.abs(values)
            values = fastinit.activate(values, activation)
            error = steepest * error + 8 * unit * np.abs(values) + loose * unit * (1 + arguments)
            if name in ("softmax", "softmin", "log_softmax"):
                error = np.broadcast_to(error.max(axis=-1, keepdims=True) + 8 * unit, values.shape)
    return values, error + np.finfo(network.dtype).tiny


def assert_agrees(network: MLP, x: np.ndarray, theirs: Any) -> None:
    """The network is within its own bound, and what a framework computed within a looser one."""
    found, theirs = network(x), np.asarray(theirs)
    assert theirs.shape == found.shape
    for result, loose in ((found, 0.0), (theirs, 8.0)):
        expected, error = bounds(network, x, loose)
        wrong = np.abs(result - expected) > error
        assert not wrong.any(), (np.abs(result - expected)[wrong][0], error[wrong][0], network)
