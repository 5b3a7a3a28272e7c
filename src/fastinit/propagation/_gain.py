"""Gains: by how much a layer's weights must be larger because of its activation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from .._arguments import check_choice
from .._arithmetic import own_arithmetic
from ..forward._activation import ALIASES, GATED, OF_ROWS, PARAMETERS, ElementwiseActivation, activate
from ..forward._checks import check_activation
from ._checks import no_gain, no_signal_left, two_parameters
from ._traits import TRAITS

# E[(exp(z) - 1)**2; z < 0], of which the second moment of elu is made: from tools/make_gains.py.
_ELU_BELOW_ZERO = 0.14494541749292386

_TORCH = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2.0), "selu": 3 / 4}
_ELEMENTWISE = {name: PARAMETERS[name] for name in sorted(set(PARAMETERS) - OF_ROWS - GATED)}
NAMES = tuple(_ELEMENTWISE)


def gain(
    activation: ElementwiseActivation,
    param: float | Mapping[str, float] | None = None,
    convention: Literal["torch"] | None = None,
) -> float:
    """Return the factor that keeps a signal's second moment through an activation.

    ``1 / sqrt(E[f(z)**2])`` for a standard normal z: weights of variance ``gain**2 / fan_in`` make the
    next pre-activation as large as this one. He initialization is the case of relu; for another
    activation f it is ``variance_scaling(shape, gain(f)**2, "fan_in")``.

    Parameters
    ----------
    activation : str, (str, float), (str, {str: float}) or None
        An elementwise activation of the forward pass, alone or with its parameters; None is linear.
        softmax and all others that work on rows or halves have no gain.
    param : float or {str: float}, optional
        The first parameter, or any of them by name, as `activate` lists them: the slope of leaky_relu (default 0.01),
        alpha of elu (1), beta of softplus (1).
    convention : {None, "torch"}
        "torch" gives the values of ``torch.nn.init.calculate_gain``: 5/3 for tanh, 3/4 for selu, 1 for
        sigmoid and linear, and the exact one for relu and leaky_relu. It has no others.

    Returns
    -------
    float
        1 for linear and selu, sqrt(2) for relu, sqrt(2 / (1 + slope²)) for leaky_relu, 1.2451983007007066 for
        elu and 1.0418668355353016 for softplus with their defaults, 1.5335304411955353 for gelu; the table
        in docs/activations.md has all.

    Raises
    ------
    TypeError, ValueError
        If there is no such activation, it has no gain or no parameter, or that is not allowed, or came
        twice, or the activation is 0 wherever a signal is.

    Notes
    -----
    It keeps the signal, not the gradient, which wants 1 / sqrt(E[f'(z)**2]): the two agree for relu,
    leaky_relu and linear. A deep tanh network trains better with gain 1, see docs/choosing.md.

    For elu E[f²] = 1/2 + alpha² (e² Φ(-2) - 2 sqrt(e) Φ(-1) + 1/2), for gelu 1/3 + 1/(2π sqrt(3)). The
    values without a formula come from an integration to 40 digits, `tools/make_gains.py`; softplus, and any with
    other parameters than the standard ones, is integrated when it is asked for, to a few units in the last place.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, section 2.2, for relu and
    leaky_relu; Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017, for selu.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.gain("relu") == 2**0.5
    True
    >>> fastinit.gain("tanh"), fastinit.gain("tanh", convention="torch")
    (1.5925374197228315, 1.6666666666666667)
    >>> w = fastinit.variance_scaling((512, 512), fastinit.gain("gelu") ** 2, seed=0)
    """
    given: Any = "linear" if activation is None else activation
    if param is not None:
        if isinstance(given, tuple):
            raise two_parameters(given, param)
        given = given, param
    word = given[0] if isinstance(given, tuple) and given else given
    word = ALIASES.get(word, word) if isinstance(word, str) else word
    if isinstance(word, str) and (word in OF_ROWS or word in GATED):
        raise no_gain(word)
    name, values = check_activation(given, _ELEMENTWISE)
    if convention is not None:
        check_choice("convention", convention, ("torch",))
        check_choice("activation", name, (*_TORCH, "leaky_relu"), "PyTorch's table has no others. ")
        if name in _TORCH:
            return _TORCH[name]
    if name in ("leaky_relu", "elu"):
        return _inverse_norm(0.5, _ELU_BELOW_ZERO if name == "elu" else 0.5, values[0])
    if name == "softplus" and values[1] == math.inf:
        return _softplus_gain(values[0])
    known = TRAITS[name].gain
    if known is not None and values == [standard for standard, _ in PARAMETERS[name].values()]:
        return known
    return _integrated_gain(name, values)


@own_arithmetic()
def _inverse_norm(a: float, b: float, x: float) -> float:
    """1 / sqrt(a + b x²), of operations that round alike everywhere (hypot is none); x² does not overflow."""
    size = abs(x)
    if size <= 1.0:
        return math.sqrt(1.0 / (a + b * (size * size)))
    return math.sqrt(1.0 / (a / size / size + b)) / size


@own_arithmetic()
def _softplus_gain(beta: float) -> float:
    """The gain of log(1 + exp(beta z)) / beta, by Gauss's quadrature.

    It is relu(z) + t / beta with t = log1p(exp(-beta |z|)), so E[f²] = 1/2 + 2 E[z t / beta + (t / beta)²; z > 0].
    What is integrated is smooth, and vanishes beyond 40 / beta or 12: panels that are narrow on both scales
    make 20 nodes exact to the last digits. All is multiplied by beta, so that no power of 1 / beta overflows.
    """
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(0.0, min(40.0 / beta, 12.0), 33)
    half = (edges[1:] - edges[:-1])[:, None] / 2
    z = edges[:-1, None] + half * (1.0 + nodes)
    t = np.log1p(np.exp(-beta * z))
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    rest = float((weights * half * (beta * z + t) * t * density).sum())
    if beta > 1.0:
        return 1.0 / math.sqrt(0.5 + 2.0 * rest / beta / beta)
    return beta / math.sqrt(0.5 * (beta * beta) + 2.0 * rest)


@own_arithmetic()
def _integrated_gain(name: str, values: list[Any]) -> float:
    """The gain of any parameters, by Gauss's quadrature of the kernels' own values in float64.

    Panels become half as wide, and half as wide again, towards 0 and every kink: down to the last digit, so that what
    changes on any scale near there is seen, however large the parameters.
    """
    most = 12.0
    points = sorted({0.0, *(point for point in TRAITS[name].kinks(*values) if abs(point) < most)})
    steps = np.array([0.0, *(most * 0.5**k for k in range(1100, -1, -1) if k < 80 or k % 10 == 0)])
    edges = np.unique(np.concatenate([[-most, most], *[[p + steps, p - steps] for p in points]], axis=None))
    edges = edges[abs(edges) <= most]
    nodes, weights = np.polynomial.legendre.leggauss(20)
    half = (edges[1:] - edges[:-1])[:, None] / 2
    z = edges[:-1, None] + half * (1.0 + nodes)
    y = activate(z, (name, dict(zip(PARAMETERS[name], values, strict=True))))  # type: ignore[arg-type]
    largest = float(abs(y).max())
    if not largest > 0.0:
        raise no_signal_left(name, values)
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    moment = float((weights * half * np.square(y / largest) * density).sum())
    if not moment > 0.0:
        raise no_signal_left(name, values)
    return 1.0 / math.sqrt(moment) / largest
