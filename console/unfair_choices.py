"""Which accounts have lately won more ties than their share, by what the leading process has said of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text

from actors.names import UNFAIR_CHOICE
from console.figures import time_of
from console.records import Data
from persistence.ledger import Ledger
from trading.market import DAY, Instant, iso

LASTS = 2 * DAY  # it is told anew each day while it lasts and something is chosen


def unfair_choices(ledger: Ledger, now: Instant | None) -> list[Data]:
    """The newest word about each commodity, where it is no older than two days of market time."""
    if now is None:
        return []
    told = ledger.journal.list(kind=UNFAIR_CHOICE, since=now - LASTS, newest_first=False)
    newest = {line.commodity: line for line in told}
    return [
        {"commodity": name, "platform": line.platform, "at": iso(line.at), "said": str(line.detail.get("said"))}
        for name, line in sorted(newest.items(), key=lambda item: item[0] or "")
    ]


def lines(choices: Iterable[Mapping[str, Any]]) -> list[Text]:
    """One for each."""
    return [Text(f"unfair choice at {time_of(choice['at'])}: {choice['said']}", "yellow") for choice in choices]
