"""The forward pass: a dense layer, an activation, and networks of dense layers."""

from ._activation import activate
from ._dense import dense
from ._mlp import MLP, Layer

__all__ = ["MLP", "Layer", "activate", "dense"]
