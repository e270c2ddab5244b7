"""Routes of trades: the list, and one with its whole life."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from console.api.asked import Before, Limit, Name, Number, commodity_id, documented, known_platform
from console.api.decision_rows import decision_row
from console.api.lines import line_row, next_before
from console.api.models_trades import TradeLife, TradePage
from console.api.valuing import valuations_of
from console.api.window import Window
from console.figures import number
from console.reading import market_time
from console.records import Data, digits_of, mapping, time_text, trade_data
from console.sentences import sentence
from console.trade_filter import TradeFilter
from console.trade_levels import levels_data
from console.why import ANSWERED_WITHIN, came_of
from persistence.journal import DECISION, VALUATION, JournalLine
from trading.trade import Trade

MOST_LINES = 500  # of one trade's history
MOST_VALUATIONS = 1_000
STATE = "One state; or `live`, every state in which a position is held, or may be."
WORTH = ("target", "stop", "profit", "expected_value")


def router(window: Window) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["trades"], responses=documented(404, 422, 503))

    @routes.get(
        "/api/trades",
        response_model=TradePage,
        operation_id="trades",
        summary="Trades, newest first",
    )
    def trades(
        platform: Name = None,
        commodity: Name = None,
        state: Annotated[TradeFilter | None, Query(description=STATE)] = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> Data:
        found = window.ledger.trades.list(
            platform=known_platform(platform, window),
            commodity=commodity_id(commodity, window.configuration),
            states=None if state is None else state.states,
            before_id=before,
            limit=limit,
        )
        rows = [trade_row(trade, window) for trade in found]
        return {"trades": rows, "next_before": next_before(rows, limit, "trade_id")}

    @routes.get(
        "/api/trades/{trade_id}",
        response_model=TradeLife,
        operation_id="trade",
        summary="A trade with its decision, its levels as they moved, and everything that happened to it",
    )
    def trade(trade_id: Number) -> Data:
        return trade_life(window, window.ledger.trades.get(trade_id))

    return routes


def trade_row(trade: Trade, window: Window) -> Data:
    """The trade in the shape of `TradeRow`."""
    return {**trade_data(trade), "digits": digits_of(trade.commodity, window.configuration.commodities)}


def trade_life(window: Window, trade: Trade) -> Data:
    """The trade in the shape of `TradeLife`."""
    journal, configuration = window.ledger.journal, window.configuration
    digits = digits_of(trade.commodity, configuration.commodities)
    lines = journal.list(trade_id=trade.trade_id, without=VALUATION, limit=MOST_LINES)
    valued = journal.list(trade_id=trade.trade_id, kind=VALUATION, limit=MOST_VALUATIONS)
    moved = levels_data(trade, lines, digits)
    now = market_time(configuration.settings, window.ledger)
    decision = next((line for line in lines if line.kind == DECISION), None) or _decision(window, trade)
    return {
        "trade": trade_row(trade, window),
        "valuation": valuations_of(window).of(trade, now),
        "decision": None if decision is None else decision_row(decision, configuration),
        "levels": moved["levels"],
        "adjustments": moved["adjustments"],
        "valuations": [
            {"at": time_text(line.at), **{name: number(line.detail.get(name)) for name in WORTH}}
            for line in reversed(valued)
        ],
        "history": [line_row(line, configuration) for line in reversed(lines)],
        "is_whole": len(lines) < MOST_LINES and len(valued) < MOST_VALUATIONS,
        "ending": _ending(window, trade, lines, digits),
    }


def _decision(window: Window, trade: Trade) -> JournalLine | None:
    """The decision that the trade came of, where the line does not name the trade."""
    at = trade.submitted_at
    decisions = window.ledger.journal.list(
        kind=DECISION, commodity=trade.commodity, since=at - ANSWERED_WITHIN, until=at, limit=MOST_LINES
    )
    return next((line for line in decisions if came_of(line, trade)), None)


def _ending(window: Window, trade: Trade, lines: list[JournalLine], digits: int | None) -> Data | None:
    """Why it is closed or being closed. ``lines``: its history, newest first."""
    if trade.close_reason is None:
        return None
    told = next((line for line in lines if line.kind == "exit"), None) or next(
        (line for line in lines if line.kind == "transition" and line.detail.get("close_reason")), None
    )
    request = mapping(next((line.detail for line in lines if line.detail.get("request_id")), None))
    by = request.get("by")
    return {
        "reason": trade.close_reason.value,
        "at": time_text(trade.closed_at),
        "exit_price": trade.exit_price,
        "profit": trade.profit,
        "text": "" if told is None else sentence(told.kind, told.reason, told.detail, told.repeated, digits),
        "request_id": str(request["request_id"]) if request else None,
        "by": by if isinstance(by, str) else None,
    }
