"""Where the console can be reached: the pages, the API and the figures for Prometheus."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import Field, model_validator

from trading.settings_model import Model

HOST_NAME_PATTERN = r"^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?$"

Text = Annotated[str, Field(min_length=1)]
HostName = Annotated[str, Field(pattern=HOST_NAME_PATTERN)]


class ConsoleSettings(Model):
    """The console of `serve`. It is this machine's own unless it has a certificate."""

    enabled: bool = True
    host: Text = "127.0.0.1"  # an address of this machine, to listen at
    port: Annotated[int, Field(ge=0, le=65_535)] = 8787  # 0: any that is free
    names: tuple[HostName, ...] = ()  # of this machine, by which browsers may call it besides
    certificate: Text | None = None  # PEM; needed for any other address than this machine's
    key: Text | None = None  # of the certificate; None: in the same file
    session_hours: Annotated[float, Field(gt=0, le=24 * 30)] = 12.0  # how long a browser stays signed in

    @model_validator(mode="after")
    def others_need_a_certificate(self) -> ConsoleSettings:
        """Refuse to be reached by other machines in the clear."""
        if self.host.startswith("["):
            raise ValueError(f"host is {self.host!r}; expected the address without brackets, such as ::1")
        if not is_own_machine(self.host) and self.certificate is None:
            raise ValueError(
                f"host is {self.host!r}, which other machines can reach; expected 127.0.0.1, or a certificate beside it"
            )
        if self.key is not None and self.certificate is None:
            raise ValueError("key is set without a certificate; expected both")
        return self


def is_own_machine(host: str) -> bool:
    """Whether only programs of this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name may stand for anything
