"""Keras and fastinit.keras for the tests of it, or a skip that says what is missing.

Keras has one backend in a process. KERAS_BACKEND names it; without it the tests take the first that is here:

    KERAS_BACKEND=torch pytest tests/adapters -k keras
    KERAS_BACKEND=jax pytest tests/adapters -k keras
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if importlib.util.find_spec("keras") is None:
    pytest.skip("Keras is not installed", allow_module_level=True)
if "KERAS_BACKEND" not in os.environ:
    backends = [name for name in ("torch", "jax") if importlib.util.find_spec(name)]
    if not backends:
        pytest.skip("Keras has no backend here: neither PyTorch nor JAX is installed", allow_module_level=True)
    os.environ["KERAS_BACKEND"] = backends[0]
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import keras

import fastinit
import fastinit.keras as fk

__all__ = ["BACKEND", "VERSION", "fk", "ignore_copy_keyword", "keras", "numpy_of", "run"]

BACKEND: str = keras.backend.backend()
VERSION = tuple(int(part) for part in keras.__version__.split(".")[:2])

# PyTorch's and Keras's own arrays do not know NumPy 2's `copy`.
ignore_copy_keyword = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


def numpy_of(tensor: Any) -> np.ndarray:
    """The values of a tensor or variable of the backend."""
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def run(script: str, backend: str = BACKEND, **environment: str) -> str:
    """What a new process prints that runs a script."""
    src = str(Path(fastinit.__file__).parents[1])
    path = os.pathsep.join([part for part in (src, os.environ.get("PYTHONPATH")) if part])
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path, "KERAS_BACKEND": backend, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.strip()
