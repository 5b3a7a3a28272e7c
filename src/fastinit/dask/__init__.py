"""Dask arrays whose blocks are drawn by the tasks that need them, with the same values whatever the chunks."""

from . import _needs_dask as _needs_dask  # first, to say what is missing
from ._array import array

__all__ = ["array"]
