"""Imported before all else of fastinit.jax: without JAX there is one sentence, which says how to get it."""

try:
    import jax  # noqa: F401
except ImportError as error:
    raise ImportError("fastinit.jax needs the package jax: pip install 'fastinit[jax]'", name="jax") from error
