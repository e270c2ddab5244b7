"""The command `close`: what it sends, that it sends it once, and what it says when nobody knows what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from made_consoles import TOKEN, Reply, beside_ledger, made_console

from console import at_console, close
from console.arguments import Close
from console.command_line import parse
from console.configuration import Configuration
from console.console_client import ConsoleAway, named_console, own_console
from console.errors import CommandError
from console.output import Output

DONE = {"state": "done", "said": "trade 7 was closed", "detail": {}}
UNRESOLVED = {"state": "unresolved", "said": "trade 7 is being closed", "detail": {}}
TRADE = {"trade": {"platform": "alpha", "commodity": "EURUSD", "side": "buy", "volume_lots": 0.1}}


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits between two tries."""
    monkeypatch.setattr(at_console, "PAUSE_SECONDS", 0.01)


def closed(arguments: Close, configuration: Configuration) -> tuple[int, dict[str, Any]]:
    """The exit code, and what was shown as JSON."""
    stdout = StringIO()
    code = close.run(arguments, configuration, Output(as_json=True, stdout=stdout, stderr=StringIO()))
    return code, json.loads(stdout.getvalue())


def test_a_trade_is_closed_with_the_trade_token_and_a_request_id(tmp_path: Path) -> None:
    with made_console(lambda method, path, body: (200, DONE)) as console:
        code, shown = closed(Close(trade_id=7, yes=True), beside_ledger(tmp_path, console.url))
    ((method, path, body),) = console.asked
    assert (code, method, path, body["trade_id"]) == (0, "POST", "/api/commands/close", 7)
    assert (shown["state"], shown["request_id"]) == ("done", body["request_id"])
    assert console.tokens == {f"Bearer {TOKEN}"}
    assert set(console.asked_whether_alive) == {""}, "who does not say that it is there is shown no token"


def test_a_lost_reply_is_asked_for_again_under_the_same_id(tmp_path: Path) -> None:
    replies: list[Reply] = [None, None, (200, {**DONE, "is_repeated": True})]
    with made_console(lambda method, path, body: replies.pop(0)) as console:
        code, _ = closed(Close(trade_id=7, yes=True), beside_ledger(tmp_path, console.url))
    assert code == 0
    assert len(console.asked) == 3
    assert len({body["request_id"] for _, _, body in console.asked}) == 1


def test_where_every_reply_is_lost_it_is_unknown_with_an_exit_code_of_its_own(tmp_path: Path) -> None:
    with made_console(lambda method, path, body: None) as console:
        code, shown = closed(Close(trade_id=7, yes=True), beside_ledger(tmp_path, console.url))
    assert (code, shown["state"]) == (3, "unresolved")
    assert shown["said"].startswith("unknown: it was sent")


@pytest.mark.parametrize("replies", [[None, (503, {}), (401, {})], [(500, {}), (503, {}), (503, {})]])
def test_what_may_have_been_taken_is_unknown_whatever_a_later_try_is_told(tmp_path: Path, replies: list[Reply]) -> None:
    with made_console(lambda method, path, body: replies.pop(0)) as console:
        code, shown = closed(Close(trade_id=7, yes=True), beside_ledger(tmp_path, console.url))
    assert (code, shown["state"], len(console.asked)) == (3, "unresolved", 3)


def test_what_is_not_known_yet_is_asked_again_until_it_is(tmp_path: Path) -> None:
    replies: list[Reply] = [(202, UNRESOLVED), (200, UNRESOLVED), (503, {"said": "busy"}), (200, DONE)]
    with made_console(lambda method, path, body: replies.pop(0)) as console:
        code, shown = closed(Close(trade_id=7, yes=True), beside_ledger(tmp_path, console.url))
    assert (code, shown["state"]) == (0, "done")
    assert [method for method, _, _ in console.asked] == ["POST", "GET", "GET", "GET"]


def test_what_is_still_not_known_after_the_wait_ends_with_three(tmp_path: Path) -> None:
    with made_console(lambda method, path, body: (202, UNRESOLVED)) as console:
        code, shown = closed(Close(trade_id=7, yes=True, wait_seconds=0.0), beside_ledger(tmp_path, console.url))
    assert (code, shown["state"]) == (3, "unresolved")


