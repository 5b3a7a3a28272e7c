"""The instruction sets of this machine."""

from fastinit import _kernels

RUNNABLE = [name for name, compiled, runnable in _kernels.isas() if compiled and runnable]
