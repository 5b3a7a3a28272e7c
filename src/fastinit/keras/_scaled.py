"""Initializers scaled by fan."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from .. import initializers
from ._fans import AxesOrNone, FanInitializer, fans_of_axes
from ._registration import register


class _Scaled(FanInitializer):
    """Draws by the scale, mode and distribution that Keras's constructor has set."""

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        scale, axes = float(self.scale), self._named_axes()  # type: ignore[attr-defined]
        law = self.mode, self.distribution  # type: ignore[attr-defined]
        if axes is None:
            return initializers.variance_scaling(shape, scale, *law, **common)
        fan_in, fan_out = fans_of_axes(shape, *axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out}.get(law[0], (fan_in + fan_out) / 2)
        # Axes may be inputs and outputs at once, which fastinit's may not: all of them count for a fan of 1.
        no_fan: dict[str, Any] = {"in_axis": (), "out_axis": (), "batch_axis": tuple(range(len(shape)))}
        return initializers.variance_scaling(shape, scale / max(1.0, fan), "fan_in", law[1], **no_fan, **common)


@register
class VarianceScaling(_Scaled, keras.initializers.VarianceScaling):
    """Variance ``scale / n``, where n is a fan, `fastinit.variance_scaling`.

    Parameters
    ----------
    scale : float
    mode : {"fan_in", "fan_out", "fan_avg"}
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
        As in Keras, "normal" means truncated_normal.
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.
    input_axes, output_axes : sequence of int, optional
        The axes that the fans are products of. Without both, of (*receptive field*, in, out).

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> initializer = fastinit.keras.VarianceScaling(2.0, "fan_out", "untruncated_normal", seed=0)
    >>> w = keras.ops.convert_to_numpy(initializer((784, 128)))
    >>> bool((w == fastinit.variance_scaling((784, 128), 2.0, "fan_out", "untruncated_normal", seed=0)).all())
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: AxesOrNone = None,
        output_axes: AxesOrNone = None,
    ) -> None:
        super().__init__(scale=scale, mode=mode, distribution=distribution, seed=0)
        self._keep_seed(seed)
        self._keep_axes(input_axes, output_axes)


class _Named(_Scaled):
    """A scheme that has its own class in Keras, whose constructor sets scale, mode and distribution."""

    def __init__(self, seed: Any = None, input_axes: AxesOrNone = None, output_axes: AxesOrNone = None) -> None:
        super().__init__(seed=0)  # type: ignore[call-arg]  # Keras's class is the next
        self._keep_seed(seed)
        self._keep_axes(input_axes, output_axes)


@register
class GlorotUniform(_Named, keras.initializers.GlorotUniform):
    """Uniform in [-L, L], L = sqrt(6 / (fan_in + fan_out)), `fastinit.glorot_uniform`.

    Parameters
    ----------
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.
    input_axes, output_axes : sequence of int, optional
        As in `VarianceScaling`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.GlorotUniform(seed=0)((784, 128)))
    >>> bool((w == fastinit.glorot_uniform((784, 128), seed=0)).all())
    True
    """


@register
class GlorotNormal(_Named, keras.initializers.GlorotNormal):
    """A truncated normal of std sqrt(2 / (fan_in + fan_out)), `fastinit.glorot_normal`.

    Parameters
    ----------
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.
    input_axes, output_axes : sequence of int, optional
        As in `VarianceScaling`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.GlorotNormal(seed=0)((784, 128)))
    >>> bool((w == fastinit.glorot_normal((784, 128), seed=0)).all())
    True
    """


@register
class HeUniform(_Named, keras.initializers.HeUniform):
    """Uniform in [-L, L], L = sqrt(6 / fan_in), `fastinit.he_uniform`.

    Parameters
    ----------
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.
    input_axes, output_axes : sequence of int, optional
        As in `VarianceScaling`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.HeUniform(seed=0)((784, 128)))
    >>> bool((w == fastinit.he_uniform((784, 128), seed=0)).all())
    True
    """


@register
class HeNormal(_Named, keras.initializers.HeNormal):
    """A truncated normal of std sqrt(2 / fan_in), `fastinit.he_normal`.

    Parameters
    ----------
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.
    input_axes, output_axes : sequence of int, optional
        As in `VarianceScaling`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.HeNormal(seed=0)((784, 128)))
    >>> bool((w == fastinit.he_normal((784, 128), seed=0)).all())
    True
    """


@register
class LecunUniform(_Named, keras.initializers.LecunUniform):
    """Uniform in [-L, L], L = sqrt(3 / fan_in), `fastinit.lecun_uniform`.

    Parameters
    ----------
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.
    input_axes, output_axes : sequence of int, optional
        As in `VarianceScaling`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.LecunUniform(seed=0)((784, 128)))
    >>> bool((w == fastinit.lecun_uniform((784, 128), seed=0)).all())
    True
    """


@register
class LecunNormal(_Named, keras.initializers.LecunNormal):
    """A truncated normal of std sqrt(1 / fan_in), `fastinit.lecun_normal`.

    Parameters
    ----------
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.
    input_axes, output_axes : sequence of int, optional
        As in `VarianceScaling`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.LecunNormal(seed=0)((784, 128)))
    >>> bool((w == fastinit.lecun_normal((784, 128), seed=0)).all())
    True
    """
