"""The ledger is away, or cannot be written: stops are guarded by ticket, and everything is written when it is back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from crew_helpers import (
    BID,
    StartCrew,
    alerts,
    closes_sent,
    deals,
    ledger_away,
    move,
    must_agree,
    now,
    only_alpha,
    opened,
    positions,
    sent,
    told,
)

from actors.guarding import CLOSED_WITHOUT_LEDGER
from actors.messages import Adjust, Close, Scan
from actors.names import platform_actor
from actors.scripted_crew import ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from connectors.base import CloseOrder, Done
from connectors.mock_script import lost_reply, partly, reject
from persistence.errors import LedgerUnavailable
from persistence.ledger import Ledger
from persistence.reservations import account_resource, crew_resource
from trading.market import Side
from trading.trade import CloseReason, Trade, TradeState

TTL_SECONDS = 60.0
HOW = pytest.mark.parametrize("calls", [("writing", "reading"), ("writing",)], ids=["away", "disk full"])


@contextmanager
def broken(ledger: Ledger, *calls: str) -> Iterator[None]:
    """Until the end of the block the ledger's database can neither be written nor read, or only not be written."""
    with pytest.MonkeyPatch.context() as patch:
        for call in calls or ("writing", "reading"):
            patch.setattr(ledger._database, call, ledger_away)
        yield


def lines(crew: ScriptedCrew) -> list[str]:
    """The reasons of the closes that the journal says were sent without the ledger."""
    return [line.reason for line in crew.ledger.journal.list(kind=CLOSED_WITHOUT_LEDGER, newest_first=False)]


def must_have_stopped(crew: ScriptedCrew, trade: Trade, closes: int = 1) -> None:
    """Closed by its stop with so many orders, written down, and everybody says the same."""
    closed = now(crew, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.STOP)
    assert closes_sent(crew) == closes
    assert lines(crew) == ["stop"]
    must_agree(crew)


@HOW
@pytest.mark.parametrize("side", list(Side))
def test_a_stop_that_is_reached_while_the_ledger_is_away_is_closed_by_ticket_and_written_afterwards(
    leader: ScriptedCrew, calls: tuple[str, ...], side: Side
) -> None:
    trade = opened(leader, side)
    with broken(leader.ledger, *calls):
        move(leader, trade.stop_price if side is Side.BUY else trade.stop_price - 0.0001)
        leader.run_for(2)
        assert closes_sent(leader) == 1
        assert positions(leader) == []
        leader.run_for(20)
    leader.run_for(35)
    must_have_stopped(leader, trade)
    away, back = alerts(leader, "ledger")
    assert "closed by ticket" in away
    assert back.endswith("answers again")
    assert len(deals(leader, trade)) == 2


@HOW
def test_guarding_goes_on_when_the_lease_cannot_be_renewed_any_more(
    leader: ScriptedCrew, calls: tuple[str, ...]
) -> None:
    trade = opened(leader)
    tokens = {lease.resource: lease.token for lease in leader.ledger.reservations.all()}
    with broken(leader.ledger, *calls):
        leader.run_for(3 * TTL_SECONDS)
        assert closes_sent(leader) == 0
        move(leader, trade.stop_price)
        leader.run_for(2)
        assert closes_sent(leader) == 1
        leader.run_for(2 * TTL_SECONDS)
    leader.run_for(TTL_SECONDS)
    must_have_stopped(leader, trade)
    doubts = alerts(leader, "lease_in_doubt")
    assert sorted(said.partition(": ")[0] for said in doubts) == [account_resource("alpha"), crew_resource("default")]
    assert alerts(leader, "lease_lost") == alerts(leader, "conceded") == []
    assert len(alerts(leader, "lease_certain")) == 2
    after = {lease.resource: lease.token for lease in leader.ledger.reservations.all()}
    assert after == {resource: token + 1 for resource, token in tokens.items()}, "it had run out, and nobody took it"
    leader.run_for(15 * 60)
    opened(leader)


def test_a_lease_that_another_process_took_meanwhile_is_lost_when_the_ledger_says_so(
    leader: ScriptedCrew, ledger_url: str
) -> None:
    trade = opened(leader)
    with broken(leader.ledger):
        leader.run_for(2 * TTL_SECONDS)
        other = Ledger.open(ledger_url, writer="another", lease_clock=lambda: int(leader.world.elapsed() * 1_000))
        assert other.reservations.reserve_resource(account_resource("alpha"), "another:process", 3_600.0) is not None
        other.close()
    leader.run_for(TTL_SECONDS / 6)
    assert [said.partition(": ")[0] for said in alerts(leader, "lease_lost")] == [account_resource("alpha")]
    move(leader, trade.stop_price)
    leader.run_for(TTL_SECONDS)
    assert closes_sent(leader) == 0


