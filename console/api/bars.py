"""The route of a trade's chart. The bars are those that the observer keeps: no platform and no broker is asked."""

from __future__ import annotations

from fastapi import APIRouter

from actors.system.errors import ActorError
from console import trade_chart
from console.api.asked import Number, documented
from console.api.models_bars import TradeBars
from console.api.window import NotLeading, Window
from console.observer import OBSERVER, LookAtBars
from console.records import Data, digits_of
from console.trade_chart import Around
from console.trade_levels import levels_data
from trading.bars import BarSeries
from trading.trade import Trade

ASK_SECONDS = 1.0


def router(window: Window) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["trades"], responses=documented(503))

    @routes.get(
        "/api/trades/{trade_id}/bars",
        response_model=TradeBars,
        operation_id="trade_bars",
        summary="The bars around a trade, its levels as they moved, and its worth over time",
        responses=documented(404, 422),
    )
    def trade_bars(trade_id: Number) -> Data:
        return chart_data(window, trade_id)

    return routes


def chart_data(window: Window, trade_id: int) -> Data:
    """Everything that is drawn of a trade, in the shape of `TradeBars`. Raises `UnknownTrade`."""
    trade = window.ledger.trades.get(trade_id)
    digits = digits_of(trade.commodity, window.configuration.commodities)
    lines = window.ledger.journal.list(trade_id=trade_id, newest_first=False)
    levels = levels_data(trade, lines, digits)
    found = _around(window, trade)
    return {
        "trade_id": trade.trade_id,
        "platform": trade.platform,
        "commodity": trade.commodity,
        "side": trade.side.value,
        "state": trade.state.value,
        "digits": digits,
        "said": found.said,
        **trade_chart.columns(found.bars, digits),
        "levels": levels["levels"],
        "marks": trade_chart.marks(trade, levels["adjustments"], digits),
        "worth": trade_chart.worth(lines),
    }


def _around(window: Window, trade: Trade) -> Around:
    """The bars that the observer keeps; without an observer, or in its silence, none, and why."""
    try:
        window.leading()
        kept: BarSeries | None = window.ask(OBSERVER, LookAtBars(trade.platform, trade.commodity), ASK_SECONDS)
    except NotLeading:
        return Around(None, f"the process that leads keeps the bars, and this one does not: {window.running.said}")
    except ActorError as error:
        return Around(None, f"the bars cannot be had now: {error}")
    return trade_chart.around(trade, kept)
