"""Which records a call's filters leave, in the package's structures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from connectors.mt5.call_forms import HistorySelection, Selection
from connectors.mt5.group_masks import in_group
from connectors.mt5.structures import Structure, SymbolInfo, from_record
from connectors.mt5.trade_server import Record

Structures: TypeAlias = tuple[Structure, ...]


def symbols(records: Sequence[Record], group: str | None) -> Structures:
    """The symbols of a group; without one all of them."""
    return tuple(
        from_record(SymbolInfo, record) for record in records if group is None or in_group(record["name"], group)
    )


def live(structure: type[Structure], records: Sequence[Record], selection: Selection) -> Structures:
    """The positions or orders that are wanted."""
    if selection.ticket is not None:
        records = [record for record in records if record["ticket"] == selection.ticket]
    elif selection.symbol is not None:
        records = [record for record in records if record["symbol"] == selection.symbol]
    elif selection.group is not None:
        records = [record for record in records if in_group(record["symbol"], selection.group)]
    return tuple(from_record(structure, record) for record in records)


def past(
    structure: type[Structure], records: Sequence[Record], dated_by: str, selection: HistorySelection
) -> Structures:
    """The orders or deals that are wanted; ``dated_by``: the field of their time, in seconds."""
    if selection.ticket is not None:
        records = [record for record in records if record["ticket"] == selection.ticket]
    elif selection.position is not None:
        records = [record for record in records if record["position_id"] == selection.position]
    else:
        records = within(records, dated_by, selection.since, selection.until)
        if selection.group is not None:
            records = [record for record in records if in_group(record["symbol"], selection.group)]
    return tuple(from_record(structure, record) for record in records)


def within(records: Sequence[Record], dated_by: str, since: int, until: int) -> Sequence[Record]:
    """Those of a time, both ends included."""
    return [record for record in records if since <= record[dated_by] <= until]
