"""CaretakerActor: keeps the ledger from growing for ever.

It stands apart from the trading: nobody tells it anything, and when it cannot do its work it says so and tries again
later. One step is one short transaction and one message.
"""

from __future__ import annotations

from actors.messages import Prune
from actors.system.context import Context
from persistence.errors import LedgerError
from persistence.retention import Retention
from trading.market import DAY

PAUSE_SECONDS = 0.2  # between two steps: orders come first
RETRY_SECONDS = 600.0


class CaretakerActor:
    """Prunes at the start, and then once in each day of market time."""

    def __init__(self, retention: Retention, keep_days: int, valuations_keep_days: int) -> None:
        self._retention = retention
        self._keep_days = keep_days
        self._valuations_keep_days = valuations_keep_days

    def start(self, context: Context) -> None:
        """Begin with the oldest lines, once the trading has begun."""
        context.later(PAUSE_SECONDS, Prune())

    def receive(self, message: object, context: Context) -> None:
        """Do one step, and arm the next."""
        match message:
            case Prune(after_id):
                self._step(after_id, context)
            case _:
                raise TypeError(f"the caretaker does not take {type(message).__name__}")

    def _step(self, after_id: int, context: Context) -> None:
        now = context.now()
        try:
            pruned = self._retention.step(
                now, self._keep_days, after_id, valuations_keep_days=self._valuations_keep_days
            )
        except LedgerError as error:
            context.alert("journal_not_pruned", str(error))
            context.later(RETRY_SECONDS, Prune())
            return
        if pruned.next_id is None:
            context.at(now + DAY, Prune())
        else:
            context.later(PAUSE_SECONDS, Prune(pruned.next_id))
