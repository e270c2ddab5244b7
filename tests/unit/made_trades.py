"""Trades, quotes, terms and opinions made to order, for the tests of what is done with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from trading.analysis import Analysis, Pillar, Pillars, Regime, Strategy
from trading.commodities import Commodity
from trading.market import HOUR, Instant, Instrument, Quote, Side, instant
from trading.trade import Trade, TradeState


def utc(text: str) -> Instant:
    """The instant of an ISO 8601 date and time in UTC."""
    return instant(datetime.fromisoformat(text).replace(tzinfo=UTC))


NOON = utc("2026-03-04T12:00")  # a Wednesday


def a_commodity(**changes: object) -> Commodity:
    """EURUSD as in the catalogue, with changes."""
    eurusd: dict[str, object] = {
        "id": "EURUSD",
        "asset_class": "fx",
        "calendar": "fx",
        "zone": "America/New_York",
        "day_end": "17:00",
        "base_currency": "EUR",
        "profit_currency": "USD",
        "digits": 5,
        "contract_size": 100_000,
        "volume_min_lots": 0.01,
        "volume_max_lots": 100,
        "volume_step_lots": 0.01,
        "typical_spread_points": 10,
        "swap_long_per_lot": -7.0,
        "swap_short_per_lot": 2.0,
        "group": "USD",
    }
    return Commodity.model_validate({**eurusd, **changes})


def a_bitcoin(**changes: object) -> Commodity:
    """A commodity that never shuts."""
    crypto = {"id": "BITCOIN", "asset_class": "crypto", "calendar": "always", "digits": 2, "base_currency": "BTC"}
    return a_commodity(**{**crypto, **changes})


def a_gold(**changes: object) -> Commodity:
    """A commodity that rests for an hour each day."""
    gold = {"id": "GOLD", "asset_class": "metal", "calendar": "CMEGlobex_GC", "digits": 2, "base_currency": "XAU"}
    return a_commodity(**{**gold, "contract_size": 100, **changes})


def an_instrument(**changes: Any) -> Instrument:
    """EURUSD on an account in dollars, with changes."""
    eurusd = Instrument(
        commodity="EURUSD",
        symbol="EURUSD",
        digits=5,
        contract_size=100_000.0,
        volume_min_lots=0.01,
        volume_max_lots=100.0,
        volume_step_lots=0.01,
        profit_currency="USD",
        leverage=30.0,
        commission_per_lot=3.5,
        swap_long_per_lot=-7.0,
        swap_short_per_lot=2.0,
    )
    return replace(eurusd, **changes)


def a_trade(side: Side = Side.BUY, **changes: Any) -> Trade:
    """An open trade of 0.10 lots at 1.10, its stop 0.01 against it, without a target, with changes."""
    bought = Trade(
        trade_id=1,
        platform="alpha",
        commodity="EURUSD",
        side=side,
        state=TradeState.OPEN,
        strategy=Strategy.DAY,
        regime=Regime.RANGE,
        analysis_id="EURUSD-1",
        confidence=72.0,
        volume_lots=0.1,
        magic=(7 << 32) + 1,
        account_token=1,
        commodity_token=1,
        expected_price=1.1,
        stop_distance=0.01,
        target_distance=None,
        trailing_distance=None,
        stop_price=1.1 - side.sign * 0.01,
        target_price=None,
        daily_volatility=0.005,
        submitted_at=NOON,
        time_stop_at=NOON + 48 * HOUR,
        closes_at_day_end=True,
        position_id=11,
        ticket=11,
        entry_price=1.1,
        opened_at=NOON,
    )
    return replace(bought, **changes)


def a_quote(bid: float, ask: float | None = None, time: Instant = NOON, commodity: str = "EURUSD") -> Quote:
    """A quote, without a spread unless an ask is given."""
    return Quote(commodity, bid, bid if ask is None else ask, time)


def an_analysis(side: Side, made_at: Instant = NOON, commodity: str = "EURUSD") -> Analysis:
    """An opinion of this side."""
    pillar = Pillar(score=0.8)
    return Analysis(
        id=f"{commodity}-{made_at}",
        commodity=commodity,
        side=side,
        strategy=Strategy.DAY,
        regime=Regime.RANGE,
        pillars=Pillars(base=pillar, trend=pillar, volatility=pillar, sentiment=pillar),
        confidence=80.0,
        daily_volatility=0.005,
        made_at=made_at,
    )
