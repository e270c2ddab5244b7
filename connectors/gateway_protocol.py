"""How a broker process and its clients greet each other, and the names that both use.

The broker speaks first. Each side proves that it knows the secret by an HMAC over both sides' random challenges, so
the secret itself never travels, and a stranger who sits on the port learns nothing:

======  =====================================================================================
broker  ``{"version", "challenge"}``
client  ``{"version", "challenge", "proof", "client", "account"}`` (account null: only the market)
broker  ``{"proof", "elapsed", "market"}`` or ``{"error": {"kind", "message"}}``
======  =====================================================================================

Then the client asks, ``{"id", "call", "expires", ...}``, and the broker answers each, ``{"id", "answer"}`` or
``{"id", "error"}``. ``expires`` is on the broker's own elapsed clock, which its greeting has told: a request that is
taken up later, because either side was stopped meanwhile, is refused instead of executed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from connectors.base import ConnectorError, DeadlinePassed, NotConnected, StaleToken
from trading.market import Instant

VERSION = 1
LONGEST_REQUEST_BYTES = 64 * 1024
LONGEST_ANSWER_BYTES = 64 * 1024 * 1024
CHALLENGE_BYTES = 32
BY_BROKER, BY_CLIENT = b"broker", b"client"

NOTHING_SEEN: Instant = -1  # of a market: by one who looks at it once, and does not follow it

BAD_REQUEST = "bad_request"
FAILED = "failed"
ERRORS: dict[str, type[ConnectorError]] = {
    "not_connected": NotConnected,
    "deadline_passed": DeadlinePassed,
    "stale_token": StaleToken,
    BAD_REQUEST: ConnectorError,  # not understood, so nothing came of it
    FAILED: ConnectorError,
}


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """The market that a broker process walks through."""

    now: Instant
    first: Instant  # of the recording
    last: Instant
    source: str  # in words, for people
    speed: float  # market seconds in one second
    accounts: tuple[str, ...]


def error_kind(error: ConnectorError) -> str:
    """The word for an error on the wire."""
    return next((name for name, kind in ERRORS.items() if type(error) is kind), FAILED)


def challenge() -> str:
    """Random text that no one has seen before."""
    return secrets.token_hex(CHALLENGE_BYTES)


def proof(secret: str, who: bytes, brokers_challenge: str, clients_challenge: str) -> str:
    """What only one who knows the secret can say; ``who`` keeps an answer from being handed back as the other's."""
    said = b"|".join((who, _bytes(brokers_challenge), _bytes(clients_challenge)))
    return hmac.new(_bytes(secret), said, hashlib.sha256).hexdigest()


def is_proof(said: str, expected: str) -> bool:
    """Compare without telling by the time it takes where the two differ."""
    return hmac.compare_digest(_bytes(said), _bytes(expected))


def _bytes(text: str) -> bytes:
    """Of any text that JSON can carry, halves of surrogate pairs included."""
    return text.encode("utf-8", "surrogatepass")


def made_secret(path: Path, whose: str = "broker") -> str:
    """The secret in the file, which is made, for its owner's eyes only, where there is none. Raises `ConnectorError`.

    ``whose``: for messages. Only whoever holds the books of that directory may call this.
    """
    if not path.exists():
        beside = path.with_name(f"{path.name}.new")  # so that the file is never there without the secret in it
        try:
            beside.unlink(missing_ok=True)
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(f"{secrets.token_hex(CHALLENGE_BYTES)}\n")
            beside.replace(path)
        except OSError as error:
            raise ConnectorError(f"{path}: the {whose}'s secret cannot be written: {error.strerror}") from error
    return read_secret(path, whose)


def read_secret(path: Path, whose: str = "broker") -> str:
    """The secret in the file. Raises `NotConnected` where nobody has made it yet, `ConnectorError` otherwise."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise NotConnected(f"there is no {path}: the {whose}, which makes it, has not been started") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConnectorError(f"{path}: the {whose}'s secret cannot be read: {error}") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConnectorError(f"{path}: others may read the {whose}'s secret; expected a file of its owner only (0600)")
    if not text:
        raise ConnectorError(f"{path}: the {whose}'s secret is empty; delete the file and start the {whose} again")
    return text
