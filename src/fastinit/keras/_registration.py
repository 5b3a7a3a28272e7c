"""The names by which saved models find initializers."""

from __future__ import annotations

from typing import TypeVar

import keras

from .. import initializers

C = TypeVar("C", bound=type)

_NO_INITIALIZERS = {"fans", "get", "initialize"}


def register(cls: C) -> C:
    """Let saved models find the class, by a name that does not move with the file that it is defined in."""
    cls.__module__ = "fastinit.keras"
    registered: C = keras.saving.register_keras_serializable(package="fastinit")(cls)
    return registered


def _register_functions() -> None:
    """Let saved models find fastinit's functions, for layers that have one of them as their initializer.

    Keras calls a function like any initializer, and saves its name. Unregistered that is "he_normal", which Keras
    reads as its own class when it loads the model, and fails.
    """
    for name in initializers.__all__:
        function = getattr(initializers, name)
        if name not in _NO_INITIALIZERS and function.__name__ == name:  # an alias is its function
            keras.saving.register_keras_serializable(package="fastinit")(function)


_register_functions()
