"""Follows the market clock of a broker process."""

from __future__ import annotations

import time
from collections.abc import Callable

from connectors import wire
from connectors.base import ConnectorError
from connectors.gateway_link import Link
from connectors.gateway_protocol import NOTHING_SEEN, MarketFacts
from connectors.wire import BadMessage
from trading.market import Instant

ANSWER_SECONDS = 5.0
WAIT_SECONDS = 1.0  # for the market to move; it may stand still


class RemoteMarket:
    """The broker's market time. It connects by itself, again and again; one thread asks."""

    def __init__(self, address: tuple[str, int], secret: Callable[[], str], client: str) -> None:
        self._address = address
        self._secret = secret
        self._client = client
        self._link: Link | None = None

    def facts(self) -> MarketFacts:
        """The market now. Raises `ConnectorError` when the broker does not answer."""
        return self.beyond(NOTHING_SEEN)

    def beyond(self, seen: Instant) -> MarketFacts:
        """The market as soon as its time is beyond ``seen``, and as it stands when it does not move for a second.

        To ask is to say that all that follows from ``seen`` is done: before a day's end the market waits to hear it.
        Raises `ConnectorError` when the broker does not answer.
        """
        until = time.monotonic() + WAIT_SECONDS + ANSWER_SECONDS
        try:
            if self._link is None:
                self._link = Link(self._address, self._secret(), self._client, None, until)
            answer = self._link.ask("wait", {"seen": seen, "seconds": WAIT_SECONDS}, until)
            return wire.decode(MarketFacts, answer, "market")
        except BadMessage as error:
            self.close()
            raise ConnectorError(f"the broker's market cannot be read: {error}") from error
        except ConnectorError:
            self.close()
            raise

    def close(self) -> None:
        """Hang up. Harmless to repeat."""
        if self._link is not None:
            self._link.close()
            self._link = None
