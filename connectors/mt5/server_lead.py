"""How far a broker's clock is ahead of this machine's monotonic one.

Neither the broker's clock nor the wall's can be trusted to go on as it was: somebody sets them. The monotonic clock
cannot be set. A tick that is *new* (its time moved since the last look) was made before it was seen, so its time less
the monotonic time of that look, its lead, is at most the distance of the two clocks, and close to it where looks are
frequent. The greatest lead of the last half hours is taken for that distance.

Another distance is believed at once where the wall's clock agrees with the tick that shows it, as when this machine was
asleep. Otherwise only when many looks in succession agree: a terminal that logs in while the market is shut shows old
ticks as if they were new, one symbol after another, but not for long. A clock that fell back by quarters of an hour, as
at the end of daylight saving time, needs fewer. One that fell back by anything else is a feed that lags: it is believed
when half hours have shown nothing else.
"""

from __future__ import annotations

import math

from trading.market import HOUR, MINUTE

JITTER = 2 * MINUTE  # leads that differ by less are of one distance
QUARTER = 15 * MINUTE
LONGEST_GAP = 11 * MINUTE  # between two looks that may explain a smaller lead
AGREEING_AHEAD, AGREEING_BACK = 30, 10  # looks
FURTHEST_BACK = 3 * HOUR  # that a broker sets its clock
WINDOW = 30 * MINUTE


class ServerLead:
    """The distance of the two clocks, in milliseconds, look by look."""

    def __init__(self) -> None:
        self._looked_at: int | None = None
        self._window = 0
        self._greatest: int | None = None  # lead in this window ...
        self._greatest_before: int | None = None  # ... and in the last one that had any
        self._doubts: list[int] = []  # leads that agree with each other, and not with what is believed

    @property
    def lead(self) -> int | None:
        """What is believed; None before anything is."""
        known = [lead for lead in (self._greatest, self._greatest_before) if lead is not None]
        return max(known, default=None)

    @property
    def is_doubted(self) -> bool:
        """True when the last looks contradict what is believed."""
        return self.lead is not None and bool(self._doubts)

    def look(self, newest: int | None, elapsed: int, *, is_vouched_for: bool = False) -> None:
        """One look at monotonic millisecond ``elapsed``; ``newest``: the broker's time of the newest new tick.

        ``is_vouched_for``: by the wall's clock that tick is of this moment.
        """
        gap = 0 if self._looked_at is None else elapsed - self._looked_at
        self._looked_at = elapsed
        if newest is not None:
            self._weigh(newest - elapsed, gap if gap <= LONGEST_GAP else 0, elapsed // WINDOW, is_vouched_for)

    def age(self, server_time: int, elapsed: int) -> int | None:
        """How old a tick is, in milliseconds; None where that cannot be told."""
        lead = self.lead
        if lead is None or server_time - elapsed > lead + JITTER:
            return None
        return max(0, lead + elapsed - server_time)

    def _weigh(self, lead: int, gap: int, window: int, is_vouched_for: bool) -> None:
        believed = self.lead
        if believed is not None and lead <= believed + JITTER:
            self._keep(lead, window)  # the greatest counts: a smaller one, when nothing else was seen for long
            if lead >= believed - JITTER - gap:
                self._doubts.clear()
                return
        if self._doubts and abs(lead - self._doubts[-1]) > JITTER + gap:
            self._doubts.clear()
        self._doubts.append(lead)
        greatest = max(self._doubts)
        if is_vouched_for or len(self._doubts) >= _enough(greatest, believed):
            self._greatest, self._greatest_before, self._window = (lead if is_vouched_for else greatest), None, window
            self._doubts.clear()

    def _keep(self, lead: int, window: int) -> None:
        if window != self._window:
            if self._greatest is not None:
                self._greatest_before = self._greatest
            self._greatest, self._window = None, window
        self._greatest = lead if self._greatest is None else max(self._greatest, lead)


def _enough(lead: int, believed: int | None) -> float:
    """How many looks have to agree on another lead before it is believed."""
    if believed is None or lead > believed:
        return AGREEING_AHEAD
    back = believed - lead
    is_set = back <= FURTHEST_BACK and (back + JITTER) % QUARTER <= 2 * JITTER
    return AGREEING_BACK if is_set else math.inf
