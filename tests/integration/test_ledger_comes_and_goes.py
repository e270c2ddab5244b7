"""The ledger is slow to fail, comes back for a moment, or is another's meanwhile: nobody is left without a guard."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest
from crew_helpers import (
    BID,
    StartCrew,
    alerts,
    closes_sent,
    ledger_away,
    lost,
    move,
    must_agree,
    now,
    opened,
    positions,
    scripted,
    told,
)

from actors.messages import Close
from actors.names import MONITOR, SCHEDULER, platform_actor
from actors.scripted_crew import ScriptedCrew
from connectors.mock_script import fills_later, reject
from persistence.errors import LedgerUnavailable
from persistence.ledger import Ledger
from persistence.reservations import account_resource
from trading.modes import Mode
from trading.trade import CloseReason, TradeState

TTL_SECONDS = 60.0
SERVER_SILENT_SECONDS = 20.0


@contextmanager
def broken(crew: ScriptedCrew, call: Callable[..., object] = ledger_away) -> Iterator[None]:
    """Until the end of the block this is what comes of every attempt to use the database."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("writing", "reading"):
            patch.setattr(crew.ledger._database, name, call)
        yield


def silent(crew: ScriptedCrew) -> Callable[..., NoReturn]:
    """A database that says nothing until whoever asks gives up."""

    def call(*arguments: object, **named: object) -> NoReturn:
        crew.world.sleep(SERVER_SILENT_SECONDS)
        raise LedgerUnavailable("postgresql://host/watchbill", "the server did not answer within 20 seconds")

    return call


def test_a_close_leaves_as_soon_as_a_silent_database_is_given_up(leader: ScriptedCrew) -> None:
    trade = opened(leader)
    leader.run_for(5)
    with broken(leader, silent(leader)):
        move(leader, trade.stop_price)
        leader.run_for(SERVER_SILENT_SECONDS + 2)
        assert (closes_sent(leader), positions(leader)) == (1, []), (
            "its own time limit began when the ledger was given up"
        )
        move(leader, BID)
    leader.run_for(2 * TTL_SECONDS)
    assert now(leader, trade).close_reason is CloseReason.STOP
    assert closes_sent(leader) == 1
    must_agree(leader)


def test_prices_are_watched_between_the_attempts_on_a_silent_database(leader: ScriptedCrew) -> None:
    trade = opened(leader)
    with broken(leader, silent(leader)):
        leader.tell(platform_actor("alpha"), Close(trade.trade_id, "EURUSD", CloseReason.TIME_STOP, None))
        leader.run_for(5 * TTL_SECONDS)
        assert alerts(leader, "broker") == [], "the broker answers; it is the ledger that does not"


def test_a_fill_that_was_not_written_is_guarded_however_often_the_ledger_comes_and_goes(leader: ScriptedCrew) -> None:
    with pytest.MonkeyPatch.context() as full:
        full.setattr(leader.ledger.trades, "advance", ledger_away)
        trade = told(leader)
        assert trade is not None
        leader.run_for(20)
        assert now(leader, trade).state is TradeState.SUBMITTED
    with broken(leader):
        leader.run_for(30)
        move(leader, trade.stop_price)
        leader.run_for(3)
        assert positions(leader) == []
        move(leader, BID)
    leader.run_for(2 * TTL_SECONDS)
    closed = now(leader, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.STOP)
    assert closes_sent(leader) == 1
    must_agree(leader)


