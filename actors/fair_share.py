"""Watches that ties between equal accounts are shared fairly, while the program runs.

It counts only when an account has won a tie out of its turn, which the rule of the choice never lets happen: so a
healthy program never counts. What it then finds is told once a day for each commodity.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from actors.names import UNFAIR_CHOICE
from actors.turns import turn_of
from persistence.journal import DECISION, JournalEntry
from persistence.ledger import Ledger
from trading.fairness import ChoiceOrder, ChoiceTally, Decision, read_decision, unfair_words
from trading.market import DAY, Instant

REMEMBERED = 200  # choices for each commodity
READ_BACK = 100  # choices of each account for a commodity, of those that earlier processes made


class FairShares:
    """The newest choices for each commodity."""

    def __init__(self, ledger: Ledger, platforms: Iterable[str]) -> None:
        """``platforms``: the accounts that may be chosen."""
        self._ledger = ledger
        self._platforms = sorted(platforms)
        self._choices: dict[str, deque[Decision]] = {}  # by commodity
        self._order = ChoiceOrder()

    def note(self, line: JournalEntry, now: Instant) -> JournalEntry | None:
        """Take note of a choice, by its line; the line to be written where it makes the choices unfair, and that was
        not told today.

        Raises `LedgerError`.
        """
        decision = read_decision(line.commodity, line.detail)
        choices = self._of(decision.commodity, line)
        choices.append(decision)
        equals = decision.equals
        in_turn = len(equals) < 2 or self._order.was_its_turn(decision, equals)
        self._order.note(decision)
        if in_turn:
            return None
        tally = ChoiceTally()
        for choice in choices:
            tally.add(choice)
        unfair = next((share for share in tally.shares() if share.is_unfair), None)
        if unfair is None or self._was_told(decision.commodity, now):
            return None
        said = f"{decision.commodity}: {unfair_words(unfair)}"
        return JournalEntry(
            at=now,
            kind=UNFAIR_CHOICE,
            reason=UNFAIR_CHOICE,
            platform=unfair.platform,
            commodity=decision.commodity,
            detail={"said": said},
        )

    def _was_told(self, commodity: str, now: Instant) -> bool:
        newest = self._ledger.journal.list(kind=UNFAIR_CHOICE, commodity=commodity, limit=1)
        return bool(newest) and newest[0].at // DAY == now // DAY

    def _of(self, commodity: str, newest: JournalEntry) -> deque[Decision]:
        if commodity not in self._choices:
            self._choices[commodity] = choices = deque(self._read_back(commodity, newest), maxlen=REMEMBERED)
            for choice in choices:
                self._order.note(choice)
        return self._choices[commodity]

    def _read_back(self, commodity: str, newest: JournalEntry) -> list[Decision]:
        """What was chosen before ``newest``, as far back as the journal was read for every account.

        The account may have written that line already.
        """
        of_each = [
            self._ledger.journal.list(kind=DECISION, platform=platform, commodity=commodity, limit=READ_BACK)
            for platform in self._platforms
        ]
        complete_from = max((lines[-1].id for lines in of_each if len(lines) == READ_BACK), default=0)
        lines = sorted((line for found in of_each for line in found), key=lambda line: (turn_of(line), line.id))
        return [
            read_decision(commodity, line.detail)
            for line in lines
            if line.id >= complete_from and (line.analysis_id, line.platform) != (newest.analysis_id, newest.platform)
        ]
