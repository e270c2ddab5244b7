"""The two market clocks of the threaded runtime."""

from __future__ import annotations

import time
from collections.abc import Callable

from trading.market import Instant, iso


def _utc() -> Instant:
    return time.time_ns() // 1_000_000


class WallClock:
    """Market time is the computer's clock. It may step, forwards and backwards."""

    def __init__(self, read: Callable[[], Instant] = _utc, recheck_seconds: float = 1.0) -> None:
        """``recheck_seconds``: how late a step of the clock may be noticed."""
        self._read = read
        self.recheck_seconds = recheck_seconds

    def now(self) -> Instant:
        """The present instant."""
        return self._read()


class TickClock:
    """Market time moves only when a driver moves it."""

    def __init__(self, origin: Instant) -> None:
        self._now = origin

    def now(self) -> Instant:
        """The instant of the last tick."""
        return self._now

    def move_to(self, instant: Instant) -> None:
        """Raises ``ValueError`` when ``instant`` lies before the present one."""
        if instant < self._now:
            raise ValueError(f"instant: market time cannot go back from {iso(self._now)} to {iso(instant)}")
        self._now = int(instant)
