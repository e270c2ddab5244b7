"""The pages of the decisions: the list, and each with its pillars, its threshold and its table of accounts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse

from console.api.window import Window
from console.errors import CommandError
from console.reading import require_commodity
from console.web import decision_view
from console.web.page_links import Paging, text_of
from console.web.rendering import page_router, rendered
from console.why import OPENED
from persistence.journal import DECISION

ON_A_PAGE = 50
MOST_LINE_ID = 2**62
VERDICTS: dict[str, dict[str, Any]] = {
    "": {},
    "opened": {"reason": OPENED},
    "refused": {"without_reason": OPENED},
}


def router(window: Window) -> APIRouter:
    """The routes."""
    routes = page_router(window)

    @routes.get("/decisions")
    def decisions(
        request: Request,
        commodity: str = "",
        verdict: str = "",
        before: Annotated[int | None, Query(ge=1, le=MOST_LINE_ID)] = None,
    ) -> HTMLResponse:
        wanted = require_commodity(text_of(commodity, "commodity"), window.configuration, "commodity")
        if verdict not in VERDICTS:
            raise CommandError(f"verdict is {verdict!r}; expected opened or refused")
        found = window.ledger.journal.list(
            kind=DECISION, commodity=wanted, before_id=before, limit=ON_A_PAGE + 1, **VERDICTS[verdict]
        )
        rows = [decision_view.in_short(line, window.configuration) for line in found[:ON_A_PAGE]]
        filters = {"commodity": wanted or "", "verdict": verdict}
        older = rows[-1]["id"] if len(found) > ON_A_PAGE else None
        paging = Paging("/decisions", filters, before, older)
        return rendered(window, request, "decisions.html", decisions=rows, filters=filters, paging=paging)

    @routes.get("/decisions/{line_id}")
    def decision(request: Request, line_id: Annotated[int, Path(ge=1, le=MOST_LINE_ID)]) -> HTMLResponse:
        lines = window.ledger.journal.list(kind=DECISION, after_id=line_id - 1, before_id=line_id + 1, limit=1)
        if not lines:
            raise HTTPException(404, f"there is no decision {line_id} in the journal")
        found = decision_view.in_full(lines[0], window.configuration)
        return rendered(window, request, "decision.html", decision=found)

    return routes
