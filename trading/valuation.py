"""What an open trade is worth: the probabilities of its ends by the horizon, and what holding on is expected to bring.

Distances are in log price from the closing price (the bid for a buy, the ask for a sell) and positive in the trade's
favour, so a sell is a mirrored buy. `trading.probability` holds the formulas. The value of holding on is relative to
closing now: what closing costs is paid either way, and so is what opening has cost, hence neither is in it. They are in
the probability of profit, which is that of leaving the market above break-even.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.bars import Floats
from trading.market import Instant, Quote
from trading.probability import VARIANCE_UNCERTAINTY, chances, chances_many
from trading.trade import Trade


@dataclass(frozen=True, slots=True)
class Valuation:
    """A trade with certain levels, seen from one instant. The probabilities are fractions."""

    target: float  # the target is reached first; 0 where there is none
    stop: float  # the stop is reached first
    neither: float  # neither is, until the horizon
    profit: float  # the trade ends with a net profit
    expected_value: float  # of holding on, relative to closing now, in units of ``sigma``
    horizon_at: Instant
    sigma: float  # standard deviation of the log price from now until the horizon
    expected_price: float  # the same value in price units: what the closing price is expected to gain for the trade


@dataclass(frozen=True, slots=True, eq=False)
class ValuationsMany:
    """The valuations of n trades as columns, (n,) each. A row that cannot be valued is NaN throughout."""

    target: Floats
    stop: Floats
    neither: Floats
    profit: Floats
    expected_value: Floats
    sigma: Floats
    expected_price: Floats


def entry_price(trade: Trade) -> float:
    """What the trade was filled at; what it expected, where that is not known."""
    return trade.expected_price if trade.entry_price is None else trade.entry_price


def break_even_price(trade: Trade, cost: float = 0.0) -> float:
    """The closing price at which the trade would end at nothing. ``cost``: commissions and swaps in price units."""
    return entry_price(trade) + trade.side.sign * cost


def value(
    trade: Trade,
    quote: Quote,
    *,
    variance: float,
    horizon_at: Instant,
    cost: float = 0.0,
    drift_sigmas: float = 0.0,
    variance_uncertainty: float = VARIANCE_UNCERTAINTY,
) -> Valuation | None:
    """The trade as it stands, at this quote.

    ``variance`` is that of the log price until the horizon (`trading.horizon.remaining_variance`), ``cost`` the round
    trip's commission in price units, ``drift_sigmas`` the drift until the horizon in the trade's direction, in units of
    sigma, ``variance_uncertainty`` the forecast's own (`trading.probability`). None where there is no probability to be
    had: without variance, and where a price has no logarithm.
    """
    return value_levels(
        trade.side.sign,
        quote.closing_price(trade.side),
        trade.stop_price,
        trade.target_price,
        break_even_price(trade, cost),
        variance=variance,
        horizon_at=horizon_at,
        drift_sigmas=drift_sigmas,
        variance_uncertainty=variance_uncertainty,
    )


def value_levels(
    sign: int,
    closing: float,
    stop_price: float,
    target_price: float | None,
    break_even: float,
    *,
    variance: float,
    horizon_at: Instant,
    drift_sigmas: float = 0.0,
    variance_uncertainty: float = VARIANCE_UNCERTAINTY,
) -> Valuation | None:
    """`value` for a trade of side ``sign`` that closes at ``closing`` now and has these levels, all of them prices."""
    if not (0 < variance < math.inf and closing > 0 and stop_price > 0 and break_even > 0):
        return None
    to_target = None
    if target_price is not None:
        to_target = sign * math.log(target_price / closing) if target_price > 0 else math.inf
    sigma = math.sqrt(variance)
    found = chances(
        to_target=to_target,
        to_stop=sign * math.log(closing / stop_price),
        variance=variance,
        drift=drift_sigmas * sigma,
        to_breakeven=sign * math.log(break_even / closing),
        variance_uncertainty=variance_uncertainty,
    )
    return Valuation(
        target=found.target,
        stop=found.stop,
        neither=found.neither,
        profit=found.profit,
        expected_value=found.expected_return / sigma,
        horizon_at=horizon_at,
        sigma=sigma,
        expected_price=found.expected_return * closing,
    )


def value_many(
    sign: Floats,
    closing: Floats,
    stop: Floats,
    target: Floats,
    break_even: Floats,
    variance: Floats,
    variance_uncertainty: Floats | float = VARIANCE_UNCERTAINTY,
) -> ValuationsMany:
    """`value` for columns of equal shape (n,), without drift; ``target`` is NaN where there is none.

    A row with a price at or below zero, without variance, or with a NaN elsewhere cannot be valued.
    """
    valued: NDArray[np.bool_] = (closing > 0) & (stop > 0) & (break_even > 0) & (variance > 0) & np.isfinite(variance)
    aimed = valued & (target > 0)
    log_closing = np.log(np.where(valued, closing, 1.0))
    to_target = np.where(aimed, sign * (np.log(np.where(aimed, target, 1.0)) - log_closing), np.inf)
    to_stop = np.where(valued, sign * (log_closing - np.log(np.where(valued, stop, 1.0))), 1.0)
    to_break_even = np.where(valued, sign * (np.log(np.where(valued, break_even, 1.0)) - log_closing), 0.0)
    found = chances_many(
        to_target,
        to_stop,
        np.where(valued, variance, 1.0),
        to_breakeven=to_break_even,
        variance_uncertainty=np.where(valued, variance_uncertainty, VARIANCE_UNCERTAINTY),
    )
    sigma = np.sqrt(np.where(valued, variance, np.nan))

    def known(column: Floats) -> Floats:
        return np.where(valued, column, np.nan)

    return ValuationsMany(
        target=known(found.target),
        stop=known(found.stop),
        neither=known(found.neither),
        profit=known(found.profit),
        expected_value=found.expected_return / sigma,
        sigma=sigma,
        expected_price=known(found.expected_return) * closing,
    )
