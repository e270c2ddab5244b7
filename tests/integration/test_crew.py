"""The crew as a whole: actors that fail, accounts that are chosen in turn or are slow, processes that take over."""

from __future__ import annotations

import pytest
from crew_helpers import (
    StartCrew,
    account,
    alerts,
    decisions,
    move,
    must_agree,
    now,
    only_alpha,
    opened,
    sent,
    states,
    told,
    unanswered,
)

from actors.names import ANALYST, MONITOR, RESERVATION, SCHEDULER, TRADER, platform_actor
from actors.scripted_crew import ScriptedCrew
from actors.system.errors import StartFailed
from actors.system.runtime_virtual import VirtualWorld
from connectors.mock_script import as_usual, delay, lost_reply, requote
from trading.market import SECOND, Account, Side
from trading.settings import Settings
from trading.trade import CloseReason, TradeState

ACTORS = [RESERVATION, platform_actor("alpha"), MONITOR, SCHEDULER, TRADER, ANALYST]
TTL_SECONDS = 60.0


# ------------------------------------------------------------ actors that fail


@pytest.mark.parametrize("name", ACTORS)
def test_an_actor_that_raises_is_restarted_and_the_system_goes_on(start_crew: StartCrew, name: str) -> None:
    crew = start_crew(only_alpha(ai_per_account_cooldown_minutes=0))
    trade = opened(crew)
    crew.run_for(5)
    crew.tell(name, "a message that nobody takes")
    crew.run_for(5)
    assert crew.system.stats()[name].restarts == 1
    assert len(alerts(crew, "crashed")) == 1
    move(crew, trade.stop_price)
    crew.run_for(2)
    assert now(crew, trade).close_reason is CloseReason.STOP
    crew.run_for(30)
    opened(crew)
    must_agree(crew)
    assert crew.escalated == []


@pytest.mark.parametrize("name", ACTORS)
def test_an_actor_that_keeps_raising_is_given_up_and_the_process_is_told(start_crew: StartCrew, name: str) -> None:
    crew = start_crew(only_alpha())
    for _ in range(6):
        assert crew.escalated == []
        crew.tell(name, "a message that nobody takes")
        crew.run_for(3)
    assert [escalated.partition(": ")[0] for escalated in crew.escalated] == [name]


