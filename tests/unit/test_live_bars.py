"""Live bars: the tail is cut, and the forecast remembers what the tail has let go."""

from __future__ import annotations

import pytest
from made_bars import walk

from actors import live_bars
from actors.live_bars import LiveBars
from trading.bars import BarSeries
from trading.volatility import forecast_path

BARS = 2_000
START = 1_690_848_000_000  # 1 August 2023, 00:00 UTC


@pytest.fixture(scope="module")
def bars() -> BarSeries:
    return walk(BARS, start=START, bar_seconds=900, seed=4)


@pytest.fixture(autouse=True)
def _a_short_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_bars, "LONGEST_TAIL_BARS", 700)


def hourly(live: LiveBars) -> float:
    forecast = live.forecaster.forecast
    assert forecast is not None
    return forecast.hourly_variance


def shown(bars: BarSeries, first: int, last: int) -> LiveBars:
    """A history of 600 bars, and then the newest 24 each time that one is complete."""
    live = LiveBars.of(bars.window(first, first + 600))
    for end in range(first + 601, last + 1):
        live.take(bars.window(end - 24, end))
    return live


def test_the_forecast_is_that_of_every_bar_since_the_first_and_not_of_the_tail_alone(bars: BarSeries) -> None:
    live = shown(bars, 0, BARS)
    whole = forecast_path(bars)
    of_the_tail = forecast_path(live.tail)
    assert len(live.tail) == 700
    assert hourly(live) == pytest.approx(whole.hourly_variance[-1], rel=1e-12)
    assert live.forecaster.forecast is not None
    assert live.forecaster.forecast.profile == pytest.approx(whole.profiles[-1], rel=1e-12)
    assert hourly(live) != pytest.approx(of_the_tail.hourly_variance[-1], rel=1e-6)


def test_bars_that_were_shown_already_change_nothing(bars: BarSeries) -> None:
    live = shown(bars, 0, 1_000)
    before = hourly(live)
    live.take(bars.window(900, 1_000))
    live.take(bars.window(990, 1_000))
    assert hourly(live) == before


def test_a_hole_begins_the_tail_anew_and_leaves_what_the_forecaster_has_learnt(bars: BarSeries) -> None:
    live = shown(bars, 0, 1_000)
    live.take(bars.window(1_100, 1_700))
    assert int(live.tail.time[0]) == int(bars.time[1_100])
    assert live.first == int(bars.time[0])
    assert hourly(live) != pytest.approx(forecast_path(bars.window(1_100, 1_700)).hourly_variance[-1], rel=1e-6)


def test_a_history_that_reaches_farther_back_is_what_the_forecast_is_made_of(bars: BarSeries) -> None:
    live = LiveBars.of(bars.window(1_776, 1_800))
    assert live.forecaster.forecast is None, "as after a crash: the newest bars alone"
    live.take(bars.window(0, 1_801))
    assert hourly(live) == pytest.approx(forecast_path(bars.window(0, 1_801)).hourly_variance[-1], rel=1e-12)
