"""`run.py close`: has the process that leads close one trade, or all of a part, and says honestly what came of it."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from console.arguments import Close
from console.at_console import Told, console_for, exit_code, give, require_done
from console.configuration import Configuration
from console.console_client import ConsoleAway, ConsoleClient
from console.errors import CommandError
from console.modes_at_console import require_yes
from console.output import Output
from console.reading import ledger_for_reading
from persistence.errors import LedgerError
from persistence.reservations import crew_resource

CLOSES = "closes"
STYLES = {"done": "green", "unresolved": "bold yellow"}


def run(arguments: Close, configuration: Configuration, output: Output) -> int:
    """Close what is asked for; answers the exit code: 0 done, 3 not known yet. Raises `CommandError`."""
    _require_sense(arguments)
    try:
        console = console_for(arguments, configuration, "trade")
        console.require_alive()
        path, body = _asked(arguments, console, output)
    except ConsoleAway as error:
        raise CommandError(_nobody(str(error), configuration)) from error
    told = give(lambda: console_for(arguments, configuration, "trade"), path, body, wait_seconds=arguments.wait_seconds)
    if told.state == "away":
        raise CommandError(_nobody(told.said, configuration))
    require_done(told)
    output.show(told.data, lambda data: _in_words(told))
    return exit_code(told)


def _require_sense(arguments: Close) -> None:
    if (arguments.trade_id is None) is not arguments.all:
        raise CommandError("close: expected the number of one trade, or --all")
    if not arguments.all and (arguments.account is not None or arguments.commodity is not None):
        raise CommandError("close: --account and --commodity choose among --all")


def _asked(arguments: Close, console: ConsoleClient, output: Output) -> tuple[str, dict[str, Any]]:
    """What is sent, once a person has said yes to what it names."""
    if arguments.trade_id is not None:
        if not arguments.yes:
            require_yes(CLOSES, {"positions": [_named(console, arguments.trade_id)]}, output)
        return "close", {"trade_id": arguments.trade_id}
    part = {"platform": arguments.account, "commodity": arguments.commodity}
    body: dict[str, Any] = {name: value for name, value in part.items() if value is not None}
    if not arguments.yes:
        told = give(lambda: console, "close-all", {**body, "confirmed": False}, wait_seconds=0.0)
        if told.detail.get("code") != "not_confirmed":
            raise CommandError(told.said)
        require_yes(CLOSES, told.detail, output)
    return "close-all", {**body, "confirmed": True}


def _named(console: ConsoleClient, trade_id: int) -> str:
    """``alpha:EURUSD buy 0.09 lots (trade 7)``. Raises `CommandError` where there is no such trade."""
    answer = console.get(f"/api/trades/{trade_id}")
    trade = answer.data.get("trade")
    if answer.status != 200 or not isinstance(trade, dict):
        raise CommandError(answer.said)
    volume = trade.get("volume_lots")
    lots = f"{volume:g}" if isinstance(volume, int | float) else "?"
    return f"{trade.get('platform')}:{trade.get('commodity')} {trade.get('side')} {lots} lots (trade {trade_id})"


def _in_words(told: Told) -> Text:
    text = Text(told.said, style=STYLES.get(told.state, ""))
    if told.state == "unresolved":
        text.append(f"\nnot known yet (request {told.request_id}); run.py status shows what came of it", style="yellow")
    return text


def _nobody(why: str, configuration: Configuration) -> str:
    """Why nothing can be closed from here, and who leads, as far as the ledger knows."""
    crew = configuration.settings.crew
    try:
        with ledger_for_reading(configuration) as ledger:
            holder = None if ledger is None else ledger.reservations.holder(crew_resource(crew))
    except LedgerError as error:
        leads = f"who leads crew {crew} is not known: {error}"
    else:
        leads = f"nobody leads crew {crew}" if holder is None else f"crew {crew} is led by {holder.owner}"
    return f"nobody can close from here now: {why}; {leads}"
