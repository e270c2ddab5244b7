"""Which accounts are in trouble at the moment, by what was last said of them in the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text

from actors.unended import unended
from console.figures import time_of
from console.records import Data
from persistence.journal import JournalLine
from trading.market import iso

LINES = 1_000  # of the newest alerts: what is older than so many others has long been followed by something


def troubles(alerts: Iterable[JournalLine]) -> dict[str, Data]:
    """By account, since when and why. ``alerts``: the lines of that kind, newest first."""
    of: dict[str, list[JournalLine]] = {}
    for line in alerts:
        if line.platform is not None:
            of.setdefault(line.platform, []).append(line)
    return {
        name: {
            "since": iso(min(line.at for line in lasting)),
            "said": "; ".join(str(line.detail.get("said")).removeprefix(f"{name}: ") for line in lasting),
        }
        for name, told in of.items()
        if (lasting := unended(told))
    }


def lines(accounts: Iterable[Mapping[str, Any]]) -> list[Text]:
    """One for each enabled account that has a ``trouble``."""
    return [
        Text(f"{account['name']} since {time_of(account['trouble']['since'])}: {account['trouble']['said']}", "yellow")
        for account in accounts
        if account["enabled"] and account["trouble"] is not None
    ]
