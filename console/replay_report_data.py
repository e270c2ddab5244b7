"""What the report's charts are drawn from: equity, trades with their levels as they moved, and the bars around them.

Everything has a limit, so that a page of many years still opens: points of equity are thinned to the lowest and the
highest of each stretch, and where there are too many trades or bars the page says which it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from console.recorded import Recording
from persistence.journal import JournalLine
from persistence.ledger import Ledger
from trading.bars import BarSeries
from trading.commodities import Commodity
from trading.market import Instant
from trading.trade import Trade, TradeState

MOST_POINTS = 2_000  # of equity
MOST_TRADES = 3_000
MOST_BARS = 45_000  # of all commodities together
PADDING_BARS = 60  # shown around a trade

Data = dict[str, Any]


def chart_data(
    ledger: Ledger,
    recording: Recording,
    commodities: Mapping[str, Commodity],
    equity: Sequence[tuple[Instant, float]],
    first: Instant,
    last: Instant,
) -> Data:
    """All of it in JSON's types; instants are whole seconds since 1970."""
    every = [trade for trade in ledger.trades.list(newest_first=False) if trade.opened_at is not None]
    shown = chosen(every, MOST_TRADES)
    drawn = {
        name: series.where((series.time >= first) & (series.time < last)) for name, series in recording.series.items()
    }
    moves = _moves(ledger.journal.list(kind="adjustment", newest_first=False))
    trades = [_trade(trade, moves.get(trade.trade_id, []), commodities) for trade in shown]
    bars, detailed = _bars_within_budget(drawn, shown, commodities)
    for trade, row in zip(shown, trades, strict=True):
        row["drawn"] = trade.trade_id in detailed
    return {
        "equity": thinned(equity),
        "trades": trades,
        "left_out": len(every) - len(shown),
        "bars": bars,
    }


def chosen(trades: Sequence[Trade], most: int) -> list[Trade]:
    """All trades, or of too many the best third, the worst third, and others evenly spaced, in their order."""
    if len(trades) <= most:
        return list(trades)
    by_profit = sorted(trades, key=lambda trade: (trade.profit or 0.0, trade.trade_id))
    third = most // 3
    wanted = {trade.trade_id for trade in (*by_profit[:third], *by_profit[-third:])}
    others = [trade for trade in trades if trade.trade_id not in wanted]
    spaced = np.linspace(0, len(others) - 1, most - len(wanted)).astype(int)
    wanted |= {others[index].trade_id for index in np.unique(spaced).tolist()}
    return [trade for trade in trades if trade.trade_id in wanted]


