"""The figures of a replay, in JSON's types: what the closing table shows, `--json` writes and the report draws."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from actors.system.alerts import DEFECTS
from connectors.base import Connector
from console.recorded import Recording
from console.walk import Walk
from persistence.ledger import Ledger
from trading.market import HOUR, SECOND, Deal, Instant, iso
from trading.performance import summarise
from trading.settings import Settings
from trading.trade import Trade, TradeState

REFUSED = "refused:"
HOURS = 24


def report(
    ledger: Ledger,
    recording: Recording,
    settings: Settings,
    walk: Walk,
    first: Instant,
    last: Instant,
    connectors: Mapping[str, Connector] | None = None,
) -> dict[str, Any]:
    """The figures of a replay, in JSON's types. ``connectors``: the brokers, whose deals tell what trading has cost."""
    closed = ledger.trades.list(states={TradeState.CLOSED}, newest_first=False)
    found = summarise(closed, walk.equity)
    performance = found.as_detail()
    performance["net_profit"] = round(found.net_profit, 2)
    performance["maximum_drawdown"] = performance.pop("max_drawdown")
    performance["maximum_drawdown_fraction"] = performance.pop("max_drawdown_fraction")
    active = ledger.trades.active()
    by_account = {row["name"]: row for row in grouped(closed, lambda trade: trade.platform)}
    return {
        "source": recording.source,
        "commodities": sorted(recording.series),
        "from": iso(first),
        "to": iso(last),
        "bars": walk.bars,
        "bars_outside_trading_times": recording.skipped,
        "data": [source.as_detail() for source in recording.sources],
        "seconds": round(walk.seconds, 3),
        "bars_per_second": round(walk.bars / walk.seconds, 1) if walk.seconds else None,
        "bars_per_cpu_second": round(walk.bars / walk.cpu_seconds, 1) if walk.cpu_seconds else None,
        **performance,
        "refusals": refusals(ledger),
        "failed": failed(ledger),
        "crashed": crashed(ledger),
        "alerts": _most_first(Counter(ledger.journal.count_by_reason("alert"))),
        "open": len(active),
        "accounts": [
            {
                "platform": account.name,
                "currency": account.paper.currency,
                "balance": account.paper.balance,
                **_without_name(by_account.get(account.name, _group(account.name, ()))),
            }
            for account in settings.accounts
        ],
        "by_commodity": grouped(closed, lambda trade: trade.commodity),
        "by_strategy": grouped(closed, lambda trade: trade.strategy.value),
        "by_regime": grouped(closed, lambda trade: trade.regime.value),
        "by_side": grouped(closed, lambda trade: trade.side.value),
        "by_reason": grouped(closed, lambda trade: "" if trade.close_reason is None else trade.close_reason.value),
        "by_hour": grouped(closed, lambda trade: f"{_opened_at(trade) // HOUR % HOURS:02d}"),
        "costs": costs(connectors or {}, active),
    }


def refusals(ledger: Ledger) -> dict[str, int]:
    """How often an analysis led to no trade, by reason: at the decision, and at the account that was told to open."""
    counts: Counter[str] = Counter()
    for kind in ("decision", "open_result"):
        for reason, count in ledger.journal.count_by_reason(kind).items():
            if reason.startswith(REFUSED):
                counts[reason.removeprefix(REFUSED)] += count
    return _most_first(counts)


def failed(ledger: Ledger) -> dict[str, int]:
    """How many orders to open came to nothing, by what the broker said."""
    trades = ledger.trades.list(states={TradeState.FAILED})
    return _most_first(Counter(trade.detail.partition(":")[0] or "no reason given" for trade in trades))


def crashed(ledger: Ledger) -> dict[str, str]:
    """Which actors raised what nobody expected, or were given up, and what was said of the first time."""
    found: dict[str, str] = {}
    for line in ledger.journal.list(kind="alert", newest_first=False):
        if line.reason in DEFECTS:
            found.setdefault(str(line.detail.get("actor")), f"{line.reason}: {line.detail.get('said')}")
    return found


def grouped(closed: Iterable[Trade], key: Callable[[Trade], str]) -> list[dict[str, Any]]:
    """What came of the closed trades of each kind, in the order of its name."""
    kinds: dict[str, list[Trade]] = {}
    for trade in closed:
        kinds.setdefault(key(trade), []).append(trade)
    return [_group(name, trades) for name, trades in sorted(kinds.items())]


def costs(connectors: Mapping[str, Connector], active: Iterable[Trade]) -> dict[str, float]:
    """What the brokers booked for the trades that are over: the prices' own profit, swaps, commissions.

    Their sum is the net profit. What is booked already for those that are open, such as entries' commissions, stands
    beside it.
    """
    still_open = {(trade.platform, trade.position_id) for trade in active}
    deals: list[Deal] = []
    others: list[Deal] = []
    for name, connector in connectors.items():
        for deal in connector.deals(0, math.inf):
            (others if (name, deal.position_id) in still_open else deals).append(deal)
    return {
        "gross_profit": round(math.fsum(deal.profit for deal in deals), 2),
        "swap": round(math.fsum(deal.swap for deal in deals), 2),
        "commission": round(math.fsum(deal.commission + deal.fee for deal in deals), 2),
        "booked_for_open_trades": round(math.fsum(deal.net for deal in others), 2),
    }


def _group(name: str, trades: Sequence[Trade]) -> dict[str, Any]:
    profits = [trade.profit for trade in trades if trade.profit is not None]
    won, lost = math.fsum(p for p in profits if p > 0), -math.fsum(p for p in profits if p < 0)
    holds = [
        (trade.closed_at - trade.opened_at) / SECOND
        for trade in trades
        if trade.opened_at is not None and trade.closed_at is not None
    ]
    return {
        "name": name,
        "trades": len(trades),
        "win_rate": sum(profit > 0 for profit in profits) / len(profits) if profits else None,
        "net_profit": round(math.fsum(profits), 2),
        "profit_factor": won / lost if lost > 0 else None,
        "average_hold_seconds": math.fsum(holds) / len(holds) if holds else None,
    }


def _without_name(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "name"}


def _opened_at(trade: Trade) -> Instant:
    return trade.submitted_at if trade.opened_at is None else trade.opened_at


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
