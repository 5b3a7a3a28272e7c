"""Matrix products of C libraries, called where they lie: BLIS, MKL and libxsmm, some with the bits of `dense`.

Debian has `libblis4-serial` and `libxsmm-dev`, PyPI has `mkl`. A library that the loader does not find by itself is
named by FASTINIT_BENCH_BLIS, FASTINIT_BENCH_MKL or FASTINIT_BENCH_LIBXSMM. Debian's libxsmm is static; a shared one is
made by

    gcc -shared -o libxsmm.so -Wl,--whole-archive -lxsmm -lxsmmnoblas -Wl,--no-whole-archive -lm -ldl -lpthread
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from collections.abc import Callable
from functools import cache, partial

import numpy as np

from benchmarks.peers.types import Array, Job

_ROW_MAJOR, _AS_IT_IS = 101, 111
_NAMES = {"blis": ("blis",), "mkl": ("mkl_rt",), "libxsmm": ("xsmm",)}

# out = x weight, of C-contiguous float32 arrays.
Product = Callable[[Array, Array, Array], Job]


@cache
def library(name: str) -> ctypes.CDLL | None:
    """The loaded library, or None where there is none."""
    os.environ.setdefault("MKL_THREADING_LAYER", "SEQUENTIAL")
    given = os.environ.get(f"FASTINIT_BENCH_{name.upper()}")
    for path in filter(None, [given, *map(ctypes.util.find_library, _NAMES[name])]):
        try:
            return ctypes.CDLL(path)
        except OSError:
            continue
    return None


def installed() -> list[str]:
    return [name for name in _NAMES if library(name) is not None]


def _address(array: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def by_cblas(name: str, x: Array, weight: Array, out: Array) -> Job:
    """`cblas_sgemm`; its arguments are made beforehand."""
    call = library(name).cblas_sgemm  # type: ignore[union-attr]
    call.restype = None
    (rows, depth), columns = x.shape, weight.shape[1]
    sizes = [ctypes.c_int(n) for n in (_ROW_MAJOR, _AS_IT_IS, _AS_IT_IS, rows, columns, depth)]
    one, zero = ctypes.c_float(1.0), ctypes.c_float(0.0)
    # The arrays themselves go along, so that they live as long as the job.
    return partial(
        _call_and_return,
        call,
        (
            *sizes,
            one,
            _address(x),
            ctypes.c_int(depth),
            _address(weight),
            ctypes.c_int(columns),
            zero,
            _address(out),
            ctypes.c_int(columns),
        ),
        out,
        x,
        weight,
    )


def by_libxsmm(x: Array, weight: Array, out: Array) -> Job:
    """A kernel made for the sizes beforehand. It counts columns first: the transposed product of the same memory."""
    xsmm = library("libxsmm")
    assert xsmm is not None
    (rows, depth), columns = x.shape, weight.shape[1]
    leading = [ctypes.byref(ctypes.c_int(n)) for n in (columns, depth, columns)]
    one, zero = ctypes.c_float(1.0), ctypes.c_float(0.0)
    xsmm.libxsmm_init()
    make = xsmm.libxsmm_smmdispatch
    make.restype = ctypes.c_void_p
    kernel = make(
        ctypes.c_int(columns),
        ctypes.c_int(rows),
        ctypes.c_int(depth),
        *leading,
        ctypes.byref(one),
        ctypes.byref(zero),
        None,
        None,
    )
    if not kernel:
        raise ValueError(f"libxsmm makes no kernel of {rows}x{depth}x{columns}")
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(kernel)
    return partial(_call_and_return, call, (_address(weight), _address(x), _address(out)), out, x, weight)


def _call_and_return(call: Callable[..., object], arguments: tuple[object, ...], out: Array, *_alive: Array) -> Array:
    call(*arguments)
    return out


def product(name: str, x: Array, weight: Array) -> Job:
    """The bare product by one of `installed`, into memory of its own."""
    out = np.empty((x.shape[0], weight.shape[1]), np.float32)
    job = by_libxsmm(x, weight, out) if name == "libxsmm" else by_cblas(name, x, weight, out)
    expected = x.astype(np.float64) @ weight.astype(np.float64)
    assert np.abs(job() - expected).max() <= 1e-4 * np.abs(expected).max()
    return job


def has_the_bits_of_dense(name: str, x: Array, weight: Array) -> bool:
    """Whether it adds up as `dense` does: one fma chain of ascending k for each element."""
    import fastinit

    return product(name, x, weight)().tobytes() == fastinit.dense(x, weight).tobytes()
