"""HaltWatchActor: while the crew is halted, reminds the operator of the positions that nobody guards.

It stands apart from the trading, because it asks the ledger at every look, and nobody who guards a stop may wait for
that. Whether the crew is halted the PlatformActors ask for themselves, right before they act.
"""

from __future__ import annotations

from actors.messages import LookForHalt
from actors.names import HALT_LIFTED
from actors.system.context import Context
from persistence.errors import LedgerUnavailable
from persistence.ledger import Ledger
from trading.attention import EVERYTHING, NOTHING, Attention
from trading.market import SECOND, Instant
from trading.settings import Settings
from trading.trade import HELD

REMINDER_SECONDS = 600.0  # of elapsed time


class HaltWatchActor:
    """Looks at the crew's mode once in each monitor interval."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._halted = False  # as last seen
        self._remind_at_elapsed = 0.0

    def start(self, context: Context) -> None:
        """Look at once: the crew may have been halted before the process began."""
        context.at(context.now(), LookForHalt())

    def receive(self, message: object, context: Context) -> None:
        """Look, and arm the next look."""
        match message:
            case LookForHalt():
                interval = round(self._settings.ai_monitor_interval_seconds * SECOND)
                context.at(context.now() + interval, LookForHalt())
                self._look(context)
            case _:
                raise TypeError(f"the halt watch does not take {type(message).__name__}")

    def attention(self, now: Instant) -> Attention:
        """Nothing, while nobody has halted the crew."""
        return EVERYTHING if self._halted else NOTHING

    def _look(self, context: Context) -> None:
        try:
            record = self._ledger.modes.of(self._settings.crew)
            held = [] if record.mode.permits_guarding else self._ledger.trades.list(states=HELD, newest_first=False)
        except LedgerUnavailable:
            return  # the accounts' actors say so; the next look asks again
        if record.mode.permits_guarding:
            if self._halted:
                self._halted = False
                context.alert("halt", HALT_LIFTED)
            return
        if self._halted and context.elapsed() < self._remind_at_elapsed:
            return
        self._halted = True
        self._remind_at_elapsed = context.elapsed() + REMINDER_SECONDS
        named = ", ".join(f"{trade.resource} {trade.side} {trade.volume_lots:g} lots" for trade in held)
        context.alert("halt", f"by {record.by}: nobody guards {named or 'any position'}; `run.py resume` lifts it")
