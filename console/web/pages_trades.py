"""The pages of the trades: the list, and each trade with its chart."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse

from console.api.window import Window
from console.reading import require_commodity
from console.records import digits_of, trade_data
from console.trade_filter import TradeFilter, states_of
from console.web.page_links import Paging, text_of
from console.web.rendering import page_router, rendered
from console.web.trade_view import page_data
from persistence.errors import UnknownTrade

ON_A_PAGE = 50
MOST_TRADE_ID = 2**63 - 1


def router(window: Window) -> APIRouter:
    """The routes."""
    routes = page_router(window)

    @routes.get("/trades")
    def trades(
        request: Request,
        platform: str = "",
        commodity: str = "",
        state: str = "",
        before: Annotated[int | None, Query(ge=1, le=MOST_TRADE_ID)] = None,
    ) -> HTMLResponse:
        configuration = window.configuration
        wanted = require_commodity(text_of(commodity, "commodity"), configuration, "commodity")
        found = window.ledger.trades.list(
            platform=text_of(platform, "account"),
            commodity=wanted,
            states=states_of(state),
            before_id=before,
            limit=ON_A_PAGE + 1,
        )
        rows = [
            {**trade_data(trade), "digits": digits_of(trade.commodity, configuration.commodities)}
            for trade in found[:ON_A_PAGE]
        ]
        filters = {"platform": platform, "commodity": wanted or "", "state": state}
        older = rows[-1]["trade_id"] if len(found) > ON_A_PAGE else None
        paging = Paging("/trades", filters, before, older)
        return rendered(
            window, request, "trades.html", trades=rows, filters=filters, states=list(TradeFilter), paging=paging
        )

    @routes.get("/trades/{trade_id}")
    def trade(request: Request, trade_id: Annotated[int, Path(ge=1, le=MOST_TRADE_ID)]) -> HTMLResponse:
        try:
            data = page_data(window, trade_id)
        except UnknownTrade as error:
            raise HTTPException(404, str(error)) from error
        return rendered(window, request, "trade.html", **data)

    return routes
