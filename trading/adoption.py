"""The trade that a position becomes which an operator adopts: the broker's facts, and the operator's levels."""

from __future__ import annotations

from typing import Protocol

from trading.analysis import Regime, Strategy
from trading.market import SECOND, Instant, Side
from trading.settings_strategies import StrategySettings
from trading.trade import Trade, TradeState


class NotAdoptable(Exception):
    """The levels do not belong to the position; the message names the field and the value."""


class Held(Protocol):
    """What is known of a live position."""

    @property
    def ticket(self) -> int: ...
    @property
    def position_id(self) -> int: ...
    @property
    def magic(self) -> int: ...
    @property
    def commodity(self) -> str: ...
    @property
    def side(self) -> Side: ...
    @property
    def volume_lots(self) -> float: ...
    @property
    def open_price(self) -> float: ...
    @property
    def open_time(self) -> Instant: ...


def adopted_trade(
    platform: str,
    held: Held,
    *,
    strategy: Strategy,
    settings: StrategySettings,
    stop_price: float,
    target_price: float | None,
    adopted_at: Instant,
    commodity_token: int,
) -> Trade:
    """An OPEN trade, not numbered yet, as if ``strategy`` had laid this stop when the position was opened.

    What nobody knows any more is filled in from that: the daily volatility is the one by which the strategy's stop lies
    where it does. The longest hold counts from ``adopted_at``, so that an old position is not closed at once. Raises
    `NotAdoptable` for a stop that is no loss and for a target that is no profit from the entry.
    """
    sign, entry = held.side.sign, held.open_price
    stop_distance = sign * (entry - stop_price)
    if stop_distance <= 0:
        expected = "below" if sign > 0 else "above"
        raise NotAdoptable(
            f"--stop-price is {stop_price:.10g}; expected a price {expected} {entry:.10g}, "
            f"where the {held.side} was opened"
        )
    target_distance = None if target_price is None else sign * (target_price - entry)
    if target_distance is not None and target_distance <= 0:
        expected = "above" if sign > 0 else "below"
        raise NotAdoptable(
            f"--target-price is {target_price:.10g}; expected a price {expected} {entry:.10g}, "
            f"where the {held.side} was opened"
        )
    if entry == 0:
        raise NotAdoptable(f"magic {held.magic} was opened at a price of 0, of which no volatility is a part")
    return Trade(
        trade_id=0,
        platform=platform,
        commodity=held.commodity,
        side=held.side,
        state=TradeState.OPEN,
        strategy=strategy,
        regime=Regime.RANGE,
        analysis_id=f"adopted:{held.magic}",
        confidence=0.0,
        volume_lots=held.volume_lots,
        magic=held.magic,
        account_token=0,
        commodity_token=commodity_token,
        expected_price=entry,
        stop_distance=stop_distance,
        target_distance=target_distance,
        trailing_distance=stop_distance if settings.trailing else None,
        stop_price=stop_price,
        target_price=target_price,
        daily_volatility=stop_distance / (settings.stop_volatilities * abs(entry)),
        submitted_at=held.open_time,
        time_stop_at=adopted_at + round(settings.longest_hold_seconds * SECOND),
        closes_at_day_end=settings.closes_at_day_end,
        position_id=held.position_id,
        ticket=held.ticket,
        entry_price=entry,
        opened_at=held.open_time,
        detail="",
    )
