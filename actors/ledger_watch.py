"""Whether the ledger takes what is written to it: noticing that it does not, asking again, and catching up.

It is away from the first write or read that it refuses. It is back when it has taken a write, for a full disk can still
be read; until then memory knows more than the rows do, and stays in force.
"""

from __future__ import annotations

from actors.desk import Desk
from actors.guarding import write_what_was_sent
from actors.names import LEDGER_ANSWERS
from actors.system.context import Context
from persistence.errors import LedgerUnavailable

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 30.0
MOST_DOUBLINGS = 8


class LedgerWatch:
    """One account's view of the ledger."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._refusals = 0  # since it last took a write
        self._is_told = False  # that it is away
        self._again_at_elapsed = 0.0

    def noticed(self) -> None:
        """It refused, and there is something more urgent to do than to say so, which takes the ledger's time, too."""
        self._desk.miss_ledger()

    def lost(self, error: LedgerUnavailable, context: Context) -> None:
        """It refused. What was to be written may have been, so memory is read again when it is back."""
        desk = self._desk
        self.noticed()
        self._again_at_elapsed = context.elapsed() + min(
            FIRST_RETRY_SECONDS * 2.0**self._refusals, LONGEST_RETRY_SECONDS
        )
        self._refusals = min(self._refusals + 1, MOST_DOUBLINGS)
        if not self._is_told:
            self._is_told = True
            goes_on = "stops are guarded, and closed by ticket" if desk.guards_without_ledger else "nothing is closed"
            context.alert("ledger", f"{desk.platform}: {error}; nothing is opened or adjusted without it, {goes_on}")

    def may_be_back(self, context: Context) -> None:
        """A lease was renewed, so something could be written: it is asked at the next opportunity."""
        self._again_at_elapsed = context.elapsed()

    def look(self, context: Context) -> None:
        """Read the trades again where memory is not to be trusted; never raises for a ledger that is (still) away."""
        desk = self._desk
        if not desk.reload_due or not desk.may_act(context):
            return
        if desk.ledger_away and context.elapsed() < self._again_at_elapsed:
            return
        try:
            self.read_again(context)
        except LedgerUnavailable as error:
            self.lost(error, context)

    def read_again(self, context: Context) -> None:
        """Take the trades as the ledger has them, and write what was done without it.

        Raises `Conceded`, and whatever else the ledger raises.
        """
        desk = self._desk
        if desk.ledger_away:
            desk.catch_up(desk.entry("ledger", "answers again", context), context)
        desk.reload(context)
        write_what_was_sent(desk, context)
        self._refusals = 0
        if self._is_told:
            self._is_told = False
            context.alert("ledger", f"{desk.platform}: {LEDGER_ANSWERS}")
