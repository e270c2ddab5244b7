"""The order floor of a simulated account: what stands beside the terminal, and outlives every process of the world.

A worker holds it while it sends an order. One whose process was killed meanwhile ends with its call at the latest, for
its watchdog sees to that; so does the hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from connectors.mt5.order_floor import BUSY, FloorBusy, HeldFloor, sent_by_another

LOOK_SECONDS = 0.25  # how often who waits for the floor looks whether it is free
WATCHDOG_SECONDS = 1.0  # after its time a call that blocks is ended, with its worker


class WorldFloor:
    """The highest token, and every number that was sent."""

    def __init__(
        self, elapsed: Callable[[], float], sleep: Callable[[float], None], *, fences: bool, dedupes: bool
    ) -> None:
        """``elapsed``, ``sleep``: of the world. ``fences``, ``dedupes``: False for a floor that lets stale tokens,
        or repeated numbers, through.
        """
        self._elapsed, self._sleep = elapsed, sleep
        self._fences, self._dedupes = fences, dedupes
        self._holds = 0
        self._held_by: int | None = None
        self._held_until = 0.0
        self.highest_token = 0
        self.magics: dict[int, int] = {}  # the token under which each was sent

    @property
    def token(self) -> int:
        """As `HeldFloor.token`; where stale ones are let through, the lowest that there is."""
        return self.highest_token if self._fences else 0

    def was_sent(self, magic: int) -> bool:
        """As `HeldFloor.was_sent`."""
        return self._dedupes and magic in self.magics

    def sent_by_another(self, token: int, prefix: int) -> int | None:
        """As `HeldFloor.sent_by_another`."""
        return sent_by_another(self.magics, token, prefix)

    def write(self, token: int, magic: int | None) -> None:
        """As `HeldFloor.write`."""
        self.highest_token = max(self.highest_token, token)
        if magic is not None:
            self.magics.setdefault(magic, token)

    @contextmanager
    def hold(self, seconds: float, expires: float) -> Iterator[HeldFloor]:
        """Have it until the call ends, which expires then. Raises `FloorBusy` after waiting in vain for so long."""
        until = self._elapsed() + seconds
        while self._is_held():
            left = until - self._elapsed()
            if left <= 0:
                raise FloorBusy(BUSY)
            self._sleep(min(LOOK_SECONDS, left))
        self._holds += 1
        mine = self._held_by = self._holds
        self._held_until = expires + WATCHDOG_SECONDS
        try:
            yield self
        finally:
            if self._held_by == mine:
                self._held_by = None

    def _is_held(self) -> bool:
        return self._held_by is not None and self._elapsed() < self._held_until


class WorkersFloor:
    """The floor as one worker has it: an `OrderFloor`."""

    def __init__(self, floor: WorldFloor, expires: Callable[[], float]) -> None:
        """``expires``: of the worker's call under way."""
        self._floor = floor
        self._expires = expires

    @contextmanager
    def hold(self, seconds: float) -> Iterator[HeldFloor]:
        """As `OrderFloor.hold`."""
        with self._floor.hold(seconds, self._expires()) as held:
            yield held

    def token_seen(self, seconds: float) -> int:
        """As `OrderFloor.token_seen`."""
        return self._floor.highest_token

    def try_write(self, seconds: float) -> int:
        """As `OrderFloor.try_write`: there is no disk to be full."""
        return self._floor.highest_token
