"""The accounts and the market of a terminal process: what its clients ask of, one call at a time.

A call that is to be held up is held up in the client's own process, as the real package's would be: the answer says for
how long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.market_floor import MarketFloor
from connectors.mt5 import terminal_calls
from connectors.mt5.simulated_faults import RandomFaults
from connectors.mt5.simulated_server import SimulatedTradeServer
from connectors.mt5.trade_server import PackageError
from connectors.wire import Json, encode
from trading.market import Instant, iso


class WalkedClock:
    """Market time, moved by whoever walks through the market."""

    def __init__(self, at: Instant) -> None:
        self._at = at

    def now(self) -> Instant:
        """Market time."""
        return self._at

    def move_to(self, at: Instant) -> None:
        """Go on. Raises ``ValueError`` for an instant in the past."""
        if at < self._at:
            raise ValueError(f"instant: market time cannot go back from {iso(self._at)} to {iso(at)}")
        self._at = at


class HoldUps(threading.local):
    """How long the call that this thread carries out is to be held up."""

    seconds = 0.0

    def note(self, seconds: float) -> None:
        """The server says so; pass it as a server's ``block``."""
        self.seconds += seconds

    def taken(self) -> float:
        """For the call that is done now."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds


@dataclass(frozen=True, slots=True)
class HostedAccount:
    """One account, and what makes it misbehave."""

    server: SimulatedTradeServer
    faults: RandomFaults | None = None


class TerminalFloor(MarketFloor[HostedAccount, WalkedClock]):
    """Simulated accounts over one market clock: a `gateway_server.Answering`."""

    def __init__(
        self,
        accounts: Mapping[str, HostedAccount],
        clock: WalkedClock,
        hold_ups: HoldUps,
        *,
        first: Instant,
        last: Instant,
        source: str,
        speed: float,
    ) -> None:
        """``hold_ups``: those of every server here. The rest is as for a `MarketFloor`."""
        super().__init__(accounts, clock, first=first, last=last, source=source, speed=speed)
        self._hold_ups = hold_ups

    def move_to(self, at: Instant) -> None:
        """Let market time go on, and on every account what happens by itself."""
        with self._changed:
            self._clock.move_to(at)
            for hosted in self._accounts.values():
                hosted.server.settle()
            self._changed.notify_all()

    def ask(
        self, account: str, call: str, arguments: Mapping[str, Json], expires: float, is_wanted: Callable[[], bool]
    ) -> Json:
        """Carry out one call: ``{"answer"}`` or ``{"error": {"code", "message"}}``, each with ``"blocks_seconds"``.

        Nothing is done after ``expires`` (``time.monotonic``), nor once ``is_wanted`` says no. Raises `BadMessage`.
        """
        act = terminal_calls.prepared(call, arguments)
        with self._changed:
            self._require_in_time(account, call, expires, is_wanted)
            try:
                reply: dict[str, Json] = {"answer": act(self._accounts[account])}
            except PackageError as error:
                reply = {"error": {"code": error.code, "message": error.message}}
            return reply | {"blocks_seconds": encode(self._hold_ups.taken())}
