"""Initializers for JAX, and for the libraries on it: `jax.nn.initializers` with fastinit's speed and bits.

Factories with the names and arguments of `jax.nn.initializers` return ``init(key, shape, dtype, out_sharding)``, so
they fit wherever Flax, Haiku or your own code takes an initializer:

>>> import jax
>>> import fastinit.jax as fj
>>> fj.he_normal()(jax.random.key(0), (784, 128)).shape
(784, 128)

`initialize` fills a whole model from the shapes that `jax.eval_shape` gives, by rules and names; `make_array` makes
one array that is sharded over devices. All give the bits that fastinit gives for the same key, which `key_of` reads.
"""

from . import _needs_jax as _needs_jax  # first, to say what is missing
from ._factories import (
    constant,
    delta_orthogonal,
    dirac,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    identity,
    initializer,
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
from ._initialize import initialize
from ._keys import key_of
from ._sharding import make_array
from ._stored import tensors_of

__all__ = [
    "constant",
    "delta_orthogonal",
    "dirac",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "initialize",
    "initializer",
    "kaiming_normal",
    "kaiming_uniform",
    "key_of",
    "lecun_normal",
    "lecun_uniform",
    "make_array",
    "normal",
    "ones",
    "orthogonal",
    "sparse",
    "tensors_of",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
