"""Requests of every form that our description allows, and of forms that it doesn't.

Each is answered as the description says, by a status, a media type and a body that it has, and
never by a fault.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from tests.serve.conftest import Running, Serving

# That a body of the right form is refused is right, for example a pair for a model of entities.
NOT_ASKED = [positive_data_acceptance, negative_data_rejection]


@pytest.fixture(scope="module")
def fuzzed(serving: Serving) -> Iterator[Running]:
    with serving(default="embed") as server:
        yield server
    assert [line["fault"] for line in server.lines() if "fault" in line] == []


def test_some_hundred_requests_are_answered_as_described(fuzzed: Running) -> None:
    assert sum(fuzz(fuzzed, mode, 15) for mode in GenerationMode) > 250


@pytest.mark.slow
def test_ten_thousand_requests_are_answered_as_described(fuzzed: Running) -> None:
    assert sum(fuzz(fuzzed, mode, 700) for mode in GenerationMode) > 10_000


def fuzz(server: Running, mode: GenerationMode, examples: int) -> int:
    """Sends so many requests to each operation and returns how many there were."""
    described: Any = schemathesis.openapi.from_url(f"{server.address}/openapi.json")
    sent = 0
    for found in described.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: Any) -> None:
            nonlocal sent
            sent += 1
            case.call_and_validate(excluded_checks=NOT_ASKED, timeout=60)

        if mode is GenerationMode.POSITIVE or operation.body:
            check()
    return sent
