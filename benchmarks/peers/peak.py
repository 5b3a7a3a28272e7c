"""What the core can do at most. The only place in the benchmarks that looks behind fastinit's public names."""

from __future__ import annotations

from functools import partial

from benchmarks.peers.types import Job


def multiply_adds(count: int) -> Job:
    """So many independent float32 fma in registers, under the instruction set in use."""
    from fastinit import _kernels

    return partial(_kernels.multiply_adds, count)