def test_a_close_that_the_next_leader_had_to_decide_on_is_not_repeated_when_the_post_comes_back(
    leader: ScriptedCrew, ledger_url: str
) -> None:
    trade = opened(leader)
    alpha = leader.brokers["alpha"]
    with broken(leader):
        leader.run_for(2 * TTL_SECONDS)
        other = Ledger.open(ledger_url, writer="another", lease_clock=lambda: int(leader.world.elapsed() * 1_000))
        taken = other.reservations.reserve_resource(account_resource("alpha"), "another:process", TTL_SECONDS)
        assert taken is not None
        alpha.fence(taken.token, math.inf)
        move(leader, trade.stop_price)
        leader.run_for(2)
        assert (closes_sent(leader), len(positions(leader))) == (1, 1), "refused: another process leads"
        move(leader, BID)
        other.close()
    leader.run_for(3 * TTL_SECONDS)
    assert now(leader, trade).state is TradeState.OPEN, "whoever led meanwhile saw no reason to close it"
    assert closes_sent(leader) == 1
    must_agree(leader)


@pytest.mark.parametrize("actor", [MONITOR, SCHEDULER])
def test_who_watches_goes_on_watching_when_it_crashes_while_the_ledger_is_away(
    leader: ScriptedCrew, actor: str
) -> None:
    trade = opened(leader)
    with broken(leader):
        leader.tell(actor, "a message that nobody takes")
        leader.run_for(2 * TTL_SECONDS)
        assert leader.escalated == []
        move(leader, trade.stop_price)
        leader.run_for(3)
        assert positions(leader) == []
        move(leader, BID)
    leader.run_for(2 * TTL_SECONDS)
    assert now(leader, trade).close_reason is CloseReason.STOP
    must_agree(leader)


def test_a_late_fill_that_nobody_wants_is_closed_without_the_ledger_too(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, fills_later(400), close=[reject("market_closed")] * 4)
    trade = lost(crew)
    crew.run_for(422)
    assert now(crew, trade).state is TradeState.LATE
    with broken(crew):
        crew.run_for(2 * TTL_SECONDS)
        assert positions(crew) == []
        sends = closes_sent(crew)
    crew.run_for(TTL_SECONDS)
    late = now(crew, trade)
    assert (late.state, late.close_reason) == (TradeState.CLOSED, CloseReason.LATE)
    assert closes_sent(crew) == sends
    must_agree(crew)


def test_what_a_person_closes_of_a_halted_crew_is_closed_to_the_end_without_the_ledger(leader: ScriptedCrew) -> None:
    trade = opened(leader)
    leader.ledger.modes.set("default", Mode.HALTED, reason="", by="ops", at=leader.now)
    leader.tell(platform_actor("alpha"), Close(trade.trade_id, "EURUSD", CloseReason.STOP, None))
    leader.run_for(5)
    assert closes_sent(leader) == 0
    leader.brokers["alpha"].script(close=[reject("requote")])
    with broken(leader):
        leader.tell(platform_actor("alpha"), Close(trade.trade_id, "EURUSD", CloseReason.OPERATOR, None))
        leader.run_for(20)
        assert (closes_sent(leader), positions(leader)) == (2, [])
    leader.run_for(TTL_SECONDS)
    assert now(leader, trade).close_reason is CloseReason.OPERATOR
    must_agree(leader)


def test_a_lease_whose_taking_again_was_committed_and_not_confirmed_is_not_taken_for_anothers(
    leader: ScriptedCrew,
) -> None:
    trade = opened(leader)
    reservations = leader.ledger.reservations
    with broken(leader):
        leader.run_for(2 * TTL_SECONDS)
    as_it_is = reservations.reserve_resource
    unconfirmed: list[str] = []

    def loses_the_answer(resource: str, owner: str, ttl_seconds: float) -> object:
        taken = as_it_is(resource, owner, ttl_seconds)
        if resource not in unconfirmed:
            unconfirmed.append(resource)
            raise LedgerUnavailable("postgresql://host/watchbill", "the connection was lost")
        return taken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reservations, "reserve_resource", loses_the_answer)
        leader.run_for(TTL_SECONDS / 2)
    assert len(unconfirmed) == 2
    assert alerts(leader, "lease_lost") == []
    move(leader, trade.stop_price)
    leader.run_for(3)
    assert now(leader, trade).state is TradeState.CLOSED
    must_agree(leader)
