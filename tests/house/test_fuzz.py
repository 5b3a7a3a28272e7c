"""The public API with arguments of every type: the right result or a refusal, and nothing half-written.

tools/fuzz.py does the same for as long as one likes, and under the sanitizers.
"""

from __future__ import annotations

import warnings
from typing import Any

from hypothesis import HealthCheck, given, settings

from support.anything import calls, check


@settings(max_examples=1500, suppress_health_check=list(HealthCheck))
@given(calls())
def test_any_arguments(call: tuple[str, dict[str, Any]]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(*call)
