"""Requests under load: killed around every commit and every call to the broker, repeated, and asked for by two at once.

What is on disk and at the broker when a process dies is all that the next one has to go by. So dying at two lines with
no commit and no call between them is the same death, and each of the others is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crew_helpers import alerts, closes_sent, deals, must_agree, now, only_alpha, opened, positions
from hypothesis import given, settings
from hypothesis import strategies as st
from made_ledger import NOON, a_ledger

from actors.closing_requests import row_of
from actors.commands import (
    CloseTrade,
    Command,
    CommandState,
    Halt,
    Lift,
    Outcome,
    OutcomeOf,
    PauseOpening,
    ResumeOpening,
)
from actors.messages import Close
from actors.names import OPERATOR, platform_actor
from actors.obeying import LedgerAway, new_request, obey
from actors.scripted_crew import A_WEDNESDAY_NOON, ScriptedCrew
from actors.seeing_through import GOOD_FOR_SECONDS
from actors.system.runtime_virtual import VirtualWorld
from connectors.mock_script import reject
from persistence.errors import LedgerUnavailable, StaleToken
from trading.market import Instant
from trading.trade import CloseReason, TradeState

TTL_SECONDS = 60.0
ANN = "ann from 127.0.0.1"
CLOSE = CloseTrade(request_id="request-1", by=ANN, trade_id=1)
BROKER_CALLS = ("close", "deals", "positions")

# ---------------------------------------------------------------- dying


def die_at(crew: ScriptedCrew, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the process vanish at the n-th of these: before and after each commit, and each call to the broker."""
    left = [number]

    def step() -> None:
        left[0] -= 1
        if left[0] == 0:
            crew.kill()

    def around(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **named: Any) -> Any:
            step()
            answer = call(*arguments, **named)
            step()
            return answer

        return called

    database = crew.ledger._database
    real = database.writing

    @contextmanager
    def writing() -> Iterator[Any]:
        step()
        with real() as connection:
            yield connection
        step()

    monkeypatch.setattr(database, "writing", writing)
    for call in BROKER_CALLS:
        monkeypatch.setattr(crew.brokers["alpha"], call, around(getattr(crew.brokers["alpha"], call)))


def next_process(first: ScriptedCrew, world: VirtualWorld, url: str, wait_seconds: float) -> ScriptedCrew:
    """The one that leads after it."""
    world.run_for(wait_seconds)
    crew = ScriptedCrew(
        only_alpha(), world.now(), world=world, database_url=url, brokers=first.brokers, takes_commands=True
    )
    crew.start()
    return crew


def outcome(crew: ScriptedCrew) -> Outcome | None:
    found: Outcome | None = crew.ask(OPERATOR, OutcomeOf(CLOSE.request_id))
    return found


@pytest.mark.parametrize("wait_seconds", [TTL_SECONDS + 1, GOOD_FOR_SECONDS + 30], ids=["soon", "too late"])
def test_a_close_by_hand_that_the_process_dies_in_is_neither_lost_nor_doubled(
    tmp_path_factory: pytest.TempPathFactory, wait_seconds: float
) -> None:
    number, has_died, ends = 0, True, set()
    while has_died:
        number += 1
        url = f"sqlite:///{(tmp_path_factory.mktemp('dying') / 'ledger.sqlite').as_posix()}"
        with VirtualWorld(A_WEDNESDAY_NOON) as world:
            first = ScriptedCrew(only_alpha(), world=world, database_url=url, takes_commands=True)
            first.start()
            first.run_for(1)
            opened(first)
            first.run_for(1)
            with pytest.MonkeyPatch.context() as dying:
                die_at(first, dying, number)
                first.tell(OPERATOR, CLOSE)
                first.run_for(3)
            has_died = first.system.is_killed
            first.close()
            second = next_process(first, world, url, wait_seconds)
            try:
                second.run_for(30)
                ends.add(must_be_settled(second, is_soon=wait_seconds < GOOD_FOR_SECONDS))
            finally:
                second.close()
    assert number > 12
    expected = {"never asked", "closed"} | ({"left open"} if wait_seconds > GOOD_FOR_SECONDS else set())
    assert ends == expected


