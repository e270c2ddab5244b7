"""The route of the journal, with its search."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from console.api.asked import LARGEST_NUMBER, NAME, Before, Limit, Name, commodity_id, documented
from console.api.lines import line_row, next_before
from console.api.models_trades import JournalPage
from console.api.window import Window
from console.records import Data

SEARCHED_LINES = 20_000  # newest ones of those that fit all else


def router(window: Window) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["journal"], responses=documented(404, 422, 503))

    @routes.get(
        "/api/journal",
        response_model=JournalPage,
        operation_id="journal",
        summary="Lines of the journal, newest first, by what they are about and by the words in them",
    )
    def journal(
        kind: Name = None,
        platform: Name = None,
        commodity: Name = None,
        trade_id: Annotated[int | None, Query(ge=1, le=LARGEST_NUMBER)] = None,
        search: Annotated[
            str | None,
            Query(
                min_length=2,
                max_length=100,
                pattern=NAME,
                description="Words that all are in the reason or the detail of a line, whatever their case.",
            ),
        ] = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> Data:
        about = commodity_id(commodity, window.configuration)
        return journal_data(
            window,
            kind=kind,
            platform=platform,
            commodity=about,
            trade_id=trade_id,
            search=search,
            before=before,
            limit=limit,
        )

    return routes


def journal_data(
    window: Window,
    *,
    kind: str | None = None,
    platform: str | None = None,
    commodity: str | None = None,
    trade_id: int | None = None,
    search: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> Data:
    """The lines in the shape of `JournalPage`. ``commodity``: its id. Raises `LedgerError`."""
    found = window.ledger.journal
    bottom = None
    words = () if search is None else tuple(search.split())
    if words:
        bottom = found.reach(
            SEARCHED_LINES, kind=kind, platform=platform, commodity=commodity, trade_id=trade_id, before_id=before
        )
    lines = found.list(
        kind=kind,
        platform=platform,
        commodity=commodity,
        trade_id=trade_id,
        before_id=before,
        after_id=None if bottom is None else bottom - 1,
        having=words,
        limit=limit,
    )
    rows = [line_row(line, window.configuration) for line in lines]
    going_on = next_before(rows, limit)
    return {
        "lines": rows,
        "next_before": bottom if going_on is None else going_on,
        "searched_down_to": bottom if going_on is None else None,
    }
