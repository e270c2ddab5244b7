"""Lines of the journal as the API answers them."""

from __future__ import annotations

from console.configuration import Configuration
from console.records import Data, digits_of, line_data
from console.sentences import sentence
from persistence.journal import JournalLine
from persistence.ledger import Ledger


def line_row(line: JournalLine, configuration: Configuration) -> Data:
    """The line with its sentence, in the shape of `LineRow`."""
    digits = digits_of(line.commodity, configuration.commodities)
    return {**line_data(line), "text": sentence(line.kind, line.reason, line.detail, line.repeated, digits)}


def line_of(ledger: Ledger, number: int) -> JournalLine | None:
    """The line of this number; None where this crew has none."""
    found = ledger.journal.list(after_id=number - 1, before_id=number + 1, limit=1)
    return found[0] if found else None


def next_before(rows: list[Data], limit: int, name: str = "id") -> int | None:
    """Where the next page goes on; None where this one was not full."""
    return int(rows[-1][name]) if len(rows) == limit else None
