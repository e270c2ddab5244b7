"""Where a gateway may listen and be called without TLS, and TLS where it may not.

A client trusts the certificate, or the authority, in the one file that it was given, and nothing else; and the
certificate must name the host by which the client calls. There is no way around the second: a certificate of one's own
is made for a name or an address as easily as for none.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from pathlib import Path

from connectors.base import ConnectorError


def plain_host(host: str) -> str:
    """The host without the brackets that an address of IP version 6 has before a port."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def is_loopback(host: str) -> bool:
    """True where every address of that host is this machine's own. Raises ``OSError`` for a host that there is not."""
    found = socket.getaddrinfo(plain_host(host), None, type=socket.SOCK_STREAM)
    return all(is_loopback_address(str(address[0])) for *_, address in found)


def is_loopback_address(address: str) -> bool:
    """True for an address of this machine that no other can reach."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def gateway_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What a gateway shows. Raises `ConnectorError` naming the file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3  # both ends are ours: there is no old one to please
    for file in (certificate, key):
        _require_readable(file)
    try:
        # Asked for a password, a terminal would wait for a person who is not there.
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:
        raise ConnectorError(
            f"{certificate} and {key} cannot be used: {error}; expected a certificate and its key, without a "
            "password, in PEM"
        ) from error
    return context


def client_context(certificate: Path) -> ssl.SSLContext:
    """What a client believes. Raises `ConnectorError` naming the file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # A certificate that an authority has signed may stand in the file by itself.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _require_readable(certificate)
    try:
        context.load_verify_locations(certificate)
    except (OSError, ValueError) as error:
        raise ConnectorError(
            f"{certificate} cannot be used: {error}; expected a certificate, the gateway's or its authority's, in PEM"
        ) from error
    return context


def _require_readable(file: Path) -> None:
    try:
        file.read_bytes()
    except OSError as error:
        raise ConnectorError(f"{file} cannot be read: {error.strerror}") from error


def _no_password() -> str:
    raise ValueError("the key has a password")
