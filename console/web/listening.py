"""The socket at which the console listens, and the certificate that it shows there."""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path

BACKLOG = 128


class CannotListen(Exception):
    """The address cannot be had now."""


def listener(host: str, port: int) -> socket.socket:
    """A socket that listens at that address. Raises `CannotListen`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        opened = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotListen(error.strerror or str(error)) from error
    try:
        if os.name == "posix":  # elsewhere that would take the port from whoever has it
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        opened.bind(address)
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except OSError as error:
        opened.close()
        raise CannotListen(error.strerror or str(error)) from error
    return opened


def tls_of(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """What the console shows. Raises `CannotListen` naming the files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Asked for a password, a terminal would wait for a person who is not there.
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:
        files = f"{certificate}" if key is None else f"{certificate} and {key}"
        raise CannotListen(
            f"{files} cannot be used: {error}; expected a certificate and its key, without a password, in PEM"
        ) from error
    return context


def _no_password() -> str:
    raise ValueError("the key has a password")
