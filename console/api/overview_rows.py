"""The rows of the overview as plain data: trades, accounts with their exposure, events. Pure functions of what is seen.

They are made twice a second, and so as data rather than as models: `Overview` says what they hold.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from actors.accounts import Market, Rates
from actors.messages import AccountSnapshot
from console.figures import number
from console.live_figures import AccountFigures, TradeFigures
from console.records import Data, time_text
from console.sentences import event_line
from persistence.journal import JournalLine
from trading.groups import direction
from trading.market import SECOND, Instant, Position
from trading.trade import Trade

INSTANTS_KEPT = 4_096
CENT = 100.0
SMALL = 1e6  # parts of a fraction that are told
SMALLEST = 1e8  # parts of a price or of a lot


time_said = lru_cache(INSTANTS_KEPT)(time_text)  # most are the same from one push to the next


def trade_row(
    trade: Trade,
    figures: TradeFigures | None,
    valuation: JournalLine | None,
    *,
    now: Instant,
    digits: int | None,
    currency: str,
    checked_seconds_ago: float | None,
    is_stale: bool = False,
) -> Data:
    """An open trade; without ``figures`` what the ledger alone says of it.

    ``is_stale``: nothing new comes of its account.
    """
    price = None if figures is None else figures.price
    closes_at = trade.time_stop_at if figures is None else figures.closes_at
    worth = {} if valuation is None else valuation.detail
    expected_value, one_sigma = number(worth.get("expected_value")), _one_sigma(figures, worth)
    sign = trade.side.sign
    return {
        "trade_id": trade.trade_id,
        "platform": trade.platform,
        "commodity": trade.commodity,
        "side": trade.side.value,
        "volume_lots": trade.volume_lots,
        "strategy": trade.strategy.value,
        "state": trade.state.value,
        "digits": digits,
        "currency": currency,
        "entry_price": trade.entry_price,
        "price": price,
        "stop_price": trade.stop_price,
        "target_price": trade.target_price,
        "profit": money(None if figures is None else figures.profit),
        "risk": money(None if figures is None else figures.risk),
        "probability_of_profit": number(worth.get("profit")),
        "expected_value": expected_value,
        "expected_gain": None if expected_value is None or one_sigma is None else money(expected_value * one_sigma),
        "one_sigma": money(one_sigma),
        "valued_at": None if valuation is None else time_said(valuation.last_at),
        "closes_at": time_said(closes_at),
        "closes_in_seconds": max(closes_at - now, 0) // SECOND,
        "to_stop": _distance(price, sign, price, trade.stop_price),
        "to_target": _distance(price, sign, trade.target_price, price),
        "progress": _progress(price, trade.stop_price, trade.target_price),
        "opened_at": time_said(trade.opened_at),
        "checked_seconds_ago": None if checked_seconds_ago is None else int(checked_seconds_ago),
        "is_stale": is_stale,
    }


def account_row(
    snapshot: AccountSnapshot,
    figures: AccountFigures,
    market: Market,
    *,
    is_paused: bool,
    held_back: list[Data],
    stale_seconds: int | None = None,
) -> Data:
    """An account as its platform sees it. ``stale_seconds``: for how long nothing new has come of it; None: it does."""
    account = snapshot.account
    return {
        "name": snapshot.platform,
        "currency": "" if account is None else account.currency,
        "balance": money(None if account is None else account.balance),
        "equity": money(None if account is None else account.equity),
        "open_risk": money(figures.open_risk),
        "exposure": exposure(snapshot, figures, market),
        "external": len(snapshot.external),
        "ready": snapshot.ready,
        "reason": snapshot.reason,
        "paused": is_paused,
        "held_back": held_back,
        "stale_seconds": stale_seconds,
    }


def unseen_account_row(name: str, reason: str, *, is_paused: bool, held_back: list[Data]) -> Data:
    """An account that nobody here watches."""
    return {
        "name": name,
        "currency": "",
        "balance": None,
        "equity": None,
        "open_risk": None,
        "exposure": {"commodities": [], "groups": []},
        "external": 0,
        "ready": False,
        "reason": reason,
        "paused": is_paused,
        "held_back": held_back,
        "stale_seconds": None,
    }


def exposure(snapshot: AccountSnapshot, figures: AccountFigures, market: Market) -> Data:
    """By commodity what is held, by group what is lost together. Positions of others have no stop: no risk of theirs.

    In each direction of a group the risks add up, and nothing is taken off for what stands on the other side.
    """
    lots: dict[str, float] = defaultdict(float)
    values: dict[str, list[float | None]] = defaultdict(list)
    risks: dict[str, list[float | None]] = defaultdict(list)
    of_groups: dict[str, dict[int, list[float | None]]] = defaultdict(lambda: {-1: [], +1: []})
    for trade in snapshot.trades.values():
        found, commodity = figures.trades[trade.trade_id], market.commodities[trade.commodity]
        lots[commodity.id] += trade.side.sign * trade.volume_lots
        values[commodity.id].append(None if found.value is None else trade.side.sign * found.value)
        risks[commodity.id].append(found.risk)
        of_groups[commodity.group][direction(commodity, trade.side)].append(found.risk)
    rates = Rates(snapshot, market)
    for position in snapshot.external:
        lots[position.commodity] += position.side.sign * position.volume_lots
        values[position.commodity].append(_value(position, snapshot, rates))
    return {
        "commodities": [
            {
                "commodity": name,
                "group": market.commodities[name].group if name in market.commodities else "",
                "volume_lots": _rounded(lots[name], SMALLEST),
                "value": money(_sum(values[name])),
                "risk": money(_sum(risks[name])),
            }
            for name in sorted(lots)
        ],
        "groups": [
            {
                "group": group,
                "risk_if_it_falls": money(_sum(sides[+1])),
                "risk_if_it_rises": money(_sum(sides[-1])),
            }
            for group, sides in sorted(of_groups.items())
        ],
    }


def event_row(line: JournalLine, digits: int | None) -> Data:
    """A line of the journal in words."""
    told = event_line(line, digits)
    return {
        "id": line.id,
        "at": time_text(told.at) or "",
        "kind": told.kind,
        "about": told.resource,
        "text": " ".join(told.text.split()),
        "repeated": line.repeated,
        "trade_id": line.trade_id,
    }


def money(value: float | None) -> float | None:
    """To the cent; None for what is no number."""
    return None if value is None or not math.isfinite(value) else _rounded(value, CENT)


def _rounded(value: float, parts: float) -> float:
    """To one of so many parts: `round` takes five times as long, and there are thousands in a push."""
    return math.floor(value * parts + 0.5) / parts


def _value(position: Position, snapshot: AccountSnapshot, rates: Rates) -> float | None:
    """Bought positive, sold negative, in account currency."""
    quote, instrument = snapshot.quotes.get(position.commodity), snapshot.instruments.get(position.commodity)
    rate = rates.of(position.commodity)
    if quote is None or instrument is None or rate is None:
        return None
    price = abs(quote.closing_price(position.side))
    return position.side.sign * price * instrument.contract_size * position.volume_lots * rate


def _sum(parts: Iterable[float | None]) -> float | None:
    """None where a part is not known."""
    found = 0.0
    for part in parts:
        if part is None:
            return None
        found += part
    return found


def _one_sigma(figures: TradeFigures | None, worth: Mapping[str, Any]) -> float | None:
    """Money. ``sigma`` is of the log price until the horizon, so a part of what the position is worth."""
    sigma = number(worth.get("sigma"))
    return None if sigma is None or figures is None or figures.value is None else sigma * figures.value


def _distance(price: float | None, sign: int, above: float | None, below: float | None) -> Data | None:
    """From the lower to the upper of two levels of a buy; a sell is a mirrored buy."""
    if price is None or above is None or below is None:
        return None
    distance = sign * (above - below)
    return {
        "distance": _rounded(distance, SMALLEST),
        "fraction": _rounded(distance / abs(price), SMALL) if price else None,
    }


def _progress(price: float | None, stop: float, target: float | None) -> float | None:
    if price is None or target is None or target == stop:
        return None
    return _rounded((price - stop) / (target - stop), SMALL)
