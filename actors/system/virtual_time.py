"""Elapsed and market time in a virtual world."""

from __future__ import annotations

from trading.market import SECOND, Instant, iso

NANOSECONDS_PER_SECOND = 1_000_000_000
NANOSECONDS_PER_MILLISECOND = 1_000_000


def nanoseconds(seconds: float) -> int:
    """Raises ``ValueError`` for a duration that is negative or not finite."""
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"seconds must be finite and not negative, not {seconds}")
    return round(seconds * NANOSECONDS_PER_SECOND)


class VirtualTime:
    """Elapsed time in whole nanoseconds, and market time, which flows along with it or stands."""

    def __init__(self, origin: Instant, *, flowing: bool) -> None:
        self.elapsed = 0
        self.market = origin
        self.is_flowing = flowing
        self._market_base = origin  # where the market began to flow ...
        self._elapsed_base = 0  # ... and when

    def move_to(self, elapsed: int) -> None:
        """Elapsed time moves; the market follows if it flows."""
        self.elapsed = elapsed
        if self.is_flowing:
            self.market = self._market_base + (elapsed - self._elapsed_base) // NANOSECONDS_PER_MILLISECOND

    def jump_to(self, instant: Instant) -> None:
        """The market jumps and stands; elapsed time jumps as far. Raises ``ValueError`` for a jump backwards."""
        if instant < self.market:
            raise ValueError(f"instant: market time cannot go back from {iso(self.market)} to {iso(instant)}")
        self.is_flowing = False
        self.elapsed += (instant - self.market) * NANOSECONDS_PER_MILLISECOND
        self.market = instant

    def flow(self) -> None:
        """From now on the market flows."""
        if not self.is_flowing:
            self.is_flowing = True
            self._market_base = self.market
            self._elapsed_base = self.elapsed

    def step(self, seconds: float) -> None:
        """The market's clock is set, forwards or back. Raises ``ValueError`` while the market stands."""
        if not self.is_flowing:
            raise ValueError("seconds: a market that stands has no clock to set")
        change = round(seconds * SECOND)
        self._market_base += change
        self.market += change

    def elapsed_at(self, instant: Instant) -> int:
        """When a market that flows reaches ``instant``; now, if it has passed it."""
        due = self._elapsed_base + (instant - self._market_base) * NANOSECONDS_PER_MILLISECOND
        return max(due, self.elapsed)
