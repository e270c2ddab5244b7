"""`pause`, `resume`, `halt` and `reset` by a console: that of this ledger first, one elsewhere by its address."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from made_consoles import Reply, beside_ledger, made_console

from console import at_console, modes
from console.arguments import Halt, Pause, Reset, Resume
from console.configuration import Configuration
from console.errors import CommandError
from console.output import Output
from persistence.ledger import Ledger
from trading.modes import Mode

DONE: dict[str, Any] = {"state": "done", "said": "it was done", "detail": {}}


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits between two tries."""
    monkeypatch.setattr(at_console, "PAUSE_SECONDS", 0.01)


def told(command: Pause | Resume | Halt | Reset, configuration: Configuration) -> dict[str, Any]:
    """The command's one JSON object."""
    stdout = io.StringIO()
    assert modes.run(command, configuration, Output(as_json=True, stdout=stdout, stderr=io.StringIO())) == 0
    data: dict[str, Any] = json.loads(stdout.getvalue())
    return data


def with_ledger(folder: Path, url: str) -> Configuration:
    """Settings with a ledger, and a console at this address."""
    configuration = beside_ledger(folder, url)
    Ledger.open(configuration.database_url, writer="test").close()
    return configuration


def mode_of(configuration: Configuration) -> Mode:
    """What the ledger says."""
    ledger = Ledger.open(configuration.database_url, read_only=True)
    try:
        return ledger.modes.of("default").mode
    finally:
        ledger.close()


def test_what_the_console_has_done_is_not_written_again(tmp_path: Path) -> None:
    with made_console(lambda method, path, body: (200, DONE)) as console:
        configuration = with_ledger(tmp_path, console.url)
        data = told(Pause(reason="news", account="alpha"), configuration)
    ((_, path, body),) = console.asked
    assert (path, body["platform"], body["reason"]) == ("/api/commands/pause", "alpha", "news")
    assert (data["through"], data["said"]) == ("console", "it was done")
    assert mode_of(configuration) is Mode.TRADING, "this console only said so"


@pytest.mark.parametrize(
    "reply",
    [None, (503, {"said": "standing by"}), (401, {"said": "no token"}), (500, {}), (202, {"state": "unresolved"})],
    ids=["lost", "nobody", "refuses-token", "broken", "unresolved"],
)
def test_where_the_console_cannot_the_ledger_is_written(
    tmp_path: Path, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    from console import modes_at_console

    monkeypatch.setattr(modes_at_console, "WAIT_SECONDS", 0.05)
    with made_console(lambda method, path, body: reply) as console:
        configuration = with_ledger(tmp_path, console.url)
        data = told(Halt(yes=True), configuration)
    assert (data["mode"], data["through"]) == ("halted", "ledger")
    assert {body["request_id"] for method, _, body in console.asked if method == "POST"} == {data["request_id"]}
    assert mode_of(configuration) is Mode.HALTED


def test_what_the_console_refuses_is_not_forced(tmp_path: Path) -> None:
    with made_console(lambda method, path, body: (409, {"code": "halted", "said": "it is halted"})) as console:
        configuration = with_ledger(tmp_path, console.url)
        with pytest.raises(CommandError, match=r"^it is halted$"):
            told(Pause(), configuration)
    assert mode_of(configuration) is Mode.TRADING


def elsewhere(folder: Path, answers: Callable[[str, str, Mapping[str, Any]], Reply], command: Any) -> list[str]:
    """The ways that a command with `--url` takes."""
    with made_console(answers) as console:
        configuration = beside_ledger(folder, "http://127.0.0.1:1")
        told(command(url=console.url), configuration)
    return [path.removeprefix("/api/commands/") for _, path, _ in console.asked]


def test_a_halt_elsewhere_is_lifted_by_resume(tmp_path: Path) -> None:
    def answers(method: str, path: str, body: Mapping[str, Any]) -> Reply:
        return (409, {"code": "halted", "said": "it is halted"}) if path.endswith("resume") else (200, DONE)

    assert elsewhere(tmp_path, answers, Resume) == ["resume", "lift"]


def test_a_halt_elsewhere_names_the_positions_and_wants_a_yes(tmp_path: Path) -> None:
    refusal = {"code": "not_confirmed", "said": "confirmed is false", "positions": ["alpha:EURUSD buy 0.1 lots"]}
    with pytest.raises(CommandError, match=r"halt leaves unguarded: alpha:EURUSD buy 0.1 lots; --yes confirms that"):
        elsewhere(tmp_path, lambda method, path, body: (409, refusal), Halt)
    assert elsewhere(tmp_path, lambda *_: (200, DONE), lambda url: Halt(url=url, yes=True)) == ["halt"]


def test_crashes_and_drawdowns_are_forgiven_elsewhere(tmp_path: Path) -> None:
    assert elsewhere(tmp_path, lambda *_: (200, DONE), Reset) == ["reset"]
    forgiving = elsewhere(tmp_path, lambda *_: (200, DONE), lambda url: Reset(url=url, drawdown="alpha"))
    assert forgiving == ["forgive-drawdown"]


def test_elsewhere_nothing_is_written_here(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="does not answer"):
        told(Pause(url="http://127.0.0.1:1"), beside_ledger(tmp_path, "http://127.0.0.1:1"))
    assert not (tmp_path / "state" / "ledger.sqlite").exists()
