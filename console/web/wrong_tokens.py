"""Who shows wrong tokens too often. One who shows a right one is never held up, whoever else shares the address."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

WINDOW_SECONDS = 60.0
MOST_WRONG = 20  # within the window
MOST_ADDRESSES = 1000  # whose count is kept: the latest


class WrongTokens:
    """Counts wrong tokens by address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, address: str) -> bool:
        """Note one more; True where it is one too many."""
        now = self._clock()
        times = self._seen.pop(address, None) or deque(maxlen=MOST_WRONG + 1)
        self._seen[address] = times
        times.append(now)
        while len(self._seen) > MOST_ADDRESSES:
            self._seen.popitem(last=False)
        return len(times) > MOST_WRONG and now - times[0] < WINDOW_SECONDS
