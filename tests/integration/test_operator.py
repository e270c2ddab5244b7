"""What a person asks for is done once, and its outcome is what the ledger and the broker say."""

from __future__ import annotations

from typing import Any

import pytest
from crew_helpers import (
    StartCrew,
    account,
    alerts,
    closes_sent,
    decisions,
    look,
    lost,
    must_agree,
    now,
    only_alpha,
    opened,
    positions,
    told,
)
from made_ledger import NOON, a_ledger

from actors.commands import (
    CloseAll,
    CloseTrade,
    Command,
    CommandState,
    ForgiveDrawdown,
    Halt,
    Lift,
    Outcome,
    OutcomeOf,
    PauseOpening,
    ResetCrashLoop,
    ResumeOpening,
)
from actors.messages import HeedPauses
from actors.names import OPERATOR
from actors.obeying import LedgerAway, obey
from actors.scripted_crew import ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from connectors.mock_script import fail, lost_reply, partly, reject
from persistence.errors import LedgerUnavailable
from trading.analysis import Analysis
from trading.modes import Mode
from trading.settings import Settings
from trading.trade import CloseReason, TradeState

ANN = "ann from 127.0.0.1"


def ask(crew: ScriptedCrew, command: Command) -> Outcome:
    """What the operator answers at once."""
    outcome = crew.ask(OPERATOR, command)
    assert isinstance(outcome, Outcome)
    return outcome


def outcome(crew: ScriptedCrew, request_id: str = "request-1") -> Outcome:
    """What is known of a request."""
    found = crew.ask(OPERATOR, OutcomeOf(request_id))
    assert isinstance(found, Outcome)
    return found


def closing(trade_id: int, request_id: str = "request-1") -> CloseTrade:
    return CloseTrade(request_id=request_id, by=ANN, trade_id=trade_id)


def rows(known: Outcome) -> list[dict[str, Any]]:
    """What is said of each trade."""
    found: Any = known.detail["trades"]
    return list(found)


def command_lines(crew: ScriptedCrew) -> list[str]:
    """The reasons of the journal's lines about commands, the oldest first."""
    return [line.reason for line in crew.ledger.journal.list(kind="command", newest_first=False)]


@pytest.fixture
def crew(start_crew: StartCrew) -> ScriptedCrew:
    """One account, and an operator."""
    crew = start_crew(only_alpha(), takes_commands=True)
    crew.run_for(1)
    return crew


# ---------------------------------------------------------------- closing


