"""The accounts and the market of a broker process: what its clients ask of, one call at a time."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping

from connectors import gateway_calls
from connectors.base import ConnectorError
from connectors.market_floor import MarketFloor, MovingClock
from connectors.paper import PaperConnector
from connectors.wire import Json
from trading.market import Instant

log = logging.getLogger("watchbill.broker")

AT_ONCE = math.inf  # a request's own time limit is judged here, and the account has none besides


class Floor(MarketFloor[PaperConnector, MovingClock]):
    """Connected paper accounts over one market clock."""

    def __init__(
        self,
        accounts: Mapping[str, PaperConnector],
        clock: MovingClock,
        *,
        first: Instant,
        last: Instant,
        source: str,
        speed: float,
    ) -> None:
        """As `MarketFloor`."""
        super().__init__(accounts, clock, first=first, last=last, source=source, speed=speed)
        self._failing: set[str] = set()  # accounts that cannot be settled

    def move(self, step: Callable[[], None]) -> None:
        """Let ``step`` move the clock, and then every account do what happens by itself: nights, stop-outs.

        An account whose book cannot be written now catches up as soon as it can; its clients are told.
        """
        with self._changed:
            step()
            for name, connector in self._accounts.items():
                self._settle(name, connector)
            self._changed.notify_all()

    def _settle(self, name: str, connector: PaperConnector) -> None:
        try:
            connector.quotes(AT_ONCE)
        except ConnectorError as error:
            if name not in self._failing:
                self._failing.add(name)
                log.error("account %s stands still: %s", name, error)
        else:
            if name in self._failing:
                self._failing.discard(name)
                log.info("account %s goes on", name)

    def ask(
        self, account: str, call: str, arguments: Mapping[str, Json], expires: float, is_wanted: Callable[[], bool]
    ) -> Json:
        """Carry out one call on one account, and answer as it travels.

        Nothing is done after ``expires`` (``time.monotonic``), nor once ``is_wanted`` says no: by then whoever asked
        takes the order for unknown, and looks it up. Raises `BadMessage`, and `ConnectorError` as the account does.
        """
        act = gateway_calls.prepared(call, arguments)
        with self._changed:
            self._require_in_time(account, call, expires, is_wanted)
            return act(self._accounts[account], AT_ONCE)

    def close(self) -> None:
        """Close every book."""
        with self._changed:
            for connector in self._accounts.values():
                connector.disconnect()
