"""What all initializers have in common: how Keras calls them, and how a saved model names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np

from ._backend import make
from ._seeds import Seed, check_seed, fix_seed, seed_config

REAL = ("float32", "float64", "float16", "bfloat16")
REAL_OR_COMPLEX = (*REAL, "complex64", "complex128")


class Initializer:
    """Stands before Keras's class of the same name, and makes the values in its place."""

    dtypes: ClassVar[tuple[str, ...]] = REAL
    seed: Seed = None

    def __call__(self, shape: Sequence[int], dtype: Any = None, layout: Any = None) -> Any:
        """Make a tensor of the backend.

        Parameters
        ----------
        shape : sequence of int
        dtype : str or dtype, optional
            `keras.config.floatx()` if None.
        layout : keras.distribution.TensorLayout or jax.sharding.Sharding, optional
            How the tensor lies on the devices of the JAX backend.

        Raises
        ------
        TypeError
            If fastinit does not draw this dtype.
        """
        return make(self._fill, tuple(shape), self._check_dtype(dtype), self.seed, layout)

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        """The values in NumPy; `common` are dtype, seed and index of `fastinit.initializers`."""
        raise NotImplementedError

    def _check_dtype(self, dtype: Any) -> str:
        name: str = keras.backend.standardize_dtype(dtype)
        if name in self.dtypes:
            return name
        *others, last = self.dtypes
        raise TypeError(
            f"the layer's `dtype` must be {', '.join(others)} or {last} where {type(self).__name__} of fastinit.keras "
            f"makes its weights. Received: dtype={name!r}"
        )


class RandomInitializer(Initializer):
    """An initializer with a seed."""

    def _keep_seed(self, seed: Any) -> None:
        """Take the seed in the place of Keras's constructor, which knows no Key; call it with any other before."""
        self._given_seed = check_seed(seed)
        self.seed = fix_seed(self._given_seed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor; a Key as its two words, ``{"key": ..., "stream": ...}``."""
        config: dict[str, Any] = super().get_config()  # type: ignore[misc]
        return {**config, "seed": seed_config(self._given_seed)}
