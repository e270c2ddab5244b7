"""What open trades were found to be worth, on its way into the journal: `calibration --ledger` counts on these lines.

They are written with the next scan, all in one transaction, so that no order waits for them; and what cannot be written
then is let go, for nothing is decided by them.
"""

from __future__ import annotations

import math

from actors.desk import Desk
from actors.messages import Valued
from actors.system.context import Context
from persistence.errors import LedgerError
from persistence.journal import VALUATION, JournalEntry
from trading.market import SECOND, Instant
from trading.records import flat
from trading.trade import Trade
from trading.valuation import Valuation

MOST_WAITING = 10_000


class Valuations:
    """The valuations of one account that are not in the journal yet."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Instant, Trade, Valuation]] = []

    @property
    def are_waiting(self) -> bool:
        """Whether the next scan has something to write."""
        return bool(self._waiting)

    def keep(self, message: Valued) -> None:
        """Let them wait for the next scan; beyond so many the newest are let go."""
        room = MOST_WAITING - len(self._waiting)
        self._waiting += [(message.at, trade, valuation) for trade, valuation in message.valuations[:room]]

    def write(self, desk: Desk, context: Context) -> None:
        """Add what waits to the journal. Raises `LedgerUnavailable`; it is let go all the same."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            desk.ledger.journal.append(*(_line(desk, at, trade, found) for at, trade, found in waiting))
        except LedgerError:
            raise
        except Exception as fault:  # nothing is decided by them, so no defect in them may cost the account its actor
            said = f"{desk.platform}: {len(waiting)} valuations: {type(fault).__name__}: {fault}"
            context.alert("valuations_not_written", said)


def figures(valuation: Valuation) -> dict[str, object]:
    """A valuation for the journal, which takes finite numbers only: None stands for what is not one."""
    return {name: value if math.isfinite(value) else None for name, value in flat(valuation).items()}


def _line(desk: Desk, at: Instant, trade: Trade, found: Valuation) -> JournalEntry:
    detail = {
        **figures(found),
        "strategy": trade.strategy.value,
        "seconds_left": (found.horizon_at - at) / SECOND,
    }
    return JournalEntry(
        at=at,
        kind=VALUATION,
        reason="valued",
        platform=desk.platform,
        commodity=trade.commodity,
        trade_id=trade.trade_id,
        analysis_id=trade.analysis_id,
        detail=detail,
    )
