"""Cookies and one-time codes: what they say stands in them, sealed, so that the console need not remember them.

A seal is made with a key of its own kind, and over the token of the access that is given. So a cookie is no code, and
both end when that token, or the key of the cookies, is rotated.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum

from console.web.access_tokens import AccessTokens
from console.web.callers import Access

ID_BYTES = 9
LONGEST = 256  # characters: what is longer was not made here


class Purpose(StrEnum):
    """What something sealed is for."""

    COOKIE = "cookie"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the seal vouches for."""

    purpose: Purpose
    access: Access
    ends_at: int  # seconds since the epoch
    id: str

    @property
    def once(self) -> str:
        """The name under which it is noted as spent."""
        return f"{self.purpose}:{self.id}"


def seal(tokens: AccessTokens, purpose: Purpose, access: Access, ends_at: int) -> str:
    """The text of a new one, of characters that a cookie and the end of an address may have."""
    sealed = Sealed(purpose, access, ends_at, secrets.token_urlsafe(ID_BYTES))
    return f"{_said(sealed)}.{_seal(tokens, sealed)}"


def opened(text: str, tokens: AccessTokens, purpose: Purpose, now: float) -> Sealed | None:
    """What a text says; None unless it was sealed here for this purpose, is still good, and was not spent."""
    parts = text.split(".")
    if len(text) > LONGEST or not text.isascii() or len(parts) != 4 or parts[0] not in set(Access):
        return None
    access, ends_at, name, shown = parts
    if not (ends_at.isdigit() and len(ends_at) <= 12):
        return None
    sealed = Sealed(purpose, Access(access), int(ends_at), name)
    if not hmac.compare_digest(shown.encode(), _seal(tokens, sealed).encode()):
        return None
    return None if sealed.ends_at <= now or sealed.once in tokens.spent else sealed


def _said(sealed: Sealed) -> str:
    return f"{sealed.access}.{sealed.ends_at}.{sealed.id}"


def _seal(tokens: AccessTokens, sealed: Sealed) -> str:
    key = hmac.new(tokens.cookies.encode(), f"watchbill {sealed.purpose}".encode(), hashlib.sha256).digest()
    vouched = f"{_said(sealed)}.{hashlib.sha256(tokens.of(sealed.access).encode()).hexdigest()}"
    return hmac.new(key, vouched.encode(), hashlib.sha256).hexdigest()
