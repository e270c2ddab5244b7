"""What the API says of itself: built when somebody asks, because a start needs none of it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from console.api.asked import PROBLEM_SCHEMA
from console.api.problems import DESCRIPTIONS, Problem

PREFIX = "/api/"
OF_ALL = (400, 401, 403, 405, 414, 429)  # that the guard, or the framework, may say of any request
OF_BODIES = (413,)
WAYS = ("get", "post")

TAGS = {
    "status": "How things stand.",
    "accounts": "Accounts, prices, positions, equity.",
    "trades": "Trades with their lives.",
    "decisions": "Why something was opened or not, the tables of candidates, and the leases.",
    "calendars": "When things trade, and what is closed before a day ends.",
    "journal": "Every line of the journal, with a search.",
    "calibration": "Whether the probabilities were true, and the choice of account fair.",
    "health": "The process and all that it stands on.",
    "settings": "The settings in force.",
    "live": "What changes, as it changes.",
    "commands": "What a person may ask for. Each has the id of its request, under which it is done once.",
}

ABOUT = """Sees and steers a running crew.

Every request shows a token as `Authorization: Bearer ...`, or the cookie of a browser that is signed in. Commands need
the trade token, analyses the signal token or the trade token, everything else the read token or the trade token.
Instants are ISO 8601 in UTC. Every answer that is no success is a `Problem`.
"""


def describe(api: FastAPI) -> None:
    """Have the application's OpenAPI be the one of `described`."""

    def once() -> dict[str, Any]:
        if api.openapi_schema is None:
            api.openapi_schema = described(api)
        return api.openapi_schema

    # FastAPI's own way to another schema is to put another method in its place.
    api.openapi = once  # type: ignore[method-assign]


def described(api: FastAPI) -> dict[str, Any]:
    """The schema of everything below `/api`."""
    found = get_openapi(title=api.title, version=api.version, description=ABOUT, routes=api.routes)
    found["paths"] = {path: ways for path, ways in found["paths"].items() if path.startswith(PREFIX)}
    components = found.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A token of `state/console-tokens.json`."}
    }
    found["security"] = [{"bearer": []}]
    used = set()
    for ways in found["paths"].values():
        for way in WAYS:
            operation = ways.get(way)
            if operation is None:
                continue
            used.update(operation.get("tags", ()))
            for status in (*OF_ALL, *(OF_BODIES if "requestBody" in operation else ())):
                operation["responses"].setdefault(
                    str(status), {"description": DESCRIPTIONS[status], "content": PROBLEM_SCHEMA}
                )
    found["tags"] = [{"name": name, "description": said} for name, said in TAGS.items() if name in used]
    return found
