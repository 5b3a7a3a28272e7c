"""Initializers without randomness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from .. import initializers
from ._backend import place
from ._initializer import Initializer
from ._registration import register


class _Filled(Initializer):
    """Makes floats; integers, bools and whatever else a dtype may be are Keras's, which knows more of them."""

    def __call__(self, shape: Sequence[int], dtype: Any = None, layout: Any = None) -> Any:
        if keras.backend.standardize_dtype(dtype) in self.dtypes:
            return super().__call__(shape, dtype, layout)
        return place(super(Initializer, self).__call__(shape, dtype), layout)  # type: ignore[misc]


@register
class Zeros(_Filled, keras.initializers.Zeros):
    """Zeros.

    Examples
    --------
    >>> import fastinit.keras
    >>> fastinit.keras.Zeros()((2, 2)).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return initializers.zeros(shape, **common)


@register
class Ones(_Filled, keras.initializers.Ones):
    """Ones.

    Examples
    --------
    >>> import fastinit.keras
    >>> fastinit.keras.Ones()((2, 2)).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return initializers.ones(shape, **common)


@register
class Constant(_Filled, keras.initializers.Constant):
    """A constant, `fastinit.constant`.

    Parameters
    ----------
    value : float or array_like
        An array must broadcast to the shape. A value that the layer's dtype cannot hold is an error.

    Examples
    --------
    >>> import fastinit.keras
    >>> fastinit.keras.Constant(0.5)((2, 2)).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """

    def __init__(self, value: Any = 0.0) -> None:
        super().__init__(value)

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        value = keras.ops.convert_to_numpy(self.value) if keras.ops.is_tensor(self.value) else self.value
        return initializers.constant(shape, value, **common)


@register
class Identity(_Filled, keras.initializers.Identity):
    """Identity matrices, `fastinit.identity`: the last two axes, any before them stack the same matrix.

    Parameters
    ----------
    gain : float
        On the main diagonal.

    Examples
    --------
    >>> import fastinit.keras
    >>> fastinit.keras.Identity()((2, 3)).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__(gain=gain)

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return initializers.identity(shape, float(self.gain), **common)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, where Keras's class forgets its gain."""
        return {"gain": self.gain}


@register
class Dirac(Initializer, keras.initializers.Initializer):
    """A convolution kernel that passes its input channels through, `fastinit.dirac`.

    Parameters
    ----------
    groups : int
        Groups of the convolution.

    Examples
    --------
    >>> import fastinit.keras
    >>> fastinit.keras.Dirac()((3, 2, 2))[1].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, groups: int = 1) -> None:
        self.groups = groups

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return initializers.dirac(shape, self.groups, **common)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"groups": self.groups}
