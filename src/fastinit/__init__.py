"""Initialize neural networks on the CPU: fast, and with the same bits on every machine.

>>> import fastinit
>>> w = fastinit.he_normal((784, 128), seed=fastinit.Key(0).child("dense.kernel"))
>>> w.shape, w.dtype.name
((784, 128), 'float32')

=====================  ==========================================================================================
distributions          `normal`, `truncated_normal`, `uniform`
scaled by fans         `variance_scaling`, `he_*`, `glorot_*`, `lecun_*`; `kaiming_*` and `xavier_*` are aliases
matrices               `orthogonal`, `delta_orthogonal`, `sparse`, `identity`, `dirac`
without randomness     `zeros`, `ones`, `constant`
many tensors           `initialize`, `Key` for their seeds, `Rules` for which initializer goes with which name
helpers                `get` finds an initializer by its name, `fans` counts a weight's inputs and outputs
for one architecture   `schemes`: `gpt2_residual`, `t5`, `siren`, `mup`, `fixup`, ...
the forward pass       `dense`, `activate`, `MLP`; `convert` makes them of models trained elsewhere
evolution strategies   `perturb` draws a population, `recombine` sums up its noise
signals                `propagate` and `gain` look at them, `lsuv` makes them healthy
this installation      `info`, `isa`, `available_isas`
=====================  ==========================================================================================

``help(fastinit.initializers)`` describes the arguments that every initializer takes: dtype, seed, out, index, threads.
"""

from . import runtime, schemes  # noqa: F401  runtime comes first: it says so if nothing is compiled

# isort: split
from . import convert
from .evolution import perturb, recombine
from .forward import MLP, activate, dense
from .initializers import (
    constant,
    delta_orthogonal,
    dirac,
    fans,
    get,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    identity,
    initialize,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    normal,
    ones,
    orthogonal,
    sparse,
    truncated_normal,
    uniform,
    variance_scaling,
    xavier_normal,
    xavier_uniform,
    zeros,
)
from .keys import Key
from .propagation import gain, lsuv, propagate
from .rules import Rules
from .runtime import __version__, available_isas, info, isa

__all__ = [
    "MLP",
    "Key",
    "Rules",
    "__version__",
    "activate",
    "available_isas",
    "constant",
    "convert",
    "delta_orthogonal",
    "dense",
    "dirac",
    "fans",
    "gain",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "info",
    "initialize",
    "isa",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "lsuv",
    "normal",
    "ones",
    "orthogonal",
    "perturb",
    "propagate",
    "recombine",
    "schemes",
    "sparse",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
