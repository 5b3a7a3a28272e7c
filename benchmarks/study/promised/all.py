"""The promises of every part."""

from . import forward, initializers, orthogonal

PROMISES = (
    *initializers.ONE_CORE,
    *initializers.ALL_CORES,
    *forward.ONE_CORE,
    *orthogonal.ONE_CORE,
    *forward.ALL_CORES,
    *orthogonal.ALL_CORES,
)
