"""The promises of every part."""

from . import activations, evolution, forward, initializers, orthogonal, products

PROMISES = (
    *initializers.ONE_CORE,
    *initializers.ALL_CORES,
    *forward.ONE_CORE,
    *products.ONE_CORE,
    *activations.ONE_CORE,
    *evolution.ONE_CORE,
    *orthogonal.ONE_CORE,
    *forward.ALL_CORES,
    *orthogonal.ALL_CORES,
)
