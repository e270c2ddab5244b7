"""Trades by state, asked of the API: `live` is what it is on the page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from made_ledger import Holder, a_ledger

from console.api import trades
from console.api.window import Window
from console.errors import CommandError
from console.trade_filter import TradeFilter, states_of
from trading.trade import ACTIVE, HELD, TradeState


def test_live_stands_for_every_state_in_which_a_position_is_held_or_may_be() -> None:
    assert states_of("live") == ACTIVE | HELD
    assert {TradeState.CLOSED, TradeState.FAILED}.isdisjoint(states_of("live") or ())
    assert states_of("") is None
    with pytest.raises(CommandError, match="state is 'happy'; expected one of live, submitted"):
        states_of("happy")


def test_every_state_is_a_filter_too() -> None:
    assert [*TradeFilter] == ["live", *TradeState]
    assert all(TradeFilter(state.value).states == {state} for state in TradeState)


def test_the_api_takes_live_and_says_so_in_its_description() -> None:
    with a_ledger() as ledger:
        holder = Holder(ledger)
        holder.close(holder.open())
        held = holder.open(commodity="GBPUSD", analysis_id="2")
        configuration = SimpleNamespace(settings=SimpleNamespace(accounts=[]), commodities={})
        routes = trades.router(cast(Window, SimpleNamespace(ledger=ledger, configuration=configuration)))
        (route,) = (one for one in routes.routes if isinstance(one, APIRoute) and one.path == "/api/trades")
        listed = route.endpoint(None, None, TradeFilter.LIVE, None, 100)["trades"]
    assert [row["trade_id"] for row in listed] == [held.trade_id]
    app = FastAPI()
    app.include_router(routes)
    (state,) = (one for one in app.openapi()["paths"]["/api/trades"]["get"]["parameters"] if one["name"] == "state")
    assert "live" in state["description"]
    assert app.openapi()["components"]["schemas"]["TradeFilter"]["enum"] == [*TradeFilter]
