"""The promises of every part."""

from . import evolution, forward, initializers, orthogonal

PROMISES = (
    *initializers.ONE_CORE,
    *initializers.ALL_CORES,
    *forward.ONE_CORE,
    *evolution.ONE_CORE,
    *orthogonal.ONE_CORE,
    *forward.ALL_CORES,
    *orthogonal.ALL_CORES,
)
