"""The schemes of `fastinit.schemes` that draw a weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np

from .. import schemes
from ._fans import AxesOrNone, FanInitializer
from ._initializer import Initializer, RandomInitializer
from ._registration import register
from ._seeds import seed_config


class _OfStd(RandomInitializer, keras.initializers.Initializer):
    """A scheme whose std does not depend on a fan."""

    arguments: ClassVar[tuple[str, ...]]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor; a Key as its two words, ``{"key": ..., "stream": ...}``."""
        return {**{name: getattr(self, name) for name in self.arguments}, **super().get_config()}


class _OfFans(FanInitializer, keras.initializers.VarianceScaling):
    """A scheme of fans. It is a VarianceScaling for the layers that set axes; it has no scale, mode or distribution."""

    arguments: ClassVar[tuple[str, ...]]

    def __init__(self, seed: Any, input_axes: AxesOrNone, output_axes: AxesOrNone) -> None:
        super().__init__(seed=0)
        del self.scale, self.mode, self.distribution
        self._keep_seed(seed)
        self._keep_axes(input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor; a Key as its two words, ``{"key": ..., "stream": ...}``."""
        own = {name: getattr(self, name) for name in self.arguments}
        axes = {"input_axes": self.input_axes, "output_axes": self.output_axes}
        return {**own, "seed": seed_config(self._given_seed), **axes}


@register
class GPT2Residual(_OfStd):
    """A projection that ends on GPT-2's residual stream, `fastinit.schemes.gpt2_residual`.

    Parameters
    ----------
    layers : int
        Blocks of the model.
    stddev : float
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.GPT2Residual(layers=12, seed=0)((768, 768)))
    >>> bool((w == fastinit.schemes.gpt2_residual((768, 768), layers=12, seed=0)).all())
    True
    """

    arguments = ("layers", "stddev")

    def __init__(self, layers: int, stddev: float = 0.02, seed: Any = None) -> None:
        self.layers = layers
        self.stddev = stddev
        self._keep_seed(seed)

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return schemes.gpt2_residual(shape, self.layers, self.stddev, **common)


@register
class SmallInit(_OfStd):
    """Embeddings and weights of a transformer of width `dim`, `fastinit.schemes.small_init`.

    Parameters
    ----------
    dim : int
        Width of the residual stream.
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.SmallInit(dim=512, seed=0)((512, 2048)))
    >>> bool((w == fastinit.schemes.small_init((512, 2048), dim=512, seed=0)).all())
    True
    """

    arguments = ("dim",)

    def __init__(self, dim: int, seed: Any = None) -> None:
        self.dim = dim
        self._keep_seed(seed)

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return schemes.small_init(shape, self.dim, **common)


@register
class WangInit(_OfStd):
    """The output projections of a transformer's blocks, `fastinit.schemes.wang_init`.

    Parameters
    ----------
    dim : int
        Width of the residual stream.
    layers : int
        Blocks of the model.
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.WangInit(dim=512, layers=12, seed=0)((2048, 512)))
    >>> bool((w == fastinit.schemes.wang_init((2048, 512), dim=512, layers=12, seed=0)).all())
    True
    """

    arguments = ("dim", "layers")

    def __init__(self, dim: int, layers: int, seed: Any = None) -> None:
        self.dim = dim
        self.layers = layers
        self._keep_seed(seed)

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return schemes.wang_init(shape, self.dim, self.layers, **common)


@register
class T5(_OfFans):
    """A weight of T5, `fastinit.schemes.t5`.

    Parameters
    ----------
    head_dim : int
        d_kv for the queries, else 1.
    factor : float
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.
    input_axes, output_axes : sequence of int, optional
        As in `VarianceScaling`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.T5(head_dim=64, seed=0)((512, 512)))
    >>> bool((w == fastinit.schemes.t5((512, 512), head_dim=64, seed=0)).all())
    True
    """

    arguments = ("head_dim", "factor")

    def __init__(
        self,
        head_dim: int = 1,
        factor: float = 1.0,
        seed: Any = None,
        input_axes: AxesOrNone = None,
        output_axes: AxesOrNone = None,
    ) -> None:
        super().__init__(seed, input_axes, output_axes)
        self.head_dim = head_dim
        self.factor = factor

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return schemes.t5(shape, self.head_dim, self.factor, **self._fan_in_axes(len(shape)), **common)


@register
class Fixup(_OfFans):
    """A weight inside a residual branch without normalization, `fastinit.schemes.fixup`.

    Parameters
    ----------
    branches : int
        Residual branches of the network.
    depth : int
        Weights of one branch, at least 2.
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.
    input_axes, output_axes : sequence of int, optional
        As in `VarianceScaling`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.Fixup(branches=16, seed=0)((3, 3, 64, 64)))
    >>> bool((w == fastinit.schemes.fixup((3, 3, 64, 64), branches=16, seed=0)).all())
    True
    """

    arguments = ("branches", "depth")

    def __init__(
        self,
        branches: int,
        depth: int = 2,
        seed: Any = None,
        input_axes: AxesOrNone = None,
        output_axes: AxesOrNone = None,
    ) -> None:
        super().__init__(seed, input_axes, output_axes)
        self.branches = branches
        self.depth = depth

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return schemes.fixup(shape, self.branches, self.depth, **self._fan_in_axes(len(shape)), **common)


@register
class Siren(_OfFans):
    """A weight of a sinusoidal network, `fastinit.schemes.siren`.

    Parameters
    ----------
    first : bool
        Whether the layer is the first.
    omega : float
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.
    input_axes, output_axes : sequence of int, optional
        As in `VarianceScaling`.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.Siren(first=True, seed=0)((2, 256)))
    >>> bool((w == fastinit.schemes.siren((2, 256), first=True, seed=0)).all())
    True
    """

    arguments = ("first", "omega")

    def __init__(
        self,
        first: bool = False,
        omega: float = 30.0,
        seed: Any = None,
        input_axes: AxesOrNone = None,
        output_axes: AxesOrNone = None,
    ) -> None:
        super().__init__(seed, input_axes, output_axes)
        self.first = first
        self.omega = omega

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return schemes.siren(shape, self.first, self.omega, **self._fan_in_axes(len(shape)), **common)


@register
class MuP(_OfFans):
    """A weight of a model that shares its hyperparameters with a narrower one, `fastinit.schemes.mup`.

    Parameters
    ----------
    base_shape : sequence of int
        Of this weight in the model that was tuned.
    stddev : float
        Of this weight in the model that was tuned.
    seed : None, int, fastinit.Key or keras.random.SeedGenerator
        See `fastinit.keras`.
    input_axes, output_axes : sequence of int, optional
        As in `VarianceScaling`; an axis that is in both counts independent weights, and in no fan.

    Examples
    --------
    >>> import keras
    >>> import fastinit.keras
    >>> w = keras.ops.convert_to_numpy(fastinit.keras.MuP((64, 64), stddev=0.05, seed=0)((1024, 1024)))
    >>> bool((w == fastinit.schemes.mup((1024, 1024), (64, 64), std=0.05, seed=0)).all())
    True
    """

    arguments = ("base_shape", "stddev")

    def __init__(
        self,
        base_shape: Sequence[int],
        stddev: float = 0.02,
        seed: Any = None,
        input_axes: AxesOrNone = None,
        output_axes: AxesOrNone = None,
    ) -> None:
        super().__init__(seed, input_axes, output_axes)
        self.base_shape = tuple(base_shape)
        self.stddev = stddev

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return schemes.mup(shape, self.base_shape, self.stddev, **self._separate_axes(len(shape)), **common)


@register
class ZeroHadamard(Initializer, keras.initializers.Initializer):
    """A weight of the ZerO initialization, without randomness, `fastinit.schemes.zero_hadamard`.

    Examples
    --------
    >>> import fastinit.keras
    >>> fastinit.keras.ZeroHadamard()((2, 2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def _fill(self, shape: tuple[int, ...], **common: Any) -> np.ndarray:
        return schemes.zero_hadamard(shape, **common)
