"""The whole API against what it says of itself, asked as schemathesis thinks of asking: nothing drifts or breaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from made_asgi import PORT
from made_leading import Console, leading_crew
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok

from console.api.application import ROUTES
from console.web.wrong_tokens import WrongTokens

A_STREAM = "/api/live"  # it never ends; `test_live_stream.py` holds it
Case: TypeAlias = schemathesis.Case[Any]

NOTHING: tuple[Any, ...] = (None, [], {})  # leaves no trace in an address, so nobody can tell that it was sent
EXAMPLES, OF_A_SOAK = 3, 150


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with leading_crew(tmp_path_factory.mktemp("contract")) as found:
        yield found


@pytest.fixture(autouse=True)
def many_wrong_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked with wrong ones, too, and that they are wrong shall be the answer each time."""
    monkeypatch.setattr(WrongTokens, "count", lambda self, address: False)


@pytest.fixture(scope="module")
def api(console: Console) -> schemathesis.BaseSchema:
    token = console.tokens.current().trade
    found = schemathesis.openapi.from_dict(console.client.get("/api/openapi.json"))
    found.app = console.app
    found.config.update(base_url=f"http://127.0.0.1:{PORT}", headers={"Authorization": f"Bearer {token}"})
    refusing = found.config.checks.negative_data_rejection
    refusing.expected_statuses = [*refusing.expected_statuses, "413", "414"]  # too long, whatever is in it
    return found.exclude(path=A_STREAM)


def hold(api: schemathesis.BaseSchema, examples: int, *, same_each_time: bool) -> None:
    """Ask every operation so often, with what it says that it takes and with what it says that it does not."""
    asked = 0
    failures: list[str] = []
    for found in api.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        for mode in GenerationMode:
            try:
                _ask(operation.as_strategy(generation_mode=mode), examples, same_each_time)
                asked += 1
            except Unsatisfiable:
                continue  # there is nothing that it would not take
            except FailureGroup as failed:
                failures += [f"{operation.label} ({mode.value}): {each}" for each in failed.exceptions]
    assert not failures, "\n\n".join(failures)
    assert asked > len(ROUTES)


def _ask(cases: SearchStrategy[Case], examples: int, same_each_time: bool) -> None:
    @given(cases)
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=same_each_time,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def every(case: Case) -> None:
        assume(not any(value in NOTHING for value in (case.query or {}).values()))
        answer = case.call_and_validate()
        assert answer.status_code < 500 or answer.status_code == 503
        if answer.status_code >= 400:
            assert {"code", "said"} <= answer.json().keys()

    every()


def test_every_answer_is_as_the_api_says(api: schemathesis.BaseSchema) -> None:
    hold(api, EXAMPLES, same_each_time=True)


@pytest.mark.soak
def test_every_answer_is_as_the_api_says_however_it_is_asked(api: schemathesis.BaseSchema) -> None:
    hold(api, OF_A_SOAK, same_each_time=False)
