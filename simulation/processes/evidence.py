"""Reads what a ledger and the books of paper accounts say, for the comparison and for the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from connectors.paper_book import PaperBook
from persistence.ledger import Ledger
from persistence.reservations import account_resource
from persistence.tables import reservation
from simulation.processes.comparison import BrokerFacts, LedgerFacts
from trading.trade import ACTIVE, TradeState

SLOT_IS_EMPTY = "nothing"
"""What is counted for an account that had no active row when its process was struck."""


@dataclass(slots=True)
class Tally:
    """What happened in a world, by its journal."""

    opens: int = 0
    closes: int = 0
    unknown: int = 0  # rows that became unknown
    unknown_resolved: int = 0  # of these: found at the broker, or proved absent
    closed_by: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Count another world's in."""
        self.opens += other.opens
        self.closes += other.closes
        self.unknown += other.unknown
        self.unknown_resolved += other.unknown_resolved
        self.closed_by += other.closed_by


def ledger_facts(ledger: Ledger, accounts: Collection[str]) -> dict[str, LedgerFacts]:
    """What the ledger says of these accounts now."""
    query = select(reservation.c.resource, reservation.c.token)
    with ledger.reading() as connection:
        tokens = {row.resource: row.token for row in connection.execute(query)}
    trades = ledger.trades.list(newest_first=False)
    return {
        account: LedgerFacts(
            [trade for trade in trades if trade.platform == account], tokens.get(account_resource(account), 0)
        )
        for account in accounts
    }


def broker_facts(books: Mapping[str, Path], currency: str, opening_balance: float) -> dict[str, BrokerFacts]:
    """What the books say now. Raises `ConnectorError` for one that cannot be read."""
    facts = {}
    for account, path in books.items():
        book = PaperBook(path, account, currency, opening_balance)
        positions = sorted(book.holdings.values(), key=lambda holding: holding.ticket)
        facts[account] = BrokerFacts(opening_balance, book.balance, book.token, positions, book.deals)
    return facts


def tally(ledger: Ledger) -> Tally:
    """What happened, by the transitions in the journal and the trades."""
    found = Tally()
    for line in ledger.journal.list(kind="transition"):
        before, after = line.detail.get("before"), line.detail.get("after")
        found.opens += after == TradeState.OPEN and before != TradeState.OPEN
        found.closes += after == TradeState.CLOSED and before != TradeState.CLOSED
        found.unknown += after == TradeState.UNKNOWN
        found.unknown_resolved += before == TradeState.UNKNOWN
    closed = ledger.trades.list(states=[TradeState.CLOSED])
    found.closed_by = Counter(str(trade.close_reason) for trade in closed)
    return found


def states_of_slots(ledger: Ledger, accounts: Collection[str]) -> Counter[str]:
    """The state of each account's active row at this moment."""
    states: dict[str, str] = dict.fromkeys(accounts, SLOT_IS_EMPTY)
    states |= {trade.platform: trade.state.value for trade in ledger.trades.list(states=ACTIVE)}
    return Counter(states.values())


def writers(ledger: Ledger) -> list[tuple[str, int]]:
    """Account and process number of every transition, in the order of the journal."""
    lines = ledger.journal.list(kind="transition", newest_first=False)
    # A writer is named ``host:pid:identifier``.
    return [(line.platform, int(line.writer.rsplit(":", 2)[1])) for line in lines if line.platform is not None]
