"""Until when certificates are good: what the standard library tells only of one that somebody has just shown.

A certificate is DER (RFC 5280, 4.1): a sequence whose first member begins ``[version], serialNumber, signature, issuer,
validity``. Only that much of it is read.
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path

from connectors.base import ConnectorError
from trading.market import SECOND, Instant

CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
SEQUENCE, UTC_TIME, GENERALIZED_TIME, VERSION = 0x30, 0x17, 0x18, 0xA0  # tags
LONG_LENGTH = 0x80  # in a length: how many bytes of it follow
MEMBERS_BEFORE_VALIDITY = 3  # beside the version, which the oldest certificates do not have
FIRST_YEAR_OF_TWO_FIGURES = 1950  # RFC 5280, 4.1.2.5.1: 50 to 99 are of the last century


def earliest_end(file: Path) -> Instant | None:
    """When the first of the certificates in a file of PEM runs out; None: there is none in it.

    Raises `ConnectorError` naming the file.
    """
    try:
        written = CERTIFICATE.findall(file.read_text(encoding="utf-8", errors="replace"))
        return min((end_of(ssl.PEM_cert_to_DER_cert(each)) for each in written), default=None)
    except OSError as error:
        raise ConnectorError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConnectorError(f"{file} has a certificate that cannot be read: {error}") from error


def end_of(certificate: bytes) -> Instant:
    """The last moment at which a certificate, in DER, is good. Raises ``ValueError`` for what is none."""
    try:
        signed = _content(_content(certificate, SEQUENCE), SEQUENCE)
        if signed[0] == VERSION:
            signed = _after_first(signed)
        for _ in range(MEMBERS_BEFORE_VALIDITY):
            signed = _after_first(signed)
        last = _after_first(_content(signed, SEQUENCE))
        return _instant(last[0], _content(last, last[0]).decode("ascii"))
    except IndexError as error:
        raise ValueError("a certificate ends too early") from error


def _instant(tag: int, text: str) -> Instant:
    if tag == UTC_TIME:
        century = "19" if int(text[:2]) >= FIRST_YEAR_OF_TWO_FIGURES % 100 else "20"
        text = century + text
    elif tag != GENERALIZED_TIME:
        raise ValueError(f"a certificate has {tag:#x} in the place of a time")
    return round(datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()) * SECOND


def _content(data: bytes, tag: int) -> bytes:
    """What is in the first element, which must have that tag."""
    if data[0] != tag:
        raise ValueError(f"a certificate has {data[0]:#x} in the place of {tag:#x}")
    start, end = _bounds(data)
    return data[start:end]


def _after_first(data: bytes) -> bytes:
    return data[_bounds(data)[1] :]


def _bounds(data: bytes) -> tuple[int, int]:
    """Where the content of the first element starts and ends."""
    length, start = data[1], 2
    if length >= LONG_LENGTH:
        start += length - LONG_LENGTH
        length = int.from_bytes(data[2:start], "big")
    if start + length > len(data):
        raise ValueError("a certificate ends too early")
    return start, start + length
