"""The one model of all adapters as Keras variables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from adapters.one_model import CHECKSUM, SEED, TENSORS, checksum

import fastinit
from support.keras_backend import fk, ignore_copy_keyword, keras, numpy_of

pytestmark = ignore_copy_keyword

# Of a standard normal within 2 of its std, as docs/stream.md has it.
TRUNCATED_STD = 0.87962566103423978


def initializer_of(name: str, key: fastinit.Key) -> Any:
    """Keras's class for what the rules of the model say. Where it has no axes, with the std that they come to."""
    return {
        "embed.table": lambda: fk.RandomNormal(stddev=0.02, seed=key),
        "blocks.0.attention.query": lambda: fk.RandomNormal(stddev=math.sqrt(1 / 48), seed=key),
        "blocks.0.attention.out": lambda: fk.Orthogonal(gain=0.5, seed=key),
        "blocks.0.mlp.up": lambda: fk.HeNormal(seed=key),
        # Keras cuts at 2, this at 3: a function of fastinit is an initializer, too.
        "blocks.0.mlp.down": lambda: (
            lambda shape, dtype: keras.ops.cast(
                fastinit.truncated_normal(shape, std=0.1, lower=-3.0, upper=3.0, dtype=dtype, seed=key).astype(
                    np.float32
                ),
                dtype,
            )
        ),
        "blocks.0.norm.scale": lambda: fk.Ones(),
        "blocks.1.experts": lambda: fk.TruncatedNormal(stddev=math.sqrt(1 / 16) / TRUNCATED_STD, seed=key),
        "conv.kernel": lambda: fk.GlorotUniform(seed=key),
        "head.kernel": lambda: fk.RandomUniform(-0.25, 0.25, seed=key),
        "head.bias": lambda: fk.Constant(0.1),
    }[name]()


def test_keras_variables_reach_the_checksum() -> None:
    variables = {
        name: keras.Variable(initializer_of(name, fastinit.Key(SEED).child(name)), shape=shape, dtype=dtype)
        for name, (shape, dtype) in TENSORS.items()
    }
    assert checksum({name: numpy_of(variable.value) for name, variable in variables.items()}) == CHECKSUM