def test_a_restarted_account_polls_no_more_often_than_before(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    for _ in range(3):
        crew.tell(platform_actor("alpha"), "a message that nobody takes")
        crew.run_for(20)
    alpha = crew.brokers["alpha"]
    alpha.requests.clear()
    crew.run_for(60)
    assert len(alpha.asked("quotes")) == 60
    assert len(alpha.asked("positions")) == 2


def test_a_monitor_that_restarts_finds_the_trades_it_has_to_guard(start_crew: StartCrew) -> None:
    crew = start_crew(Settings())
    first, second = opened(crew), opened(crew, Side.SELL)
    crew.tell(MONITOR, "a message that nobody takes")
    crew.run_for(2)
    move(crew, first.stop_price - 0.0001)
    crew.run_for(2)
    assert now(crew, first).close_reason is CloseReason.STOP
    move(crew, second.stop_price)
    crew.run_for(2)
    assert now(crew, second).close_reason is CloseReason.STOP
    must_agree(crew)


# ------------------------------------------------------------ the choice of the account


def test_two_equal_accounts_take_turns_and_the_journal_says_why(start_crew: StartCrew) -> None:
    crew = start_crew(Settings(ai_per_account_cooldown_minutes=0))
    taken = []
    for _ in range(6):
        trade = opened(crew)
        taken.append(trade.platform)
        assert trade.ticket is not None
        crew.brokers[trade.platform].close_by_hand(trade.ticket)
        crew.run_for(61)
    assert taken == ["alpha", "beta"] * 3
    lines = crew.ledger.journal.list(kind="decision", newest_first=False)
    assert [line.detail["chosen"] for line in lines] == taken
    assert {line.detail["decided_by"] for line in lines} == {"rotation"}
    for line in lines:
        rows = {row["platform"]: row for row in line.detail["candidates"]}
        assert rows.keys() == {"alpha", "beta"}
        for row in rows.values():
            assert (row["eligible"], row["reason"]) == (True, None)
            assert row["cost"] > 0
            assert row["volume_lots"] > 0
            assert row["sizing"]["volume_lots"] == row["volume_lots"]
    must_agree(crew)


def test_an_account_that_cannot_take_it_is_in_the_table_with_its_reason(start_crew: StartCrew) -> None:
    accounts = (account("alpha"), account("beta"), account("gamma", "GBPUSD"))
    prices = {"EURUSD": (1.10000, 1.10010), "GBPUSD": (1.30000, 1.30014)}
    crew = start_crew(Settings(accounts=accounts), prices=prices)
    opened(crew)
    crew.brokers["beta"].drop()
    crew.brokers["beta"].fail("connect", times=2)
    crew.run_for(2)
    assert told(crew) is None
    line = crew.ledger.journal.list(kind="decision")[0]
    assert {row["platform"]: row["reason"] for row in line.detail["candidates"]} == {
        "alpha": "open trade",
        "beta": "not connected",
        "gamma": "not its commodity",
    }
    assert line.reason == "refused:no eligible account"


def test_an_account_with_figures_that_are_no_numbers_spoils_no_decision(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(Settings())
    alpha = crew.brokers["alpha"]
    nonsense = Account("alpha", "USD", float("nan"), float("nan"), 0.0, crew.now)
    monkeypatch.setattr(alpha, "account", lambda deadline: nonsense)
    crew.run_for(2)
    assert opened(crew).platform == "beta"
    assert alerts(crew, "crashed") == []


def test_a_slow_account_delays_nobody(start_crew: StartCrew) -> None:
    crew = start_crew(Settings())
    first, second = opened(crew), opened(crew)
    assert (first.platform, second.platform) == ("alpha", "beta")
    crew.brokers["alpha"].script(quotes=[delay(19)] * 20)
    crew.run_for(5)
    began = crew.now
    move(crew, first.stop_price)
    crew.run_for(3)
    stopped = now(crew, second)
    assert stopped.close_reason is CloseReason.STOP
    assert stopped.closed_at is not None
    assert stopped.closed_at - began <= 2 * SECOND, "two polls"
    assert now(crew, first).state is TradeState.OPEN
    crew.run_for(60)
    assert now(crew, first).close_reason is CloseReason.STOP
    must_agree(crew)


def test_a_stop_does_not_wait_for_an_account_that_cannot_say_what_it_is_worth(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    monkeypatch.setattr(crew.brokers["alpha"], "account", unanswered)
    move(crew, trade.stop_price)
    crew.run_for(2)
    assert now(crew, trade).close_reason is CloseReason.STOP


def test_a_broker_that_was_away_is_found_again_and_its_trades_are_guarded(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(ai_per_account_cooldown_minutes=0))
    trade = opened(crew)
    alpha = crew.brokers["alpha"]
    alpha.drop()
    alpha.fail("connect", times=60)
    crew.run_for(299)
    assert told(crew) is None
    assert decisions(crew)[-1] == "refused:no plan"
    move(crew, trade.stop_price)
    crew.run_for(10)
    assert now(crew, trade).close_reason is CloseReason.STOP
    assert (len(alerts(crew, "broker")), len(alerts(crew, "broker_back"))) == (1, 1), "gone, and there again"
    last = [request.call for request in alpha.requests if request.call in ("connect", "fence", "quotes")]
    assert "fence" in last[len(last) - last[::-1].index("connect") :], "its fence is raised before it is asked anything"
    must_agree(crew)


# ------------------------------------------------------------ the same run twice


def eventful(seed: int) -> bytes:
    """The journal of a run with opens, requotes, lost replies, crashes and closes."""
    with ScriptedCrew(Settings(ai_per_account_cooldown_minutes=1), seed=seed) as crew:
        crew.brokers["alpha"].script(open=[requote(), lost_reply(executed=True)], quotes=[as_usual(), delay(5)])
        crew.brokers["beta"].script(open=[lost_reply(executed=False)])
        for minute in range(20):
            crew.analyse(crew.opinion(Side.BUY if minute % 3 else Side.SELL))
            move(crew, 1.1 + 0.0030 * (minute % 5 - 2))
            crew.run_for(60)
            if minute == 7:
                crew.tell(MONITOR, "a message that nobody takes")
        must_agree(crew)
        assert len(states(crew)) > 3
        return crew.ledger.journal.export()


def test_the_same_run_twice_writes_the_same_journal_to_the_byte() -> None:
    first = eventful(seed=1)
    assert eventful(seed=1) == first
    assert first.count(b"\n") > 30


# ------------------------------------------------------------ two processes


def standby_of(leader: ScriptedCrew, world: VirtualWorld, ledger_url: str) -> ScriptedCrew:
    """Another process of the same crew, which does not lead yet."""
    return ScriptedCrew(only_alpha(), world.now(), world=world, database_url=ledger_url, brokers=leader.brokers)


def test_of_two_processes_on_one_ledger_one_leads_and_the_other_stands_by(
    leader: ScriptedCrew, world: VirtualWorld, ledger_url: str
) -> None:
    standby = standby_of(leader, world, ledger_url)
    with pytest.raises(StartFailed, match="has a leader"):
        standby.start()
    trade = opened(leader)
    for _ in range(10):
        world.run_for(TTL_SECONDS / 3)
        assert not standby.lead()
    assert standby.ledger.trades.get(trade.trade_id).state is TradeState.OPEN
    assert set(standby.system.stats()) == {RESERVATION}
    standby.close()


def test_a_leader_that_stops_in_order_is_followed_at_once(world: VirtualWorld, ledger_url: str) -> None:
    first = ScriptedCrew(only_alpha(), world=world, database_url=ledger_url)
    first.start()
    trade = opened(first)
    second = standby_of(first, world, ledger_url)
    assert not second.lead()
    first.close()
    assert second.ledger.reservations.all() == [], "every lease was given back"
    second.start()
    move(second, trade.stop_price)
    second.run_for(2)
    assert now(second, trade).close_reason is CloseReason.STOP
    must_agree(second)
    second.close()


def test_a_leader_that_is_killed_is_followed_once_its_lease_has_expired(world: VirtualWorld, ledger_url: str) -> None:
    first = ScriptedCrew(only_alpha(), world=world, database_url=ledger_url)
    first.start()
    first.brokers["alpha"].script(open=[lost_reply(executed=True)])
    trade = told(first)
    assert trade is not None
    second = standby_of(first, world, ledger_url)
    first.kill()
    waited = 0.0
    while not second.lead():
        world.run_for(1)
        waited += 1
    assert TTL_SECONDS - TTL_SECONDS / 3 <= waited <= TTL_SECONDS
    second.start()
    world.run_for(5)
    assert now(second, trade).state is TradeState.OPEN
    assert len(sent(second)) == 1
    move(second, trade.stop_price)
    second.run_for(2)
    assert now(second, trade).close_reason is CloseReason.STOP
    must_agree(second)
    second.close()


def test_the_newcomer_raises_the_fence_beside_the_broker_before_it_looks(
    leader: ScriptedCrew, world: VirtualWorld, ledger_url: str
) -> None:
    alpha = leader.brokers["alpha"]
    leader.kill()
    world.run_for(TTL_SECONDS + 1)
    alpha.requests.clear()
    second = standby_of(leader, world, ledger_url)
    second.start()
    calls = [request.call for request in alpha.requests]
    assert calls.index("fence") < min(calls.index(call) for call in ("positions", "orders", "quotes"))
    assert alpha.asked("fence")[0].arguments == (2,)
    second.close()
