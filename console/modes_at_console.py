"""`pause`, `resume`, `halt` and `reset` through a console: that of this ledger, or one elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from rich.text import Text

from console.arguments import Halt, Pause, Reset, Resume
from console.at_console import Told, exit_code, give, require_done
from console.configuration import Configuration
from console.console_client import ConsoleClient, named_console, own_console
from console.errors import CommandError
from console.output import Output

if TYPE_CHECKING:
    from actors.obeying import OfLedger

WAIT_SECONDS = 3.0  # for an outcome that the console does not know yet: the ledger can be written instead
PATHS = {
    "PauseOpening": "pause",
    "ResumeOpening": "resume",
    "Halt": "halt",
    "Lift": "lift",
    "ResetCrashLoop": "reset",
    "ForgiveDrawdown": "forgive-drawdown",
}
OF_THE_CALLER = ("request_id", "by")


def taken_by_own(command: OfLedger, configuration: Configuration) -> Told:
    """What the console of this ledger made of it. A halt has been confirmed already."""
    body = {
        field.name: value
        for field in fields(command)
        if field.name not in OF_THE_CALLER and (value := getattr(command, field.name)) not in (None, "")
    }
    path = PATHS[type(command).__name__]
    if path == "halt":
        body["confirmed"] = True
    return give(
        lambda: own_console(configuration, "trade"),
        path,
        body,
        wait_seconds=WAIT_SECONDS,
        request_id=command.request_id,
    )


def run_elsewhere(arguments: Pause | Resume | Halt | Reset, configuration: Configuration, output: Output) -> int:
    """Give it to the console at `--url`; answers the exit code. Raises `CommandError`."""
    assert arguments.url is not None
    console = named_console(arguments.url, arguments.token_file, configuration, "trade")
    match arguments:
        case Pause(account=account, commodity=commodity, reason=reason):
            told = _give(console, "pause", {"platform": account, "commodity": commodity, "reason": reason})
        case Resume(account=account, commodity=commodity):
            told = _give(console, "resume", {"platform": account, "commodity": commodity})
            if told.detail.get("code") == "halted" and account is commodity is None:
                told = _give(console, "lift", {})
        case Halt(reason=reason):
            told = _halt(console, reason, is_confirmed=arguments.yes, output=output)
        case Reset(drawdown=str(account)):
            told = _give(console, "forgive-drawdown", {"platform": account})
        case Reset():
            told = _give(console, "reset", {})
    require_done(told)
    output.show(told.data, lambda data: Text(str(data["said"])))
    return exit_code(told)


def _halt(console: ConsoleClient, reason: str, *, is_confirmed: bool, output: Output) -> Told:
    told = _give(console, "halt", {"reason": reason, "confirmed": is_confirmed})
    if told.detail.get("code") != "not_confirmed":
        return told
    require_yes("halt leaves unguarded", told.detail, output)
    return _give(console, "halt", {"reason": reason, "confirmed": True})


def require_yes(does: str, refusal: Mapping[str, Any], output: Output) -> None:
    """Ask a person at a terminal. Raises `CommandError` without a yes; nothing was changed then."""
    named = ", ".join(map(str, refusal.get("positions") or ())) or "nothing is open now"
    if output.as_json or not sys.stdin.isatty():
        raise CommandError(f"{does}: {named}; --yes confirms that")
    output.aside.print(Text(f"It {does}: {named}."))
    output.aside.print(Text("Go on? [y/N] "), end="")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("nothing was changed")


def _give(console: ConsoleClient, path: str, body: Mapping[str, Any]) -> Told:
    asked = {name: value for name, value in body.items() if value not in (None, "")}
    return give(lambda: console, path, asked, wait_seconds=WAIT_SECONDS)
