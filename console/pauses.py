"""The scopes in which opening is paused, as data and in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.figures import time_of
from console.records import Data, time_text
from persistence.ledger import Ledger

OPTIONS = {"account": "platform", "commodity": "commodity"}
"""Of `pause` and `resume`, with what they mean in the data."""


def paused_scopes(ledger: Ledger, crew: str) -> list[Data]:
    """Each pause of an account, of a commodity, or of one on the other; a pause of everything is a mode."""
    return [
        {
            "platform": pause.scope.platform,
            "commodity": pause.scope.commodity,
            "reason": pause.reason,
            "by": pause.by,
            "since": time_text(pause.since),
        }
        for pause in ledger.pauses.of(crew)
    ]


def pause_words(data: Mapping[str, Any]) -> str:
    """One of them, in one line: what is not opened, who says so, and what lifts it."""
    options = "".join(f" --{name} {data[key]}" for name, key in OPTIONS.items() if data[key] is not None)
    what = " on ".join(data[key] for key in ("commodity", "platform") if data[key] is not None)
    why = f": {data['reason']}" if data["reason"] else ""
    since = time_of(data["since"])
    return f"{what} paused, guarding goes on; by {data['by']} since {since}{why}; lifted by run.py resume{options}"
