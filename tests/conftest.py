"""Fixtures that several test files share."""

from collections.abc import Iterator

import pytest

from fastinit import _kernels

RUNNABLE = [name for name, compiled, runnable in _kernels.isas() if compiled and runnable]


@pytest.fixture(params=RUNNABLE)
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test once under every instruction set that this machine runs."""
    before = _kernels.current_isa()
    _kernels.use_isa(request.param)
    yield request.param
    _kernels.use_isa(before)
