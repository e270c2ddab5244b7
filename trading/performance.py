"""What came of it: the figures of the closing table, from closed trades and the curve of equity."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from trading.bars import Floats, Instants
from trading.calendar_rules import always_rule
from trading.calendars import flatten
from trading.fx_day import FX_ZONE
from trading.market import SECOND, Instant, iso
from trading.trade import CloseReason, Trade, TradeState

TRADING_DAYS_A_YEAR = 252


@dataclass(frozen=True, slots=True)
class Performance:
    """A summary of closed trades. Money is in the accounts' one currency; None where a figure has no meaning."""

    trades: int  # closed ones
    unsettled: int  # of these, without a profit yet: their deals have not all been seen; left out of what follows
    wins: int  # with a profit above zero
    win_rate: float | None  # 0 to 1
    net_profit: float
    profit_factor: float | None  # gross profit over gross loss; None without a loss
    max_drawdown: float  # the deepest fall from an earlier peak of the equity, in money
    max_drawdown_fraction: float  # the deepest one as a fraction of its peak; not always the same fall
    sharpe: float | None  # annualised, see `sharpe_ratio`
    average_hold_seconds: float | None
    closes: dict[str, int]  # by reason, in the order of `CloseReason`

    def as_detail(self) -> dict[str, object]:
        """The same in JSON's types."""
        return asdict(self)


def summarise(trades: Iterable[Trade], equity: Sequence[tuple[Instant, float]]) -> Performance:
    """The figures of the trades that are CLOSED (others are passed over) and of the points of equity, oldest first.

    Raises ``ValueError`` naming the first point that is not finite or earlier than the one before it.
    """
    times, values = _curve(equity)
    closed = [trade for trade in trades if trade.state is TradeState.CLOSED]
    profits = [trade.profit for trade in closed if trade.profit is not None]
    wins = [profit for profit in profits if profit > 0]
    loss = -math.fsum(profit for profit in profits if profit < 0)
    holds = [
        (trade.closed_at - trade.opened_at) / SECOND
        for trade in closed
        if trade.opened_at is not None and trade.closed_at is not None
    ]
    drawdown, drawdown_fraction = max_drawdown(values)
    counts = Counter(trade.close_reason for trade in closed)
    return Performance(
        trades=len(closed),
        unsettled=len(closed) - len(profits),
        wins=len(wins),
        win_rate=len(wins) / len(profits) if profits else None,
        net_profit=math.fsum(profits),
        profit_factor=math.fsum(wins) / loss if loss > 0 else None,
        max_drawdown=drawdown,
        max_drawdown_fraction=drawdown_fraction,
        sharpe=sharpe_ratio(times, values),
        average_hold_seconds=math.fsum(holds) / len(holds) if holds else None,
        closes={reason.value: counts[reason] for reason in CloseReason if counts[reason]},
    )


def max_drawdown(equity: Floats) -> tuple[float, float]:
    """The deepest fall of (n,) equity values from an earlier peak, in money and as a fraction of the peak.

    Each is the largest of its kind, so they may be two different falls. (0, 0) without points; only peaks above zero
    have fractions.
    """
    if len(equity) == 0:
        return 0.0, 0.0
    peak = np.maximum.accumulate(equity)
    fall = peak - equity
    fraction = np.divide(fall, peak, out=np.zeros_like(fall), where=peak > 0)
    return float(fall.max()), float(fraction.max())


def sharpe_ratio(times: Instants, equity: Floats) -> float | None:
    """sqrt(252) x mean(r) / sd(r), with r the daily returns of equity and sd the sample's (n - 1).

    W. F. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21 (1994), with a riskless rate of zero. A day
    ends at 17:00 New York; its value is the last point before that, its return is against the day before that has
    points (for the first day against the first point). None with fewer than two returns, when all are equal, and where
    equity was not always above zero, so that returns have no meaning.
    """
    if len(equity) == 0 or equity.min() <= 0:
        return None
    days = flatten("equity", always_rule(FX_ZONE), int(times[0]), int(times[-1]))
    day = np.searchsorted(days.day_ends, times, side="right")
    last_of_day = np.append(np.flatnonzero(np.diff(day)), len(day) - 1)
    daily = np.concatenate((equity[:1], equity[last_of_day]))
    returns = daily[1:] / daily[:-1] - 1
    if len(returns) < 2:
        return None
    deviation = float(np.std(returns, ddof=1))
    if deviation <= np.finfo(np.float64).eps:
        return None
    return math.sqrt(TRADING_DAYS_A_YEAR) * float(np.mean(returns)) / deviation


def _curve(equity: Sequence[tuple[Instant, float]]) -> tuple[Instants, Floats]:
    times = np.array([at for at, _ in equity], dtype=np.int64)
    values = np.array([value for _, value in equity], dtype=np.float64)
    for index in np.flatnonzero(~np.isfinite(values))[:1]:
        raise ValueError(
            f"equity point {index} ({iso(int(times[index]))}) is {values[index]}; expected a finite number"
        )
    for index in np.flatnonzero(np.diff(times) < 0)[:1] + 1:
        raise ValueError(f"equity point {index} ({iso(int(times[index]))}) is earlier than the one before it")
    return times, values
