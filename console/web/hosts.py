"""By which names the console answers. A page elsewhere whose name was made to lead here must not find it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from trading.settings_console import ConsoleSettings

USUAL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names and ports of one console."""

    scheme: str  # "http" or "https"
    port: int  # where it listens
    names: frozenset[str]  # at the console's own port
    given: frozenset[str] = frozenset()  # of the settings: at the usual ports, too
    given_ports: frozenset[tuple[str, int]] = frozenset()  # of the settings, with a port

    def knows(self, host: str, reached: str | None) -> bool:
        """Whether a request's Host is one of the console's; ``reached`` is the address at which it came in.

        An address is always the console's own: only a name can be made to lead somewhere else.
        """
        parts = split(host)
        if parts is None:
            return False
        name, port = parts
        if port == self.port or (port is None and self.port == USUAL_PORTS[self.scheme]):
            return name in self.names or (reached is not None and name == _plain(reached))
        if port is None or port in USUAL_PORTS.values():  # a proxy in front is called at the usual port
            return name in self.given or (name, port) in self.given_ports
        return (name, port) in self.given_ports

    def is_own_origin(self, origin: str, host: str) -> bool:
        """Whether an Origin is the page that was called by this Host: the proxy may speak TLS where we do not."""
        scheme, separator, rest = origin.partition("://")
        if not separator or scheme not in USUAL_PORTS or (self.scheme == "https" and scheme != "https"):
            return False
        theirs, ours = split(rest), split(host)
        if theirs is None or ours is None:
            return False
        usual = USUAL_PORTS[scheme]
        return (theirs[0], theirs[1] or usual) == (ours[0], ours[1] or usual)


def hosts_of(settings: ConsoleSettings, port: int) -> Hosts:
    """Those of a console that listens at ``port``."""
    scheme = "http" if settings.certificate is None else "https"
    parts = [split(name) or (_plain(name), None) for name in settings.names]
    given = frozenset(name for name, its_port in parts if its_port is None)
    given_ports = frozenset((name, its_port) for name, its_port in parts if its_port is not None)
    names = {"localhost", "127.0.0.1", "::1", _plain(settings.host), *given}
    return Hosts(scheme, port, frozenset(names), given, given_ports)


def split(host: str) -> tuple[str, int | None] | None:
    """The name, in small letters and without brackets, and the port; None where it is neither."""
    name, separator, rest = host.rpartition(":")
    if not separator or rest.endswith("]"):
        name, rest = host, ""
    elif not (rest.isascii() and rest.isdigit() and len(rest) <= 5):
        return None
    bracketed = name.startswith("[") and name.endswith("]")
    if not name or (":" in name and not bracketed) or any(sign in name for sign in "/@\\ ,?#%"):
        return None
    return _plain(name[1:-1] if bracketed else name), int(rest) if rest else None


def _plain(name: str) -> str:
    """In one way of writing."""
    bare = name.lower().removesuffix(".")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return bare
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
