"""The journal: searched by what its lines are about and by the words in them, each in words and with its numbers."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from console.api.journal import SEARCHED_LINES, journal_data
from console.api.window import Window
from console.errors import CommandError
from console.reading import require_commodity
from console.records import Data
from console.web.page_links import Paging, text_of
from console.web.rendering import page_router, rendered

ON_A_PAGE = 40
LARGEST_NUMBER = 2**63 - 1
LONGEST_SEARCH = 100
# What the field offers; any other kind may be written into it.
KINDS = (
    "adjustment", "alert", "command", "decision", "exit", "mode", "notification", "open_result", "outside", "pause",
    "start", "transition", "valuation",
)  # fmt: skip


def router(window: Window) -> APIRouter:
    """The route of the journal."""
    routes = page_router(window)

    @routes.get("/journal")
    def journal(
        request: Request,
        kind: str = "",
        platform: str = "",
        commodity: str = "",
        trade: str = "",
        search: str = "",
        before: Annotated[int | None, Query(ge=1, le=LARGEST_NUMBER)] = None,
    ) -> Response:
        about = require_commodity(text_of(commodity, "commodity"), window.configuration, "commodity")
        found = journal_data(
            window,
            kind=text_of(kind, "kind"),
            platform=text_of(platform, "platform"),
            commodity=about,
            trade_id=_number(trade),
            search=_words(search),
            before=before,
            limit=ON_A_PAGE,
        )
        filters = {
            "search": search,
            "kind": kind,
            "platform": platform,
            "commodity": about or "",
            "trade": trade,
        }
        return rendered(
            window,
            request,
            "journal.html",
            lines=[_line(line) for line in found["lines"]],
            searched=SEARCHED_LINES if found["searched_down_to"] is not None and found["next_before"] else None,
            filters=filters,
            kinds=KINDS,
            paging=Paging("/journal", filters, before, found["next_before"]),
        )

    return routes


def _number(text: str) -> int | None:
    """A trade's number; None where the field was left empty. Raises `CommandError` for what is none."""
    asked = text.strip().removeprefix("#")
    if not asked:
        return None
    if not (asked.isascii() and asked.isdigit()) or not 0 < int(asked[:20]) <= LARGEST_NUMBER:
        raise CommandError(f"trade is {text[:40]!r}; expected a trade's number, such as 17")
    return int(asked)


def _words(text: str) -> str | None:
    """What is searched for. Raises `CommandError` for what cannot be in a line."""
    asked = " ".join(text.split())
    if len(asked) > LONGEST_SEARCH or not asked.isprintable():
        raise CommandError(f"search is {asked[:40]!r}; expected words, {LONGEST_SEARCH} letters in all at most")
    return asked or None


def _line(line: Data) -> Data:
    """The line, with its numbers as they are in the ledger."""
    return {**line, "numbers": json.dumps(line["detail"], indent=2, ensure_ascii=False, default=str), **_about(line)}


def _about(line: Any) -> Data:
    return {"about": ":".join(part for part in (line["platform"], line["commodity"]) if part)}
