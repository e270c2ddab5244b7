"""What an account's own results hold it back from at the moment, by the newest lines of the journal about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text

from actors.track_record import DAILY_LOSS, DRAWDOWN, LOSSES_IN_A_ROW
from console.figures import time_of
from console.records import Data
from persistence.journal import DRAWDOWN_FORGIVEN, JournalLine
from persistence.ledger import Ledger
from trading.market import Instant, iso


def held_back(ledger: Ledger, platform: str, now: Instant | None) -> list[Data]:
    """Each thing with ``kind``, ``since``, ``until`` (None: until the results are better) and what was ``said``."""
    found = []
    for kind in (DAILY_LOSS, LOSSES_IN_A_ROW):
        line = _newest(ledger, platform, kind)
        if line is not None and now is not None and line.detail["until"] > now:
            found.append(_data(line, iso(line.detail["until"])))
    drawdown, forgiven = _newest(ledger, platform, DRAWDOWN), _newest(ledger, platform, DRAWDOWN_FORGIVEN)
    is_forgiven = drawdown is not None and forgiven is not None and forgiven.id > drawdown.id
    if drawdown is not None and drawdown.detail["factor_after"] < 1 and not is_forgiven:
        found.append(_data(drawdown, None))
    return found


def lines(accounts: Iterable[Mapping[str, Any]]) -> list[Text]:
    """One for each thing that holds an enabled account back."""
    return [
        Text(f"{account['name']} since {time_of(held['since'])}: {held['said']}", "yellow")
        for account in accounts
        if account["enabled"]
        for held in account["held_back"]
    ]


def _newest(ledger: Ledger, platform: str, kind: str) -> JournalLine | None:
    return next(iter(ledger.journal.list(kind=kind, platform=platform, limit=1)), None)


def _data(line: JournalLine, until: str | None) -> Data:
    return {"kind": line.kind, "since": iso(line.at), "until": until, "said": line.detail.get("said", line.reason)}
