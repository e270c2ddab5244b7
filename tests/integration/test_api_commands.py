"""The commands of the API, over real sockets and with the real operator: what is done, refused, and not known yet."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_console import DEADLINE_SECONDS, MadeConsole, a_snapshot, made_console, written_trade

from actors.commands import CloseTrade, Command, CommandState, Outcome, OutcomeOf, PauseOpening
from actors.names import OPERATOR
from actors.obeying import LedgerAway
from actors.system.context import Context
from console.api import commands, errands
from console.api.errands import Errands
from console.api.problems import ProblemError
from console.api.window import Window
from persistence.ledger import Ledger
from trading.modes import Mode

ID = "request-0001"


class ScriptedOperator:
    """Answers commands as it is told to, and remembers what it was asked."""

    def __init__(self, *answers: CommandState | Exception) -> None:
        self.answers = list(answers)
        self.commands: list[Command] = []
        self.looks = 0

    def receive(self, message: object, context: Context) -> Outcome | None:
        """The next answer to a command; what came of it from the one after that on."""
        if isinstance(message, Command):
            self.commands.append(message)
        else:
            assert isinstance(message, OutcomeOf)
            self.looks += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Outcome(ID, "close_trade", answer, f"it is {answer}", by="a test", at=context.now())


@pytest.fixture
def made(tmp_path: Path) -> Iterator[MadeConsole]:
    with made_console(tmp_path) as console:
        console.lead()
        yield console


def mode_of(made: MadeConsole) -> Mode:
    return made.ledger.modes.of("default").mode


def test_a_pause_is_done_and_says_who_asked(made: MadeConsole) -> None:
    status, outcome = made.post("pause", request_id=ID, reason="a holiday")
    assert (status, outcome["state"], outcome["is_repeated"]) == (200, "done", False)
    assert outcome["by"] == "trade token from 127.0.0.1"
    assert mode_of(made) is Mode.PAUSED
    mode = made.get("/api/overview")["mode"]
    assert (mode["mode"], mode["reason"], mode["by"]) == ("paused", "a holiday", "trade token from 127.0.0.1")
    assert made.get(f"/api/commands/{ID}") == outcome


def test_asked_again_under_the_same_id_nothing_is_done_again(made: MadeConsole) -> None:
    _, first = made.post("pause", request_id=ID)
    made.post("resume", request_id="request-0002")
    status, again = made.post("pause", request_id=ID)
    assert (status, again) == (200, {**first, "is_repeated": True})
    assert mode_of(made) is Mode.TRADING


def test_an_id_that_was_used_for_something_else_is_refused(made: MadeConsole) -> None:
    made.post("pause", request_id=ID)
    status, problem = made.post("resume", request_id=ID)
    assert (status, problem["code"]) == (409, "other_content")
    assert problem["outcome"]["state"] == "refused"
    assert mode_of(made) is Mode.PAUSED


def test_a_commodity_is_taken_by_any_of_its_names(made: MadeConsole) -> None:
    status, _ = made.post("pause", request_id=ID, platform="alpha", commodity="eur/usd", reason="thin")
    assert status == 200
    (paused,) = made.get("/api/overview")["mode"]["paused"]
    assert (paused["platform"], paused["commodity"], paused["reason"]) == ("alpha", "EURUSD", "thin")
    assert made.post("resume", request_id="request-0002", platform="alpha", commodity="EURUSD")[0] == 200
    assert made.get("/api/overview")["mode"]["paused"] == []


def test_a_paused_account_is_shown_as_paused(made: MadeConsole) -> None:
    made.post("pause", request_id=ID, platform="beta")
    assert [account["paused"] for account in made.get("/api/overview")["accounts"]] == [False, True]


def test_a_halt_wants_to_be_confirmed_and_names_what_nobody_would_guard(made: MadeConsole) -> None:
    trade = written_trade(made)
    status, problem = made.post("halt", request_id=ID)
    assert (status, problem["code"], problem["field"]) == (409, "not_confirmed", "confirmed")
    assert problem["trade_ids"] == [trade.trade_id]
    assert problem["positions"] == [f"alpha:EURUSD buy 0.1 lots (trade {trade.trade_id})"]
    assert mode_of(made) is Mode.TRADING
    status, outcome = made.post("halt", request_id=ID, confirmed=True)
    assert (status, outcome["state"]) == (200, "done")
    assert mode_of(made) is Mode.HALTED
    assert made.post("lift", request_id="request-0002")[0] == 200
    assert mode_of(made) is Mode.TRADING


def test_to_close_all_of_a_part_names_only_that_part_until_it_is_confirmed(made: MadeConsole) -> None:
    gold = written_trade(made, "GOLD")
    written_trade(made, "EURUSD")
    status, problem = made.post("close-all", request_id=ID, commodity="GOLD")
    assert (status, problem["code"]) == (409, "not_confirmed")
    assert problem["trade_ids"] == [gold.trade_id]


def test_there_is_no_closing_what_is_not_there(made: MadeConsole) -> None:
    status, problem = made.post("close", request_id=ID, trade_id=77)
    assert (status, problem["code"], problem["field"]) == (404, "no_such_trade", "trade_id")


def test_a_process_that_stands_by_closes_nothing(made: MadeConsole) -> None:
    trade = written_trade(made)
    status, problem = made.post("close", request_id=ID, trade_id=trade.trade_id)  # no account has told that it is led
    assert (status, problem["code"]) == (503, "not_leading")
    assert problem["retry_after_seconds"] > 0


def test_nobody_can_do_anything_between_two_terms(made: MadeConsole) -> None:
    made.running.ended("between two terms")
    status, problem, headers = made.ask("POST", "/api/commands/pause", {"request_id": ID})
    assert (status, problem["code"]) == (503, "nobody_can")
    assert "between two terms" in problem["said"]
    assert headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("command", "body", "field"),
    [
        ("pause", {"request_id": "short"}, "request_id"),
        ("pause", {}, "request_id"),
        ("pause", {"request_id": ID, "more": 1}, "more"),
        ("pause", {"request_id": ID, "reason": "two\nlines"}, "reason"),
        ("close", {"request_id": ID, "trade_id": "1"}, "trade_id"),
        ("close", {"request_id": ID, "trade_id": 0}, "trade_id"),
        ("halt", {"request_id": ID, "confirmed": "yes"}, "confirmed"),
        ("analyses", {"request_id": ID}, "text"),
    ],
)
def test_a_wrong_body_is_told_by_its_field_and_nothing_is_asked(
    made: MadeConsole, command: str, body: dict[str, Any], field: str
) -> None:
    status, problem = made.post(command, **body)
    assert (status, problem["field"]) == (422, field)
    assert mode_of(made) is Mode.TRADING


@pytest.mark.parametrize(
    ("command", "body", "field"),
    [
        ("pause", {"platform": "nowhere"}, "platform"),
        ("pause", {"commodity": "EURUDS"}, "commodity"),
        ("close-all", {"platform": "nowhere", "confirmed": True}, "platform"),
        ("forgive-drawdown", {"platform": "nowhere"}, "platform"),
    ],
)
def test_a_name_that_nobody_knows_is_not_found_and_nothing_is_asked(
    made: MadeConsole, command: str, body: dict[str, Any], field: str
) -> None:
    status, problem = made.post(command, request_id=ID, **body)
    assert (status, problem["field"]) == (404, field)
    assert made.ask("GET", f"/api/commands/{ID}")[0] == 404


def test_an_analysis_is_taken_as_it_is_signed_and_refused_with_the_reason(made: MadeConsole) -> None:
    made.tell(a_snapshot(made))
    made.system.tell(OPERATOR, a_snapshot(made))  # by which it knows that it leads
    signed = b"eyJhbGciOiJIUzI1NiJ9.e30.AAAA"
    headers = {"Content-Type": "application/jose"}
    status, problem, _ = made.ask("POST", "/api/commands/analyses", signed, token="signal", headers=headers)
    assert status in (409, 503), problem
    assert problem["said"]
    again, same, _ = made.ask("POST", "/api/commands/analyses", signed, token="signal", headers=headers)
    assert again == status
    assert same["said"] == problem["said"], "the same text is the same request"


def test_who_may_only_hand_in_analyses_may_not_do_so_without_end(made: MadeConsole) -> None:
    def hand_in(number: int, token: str) -> int:
        body = {"request_id": f"request-{number:04}", "text": "rubbish"}
        return made.ask("POST", "/api/commands/analyses", body, token=token)[0]

    assert 429 not in {hand_in(number, "signal") for number in range(commands.MOST_ANALYSES)}
    assert hand_in(8_888, "signal") == 429
    assert hand_in(9_999, "trade") != 429


def test_an_analysis_in_another_language_is_not_understood(made: MadeConsole) -> None:
    headers = {"Content-Type": "text/csv"}
    status, problem, _ = made.ask("POST", "/api/commands/analyses", b"a,b", headers=headers)
    assert (status, problem["field"]) == (422, "body")
    headers = {"Content-Type": "application/jose"}
    status, problem, _ = made.ask("POST", "/api/commands/analyses", "ä".encode(), headers=headers)
    assert (status, problem["field"]) == (422, "body")


def test_what_nobody_asked_for_has_no_outcome(made: MadeConsole) -> None:
    status, problem, _ = made.ask("GET", "/api/commands/request-9999", token="read")
    assert (status, problem["code"]) == (404, "no_such_request")


def test_an_outcome_that_is_found_out_in_time_is_answered(tmp_path: Path) -> None:
    unresolved, done = CommandState.UNRESOLVED, CommandState.DONE
    operator = ScriptedOperator(unresolved, unresolved, unresolved, done)
    with made_console(tmp_path, operator) as made:
        made.lead()
        trade = written_trade(made)
        status, outcome = made.post("close", request_id=ID, trade_id=trade.trade_id)
    assert (status, outcome["state"]) == (200, "done")
    assert operator.looks == 3
    (asked,) = operator.commands
    assert isinstance(asked, CloseTrade)
    assert asked.trade_id == trade.trade_id


def test_a_refusal_that_comes_later_is_a_refusal(tmp_path: Path) -> None:
    operator = ScriptedOperator(CommandState.UNRESOLVED, CommandState.REFUSED)
    with made_console(tmp_path, operator) as made:
        made.lead()
        status, problem = made.post("pause", request_id=ID)
    assert (status, problem["code"], problem["outcome"]["state"]) == (409, "refused", "refused")


def errands_of(made: MadeConsole, wait_seconds: float) -> Errands:
    return Errands(Window(made.configuration, made.running, made.ledger), wait_seconds)


def a_pause() -> PauseOpening:
    return PauseOpening(request_id=ID, by="a test")


def test_what_is_not_known_in_time_is_said_to_be_being_found_out(tmp_path: Path) -> None:
    with made_console(tmp_path, ScriptedOperator(CommandState.UNRESOLVED)) as made:
        made.lead()
        outcome = asyncio.run(errands_of(made, 0.3).run(a_pause()))
    assert outcome.state is CommandState.UNRESOLVED


def test_an_operator_that_breaks_down_leaves_the_outcome_unknown_and_is_never_guessed_at(tmp_path: Path) -> None:
    with made_console(tmp_path, ScriptedOperator(ValueError("a defect"))) as made:
        made.lead()
        outcome = asyncio.run(errands_of(made, 0.3).run(a_pause()))
    assert (outcome.state, outcome.command) == (CommandState.UNRESOLVED, "pause_opening")
    assert "being resolved" in outcome.said


def test_more_commands_at_once_than_there_may_be_are_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands, "MOST_AT_ONCE", 3)

    async def ask(made: MadeConsole) -> list[Outcome | BaseException]:
        desk = errands_of(made, 0.3)
        close = CloseTrade(request_id=ID, by="a test", trade_id=1)
        closes = [desk.run(close) for _ in range(5)]
        return await asyncio.gather(*closes, *(desk.run(a_pause()) for _ in range(5)), return_exceptions=True)

    with made_console(tmp_path, ScriptedOperator(CommandState.UNRESOLVED)) as made:
        made.lead()
        answers = asyncio.run(ask(made))
    refused = [isinstance(answer, ProblemError) and answer.status == 503 for answer in answers]
    assert refused == [False, False, False, True, True, *[False] * 5]  # modes are taken however many there are


def test_a_halt_is_not_kept_waiting_by_look_ups_and_closes_that_hang(
    made: MadeConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "LOOK_UP_SECONDS", 0.2)
    over = threading.Event()

    def hangs(*_: object) -> None:
        over.wait(DEADLINE_SECONDS)

    monkeypatch.setattr(commands, "held_trades", hangs)
    waiting = [
        threading.Thread(target=made.post, args=("halt",), kwargs={"request_id": f"request-{number:04}"})
        for number in range(2 * errands.THREADS)
    ]
    try:
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join(DEADLINE_SECONDS)
        status, problem = made.post("halt", request_id="request-halt")
        assert (status, problem["code"]) == (503, "nobody_can")  # what it would leave unguarded cannot be named
        assert made.post("halt", request_id="request-halt", confirmed=True)[0] == 200
        assert mode_of(made) is Mode.HALTED
    finally:
        over.set()


def test_a_ledger_that_went_away_leaves_it_unknown_whether_the_command_was_written_down(tmp_path: Path) -> None:
    away = LedgerAway("the ledger is away")
    with made_console(tmp_path, ScriptedOperator(away)) as made:
        made.lead()
        outcome = asyncio.run(errands_of(made, 0.3).run(a_pause()))
        assert outcome.state is CommandState.UNRESOLVED
        assert "not done" not in outcome.said
    with made_console(tmp_path, ScriptedOperator(away, away, CommandState.DONE)) as made:
        made.lead()
        outcome = asyncio.run(errands_of(made, DEADLINE_SECONDS).run(a_pause()))
    assert outcome.state is CommandState.DONE


def test_pages_are_answered_while_commands_wait_for_their_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "WAIT_SECONDS", 1.5)
    with made_console(tmp_path, ScriptedOperator(CommandState.UNRESOLVED)) as made:
        made.lead()
        waiting = [threading.Thread(target=made.post, args=("pause",), kwargs={"request_id": ID}) for _ in range(8)]
        for thread in waiting:
            thread.start()
        assert made.get("/api/overview")["leads"]
        assert all(thread.is_alive() for thread in waiting)
        made.running.ended("stopping")
        for thread in waiting:
            thread.join()


def test_nothing_of_the_console_writes_to_the_ledger(made: MadeConsole) -> None:
    window_ledger = Ledger.open(made.configuration.database_url, read_only=True)
    try:
        with pytest.raises(Exception, match="read"), window_ledger.writing() as connection:
            connection.exec_driver_sql("DELETE FROM journal")
    finally:
        window_ledger.close()


def test_a_read_token_gives_no_command_and_a_signal_token_only_analyses(made: MadeConsole) -> None:
    for token in ("read", "signal"):
        status, problem, _ = made.ask("POST", "/api/commands/pause", {"request_id": ID}, token=token)
        assert (status, problem["code"]) == (403, "not_enough")
    assert mode_of(made) is Mode.TRADING
