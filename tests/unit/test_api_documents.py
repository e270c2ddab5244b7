"""The API as `docs/console.md` tells of it, and as it tells of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from console.api.application import application
from console.api.openapi import TAGS
from console.api.window import Window
from console.configuration import load
from console.running import Running
from persistence.ledger import Ledger

PAGE = Path(__file__).parents[2] / "docs" / "console.md"
ROW = re.compile(r"^\| `(GET|POST) (/api/[^`]*)` \|([^|]*)\| (.*) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def described() -> Iterator[dict[str, Any]]:
    """What the API says of itself."""
    with closing(Ledger.open("sqlite://")) as ledger:
        yield application(Window(load(None, {}), Running(), ledger)).openapi()


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, ways in described["paths"].items():
        for method, operation in ways.items():
            yield method.upper(), path, operation


def asked_by_name(operation: dict[str, Any]) -> list[str]:
    return [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]


def test_the_page_has_every_route_with_its_parameters_and_what_it_answers(described: dict[str, Any]) -> None:
    told = [
        (method, path, re.findall(r"`([^`]+)`", parameters), said)
        for method, path, parameters, said in ROW.findall(PAGE.read_text(encoding="utf-8"))
    ]
    found = [
        (method, path, asked_by_name(operation), operation["summary"])
        for method, path, operation in operations(described)
    ]
    assert sorted(told) == sorted(found)


def test_every_operation_has_a_name_a_summary_a_tag_and_its_errors(described: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(described):
        assert operation["summary"], path
        assert set(operation["tags"]) <= TAGS.keys(), path
        assert {"401", "403", "405"} <= operation["responses"].keys(), path
        if path != "/api/live":
            assert operation["responses"]["200"]["content"]["application/json"]["schema"], (method, path)


def test_every_answer_refuses_what_it_does_not_name(described: dict[str, Any]) -> None:
    problems = {name for name in described["components"]["schemas"] if name.endswith("Problem")}
    for name, schema in described["components"]["schemas"].items():
        if schema.get("type") == "object" and name not in problems:
            assert schema.get("additionalProperties") is False, name


def test_everything_wants_a_token(described: dict[str, Any]) -> None:
    assert described["security"] == [{"bearer": []}]
    assert described["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_nothing_of_it_is_built_before_it_is_asked_for() -> None:
    with closing(Ledger.open("sqlite://")) as ledger:
        assert application(Window(load(None, {}), Running(), ledger)).openapi_schema is None
