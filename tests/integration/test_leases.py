"""Leases: renewed, lost, taken again, and what a process may no longer do without them."""

from __future__ import annotations

import pytest
from crew_helpers import (
    alerts,
    answers,
    closes_sent,
    decisions,
    ledger_away,
    move,
    must_agree,
    now,
    only_alpha,
    opened,
    positions,
    sent,
    states,
    told,
)

from actors.messages import LeaseLost, LeaseRenewed, RenewAll, Reserve, Revalue
from actors.names import MONITOR, RESERVATION, platform_actor
from actors.scripted_crew import ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from connectors.base import OpenOrder, Outcome
from connectors.mock_script import delay
from persistence.reservations import Fence, Reservation, account_resource, crew_resource
from trading.trade import CloseReason, TradeState

TTL_SECONDS = 60.0


@pytest.fixture
def ledger_url(any_url: str) -> str:
    """Of each kind of database in turn: nothing here may depend on which."""
    return any_url


def taken_over(crew: ScriptedCrew, name: str) -> None:
    """Another process holds this lease from now on, as after a pause of ours that was longer than the lease."""
    reservations = crew.ledger.reservations
    held = reservations.holder(name)
    assert held is not None
    assert reservations.release_resource(held.fence)
    assert reservations.reserve_resource(name, "another:process", 3_600.0) is not None


def test_an_account_whose_lease_was_taken_over_sends_nothing_any_more(leader: ScriptedCrew) -> None:
    trade = opened(leader)
    taken_over(leader, account_resource("alpha"))
    move(leader, trade.stop_price)
    leader.run_for(10)
    assert closes_sent(leader) == 0
    assert now(leader, trade) == trade
    assert len(alerts(leader, "conceded")) == 1
    quotes = len(leader.brokers["alpha"].asked("quotes"))
    leader.run_for(120)
    assert len(leader.brokers["alpha"].asked("quotes")) == quotes, "it does not even look any more"
    assert told(leader) is None
    assert len(sent(leader)) == 1


def test_an_answer_that_comes_after_the_lease_was_taken_over_is_left_to_the_new_holder(leader: ScriptedCrew) -> None:
    leader.brokers["alpha"].script(open=[delay(15)])
    leader.analyse(leader.opinion())
    leader.run_for(5)
    taken_over(leader, account_resource("alpha"))
    leader.run_for(60)
    assert len(positions(leader)) == 1
    assert states(leader) == ["submitted"], "whoever leads now looks it up"
    assert answers(leader)[0].startswith("submitted")
    assert len(alerts(leader, "conceded")) == 1


def test_an_open_under_a_lease_that_was_taken_over_is_not_sent(leader: ScriptedCrew) -> None:
    leader.run_for(1)
    taken_over(leader, account_resource("alpha"))
    assert told(leader) is None
    assert sent(leader) == []
    assert answers(leader)[0].startswith("refused:")


def test_a_renewal_that_comes_too_late_is_noticed_and_the_post_is_taken_again(leader: ScriptedCrew) -> None:
    trade = opened(leader)
    reservations = leader.ledger.reservations
    held = reservations.holder(account_resource("alpha"))
    assert held is not None
    assert reservations.release_resource(held.fence)
    leader.run_for(TTL_SECONDS / 3)
    assert any("account:alpha" in alert for alert in alerts(leader, "lease_lost"))
    leader.run_for(TTL_SECONDS / 3)
    again = reservations.holder(account_resource("alpha"))
    assert again is not None
    assert (again.owner, again.token) == (held.owner, held.token + 1)
    alpha = leader.brokers["alpha"]
    alpha.requests.clear()
    leader.run_for(60)
    assert (len(alpha.asked("quotes")), len(alpha.asked("positions"))) == (60, 2), "not twice as often"
    move(leader, trade.stop_price)
    leader.run_for(2)
    assert now(leader, trade).close_reason is CloseReason.STOP
    must_agree(leader)


def test_the_news_of_an_older_lost_lease_does_not_end_a_newer_one(leader: ScriptedCrew) -> None:
    held = leader.ledger.reservations.holder(account_resource("alpha"))
    assert held is not None
    older = type(held.fence)(held.resource, held.owner, held.token - 1)
    leader.tell(platform_actor("alpha"), LeaseLost(older, "long ago"))
    leader.run_for(1)
    assert alerts(leader, "conceded") == []
    opened(leader)


def test_standing_leases_are_renewed_for_as_long_as_the_process_lives(leader: ScriptedCrew) -> None:
    before = {held.resource: held for held in leader.ledger.reservations.all()}
    assert before.keys() == {account_resource("alpha"), crew_resource("default")}
    leader.run_for(10 * TTL_SECONDS)
    after = {held.resource: held for held in leader.ledger.reservations.all()}
    assert after.keys() == before.keys()
    assert all(after[name].token == before[name].token for name in before)
    assert alerts(leader, "lease_lost") == []
    opened(leader)


def test_a_restarted_reservation_actor_finds_its_leases_and_goes_on_renewing(leader: ScriptedCrew) -> None:
    leader.run_for(10)
    leader.tell(RESERVATION, "a message that nobody takes")
    leader.run_for(10 * TTL_SECONDS)
    assert {held.token for held in leader.ledger.reservations.all()} == {1}
    assert alerts(leader, "lease_lost") == []
    opened(leader)


def test_a_restarted_account_is_given_the_lease_that_its_process_holds(leader: ScriptedCrew) -> None:
    trade = opened(leader)
    leader.tell(platform_actor("alpha"), "a message that nobody takes")
    leader.run_for(1)
    held = leader.ledger.reservations.holder(account_resource("alpha"))
    assert held is not None
    assert held.token == 1
    move(leader, trade.stop_price)
    leader.run_for(2)
    assert now(leader, trade).close_reason is CloseReason.STOP


