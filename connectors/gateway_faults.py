"""What a broker process does wrong on purpose: replies to orders that get lost, and orders that come late."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from enum import Enum


class Fate(Enum):
    """What becomes of one order on its way."""

    ANSWERED = "answered"
    LOST_BEFORE = "lost before"  # the connection is cut, and nothing was done
    LOST_AFTER = "lost after"  # it was done, and then the connection is cut


@dataclass(frozen=True, slots=True)
class Trouble:
    """What one order meets."""

    fate: Fate
    delay_seconds: float  # before it is carried out


class OrderTrouble:
    """Draws what each order meets. The same seed draws the same sequence; which order comes first is the clients'."""

    def __init__(self, lost_fraction: float = 0.0, longest_delay_seconds: float = 0.0, seed: int = 0) -> None:
        """``lost_fraction``: of the replies; one half of them with the order carried out, the other without.
        ``longest_delay_seconds``: each order waits for a random part of it.
        """
        self._lost_fraction = lost_fraction
        self._longest_delay_seconds = longest_delay_seconds
        self._rng = random.Random(seed)
        self._lock = threading.Lock()

    def draw(self) -> Trouble:
        """The next order's."""
        with self._lock:
            chance, delay = self._rng.random(), self._rng.random() * self._longest_delay_seconds
        if chance >= self._lost_fraction:
            return Trouble(Fate.ANSWERED, delay)
        return Trouble(Fate.LOST_BEFORE if chance < self._lost_fraction / 2 else Fate.LOST_AFTER, delay)
