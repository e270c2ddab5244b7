"""The next closes, and each commodity's trading day in three clocks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from console.api.window import Window
from console.arguments import Calendar
from console.calendar import calendar_data
from console.calendar_view import RULES, instants_of, remarks_of
from console.closings import folded
from console.errors import CommandError
from console.figures import words
from console.reading import commodity_named, market_time
from console.records import Data
from console.status import closings_or_fault
from console.web.rendering import page_router, rendered
from feeds.errors import CalendarUnavailable
from trading.market import SECOND, Instant
from trading.trade import ACTIVE, HELD

MOST_DAYS = 12  # of commodities whose day is shown, unless one is asked for


def router(window: Window) -> APIRouter:
    """The route of the closings."""
    routes = page_router(window)

    @routes.get("/closings")
    def closings(request: Request, commodity: str = "") -> Response:
        configuration = window.configuration
        wanted = commodity.strip()
        names = [commodity_named(wanted, configuration, "commodity").id] if wanted else list(configuration.traded)
        now = market_time(configuration.settings, window.ledger)
        trades = window.ledger.trades.list(states=ACTIVE | HELD)
        found = closings_or_fault(configuration, trades, now)
        return rendered(
            window,
            request,
            "closings.html",
            closings=[_line(*line) for line in folded(found["next_closings"])],
            fault=found["closings_fault"],
            known=now is not None,
            days=[_day(window, name, now) for name in names[:MOST_DAYS]],
            left_out=max(len(names) - MOST_DAYS, 0),
            commodity=wanted,
            commodities=configuration.traded,
        )

    return routes


def _line(line: Any, accounts: tuple[str, ...], commodities: tuple[str, ...], open_trades: int) -> Data:
    """A window of the closing rules that is the same for all these accounts and commodities."""
    remarks = ["the week ends"] if line.ends_week else []
    if line.ends_early:
        remarks.append(": ".join(("a short day", ", ".join(map(words, line.holidays)))).removesuffix(": "))
    return {
        **line._asdict(),
        "accounts": ", ".join(accounts),
        "commodities": ", ".join(commodities),
        "open_trades": open_trades,
        "remarks": "; ".join(remarks),
    }


def _day(window: Window, commodity: str, now: Instant | None) -> Data:
    """The trading day that is now, with each of its instants on the exchange's clock, too."""
    at = round(time.time() * SECOND) if now is None else now
    try:
        data = calendar_data(Calendar(commodity=commodity, at=at), window.configuration, at)
    except (CalendarUnavailable, CommandError) as error:
        return {"commodity": commodity, "fault": str(error)}
    zone = ZoneInfo(data["zone"])
    return {
        **data,
        "fault": "",
        "remarks": [remark.plain for remark in remarks_of(data)],
        "instants": [_instant(name, moment, zone) for name, moment in instants_of(data)],
        "rules": [{**rule, "name": RULES[rule["rule"]]} for rule in data["rules"]],
        "clock": _clock_name(data, zone),
    }


def _instant(name: str, at: str | None, zone: ZoneInfo) -> Data:
    there = "never" if at is None else f"{datetime.fromisoformat(at).astimezone(zone):%a %m-%d %H:%M}"
    here = "never" if at is None else f"{datetime.fromisoformat(at):%a %m-%d %H:%M}"
    return {"name": name, "at": at, "utc": here, "exchange": there}


def _clock_name(data: Mapping[str, Any], zone: ZoneInfo) -> str:
    """What the exchange's clock calls itself on that day."""
    for _, at in instants_of(data):
        if at is not None:
            return datetime.fromisoformat(at).astimezone(zone).tzname() or data["zone"]
    return str(data["zone"])
