"""Routes of the next closings, and of a commodity's trading day."""

from __future__ import annotations

import argparse
import time
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from console import option_values
from console.api.asked import Name, NameInPath, documented
from console.api.models_calendar import TradingDay
from console.api.models_status import Closings
from console.api.present import present
from console.api.problems import ProblemError
from console.api.window import Window
from console.arguments import Calendar
from console.calendar import calendar_data, require_account
from console.errors import CommandError
from console.reading import commodity_named, market_time
from console.records import Data
from console.status import closings_or_fault
from trading.market import SECOND, Instant, iso
from trading.trade import ACTIVE, HELD

DAY_OR_INSTANT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?$"
)


def router(window: Window) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["calendars"], responses=documented(503))

    @routes.get(
        "/api/closings",
        response_model=Closings,
        operation_id="closings",
        summary="The next window of the closing rules for each account and commodity",
    )
    def closings() -> Data:
        now = present(window).now
        trades = window.ledger.trades.list(states=ACTIVE | HELD)
        return {
            "market_time": None if now is None else iso(now),
            **closings_or_fault(window.configuration, trades, now),
        }

    @routes.get(
        "/api/calendars/{commodity}",
        response_model=TradingDay,
        operation_id="calendar",
        summary="One trading day of a commodity: its sessions, its end, and what is closed before it",
        responses=documented(404, 422),
    )
    def calendar(
        commodity: NameInPath,
        at: Annotated[
            str | None,
            Query(pattern=DAY_OR_INSTANT, description="A trading date, or an instant in ISO 8601; none: now."),
        ] = None,
        account: Name = None,
    ) -> Data:
        configuration = window.configuration
        try:
            known = commodity_named(commodity, configuration, "commodity")
        except CommandError as error:
            raise ProblemError(404, "unknown_commodity", str(error), "commodity") from error
        try:
            require_account(account, configuration.settings)
        except CommandError as error:
            raise ProblemError(404, "unknown_platform", str(error).removeprefix("--"), "account") from error
        asked = _moment(at)
        now = _now(window) if asked is None else 0
        try:
            return calendar_data(Calendar(commodity=known.id, at=asked, account=account), configuration, now)
        except CommandError as error:
            raise ProblemError(404, "no_such_day", str(error).removeprefix("--"), "at") from error

    return routes


def _moment(text: str | None) -> date | Instant | None:
    try:
        return None if text is None else option_values.date_or_moment(text)
    except argparse.ArgumentTypeError as error:
        raise ProblemError(404, "no_such_day", f"at: {error}", "at") from error


def _now(window: Window) -> Instant:
    """The market's time; the world's before anything has happened."""
    now = market_time(window.configuration.settings, window.ledger)
    return round(time.time() * SECOND) if now is None else now
