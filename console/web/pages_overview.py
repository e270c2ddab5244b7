"""The overview: everything at a glance."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from console.api.kept import kept
from console.api.window import Window
from console.closings import closings_data, folded
from console.figures import UNKNOWN, amount, fraction, number, span
from console.reading import market_time
from console.records import Data
from console.web.page_figures import money, sign
from console.web.page_head import head_of
from console.web.rendering import page_router, rendered
from feeds.errors import CalendarUnavailable
from trading.trade import ACTIVE, HELD

MOST_CLOSES = 6
MOST_POINTS = 60  # of a line
LINE_SECONDS = 30.0  # that one is kept

# What live.js clones for a trade that has begun since: the same row without figures.
BLANK_TRADE: Mapping[str, Any] = {
    "trade_id": 0,
    "platform": "",
    "commodity": "",
    "side": "buy",
    "volume_lots": 0.0,
    "strategy": "",
    "state": "open",
    "digits": 5,
    "currency": "",
    "is_stale": False,
    **dict.fromkeys(
        (
            "entry_price", "price", "stop_price", "target_price", "profit", "probability_of_profit", "expected_value",
            "expected_gain", "one_sigma", "closes_in_seconds", "checked_seconds_ago", "to_stop",
        )
    ),
}  # fmt: skip


def router(window: Window) -> APIRouter:
    """The route of the overview."""
    routes = page_router(window)

    @routes.get("/")
    def overview(request: Request) -> Response:
        head = head_of(window, request)
        return rendered(window, request, "overview.html", head=head, **overview_data(window, head.overview))

    return routes


def overview_data(window: Window, shown: Mapping[str, Any] | None) -> Data:
    """What the template shows beside the overview itself, which is in the head."""
    closes, fault = next_closes(window)
    return {
        "tiles": [] if shown is None else tiles(shown),
        "exposures": [] if shown is None else exposures(shown),
        "equity_lines": {} if shown is None else equity_lines(window, shown),
        "next_closes": closes,
        "closings_fault": fault,
        "blank_trade": BLANK_TRADE,
    }


def tiles(overview: Mapping[str, Any]) -> list[Data]:
    """The figures at the top; `overview.js` writes the same ones again as they change."""
    counts, found = overview["counts"], []
    realised, today, accounts = overview["realised_profit"], overview["realised_today"], overview["accounts"]
    currencies = sorted({account["currency"] for account in accounts} | set(realised))
    for currency in currencies:
        own = [account for account in accounts if account["currency"] == currency]
        equity, balance, risk = (_sum(own, name) for name in ("equity", "balance", "open_risk"))
        apart = None if equity is None or balance is None else equity - balance
        part = None if not equity or risk is None else risk / equity
        below = f"{fraction(part)} of the equity, at the stops"
        found += [
            _tile(f"equity-{currency}", "Equity", amount(equity), currency, f"{money(apart)} unrealised"),
            _tile(f"risk-{currency}", "Open risk", amount(risk), currency, below),
            _tile(
                f"realised-{currency}",
                "Realised",
                money(realised.get(currency, 0.0)),
                currency,
                f"{money(today.get(currency, 0.0))} today (UTC)",
                sign(realised.get(currency)),
            ),
        ]
    others = f"and {counts['external']} of others" if counts["external"] else "none of others"
    opened = f"{counts['closed']:,} closed, {counts['refused']:,} decisions refused"
    return [
        *found,
        _tile("open", "Open trades", f"{counts['open']:,}", "", others),
        _tile("opened", "Opened so far", f"{counts['opened']:,}", "", opened),
        _tile("market", "Market", market_words(overview), "", overview["source"] or "no prices here"),
    ]


def market_words(overview: Mapping[str, Any]) -> str:
    """Whether it trades, or that nobody here knows."""
    return {None: UNKNOWN, True: "open", False: "shut"}[overview["market_open"]]


def exposures(overview: Mapping[str, Any]) -> list[Data]:
    """What each account holds of each commodity."""
    return [
        {**line, "account": account["name"], "currency": account["currency"]}
        for account in overview["accounts"]
        for line in account["exposure"]["commodities"]
    ]


def equity_lines(window: Window, overview: Mapping[str, Any]) -> dict[str, Data]:
    """What each account's closed trades have brought so far, as a line of 100 by 30; none below two points."""
    lines = {}
    for account in overview["accounts"]:
        name = account["name"]
        sums = kept(window.ledger, ("equity line", name), LINE_SECONDS, partial(_sums, window, name))
        if len(sums) > 1:
            lines[name] = _line_of(sums, account["currency"])
    return lines


def _sums(window: Window, platform: str) -> Sequence[float]:
    """What the account's trades have brought after each of them, from nothing on. It reads them all."""
    results = window.ledger.trades.closed_results(platform)
    return list(itertools.accumulate((result.profit for result in results), initial=0.0))


def _line_of(sums: Sequence[float], currency: str) -> Data:
    step = max(len(sums) // MOST_POINTS, 1)
    kept = [*sums[:-1:step], sums[-1]]
    least, span_of_sums = min(kept), max(kept) - min(kept) or 1.0
    places = [
        f"{100 * place / (len(kept) - 1):.1f} {28 - 26 * (value - least) / span_of_sums:.1f}"
        for place, value in enumerate(kept)
    ]
    path = f"M{'L'.join(places)}"
    said = f"{money(sums[-1], currency)} over {len(sums) - 1} closed trades"
    return {"path": path, "under": f"{path}L100 30L0 30Z", "said": said}


def next_closes(window: Window) -> tuple[list[Data], str]:
    """The soonest windows of the closing rules, equal ones in one line; and why there are none."""
    ledger, configuration = window.ledger, window.configuration
    now = market_time(configuration.settings, ledger)
    if now is None:
        return [], "The next closings are known once something has happened."
    try:
        closings = closings_data(configuration, ledger.trades.list(states=ACTIVE | HELD), now)
    except CalendarUnavailable as error:
        return [], f"The next closings are not known: {error}"
    lines = [
        {
            **line._asdict(),
            "accounts": ", ".join(accounts),
            "names": _named(commodities),
            "said": span(line.in_seconds),
            "open_trades": trades,
        }
        for line, accounts, commodities, trades in folded(closings)
    ]
    return lines[:MOST_CLOSES], ""


def _named(commodities: Sequence[str]) -> str:
    more = len(commodities) - 3
    return ", ".join(commodities) if more <= 1 else f"{', '.join(commodities[:3])} and {more} more"


def _sum(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """None where one of them is not known: a sum of the rest would be taken for the whole."""
    known = [number(row[name]) for row in rows]
    return None if not known or None in known else math.fsum(value for value in known if value is not None)


def _tile(key: str, name: str, value: str, unit: str, below: str, sign_class: str = "") -> Data:
    return {"key": key, "name": name, "value": value, "unit": unit, "below": below, "sign": sign_class}
