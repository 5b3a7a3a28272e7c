"""What an initialization does to a signal and to its gradient; weights that keep them healthy."""

from ._gain import gain
from ._lsuv import LSUV, lsuv
from ._propagate import propagate
from ._report import LayerReport, Report

__all__ = ["LSUV", "LayerReport", "Report", "gain", "lsuv", "propagate"]
