"""`pause`, `resume`, `halt` and `reset` over a real ledger: what they change, refuse and say."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_ledger_file import NOON, History, configuration_of

from actors.system.alerts import Alert
from actors.wiring import journal_alert
from console import leading, modes, status
from console.arguments import Halt, Pause, Reset, Resume, Status
from console.configuration import Configuration
from console.errors import CommandError
from console.operating import UNKNOWN_USER, asked_by, market_time
from console.output import Output
from persistence.errors import LedgerUnavailable
from persistence.ledger import Ledger
from persistence.reservations import Fence, crew_resource
from persistence.starts import MOST_CRASHES
from trading.market import HOUR
from trading.modes import Mode, ModeCause

CREW = "default"


class Terminal(io.StringIO):
    """A standard input at which a person sits."""

    def isatty(self) -> bool:
        """Somebody is there."""
        return True


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return configuration_of(tmp_path)


@pytest.fixture
def history(configuration: Configuration) -> Iterator[History]:
    history = History(configuration)
    history.nothing(NOON)
    yield history
    history.close()


def say(command: Any, configuration: Configuration, *, as_json: bool = False) -> str:
    """What the command prints on standard output."""
    stdout = io.StringIO()
    module = status if isinstance(command, Status) else modes
    assert module.run(command, configuration, Output(as_json=as_json, stdout=stdout, stderr=io.StringIO())) == 0
    return stdout.getvalue()


def told(command: Any, configuration: Configuration) -> dict[str, Any]:
    """The command's one JSON object."""
    data: dict[str, Any] = json.loads(say(command, configuration, as_json=True))
    return data


def mode_of(configuration: Configuration) -> Mode:
    ledger = Ledger.open(configuration.database_url, read_only=True)
    try:
        return ledger.modes.of(CREW).mode
    finally:
        ledger.close()


def test_a_pause_says_what_it_does_who_asked_and_what_lifts_it(configuration: Configuration, history: History) -> None:
    data = told(Pause(reason="the news"), configuration)
    assert data.pop("request_id")
    assert data == {
        "crew": CREW,
        "mode": "paused",
        "opens": False,
        "guards": True,
        "cause": "operator",
        "reason": "the news",
        "by": asked_by(),
        "since": "2026-03-04T14:00:00Z",
        "lifted_by": "run.py resume",
        "said": "crew default is paused: nothing is opened, guarding goes on",
        "through": "ledger",
        "why_ledger": "no console runs here",
        "paused": [],
        "before": "trading",
        "positions": [],
    }
    (line,) = history.ledger.journal.list(kind="mode")
    assert (line.reason, line.detail["by"], line.detail["said"]) == ("paused", asked_by(), "the news")
    assert "crew default: trading" in say(Resume(), configuration)


def test_a_command_repeated_does_what_it_does_once(configuration: Configuration, history: History) -> None:
    for command in (Pause(reason="first"), Pause(reason="second"), Resume(), Resume(), Reset()):
        say(command, configuration)
    assert [line.reason for line in history.ledger.journal.list(kind="mode")] == ["trading", "paused"]


