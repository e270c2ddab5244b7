"""A crew that was paused, halted, or manages only: what it still does, and what it does not."""

from __future__ import annotations

import math

import pytest
from crew_helpers import (
    BID,
    StartCrew,
    alerts,
    answers,
    closes_sent,
    decisions,
    lost,
    move,
    must_agree,
    now,
    only_alpha,
    opened,
    positions,
    scripted,
    sent,
    told,
)

from actors.halt_watch import REMINDER_SECONDS
from actors.messages import Adjust, Close
from actors.names import platform_actor
from actors.scripted_crew import ScriptedCrew
from connectors.base import OpenOrder
from connectors.mock_script import fills_later, reject, requote
from persistence.errors import LedgerUnavailable
from persistence.reservations import Reservation
from trading.market import Side
from trading.modes import Mode, ModeCause
from trading.order_numbers import magic_number
from trading.trade import CloseReason, Trade, TradeState

FORBIDDING = [mode for mode in Mode if not mode.permits_opens]


def ask_for(crew: ScriptedCrew, mode: Mode, cause: ModeCause = ModeCause.OPERATOR) -> None:
    """What an operator's command writes, at this moment."""
    crew.ledger.modes.set("default", mode, cause=cause, reason="", by="ann@desk", at=crew.now)


def through_the_stop(crew: ScriptedCrew, trade: Trade) -> None:
    """Let the price stand beyond the trade's stop."""
    move(crew, trade.stop_price - 0.0005)


# ---------------------------------------------------------------- opens


@pytest.mark.parametrize("mode", FORBIDDING)
def test_an_analysis_that_passes_the_gate_is_refused_with_the_mode_as_the_reason(
    start_crew: StartCrew, mode: Mode
) -> None:
    crew = start_crew(only_alpha())
    ask_for(crew, mode)
    assert told(crew) is None
    assert decisions(crew) == [f"refused:{mode}"]
    assert sent(crew) == []
    ask_for(crew, Mode.TRADING)
    assert opened(crew).state is TradeState.OPEN