@pytest.mark.parametrize("status", [404, 409])
def test_a_refusal_is_said_in_the_consoles_words(tmp_path: Path, status: int) -> None:
    refusal = {"code": "no_such_trade", "said": "there is no trade 7 in the ledger"}
    with (
        made_console(lambda method, path, body: (status, refusal)) as console,
        pytest.raises(CommandError, match=r"^there is no trade 7 in the ledger$"),
    ):
        closed(Close(trade_id=7, yes=True), beside_ledger(tmp_path, console.url))


def test_where_no_console_runs_it_says_that_nobody_can_and_who_leads(tmp_path: Path) -> None:
    configuration = beside_ledger(tmp_path, "http://127.0.0.1:1")
    with pytest.raises(
        CommandError, match=r"nobody can close from here now: the console at .*; nobody leads crew default"
    ):
        closed(Close(trade_id=7, yes=True), configuration)


def test_one_that_stands_by_cannot_close(tmp_path: Path) -> None:
    refusal = {"code": "nobody_can", "said": "not done: standing by: crew default is led by desk:7"}
    with (
        made_console(lambda method, path, body: (503, refusal)) as console,
        pytest.raises(CommandError, match="nobody can close from here now: not done: standing by"),
    ):
        closed(Close(trade_id=7, yes=True), beside_ledger(tmp_path, console.url))


def test_without_yes_and_without_a_terminal_it_names_the_trade_and_closes_nothing(tmp_path: Path) -> None:
    def answers(method: str, path: str, body: Mapping[str, Any]) -> Reply:
        return 200, TRADE

    with (
        made_console(answers) as console,
        pytest.raises(CommandError, match=r"closes: alpha:EURUSD buy 0.1 lots \(trade 7\); --yes confirms that"),
    ):
        closed(Close(trade_id=7), beside_ledger(tmp_path, console.url))
    assert [method for method, _, _ in console.asked] == ["GET"]


def test_all_of_a_part_names_what_it_concerns_before_it_is_confirmed(tmp_path: Path) -> None:
    refusal = {"code": "not_confirmed", "said": "confirmed is false", "positions": ["alpha:EURUSD buy 0.1 lots"]}
    with (
        made_console(lambda method, path, body: (409, refusal)) as console,
        pytest.raises(CommandError, match=r"closes: alpha:EURUSD buy 0.1 lots; --yes confirms that"),
    ):
        closed(Close(all=True, account="alpha"), beside_ledger(tmp_path, console.url))
    ((_, path, body),) = console.asked
    assert (path, body["platform"], body["confirmed"]) == ("/api/commands/close-all", "alpha", False)


@pytest.mark.parametrize(
    "arguments",
    [Close(), Close(trade_id=7, all=True), Close(trade_id=7, account="alpha")],
    ids=["none", "both", "part"],
)
def test_what_makes_no_sense_is_refused_before_anybody_is_asked(tmp_path: Path, arguments: Close) -> None:
    with pytest.raises(CommandError, match=r"^close: "):
        closed(arguments, beside_ledger(tmp_path, "http://127.0.0.1:1"))


def test_the_command_line_has_all_of_it() -> None:
    words = ["close", "--all", "--account", "alpha", "--commodity", "EURUSD", "--yes", "--wait", "5"]
    assert parse(words) == Close(all=True, account="alpha", commodity="EURUSD", yes=True, wait_seconds=5.0)
    assert parse(["close", "7"]) == Close(trade_id=7)


def test_a_token_is_not_sent_in_the_clear_to_another_machine(tmp_path: Path) -> None:
    configuration = beside_ledger(tmp_path, "http://127.0.0.1:1")
    with pytest.raises(CommandError, match="expected https, since the token would go there in the clear"):
        named_console("http://desk.example.org:8787", None, configuration, "trade")
    with pytest.raises(CommandError, match="expected an address"):
        named_console("desk", None, configuration, "trade")


def test_a_token_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("abc\n", encoding="ascii")
    configuration = beside_ledger(tmp_path, "http://127.0.0.1:1")
    assert named_console("https://desk:8787/", file, configuration, "read").token == "abc"


def test_without_the_files_there_is_no_console(tmp_path: Path) -> None:
    configuration = beside_ledger(tmp_path, "http://127.0.0.1:1")
    (tmp_path / "state" / "console-address.json").unlink()
    with pytest.raises(ConsoleAway, match="no console runs here"):
        own_console(configuration, "trade")
