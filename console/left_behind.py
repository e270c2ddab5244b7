"""What a ledger that is set aside would leave unguarded: positions at brokers that do not begin anew with it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from connectors.mt5.terminal_link import open_terminal
from connectors.mt5.trade_server import PackageError
from console.errors import CommandError
from trading.settings import Settings
from trading.settings_accounts import AccountSettings
from trading.trade import Trade

log = logging.getLogger("watchbill.serve")

LOOK_SECONDS = 5.0  # at a simulated terminal


def require_nothing_left_behind(live: Sequence[Trade], settings: Settings) -> None:
    """Raise `CommandError` while a MetaTrader 5 account has, or may have, the position of a trade that is ``live``.

    A simulated terminal may be another by now: it is asked, and where it does not know the position, that is only told.
    Beside such accounts, one that the settings name no more may have been one, too.
    """
    named = {account.name for account in settings.accounts}
    is_metatrader = settings.metatrader_package is not None
    former = [trade for trade in live if is_metatrader and trade.platform not in named]
    left = {
        account.name: trades
        for account in settings.accounts
        if account.connector == "mt5" and (trades := [trade for trade in live if trade.platform == account.name])
    }
    held = [trade for name, trades in left.items() for trade in _still_held(settings.account(name), trades)] + former
    if held:
        raise CommandError(
            f"--fresh: {_said(held)}: the broker keeps what it has, and under a new ledger nobody would guard it; let "
            "serve close it, or close it at the broker and start serve once more without --fresh; where the broker "
            "never had it, name another ledger in database_url"
        )
    gone = [trade for trades in left.values() for trade in trades]
    if gone:
        log.warning("--fresh: %s: no terminal that runs has a position of it; the new ledger forgets it", _said(gone))


def _still_held(account: AccountSettings, trades: Sequence[Trade]) -> list[Trade]:
    """Those whose position is there, as far as can be told: a real broker forgets nothing, and is not asked."""
    if account.mt5.package != "simulator" or account.mt5.terminal is None:
        return list(trades)
    try:
        server = open_terminal(str(Path(account.mt5.terminal)), LOOK_SECONDS)
        try:
            positions = server.positions()
        finally:
            server.log_out()
    except PackageError as error:
        log.info("account %s: its simulated terminal was not asked what it holds: %s", account.name, error)
        return []
    identifiers = {record["identifier"] for record in positions}
    magics = {record["magic"] for record in positions}
    return [trade for trade in trades if trade.position_id in identifiers or trade.magic in magics]


def _said(trades: Iterable[Trade]) -> str:
    return ", ".join(
        f"trade {trade.trade_id} on {trade.resource} is {trade.state}"
        + ("" if trade.position_id is None else f", position {trade.position_id}")
        for trade in trades
    )
