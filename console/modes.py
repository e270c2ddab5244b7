"""`run.py pause`, `resume`, `halt` and `reset`: what the crew may do, told by an operator.

They write to the ledger and are done. Whoever leads reads it there before each open and each close, so that nobody has
to be reached, and no restart loses it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from console.arguments import Halt, Pause, Reset, Resume
from console.configuration import Configuration
from console.errors import CommandError
from console.figures import time_of, words
from console.operating import asked_by, ledger_for_writing, market_time
from console.output import Output
from console.records import Data
from persistence.journal import DRAWDOWN_FORGIVEN, JournalEntry
from persistence.ledger import Ledger
from persistence.modes import ModeRecord
from trading.market import iso
from trading.modes import Mode, ModeCause
from trading.trade import HELD, Trade

LIFTED_BY: Mapping[ModeCause, str] = {
    ModeCause.OPERATOR: "run.py resume",
    ModeCause.CRASH_LOOP: "run.py reset",
    ModeCause.CONFIGURATION: "a start on a configuration that is whole",
}


def run(arguments: Pause | Resume | Halt | Reset, configuration: Configuration, output: Output) -> int:
    """Change the crew's mode; answers the exit code. Raises `CommandError` for what cannot be asked for now."""
    crew = configuration.settings.crew
    with ledger_for_writing(configuration) as ledger:
        before = ledger.modes.of(crew)
        match arguments:
            case Pause():
                _pause(ledger, crew, arguments.reason)
            case Halt():
                unguarded = held_trades(ledger, configuration)
                if not arguments.yes:
                    _confirm(unguarded, output)
                _set(ledger, crew, Mode.HALTED, ModeCause.OPERATOR, arguments.reason)
            case Resume():
                _set(ledger, crew, Mode.TRADING, ModeCause.OPERATOR, "resumed")
            case Reset(drawdown=str(account)):
                _forgive_drawdown(ledger, configuration, account)
            case Reset():
                ledger.starts.forgive(crew)
                _set(ledger, crew, Mode.TRADING, ModeCause.CRASH_LOOP, "reset")
        after = ledger.modes.of(crew)
        held = held_trades(ledger, configuration)
    data = {**mode_data(crew, after), "before": before.mode.value, "positions": [_named(trade) for trade in held]}
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
    if "drawdown_forgiven" in data:
        text.append(f"\nthe drawdown of {data['drawdown_forgiven']} counts from now on")
    if not data["guards"] and data["positions"]:
        text.append(f"\nnobody guards: {', '.join(data['positions'])}", style="bold red")
    return text


def _pause(ledger: Ledger, crew: str, reason: str) -> None:
    if _of(ledger, crew, ModeCause.OPERATOR) is Mode.HALTED:
        raise CommandError(f"crew {crew} is halted, which is stricter than a pause; run.py resume lifts that first")
    _set(ledger, crew, Mode.PAUSED, ModeCause.OPERATOR, reason)


def _set(ledger: Ledger, crew: str, mode: Mode, cause: ModeCause, reason: str) -> None:
    """Doing it twice is doing it once: the first one's reason and time stay."""
    if _of(ledger, crew, cause) is not mode:
        ledger.modes.set(crew, mode, cause=cause, reason=reason, by=asked_by(), at=market_time(ledger))


def _forgive_drawdown(ledger: Ledger, configuration: Configuration, account: str) -> None:
    """Whoever leads the account finds the line at its next scan."""
    names = [known.name for known in configuration.settings.accounts]
    if account not in names:
        raise CommandError(f"--drawdown is {account!r}; expected one of {', '.join(names)}")
    line = JournalEntry(market_time(ledger), DRAWDOWN_FORGIVEN, "by a person", account, detail={"by": asked_by()})
    ledger.journal.append(line)


def _of(ledger: Ledger, crew: str, cause: ModeCause) -> Mode:
    return next((record.mode for record in ledger.modes.by_cause(crew) if record.cause is cause), Mode.TRADING)


def _confirm(unguarded: Sequence[Trade], output: Output) -> None:
    """Raise `CommandError` unless a person at a terminal says yes, knowing which positions nobody will guard."""
    named = ", ".join(map(_named, unguarded))
    leaves = f"leaves unguarded: {named}" if named else "leaves stops and targets unguarded, though none is open now"
    if output.as_json or not sys.stdin.isatty():
        raise CommandError(f"halt {leaves}; --yes confirms that")
    output.aside.print(Text(f"Halted, nobody guards stops and targets. It {leaves}."))
    output.aside.print(Text("Halt? [y/N] "), end="")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("not halted; nothing was changed")


def _named(trade: Trade) -> str:
    return f"{trade.resource} {trade.side} {trade.volume_lots:g} lots (trade {trade.trade_id})"
