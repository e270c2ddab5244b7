"""An order whose answer was lost is looked up, never sent again; and one that comes too late is found and settled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crew_helpers import (
    StartCrew,
    alerts,
    answers,
    closes_sent,
    decisions,
    look,
    lost,
    must_agree,
    now,
    only_alpha,
    opened,
    positions,
    scripted,
    sent,
    states,
    told,
    unanswered,
)

from actors.lookup import CLEAN_SCANS_TO_FAIL, QUARANTINE_SECONDS
from connectors.base import ConnectorError, OpenOrder, Outcome
from connectors.mock_script import (
    Step,
    delay,
    fail,
    hang,
    lost_rejection,
    lost_reply,
)
from persistence.errors import LedgerUnavailable
from trading.market import Side
from trading.trade import CloseReason, TradeState

LOOKED_UP_SECONDS = 2.0  # the first look comes after one second
GIVEN_UP_SECONDS = QUARANTINE_SECONDS + 60
BOTH_SIDES = pytest.mark.parametrize("side", list(Side))


# ------------------------------------------------------------ an open without an answer


@BOTH_SIDES
def test_a_lost_reply_to_an_executed_open_is_resolved_to_open(start_crew: StartCrew, side: Side) -> None:
    crew = scripted(start_crew, lost_reply(executed=True))
    trade = lost(crew, side)
    crew.run_for(LOOKED_UP_SECONDS)
    found = now(crew, trade)
    assert found.state is TradeState.OPEN
    assert found.entry_price is not None
    assert found.stop_price == pytest.approx(found.entry_price - side.sign * found.stop_distance)
    assert len(sent(crew)) == 1
    must_agree(crew)


def test_a_lost_reply_to_an_open_that_was_never_executed_fails_after_the_quarantine(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, lost_reply(executed=False))
    trade = lost(crew)
    crew.run_for(QUARANTINE_SECONDS - 1)
    assert now(crew, trade).state is TradeState.UNKNOWN
    crew.run_for(60)
    assert now(crew, trade).state is TradeState.FAILED
    assert "clean scans" in now(crew, trade).detail
    assert len(sent(crew)) == 1
    must_agree(crew)


def test_a_rejection_whose_reply_was_lost_is_found_in_the_history(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, lost_rejection("no_money"))
    trade = lost(crew)
    crew.run_for(LOOKED_UP_SECONDS)
    assert now(crew, trade).state is TradeState.FAILED
    assert len(sent(crew)) == 1


def test_a_position_that_came_and_went_meanwhile_is_resolved_to_closed(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, lost_reply(executed=True))
    trade = lost(crew)
    crew.brokers["alpha"].stop_out(positions(crew)[0].ticket)
    crew.run_for(LOOKED_UP_SECONDS)
    assert (now(crew, trade).state, now(crew, trade).close_reason) == (TradeState.CLOSED, CloseReason.BROKER)
    must_agree(crew)


def test_the_slot_stays_shut_while_the_fate_is_unknown(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(ai_per_account_cooldown_minutes=0))
    crew.brokers["alpha"].script(open=[lost_reply(executed=False)])
    trade = lost(crew)
    for _ in range(10):
        crew.run_for(10)
        assert told(crew) is None
    assert now(crew, trade).state is TradeState.UNKNOWN
    assert decisions(crew)[1:] == ["refused:open trade"] * 10
    assert len(sent(crew)) == 1


@pytest.mark.parametrize("question", ["positions", "orders", "deals"])
def test_scans_that_fail_do_not_count_towards_giving_up(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    crew = scripted(start_crew, lost_reply(executed=False))
    trade = lost(crew)
    with monkeypatch.context() as broken:
        broken.setattr(crew.brokers["alpha"], question, unanswered)
        crew.run_for(600)
    assert now(crew, trade).state is TradeState.UNKNOWN, "a question that was not answered proves nothing"
    crew.run_for(GIVEN_UP_SECONDS)
    assert now(crew, trade).state is TradeState.FAILED
    assert len(sent(crew)) == 1


def test_too_few_clean_scans_do_not_give_up_however_long_they_take(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = scripted(start_crew, lost_reply(executed=False))
    trade = lost(crew)
    for clean_scans in range(1, CLEAN_SCANS_TO_FAIL):
        look(crew)
        with monkeypatch.context() as broken:
            broken.setattr(crew.brokers["alpha"], "positions", unanswered)
            crew.run_for(QUARANTINE_SECONDS)
        assert now(crew, trade).state is TradeState.UNKNOWN, clean_scans
    look(crew)
    assert now(crew, trade).state is TradeState.FAILED


def test_clean_scans_in_quick_succession_do_not_give_up_before_the_quarantine(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, lost_reply(executed=False))
    trade = lost(crew)
    for _ in range(10 * CLEAN_SCANS_TO_FAIL):
        look(crew)
    assert now(crew, trade).state is TradeState.UNKNOWN


@pytest.mark.parametrize("step", [hang(), delay(30)], ids=["hangs", "answers late"])
def test_a_broker_that_does_not_answer_by_the_deadline_is_looked_up(start_crew: StartCrew, step: Step) -> None:
    crew = scripted(start_crew, step)
    crew.analyse(crew.opinion())
    crew.run_for(19)
    assert states(crew) == ["submitted"]
    crew.run_for(2)
    assert states(crew) == ["unknown"]
    crew.run_for(GIVEN_UP_SECONDS)
    assert states(crew) == (["failed"] if step == hang() else ["open"])
    assert len(sent(crew)) == 1
    must_agree(crew)


def test_the_accepted_order_of_a_lagging_broker_is_waited_for(start_crew: StartCrew) -> None:
    """Its history has the order, and no deal and no position yet: that is not an absence, however long it lasts."""
    crew = scripted(start_crew, lost_reply(executed=True))
    trade = lost(crew)
    connector = crew.connectors["alpha"]
    crew.brokers["alpha"].positions = lambda deadline: ()  # type: ignore[method-assign]
    crew.brokers["alpha"].deals = lambda since, deadline: ()  # type: ignore[method-assign]
    crew.run_for(600)
    assert now(crew, trade).state is TradeState.UNKNOWN
    del connector.positions, connector.deals
    crew.run_for(60)
    assert now(crew, trade).state is TradeState.OPEN
    must_agree(crew)


# ------------------------------------------------------------ crashes in between


class Unforeseen(Exception):
    """Something that nobody has thought of."""


@pytest.mark.parametrize("executed", [True, False])
def test_an_actor_that_dies_between_the_row_and_the_answer_looks_its_order_up(
    start_crew: StartCrew, executed: bool
) -> None:
    crew = start_crew(only_alpha())
    alpha = crew.brokers["alpha"]
    as_it_is = alpha.open

    def dies(order: OpenOrder, token: int, deadline: float) -> Outcome:
        if executed:
            as_it_is(order, token, deadline)
        raise Unforeseen

    alpha.open = dies  # type: ignore[method-assign]
    crew.analyse(crew.opinion())
    crew.run_for(0.2)
    del alpha.open
    assert crew.system.stats()["platform:alpha"].restarts == 1
    crew.run_for(GIVEN_UP_SECONDS)
    lines = crew.ledger.journal.list(kind="transition", newest_first=False)
    assert [line.detail["after"] for line in lines] == ["submitted", "unknown", "open" if executed else "failed"]
    assert len(sent(crew)) == (1 if executed else 0)
    assert crew.escalated == []
    must_agree(crew)


def test_an_order_that_raises_against_the_rules_is_unknown(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, fail(ConnectorError("no way to know")))
    trade = lost(crew)
    crew.run_for(GIVEN_UP_SECONDS)
    assert now(crew, trade).state is TradeState.FAILED
    assert len(sent(crew)) == 1


def failing(times: int, what: Callable[..., object]) -> Callable[..., object]:
    """The same, after it has raised so many times."""
    left = [times]

    def call(*arguments: object, **named: object) -> object:
        if left[0]:
            left[0] -= 1
            raise LedgerUnavailable("ledger.sqlite", "database or disk is full")
        return what(*arguments, **named)

    return call


def test_a_ledger_that_refuses_the_write_after_the_fill_leaves_the_row_to_the_look_up(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha())
    monkeypatch.setattr(crew.ledger.trades, "advance", failing(1, crew.ledger.trades.advance))
    trade = told(crew)
    assert trade is not None
    assert trade.state is TradeState.SUBMITTED
    assert answers(crew) == ["open"], "so the broker said, and its stop is guarded already"
    assert len(positions(crew)) == 1
    crew.run_for(LOOKED_UP_SECONDS)
    assert now(crew, trade).state is TradeState.OPEN
    assert len(sent(crew)) == 1
    crew.brokers["alpha"].price("EURUSD", trade.stop_price - 0.0001, trade.stop_price)
    crew.run_for(2)
    assert now(crew, trade).close_reason is CloseReason.STOP
    must_agree(crew)


def test_a_ledger_that_cannot_be_written_lets_nothing_be_sent(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha())
    monkeypatch.setattr(crew.ledger.trades, "submit", failing(1, crew.ledger.trades.submit))
    assert told(crew) is None
    assert sent(crew) == []
    assert len(alerts(crew, "ledger")) == 1
    crew.run_for(2)
    opened(crew)


def test_a_close_that_the_ledger_refused_to_announce_leaves_once_and_is_written_afterwards(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    monkeypatch.setattr(crew.ledger.trades, "advance", failing(1, crew.ledger.trades.advance))
    crew.brokers["alpha"].price("EURUSD", trade.stop_price - 0.0001, trade.stop_price)
    crew.run_for(1.5)
    assert (closes_sent(crew), now(crew, trade).state) == (1, TradeState.OPEN)
    crew.run_for(2)
    assert now(crew, trade).close_reason is CloseReason.STOP
    assert closes_sent(crew) == 1
    must_agree(crew)
