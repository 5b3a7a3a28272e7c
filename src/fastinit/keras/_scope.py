"""Keras's strings, for fastinit's initializers."""

from __future__ import annotations

from typing import Any

import keras

from . import _constant, _random, _scaled

_CLASSES: tuple[Any, ...] = (
    _constant.Constant,
    _constant.Identity,
    _constant.Ones,
    _constant.Zeros,
    _random.Orthogonal,
    _random.RandomNormal,
    _random.RandomUniform,
    _random.TruncatedNormal,
    _scaled.GlorotNormal,
    _scaled.GlorotUniform,
    _scaled.HeNormal,
    _scaled.HeUniform,
    _scaled.LecunNormal,
    _scaled.LecunUniform,
    _scaled.VarianceScaling,
)

_OTHER_NAMES: dict[str, Any] = {
    "IdentityInitializer": _constant.Identity,
    "OrthogonalInitializer": _random.Orthogonal,
    "normal": _random.RandomNormal,
    "one": _constant.Ones,
    "uniform": _random.RandomUniform,
    "zero": _constant.Zeros,
}


def scope() -> Any:
    """Let Keras's strings name fastinit's initializers, in a ``with`` statement and in this thread.

    Inside, ``Dense(4, kernel_initializer="he_normal")`` has `HeNormal` of fastinit.keras, and a layer whose
    default is "glorot_uniform" has `GlorotUniform`. So has every other name that Keras has, but for "stft".
    Initializers that are objects already, or come from the config of a saved model, stay what they are.

    Returns
    -------
    keras.saving.custom_object_scope

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> with fastinit.keras.scope():
    ...     layer = keras.layers.Dense(4)
    >>> isinstance(layer.kernel_initializer, fastinit.keras.GlorotUniform)
    True
    """
    return keras.saving.custom_object_scope(_names())


def _names() -> dict[str, Any]:
    by_class = {cls.__name__: cls for cls in _CLASSES}
    return {**by_class, **{_snake_case(name): cls for name, cls in by_class.items()}, **_OTHER_NAMES}


def _snake_case(name: str) -> str:
    return "".join([f"_{letter.lower()}" if letter.isupper() else letter for letter in name]).removeprefix("_")
