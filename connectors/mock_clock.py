"""A clock for test harnesses: it moves when it is told to, and when somebody sleeps on it."""

from __future__ import annotations

from trading.market import SECOND, Instant


class ManualClock:
    """A clock that stands still until somebody moves it; sleeping moves market time and elapsed time alike."""

    def __init__(self, now: Instant = 0) -> None:
        self._now = now
        self._elapsed = 0.0

    def now(self) -> Instant:
        """Market time."""
        return self._now

    def elapsed(self) -> float:
        """Seconds since this clock was made."""
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Return at once, that much later."""
        self._elapsed += seconds
        self._now += round(seconds * SECOND)

    def go_to(self, at: Instant) -> None:
        """Move to a market instant. Raises ``ValueError`` for one in the past."""
        if at < self._now:
            raise ValueError(f"the clock stands at {self._now} and cannot go back to {at}")
        self.sleep((at - self._now) / SECOND)
        self._now = at
