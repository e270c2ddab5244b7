"""The tokens of a ledger, and those that the places beside the brokers have seen of this ledger or of another."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from console.account_look import token_beside
from console.configuration import Configuration
from console.errors import CommandError
from persistence.ledger import Ledger
from persistence.owner import owner_name
from persistence.reservations import Fence, account_resource

log = logging.getLogger("watchbill.tokens")


def raise_tokens(ledger: Ledger, configuration: Configuration) -> None:
    """From now on no account's broker refuses this ledger's tokens: somebody has decided that it is the one.

    A process that leads an account has a token above the broker's already.
    """
    for account in configuration.settings.accounts:
        name = account_resource(account.name)
        if not account.enabled or ledger.reservations.holder(name) is not None:
            continue
        try:
            token = token_beside(account, configuration)
        except CommandError as error:
            log.warning("account %s: its broker was not asked for its token: %s", account.name, error)
            continue
        if token:
            with held(ledger, configuration, name, above=token) as fence:
                log.debug("the token of %s is %d now", name, fence.token)


@contextmanager
def held(ledger: Ledger, configuration: Configuration, name: str, *, above: int = 0) -> Iterator[Fence]:
    """The lease of a resource, with a token greater than ``above``. Raises `CommandError` while another holds it.

    A ledger that was lost gave out tokens, and the place beside the broker refuses whatever does not exceed them.
    """
    ttl_seconds = configuration.settings.ai_db_reservation_ttl_seconds
    reservation = ledger.reservations.reserve_resource(name, owner_name(), ttl_seconds)
    if reservation is None:
        holder = ledger.reservations.holder(name)
        by = "another process" if holder is None else holder.owner
        raise CommandError(f"{name} is held by {by}; stop it first")
    fence = ledger.reservations.raise_token(reservation.fence, above)
    try:
        yield fence
    finally:
        ledger.reservations.release_resource(fence)
