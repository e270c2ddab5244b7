"""The parameters that several routes take, and the looking up of what they name."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from fastapi import Path, Query

from console.api.problems import DESCRIPTIONS, ProblemError
from console.api.window import Window
from console.configuration import Configuration
from console.errors import CommandError
from console.reading import require_commodity

MOST_ROWS = 500
LARGEST_NUMBER = 2**63 - 1  # that the ledger can keep
LONGEST_NAME = 64
# No control characters: PostgreSQL takes no text with a NUL in it.
NAME = r"^[^\x00-\x1f\x7f]+$"

Limit: TypeAlias = Annotated[int, Query(ge=1, le=MOST_ROWS, description="How many rows at most.")]
Before: TypeAlias = Annotated[
    int | None, Query(ge=1, le=LARGEST_NUMBER, description="Only rows of a lower number: that of the last row so far.")
]
Number: TypeAlias = Annotated[int, Path(ge=1, le=LARGEST_NUMBER)]
Name: TypeAlias = Annotated[str | None, Query(min_length=1, max_length=LONGEST_NAME, pattern=NAME)]
NameInPath: TypeAlias = Annotated[str, Path(min_length=1, max_length=LONGEST_NAME, pattern=NAME)]

PROBLEM_SCHEMA = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers that a route may give besides its own, for the OpenAPI."""
    return {status: {"description": DESCRIPTIONS[status], "content": PROBLEM_SCHEMA} for status in statuses}


def commodity_id(name: str | None, configuration: Configuration) -> str | None:
    """The id of the commodity that is meant by any of its names; None for None. Raises `ProblemError`."""
    try:
        return require_commodity(name, configuration, "commodity")
    except CommandError as error:
        raise ProblemError(404, "unknown_commodity", str(error), "commodity") from error


def known_platform(name: str | None, window: Window) -> str | None:
    """The account's name. Raises `ProblemError` for one that neither the settings nor a trade of the ledger name."""
    known = [account.name for account in window.configuration.settings.accounts]
    if name is None or name in known or window.ledger.trades.list(platform=name, limit=1):
        return name
    said = f"platform is {name!r}; expected one of {', '.join(known)}"
    raise ProblemError(404, "unknown_platform", said, "platform")
