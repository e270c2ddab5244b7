"""`run.py pause`, `resume`, `halt` and `reset`: what the crew may do, told by an operator.

They go to the console of the process that serves. Where none can be asked, or it does not answer, they write to the
ledger themselves, by the same code: whoever leads reads it there before each open and each close, so nobody has to be
reached, whatever hangs, and no restart loses it.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from console.arguments import Halt, Pause, Reset, Resume
from console.books import console_address_file
from console.configuration import Configuration
from console.errors import CommandError
from console.figures import time_of, words
from console.operating import asked_by, ledger_for_writing, market_time
from console.output import Output
from console.pauses import pause_words, paused_scopes
from console.reading import require_commodity
from console.records import Data
from persistence.ledger import Ledger
from persistence.modes import ModeRecord
from trading.market import iso
from trading.modes import Mode, ModeCause
from trading.trade import HELD, Trade

if TYPE_CHECKING:
    from actors.obeying import OfLedger

LIFTED_BY: Mapping[ModeCause, str] = {
    ModeCause.OPERATOR: "run.py resume",
    ModeCause.CRASH_LOOP: "run.py reset",
    ModeCause.CONFIGURATION: "a start on a configuration that is whole",
}


NO_CONSOLE = "no console runs here"


def run(arguments: Pause | Resume | Halt | Reset, configuration: Configuration, output: Output) -> int:
    """Change the crew's mode; answers the exit code. Raises `CommandError` for what cannot be asked for now."""
    if arguments.url is not None:
        from console.modes_at_console import run_elsewhere

        return run_elsewhere(arguments, configuration, output)
    crew = configuration.settings.crew
    with ledger_for_writing(configuration) as ledger:
        before = ledger.modes.of(crew)
        if isinstance(arguments, Halt) and not arguments.yes:
            _confirm(held_trades(ledger, configuration), output)
        told = _carry_out(arguments, configuration, ledger)
        after = ledger.modes.of(crew)
        held = held_trades(ledger, configuration)
        paused = paused_scopes(ledger, crew)
    positions = [position_in_words(trade) for trade in held]
    data = {**mode_data(crew, after), **told, "paused": paused, "before": before.mode.value}
    data["positions"] = positions
    if isinstance(arguments, Reset) and arguments.drawdown is not None:
        data["drawdown_forgiven"] = arguments.drawdown
    output.show(data, render)
    return 0


def mode_data(crew: str, record: ModeRecord) -> Data:
    """A mode, how it came about, and what lifts it."""
    is_set = record.mode is not Mode.TRADING
    return {
        "crew": crew,
        "mode": record.mode.value,
        "opens": record.mode.permits_opens,
        "guards": record.mode.permits_guarding,
        "cause": record.cause.value if is_set else None,
        "reason": record.reason if is_set else None,
        "by": record.by if is_set else None,
        "since": iso(record.since) if is_set else None,
        "lifted_by": LIFTED_BY[record.cause] if is_set else None,
    }


def mode_words(data: Mapping[str, Any]) -> str:
    """What the crew may do, in one line."""
    if data["mode"] == Mode.TRADING:
        return "trading"
    does = "opens nothing and guards nothing" if not data["guards"] else "opens nothing, guarding goes on"
    why = f": {data['reason']}" if data["reason"] else ""
    who = f"by {data['by']} since {time_of(data['since'])}"
    return f"{words(data['mode'])}, {does}; {who}{why}; lifted by {data['lifted_by']}"


def held_trades(ledger: Ledger, configuration: Configuration) -> list[Trade]:
    """The trades of the crew's accounts whose positions are live."""
    mine = {account.name for account in configuration.settings.accounts}
    return [trade for trade in ledger.trades.list(states=HELD, newest_first=False) if trade.platform in mine]


def render(data: Mapping[str, Any]) -> Text:
    """What the crew may do now."""
    text = Text(f"crew {data['crew']}: {mode_words(data)}")
    for scope in data["paused"]:
        text.append(f"\n{pause_words(scope)}", style="yellow")
    if data.get("why_ledger", NO_CONSOLE) != NO_CONSOLE:
        text.append(f"\nwritten to the ledger itself: {data['why_ledger']}", style="yellow")
    if "drawdown_forgiven" in data:
        text.append(f"\nthe drawdown of {data['drawdown_forgiven']} counts from now on")
    if not data["guards"] and data["positions"]:
        text.append(f"\nnobody guards: {', '.join(data['positions'])}", style="bold red")
    return text


