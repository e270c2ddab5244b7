"""How a gateway and a client greet each other, what they say then, and the limits of both.

The gateway speaks first. The secret never travels: who cannot seal a frame under the keys that come out of it and of
both sides' challenges is cut off, and neither side believes the other before that.

======== ======================================================================================= ======
gateway  ``{"version", "challenge"}``                                                            bare
client   ``{"version", "challenge"}``                                                            bare
client   ``{"client", "login", "server"}``: who asks, and for which account                      sealed
gateway  ``{"account", "elapsed"}`` or ``{"error": {"kind", "message"}}``                        sealed
======== ======================================================================================= ======

Then the client asks, ``{"id", "call", "expires", "arguments"}``, and the gateway answers each one,
``{"id", "elapsed", "open", "answer"}`` or ``{"id", "elapsed", "open", "error"}``. ``open`` says whether the account has
a worker. ``expires`` is on the gateway's own elapsed clock, which each of its answers tells: a request that is taken up
later, because either side was stopped meanwhile or the line was slow, is refused instead of carried out.

A call is one of `calls.py`, or `HAVE_WORKER`, which starts one where there is none.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from connectors import wire
from connectors.base import ConnectorError
from connectors.mt5.frames import CHALLENGE_BYTES, BadFrame
from connectors.wire import BadMessage, Json

VERSION = 1
HAVE_WORKER = "have_worker"
LONGEST_REQUEST_BYTES = 64 * 1024
LONGEST_ANSWER_BYTES = 64 * 1024 * 1024
SHORTEST_SECRET = 32  # characters: of hexadecimal digits that is 128 bits
LONGEST_CALL_SECONDS = 660.0  # a terminal may take ten minutes to start


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client says, sealed, of itself."""

    client: str  # by a name that no other has
    login: int
    server: str


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the gateway answers to one whom it lets in."""

    account: str  # its own name of it
    elapsed: float


def require_strong(secret: str) -> None:
    """Raises `ConnectorError` for a secret that could be found by trying: what was overheard can be tried for ever."""
    if len(secret) < SHORTEST_SECRET:
        raise ConnectorError(
            f"the gateway's secret (mt5.gateway_secret, or else the file that the gateway made) has {len(secret)} "
            f"characters; expected at least {SHORTEST_SECRET}, by chance: "
            'python -c "import secrets; print(secrets.token_hex(32))" makes one'
        )


def challenge() -> bytes:
    """Random bytes that no one has seen before."""
    return secrets.token_bytes(CHALLENGE_BYTES)


def first_words(challenge: bytes) -> dict[str, Json]:
    """What each side says first."""
    return {"version": VERSION, "challenge": challenge.hex()}


def challenge_in(words: dict[str, Json]) -> bytes:
    """The challenge in the first words of the other side. Raises `BadFrame`."""
    version = words.get("version")
    if version != VERSION:  # before anything else: another version may say other things
        raise BadFrame(f"version is {version!r:.20}; expected {VERSION}")
    try:
        said = bytes.fromhex(wire.read(str, words.get("challenge"), "challenge"))
    except (BadMessage, ValueError) as error:
        raise BadFrame(f"the challenge cannot be read: {error}") from error
    if len(said) != CHALLENGE_BYTES:
        raise BadFrame(f"the challenge has {len(said)} bytes; expected {CHALLENGE_BYTES}")
    return said