def test_a_close_by_hand_of_which_the_commit_was_not_answered_is_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"
    with VirtualWorld(A_WEDNESDAY_NOON) as world:
        crew = ScriptedCrew(only_alpha(), world=world, database_url=url, takes_commands=True)
        crew.start()
        crew.run_for(1)
        opened(crew)
        crew.run_for(1)
        begin, writing, lost = crew.ledger.requests.begin, crew.ledger._database.writing, []

        def begun(*arguments: Any) -> bool:
            lost.append("the answer to this commit")
            return begin(*arguments)

        @contextmanager
        def unanswered() -> Iterator[Any]:
            with writing() as connection:
                yield connection
            if lost:
                raise LedgerUnavailable("ledger", lost.pop())

        with monkeypatch.context() as losing:
            losing.setattr(crew.ledger.requests, "begin", begun)
            losing.setattr(crew.ledger._database, "writing", unanswered)
            with pytest.raises(LedgerAway):
                crew.ask(OPERATOR, CLOSE)
        crew.run_for(10)
        assert must_be_settled(crew, is_soon=True) == "closed"
        assert closes_sent(crew) == 1
        crew.close()


def test_a_process_that_lost_the_lead_before_it_could_write_a_request_down_refuses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"
    with VirtualWorld(A_WEDNESDAY_NOON) as world:
        crew = ScriptedCrew(only_alpha(), world=world, database_url=url, takes_commands=True)
        crew.start()
        crew.run_for(1)
        opened(crew)
        crew.run_for(1)

        def lost(*_: Any) -> None:
            raise StaleToken("desk:7 holds crew:default")

        with monkeypatch.context() as losing:
            losing.setattr(crew.ledger.reservations, "require", lost)
            answer = crew.ask(OPERATOR, CLOSE)
        assert (answer.state, answer.detail["code"]) == (CommandState.REFUSED, "not_leading")
        crew.run_for(60)
        assert closes_sent(crew) == 0
        crew.close()


def test_a_close_by_hand_amid_a_halt_ends_what_a_rule_has_begun_to_close(tmp_path: Path) -> None:
    url = f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"
    with VirtualWorld(A_WEDNESDAY_NOON) as world:
        crew = ScriptedCrew(only_alpha(), world=world, database_url=url, takes_commands=True)
        crew.start()
        crew.run_for(1)
        trade = opened(crew)
        crew.run_for(1)
        crew.brokers["alpha"].script(close=[reject("market_closed", "no")])
        crew.tell(platform_actor("alpha"), Close(trade.trade_id, trade.commodity, CloseReason.TIME_STOP, None))
        crew.run_for(0.2)
        crew.ask(OPERATOR, Halt(request_id="request-0", by=ANN))
        crew.run_for(60)
        assert crew.ledger.trades.get(1).state is TradeState.CLOSING
        crew.ask(OPERATOR, CLOSE)
        crew.run_for(90)
        assert crew.ledger.trades.get(1).state is TradeState.CLOSED
        known = outcome(crew)
        assert known is not None
        assert known.state is CommandState.DONE
        assert closes_sent(crew) == 2
        crew.close()


def must_be_settled(crew: ScriptedCrew, *, is_soon: bool) -> str:
    """Ledger, broker and request say one thing; answers which."""
    must_agree(crew)
    trade = crew.ledger.trades.get(1)
    assert closes_sent(crew) <= 1
    known = outcome(crew)
    if known is None:
        assert trade.state is TradeState.OPEN
        return "never asked"
    if known.state is CommandState.DONE:
        assert (trade.state, trade.close_reason) == (TradeState.CLOSED, CloseReason.OPERATOR)
        assert len(deals(crew, trade)) == 2
        return "closed"
    assert not is_soon
    assert (known.state, trade.state) == (CommandState.REFUSED, TradeState.OPEN)
    assert "was not closed" in known.said
    assert len(positions(crew)) == 1
    assert len(alerts(crew, "not_carried_out")) == 1
    return "left open"


