"""Whether the settings' accounts are those on which the ledger's trades were opened: asked by whoever leads or adopts.

A position's number means something on its own account alone. On another one it may be nobody's, and the trade's own
position would live on unguarded, or it may be a stranger's, which would be taken for ours.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from console.errors import CommandError
from console.operating import market_time
from persistence.broker_accounts import BrokerAccount
from persistence.errors import AnotherBrokerAccount
from persistence.ledger import Ledger
from trading.settings_accounts import AccountSettings

log = logging.getLogger("watchbill.serve")


def named_accounts(accounts: Iterable[AccountSettings]) -> dict[str, BrokerAccount]:
    """What the settings say of each account at a MetaTrader 5 terminal.

    The others are known by their books: the server of a remote one is an address, where it may move to another.
    """
    return {
        account.name: BrokerAccount(account.login, account.server)
        for account in accounts
        if account.connector == "mt5" and account.login is not None and account.server is not None
    }


def require_same_accounts(ledger: Ledger, accounts: Iterable[AccountSettings]) -> None:
    """Remember which account each platform is.

    Raises `CommandError` where one with a trade under way was another when that was opened.
    """
    named = named_accounts(accounts)
    if not named:
        return
    try:
        changed = ledger.broker_accounts.settle(named, at=market_time(ledger))
    except AnotherBrokerAccount as error:
        raise CommandError(str(error)) from error
    for name, before in changed.items():
        log.warning("account %s was %s, and is %s from now on", name, before, named[name])