def test_a_trade_is_closed_and_the_outcome_says_at_what_price_and_profit(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    begun = ask(crew, closing(trade.trade_id))
    assert (begun.state, begun.command, begun.is_repeated) == (CommandState.UNRESOLVED, "close_trade", False)
    crew.run_for(1)
    row = now(crew, trade)
    assert (row.state, row.close_reason) == (TradeState.CLOSED, CloseReason.OPERATOR)
    known = outcome(crew)
    assert known.state is CommandState.DONE
    (said,) = rows(known)
    assert (said["profit"], said["exit_price"], said["close_reason"]) == (row.profit, row.exit_price, "operator")
    assert f"by operator at {row.exit_price:g}, profit {row.profit:+.2f}" in known.said
    must_agree(crew)


def test_on_each_kind_of_database_a_trade_is_closed_by_hand(
    start_crew: StartCrew, world: VirtualWorld, any_url: str
) -> None:
    crew = start_crew(only_alpha(), world=world, database_url=any_url, takes_commands=True)
    crew.run_for(1)
    trade = opened(crew)
    assert ask(crew, closing(trade.trade_id)).state is CommandState.UNRESOLVED
    crew.run_for(1)
    assert outcome(crew).state is CommandState.DONE
    assert crew.ledger.requests.unresolved() == []


def test_the_request_is_in_the_journal_with_who_asked_before_anything_was_sent(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    ask(crew, closing(trade.trade_id))
    crew.run_for(1)
    lines = crew.ledger.journal.list(newest_first=False)
    begun = next(line for line in lines if line.reason == "close_trade:begun")
    committed = next(line for line in lines if line.detail.get("after") == TradeState.CLOSING.value)
    assert begun.id < committed.id
    assert (begun.detail["by"], begun.detail["asked"], begun.trade_id) == (
        ANN, {"trade_id": trade.trade_id}, trade.trade_id,
    )  # fmt: skip
    assert command_lines(crew) == ["close_trade:begun", "close_trade:done"]


def test_asked_again_it_is_answered_with_what_came_of_it_and_nothing_more_is_sent(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    for _ in range(3):
        ask(crew, closing(trade.trade_id))
    crew.run_for(1)
    again = ask(crew, closing(trade.trade_id))
    assert (again.state, again.is_repeated) == (CommandState.DONE, True)
    assert closes_sent(crew) == 1


def test_an_id_that_was_used_for_something_else_is_refused_and_keeps_its_first_meaning(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    ask(crew, PauseOpening(request_id="request-1", by=ANN))
    other = ask(crew, closing(trade.trade_id))
    assert (other.state, other.detail["code"]) == (CommandState.REFUSED, "other_content")
    crew.run_for(5)
    assert now(crew, trade).state is TradeState.OPEN
    assert outcome(crew).command == "pause_opening"


@pytest.mark.parametrize("mode", [Mode.PAUSED, Mode.HALTED])
def test_a_person_closes_while_nothing_is_opened_or_guarded(crew: ScriptedCrew, mode: Mode) -> None:
    trade = opened(crew)
    stop = PauseOpening if mode is Mode.PAUSED else Halt
    assert ask(crew, stop(request_id="request-0", by=ANN)).state is CommandState.DONE
    ask(crew, closing(trade.trade_id))
    crew.run_for(1)
    assert outcome(crew).state is CommandState.DONE
    assert not positions(crew)


def test_a_close_that_the_market_refuses_waits_and_says_why_until_it_goes_through(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    crew.brokers["alpha"].script(close=[reject("market_closed", "Market is closed")] * 3)
    ask(crew, closing(trade.trade_id))
    crew.run_for(2)
    waiting = outcome(crew)
    assert waiting.state is CommandState.UNRESOLVED
    assert "market_closed" in waiting.said
    crew.run_for(60)
    assert outcome(crew).state is CommandState.DONE
    assert closes_sent(crew) == 4


@pytest.mark.parametrize("executed", [True, False])
def test_a_close_whose_answer_was_lost_is_unresolved_until_it_was_looked_up(crew: ScriptedCrew, executed: bool) -> None:
    trade = opened(crew)
    crew.brokers["alpha"].script(close=[lost_reply(executed=executed)])
    ask(crew, closing(trade.trade_id))
    crew.run_for(0.5)
    assert outcome(crew).state is CommandState.UNRESOLVED
    crew.run_for(60)
    assert outcome(crew).state is CommandState.DONE
    assert closes_sent(crew) == (1 if executed else 2)
    must_agree(crew)


def test_a_close_in_parts_is_done_when_nothing_is_left(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    crew.brokers["alpha"].script(close=[partly(0.5)])
    ask(crew, closing(trade.trade_id))
    crew.run_for(0.5)
    assert outcome(crew).state is CommandState.UNRESOLVED
    crew.run_for(30)
    assert outcome(crew).state is CommandState.DONE
    assert not positions(crew)


def test_of_a_trade_that_nobody_knows_to_be_there_nothing_is_sent_until_it_shows_as_open(
    start_crew: StartCrew,
) -> None:
    crew = start_crew(only_alpha(), takes_commands=True)
    crew.brokers["alpha"].script(open=[lost_reply(executed=True)], orders=[fail()] * 3, deals=[fail()] * 3)
    trade = lost(crew)
    begun = ask(crew, closing(trade.trade_id))
    assert begun.state is CommandState.UNRESOLVED
    assert "not known yet" in begun.said
    crew.run_for(0)
    assert closes_sent(crew) == 0
    crew.run_for(180)
    assert now(crew, trade).close_reason is CloseReason.OPERATOR
    assert outcome(crew).state is CommandState.DONE
    must_agree(crew)


def test_a_trade_that_never_was_there_makes_the_wish_void(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(), takes_commands=True)
    crew.brokers["alpha"].script(open=[lost_reply(executed=False)])
    trade = lost(crew)
    ask(crew, closing(trade.trade_id))
    crew.run_for(300)
    assert now(crew, trade).state is TradeState.FAILED
    assert outcome(crew).state is CommandState.REFUSED
    assert closes_sent(crew) == 0


def test_what_is_not_open_is_refused_by_name(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    for number, trade_id in enumerate((99, 0, -(1 << 80), 1 << 80)):
        assert ask(crew, closing(trade_id, f"request-x{number}")).detail["code"] == "no_such_trade"
    ask(crew, closing(trade.trade_id))
    crew.run_for(1)
    late = ask(crew, closing(trade.trade_id, "request-2"))
    assert (late.state, late.detail["code"]) == (CommandState.REFUSED, "not_open")
    assert "is closed: there is nothing to close" in late.said


def test_two_people_who_close_one_trade_are_both_told_that_it_is_closed(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    crew.brokers["alpha"].script(close=[lost_reply(executed=True)])
    for request_id in ("request-1", "request-2"):
        ask(crew, closing(trade.trade_id, request_id))
    crew.run_for(10)
    assert {outcome(crew, request_id).state for request_id in ("request-1", "request-2")} == {CommandState.DONE}
    assert closes_sent(crew) == 1


def test_a_close_waits_for_a_broker_that_is_away_and_a_person_hears_of_it(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    crew.brokers["alpha"].fail("close", 100)
    ask(crew, closing(trade.trade_id))
    crew.run_for(90)
    assert outcome(crew).state is CommandState.UNRESOLVED
    assert len(alerts(crew, "close_waits")) == 1


def test_a_close_is_told_again_until_the_account_has_a_price_to_close_at(
    crew: ScriptedCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the account's actor could not do at once, it is asked for again."""
    trade = opened(crew)
    with monkeypatch.context() as deaf:
        deaf.setattr("actors.platform.PlatformActor._close", lambda *_: None)
        ask(crew, closing(trade.trade_id))
        crew.run_for(20)
    assert outcome(crew).state is CommandState.UNRESOLVED
    crew.run_for(20)
    assert outcome(crew).state is CommandState.DONE


# ---------------------------------------------------------------- closing all


@pytest.fixture
def two(start_crew: StartCrew) -> ScriptedCrew:
    """Two accounts with two commodities each, and a trade in each."""
    names = ("EURUSD", "GBPUSD")
    settings = Settings(accounts=(account("alpha", *names), account("beta", *names)))
    crew = start_crew(settings, prices=dict.fromkeys(names, (1.1, 1.1001)), takes_commands=True)
    for commodity in names:
        opened(crew, commodity=commodity)
        crew.run_for(1)
        opened(crew, commodity=commodity)
        crew.run_for(1)
    return crew


@pytest.mark.parametrize(
    ("platform", "commodity", "count"),
    [(None, None, 4), ("alpha", None, 2), (None, "GBPUSD", 2), ("beta", "GBPUSD", 1)],
)
def test_everything_of_a_part_is_closed_by_one_request(
    two: ScriptedCrew, platform: str | None, commodity: str | None, count: int
) -> None:
    ask(two, CloseAll(request_id="request-1", by=ANN, platform=platform, commodity=commodity))
    two.run_for(2)
    known = outcome(two)
    assert known.state is CommandState.DONE
    assert len(rows(known)) == count
    left = two.ledger.trades.active()
    assert len(left) == 4 - count
    assert not [trade for trade in left if platform in (None, trade.platform) and commodity in (None, trade.commodity)]


def test_one_that_cannot_be_closed_keeps_the_request_unresolved_and_no_other_waits_for_it(two: ScriptedCrew) -> None:
    two.brokers["beta"].fail("close", 100)
    ask(two, CloseAll(request_id="request-1", by=ANN))
    two.run_for(5)
    known = outcome(two)
    assert known.state is CommandState.UNRESOLVED
    assert known.said.startswith("2 of 4 trades are closed")
    assert {trade.platform for trade in two.ledger.trades.active()} == {"beta"}


def test_closing_all_of_nothing_is_done(crew: ScriptedCrew) -> None:
    known = ask(crew, CloseAll(request_id="request-1", by=ANN))
    assert (known.state, known.said) == (CommandState.DONE, "there was nothing to close")


# ---------------------------------------------------------------- modes and pauses


def test_a_halt_and_its_lifting_are_done_at_once_and_say_so(crew: ScriptedCrew) -> None:
    halted = ask(crew, Halt(request_id="request-1", by=ANN, reason="look at it"))
    assert halted.state is CommandState.DONE
    record = crew.ledger.modes.of("default")
    assert (record.mode, record.by, record.reason) == (Mode.HALTED, ANN, "look at it")
    for stricter in (PauseOpening(request_id="request-2", by=ANN), ResumeOpening(request_id="request-3", by=ANN)):
        assert ask(crew, stricter).detail["code"] == "halted"
    assert ask(crew, Lift(request_id="request-4", by=ANN)).state is CommandState.DONE
    assert crew.ledger.modes.of("default").mode is Mode.TRADING
    assert command_lines(crew) == ["halt:done", "pause_opening:refused", "resume_opening:refused", "lift:done"]


def test_what_is_so_already_is_done_and_its_first_reason_stays(crew: ScriptedCrew) -> None:
    for number, reason in enumerate(("first", "second")):
        assert ask(crew, Halt(request_id=f"request-{number}", by=ANN, reason=reason)).state is CommandState.DONE
    assert crew.ledger.modes.of("default").reason == "first"
    assert ask(crew, Lift(request_id="request-3", by=ANN)).state is CommandState.DONE
    assert ask(crew, Lift(request_id="request-4", by=ANN)).said == "crew default was not halted"


def test_an_old_halt_that_is_repeated_does_not_halt_again_what_was_lifted(crew: ScriptedCrew) -> None:
    ask(crew, Halt(request_id="request-1", by=ANN))
    ask(crew, Lift(request_id="request-2", by=ANN))
    assert ask(crew, Halt(request_id="request-1", by=ANN)).is_repeated
    assert crew.ledger.modes.of("default").mode is Mode.TRADING


def test_a_drawdown_is_forgiven_and_a_crash_loop_reset_by_name(crew: ScriptedCrew) -> None:
    assert ask(crew, ForgiveDrawdown(request_id="request-1", by=ANN, platform="alpha")).state is CommandState.DONE
    refused = ask(crew, ForgiveDrawdown(request_id="request-2", by=ANN, platform="gamma"))
    assert refused.said == "platform is 'gamma'; expected one of alpha"
    assert len(crew.ledger.journal.list(kind="drawdown_forgiven", platform="alpha")) == 1
    assert ask(crew, ResetCrashLoop(request_id="request-3", by=ANN)).state is CommandState.DONE


@pytest.mark.parametrize("request_id", ["short", "with space", "a" * 65, "ümlaut-ümlaut", ""])
def test_an_id_that_cannot_be_kept_is_refused_and_nothing_is_done(crew: ScriptedCrew, request_id: str) -> None:
    assert ask(crew, Halt(request_id=request_id, by=ANN)).detail["code"] == "bad_request_id"
    assert crew.ledger.modes.of("default").mode is Mode.TRADING


def test_words_that_no_database_takes_are_kept_as_far_as_they_can_be_read(any_url: str) -> None:
    settings = only_alpha()
    with a_ledger(any_url) as ledger:
        halt = Halt(request_id="request-1", by="ann\x00\ud800", reason="why\x00\nnot" * 1_000)
        assert obey(ledger, settings, halt, NOON).state is CommandState.DONE
        record = ledger.modes.of("default")
        assert (record.by, record.reason[:8], len(record.reason)) == ("ann  ", "why  not", 1_000)


def candidates(crew: ScriptedCrew, analysis: Analysis) -> dict[str, str | None]:
    """Why each account was not chosen, by the newest decision's table."""
    crew.analyse(analysis)
    crew.run_for(0)
    line = crew.ledger.journal.list(kind="decision", limit=1)[0]
    rows: list[dict[str, Any]] = line.detail["candidates"]
    return {row["platform"]: row["reason"] for row in rows}


def test_a_paused_account_is_passed_over_at_once_and_the_table_says_why(start_crew: StartCrew) -> None:
    crew = start_crew(Settings(accounts=(account("alpha"), account("beta"))), takes_commands=True)
    crew.run_for(1)
    ask(crew, PauseOpening(request_id="request-1", by=ANN, platform="alpha", reason="its server is moved"))
    crew.run_for(0)
    assert candidates(crew, crew.opinion()) == {"alpha": "paused", "beta": None}
    ask(crew, ResumeOpening(request_id="request-2", by=ANN, platform="alpha"))
    crew.run_for(0)
    assert candidates(crew, crew.opinion())["alpha"] is None


def test_a_pause_of_which_the_accounts_have_not_heard_yet_still_keeps_the_order_from_being_sent(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set by another process, for one: an order finds it by itself, and the analysis goes to another account."""
    crew = start_crew(Settings(accounts=(account("alpha"), account("beta"))), takes_commands=True)
    crew.run_for(1)
    tell = crew.system.tell
    monkeypatch.setattr(
        crew.system, "tell", lambda name, message: None if isinstance(message, HeedPauses) else tell(name, message)
    )
    ask(crew, PauseOpening(request_id="request-1", by=ANN, platform="alpha"))
    trade = told(crew)
    crew.run_for(1)
    assert trade is None or trade.platform == "beta"
    assert not positions(crew, "alpha")
    assert [line.reason for line in crew.ledger.journal.list(kind="open_result", platform="alpha")] == [
        "refused:paused"
    ]
    look(crew)
    crew.run_for(1)
    assert candidates(crew, crew.opinion())["alpha"] == "paused"


def test_a_commodity_paused_everywhere_is_refused_as_paused(crew: ScriptedCrew) -> None:
    ask(crew, PauseOpening(request_id="request-1", by=ANN, commodity="EURUSD"))
    crew.run_for(0)
    assert told(crew) is None
    assert decisions(crew)[-1] == "refused:paused"
    wrong = ask(crew, PauseOpening(request_id="request-2", by=ANN, commodity="XAUUSD"))
    assert wrong.said == "commodity is 'XAUUSD'; expected one of EURUSD"


# ---------------------------------------------------------------- who leads, and a ledger that is away


def test_a_process_that_stands_by_sets_modes_and_refuses_to_close_naming_who_leads(
    world: VirtualWorld, ledger_url: str
) -> None:
    first = ScriptedCrew(only_alpha(), world=world, database_url=ledger_url, takes_commands=True)
    second = ScriptedCrew(only_alpha(), world=world, database_url=ledger_url, takes_commands=True)
    with first:
        try:
            first.run_for(1)
            trade = opened(first)
            assert not second.lead()
            refused = ask(second, closing(trade.trade_id))
            assert (refused.state, refused.detail["code"]) == (CommandState.REFUSED, "not_leading")
            assert refused.said == f"this process stands by; {first.runtime.owner} leads"
            assert ask(second, Halt(request_id="request-2", by=ANN)).state is CommandState.DONE
            first.run_for(1)
            assert now(first, trade).state is TradeState.OPEN
            # One who does not lead has decided nothing about the request: whoever leads takes it under the same id.
            assert ask(first, closing(trade.trade_id)).state is CommandState.UNRESOLVED
            first.run_for(1)
            assert outcome(second).state is CommandState.DONE
        finally:
            second.close()


def test_without_the_ledger_nothing_is_done_and_nobody_is_told_that_it_failed(
    crew: ScriptedCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade = opened(crew)
    for command in (closing(trade.trade_id), Halt(request_id="request-2", by=ANN), OutcomeOf("request-1")):
        with monkeypatch.context() as broken:
            broken.setattr(crew.ledger.requests, "find", _away)
            broken.setattr(crew.ledger, "writing", _away)
            with pytest.raises(LedgerAway, match="is away"):
                crew.ask(OPERATOR, command)
    assert closes_sent(crew) == 0
    ask(crew, closing(trade.trade_id))
    crew.run_for(1)
    assert outcome(crew).state is CommandState.DONE


def test_a_ledger_that_goes_away_after_the_request_was_committed_leaves_it_unresolved(
    crew: ScriptedCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade = opened(crew)
    with monkeypatch.context() as broken:
        broken.setattr(crew.ledger.requests, "settle", _away)
        assert ask(crew, closing(trade.trade_id)).state is CommandState.UNRESOLVED
        crew.run_for(5)
        assert outcome(crew).state is CommandState.UNRESOLVED
    crew.run_for(20)
    assert outcome(crew).state is CommandState.DONE


def _away(*_: object, **__: object) -> None:
    raise LedgerUnavailable("the ledger", "it is away")


def test_an_actor_that_crashes_takes_up_what_it_had_begun(crew: ScriptedCrew, monkeypatch: pytest.MonkeyPatch) -> None:
    trade = opened(crew)
    with monkeypatch.context() as deaf:
        deaf.setattr("actors.platform.PlatformActor._close", lambda *_: None)
        ask(crew, closing(trade.trade_id))
        crew.run_for(2)
        crew.tell(OPERATOR, "nonsense")
        crew.run_for(2)
    crew.run_for(20)
    assert outcome(crew).state is CommandState.DONE
    assert closes_sent(crew) == 1
