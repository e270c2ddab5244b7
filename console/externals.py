"""The positions of other programs and of people, as the journal's newest line about each account's says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from actors.externals import EXTERNALS
from console.figures import money, side, time_of
from console.records import Data
from console.tables import Column, table
from persistence.ledger import Ledger
from trading.market import iso
from trading.settings import Settings


def external_data(ledger: Ledger, settings: Settings) -> list[Data]:
    """By account and position; ``profit`` is what it was at ``seen_at``, when one of them came or went last."""
    found = []
    for account in settings.accounts:
        for line in ledger.journal.list(kind=EXTERNALS, platform=account.name, limit=1):
            seen = {"platform": account.name, "seen_at": iso(line.last_at)}
            found += [{**seen, **position} for position in line.detail["positions"]]
    return found


def external_table(positions: Sequence[Mapping[str, Any]]) -> RenderableType:
    """One row for each; nothing here ever touches them."""
    columns = (
        Column("account"),
        Column("commodity"),
        Column("side"),
        Column("lots", "right"),
        Column("profit then", "right"),
        Column("position", "right", goes=1),
        Column("seen", goes=2),
    )
    rows = [
        (
            Text(position["platform"], style="bold"),
            position["commodity"],
            side(position["side"]),
            f"{position['volume_lots']:g}",
            money(position["profit"]),
            str(position["position_id"]),
            time_of(position["seen_at"]),
        )
        for position in positions
    ]
    return table("Positions of others (never touched)", columns, rows, otherwise="No positions of others.")
