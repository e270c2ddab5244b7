"""What can go wrong with the ledger. One flat tree; the cause, where there is one, is in `__cause__`."""

from __future__ import annotations


class LedgerError(Exception):
    """The ledger refused; nothing was written."""


class LedgerUnavailable(LedgerError):
    """The database cannot be used now: unreadable, read-only, full, locked for too long, or not there.

    Nothing was written; unless the connection broke while a commit was under way. Whether that was done is known to the
    database alone, and told by the next compare-and-set.
    """

    def __init__(self, ledger: str, reason: str) -> None:
        """``ledger`` is the path or the URL without its password."""
        reason = " ".join(reason.split())  # a server's words may take several lines
        super().__init__(f"the ledger {ledger} cannot be used: {reason}")
        self.ledger = ledger
        self.reason = reason


class LedgerEmpty(LedgerUnavailable):
    """The database is there, and no program has made its tables in it yet."""

    def __init__(self, ledger: str) -> None:
        """``ledger`` as above."""
        super().__init__(ledger, "it is empty; the program makes its tables at its first start")


class NotALedger(LedgerUnavailable):
    """The database is another program's."""

    def __init__(self, ledger: str, tables: str) -> None:
        """``tables``: some of those that it has."""
        super().__init__(ledger, f"it has tables of another program: {tables}; give it an empty database")
        self.tables = tables


class LedgerInUse(LedgerUnavailable):
    """An older program still acts on the ledger: its tables are not changed under it."""

    def __init__(self, ledger: str, owner: str) -> None:
        """``owner`` is who holds a lease there."""
        super().__init__(
            ledger, f"its tables are an older program's, and {owner} still acts on them; stop it before the update"
        )
        self.owner = owner


class LedgerFromTheFuture(LedgerError):
    """The database was written by a newer program, whose tables this one does not know."""

    def __init__(self, ledger: str, revision: str, newest_known: str) -> None:
        """``revision`` is what the database says of itself."""
        super().__init__(
            f"the ledger {ledger} is at revision {revision!r}, newer than the newest known here, {newest_known!r}: "
            "run the newer program, or restore a backup of the older ledger"
        )
        self.revision = revision


class NestedTransaction(LedgerError):
    """A transaction was begun inside another of the same thread. It would wait for itself for ever."""


class StaleToken(LedgerError):
    """The fence did not hold: the lease has expired, was released, or belongs to another. Nothing was written."""


class TradeChanged(LedgerError):
    """The trade is no longer what the writer believed, so its change was lost. Nothing was written."""


class SlotTaken(LedgerError):
    """The account already has an active trade in this commodity. Nothing was written."""


class AnalysisSeen(LedgerError):
    """A trade that did not fail has come of this analysis already. Nothing was written."""


class OpensForbidden(LedgerError):
    """The crew's mode, or a pause of this account or commodity, permits no opens. Nothing was written."""

    def __init__(self, crew: str, mode: str, scope: str = "") -> None:
        """``mode`` is the word that refusals carry, ``scope`` what is not opened, in words; empty: anything."""
        what = f"nothing {scope}" if scope else "nothing"
        super().__init__(f"crew {crew} opens {what}: it is {mode.replace('_', '-')}")
        self.mode = mode


class JobFired(LedgerError):
    """The scheduled job's key has been used: the job ran already. Nothing was written."""


class UnknownTrade(LedgerError):
    """There is no trade of this number."""


class NumbersUsedUp(LedgerError):
    """The account has given its highest order number away, or the broker has shown it. Nothing was written."""


class AnotherBrokerAccount(LedgerError):
    """A platform with a trade under way would become another account at its broker. Nothing was written."""


class UnknownAccount(LedgerError):
    """The platform has no row in the ledger: it was never registered."""


class DamagedLine(LedgerError):
    """What a line of the journal keeps cannot be read: it was cut short, or changed by another program."""

    def __init__(self, line_id: int, what: str) -> None:
        super().__init__(f"journal line {line_id} is damaged: its detail is no JSON object ({what})")
