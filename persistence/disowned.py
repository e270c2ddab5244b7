"""Positions that carry a crew's magic number and that an operator declared not ours.

They are strangers' from then on: shown, counted, and never touched.
"""

from __future__ import annotations

from sqlalchemy import bindparam, select

from persistence.database import Database
from persistence.errors import LedgerError
from persistence.journal import Journal, JournalEntry
from persistence.tables import disowned, trade
from persistence.upserts import insert_through
from trading.market import Instant

KIND = "disowned"
"""Of the journal's lines about them."""

OF_PLATFORM = select(disowned.c.magic).where(disowned.c.platform == bindparam("the_platform"))
KNOWN = select(trade.c.trade_id).where(trade.c.magic == bindparam("the_magic"))


class Disowned:
    """The table of disowned positions."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    def add(self, platform: str, magic: int, *, by: str, at: Instant, reason: str = "") -> bool:
        """Declare a position not ours, with a journal line that says who did. False: it was declared so before.

        ``at`` is market time. Raises `LedgerError` where a trade of this ledger has that number: its row would be left
        with a position that nobody watches.
        """
        with self._database.writing() as connection:
            known = connection.execute(KNOWN, {"the_magic": magic}).scalar_one_or_none()
            if known is not None:
                raise LedgerError(f"magic {magic} on {platform} is that of trade {known} of this ledger")
            row = insert_through(connection, disowned).values(platform=platform, magic=magic, disowned_by=by, at=at)
            is_new = connection.execute(row.on_conflict_do_nothing()).rowcount == 1
            if is_new:
                said = {"magic": magic, "by": by, "said": reason}
                self._journal.write(connection, [JournalEntry(at, KIND, "not ours", platform=platform, detail=said)])
        return is_new

    def of(self, platform: str) -> frozenset[int]:
        """The magic numbers of the account that are not ours, whatever their prefix says."""
        with self._database.reading() as connection:
            return frozenset(connection.execute(OF_PLATFORM, {"the_platform": platform}).scalars())
