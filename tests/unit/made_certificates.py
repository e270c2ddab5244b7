"""As much of a certificate as says until when it is good."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from trading.market import SECOND

UTC_TIME, GENERALIZED_TIME = 0x17, 0x18


def element(tag: int, content: bytes) -> bytes:
    """One element of DER."""
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes(2, "big")
    return bytes((tag, 0x82)) + length + content


def certificate(tag: int, last: str, version: bytes = element(0xA0, b"\x02\x01\x02")) -> bytes:
    """As much of one as says until when it is good, with an issuer that is longer than a byte can tell."""
    validity = element(0x30, element(UTC_TIME, b"200101000000Z") + element(tag, last.encode()))
    before = element(0x02, b"\x07") + element(0x30, b"") + element(0x30, b"i" * 300)
    return element(0x30, element(0x30, version + before + validity + element(0x30, b"and more")) + element(0x30, b""))


def pem(der: bytes) -> str:
    """As it stands in a file."""
    return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """An instant."""
    return round(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()) * SECOND
