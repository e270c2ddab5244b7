"""What is known at a bar is known from that bar and those before it.

A value that a longer series changes would have been read from the future. So every number at a bar must be the same,
to the last bit, whether the series ends there or goes on.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_bars import walk

from actors.analyst import AnalystActor
from actors.messages import Bars
from actors.names import ANALYST, MONITOR, TRADER, platform_actor
from actors.system.context import Context
from actors.system.runtime_virtual import VirtualWorld
from actors.system.spec import Spec
from actors.system.system import System
from trading.analysis import Strategy
from trading.bars import BarSeries
from trading.features import Features, Trend
from trading.market import HOUR, Side, instant
from trading.opinion import Outlook, judge, read_market
from trading.pillars import NotKnown
from trading.reading import MarketReading
from trading.settings import Settings
from trading.settings_strategies import Thresholds, default_strategies
from trading.time_frames import TimeFrame, period_starts

START = instant(datetime(2023, 8, 1, tzinfo=UTC))  # so that both changes of daylight saving come after the warm-up
BARS = 6_600  # some 275 days of five a week: the 200-day average is known for the last quarter
THRESHOLDS = Thresholds().standard


@pytest.fixture(scope="module")
def bars() -> BarSeries:
    return walk(BARS, start=START, seed=7)


@pytest.fixture(scope="module")
def whole(bars: BarSeries) -> Outlook:
    return Outlook(bars)


def assert_same_at(index: int, prefix: Outlook, whole: Outlook) -> None:
    """Every number at ``index`` that a decision may use is the same in both."""
    for field in fields(Features):
        short, long = getattr(prefix.features, field.name), getattr(whole.features, field.name)
        if isinstance(short, Trend):
            np.testing.assert_array_equal(short.strength[index], long.strength[index], err_msg=field.name)
            np.testing.assert_array_equal(short.completed[index], long.completed[index], err_msg=field.name)
        elif isinstance(short, np.ndarray):
            np.testing.assert_array_equal(short[index], long[index], err_msg=field.name)
    assert prefix.regime(index) is whole.regime(index)
    assert prefix.eligible(index) == whole.eligible(index)
    for strategy in Strategy:
        for side in Side:
            assert prefix.scores.at(index, strategy, side) == whole.scores.at(index, strategy, side)
    assert_same_reading(reading_at(prefix, index), reading_at(whole, index))


def reading_at(outlook: Outlook, index: int) -> MarketReading:
    """What the monitor is told when bar ``index`` has ended."""
    opinion = judge(outlook, index, strategies=default_strategies(), thresholds=THRESHOLDS)
    return read_market(outlook, index, opinion, outlook.forecast(index))


def assert_same_reading(short: MarketReading, long: MarketReading) -> None:
    """Opinion, forecast, and all the rest."""
    assert replace(short, forecast=None) == replace(long, forecast=None)
    assert (short.forecast is None) == (long.forecast is None)
    if short.forecast is not None and long.forecast is not None:
        assert short.forecast.at == long.forecast.at == short.at
        assert short.forecast.hourly_variance == long.forecast.hourly_variance
        np.testing.assert_array_equal(short.forecast.profile, long.forecast.profile)


def day_ends(bars: BarSeries) -> list[int]:
    """The bars with which a week of New York ends, and their neighbours, round both changes of daylight saving."""
    lasts = np.flatnonzero(np.diff(bars.time) > 24 * HOUR)
    changes = [instant(datetime(*day, tzinfo=UTC)) for day in ((2023, 11, 5), (2024, 3, 10))]
    near = [int(lasts[np.argmin(np.abs(bars.time[lasts] - change))]) for change in changes]
    return [bar + step for bar in near for step in (-24, -1, 0, 1, 2, 23, 24)]


def test_a_prefix_gives_the_same_at_week_ends_and_changes_of_daylight_saving(bars: BarSeries, whole: Outlook) -> None:
    for index in day_ends(bars):
        assert_same_at(index, Outlook(bars.window(0, index + 1)), whole)


@given(index=st.integers(min_value=60, max_value=BARS - 1))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_a_prefix_gives_the_same_at_any_bar(bars: BarSeries, whole: Outlook, index: int) -> None:
    assert_same_at(index, Outlook(bars.window(0, index + 1)), whole)


@given(index=st.integers(min_value=5_000, max_value=BARS - 2), factor=st.sampled_from([0.2, 0.97, 1.01, 3.0]))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_another_future_leaves_the_past_as_it_was(bars: BarSeries, whole: Outlook, index: int, factor: float) -> None:
    later = np.where(np.arange(BARS) > index, factor, 1.0)
    other = replace(
        bars, open=bars.open * later, high=bars.high * later, low=bars.low * later, close=bars.close * later
    )
    assert_same_at(index, Outlook(other), whole)


def test_the_reading_that_the_analyst_tells_is_the_same_live_and_from_a_recording(
    bars: BarSeries, whole: Outlook
) -> None:
    live, recorded = told_readings(bars, {}), told_readings(bars, {"EURUSD": whole})
    assert [reading.at for reading in live] == [bars.end(index) for index in LIVE_BARS]
    assert all(reading.opinion is not None and reading.forecast is not None for reading in live)
    for one, other in zip(live, recorded, strict=True):
        assert_same_reading(one, other)


LIVE_BARS = (5_000, 5_001, 5_002, BARS - 1)


def told_readings(bars: BarSeries, outlooks: dict[str, Outlook]) -> list[MarketReading]:
    """What an analyst tells the monitor that is given all bars up to each of ``LIVE_BARS``."""
    told: list[Any] = []
    with VirtualWorld(START, None) as world:
        system = System(world.process())
        settings = Settings()
        system.start(
            [
                Spec(ANALYST, lambda: AnalystActor(settings, outlooks), 3),
                Spec(MONITOR, lambda: Listener(told), 3),
                Spec(TRADER, lambda: Listener([]), 3),
                Spec(platform_actor("alpha"), lambda: Listener([]), 3),
            ]
        )
        for index in LIVE_BARS:
            system.tell(ANALYST, Bars("alpha", bars.window(0, index + 1)))
            world.run_until_quiet()
        system.stop()
    return [message.reading for message in told]


class Listener:
    """Keeps what it is told."""

    def __init__(self, told: list[Any]) -> None:
        self._told = told

    def receive(self, message: Any, context: Context) -> None:
        """Keep it."""
        self._told.append(message)


def test_a_prefix_gives_the_same_on_quarter_hours() -> None:
    bars = walk(6_000, start=START, bar_seconds=900, seed=3)
    whole = Outlook(bars)
    for index in (5_000, 5_001, 5_002, 5_003, 5_999):
        assert_same_at(index, Outlook(bars.window(0, index + 1)), whole)


def test_the_walk_reaches_what_these_tests_must_see(bars: BarSeries, whole: Outlook) -> None:
    known = [index for index in range(BARS) if whole.scores.known(index)]
    assert len(known) > BARS // 2
    assert {strategy for index in known for strategy in whole.eligible(index)} == set(Strategy)
    assert len({whole.regime(index) for index in known}) == 5
    assert np.isfinite(whole.features.extension[-1_000:]).all()
    lengths = set(np.diff(np.unique(period_starts(TimeFrame.D1, bars.time))).tolist())
    assert {71 * HOUR, 73 * HOUR} <= lengths  # the two week ends in which the clocks change


def test_warming_up_says_what_is_missing_and_ends_with_the_fiftieth_day(whole: Outlook) -> None:
    first = next(index for index in range(BARS) if whole.scores.known(index))
    assert whole.features.d1.completed[first] == 50
    early = whole.scores.at(first - 1, Strategy.SWING, Side.BUY)
    assert early == NotKnown(("D1 trend: 49 completed bars, 50 needed",))
    start = whole.scores.at(0, Strategy.SWING, Side.BUY)
    assert isinstance(start, NotKnown)
    assert "rsi: not finite" in start.missing
    assert "H4 trend: 0 completed bars, 50 needed" in start.missing
    assert "daily volatility: nan; expected between 0 and 1" in start.missing


def test_before_200_days_the_extension_is_absent_and_said(whole: Outlook) -> None:
    first = next(index for index in range(BARS) if whole.scores.known(index))
    early = whole.scores.at(first, Strategy.SWING, Side.BUY)
    late = whole.scores.at(BARS - 1, Strategy.SWING, Side.BUY)
    assert not isinstance(early, NotKnown)
    assert not isinstance(late, NotKnown)
    assert early.trend.readings["extension_daily_atr"] is None
    assert early.trend.readings["extension_cut"] == 0
    assert late.trend.readings["extension_daily_atr"] is not None
    known = np.flatnonzero(np.isfinite(whole.features.extension))
    assert whole.features.d1.completed[known[0]] == 200
