"""Evolution strategies: populations of perturbed parameters, and their updates, with noise that is never stored."""

from ._perturb import perturb
from ._recombine import recombine

__all__ = ["perturb", "recombine"]
