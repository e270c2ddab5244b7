"""Accounts whose broker, bars or ledger are not as they should be: what pauses, what goes on, and what is told."""

from __future__ import annotations

import numpy as np
import pytest
from crew_helpers import (
    StartCrew,
    alerts,
    closes_sent,
    decisions,
    heard,
    ledger_away,
    move,
    must_agree,
    now,
    only_alpha,
    opened,
    sent,
    told,
    unanswered,
)

from actors.messages import Bars, Close, Quotes
from actors.names import ANALYST, MONITOR, platform_actor
from actors.scripted_crew import A_WEDNESDAY_NOON, ScriptedCrew
from connectors.mock_script import fail
from trading.bars import BarSeries
from trading.market import HOUR, SECOND, Instant
from trading.trade import CloseReason, TradeState


@pytest.mark.parametrize("question", ["positions", "connect", "fence", "instruments", "orders"])
def test_nothing_is_opened_before_the_broker_has_been_looked_through(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    crew = ScriptedCrew(only_alpha())
    monkeypatch.setattr(crew.brokers["alpha"], question, unanswered)
    with crew:
        crew.run_for(30)
        assert told(crew) is None
        assert sent(crew) == []
        monkeypatch.undo()
        crew.run_for(30)
        opened(crew)


def test_scans_without_an_answer_pause_the_opens_and_are_told_once(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha(ai_per_account_cooldown_minutes=0))
    trade = opened(crew)
    with monkeypatch.context() as broken:
        broken.setattr(crew.brokers["alpha"], "positions", unanswered)
        crew.run_for(600)
        move(crew, trade.stop_price)
        crew.run_for(2)
        assert now(crew, trade).close_reason is CloseReason.STOP, "closing by ticket needs no look at the positions"
        assert told(crew) is None
        assert decisions(crew)[-1] == "refused:not connected"
    assert len(alerts(crew, "unclean_scan")) == 1
    crew.run_for(35)
    opened(crew)
    must_agree(crew)


def test_one_bad_answer_pauses_the_opens_for_one_poll(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    crew.run_for(5)
    crew.brokers["alpha"].script(quotes=[fail()])
    crew.run_for(1)
    assert told(crew) is None
    crew.run_for(1)
    opened(crew)


def test_a_ledger_that_is_away_at_the_start_is_waited_for(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = ScriptedCrew(only_alpha())
    with monkeypatch.context() as broken:
        broken.setattr(crew.ledger.trades, "register_account", ledger_away)
        crew.start()
        crew.run_for(120)
        assert crew.escalated == []
        assert crew.system.stats()["platform:alpha"].restarts == 0
    crew.run_for(30)
    opened(crew)
    crew.close()


def test_a_trade_that_another_hand_wrote_in_the_ledger_is_read_again(start_crew: StartCrew) -> None:
    """Whoever watched the old row hears of the new one: here the trade is over, and nothing more is sent for it."""
    crew = start_crew(only_alpha())
    trade = opened(crew)
    with crew.ledger.writing() as connection:
        connection.exec_driver_sql("UPDATE trade SET state = 'closed', detail = 'repaired by hand'")
    asked_for = heard(crew, platform_actor("alpha"), Close)
    move(crew, trade.stop_price)
    crew.run_for(60)
    assert 1 <= len(asked_for) <= 2
    assert now(crew, trade).state is TradeState.CLOSED
    assert closes_sent(crew) == 0
    assert len(alerts(crew, "reloaded")) == 1


def test_a_clock_that_is_set_back_stops_nobody_from_guarding(leader: ScriptedCrew) -> None:
    trade = opened(leader)
    leader.run_for(60)
    quotes = heard(leader, MONITOR, Quotes)
    leader.world.step_market(-3_600)
    leader.run_for(21)
    assert quotes
    move(leader, trade.stop_price)
    leader.run_for(2)
    assert now(leader, trade).close_reason is CloseReason.STOP
    alpha = leader.brokers["alpha"]
    alpha.requests.clear()
    leader.run_for(60)
    assert len(alpha.asked("quotes")) == 60, "not twice as often"


# ------------------------------------------------------------ bars


def hourly(first: Instant, count: int) -> BarSeries:
    """Flat hours."""
    price = np.full(count, 1.1)
    time = first + np.arange(count, dtype=np.int64) * HOUR
    return BarSeries("EURUSD", HOUR // SECOND, time, price, price, price, price, np.full(count, np.nan))


def newest_end(bars: Bars) -> Instant:
    """When the newest of these bars was complete."""
    return bars.series.end(len(bars.series) - 1)


def test_each_bar_is_told_once_when_it_is_complete(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(price_poll_seconds=10))
    told_of = heard(crew, ANALYST, Bars)
    crew.brokers["alpha"].history(hourly(A_WEDNESDAY_NOON - 5 * HOUR, 20))
    crew.run_for(3 * 3_600 + 1)
    hours = [A_WEDNESDAY_NOON + hour * HOUR for hour in range(4)]
    assert [newest_end(bars) for _, bars in told_of] == hours
    assert [at for at, _ in told_of][1:] == hours[1:]


def test_bars_that_do_not_begin_on_the_hour_are_told_when_they_end(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(price_poll_seconds=10))
    told_of = heard(crew, ANALYST, Bars)
    crew.brokers["alpha"].history(hourly(A_WEDNESDAY_NOON - 5 * HOUR + HOUR // 2, 20))
    crew.run_for(2 * 3_600)
    half_past = [A_WEDNESDAY_NOON + HOUR // 2, A_WEDNESDAY_NOON + 3 * HOUR // 2]
    assert [at for at, _ in told_of][1:] == half_past
    assert [newest_end(bars) for _, bars in told_of][1:] == half_past


def test_a_bar_that_the_broker_shows_late_is_told_when_it_is_there(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    told_of = heard(crew, ANALYST, Bars)
    crew.brokers["alpha"].history(hourly(A_WEDNESDAY_NOON - 5 * HOUR, 5))
    crew.run_for(3_600 + 7)
    crew.brokers["alpha"].history(hourly(A_WEDNESDAY_NOON - 5 * HOUR, 20))
    crew.run_for(60)
    at, bars = told_of[-1]
    assert newest_end(bars) == A_WEDNESDAY_NOON + HOUR
    assert at == A_WEDNESDAY_NOON + HOUR + 8 * SECOND
    assert len(told_of) == 2


def test_while_the_market_is_shut_no_bars_are_asked_for_at_every_poll(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(price_poll_seconds=10), A_WEDNESDAY_NOON + 60 * HOUR)  # the Friday's midnight, in UTC
    alpha = crew.brokers["alpha"]
    alpha.history(hourly(A_WEDNESDAY_NOON, 58))
    crew.run_for(120)
    alpha.requests.clear()
    crew.run_for(7_200)
    assert len(alpha.asked("bars")) <= 3