def test_who_hears_of_a_higher_token_while_the_ledger_is_away_concedes_at_once(leader: ScriptedCrew) -> None:
    trade = opened(leader)
    alpha = leader.brokers["alpha"]
    with broken(leader.ledger):
        leader.run_for(2 * TTL_SECONDS)
        alpha.fence(99, math.inf)
        move(leader, trade.stop_price)
        leader.run_for(3)
        assert (closes_sent(leader), len(positions(leader))) == (1, 1), "refused, and not tried again"
        assert len(alerts(leader, "conceded")) == 1
        looked = len(alpha.asked("quotes"))
        leader.run_for(TTL_SECONDS)
        assert len(alpha.asked("quotes")) == looked
    assert closes_sent(leader) == 1


def test_what_is_refused_or_done_in_part_is_tried_again_in_time_and_never_for_more_than_there_is(
    leader: ScriptedCrew,
) -> None:
    trade = opened(leader)
    alpha = leader.brokers["alpha"]
    alpha.script(close=[reject("market_closed"), lost_reply(executed=False), partly(0.5), lost_reply(executed=True)])
    with broken(leader.ledger):
        move(leader, trade.stop_price)
        leader.run_for(90)
        assert positions(leader) == []
    asked = [request.arguments[0].volume_lots for request in alpha.asked("close")]  # type: ignore[attr-defined]
    assert asked[:3] == [trade.volume_lots] * 3
    assert asked[3] == pytest.approx(trade.volume_lots / 2, abs=0.01)
    assert len(asked) == 4
    at = [request.now - alpha.asked("close")[0].now for request in alpha.asked("close")]
    assert at == sorted(set(at)), "one after another"
    leader.run_for(60)
    must_have_stopped(leader, trade, closes=4)
    assert len(deals(leader, trade)) == 3


def test_a_volume_that_was_seen_and_could_not_be_written_is_what_the_close_names(leader: ScriptedCrew) -> None:
    trade = opened(leader)
    alpha = leader.brokers["alpha"]
    by_hand = CloseOrder(trade.ticket or 0, "EURUSD", trade.side, round(trade.volume_lots / 2, 2), 0, math.nan)
    assert isinstance(alpha.close(by_hand, 1, math.inf), Done)
    (left,) = positions(leader)
    with broken(leader.ledger, "writing"):
        leader.tell(platform_actor("alpha"), Scan())
        leader.run_for(1)
        move(leader, trade.stop_price)
        leader.run_for(5)
        assert positions(leader) == []
    assert alpha.asked("close")[1].arguments[0].volume_lots == left.volume_lots  # type: ignore[attr-defined]
    leader.run_for(60)
    must_have_stopped(leader, trade, closes=2)


def test_a_closing_that_was_written_before_the_ledger_went_away_goes_on_without_it(leader: ScriptedCrew) -> None:
    trade = opened(leader)
    leader.brokers["alpha"].script(close=[reject("market_closed")] * 3)
    move(leader, trade.stop_price)
    leader.run_for(1)
    assert now(leader, trade).state is TradeState.CLOSING
    with broken(leader.ledger):
        leader.run_for(90)
        assert (closes_sent(leader), positions(leader)) == (4, [])
    leader.run_for(60)
    must_have_stopped(leader, trade, closes=4)


