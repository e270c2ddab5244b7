"""The trades that whoever watches them begins with, also while the ledger is away."""

from __future__ import annotations

from collections.abc import Sequence

from actors.messages import TellTrades
from actors.names import platform_actor
from actors.system.context import Context
from persistence.errors import LedgerUnavailable
from persistence.ledger import Ledger
from trading.settings import Settings
from trading.trade import Trade


def known_trades(ledger: Ledger, settings: Settings, context: Context) -> Sequence[Trade]:
    """The active trades by the ledger; where it is away none, and the accounts' actors tell theirs one by one.

    To wait for the ledger would leave stops unguarded, and to fail without it would in the end stop the process.
    """
    try:
        return ledger.trades.active()
    except LedgerUnavailable:
        ask_for_trades(settings, context)
        return ()


def ask_for_trades(settings: Settings, context: Context) -> None:
    """Have every account's actor tell its trades, from memory."""
    for account in settings.accounts:
        if account.enabled:
            context.tell(platform_actor(account.name), TellTrades())
