"""`run.py trades`: the trades of the ledger, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from console.arguments import Trades
from console.books import console_address_file
from console.configuration import Configuration
from console.errors import CommandError
from console.figures import money, price, side, state, time_of, words
from console.output import Output
from console.reading import ledger_for_reading, no_ledger, require_commodity
from console.records import Data, digits_of, trade_data
from console.tables import Cell, Column, table
from persistence.ledger import Ledger
from trading.commodities import Commodity


def run(arguments: Trades, configuration: Configuration, output: Output) -> int:
    """Show the trades that were asked for; answers the exit code.

    The console's rows are the ledger's: where none answers, the ledger here is read itself.
    """
    if arguments.url is not None or console_address_file(configuration).exists():
        from console.at_console import looked_up

        asked = {name: getattr(arguments, name) for name in ("platform", "commodity", "state", "limit")}
        try:
            found = looked_up(arguments, configuration, "/api/trades", asked)
        except CommandError:
            if arguments.url is not None:
                raise
        else:
            where = arguments.url or configuration.shown_database_url
            output.show({"ledger": where, "exists": True, "trades": found["trades"]}, render)
            return 0
    with ledger_for_reading(configuration) as ledger:
        _require_platform(arguments.platform, configuration, ledger)
        commodity = require_commodity(arguments.commodity, configuration, "--commodity")
        data = trades_data(replace(arguments, commodity=commodity), ledger, configuration.commodities)
    output.show({"ledger": configuration.shown_database_url, **data}, render)
    return 0


def _require_platform(platform: str | None, configuration: Configuration, ledger: Ledger | None) -> None:
    """Raise `CommandError` for an account that neither the settings nor any trade of the ledger name."""
    known = [account.name for account in configuration.settings.accounts]
    traded = ledger is not None and platform is not None and ledger.trades.list(platform=platform, limit=1)
    if platform is not None and platform not in known and not traded:
        raise CommandError(f"--platform is {platform!r}; expected one of {', '.join(known)}")


def trades_data(arguments: Trades, ledger: Ledger | None, commodities: Mapping[str, Commodity]) -> Data:
    """``trades``, newest first, each with the ``digits`` of its prices; ``exists`` says whether there is a ledger."""
    if ledger is None:
        return {"exists": False, "trades": []}
    found = ledger.trades.list(
        platform=arguments.platform,
        commodity=arguments.commodity,
        states=None if arguments.state is None else {arguments.state},
        limit=arguments.limit,
    )
    rows = [{**trade_data(trade), "digits": digits_of(trade.commodity, commodities)} for trade in found]
    return {"exists": True, "trades": rows}


def render(data: Mapping[str, Any]) -> RenderableType:
    """The table."""
    if not data["exists"]:
        return no_ledger(data)
    columns = (
        Column("#", "right"),
        Column("account"),
        Column("commodity"),
        Column("side"),
        Column("lots", "right", goes=3),
        Column("strategy", goes=5),
        Column("state"),
        Column("opened", goes=2),
        Column("closed", goes=6),
        Column("entry", "right", goes=4),
        Column("exit", "right", goes=4),
        Column("why", goes=1),
        Column("profit", "right"),
    )
    return table("", columns, [_row(trade) for trade in data["trades"]], otherwise="No trades.")


def _row(trade: Mapping[str, Any]) -> tuple[Cell, ...]:
    return (
        str(trade["trade_id"]),
        Text(str(trade["platform"]), style="bold"),
        str(trade["commodity"]),
        side(trade["side"]),
        f"{trade['volume_lots']:g}",
        words(trade["strategy"]),
        state(trade["state"]),
        time_of(trade["opened_at"] or trade["submitted_at"]),
        time_of(trade["closed_at"]),
        price(trade["entry_price"], trade["digits"]),
        price(trade["exit_price"], trade["digits"]),
        words(trade["close_reason"]),
        money(trade["profit"]),
    )
