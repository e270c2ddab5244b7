"""The settings of a MetaTrader 5 account, beside its login, password, server and symbols."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, SecretStr

from trading.settings_model import Model

Package: TypeAlias = Literal["MetaTrader5", "simulator"]
TradeMode: TypeAlias = Literal["demo", "contest", "real"]

GATEWAY_ADDRESS = ("127.0.0.1", 7090)  # where `run.py gateway` listens, unless it is told otherwise
LEAST_SECRET_CHARACTERS = 32  # of a gateway's secret: 128 bits in hexadecimal figures


class MetaTraderSettings(Model):
    """How a MetaTrader 5 account is reached, and what kind of account it must be."""

    package: Package = "MetaTrader5"
    terminal: Annotated[str, Field(min_length=1)] | None = None  # path of terminal64.exe; None: only a gateway has it
    portable: bool = False  # the terminal keeps its data beside its executable
    gateway: str | None = None  # host and port of `run.py gateway`; None: a child process beside the terminal
    gateway_secret: Annotated[SecretStr, Field(min_length=LEAST_SECRET_CHARACTERS)] | None = None
    gateway_certificate: str | None = None  # file of the certificate that the gateway must show; TLS when given
    trade_mode: TradeMode = "demo"  # another kind of account is refused before every order
    netting: bool = False  # what the account must be; False: it hedges
    deviation_points: Annotated[int, Field(ge=0, le=100_000)] = 20  # slippage that an order accepts
    commission_per_lot: Annotated[float, Field(ge=0, le=1_000_000)] = 0.0  # per side, until deals have shown it
    initialize_seconds: Annotated[float, Field(ge=1, le=600)] = 60.0  # for the terminal to start and to log in

    @property
    def gateway_address(self) -> tuple[str, int] | None:
        """Host and port of the gateway; None: there is none. Raises ``ValueError`` when `gateway` is something else."""
        if self.gateway is None:
            return None
        host, colon, port = self.gateway.rpartition(":")
        is_port = re.fullmatch("[0-9]{1,5}", port) is not None and 0 < int(port) < 65_536
        if not (colon and is_port and _can_be_a_host(host)):
            example = ":".join(map(str, GATEWAY_ADDRESS))
            raise ValueError(f"mt5.gateway is {self.gateway!r}; expected a host and a port, such as {example}")
        return host, int(port)

    @property
    def lacks_certificate(self) -> bool:
        """Whether the gateway may be another machine, so that others are on the way, and no certificate is given.

        Raises as `gateway_address`.
        """
        address = self.gateway_address
        return address is not None and self.gateway_certificate is None and not _is_this_machine(address[0])


def _can_be_a_host(host: str) -> bool:
    """False for what no name server can be asked for: over it, the search for its address fails like a defect."""
    try:
        return host != "" and "\0" not in host and host.encode("idna") != b""
    except UnicodeError:
        return False


def _is_this_machine(host: str) -> bool:
    """True for a host that is this machine by what it is called, wherever it is asked for."""
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return host.casefold() == "localhost"
