"""Accounts whose broker, bars or ledger are not as they should be: what pauses, what goes on, and what is told."""

from __future__ import annotations

import numpy as np
import pytest
from crew_helpers import (
    StartCrew,
    alerts,
    closes_sent,
    decisions,
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

from actors.messages import Bars
from actors.names import ANALYST
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
    assert len(alerts(crew, "broker")) == 1
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
    move(crew, trade.stop_price)
    crew.run_for(60)
    assert now(crew, trade).state is TradeState.CLOSED
    assert closes_sent(crew) == 0
    assert len(alerts(crew, "reloaded")) == 1


# ------------------------------------------------------------ bars


class Listener:
    """Notes what the analyst is told of bars."""

    def __init__(self, crew: ScriptedCrew) -> None:
        self.heard: list[tuple[float, Instant]] = []  # seconds since noon, and the end of the newest bar
        tell = crew.system.tell

        def listen(name: str, message: object) -> None:
            if name == ANALYST and isinstance(message, Bars):
                self.heard.append(((crew.now - A_WEDNESDAY_NOON) / SECOND, message.series.end(len(message.series) - 1)))
            tell(name, message)

        crew.system.tell = listen  # type: ignore[method-assign]


def hourly(first: Instant, count: int) -> BarSeries:
    """Flat hours."""
    price = np.full(count, 1.1)
    time = first + np.arange(count, dtype=np.int64) * HOUR
    return BarSeries("EURUSD", HOUR // SECOND, time, price, price, price, price, np.full(count, np.nan))


def test_each_bar_is_told_once_when_it_is_complete(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(price_poll_seconds=10))
    listener = Listener(crew)
    crew.brokers["alpha"].history(hourly(A_WEDNESDAY_NOON - 5 * HOUR, 20))
    crew.run_for(3 * 3_600 + 1)
    assert [end for _, end in listener.heard] == [A_WEDNESDAY_NOON + hour * HOUR for hour in range(4)]
    assert [at for at, _ in listener.heard][1:] == [3_600.0, 7_200.0, 10_800.0]


def test_bars_that_do_not_begin_on_the_hour_are_told_when_they_end(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(price_poll_seconds=10))
    listener = Listener(crew)
    crew.brokers["alpha"].history(hourly(A_WEDNESDAY_NOON - 5 * HOUR + HOUR // 2, 20))
    crew.run_for(2 * 3_600)
    assert [at for at, _ in listener.heard][1:] == [1_800.0, 5_400.0]


def test_a_bar_that_the_broker_shows_late_is_told_when_it_is_there(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    listener = Listener(crew)
    crew.brokers["alpha"].history(hourly(A_WEDNESDAY_NOON - 5 * HOUR, 5))
    crew.run_for(3_600 + 7)
    crew.brokers["alpha"].history(hourly(A_WEDNESDAY_NOON - 5 * HOUR, 20))
    crew.run_for(60)
    assert listener.heard[-1] == (3_608.0, A_WEDNESDAY_NOON + HOUR)


def test_while_the_market_is_shut_no_bars_are_asked_for_at_every_poll(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(price_poll_seconds=10), A_WEDNESDAY_NOON + 60 * HOUR)  # the Friday's midnight, in UTC
    alpha = crew.brokers["alpha"]
    alpha.history(hourly(A_WEDNESDAY_NOON, 58))
    crew.run_for(120)
    alpha.requests.clear()
    crew.run_for(7_200)
    assert len(alpha.asked("bars")) <= 3