def test_a_request_that_waits_for_its_account_is_not_given_up_before_the_account_was_looked_through(
    world: VirtualWorld, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A close may have left while the ledger was away: an open row alone proves nothing."""
    first = ScriptedCrew(only_alpha(), world=world, database_url=ledger_url, takes_commands=True)
    first.start()
    first.run_for(1)
    trade = opened(first)
    with monkeypatch.context() as deaf:
        deaf.setattr("actors.platform.PlatformActor._close", lambda *_: None)
        first.ask(OPERATOR, CLOSE)
        first.run_for(1)
    first.kill()
    (position,) = positions(first)
    first.brokers["alpha"].close_by_hand(position.ticket)
    second = next_process(first, world, ledger_url, GOOD_FOR_SECONDS + 30)
    try:
        second.run_for(60)
        assert now(second, trade).state is TradeState.CLOSED
        known = outcome(second)
        assert known is not None
        assert known.state is CommandState.DONE
        assert not alerts(second, "not_carried_out")
    finally:
        second.close()
        first.close()


def test_a_trade_that_took_the_number_of_another_since_a_backup_was_restored_is_left_alone(
    world: VirtualWorld, ledger_url: str
) -> None:
    first = ScriptedCrew(only_alpha(), world=world, database_url=ledger_url, takes_commands=True)
    first.start()
    first.run_for(1)
    trade = opened(first)
    other = replace(trade, analysis_id="another")
    for number, meant in enumerate((other, replace(other, trade_id=77))):
        request = replace(
            new_request(CloseTrade(request_id=f"request-{number}", by=ANN, trade_id=meant.trade_id), first.now),
            detail={"asked": {"trade_id": meant.trade_id}, "trades": [row_of(meant, "it is to be closed")]},
        )
        with first.ledger.writing() as connection:
            first.ledger.requests.begin(connection, request)
    first.kill()
    second = next_process(first, world, ledger_url, TTL_SECONDS + 1)
    try:
        second.run_for(10)
        assert now(second, trade).state is TradeState.OPEN
        for number in range(2):
            known = second.ask(OPERATOR, OutcomeOf(f"request-{number}"))
            assert known.state is CommandState.REFUSED
            assert "is not in the ledger any more" in known.said
    finally:
        second.close()
        first.close()


# ---------------------------------------------------------------- repeating

NAMES = st.sampled_from(["alpha", None])
COMMANDS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(dict, kind=st.just(PauseOpening), platform=NAMES, commodity=st.sampled_from(["EURUSD", None])),
    st.builds(dict, kind=st.just(ResumeOpening), platform=NAMES, commodity=st.sampled_from(["EURUSD", None])),
    st.builds(dict, kind=st.just(Halt), reason=st.sampled_from(["", "why"])),
    st.builds(dict, kind=st.just(Lift)),
)


def made(number: int, content: dict[str, Any]) -> Any:
    fields = {name: value for name, value in content.items() if name != "kind"}
    return content["kind"](request_id=f"request-{number}", by=ANN, **fields)


@given(st.lists(COMMANDS, min_size=1, max_size=6), st.data())
@settings(max_examples=20, deadline=None)
def test_repeating_commands_in_any_order_after_they_were_asked_equals_asking_once(
    contents: list[dict[str, Any]], data: st.DataObject
) -> None:
    commands = [made(number, content) for number, content in enumerate(contents)]
    with a_ledger() as once, a_ledger() as often:
        for index, command in enumerate(commands):
            said = done(once, command, NOON + index)
            assert done(often, command, NOON + index) == said
            for again in data.draw(st.lists(st.sampled_from(commands[: index + 1]), max_size=3)):
                repeated = obey(often, only_alpha(), again, NOON + index)
                assert repeated.is_repeated
        assert state_of(once) == state_of(often)


def done(ledger: Any, command: Any, at: Instant) -> tuple[CommandState, str]:
    outcome = obey(ledger, only_alpha(), command, at)
    assert not outcome.is_repeated
    return outcome.state, outcome.said


def state_of(ledger: Any) -> tuple[object, ...]:
    lines = [(line.at, line.kind, line.reason, line.detail) for line in ledger.journal.list(newest_first=False)]
    return ledger.modes.by_cause("default"), ledger.pauses.of("default"), lines


@pytest.mark.parametrize("command", [Halt(request_id="request-1", by=ANN), Lift(request_id="request-1", by=ANN)])
def test_of_two_processes_that_are_asked_the_same_at_once_one_does_it(any_url: str, command: Command) -> None:
    with a_ledger(any_url) as one, a_ledger(any_url) as other, ThreadPoolExecutor(2) as both:
        asked = [both.submit(obey, ledger, only_alpha(), command, NOON) for ledger in (one, other)]  # type: ignore[arg-type]  # of the ledger alone
        outcomes = [future.result() for future in asked]
        assert sorted(outcome.is_repeated for outcome in outcomes) == [False, True]
        assert {outcome.state for outcome in outcomes} == {CommandState.DONE}
        assert len(one.journal.list(kind="command")) == 1


def test_two_who_halt_at_once_under_ids_of_their_own_are_both_told_that_it_is_done(any_url: str) -> None:
    with a_ledger(any_url) as one, a_ledger(any_url) as other, ThreadPoolExecutor(2) as both:
        for number in range(5):
            halts = [
                both.submit(obey, ledger, only_alpha(), Halt(request_id=f"request-{number}-{who}", by=who), NOON)
                for who, ledger in (("ann", one), ("bob", other))
            ]
            assert {halt.result().state for halt in halts} == {CommandState.DONE}
            obey(one, only_alpha(), Lift(request_id=f"request-{number}-lift", by=ANN), NOON)
        assert [line.reason for line in one.journal.list(kind="mode")] == ["trading", "halted"] * 5
