"""Several commodities and accounts on one clock: what one trades, the others feel."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from console.configuration import Configuration, load
from console.recorded import Recording, first_judged, in_trading_times, settings_for
from console.replay import Scene, in_virtual_time, on_threads
from console.replay_figures import refusals, report
from console.replay_report import replay_page
from console.replay_report_data import chart_data
from console.walk import Crew, walk_through
from feeds.synthetic import synthetic_bars
from trading.bars import BarSeries
from trading.market import DAY, HOUR, Deal
from trading.trade import Trade, TradeState

WEEKS = 2


def recorded(commodity: str, seed: int, scale: float = 1.0) -> BarSeries:
    """Simulated hours under another name, at another price; each series lacks hours that the others have."""
    bars = synthetic_bars(seed)
    kept = np.random.default_rng(seed).random(len(bars)) > 0.003
    columns = {name: getattr(bars, name) * scale for name in ("open", "high", "low", "close")}
    return replace(bars, commodity=commodity, **columns).where(kept)


@pytest.fixture(scope="module")
def recording() -> Recording:
    series = [recorded("EURUSD", 7), recorded("GBPUSD", 8, 1.1), recorded("USDJPY", 9, 100.0)]
    return in_trading_times(Recording({bars.commodity: bars for bars in series}, "simulated hours"), load(None, {}))


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    """Two accounts that share one commodity, and have one each that the other has not."""
    return load(
        None,
        {
            "WATCHBILL__ACCOUNTS": '[{"name": "first", "symbols": {"EURUSD": "EURUSD", "GBPUSD": "GBPUSD.m"}},'
            ' {"name": "second", "symbols": {"EURUSD": "EURUSD", "USDJPY": "USDJPY"},'
            ' "paper": {"balance": 5000, "leverage": 10}}]'
        },
    )


def scene(configuration: Configuration, recording: Recording) -> Scene:
    settings, _ = settings_for(configuration.settings, recording)
    first = first_judged(recording)
    return Scene(settings, configuration, recording, first, first + WEEKS * 7 * DAY)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one replay left behind."""

    what: Scene
    trades: list[Trade]
    refused: dict[str, int]
    deals: list[Deal]
    balances: float
    figures: dict[str, Any]
    drawn: dict[str, Any]

    @property
    def closed(self) -> list[Trade]:
        return [trade for trade in self.trades if trade.state is TradeState.CLOSED]


def replayed(host: Callable[[Scene], AbstractContextManager[Crew]], what: Scene) -> Seen:
    recording, commodities = what.recording, what.configuration.commodities
    with host(what) as crew:
        walk = walk_through(crew, recording, what.first, what.last)
        return Seen(
            what,
            crew.ledger.trades.list(newest_first=False),
            refusals(crew.ledger),
            [deal for connector in crew.connectors.values() for deal in connector.deals(0, math.inf)],
            sum(connector.account(math.inf).balance for connector in crew.connectors.values()),
            report(crew.ledger, recording, what.settings, walk, what.first, what.last, crew.connectors),
            chart_data(crew.ledger, recording, commodities, walk.equity, what.first, what.last),
        )


@pytest.fixture(scope="module")
def seen(configuration: Configuration, recording: Recording) -> Seen:
    return replayed(in_virtual_time, scene(configuration, recording))


def test_every_commodity_is_traded_by_the_accounts_that_have_it(seen: Seen) -> None:
    slots = {(trade.platform, trade.commodity) for trade in seen.trades}
    assert slots == {("first", "EURUSD"), ("first", "GBPUSD"), ("second", "EURUSD"), ("second", "USDJPY")}


@pytest.mark.parametrize("host", [in_virtual_time, on_threads])
def test_a_replay_of_several_is_the_same_again_and_on_threads(
    host: Callable[[Scene], AbstractContextManager[Crew]], seen: Seen
) -> None:
    again = replayed(host, seen.what)
    assert len(seen.trades) > 10, "there is something to compare"
    assert again.trades == seen.trades
    assert again.refused == seen.refused
    assert again.drawn == seen.drawn


def test_what_one_commodity_ties_up_another_cannot_use(seen: Seen) -> None:
    """A cap on the risk of all open trades together: alone, each commodity may use all of it."""
    capped = seen.what.settings.risk.model_copy(update={"portfolio_risk_fraction": 0.015})
    together = replace(seen.what, settings=seen.what.settings.model_copy(update={"risk": capped}))
    alone = Recording({"GBPUSD": seen.what.recording.series["GBPUSD"]}, "simulated hours")
    by_itself = replace(together, recording=alone, settings=settings_for(together.settings, alone)[0])

    def of_gbpusd(found: Seen) -> list[tuple[int, float]]:
        return [(trade.submitted_at, trade.volume_lots) for trade in found.trades if trade.commodity == "GBPUSD"]

    assert of_gbpusd(replayed(in_virtual_time, together)) != of_gbpusd(replayed(in_virtual_time, by_itself))


def test_fills_lie_within_their_bars_and_their_spread(seen: Seen) -> None:
    assert len(seen.deals) > 20
    for deal in seen.deals:
        bars, commodity = (
            seen.what.recording.series[deal.commodity],
            seen.what.configuration.commodities[deal.commodity],
        )
        bar = int(np.searchsorted(bars.time, deal.time, side="right")) - 1
        assert deal.time < bars.end(bar)
        margin = (commodity.typical_spread_points + 2 + 1) * commodity.point  # a spread, the slippage, a rounding
        assert bars.low[bar] - margin <= deal.price <= bars.high[bar] + margin


def test_swaps_are_booked_for_the_nights_that_a_trade_was_held(seen: Seen) -> None:
    charged = {(deal.magic, deal.position_id) for deal in seen.deals if deal.swap}
    for trade in seen.closed:
        assert trade.opened_at is not None
        assert trade.closed_at is not None
        was_charged = (trade.magic, trade.position_id) in charged
        if trade.closed_at - trade.opened_at >= 4 * DAY:  # no weekend is longer
            assert was_charged
        if trade.closed_at // DAY == trade.opened_at // DAY and trade.closed_at % DAY < 21 * HOUR:
            assert not was_charged, "closed before any 17:00 in New York"


def test_the_figures_and_the_page_hold_every_account_and_commodity(seen: Seen) -> None:
    figures, drawn = seen.figures, seen.drawn
    for cut in ("accounts", "by_commodity", "by_strategy", "by_regime", "by_side", "by_reason", "by_hour"):
        assert sum(row["trades"] for row in figures[cut]) == figures["trades"] == len(seen.closed)
        assert sum(row["net_profit"] for row in figures[cut]) == pytest.approx(figures["net_profit"], abs=0.1)
    assert sum(figures["costs"].values()) == pytest.approx(seen.balances - 15_000, abs=0.01), "the brokers agree"
    assert len(drawn["trades"]) == len(seen.closed) + figures["open"]
    assert set(drawn["bars"]) == {"EURUSD", "GBPUSD", "USDJPY"}
    assert len(replay_page(figures, drawn, seen.what.settings, "a test")) < 2_000_000


def test_the_levels_of_a_drawn_trade_only_ever_tighten_its_stop(seen: Seen) -> None:
    assert any(len(trade["levels"]) > 1 for trade in seen.drawn["trades"])
    for trade in seen.drawn["trades"]:
        stops = [step[1] for step in trade["levels"]]
        assert stops == sorted(stops, reverse=trade["side"] == "sell")
