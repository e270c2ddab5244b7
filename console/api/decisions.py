"""Routes of decisions and their tables of candidates, and of the leases that keep two from deciding the same."""

from __future__ import annotations

from fastapi import APIRouter

from console.api.asked import Before, Limit, Name, Number, commodity_id, documented
from console.api.decision_rows import candidate_rows, decision_row
from console.api.lines import line_of, line_row, next_before
from console.api.models_trades import Candidates, DecisionLife, DecisionPage, Reservations
from console.api.problems import ProblemError
from console.api.trades import trade_row
from console.api.window import Window
from console.records import Data, decision_data, reservation_data, time_text
from console.sentences import sentence
from console.status import concerns
from console.why import ANSWERED_WITHIN, OPENED, came_of
from persistence.journal import DECISION, JournalLine

MOST_ANSWERS = 500
LOOKED_AT = 200  # decisions of a commodity, for the newest that came to a table


def router(window: Window) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["decisions"], responses=documented(503))

    @routes.get(
        "/api/decisions",
        response_model=DecisionPage,
        operation_id="decisions",
        summary="Decisions, newest first, each with its pillars, its threshold and its table of candidates",
        responses=documented(404, 422),
    )
    def decisions(commodity: Name = None, before: Before = None, limit: Limit = 50) -> Data:
        lines = window.ledger.journal.list(
            kind=DECISION, commodity=commodity_id(commodity, window.configuration), before_id=before, limit=limit
        )
        rows = [decision_row(line, window.configuration) for line in lines]
        return {"decisions": rows, "next_before": next_before(rows, limit)}

    @routes.get(
        "/api/decisions/{line_id}",
        response_model=DecisionLife,
        operation_id="decision",
        summary="One decision, what the accounts answered to it, and the trades that came of it",
        responses=documented(404, 422),
    )
    def decision(line_id: Number) -> Data:
        line = line_of(window.ledger, line_id)
        if line is None or line.kind != DECISION:
            raise ProblemError(404, "no_such_decision", f"line {line_id} of the journal is no decision", "line_id")
        return {"decision": decision_row(line, window.configuration), **_consequences(window, line)}

    @routes.get(
        "/api/candidates",
        response_model=Candidates,
        operation_id="candidates",
        summary="The newest table of candidates of each commodity",
    )
    def candidates() -> Data:
        tables = (_newest_table(window, commodity) for commodity in window.configuration.traded)
        return {"tables": [table for table in tables if table is not None]}

    @routes.get(
        "/api/reservations",
        response_model=Reservations,
        operation_id="reservations",
        summary="Every live lease of the crew, the short ones around an opening too",
    )
    def reservations() -> Data:
        return reservations_data(window)

    @routes.get(
        "/api/leases",
        response_model=Reservations,
        operation_id="leases",
        summary="The leases that are held for as long as a process leads: of the crew and of its accounts",
    )
    def leases() -> Data:
        found = reservations_data(window)
        return {**found, "reservations": [row for row in found["reservations"] if row["kind"] != "open"]}

    return routes


def reservations_data(window: Window) -> Data:
    """The live leases that concern the crew, in the shape of `Reservations`."""
    reservations, settings = window.ledger.reservations, window.configuration.settings
    now = reservations.now()
    rows = [reservation_data(lease, now) for lease in reservations.all() if concerns(lease.resource, settings)]
    return {"database_time": time_text(now), "reservations": rows}


def _consequences(window: Window, line: JournalLine) -> Data:
    """What the accounts answered, and the trades."""
    if line.reason != OPENED or line.analysis_id is None:
        return {"results": [], "trades": []}
    answers = window.ledger.journal.list(
        kind="open_result",
        commodity=line.commodity,
        since=line.at,
        until=line.last_at + ANSWERED_WITHIN,
        newest_first=False,
        limit=MOST_ANSWERS,
    )
    trades = window.ledger.trades.list(analysis_id=line.analysis_id)
    return {
        "results": [line_row(answer, window.configuration) for answer in answers if came_of(line, answer)],
        "trades": [trade_row(trade, window) for trade in trades if came_of(line, trade)],
    }


def _newest_table(window: Window, commodity: str) -> Data | None:
    """The newest decision about it that came as far as the accounts."""
    for line in window.ledger.journal.list(kind=DECISION, commodity=commodity, limit=LOOKED_AT):
        found = decision_data(line)
        if found["candidates"]:
            return {
                "commodity": commodity,
                "decision_id": line.id,
                "at": found["at"],
                "said": sentence(line.kind, line.reason, line.detail, line.repeated),
                **{name: found[name] if isinstance(found[name], str) else None for name in ("chosen", "decided_by")},
                "candidates": candidate_rows(found),
            }
    return None
