"""The caller's floating-point mode reaches no number that is made in Python, and none is remembered."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import schemes
from fastinit.initializers import _orthogonal, _random, _scaled
from fastinit.initializers._engine import registry
from support.floating_point import DAZ, FTZ, TOWARDS_ZERO, UPWARD, mode

DOWNWARD = 1 << 13
MODES = {
    "downward": DOWNWARD,
    "upward": UPWARD,
    "towards zero": TOWARDS_ZERO,
    "flushed": FTZ | DAZ,
    "flushed, upward": FTZ | DAZ | UPWARD,
}
X = fastinit.normal((64, 12), std=1.0, seed=9)
FINE = fastinit.normal((64, 12), std=1.0, seed=9, dtype="float64")

CALLS: dict[str, Callable[[], Any]] = {
    "he_normal": lambda: fastinit.he_normal((37, 29), dtype="float64", seed=5),
    "glorot_uniform": lambda: fastinit.glorot_uniform((37, 29), dtype="float64", seed=5),
    "fan_geo_avg": lambda: fastinit.variance_scaling((37, 29), 0.7, "fan_geo_avg", dtype="float64", seed=5),
    "truncated_normal": lambda: fastinit.truncated_normal((37,), 0.1, 0.3, 0.4, 2.9, dtype="float64", seed=5),
    "absolute bounds": lambda: fastinit.truncated_normal((37,), 0.1, 0.3, 0.5, 1.0, bounds="absolute", seed=5),
    "subnormal": lambda: fastinit.normal((37,), std=1e-310, dtype="float64", seed=5),
    "subnormal bounds": lambda: fastinit.uniform((37,), 1e-44, 3e-40, seed=5),
    "sparse": lambda: fastinit.sparse((37, 5), 0.14, 0.1, dtype="float64", seed=5),
    "orthogonal": lambda: fastinit.orthogonal((9, 5), 1 / 3, precise=True, seed=5),
    "constant": lambda: fastinit.constant((37,), 0.1),
    "constant array": lambda: fastinit.constant((37,), np.full(37, 0.1), dtype="float16"),
    "subnormal constant": lambda: fastinit.constant((37,), 1e-40),
    "identity": lambda: fastinit.identity((3, 3), 0.1),
    "zero_hadamard": lambda: schemes.zero_hadamard((5, 9), dtype="float64"),
    "gpt2_residual": lambda: schemes.gpt2_residual((5, 9), 7, dtype="float64", seed=5),
    "small_init": lambda: schemes.small_init((5, 9), 7, dtype="float64", seed=5),
    "wang_init": lambda: schemes.wang_init((5, 9), 7, 3, dtype="float64", seed=5),
    "t5": lambda: schemes.t5((5, 9), 7, 0.3, dtype="float64", seed=5),
    "fixup": lambda: schemes.fixup((5, 9), 7, 4, dtype="float64", seed=5),
    "siren": lambda: schemes.siren((5, 9), omega=7.3, dtype="float64", seed=5),
    "siren, first": lambda: schemes.siren((5, 9), True, dtype="float64", seed=5),
    "mup": lambda: schemes.mup((15, 9), (5, 3), 0.03, dtype="float64", seed=5),
    "mup_rate": lambda: [schemes.mup_rate((15, 9), (11, 7), by) for by in ("adam", "sgd")],
    "deepnorm": lambda: schemes.deepnorm(encoder_layers=7, decoder_layers=5),
    "deepnorm, alone": lambda: schemes.deepnorm(decoder_layers=5),
    "subln": lambda: schemes.subln(encoder_layers=7, decoder_layers=5),
    "t_fixup": lambda: schemes.t_fixup(encoder_layers=7, decoder_layers=5),
    "gain": lambda: [fastinit.gain(a) for a in ("gelu", ("leaky_relu", 0.3), ("elu", 0.7), ("softplus", 1.7))],
    "gain of tiny slopes": lambda: [fastinit.gain("leaky_relu", 1e-310), fastinit.gain("elu", 1e200)],
    "lsuv": lambda: [layer.weight for layer in fastinit.lsuv([12, 9, 5], X).layers],
    "lsuv in float64": lambda: [layer.weight for layer in fastinit.lsuv([12, 9, 5], FINE, activation="tanh").layers],
    "lsuv, converted": lambda: [layer.weight for layer in fastinit.lsuv([12, 9], (FINE * 0.7).tolist()).layers],
    "lsuv, far": lambda: [layer.weight for layer in fastinit.lsuv([12, 9], FINE * 1e-250).layers],
    "propagate": lambda: list(fastinit.propagate([12, 9, 5], X, condition=True).to_dict().values()),
    "propagate in float64": lambda: list(fastinit.propagate([12, 9], FINE, activation="gelu").to_dict().values()),
    "initialize": lambda: fastinit.initialize(
        {"a": ("he_normal", (9, 5)), "b": ("constant", 5, {"value": 0.1}), "c": ("orthogonal", (9, 5))}, seed=0
    ),
}


def forget() -> None:
    for draw in [*registry.values(), *(getattr(schemes, name) for name in schemes.__all__)]:
        if hasattr(draw, "request"):
            draw.request.known.clear()
    for remembered in (_random._uniform_law, _random.normal_law, _random._normal_law_between, _scaled._scaled_law):
        remembered.cache_clear()
    _orthogonal._standard_normal.cache_clear()


def bits(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: bits(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [bits(part) for part in value]
    return value.tobytes() if isinstance(value, np.ndarray) else value.hex() if isinstance(value, float) else value


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("which", MODES)
def test_no_mode_changes_a_number_or_what_is_remembered(name: str, which: str, mxcsr: ctypes.CDLL) -> None:
    forget()
    expected = bits(CALLS[name]())
    forget()
    with mode(mxcsr, MODES[which]):
        changed = CALLS[name]()
    after = CALLS[name]()
    assert bits(changed) == expected
    assert bits(after) == expected