def _carry_out(arguments: Pause | Resume | Halt | Reset, configuration: Configuration, ledger: Ledger) -> Data:
    """Have the console do it, or do it here. Raises `CommandError` for what is refused.

    Both go by one request id, so what a console has done whose answer was lost is not done again.
    """
    from actors import commands, obeying  # here: `status` shows modes, too, and needs none of the actors

    command = _command(arguments, configuration, ledger)
    why_here = NO_CONSOLE
    if console_address_file(configuration).exists():
        from console.modes_at_console import taken_by_own

        told = taken_by_own(command, configuration)
        if told.state == "done":
            return {"said": told.said, "through": "console", "request_id": command.request_id}
        if told.state == "refused":
            raise CommandError(told.said)
        why_here = told.said
    outcome = obeying.obey(ledger, configuration.settings, command, market_time(ledger))
    if outcome.state is commands.CommandState.REFUSED:
        raise CommandError(outcome.said)
    return {"said": outcome.said, "through": "ledger", "why_ledger": why_here, "request_id": command.request_id}


def _command(arguments: Pause | Resume | Halt | Reset, configuration: Configuration, ledger: Ledger) -> OfLedger:
    """What is asked for, as the console would ask for it."""
    from actors import commands

    request_id, by = uuid.uuid4().hex, asked_by()
    match arguments:
        case Pause(account=account, reason=reason):
            _require_account(account, configuration, "--account")
            commodity = require_commodity(arguments.commodity, configuration, "--commodity")
            return commands.PauseOpening(
                request_id=request_id, by=by, platform=account, commodity=commodity, reason=reason
            )
        case Halt():
            return commands.Halt(request_id=request_id, by=by, reason=arguments.reason)
        case Resume(account=None, commodity=None) if _wanted(ledger, configuration) is Mode.HALTED:
            return commands.Lift(request_id=request_id, by=by)
        case Resume(account=account):
            _require_account(account, configuration, "--account")
            commodity = require_commodity(arguments.commodity, configuration, "--commodity")
            return commands.ResumeOpening(request_id=request_id, by=by, platform=account, commodity=commodity)
        case Reset(drawdown=str(account)):
            _require_account(account, configuration, "--drawdown")
            return commands.ForgiveDrawdown(request_id=request_id, by=by, platform=account)
        case Reset():
            return commands.ResetCrashLoop(request_id=request_id, by=by)


def _require_account(name: str | None, configuration: Configuration, option: str) -> None:
    """Raise `CommandError` for an account that the settings do not name."""
    names = [account.name for account in configuration.settings.accounts]
    if name is not None and name not in names:
        raise CommandError(f"{option} is {name!r}; expected one of {', '.join(names)}")


def _wanted(ledger: Ledger, configuration: Configuration) -> Mode:
    """What the operator's own mode is."""
    records = ledger.modes.by_cause(configuration.settings.crew)
    return next((record.mode for record in records if record.cause is ModeCause.OPERATOR), Mode.TRADING)


def _confirm(unguarded: Sequence[Trade], output: Output) -> None:
    """Raise `CommandError` unless a person at a terminal says yes, knowing which positions nobody will guard."""
    named = ", ".join(map(position_in_words, unguarded))
    leaves = f"leaves unguarded: {named}" if named else "leaves stops and targets unguarded, though none is open now"
    if output.as_json or not sys.stdin.isatty():
        raise CommandError(f"halt {leaves}; --yes confirms that")
    output.aside.print(Text(f"Halted, nobody guards stops and targets. It {leaves}."))
    output.aside.print(Text("Halt? [y/N] "), end="")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("not halted; nothing was changed")


def position_in_words(trade: Trade) -> str:
    """``alpha:EURUSD buy 0.09 lots (trade 7)``."""
    return f"{trade.resource} {trade.side} {trade.volume_lots:g} lots (trade {trade.trade_id})"
