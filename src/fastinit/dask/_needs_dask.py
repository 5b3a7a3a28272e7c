"""Imported before all else of fastinit.dask: without Dask there is one sentence, which says how to get it."""

try:
    import dask.array  # noqa: F401
except ImportError as error:
    raise ImportError("fastinit.dask needs the package dask: pip install 'fastinit[dask]'", name="dask") from error
