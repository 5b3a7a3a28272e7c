"""Every initializer: one engine for random tensors, one for fans, and their specialisations.

All of them take the same keyword arguments:

dtype : float32 (the default), float64, float16 or "bfloat16"
    Values in float16 and bfloat16 are the float32 values, rounded to nearest and held inside the
    bounds. "bfloat16" needs the package ml_dtypes, or an `out` of uint16 for its bits. The orthogonal ones
    take complex64 and complex128, too.
seed : None, int, Key, or numpy.random.SeedSequence, Generator or BitGenerator
    An int in [0, 2**64) or a `Key` gives the same bits in every call and on every machine. None takes
    fresh entropy. A generator is advanced. Initializers without randomness ignore it.
out : numpy.ndarray
    Filled and returned instead of a new array: C-contiguous, writable, of the right shape and dtype. With
    dtype="bfloat16" it may be of uint16, and gets the bits.
    A call that a signal ends (Ctrl-C: KeyboardInterrupt) has written some of it.
index : tuple of slices
    One slice with step 1 for every axis. Only this block is computed and returned, equal bit for bit to
    ``full[index]``.
threads : int
    The most threads that the call may use. Values never depend on it.
"""

from ._constant import constant, dirac, identity, ones, zeros
from ._fans import fans
from ._lookup import get
from ._models import Entry, initialize
from ._orthogonal import delta_orthogonal, orthogonal
from ._random import normal, truncated_normal, uniform
from ._scaled import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    variance_scaling,
    xavier_normal,
    xavier_uniform,
)
from ._sparse import sparse

__all__ = [
    "Entry",
    "constant",
    "delta_orthogonal",
    "dirac",
    "fans",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "initialize",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "sparse",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
