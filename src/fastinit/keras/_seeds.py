"""What a seed may be, how a config holds it, and the key that a call draws with."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import Any

import keras

from ..keys import Key

Seed = Any
"""None, an int, a `fastinit.Key`, or a `keras.random.SeedGenerator`."""


def check_seed(seed: Any) -> Seed:
    """The seed that was given, out of a config, too."""
    if isinstance(seed, dict):
        is_key = seed.keys() == {"key", "stream"}
        seed = Key.from_words(**seed) if is_key else keras.saving.deserialize_keras_object(seed)
    if seed is None or isinstance(seed, (Key, keras.random.SeedGenerator)):
        return seed
    if isinstance(seed, numbers.Integral) and not isinstance(seed, bool):
        return Key(int(seed)).key  # in range, or a ValueError
    raise TypeError(
        "`seed` must be None, an int, a fastinit.Key or a keras.random.SeedGenerator. "
        f"Received: seed={seed!r} of type {type(seed).__name__}"
    )


def fix_seed(seed: Seed) -> Seed:
    """The seed that every call draws with. None becomes a number that follows `keras.utils.set_random_seed`."""
    return keras.initializers.RandomNormal().seed if seed is None else seed


def seed_config(seed: Seed) -> Any:
    """The seed as JSON has it."""
    if isinstance(seed, Key):
        return {"key": seed.key, "stream": seed.stream}
    return keras.saving.serialize_keras_object(seed)


def key_of(seed: Seed) -> Key | None:
    """The key of one call. A SeedGenerator advances; initializers without randomness have no seed and no key."""
    if isinstance(seed, keras.random.SeedGenerator):
        words = seed.next()
        return key_of_words(words.tolist() if hasattr(words, "tolist") else keras.ops.convert_to_numpy(words))
    return None if seed is None else Key(seed)


def key_of_words(words: Iterable[Any]) -> Key:
    """The key that has a SeedGenerator's two words, which some backends keep as signed numbers."""
    return Key.from_words(*(int(word) & 0xFFFFFFFF for word in words))
