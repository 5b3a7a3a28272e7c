"""Fixtures that several test files share."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("support")

from fastinit import _kernels  # noqa: E402
from support.floating_point import reach_mode  # noqa: E402
from support.guard import Guarded  # noqa: E402
from support.isas import RUNNABLE  # noqa: E402

# The same examples in every run, so that a run that turns red says something of what was changed; a busy machine is no
# fault. `pytest --hypothesis-profile random` looks for new ones.
_patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("random", _patient)
settings.register_profile("repeatable", _patient, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(params=RUNNABLE)
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test once under every instruction set that this machine runs."""
    before = _kernels.current_isa()
    _kernels.use_isa(request.param)
    yield request.param
    _kernels.use_isa(before)


@pytest.fixture(scope="session")
def mxcsr(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Two functions that read and write this thread's MXCSR."""
    return reach_mode(tmp_path_factory.mktemp("mode"))


@pytest.fixture(scope="module")
def guarded() -> list[Guarded]:
    if sys.platform != "linux":
        pytest.skip("memory is protected as Linux does it")
    return [Guarded() for _ in range(4)]
