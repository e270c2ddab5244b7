"""Whose turn it is among equal accounts: the one that was chosen longest ago for the commodity.

What counts is that it was chosen, and not what became of the order: an account whose opens fail has had its turn. The
journal keeps each choice, in the one commit with the row of the order or with the reason why there is none, so that the
next process goes on where this one ended.
"""

from __future__ import annotations

from collections.abc import Iterable

from persistence.journal import DECISION, JournalLine
from persistence.ledger import Ledger
from trading.market import Instant

TURN_AT = "turn_at"
LATE_LINES = 8  # an account writes the line of a choice with its order, and the trader that of a refusal: not in order


class Turns:
    """When each account was last chosen for each commodity. Reads the journal once for each commodity."""

    def __init__(self, ledger: Ledger, platforms: Iterable[str]) -> None:
        """``platforms``: the accounts that may be chosen."""
        self._ledger = ledger
        self._platforms = sorted(platforms)
        self._chosen_at: dict[str, dict[str, Instant]] = {}  # by commodity and account; absent: never

    def last_chosen_at(self, platform: str, commodity: str) -> Instant | None:
        """None: never. No two accounts have the same instant. Raises `LedgerError`."""
        return self._of(commodity).get(platform)

    def take(self, platform: str, commodity: str, now: Instant) -> Instant:
        """It is chosen; from when on that counts, which the line of the decision is to keep as `TURN_AT`.

        Two choices at one instant, or after a clock was set back, still come one after the other.
        """
        chosen_at = self._of(commodity)
        chosen_at[platform] = max(now, max(chosen_at.values(), default=now - 1) + 1)
        return chosen_at[platform]

    def _of(self, commodity: str) -> dict[str, Instant]:
        if commodity not in self._chosen_at:
            known = sorted(
                (found, platform)
                for platform in self._platforms
                if (found := self._newest(platform, commodity)) is not None
            )
            in_turn: dict[str, Instant] = {}
            for (at, _), platform in known:
                in_turn[platform] = max(at, max(in_turn.values(), default=at - 1) + 1)
            self._chosen_at[commodity] = in_turn
        return self._chosen_at[commodity]

    def _newest(self, platform: str, commodity: str) -> tuple[Instant, int] | None:
        """When it was chosen, and the number of the line, which tells apart what happened at one instant.

        A journal of an older program does not say who was chosen: there, and where a line was lost, the last order
        that did not fail has to do.
        """
        lines = self._ledger.journal.list(kind=DECISION, platform=platform, commodity=commodity, limit=LATE_LINES)
        if lines:
            return max((turn_of(line), line.id) for line in lines)
        submitted_at = self._ledger.trades.last_submitted_at(platform, commodity)
        return None if submitted_at is None else (submitted_at, 0)


def turn_of(line: JournalLine) -> Instant:
    """When the account that a decision chose had its turn; in a line of an older program, when it was decided."""
    turn_at = line.detail.get(TURN_AT)
    return turn_at if isinstance(turn_at, int) else line.at
