"""Adopting: a live position that carries a crew's number and that the ledger does not know becomes a trade of it.

That is what a restored backup leaves behind, and a lost ledger. The row is written as OPEN, fenced by the account's
lease like every other write, with the broker's own facts and with levels that an operator has given.
"""

from __future__ import annotations

import random
from dataclasses import replace

from sqlalchemy import Connection, bindparam, func, select, update

from persistence import accounts, trade_rows
from persistence.database import Database
from persistence.errors import LedgerError
from persistence.journal import Journal, JournalEntry
from persistence.reservations import Fence, Reservations, account_resource
from persistence.tables import account, trade
from trading.order_numbers import prefix_of, sequence_of
from trading.trade import Trade, TradeState

TRADES_OF_PLATFORM = select(func.count()).select_from(trade).where(trade.c.platform == bindparam("the_platform"))
HOLDER_OF_PREFIX = select(account.c.platform).where(account.c.prefix == bindparam("the_prefix"))
TAKE_PREFIX = (
    update(account).where(account.c.platform == bindparam("the_platform")).values(prefix=bindparam("the_prefix"))
)


class Adoption:
    """Writes the rows of adopted trades."""

    def __init__(
        self, database: Database, reservations: Reservations, journal: Journal, crew: str, rng: random.Random
    ) -> None:
        """``crew``: whose trades they become."""
        self._database = database
        self._reservations = reservations
        self._journal = journal
        self._crew = crew
        self._rng = rng

    def adopt(self, adopted: Trade, fence: Fence, *entries: JournalEntry) -> Trade:
        """Write the row of a trade that is OPEN, and see to it that no later order gets its number.

        An account without any trade takes over the prefix of the position's number, so that its other positions are
        ours again; otherwise the number must carry the account's own prefix. Entries get the trade's number. Raises
        `StaleToken`, `SlotTaken`, `LedgerError` for a number that cannot be ours, and ``ValueError`` for values that no
        trade can have; then nothing was written.
        """
        if adopted.state is not TradeState.OPEN:
            raise ValueError(f"state is {adopted.state!r}; expected an adopted trade to be open")
        if fence.resource != account_resource(adopted.platform):
            raise ValueError(f"the fence is that of {fence.resource!r}; expected that of the account")
        unnumbered = trade_rows.checked(replace(adopted, account_token=fence.token))
        with self._database.writing() as connection:
            self._reservations.require(connection, fence)
            self._give_prefix(connection, adopted)
            accounts.raise_sequence(connection, adopted.platform, sequence_of(adopted.magic))
            trade_id = trade_rows.insert_row(connection, unnumbered, self._crew)
            self._journal.write(connection, [replace(entry, trade_id=trade_id) for entry in entries])
        return replace(unnumbered, trade_id=trade_id)

    def _give_prefix(self, connection: Connection, adopted: Trade) -> None:
        platform, prefix = adopted.platform, prefix_of(adopted.magic)
        if prefix == 0:
            raise LedgerError(f"magic {adopted.magic} on {platform} carries no crew's prefix: a stranger's position")
        own = accounts.register(connection, platform, self._crew, self._rng)
        if own == prefix:
            return
        if connection.execute(TRADES_OF_PLATFORM, {"the_platform": platform}).scalar_one():
            raise LedgerError(
                f"magic {adopted.magic} carries prefix {prefix}, and the orders of {platform} in this ledger carry "
                f"{own}: it is another ledger's; restore that one, or disown the position"
            )
        other = connection.execute(HOLDER_OF_PREFIX, {"the_prefix": prefix}).scalar_one_or_none()
        if other is not None:
            raise LedgerError(f"magic {adopted.magic} carries the prefix of {other}, and is not of {platform}")
        connection.execute(TAKE_PREFIX, {"the_platform": platform, "the_prefix": prefix})
