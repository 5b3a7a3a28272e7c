"""Initializers for Keras 3, on any backend: Keras's names and arguments, fastinit's speed and bits.

Every class is a subclass of Keras's of the same name, where there is one, and is used like it::

    keras.layers.Dense(64, kernel_initializer=fastinit.keras.HeNormal())

`scope` lets the strings of Keras name them. They are registered under the package "fastinit": a model that
has them is loaded by any process that has imported fastinit.keras.

The values are those of the function of the same name: ``HeNormal(seed=0)(shape)`` has the bits of
``fastinit.he_normal(shape, seed=0)`` on every backend. On the CPU the tensor takes the memory that they were
drawn into.

seed : None, int, fastinit.Key or keras.random.SeedGenerator
    None, as in Keras, takes a number that follows `keras.utils.set_random_seed` when the initializer is made.
    With it, with an int in [0, 2**64) and with a Key every call of one initializer gives the same values. A
    SeedGenerator advances with every call; its two words are those of the Key that is drawn with. A Key is
    saved with the model.
dtype
    That of the layer: float32, float64, float16 or bfloat16. `Orthogonal` and `DeltaOrthogonal` also make
    complex values, the constant initializers any that Keras has. float64 is float32 where JAX has no 64-bit
    types, with the values of float32.

A function as an initializer, ``Dense(64, kernel_initializer=fastinit.he_normal)``, ignores
`keras.utils.set_random_seed`, has the wrong fans in EinsumDense, is refused by MultiHeadAttention, and can be
loaded from a saved model only if fastinit.keras was imported when it was saved. The classes do better in all of it.
"""

from ._constant import Constant, Dirac, Identity, Ones, Zeros
from ._random import DeltaOrthogonal, Orthogonal, RandomNormal, RandomUniform, Sparse, TruncatedNormal
from ._scaled import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)
from ._schemes import T5, Fixup, GPT2Residual, MuP, Siren, SmallInit, WangInit, ZeroHadamard
from ._scope import scope

__all__ = [
    "T5",
    "Constant",
    "DeltaOrthogonal",
    "Dirac",
    "Fixup",
    "GPT2Residual",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "LecunNormal",
    "LecunUniform",
    "MuP",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "Siren",
    "SmallInit",
    "Sparse",
    "TruncatedNormal",
    "VarianceScaling",
    "WangInit",
    "ZeroHadamard",
    "Zeros",
    "scope",
]