def test_the_reservation_of_a_commodity_that_a_crash_left_behind_expires(world: VirtualWorld, ledger_url: str) -> None:
    first = ScriptedCrew(only_alpha(), world=world, database_url=ledger_url)
    first.start()
    lease = first.system.ask(RESERVATION, Reserve("alpha:EURUSD"))
    assert lease is not None
    world.run_for(TTL_SECONDS / 2)
    assert told(first) is None
    assert decisions(first) == ["refused:reserved"]
    world.run_for(TTL_SECONDS / 2)
    opened(first)
    first.close()


def test_after_an_open_the_commodity_is_free_again(leader: ScriptedCrew) -> None:
    opened(leader)
    assert not leader.ledger.reservations.is_resource_reserved("alpha:EURUSD")
    assert leader.ledger.trades.active()[0].commodity_token == 1


def test_a_ledger_that_is_away_for_a_while_ends_nothing(leader: ScriptedCrew, monkeypatch: pytest.MonkeyPatch) -> None:
    trade = opened(leader)

    with monkeypatch.context() as broken:
        for part, calls in (
            (leader.ledger.reservations, ("reserve_resource", "renew_resource", "release_resource", "all", "holder")),
            (leader.ledger.trades, ("submit", "advance", "active", "list", "last_submitted_at", "knows_analysis")),
            (leader.ledger.journal, ("append",)),
        ):
            for call in calls:
                broken.setattr(part, call, ledger_away)
        leader.tell(RESERVATION, RenewAll())
        leader.tell(MONITOR, Revalue())
        leader.analyse(leader.opinion())
        move(leader, trade.stop_price)
        leader.run_for(5 * TTL_SECONDS)
    assert leader.escalated == []
    assert len(sent(leader)) == 1
    leader.run_for(TTL_SECONDS)
    assert now(leader, trade).close_reason is CloseReason.STOP
    leader.run_for(15 * 60)
    opened(leader)
    must_agree(leader)


def test_no_order_is_given_longer_than_the_lease_lasts(leader: ScriptedCrew, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fourteen seconds of it left, an answer is not waited for twenty seconds."""
    monkeypatch.setattr(leader.ledger.reservations, "renew_resource", ledger_away)
    alpha = leader.brokers["alpha"]
    as_it_is = alpha.open
    deadlines = []

    def noted(order: OpenOrder, token: int, deadline: float) -> Outcome:
        deadlines.append(deadline)
        return as_it_is(order, token, deadline)

    monkeypatch.setattr(alpha, "open", noted)
    leader.run_for(45)
    alpha.script(open=[delay(18)])
    leader.analyse(leader.opinion())
    leader.run_for(15)
    assert deadlines == [TTL_SECONDS * 59 / 60]
    assert states(leader) == ["unknown"]


def test_an_order_is_not_sent_when_the_lease_has_run_out_on_the_way(
    leader: ScriptedCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow ledger takes what was left of it, after everything had been checked and written."""
    reservations = leader.ledger.reservations
    monkeypatch.setattr(reservations, "renew_resource", ledger_away)
    reserve = reservations.reserve_resource

    def slowly(resource: str, owner: str, ttl_seconds: float) -> Reservation | None:
        leader.world.sleep(4.5)
        return reserve(resource, owner, ttl_seconds)

    monkeypatch.setattr(reservations, "reserve_resource", slowly)
    leader.run_for(55)
    trade = told(leader)
    leader.run_for(4.9)
    assert trade is None
    assert sent(leader) == []
    failed = leader.ledger.trades.list()[0]
    assert (failed.state, failed.detail.partition(":")[0]) == (TradeState.FAILED, "not_sent")


def test_a_renewal_of_another_lease_changes_nothing(leader: ScriptedCrew) -> None:
    lease = leader.system.ask(RESERVATION, Reserve("alpha:GBPUSD"))
    leader.tell(platform_actor("alpha"), LeaseRenewed(lease))
    leader.run_for(1)
    opened(leader)


def test_a_full_disk_that_answers_only_what_writes_nothing_costs_no_lease(
    leader: ScriptedCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The renewal of a lease that has expired matches no row: no page is written, and so nothing fails."""
    trade = opened(leader)
    reservations = leader.ledger.reservations
    before = {held.resource: held.token for held in reservations.all()}

    def only_nothing(fence: Fence, ttl_seconds: float) -> bool:
        return ledger_away() if reservations.is_resource_reserved(fence.resource) else False

    with monkeypatch.context() as full:
        full.setattr(reservations, "renew_resource", only_nothing)
        full.setattr(reservations, "reserve_resource", ledger_away)
        leader.run_for(3 * TTL_SECONDS)
        move(leader, trade.stop_price)
        leader.run_for(2)
        assert closes_sent(leader) == 1, "guarded all the while"
        doubts = {said.partition(": ")[0] for said in alerts(leader, "lease_in_doubt")}
        assert doubts == before.keys()
    leader.run_for(TTL_SECONDS)
    assert alerts(leader, "lease_lost") == alerts(leader, "conceded") == []
    assert {held.resource: held.token for held in reservations.all()} == {name: before[name] + 1 for name in before}
    must_agree(leader)


def test_a_lease_that_was_taken_while_the_disk_was_full_is_lost(
    leader: ScriptedCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = account_resource("alpha")
    with monkeypatch.context() as full:
        full.setattr(leader.ledger.reservations, "renew_resource", ledger_away)
        leader.run_for(TTL_SECONDS / 2)
    taken_over(leader, resource)
    leader.run_for(TTL_SECONDS / 3)
    assert any(resource in said for said in alerts(leader, "lease_lost"))
    assert len(alerts(leader, "conceded")) == 1