def thinned(equity: Sequence[tuple[Instant, float]], most: int = MOST_POINTS) -> list[list[float]]:
    """The points as [seconds, value]; of too many the lowest and highest of each stretch, so that no fall is lost."""
    points = list(equity)
    if len(points) > most:
        values = np.array([value for _, value in points])
        kept = {0, len(points) - 1}
        for part in np.array_split(np.arange(len(points)), most // 2):
            kept |= {int(part[np.argmin(values[part])]), int(part[np.argmax(values[part])])}
        points = [points[index] for index in sorted(kept)]
    return [[at // 1_000, round(value, 2)] for at, value in points]


def packed(series: BarSeries, digits: int) -> Data:
    """Bars as small whole numbers, in tenths of a point, since mids lie between points: each open as its distance from
    the close before, the close from the open, the high and the low from what is nearer of both.
    """
    scale = 10 ** (digits + 1)
    opened, high, low, close = (
        np.rint(column * scale).astype(np.int64) for column in (series.open, series.high, series.low, series.close)
    )
    steps = np.diff(series.time, prepend=series.time[:1]) // series.bar_length
    return {
        "scale": scale,
        "digits": digits,
        "seconds": series.bar_seconds,
        "start": int(series.time[0]) // 1_000 if len(series) else 0,
        "step": steps.tolist(),
        "open": (opened - np.append(0, close)[: len(opened)]).tolist(),
        "close": (close - opened).tolist(),
        "high": (high - np.maximum(opened, close)).tolist(),
        "low": (np.minimum(opened, close) - low).tolist(),
    }


def _bars_within_budget(
    drawn: Mapping[str, BarSeries], trades: Sequence[Trade], commodities: Mapping[str, Commodity]
) -> tuple[dict[str, Data], set[int]]:
    """The bars to embed, and the trades that lie within them."""
    total = sum(len(series) for series in drawn.values())
    if total <= MOST_BARS:
        return {name: packed(series, commodities[name].digits) for name, series in drawn.items()}, {
            trade.trade_id for trade in trades
        }
    wanted = {name: np.zeros(len(series), dtype=np.bool_) for name, series in drawn.items()}
    detailed: set[int] = set()
    left = MOST_BARS
    for trade in sorted(trades, key=lambda trade: (-abs(trade.profit or 0.0), trade.trade_id)):
        series = drawn[trade.commodity]
        start, stop = _span(series, trade)
        new = int(np.count_nonzero(~wanted[trade.commodity][start:stop]))
        if new > left:
            continue
        wanted[trade.commodity][start:stop] = True
        left -= new
        detailed.add(trade.trade_id)
    return {
        name: packed(series.where(wanted[name]), commodities[name].digits) for name, series in drawn.items()
    }, detailed


def _span(series: BarSeries, trade: Trade) -> tuple[int, int]:
    opened_at = trade.submitted_at if trade.opened_at is None else trade.opened_at
    start = int(np.searchsorted(series.time, opened_at, side="right")) - 1 - PADDING_BARS
    closed_at = int(series.time[-1]) if trade.closed_at is None else trade.closed_at
    stop = int(np.searchsorted(series.time, closed_at, side="right")) + PADDING_BARS
    return max(start, 0), min(stop, len(series))


def _moves(lines: Iterable[JournalLine]) -> dict[int, list[JournalLine]]:
    found: dict[int, list[JournalLine]] = {}
    for line in lines:
        if line.trade_id is not None:
            found.setdefault(line.trade_id, []).append(line)
    return found


def _trade(trade: Trade, moves: Sequence[JournalLine], commodities: Mapping[str, Commodity]) -> Data:
    digits = commodities[trade.commodity].digits

    def price(value: Any) -> float | None:
        return round(value, digits) if isinstance(value, int | float) else None

    stop, target = trade.stop_price, trade.target_price
    if moves:
        stop = moves[0].detail.get("stop_before", stop)
        target = moves[0].detail.get("target_before", target)
    opened = (trade.submitted_at if trade.opened_at is None else trade.opened_at) // 1_000
    levels: list[list[Any]] = [[opened, price(stop), price(target), "as planned"]]
    for line in moves:
        after = line.detail.get("stop_after"), line.detail.get("target_after")
        said = ": ".join(str(line.detail[key]) for key in ("rule", "why") if line.detail.get(key)) or line.reason
        switched = line.detail.get("strategy_after")
        said = f"{said}; now {switched}" if switched else said
        levels.append([line.at // 1_000, price(after[0]), price(after[1]), said])
    return {
        "id": trade.trade_id,
        "account": trade.platform,
        "commodity": trade.commodity,
        "side": trade.side.value,
        "strategy": trade.strategy.value,
        "regime": trade.regime.value,
        "confidence": round(trade.confidence, 1),
        "lots": trade.volume_lots,
        "opened": opened,
        "closed": None if trade.closed_at is None else trade.closed_at // 1_000,
        "entry": price(trade.entry_price),
        "exit": price(trade.exit_price),
        "reason": trade.state.value if trade.state is not TradeState.CLOSED else str(trade.close_reason or ""),
        "profit": None if trade.profit is None else round(trade.profit, 2),
        "levels": levels,
    }
