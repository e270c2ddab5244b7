"""What the API answers when it cannot answer: a `Problem`, that tells of no inside, and one traceback in the log."""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Query
from made_asgi import Answer, asked
from pydantic import BaseModel

from actors.system.errors import AskTimeout
from console.api.problems import ProblemError, install
from console.api.window import NotLeading
from console.errors import CommandError
from feeds.errors import CalendarUnavailable
from persistence.errors import DamagedLine, LedgerUnavailable, UnknownTrade


class Body(BaseModel):
    count: int


def failing(error: BaseException | None = None) -> FastAPI:
    """An application of which one route raises this."""
    api = FastAPI()
    install(api)

    @api.get("/fails")
    def fails(limit: Annotated[int, Query(ge=1)] = 1) -> dict[str, int]:
        if error is not None:
            raise error
        return {"limit": limit}

    @api.post("/fails-with-body")
    def fails_with_body(body: Body) -> Body:
        return body

    return api


def ask(api: FastAPI, path: str = "/fails", method: str = "GET", json: Any = None) -> Answer:
    return asyncio.run(asked(api, method, path, json=json))


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (LedgerUnavailable("ledger.sqlite", "disk I/O error"), 503, "ledger_unavailable"),
        (DamagedLine(7, "it is ["), 503, "ledger_damaged"),
        (UnknownTrade("there is no trade 7 in the ledger"), 404, "no_such_trade"),
        (NotLeading("standing by"), 503, "not_leading"),
        (AskTimeout("operator, Halt, after 2 seconds"), 503, "nobody_answers"),
        (CalendarUnavailable("no calendar"), 503, "calendar_unavailable"),
        (CommandError("--at is wrong"), 422, "invalid"),
        (ProblemError(409, "refused", "no", "field", more=1), 409, "refused"),
    ],
)
def test_what_is_foreseen_has_a_code_and_the_words_of_the_error(error: Exception, status: int, code: str) -> None:
    answer = ask(failing(error))
    assert (answer.status_code, answer.json()["code"], answer.json()["said"]) == (status, code, str(error))
    assert ("retry-after" in answer.headers) == (status == 503)


def test_a_problem_may_tell_more() -> None:
    assert ask(failing(ProblemError(409, "refused", "no", more=[1]))).json() == {
        "code": "refused",
        "said": "no",
        "field": None,
        "more": [1],
    }


def test_a_defect_is_told_of_without_its_inside_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = ask(failing(RuntimeError("secret inside")))
    assert answer.status_code == 500
    assert answer.json() == {
        "code": "defect",
        "said": "the console has failed to answer: its log says why",
        "field": None,
    }
    (record,) = caplog.records
    assert record.getMessage() == "GET /fails failed"
    assert record.exc_info is not None
    assert "secret inside" in str(record.exc_info[1])


def test_an_address_of_nothing_and_a_wrong_method_are_problems_too() -> None:
    assert ask(failing(), "/nothing").json() == {
        "code": "not_found",
        "said": "there is nothing at /nothing",
        "field": None,
    }
    answer = ask(failing(), method="DELETE")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


def test_a_wrong_value_names_its_field_and_itself_and_a_long_one_is_cut() -> None:
    assert ask(failing(), "/fails?limit=0").json() == {
        "code": "invalid",
        "said": "limit is '0': Input should be greater than or equal to 1",
        "field": "limit",
    }
    said = ask(failing(), f"/fails?limit={'9x' * 500}").json()["said"]
    assert len(said) < 300


@pytest.mark.parametrize(
    ("body", "field"), [({"count": "x"}, "count"), ({}, "count"), ([], "body")], ids=["wrong", "missing", "no object"]
)
def test_a_wrong_body_names_its_field(body: object, field: str) -> None:
    answer = ask(failing(), "/fails-with-body", "POST", json=body)
    assert answer.status_code == 422
    assert answer.json()["field"] == field