def test_a_halt_without_a_terminal_needs_yes_and_names_what_it_would_leave_unguarded(
    configuration: Configuration, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade = history.open(NOON)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(
        CommandError, match=rf"leaves unguarded: alpha:EURUSD \w+ {trade.volume_lots:g} lots .*--yes confirms"
    ):
        say(Halt(), configuration)
    assert mode_of(configuration) is Mode.TRADING
    data = told(Halt(yes=True), configuration)
    assert (data["mode"], data["guards"]) == ("halted", False)
    assert len(data["positions"]) == 1
    assert "nobody guards: alpha:EURUSD" in say(Halt(yes=True), configuration)


def test_a_halt_with_nothing_open_says_that_too(configuration: Configuration, history: History) -> None:
    with pytest.raises(CommandError, match="halt leaves stops and targets unguarded, though none is open now; --yes"):
        say(Halt(), configuration)


@pytest.mark.parametrize(
    ("answer", "mode"), [("y\n", Mode.HALTED), ("YES\n", Mode.HALTED), ("\n", Mode.TRADING), ("", Mode.TRADING)]
)
def test_at_a_terminal_a_halt_asks(
    configuration: Configuration, history: History, monkeypatch: pytest.MonkeyPatch, answer: str, mode: Mode
) -> None:
    history.open(NOON)
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    if mode is Mode.HALTED:
        say(Halt(), configuration)
    else:
        with pytest.raises(CommandError, match="nothing was changed"):
            say(Halt(), configuration)
    assert mode_of(configuration) is mode


def test_a_pause_does_not_weaken_a_halt(configuration: Configuration, history: History) -> None:
    say(Halt(yes=True), configuration)
    with pytest.raises(CommandError, match="crew default is halted, which is stricter"):
        say(Pause(), configuration)
    assert mode_of(configuration) is Mode.HALTED


def test_lifting_a_pause_leaves_a_crash_loop_and_the_other_way_round(
    configuration: Configuration, history: History
) -> None:
    history.ledger.modes.set(
        CREW, Mode.MANAGE_ONLY, cause=ModeCause.CRASH_LOOP, reason="5 crashes", by="host:1:a", at=NOON
    )
    say(Pause(reason="lunch"), configuration)
    shown = " ".join(say(Status(), configuration).split())
    assert "paused, opens nothing, guarding goes on" in shown
    assert "5 crashes; lifted by run.py reset" in shown
    data = told(Resume(), configuration)
    assert (data["mode"], data["lifted_by"]) == ("manage_only", "run.py reset")
    say(Pause(), configuration)
    assert told(Reset(), configuration)["mode"] == "paused"
    assert told(Resume(), configuration)["mode"] == "trading"


def test_status_says_the_mode_and_counts_crashes(configuration: Configuration, history: History) -> None:
    assert re.search(r"^mode +trading *$", say(Status(), configuration), re.MULTILINE)
    say(Pause(), configuration)
    mode = told(Status(), configuration)["mode"]
    assert (mode["mode"], mode["crashes"], [cause["cause"] for cause in mode["causes"]]) == ("paused", 0, ["operator"])


def test_without_a_ledger_there_is_nothing_to_pause_and_none_is_made(
    configuration: Configuration, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=r"there is no ledger at .* yet"):
        say(Pause(), configuration)
    assert not list(tmp_path.iterdir())


def test_market_time_is_that_of_the_newest_line(history: History) -> None:
    journal_alert(history.ledger, Alert(NOON + HOUR, "trader", "test", "something"))
    assert market_time(history.ledger) == NOON + HOUR


def test_a_user_without_a_name_is_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert asked_by().startswith(f"{UNKNOWN_USER}@")


# ---------------------------------------------------------------- terms of leadership


class Refused(Exception):
    """Something unexpected."""


def lead(ledger: Ledger, owner: str = "me") -> Fence:
    """The crew's lease, taken over from whoever held it."""
    held = ledger.reservations.holder(crew_resource(CREW))
    if held is not None:
        ledger.reservations.release_resource(held.fence)
    taken = ledger.reservations.reserve_resource(crew_resource(CREW), owner, 60.0)
    assert taken is not None
    return taken.fence


def serve_once(ledger: Ledger, error: Exception | None = None, *, fails: bool = False, owner: str = "me") -> None:
    """One term that ends in some way."""
    lead(ledger, owner)
    with leading.Terms(ledger, CREW).counted(owner, lambda: fails) as leads:
        assert leads
        if error is not None:
            raise error


def test_a_term_that_ends_in_order_or_is_refused_is_no_crash(history: History) -> None:
    serve_once(history.ledger)
    with pytest.raises(CommandError):
        serve_once(history.ledger, CommandError("the book contradicts the ledger"))
    with pytest.raises(LedgerUnavailable):
        serve_once(history.ledger, LedgerUnavailable("ledger.sqlite", "disk I/O error"))
    serve_once(history.ledger)
    assert history.ledger.starts.crashes(CREW) == 0


def test_a_term_that_gives_an_actor_up_or_raises_is_a_crash_for_the_next(history: History) -> None:
    serve_once(history.ledger, fails=True)
    with pytest.raises(Refused):
        serve_once(history.ledger, Refused("a defect"))
    serve_once(history.ledger)
    assert history.ledger.starts.crashes(CREW) == 2


def test_after_the_fifth_crash_the_crew_manages_only_until_it_is_reset(
    configuration: Configuration, history: History, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(MOST_CRASHES):
        serve_once(history.ledger, fails=True)
        assert history.ledger.modes.of(CREW).mode is Mode.TRADING
    serve_once(history.ledger, owner="host:6:f")
    record = history.ledger.modes.of(CREW)
    assert (record.mode, record.cause, record.by) == (Mode.MANAGE_ONLY, ModeCause.CRASH_LOOP, "host:6:f")
    assert record.reason == "5 crashes within 10 minutes"
    assert "until run.py reset" in caplog.text
    (alert,) = history.ledger.journal.list(kind="alert")
    assert alert.reason == "crash_loop"
    serve_once(history.ledger)
    assert len(history.ledger.journal.list(kind="alert")) == 1
    say(Reset(), configuration)
    serve_once(history.ledger)
    assert history.ledger.modes.of(CREW).mode is Mode.TRADING


def test_whoever_lost_the_lease_meanwhile_does_not_lead(history: History) -> None:
    lead(history.ledger, "another")
    with leading.Terms(history.ledger, CREW).counted("me", lambda: False) as leads:
        assert not leads
    assert history.ledger.starts.crashes(CREW) == 0
