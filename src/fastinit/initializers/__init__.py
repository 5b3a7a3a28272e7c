"""Every initializer: one engine for random tensors, one for fans, and their specialisations.

All of them take the same keyword arguments:

dtype : float32 (the default), float64, float16 or "bfloat16"
    Values in float16 and bfloat16 are the float32 values, rounded to nearest and held inside the
    bounds. "bfloat16" needs the package ml_dtypes, or an `out` of uint16 for its bits. The orthogonal ones
    take complex64 and complex128, too.
seed : None, int, Key, or numpy.random.SeedSequence, Generator or BitGenerator
    An int in [0, 2**64) or a `Key` gives the same bits in every call and on every machine. None takes
    fresh entropy. A generator is advanced, unless the call is refused. Initializers without randomness ignore it.
    The same seed is the same stream: two tensors with ``seed=0`` hold the same numbers, each times its own std. Give
    every tensor a key of its own, ``Key(0).child("encoder.kernel")``, or all to `fastinit.initialize`, which does.
out : numpy.ndarray
    Filled and returned instead of a new array: C-contiguous, writable, of the right shape and dtype. With
    dtype="bfloat16" it may be of uint16, and gets the bits. It is written as plain memory, whatever its class makes
    of it: a mask protects nothing, and memory that another library shares (jax.Array, torch.Tensor) changes under it,
    though JAX takes its arrays to be immutable and PyTorch's version counter does not move. A memmap over a sparse
    file needs room on its disk before: the system kills a process that writes where there is none (SIGBUS), so call
    ``os.posix_fallocate(fd, 0, size)`` first.
    A call that a signal ends (Ctrl-C: KeyboardInterrupt) has written some of it.
index : tuple of slices
    One slice with step 1 for every axis. Only this block is computed and returned, equal bit for bit to
    ``full[index]``.
threads : int
    The most threads that the call may use. Values never depend on it.

A shape with a zero in it gives an empty array, also where a fan or a matrix is made of it. Numbers may be of any type
with ``__float__``, arrays of no dimension included; a bool, a string and an array of one axis are none. Where an array
is converted (`constant`), a masked element is refused.
"""

from ._constant import constant, dirac, identity, ones, zeros
from ._fans import fans
from ._lookup import get
from ._models import Entry as Entry  # for annotations, and no initializer: not in __all__
from ._models import initialize
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
