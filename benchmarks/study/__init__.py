"""Measuring with care: libraries that take turns, pinned processes, results that say what made them."""
