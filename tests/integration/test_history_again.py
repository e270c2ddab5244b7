"""What was missed for long is asked for again: a crew that was cut off judges like one that has just begun."""

from __future__ import annotations

import numpy as np
import pytest
from crew_helpers import StartCrew, alerts, heard, only_alpha, unanswered

from actors.bar_feed import HISTORY_BARS, RECENT_BARS
from actors.messages import Analysed, Bars, HistoryWanted, NothingToTrade
from actors.names import ANALYST, TRADER, platform_actor
from actors.scripted_crew import A_WEDNESDAY_NOON, ScriptedCrew
from trading.bars import BarSeries
from trading.market import DAY, HOUR, SECOND

DAYS = 120
SLOWLY = only_alpha(price_poll_seconds=30)
AFTER = 20  # days of the recording that lie ahead when the crew begins


def recording(days: int = DAYS) -> BarSeries:
    """Hourly bars of a calm walk that ends some days after the crews begin; with no weekend, to keep it simple."""
    count = days * 24
    end = A_WEDNESDAY_NOON + AFTER * DAY
    close = 1.1 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 4e-4, count)))
    return BarSeries(
        "EURUSD",
        HOUR // SECOND,
        end - HOUR * np.arange(count, 0, -1, dtype=np.int64),
        close,
        close * 1.0004,
        close * 0.9996,
        close,
        np.full(count, np.nan),
    )


@pytest.fixture
def crew(start_crew: StartCrew) -> ScriptedCrew:
    """A crew that has judged some bars, after a history that is long enough."""
    crew = start_crew(SLOWLY)
    crew.brokers["alpha"].history(recording())
    crew.run_for(3 * 3600)
    crew.brokers["alpha"].requests.clear()
    return crew


def asked_for(crew: ScriptedCrew) -> list[int]:
    """How many bars were asked for, each time."""
    return [request.arguments[1] for request in crew.brokers["alpha"].asked("bars")]  # type: ignore[misc]


def opinions(crew: ScriptedCrew) -> list[NothingToTrade | Analysed]:
    """A list that fills with what the analyst says from now on."""
    said: list[NothingToTrade | Analysed] = []
    tell = crew.system.tell

    def listen(name: str, message: object) -> None:
        if name == TRADER and isinstance(message, NothingToTrade | Analysed):
            said.append(message)
        tell(name, message)

    crew.system.tell = listen  # type: ignore[method-assign]
    return said


def reasons(said: list[NothingToTrade | Analysed]) -> list[str]:
    """Why nothing was to be traded."""
    return [message.reason for message in said if isinstance(message, NothingToTrade)]


def cut_off(crew: ScriptedCrew, hours: float) -> None:
    """Let the broker say nothing of bars for so long."""
    bars = crew.brokers["alpha"].bars
    crew.brokers["alpha"].bars = unanswered  # type: ignore[method-assign]
    crew.run_for(hours * 3600)
    crew.brokers["alpha"].bars = bars  # type: ignore[method-assign]


def test_after_an_outage_longer_than_what_is_asked_for_each_time_the_next_bar_is_judged(crew: ScriptedCrew) -> None:
    cut_off(crew, RECENT_BARS + 16)
    said = opinions(crew)
    crew.run_for(4 * 3600)
    assert len(said) >= 4
    assert "warming_up" not in reasons(said)
    assert asked_for(crew).count(HISTORY_BARS) == 1


def test_what_is_judged_after_an_outage_is_what_a_crew_that_has_just_begun_judges(
    crew: ScriptedCrew, start_crew: StartCrew
) -> None:
    cut_off(crew, RECENT_BARS + 16)
    fresh = start_crew(SLOWLY, crew.now)
    fresh.brokers["alpha"].history(recording())
    crew.run_for(60)
    fresh.run_for(60)
    after_outage, judged = opinions(crew), opinions(fresh)
    crew.run_for(8 * 3600)
    fresh.run_for(8 * 3600)
    assert after_outage == judged
    assert len(judged) == 8


@pytest.mark.parametrize("hours", [1, RECENT_BARS - 2])
def test_after_a_short_outage_the_recent_bars_are_enough(crew: ScriptedCrew, hours: int) -> None:
    cut_off(crew, hours)
    said = opinions(crew)
    crew.run_for(4 * 3600)
    assert "warming_up" not in reasons(said)
    assert asked_for(crew).count(HISTORY_BARS) == 0


def test_an_analyst_that_begins_anew_asks_for_the_history_and_has_it_for_the_next_bar(crew: ScriptedCrew) -> None:
    said = opinions(crew)
    wanted = heard(crew, platform_actor("alpha"), HistoryWanted)
    crew.tell(ANALYST, "something that no analyst takes")
    crew.run_for(4 * 3600)
    assert [message.commodity for _, message in wanted] == ["EURUSD"]
    assert reasons(said).count("warming_up") == 1
    assert len(said) == 4
    assert asked_for(crew).count(HISTORY_BARS) == 1


def test_a_broker_whose_history_is_short_is_asked_once_a_bar_and_no_more(start_crew: StartCrew) -> None:
    crew = start_crew(SLOWLY)
    crew.brokers["alpha"].history(recording(days=AFTER + 10))
    crew.run_for(60)
    crew.brokers["alpha"].requests.clear()
    told = heard(crew, ANALYST, Bars)
    crew.run_for(6 * 3600)
    assert len(told) == 6
    assert asked_for(crew) == [HISTORY_BARS] * 6


def test_a_commodity_whose_bars_cannot_be_had_is_told_of_once_and_the_account_stays_in_business(
    crew: ScriptedCrew,
) -> None:
    cut_off(crew, 3)
    assert len(alerts(crew, "no_bars")) == 1
    assert alerts(crew, "broker") == []
    crew.run_for(2 * 3600)
    cut_off(crew, 3)
    assert len(alerts(crew, "no_bars")) == 2
