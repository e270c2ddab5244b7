"""Bars that begin while their market is shut by the calendar: no analyst is told of them, and they are counted."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from crew_helpers import StartCrew, account, heard, only_alpha
from made_sessions import utc

from actors.bar_feed import HISTORY_BARS, RECENT_BARS
from actors.messages import Bars
from actors.names import ANALYST
from actors.scripted_crew import ScriptedCrew
from trading.bars import BarSeries
from trading.market import DAY, HOUR, MINUTE, SECOND, Instant
from trading.settings import Settings

SATURDAY, MONDAY = utc("2026-03-07T12:00"), utc("2026-03-09T03:00")


SLOWLY: dict[str, Any] = {"price_poll_seconds": 60, "quote_max_age_seconds": 61}


def hours(end: Instant, days: int, bar_length: int = HOUR) -> BarSeries:
    """Bars up to this instant, hourly unless it is said otherwise, weekends among them, as some brokers have them."""
    time = end - bar_length * np.arange(days * DAY // bar_length, 0, -1, dtype=np.int64)
    price = 1.1 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 4e-4, len(time))))
    high, low = price * 1.0004, price * 0.9996
    return BarSeries("EURUSD", bar_length // SECOND, time, price, high, low, price, np.full(len(time), np.nan))


def test_they_are_left_out_live_as_in_a_recording(start_crew: StartCrew, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="watchbill.platform")
    crew = start_crew(only_alpha(**SLOWLY), MONDAY - 6 * HOUR)
    told = heard(crew, ANALYST, Bars)
    recorded = hours(MONDAY, 60)
    crew.brokers["alpha"].history(recorded)
    crew.run_for(6 * 3_600)
    times = crew.market.times["EURUSD"]
    bars = [message.series for _, message in told]
    assert len(bars) == 1 + 6, "the history until Friday, and each hour since Sunday's opening"
    assert all(times.are_open(series.time).all() for series in bars)
    assert bars[-1].end(len(bars[-1]) - 1) == MONDAY
    began = [line for line in caplog.messages if "began while its market was shut" in line]
    outside = int((~times.are_open(recorded.time)).sum())
    assert began == [
        f"alpha: {outside} bars of EURUSD began while its market was shut, the last at "
        "2026-03-08T20:00:00Z: they are left out"
    ]


def test_a_bar_that_comes_on_a_saturday_is_not_judged(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(**SLOWLY), SATURDAY)
    told = heard(crew, ANALYST, Bars)
    crew.brokers["alpha"].history(hours(SATURDAY + DAY, 60))
    crew.run_for(2 * 3_600)
    ((_, message),) = told
    assert message.series.end(len(message.series) - 1) == utc("2026-03-06T22:00")


def test_an_account_whose_hours_have_the_weekend_is_told_of_its_bars(start_crew: StartCrew) -> None:
    around_the_clock = account(hours={"EURUSD": {"sessions": ["Mon-Sun 17:00-17:00"]}})
    crew = start_crew(Settings(accounts=(around_the_clock,), **SLOWLY), SATURDAY)
    told = heard(crew, ANALYST, Bars)
    crew.brokers["alpha"].history(hours(SATURDAY + DAY, 120))
    crew.run_for(3_600)
    crew.brokers["alpha"].requests.clear()
    crew.run_for(5 * 3_600)
    assert [message.series.end(len(message.series) - 1) for _, message in told] == [
        SATURDAY + passed * HOUR for passed in range(7)
    ]
    assert asked_for(crew) == [RECENT_BARS] * 5, "once a bar"


def test_a_weekend_of_bars_does_not_make_it_ask_for_all_of_the_history_again(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(**SLOWLY), SATURDAY)
    told = heard(crew, ANALYST, Bars)
    quarter = 15 * MINUTE
    crew.brokers["alpha"].history(hours(MONDAY, 170, quarter))
    crew.run_for(quarter // SECOND)
    crew.brokers["alpha"].requests.clear()
    crew.run_for((MONDAY - SATURDAY - quarter) / SECOND)
    ends = [message.series.end(len(message.series) - 1) for _, message in told]
    assert ends[-1] == MONDAY
    assert len(ends) == len(set(ends))
    assert asked_for(crew).count(RECENT_BARS) == (MONDAY - SATURDAY) // quarter - 1, "once a bar"
    assert asked_for(crew).count(HISTORY_BARS) == 1, "when the market opens, Friday is beyond the recent bars"


def asked_for(crew: ScriptedCrew) -> list[object]:
    """How many bars were asked for, each time."""
    return [request.arguments[1] for request in crew.brokers["alpha"].asked("bars")]
