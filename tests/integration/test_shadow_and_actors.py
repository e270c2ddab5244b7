"""A trade that is followed alone ends as the actors ended it: what is audited is what the program does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from console.audit_ledger import intervention, lines_by_trade
from console.configuration import Configuration, load
from console.recorded import Recording, first_judged
from console.replay import Scene, in_virtual_time
from console.walk import walk_through
from feeds.synthetic import synthetic_bars
from trading.calendars import build
from trading.commodities import Commodity
from trading.course import Course, with_spread
from trading.market import DAY, SECOND
from trading.settings import Settings
from trading.settings_accounts import AccountSettings, PaperSettings
from trading.settings_exits import ExitSettings
from trading.shadow import follow
from trading.trade import CloseReason, Trade, TradeState

WEEKS = 12
ADJUSTING = ("trailing", "rescale", "mean", "regime_switch")
SMALL = 0.0002  # price units; what some nights' swap takes
PAPER = PaperSettings(slippage_points=0, commission_per_lot=0.0)


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    """One account whose fills cost nothing but the spread."""
    loaded = load(None, {})
    account = AccountSettings(name="alpha", symbols={"EURUSD": "EURUSD"}, paper=PAPER)
    exits = ExitSettings.model_validate({rule: {"enabled": True} for rule in ADJUSTING})
    return replace(loaded, settings=loaded.settings.model_copy(update={"accounts": (account,), "exits": exits}))


def test_a_trade_followed_alone_ends_as_the_actors_ended_it(configuration: Configuration) -> None:
    bars, settings = synthetic_bars(7), configuration.settings
    recording = Recording({bars.commodity: bars}, "simulated hours")
    first = first_judged(recording)
    scene = Scene(settings, configuration, recording, first, first + WEEKS * 7 * DAY)
    with in_virtual_time(scene) as crew:
        walk_through(crew, recording, scene.first, scene.last)
        trades = crew.ledger.trades.list(states={TradeState.CLOSED}, newest_first=False)
        told = lines_by_trade(crew.ledger.journal.list(kind="adjustment"))
    assert len(trades) > 15, "there is something to compare"
    assert {lines[0].reason for lines in told.values()} >= {"trailing", "rescale"}

    eurusd = configuration.commodities["EURUSD"]
    course = course_of(recording, eurusd, settings)
    swapped = 0  # a night's swap can turn a small profit into a loss, and the day's end leaves that one alone
    for trade in trades:
        agreed = replace(trade, state=TradeState.OPEN)
        if trade.trade_id in told:
            agreed = intervention(trade, told[trade.trade_id], settings).before
        end = follow(agreed, course, settings, since=(trade.opened_at or 0) + 1, at_extremes=True)
        assert end is not None
        if end.reason is not trade.close_reason:
            swapped += 1
            assert end.reason in (CloseReason.DAY_END, CloseReason.FRIDAY)
            assert 0 < end.gain < SMALL
        else:
            assert gain_of(trade) == pytest.approx(end.gain, abs=2 * eurusd.point)
            assert abs(end.at - (trade.closed_at or 0)) <= 2 * SECOND
    assert swapped <= len(trades) // 10


def course_of(recording: Recording, commodity: Commodity, settings: Settings) -> Course:
    """The market of the recording, with the spread that the paper account takes."""
    bars = recording.series[commodity.id]
    spread = np.full(len(bars), commodity.typical_spread_points * commodity.point)
    times = build(commodity, recording.first - DAY, recording.last + 20 * DAY)
    return Course(with_spread(bars, spread), times, settings, point=commodity.point)


def gain_of(trade: Trade) -> float:
    """In price units."""
    assert trade.entry_price is not None
    assert trade.exit_price is not None
    return trade.side.sign * (trade.exit_price - trade.entry_price)
