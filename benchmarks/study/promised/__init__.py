"""Every ratio that the project promises, in the order of the table in docs/performance.md."""

from .all import PROMISES

__all__ = ["PROMISES"]
