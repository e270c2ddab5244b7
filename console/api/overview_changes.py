"""What has changed from one overview to the next, as the stream tells it.

Only the top-level keys that changed are in it, each with its whole new value, and two that are told in parts:

    trades: {"changed": [{"trade_id": 7, ...only the fields that changed...}], "gone": [6]}
    events: {"new": [...]}

A trade that is new comes with all its fields. An event whose ``id`` is known replaces that one: it was counted up. The
market time is always there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from console.records import Data

IN_PARTS = ("trades", "events")
MARKET_TIME = "market_time"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Data:
    """Empty where nothing has changed."""
    found = {key: value for key, value in after.items() if key not in IN_PARTS and before.get(key) != value}
    trades = _trades(before["trades"], after["trades"])
    if trades["changed"] or trades["gone"]:
        found["trades"] = trades
    known = {event["id"]: event for event in before["events"]}
    new = [event for event in after["events"] if known.get(event["id"]) != event]
    if new:
        found["events"] = {"new": new}
    return {MARKET_TIME: after[MARKET_TIME], **found} if found else {}


def _trades(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> Data:
    known = {row["trade_id"]: row for row in before}
    changed = []
    for row in after:
        old = known.pop(row["trade_id"], None)
        if old is None:
            changed.append(dict(row))
        elif old != row:
            different = {key: value for key, value in row.items() if old[key] != value}
            changed.append({"trade_id": row["trade_id"], **different})
    return {"changed": changed, "gone": sorted(known)}
