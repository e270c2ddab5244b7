"""What the ledger keeps, as plain data for tables and JSON: instants in ISO 8601, words as text.

A journal line may have been written by an older program: whatever it lacks is None here, and nothing raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from typing import Any

from persistence.journal import JournalLine
from persistence.reservations import Reservation
from trading.analysis import Pillars
from trading.commodities import Commodity
from trading.market import SECOND, Instant, iso
from trading.trade import Trade

Data = dict[str, Any]

BULLISHNESS = ".bullishness"  # how the reading of a source of sentiment ends, behind the source's name


def trade_data(trade: Trade) -> Data:
    """A trade with all its fields, and its ``resource``."""
    fields = {name: _plain(name, value) for name, value in asdict(trade).items()}
    return {**fields, "resource": trade.resource}


def reservation_data(reservation: Reservation, lease_clock: int) -> Data:
    """A live reservation; ``kind`` is crew, account or open (the short one around the opening of a trade).

    ``lease_clock``: the time by which it lives, in epoch milliseconds.
    """
    kind = reservation.resource.partition(":")[0]
    return {
        "resource": reservation.resource,
        "kind": kind if kind in ("crew", "account") else "open",
        "owner": reservation.owner,
        "token": reservation.token,
        "expires_at": time_text(reservation.expires_at),
        "seconds_left": max(reservation.expires_at - lease_clock, 0) / SECOND,
    }


def line_data(line: JournalLine) -> Data:
    """A journal line."""
    times = {"at": time_text(line.at), "last_at": time_text(line.last_at)}
    return {**asdict(line), **times, "detail": dict(mapping(line.detail))}


def decision_data(line: JournalLine) -> Data:
    """A decision with its numbers: the analysis, the gate with each pillar, the table of candidates."""
    detail = mapping(line.detail)
    analysis, gate = mapping(detail.get("analysis")), mapping(detail.get("gate"))
    return {
        "id": line.id,
        "at": time_text(line.at),
        "last_at": time_text(line.last_at),
        "repeated": line.repeated,
        "commodity": line.commodity,
        "reason": line.reason,
        "analysis_id": line.analysis_id,
        **{name: analysis.get(name) for name in ("side", "strategy", "regime", "made_by", "daily_volatility")},
        "confidence": gate.get("confidence", analysis.get("confidence")),
        **{name: gate.get(name) for name in ("threshold", "shortfall", "passed")},
        "gate_reasons": [str(reason) for reason in sequence(gate.get("reasons"))],
        "pillars": _pillars(gate.get("pillars"), mapping(analysis.get("pillars"))),
        "candidates": [dict(row) for row in sequence(detail.get("candidates")) if isinstance(row, Mapping)],
        "chosen": detail.get("chosen"),
        "decided_by": detail.get("decided_by"),
        "other": {key: value for key, value in detail.items() if key not in _TOLD},
    }


_TOLD = ("analysis", "gate", "candidates", "chosen", "decided_by")


def digits_of(commodity: str | None, commodities: Mapping[str, Commodity]) -> int | None:
    """The decimals of a commodity's prices; None for one that the catalogue does not have any more."""
    known = commodities.get(commodity or "")
    return None if known is None else known.digits


def mapping(value: Any) -> Mapping[str, Any]:
    """The value when it is a mapping, and an empty one otherwise."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: Any) -> list[Any]:
    """The value when it is a list, and an empty one otherwise."""
    return list(value) if isinstance(value, list | tuple) else []


def _pillars(judged: Any, read: Mapping[str, Any]) -> list[Data]:
    """Each pillar's score, weight and contribution; the score alone where the gate was not reached."""
    shares = mapping(judged)
    found = []
    for name in Pillars.model_fields:
        share, reading = mapping(shares.get(name)), mapping(read.get(name))
        if share or reading:
            score, absent = (share.get(key, reading.get(key)) for key in ("score", "absent"))
            found.append(
                {
                    "name": name,
                    "score": score,
                    "weight": share.get("weight"),
                    "contribution": share.get("contribution"),
                    "absent": bool(absent),
                    "readings": dict(mapping(reading.get("readings"))),
                    "sources": _sources(mapping(reading.get("readings")), mapping(reading.get("notes"))),
                }
            )
    return found


def _sources(readings: Mapping[str, Any], notes: Mapping[str, Any]) -> list[Data]:
    """What each source of sentiment said, how old that was, and in words what no number can say."""
    named = [name.removesuffix(BULLISHNESS) for name in readings if name.endswith(BULLISHNESS)]
    return [
        {
            "name": name,
            "bullishness": readings.get(f"{name}{BULLISHNESS}"),
            "age_seconds": readings.get(f"{name}.age_seconds"),
            "note": notes.get(name),
        }
        for name in named
    ]


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return time_text(value) if name.endswith("_at") else value


def time_text(at: Instant | None) -> str | None:
    """ISO 8601, or None for what is not an instant that a calendar can show."""
    if at is None:
        return None
    try:
        return iso(at)
    except (OverflowError, ValueError, OSError):
        return None
