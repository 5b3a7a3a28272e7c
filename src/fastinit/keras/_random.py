"""The plain distributions, orthogonal and sparse matrices."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from .. import initializers
from ._initializer import REAL_OR_COMPLEX, RandomInitializer
from ._registration import register


@register
class RandomNormal(RandomInitializer, keras.initializers.RandomNormal):
    """N(mean, stddev²), `fastinit.normal`.

    Parameters
    ----------
    mean, stddev : float
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.RandomNormal(stddev=0.02, seed=0)((784, 128)))
    >>> bool((w == fastinit.normal((784, 128), std=0.02, seed=0)).all())
    True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(mean=mean, stddev=stddev, seed=0)
        self._keep_seed(seed)

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return initializers.normal(shape, float(self.mean), float(self.stddev), **common)


@register
class TruncatedNormal(RandomInitializer, keras.initializers.TruncatedNormal):
    """N(mean, stddev²) cut off at two stds from the mean, `fastinit.truncated_normal`.

    Parameters
    ----------
    mean, stddev : float
        Of the normal before it is cut off, as in Keras; the std of the result is 0.8796 stddev.
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.TruncatedNormal(stddev=0.02, seed=0)((784, 128)))
    >>> bool(abs(w).max() <= 0.04)
    True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(mean=mean, stddev=stddev, seed=0)
        self._keep_seed(seed)

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return initializers.truncated_normal(shape, float(self.mean), float(self.stddev), **common)


@register
class RandomUniform(RandomInitializer, keras.initializers.RandomUniform):
    """Uniform in [minval, maxval), `fastinit.uniform`.

    Parameters
    ----------
    minval, maxval : float
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.RandomUniform(0.0, 1.0, seed=0)((784, 128)))
    >>> bool((w >= 0.0).all() and (w < 1.0).all())
    True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        super().__init__(minval=minval, maxval=maxval, seed=0)
        self._keep_seed(seed)

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return initializers.uniform(shape, float(self.minval), float(self.maxval), **common)


@register
class Orthogonal(RandomInitializer, keras.initializers.Orthogonal):
    """An orthogonal matrix times `gain`, `fastinit.orthogonal`; unitary where the layer's dtype is complex.

    Parameters
    ----------
    gain : float
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.Orthogonal(seed=0)((256, 64)))
    >>> bool(np.allclose(w.T @ w, np.eye(64), atol=1e-6))
    True
    """

    dtypes = REAL_OR_COMPLEX

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        super().__init__(gain=gain, seed=0)
        self._keep_seed(seed)

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return initializers.orthogonal(shape, float(self.gain), **common)


@register
class DeltaOrthogonal(RandomInitializer, keras.initializers.Initializer):
    """A convolution kernel with an orthogonal matrix at its centre, `fastinit.delta_orthogonal`.

    Parameters
    ----------
    gain : float
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.DeltaOrthogonal(seed=0)((3, 3, 8, 16)))
    >>> bool((w == fastinit.delta_orthogonal((3, 3, 8, 16), seed=0)).all())
    True
    """

    dtypes = REAL_OR_COMPLEX

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        self.gain = gain
        self._keep_seed(seed)

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return initializers.delta_orthogonal(shape, float(self.gain), **common)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"gain": self.gain, **super().get_config()}


@register
class Sparse(RandomInitializer, keras.initializers.Initializer):
    """A normal matrix with an exact share of zeros in every column, `fastinit.sparse`.

    Parameters
    ----------
    sparsity : float
        Share of the inputs of every unit whose weight is zero, in [0, 1].
    stddev : float
        Of the other weights.
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.Sparse(0.75, seed=0)((10, 4)))
    >>> (w == 0).sum(axis=0)
    array([8, 8, 8, 8])
    """

    def __init__(self, sparsity: float, stddev: float = 0.01, seed: Any = None) -> None:
        self.sparsity = sparsity
        self.stddev = stddev
        self._keep_seed(seed)

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return initializers.sparse(shape, float(self.sparsity), float(self.stddev), **common)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"sparsity": self.sparsity, "stddev": self.stddev, **super().get_config()}
