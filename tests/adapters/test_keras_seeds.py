"""Seeds of fastinit.keras: what each kind means, and what a config holds."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import fastinit
from support.bits import assert_same_bits
from support.keras_backend import VERSION, fk, ignore_copy_keyword, keras, numpy_of

pytestmark = ignore_copy_keyword

KEY = fastinit.Key(2**63 + 5).child("kernel")
RANDOM = [
    fk.RandomNormal,
    fk.RandomUniform,
    fk.TruncatedNormal,
    fk.VarianceScaling,
    fk.GlorotNormal,
    fk.GlorotUniform,
    fk.HeNormal,
    fk.HeUniform,
    fk.LecunNormal,
    fk.LecunUniform,
    fk.Orthogonal,
    fk.T5,
    fk.Siren,
]


def draw(initializer: Any) -> np.ndarray:
    return numpy_of(initializer((6, 5)))


def he(seed: Any) -> np.ndarray:
    return fastinit.he_normal((6, 5), seed=seed)


@pytest.mark.parametrize("cls", RANDOM)
def test_none_follows_set_random_seed(cls: Any) -> None:
    keras.utils.set_random_seed(3)
    first = [cls(), cls()]
    keras.utils.set_random_seed(3)
    second = [cls(), cls()]
    assert_same_bits(draw(first[0]), draw(second[0]))
    assert_same_bits(draw(first[1]), draw(second[1]))
    assert not np.array_equal(draw(first[0]), draw(first[1]))
    assert_same_bits(draw(first[0]), draw(first[0]))
    assert first[0].get_config()["seed"] is None


def test_none_is_the_number_that_keras_takes() -> None:
    keras.utils.set_random_seed(3)
    ours = fk.HeNormal()
    keras.utils.set_random_seed(3)
    assert ours.seed == keras.initializers.HeNormal().seed
    assert_same_bits(draw(ours), he(ours.seed))


def test_another_seed_leaves_keras_numbers_alone() -> None:
    keras.utils.set_random_seed(3)
    expected = keras.initializers.HeNormal().seed
    keras.utils.set_random_seed(3)
    for seed in (5, KEY, keras.random.SeedGenerator(5)):
        fk.HeNormal(seed=seed)
        fk.Sparse(0.5, seed=seed)
    assert keras.initializers.HeNormal().seed == expected


@pytest.mark.parametrize("seed", [0, 5, 2**32 + 1, 2**64 - 1, np.int64(5), np.uint8(5)])
def test_int(seed: Any) -> None:
    initializer = fk.HeNormal(seed)
    assert_same_bits(draw(initializer), he(int(seed)))
    assert_same_bits(draw(initializer), he(int(seed)))
    config = json.loads(json.dumps(initializer.get_config()))
    assert config["seed"] == int(seed)
    assert_same_bits(draw(fk.HeNormal.from_config(config)), he(int(seed)))


@pytest.mark.parametrize("cls", RANDOM)
def test_key_survives_a_config(cls: Any) -> None:
    initializer = cls(seed=KEY)
    config = json.loads(json.dumps(initializer.get_config()))
    assert config["seed"] == {"key": KEY.key, "stream": KEY.stream}
    again = cls.from_config(config)
    assert again.seed == KEY
    assert_same_bits(draw(again), draw(initializer))
    assert_same_bits(draw(initializer.clone()) if hasattr(initializer, "clone") else draw(again), draw(initializer))


def test_seed_generator_advances() -> None:
    generator = keras.random.SeedGenerator(5)
    one, other = fk.HeNormal(generator), fk.HeNormal(generator)
    for count, initializer in enumerate([one, one, other, one]):
        assert_same_bits(draw(initializer), he(fastinit.Key.from_words(5, count)))
    assert numpy_of(generator.state).tolist() == [5, 4]


def test_seed_generator_in_a_config_starts_anew() -> None:
    """As in Keras, whose configs hold the first seed of a generator."""
    initializer = fk.HeNormal(keras.random.SeedGenerator(5))
    draw(initializer)
    again = fk.HeNormal.from_config(json.loads(json.dumps(initializer.get_config())))
    assert_same_bits(draw(again), he(5))


def test_words_of_signed_backends() -> None:
    from fastinit.keras._seeds import key_of_words

    assert key_of_words([-1, np.int32(-(2**31))]) == fastinit.Key.from_words(2**32 - 1, 2**31)


@pytest.mark.parametrize("seed", [True, "5", 1.0, [1, 2], np.random.default_rng(0), np.bool_(True)])
def test_other_seeds_are_refused(seed: Any) -> None:
    with pytest.raises(TypeError, match=r"`seed` must be None, an int, a fastinit.Key or a keras.random.SeedGenerator"):
        fk.HeNormal(seed=seed)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seeds_out_of_range_are_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="`seed`"):
        fk.Orthogonal(seed=seed)


@pytest.mark.skipif(VERSION < (3, 15), reason="Keras names axes to initializers from 3.15 on")
@pytest.mark.parametrize("seed", [None, 5, KEY, "generator"])
def test_layers_that_name_axes_keep_the_seed(seed: Any) -> None:
    generator = keras.random.SeedGenerator(5)
    initializer = fk.HeNormal(generator if seed == "generator" else seed)
    layer = keras.layers.EinsumDense("ab,bcd->acd", (4, 3), kernel_initializer=initializer)
    layer.build((None, 6))
    key = 5 if seed == "generator" else initializer.seed
    assert_same_bits(numpy_of(layer.kernel), fastinit.he_normal((6, 4, 3), in_axis=0, out_axis=(1, 2), seed=key))
    assert numpy_of(generator.state).tolist() == [5, int(seed == "generator")]


def test_one_seed_for_all_of_attention_is_keras_own_rule() -> None:
    """It clones the initializer by its config: a seed that is in the config gives three equal kernels."""
    shape = (None, 4, 16)
    for package in (fk, keras.initializers):
        for seed in (5, keras.random.SeedGenerator(5)):
            fixed = keras.layers.MultiHeadAttention(2, 8, kernel_initializer=package.HeNormal(seed=seed))
            fixed.build(shape, shape)
            assert_same_bits(numpy_of(fixed.query_dense.kernel), numpy_of(fixed.key_dense.kernel))
    keras.utils.set_random_seed(5)
    free = keras.layers.MultiHeadAttention(2, 8, kernel_initializer=fk.HeNormal())
    free.build(shape, shape)
    assert not np.array_equal(numpy_of(free.query_dense.kernel), numpy_of(free.key_dense.kernel))
