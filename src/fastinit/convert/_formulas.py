"""Activations that exporters write out, as in x * sigmoid(x), known by their formulas.

A formula of x is a number, a product (coefficient, factors) or a sum (constant, terms), whose factors and terms are
sorted, or an operator with its arguments: however it is written out, it comes to the same tuple.
"""

from __future__ import annotations

import math
from typing import Any

Formula = Any
X: Formula = ("x",)


def times(a: Formula, b: Formula) -> Formula:
    coefficient, factors = 1.0, []
    for each in (a, b):
        if isinstance(each, float):
            coefficient *= each
        elif each[0] == "times":
            coefficient *= each[1]
            factors += each[2]
        else:
            factors.append(each)
    if not factors:
        return coefficient
    if coefficient == 1.0 and len(factors) == 1:
        return factors[0]
    return "times", coefficient, tuple(sorted(factors, key=repr))


def plus(a: Formula, b: Formula) -> Formula:
    constant, terms = 0.0, []
    for each in (a, b):
        if isinstance(each, float):
            constant += each
        elif each[0] == "plus":
            constant += each[1]
            terms += each[2]
        else:
            terms.append(each)
    if not terms:
        return constant
    if constant == 0.0 and len(terms) == 1:
        return terms[0]
    return "plus", constant, tuple(sorted(terms, key=repr))


def power(a: Formula, exponent: Formula) -> Formula:
    if exponent not in (1.0, 2.0, 3.0):
        return "Pow", a, exponent
    result = a
    for _ in range(int(exponent) - 1):
        result = times(result, a)
    return result


def rounded(formula: Formula) -> Formula:
    """With numbers as far as float32, multiplied in any order, agrees."""
    if isinstance(formula, float):
        return format(formula, ".5g")
    return tuple(rounded(part) for part in formula) if isinstance(formula, tuple) else formula


_CUBE = plus(X, times(0.044715, power(X, 3.0)))
_CUBE_BY_SQUARE = times(X, plus(1.0, times(0.044715, power(X, 2.0))))
_ROOT = math.sqrt(2 / math.pi)

FORMULAS = {
    rounded(formula): activation
    for formula, activation in (
        (times(X, ("Sigmoid", X)), "silu"),
        (times(X, ("Tanh", ("Softplus", X))), "mish"),
        (times(times(0.5, X), plus(1.0, ("Erf", times(math.sqrt(0.5), X)))), "gelu"),
        (times(times(0.5, X), plus(1.0, ("Tanh", times(_ROOT, _CUBE)))), "gelu_tanh"),
        (times(times(0.5, X), plus(1.0, ("Tanh", times(_ROOT, _CUBE_BY_SQUARE)))), "gelu_tanh"),
        (times(X, ("HardSigmoid", X)), "hard_silu"),
        (("Div", X, plus(1.0, ("Abs", X))), "softsign"),
        # PyTorch's softplus is x from 20 on, where the two differ by less than 1e-10 of it.
        (("Where", ("Greater", X, 20.0), X, ("Softplus", X)), "softplus"),
    )
}
