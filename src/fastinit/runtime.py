"""What runs: version, instruction sets, threads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from typing import TypedDict

try:
    from . import _kernels
except ImportError as error:
    # Where there is no such module, Python speaks of a circular import.
    if find_spec("fastinit._kernels") is None:
        raise ImportError(
            f"fastinit's kernels are not compiled for this Python, {sys.implementation.cache_tag} on {sys.platform}: "
            "run `pip install .`, or `pip install -e .` to work in the source tree"
        ) from None
    raise ImportError(f"fastinit's compiled kernels cannot be loaded: {error}") from error
from ._cpus import usable_cpus

__version__: str = _kernels.VERSION

# Work of fewer bytes, or of fewer multiplications in an orthogonal matrix, is done by one thread: a second one comes
# too late. What csrc/fastinit.h calls FI_THREADED_WORK is the same for products.
# Nothing of fewer bytes than ALONE_BYTES has as many of either, and need not ask the system for its threads, which
# takes as long as a small matrix.
THREADED_BYTES = _kernels.THREADED_BYTES
THREADED_PRODUCTS = 1 << 22
ALONE_BYTES = 1 << 16

# Sets without a fused multiply-add, or that do one value at a time.
_SLOW = ("scalar", "sse42")


def isa() -> str:
    """Name the instruction set whose kernels are in use.

    It is the best one that the processor and its operating system can run, or the one that the
    environment variable ``FASTINIT_ISA`` named when fastinit was imported. No result depends on it.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.isa() in fastinit.available_isas()
    True
    """
    return _kernels.current_isa()


def available_isas() -> tuple[str, ...]:
    """Name the instruction sets that are compiled in and can run here, best last.

    Each of these is a value that ``FASTINIT_ISA`` may have.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.available_isas()[0]
    'scalar'
    """
    return tuple(name for name, compiled, runnable in _kernels.isas() if compiled and runnable)


class Info(TypedDict):
    """What `info` returns."""

    version: str
    isa: str
    large_products: str
    compiled: tuple[str, ...]
    runnable: tuple[str, ...]
    slow: bool
    threads: int
    workers: int


def info() -> Info:
    """Tell what this installation is and what it runs.

    Returns
    -------
    dict
        ``version``; ``isa``, the instruction set in use; ``large_products``, the one that computes
        products in `dense` of 2^30 multiplications and more: the same, but where the processor is known
        to be faster by another, whose bits are the same, and ``FASTINIT_ISA`` names none; ``compiled``
        and ``runnable``, the names of those that this build holds and that this machine can run;
        ``slow``, whether the one in use has to make up for a fused multiply-add that the machine lacks,
        which makes everything several times slower: that of an x86-64 processor without AVX2;
        ``threads``, how many threads a large call uses: as many as there are processors for this
        process (by affinity and control group), but no more than the environment variable
        ``FASTINIT_NUM_THREADS`` said at import;
        ``workers``, how many threads there are beside the callers' own. They are made when a call
        first wants them and kept; a thread that the system refuses (a limit on processes or memory)
        is tried again by the next call that wants it, and until then fewer do the work.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.info()["isa"] == fastinit.isa()
    True
    """
    isas = _kernels.isas()
    return {
        "version": __version__,
        "isa": isa(),
        "large_products": _kernels.isa_of_products(),
        "compiled": tuple(name for name, compiled, _ in isas if compiled),
        "runnable": tuple(name for name, _, runnable in isas if runnable),
        "slow": isa() in _SLOW,
        "threads": thread_limit(),
        "workers": _kernels.workers(),
    }


def thread_limit() -> int:
    """Tell how many threads a large call uses unless its ``threads=`` says otherwise."""
    return min(usable_cpus(), _most_threads)


def _choose_isa(wanted: str | None) -> None:
    available = available_isas()
    if not wanted:
        _kernels.use_best_isa(available[-1])
        return
    known = {name: (compiled, runnable) for name, compiled, runnable in _kernels.isas()}
    if wanted not in known:
        raise _unknown_isa(wanted, known)
    compiled, runnable = known[wanted]
    if not compiled:
        raise _isa_not_compiled(wanted, available)
    if not runnable:
        raise _isa_not_runnable(wanted, available)
    _kernels.use_isa(wanted)


def _thread_limit_of(wanted: str | None) -> int:
    if not wanted:
        return 1 << 30
    if not wanted.isdecimal() or int(wanted) < 1:
        raise _bad_thread_limit(wanted)
    return int(wanted)


def _bad_thread_limit(wanted: str) -> ImportError:
    return _bad_environment(f"FASTINIT_NUM_THREADS must be an int >= 1. Received: {wanted!r}")


def _bad_environment(sentence: str) -> ImportError:
    # Naming the module that cannot be imported lets `python -m fastinit` print this one line alone.
    return ImportError(sentence, name="fastinit")


def _unknown_isa(name: str, names: Iterable[str]) -> ImportError:
    return _bad_environment(f"FASTINIT_ISA must name one of {', '.join(names)}. Received: {name!r}, an unknown name")


def _isa_not_compiled(name: str, names: Iterable[str]) -> ImportError:
    return _bad_environment(
        f"FASTINIT_ISA={name}: this build of fastinit has no {name} kernels compiled in. "
        f"It can run here: {', '.join(names)}"
    )


def _isa_not_runnable(name: str, names: Iterable[str]) -> ImportError:
    return _bad_environment(
        f"FASTINIT_ISA={name}: this machine cannot run {name} instructions. It can run: {', '.join(names)}"
    )


_choose_isa(os.environ.get("FASTINIT_ISA"))
_most_threads = _thread_limit_of(os.environ.get("FASTINIT_NUM_THREADS"))
