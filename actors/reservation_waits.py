"""How long accounts wait for the reservation of a commodity, and how often they do not get it."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from trading.histogram import Distribution, Histogram

HAD, REFUSED, FAILED = "had", "refused", "failed"  # refused: another process holds it; failed: nobody could say


class ReservationWaits:
    """From the asking for to the answer, over all accounts of a process. Any thread may call anything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waits = {outcome: Histogram() for outcome in (HAD, REFUSED, FAILED)}

    def note(self, outcome: str, seconds: float) -> None:
        """One more; ``outcome`` is one of the above."""
        with self._lock:
            self._waits[outcome].observe(seconds)

    def read(self) -> Mapping[str, Distribution]:
        """Seconds, by outcome."""
        with self._lock:
            return {outcome: histogram.distribution() for outcome, histogram in self._waits.items()}
