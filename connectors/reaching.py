"""Connecting to a host by name within a time limit, which the system's own way does not keep.

A resolver may take half a minute over a name, and cannot be told to hurry. So names are looked up on a thread of their
own, one for each name however often it is asked for; who asked waits until its moment and no longer. And where a name
has several addresses, none of them may use up the time of those that come after it.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

Address: TypeAlias = tuple[socket.AddressFamily, tuple[object, ...]]
"""The family, and what a socket of it connects to."""


@dataclass(slots=True)
class _LookUp:
    """The question after one name. What became of it may be read once it has ended."""

    has_ended: threading.Event = field(default_factory=threading.Event)
    addresses: tuple[Address, ...] = ()
    failure: str = ""


_under_way: dict[tuple[str, int], _LookUp] = {}
_starting = threading.Lock()


def reach(host: str, port: int, until: float) -> socket.socket:
    """A connection to the first address of the host that takes one. ``until``: on ``time.monotonic``.

    Raises ``TimeoutError`` when that moment comes first, and ``OSError`` when the host has no address, or none of them
    takes the connection: then it is the last one's.
    """
    addresses = _addresses(host, port, until)
    for place, (family, address) in enumerate(addresses, start=1):
        still_to_try = len(addresses) - place + 1
        try:
            return _connected(family, address, _left(until) / still_to_try)
        except OSError:
            if still_to_try == 1:
                raise
    raise OSError(f"{host} has no address")


def _connected(family: socket.AddressFamily, address: tuple[object, ...], seconds: float) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def _addresses(host: str, port: int, until: float) -> tuple[Address, ...]:
    with suppress(OSError, UnicodeError):  # it is a name, or nothing at all, which the resolver will say
        return _resolved(host, port, socket.AI_NUMERICHOST)  # an address needs no looking up
    with _starting:
        look_up = _under_way.get((host, port))
        if look_up is None:
            look_up = _LookUp()
            threading.Thread(
                target=_look_up, args=(look_up, host, port), name=f"look-up of {host}", daemon=True
            ).start()
            _under_way[host, port] = look_up
    if not look_up.has_ended.wait(_left(until)):
        raise TimeoutError(f"the look-up of {host} did not end in time")
    if look_up.failure:
        raise OSError(look_up.failure)
    return look_up.addresses


def _look_up(look_up: _LookUp, host: str, port: int) -> None:
    try:
        look_up.addresses = _resolved(host, port, 0)
    except (OSError, UnicodeError) as error:
        look_up.failure = str(error)
    finally:
        with _starting:
            _under_way.pop((host, port), None)
        look_up.has_ended.set()


def _resolved(host: str, port: int, flags: int) -> tuple[Address, ...]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return tuple((family, address) for family, *_, address in found)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left
