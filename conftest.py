"""`pytest` alone runs tests/; `pytest --benchmark-only` alone runs benchmarks/."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # Paths given on the command line, or none because pytest was started elsewhere, are left as they are.
    asked = config.getoption("benchmark_only", default=False)
    if asked and config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        config.args[:] = [str(config.rootpath / "benchmarks")]
