"""Accounts and the numbers of their orders, each within the caller's transaction.

A magic number is the account's prefix and the order's sequence. The prefix is drawn at random, so that two ledgers on
one account hardly ever share one, and a ledger can tell its own orders from a stranger's.
"""

from __future__ import annotations

import random
import re

from sqlalchemy import Connection, bindparam, func, select, update

from persistence.errors import LedgerError, NumbersUsedUp, UnknownAccount
from persistence.prepared import prepared
from persistence.tables import account
from persistence.upserts import insert_through
from trading.order_numbers import SEQUENCE_BITS

PREFIXES = range(1, 1 << 16)
HIGHEST_SEQUENCE = (1 << SEQUENCE_BITS) - 1

PLATFORM = re.compile(r"[A-Za-z0-9_-]{1,64}")
KINDS_OF_RESERVATION = frozenset({"account", "crew"})
"""No platform may have these names: its reservations would be taken for those of accounts and crews."""

_this_account = account.c.platform == bindparam("the_platform")
ACCOUNTS = select(func.count()).select_from(account)
PREFIX = prepared(select(account.c.prefix).where(_this_account))
NEXT_NUMBER = prepared(
    update(account)
    .where(_this_account)
    .values(sequence=account.c.sequence + 1)
    .returning(account.c.prefix, account.c.sequence)
)
TAKE_OVER = prepared(
    update(account).where(_this_account, account.c.crew != bindparam("the_crew")).values(crew=bindparam("the_crew"))
)
RAISE_SEQUENCE = prepared(
    update(account)
    .where(_this_account, account.c.sequence < bindparam("at_least"))
    .values(sequence=bindparam("at_least"))
)


def register(connection: Connection, platform: str, crew: str, rng: random.Random) -> int:
    """The account's prefix, drawn the first time and kept for good. The account is this crew's from now on.

    Raises ``ValueError`` for a malformed name and `LedgerError` when every prefix is taken.
    """
    if not PLATFORM.fullmatch(platform) or platform in KINDS_OF_RESERVATION:
        raise ValueError(
            f"platform is {platform!r}; expected 1 to 64 letters, digits, '_' and '-', and not 'account' or 'crew'"
        )
    while (prefix := _prefix(connection, platform)) is None:
        if connection.execute(ACCOUNTS).scalar_one() == len(PREFIXES):
            raise LedgerError(f"all {len(PREFIXES)} account prefixes are taken; {platform!r} gets none")
        _insert_unless_taken(connection, platform, crew, rng.choice(PREFIXES))
    connection.execute(TAKE_OVER, {"the_platform": platform, "the_crew": crew})
    return prefix


def raise_sequence(connection: Connection, platform: str, at_least: int) -> None:
    """See to it that the next order's sequence is above ``at_least``.

    Raises ``ValueError`` outside of 0 to 2**32 - 1, and `UnknownAccount`.
    """
    if not 0 <= at_least <= HIGHEST_SEQUENCE:
        raise ValueError(f"at_least is {at_least}; expected a sequence from 0 to {HIGHEST_SEQUENCE}")
    if _prefix(connection, platform) is None:
        raise _unknown(platform)
    connection.execute(RAISE_SEQUENCE, {"the_platform": platform, "at_least": at_least})


def next_number(connection: Connection, platform: str) -> tuple[int, int]:
    """Prefix and sequence of the account's next order. Raises `UnknownAccount` and `NumbersUsedUp`."""
    row = connection.execute(NEXT_NUMBER, {"the_platform": platform}).one_or_none()
    if row is None:
        raise _unknown(platform)
    if row.sequence > HIGHEST_SEQUENCE:
        raise NumbersUsedUp(f"order numbers of {platform} are used up: {HIGHEST_SEQUENCE} was the highest")
    return row.prefix, row.sequence


def _prefix(connection: Connection, platform: str) -> int | None:
    return connection.execute(PREFIX, {"the_platform": platform}).scalar_one_or_none()


def _insert_unless_taken(connection: Connection, platform: str, crew: str, prefix: int) -> None:
    # The prefix may have been drawn before, and on PostgreSQL another process may register this account at this moment.
    statement = insert_through(connection, account).values(platform=platform, prefix=prefix, sequence=0, crew=crew)
    connection.execute(statement.on_conflict_do_nothing())


def _unknown(platform: str) -> UnknownAccount:
    return UnknownAccount(f"the account {platform!r} is not registered in the ledger")
