"""The forward pass: a dense layer, an activation, and networks of dense layers."""

from ._activation import Activation, activate
from ._dense import dense
from ._mlp import MLP, Layer

__all__ = ["MLP", "Activation", "Layer", "activate", "dense"]