def test_a_refusal_while_paused_is_said_once_and_counted(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    ask_for(crew, Mode.PAUSED)
    analysis = crew.opinion(Side.BUY)
    for _ in range(3):
        crew.analyse(analysis)
        crew.run_for(1)
    (line,) = crew.ledger.journal.list(kind="decision")
    assert (line.reason, line.repeated) == ("refused:paused", 3)


@pytest.mark.parametrize("mode", FORBIDDING)
def test_a_pause_between_the_decision_and_the_row_still_wins(
    start_crew: StartCrew, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account's actor holds the reservation already when the operator's command is committed."""
    crew = start_crew(only_alpha())
    reserve = crew.ledger.reservations.reserve_resource

    def reserve_and_pause(resource: str, owner: str, ttl_seconds: float) -> Reservation | None:
        held = reserve(resource, owner, ttl_seconds)
        ask_for(crew, mode)
        return held

    monkeypatch.setattr(crew.ledger.reservations, "reserve_resource", reserve_and_pause)
    assert told(crew) is None
    assert decisions(crew) == ["open_told"]
    assert answers(crew) == [f"refused:{mode}"]
    assert sent(crew) == []
    assert not crew.ledger.reservations.is_resource_reserved("alpha:EURUSD")


def test_no_second_order_follows_a_requote_once_the_crew_is_paused(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha())
    broker = crew.brokers["alpha"]
    broker.script(open=[requote()])
    open_order = broker.open

    def open_and_pause(order: OpenOrder, token: int, deadline: float) -> object:
        ask_for(crew, Mode.PAUSED)
        return open_order(order, token, deadline)

    monkeypatch.setattr(broker, "open", open_and_pause)
    told(crew)
    assert len(sent(crew)) == 1
    assert [trade.state for trade in crew.ledger.trades.list()] == [TradeState.FAILED]


def test_a_mode_outlives_the_crew(start_crew: StartCrew, ledger_url: str) -> None:
    with ScriptedCrew(only_alpha(), database_url=ledger_url) as first:
        ask_for(first, Mode.PAUSED)
    second = start_crew(only_alpha(), database_url=ledger_url)
    assert told(second) is None
    assert decisions(second) == ["refused:paused"]


# ---------------------------------------------------------------- guarding


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode.permits_guarding])
def test_stops_are_guarded_unless_the_crew_is_halted(start_crew: StartCrew, mode: Mode) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    ask_for(crew, mode)
    through_the_stop(crew, trade)
    crew.run_for(2)
    assert now(crew, trade).close_reason is CloseReason.STOP
    must_agree(crew)


def test_a_halted_crew_closes_nothing_and_the_first_poll_after_the_halt_does(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    ask_for(crew, Mode.HALTED)
    through_the_stop(crew, trade)
    crew.run_for(3_600)
    assert now(crew, trade).state is TradeState.OPEN
    assert closes_sent(crew) == 0
    ask_for(crew, Mode.TRADING)
    crew.run_for(1)
    assert now(crew, trade).state is TradeState.CLOSED
    must_agree(crew)


def test_a_halted_crew_names_what_nobody_guards_again_and_again_until_it_is_lifted(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    ask_for(crew, Mode.HALTED)
    crew.run_for(31)
    (first,) = alerts(crew, "halt")
    assert first == (
        f"by ann@desk: nobody guards alpha:EURUSD buy {trade.volume_lots:g} lots; `run.py resume` lifts it"
    )
    crew.run_for(REMINDER_SECONDS - 31)
    assert len(alerts(crew, "halt")) == 1
    crew.run_for(REMINDER_SECONDS + 31)
    assert alerts(crew, "halt") == [first] * 3
    ask_for(crew, Mode.TRADING)
    crew.run_for(31)
    assert alerts(crew, "halt")[3:] == ["lifted: stops, targets and the rules of the day are guarded again"]
    crew.run_for(3_600)
    assert len(alerts(crew, "halt")) == 4


def test_a_halted_crew_names_a_late_position_too(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, fills_later(400), close=[reject("market_closed")] * 50)
    trade = lost(crew)
    crew.run_for(430)
    assert now(crew, trade).state is TradeState.LATE
    ask_for(crew, Mode.HALTED)
    crew.run_for(31)
    (said,) = alerts(crew, "halt")
    assert trade.resource in said


def test_a_halted_crew_adjusts_nothing(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    ask_for(crew, Mode.HALTED)
    crew.tell(platform_actor("alpha"), Adjust(trade.trade_id, "EURUSD", trade.stop_price + 0.001, None, "trailing"))
    crew.run_for(1)
    assert now(crew, trade) == trade


def test_a_halted_crew_closes_what_a_person_closes(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    ask_for(crew, Mode.HALTED)
    crew.tell(platform_actor("alpha"), Close(trade.trade_id, "EURUSD", CloseReason.OPERATOR, None))
    crew.run_for(1)
    assert now(crew, trade).state is TradeState.CLOSED


def test_a_halted_crew_does_not_send_a_refused_close_again(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    crew.brokers["alpha"].script(close=[reject("market_closed")])
    through_the_stop(crew, trade)
    crew.run_for(1)
    assert now(crew, trade).state is TradeState.CLOSING
    ask_for(crew, Mode.HALTED)
    crew.run_for(600)
    assert closes_sent(crew) == 1
    ask_for(crew, Mode.TRADING)
    crew.run_for(60)
    assert now(crew, trade).state is TradeState.CLOSED
    assert closes_sent(crew) == 2


def test_a_halt_holds_while_the_ledger_is_away(start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    ask_for(crew, Mode.HALTED)
    through_the_stop(crew, trade)
    crew.run_for(2)

    def away(crew: str) -> None:
        raise LedgerUnavailable("ledger.sqlite", "disk I/O error")

    with monkeypatch.context() as without:
        without.setattr(crew.ledger.modes, "of", away)
        crew.run_for(120)
    assert closes_sent(crew) == 0
    assert crew.escalated == []


# ---------------------------------------------------------------- disowned positions


def test_a_disowned_position_is_a_strangers_from_then_on(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    alpha = crew.brokers["alpha"]
    magic = magic_number(crew.ledger.trades.register_account("alpha"), 4_000)
    alpha.open(OpenOrder("EURUSD", Side.BUY, 0.05, magic, "of another ledger", BID), 1, math.inf)
    crew.run_for(31)
    assert len(alerts(crew, "unaccounted")) == 1
    assert told(crew) is None
    crew.ledger.disowned.add("alpha", magic, by="ann@desk", at=crew.now)
    crew.run_for(61)
    assert len(alerts(crew, "external")) == 1
    trade = opened(crew)
    through_the_stop(crew, trade)
    crew.run_for(120)
    assert [position.magic for position in positions(crew)] == [magic]
    assert closes_sent(crew) == 1