def test_a_commit_that_was_refused_and_happened_all_the_same_is_not_written_twice(
    leader: ScriptedCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade = opened(leader)
    as_it_is = leader.ledger.trades.advance
    refused: list[TradeState] = []

    def advance(before: Trade, after: Trade, *arguments: object, **named: object) -> Trade:
        written = as_it_is(before, after, *arguments, **named)  # type: ignore[arg-type]
        if not refused:
            refused.append(after.state)
            raise LedgerUnavailable("ledger", "the connection was cut while it committed")
        return written

    monkeypatch.setattr(leader.ledger.trades, "advance", advance)
    move(leader, trade.stop_price)
    leader.run_for(1)
    assert refused == [TradeState.CLOSING]
    assert closes_sent(leader) == 1
    leader.run_for(5)
    must_have_stopped(leader, trade)


def test_a_fill_that_could_not_be_written_is_guarded_all_the_same(
    leader: ScriptedCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        for part, call in ((leader.ledger.trades, "advance"), (leader.ledger.trades, "advance_all")):
            full.setattr(part, call, ledger_away)
        trade = told(leader)
        assert trade is not None
        assert (trade.state, len(positions(leader))) == (TradeState.SUBMITTED, 1)
        leader.run_for(20)
        move(leader, trade.stop_price - 0.0001)
        leader.run_for(5)
        assert (closes_sent(leader), positions(leader)) == (1, [])
    leader.run_for(60)
    must_have_stopped(leader, trade)


def test_without_the_ledger_nothing_is_opened_adjusted_or_judged(leader: ScriptedCrew) -> None:
    trade = opened(leader)
    with broken(leader.ledger, "writing"):
        leader.tell(platform_actor("alpha"), Scan())
        leader.run_for(1)
        leader.tell(
            platform_actor("alpha"), Adjust(trade.trade_id, "EURUSD", trade.stop_price + 0.001, None, "trailing")
        )
        leader.analyse(leader.opinion())
        leader.run_for(TTL_SECONDS)
        assert now(leader, trade) == trade
        assert len(sent(leader)) == 1
    assert len(alerts(leader, "ledger")) <= 3


def test_a_process_that_dies_after_it_closed_without_the_ledger_is_understood_by_the_next(
    start_crew: StartCrew, world: VirtualWorld, ledger_url: str
) -> None:
    first = start_crew(only_alpha(), world=world, database_url=ledger_url)
    trade = opened(first)
    with broken(first.ledger):
        move(first, trade.stop_price)
        first.run_for(2)
        assert positions(first) == []
        move(first, BID)
        first.kill()
    world.run_for(TTL_SECONDS + 1)
    second = start_crew(only_alpha(), world.now(), world=world, database_url=ledger_url, brokers=first.brokers)
    second.run_for(5)
    closed = now(second, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.STOP), "its price says so"
    assert closes_sent(second) == 1
    must_agree(second)


def test_a_reason_that_died_with_its_process_and_shows_in_no_price_is_called_unrecorded(
    start_crew: StartCrew, world: VirtualWorld, ledger_url: str
) -> None:
    first = start_crew(only_alpha(), world=world, database_url=ledger_url)
    trade = opened(first)
    with broken(first.ledger):
        first.tell(platform_actor("alpha"), Close(trade.trade_id, "EURUSD", CloseReason.OPERATOR, None))
        first.run_for(2)
        assert positions(first) == []
        move(first, BID)
        first.kill()
    world.run_for(TTL_SECONDS + 1)
    second = start_crew(only_alpha(), world.now(), world=world, database_url=ledger_url, brokers=first.brokers)
    second.run_for(5)
    assert now(second, trade).close_reason is CloseReason.UNRECORDED
    must_agree(second)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", ["advance_all", "advance", "deals"])
def test_dying_while_what_was_done_without_the_ledger_is_written_loses_nothing(
    start_crew: StartCrew, world: VirtualWorld, ledger_url: str, call: str, after: bool
) -> None:
    first = start_crew(only_alpha(), world=world, database_url=ledger_url)
    trade = opened(first)
    with broken(first.ledger):
        move(first, trade.stop_price)
        first.run_for(2)
        assert positions(first) == []
    move(first, BID)
    with pytest.MonkeyPatch.context() as dying:
        part = first.brokers["alpha"] if call == "deals" else first.ledger.trades
        as_it_is = getattr(part, call)

        def dies(*arguments: Any, **named: Any) -> None:
            if after:
                as_it_is(*arguments, **named)
            first.kill()

        dying.setattr(part, call, dies)
        first.run_for(60)
    assert first.system.is_killed
    world.run_for(TTL_SECONDS + 1)
    second = start_crew(only_alpha(), world.now(), world=world, database_url=ledger_url, brokers=first.brokers)
    second.run_for(5)
    closed = now(second, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.STOP)
    assert closes_sent(second) == 1
    must_agree(second)


def test_an_actor_that_crashes_while_the_ledger_is_away_comes_back_with_the_ledger(leader: ScriptedCrew) -> None:
    trade = opened(leader)
    with broken(leader.ledger):
        move(leader, trade.stop_price)
        leader.run_for(2)
        move(leader, BID)
        leader.tell(platform_actor("alpha"), "a message that nobody takes")
        leader.run_for(3 * TTL_SECONDS)
        assert leader.escalated == []
    leader.run_for(TTL_SECONDS)
    assert now(leader, trade).close_reason is CloseReason.STOP
    assert closes_sent(leader) == 1
    must_agree(leader)


def test_opens_are_refused_once_each_and_said_once_while_nothing_can_be_written(leader: ScriptedCrew) -> None:
    leader.run_for(1)
    with broken(leader.ledger, "writing"):
        for _ in range(5):
            leader.analyse(leader.opinion())
            leader.run_for(10)
        assert len(alerts(leader, "ledger")) == 1
        assert sent(leader) == []
    leader.run_for(30)
    opened(leader)
    assert alerts(leader, "ledger")[1] == "decisions are written again"
