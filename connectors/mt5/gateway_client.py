"""A worker behind a gateway, on this machine or another: the same `Channel` as a child process, over a socket."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from connectors.base import ConnectorError
from connectors.mt5.channel import NotSent
from connectors.mt5.gateway_greeting import HAVE_WORKER, Hello, require_strong
from connectors.mt5.gateway_link import GatewayLink
from connectors.wire import Json


class GatewayChannel:
    """One account at a gateway."""

    def __init__(
        self,
        address: tuple[str, int],
        secret: Callable[[], str],
        certificate: Path | None,
        *,
        login: int,
        server: str,
        client: str,
    ) -> None:
        """``secret``: read anew for every connection, since a gateway may make it later; may raise `ConnectorError`.
        ``certificate``: the file of what the gateway must show; None: no TLS, which only a gateway on this machine is
        good for. ``client``: this process, by a name that no other has: at the gateway, a new connection of it takes
        the place of the former one.
        """
        self._address = address
        self._secret = secret
        self._certificate = certificate
        self._hello = Hello(client, login, server)
        self._link: GatewayLink | None = None

    @property
    def is_open(self) -> bool:
        """True while there is a connection, and, as far as the gateway has said, a worker."""
        return self._link is not None and self._link.is_open and self._link.has_worker

    def open(self, seconds: float) -> None:
        """Connect anew, and have the gateway start a worker where there is none. Raises `NotSent`."""
        if self.is_open and self._link is not None and self._link.is_there():
            return
        until = time.monotonic() + seconds
        self.close()
        self._link = self._connected(until)
        try:
            self._link.ask(HAVE_WORKER, {}, until)
        except NotSent:
            raise
        except ConnectorError as error:  # whatever became of the worker, no call of ours has reached it
            raise NotSent(str(error)) from error

    def close(self) -> None:
        """Hang up. The worker stays: others may be asking it."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def call(self, call: str, arguments: Mapping[str, Json], seconds: float) -> Json:
        """As `Channel.call`. A call that is not answered in time breaks the connection; the gateway judges by the same
        time whether the worker is to be killed.
        """
        if self._link is None:
            raise NotSent(f"{call}: there is no connection to the gateway")
        return self._link.ask(call, arguments, time.monotonic() + seconds)

    def _connected(self, until: float) -> GatewayLink:
        try:
            secret = self._secret()
            require_strong(secret)
            return GatewayLink(self._address, secret, self._certificate, self._hello, until)
        except NotSent:
            raise
        except ConnectorError as error:
            raise NotSent(str(error)) from error
