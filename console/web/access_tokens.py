"""The tokens that open the console, in one file beside the ledger.

Whoever can read the file may do everything, as whoever can read the ledger's file could already. A running console
looks at the file before each use, so that a rotation counts at once, in every process of the crew on this machine.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from console import logs
from console.web import own_secret
from console.web.callers import Access
from console.web.own_secret import SecretUnusable

TOKEN_BYTES = 32
SHORTEST = 40  # characters of what these bytes make: a token that is shorter was not made here
COOKIES = "cookies"


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """What the file holds."""

    read: str
    trade: str
    signal: str
    cookies: str  # what signs cookies and codes: no token, and not made of one
    spent: Mapping[str, float] = field(default_factory=dict)  # codes used, browsers signed out: until when to remember

    def of(self, access: Access) -> str:
        """The token of that access."""
        return {Access.READ: self.read, Access.TRADE: self.trade, Access.SIGNAL: self.signal}[access]

    @property
    def secrets(self) -> tuple[str, ...]:
        """All of it that nobody may see."""
        return self.read, self.trade, self.signal, self.cookies


def made_token(what: str) -> str:
    """A new one. It begins with what it is for, so that people can tell them apart."""
    return f"{what}-{secrets.token_urlsafe(TOKEN_BYTES)}"


class TokenFile:
    """The file of tokens. Threads may share one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[Any, AccessTokens] | None = None

    def current(self) -> AccessTokens:
        """The tokens as they are now; made where there is no file. Raises `SecretUnusable`."""
        try:
            found = self.path.lstat()
        except OSError:
            return self._changed({})
        look = (found.st_mtime_ns, found.st_ino, found.st_size, found.st_mode)
        seen = self._seen
        if seen is None or seen[0] != look:
            content = own_secret.read(self.path)
            if content is None:  # gone since
                return self._changed({})
            seen = (look, self._understood(content))
            self._seen = seen
        return seen[1]

    def rotate(self, names: Iterable[str]) -> AccessTokens:
        """Make these anew, of `Access` and `COOKIES`; whoever used the old ones is out. Raises `SecretUnusable`."""
        return self._changed({name: made_token(name) for name in names})

    def spend(self, once: str, until: float) -> bool:
        """Note that what may be used once was used, until that time since the epoch in seconds; False: it was before.

        Raises `SecretUnusable`.
        """
        was_new = False

        def noted(content: Any) -> Any:
            nonlocal was_new
            tokens = self._made() if content is None else self._understood(content)
            was_new = once not in tokens.spent
            now = time.time()
            kept = {one: when for one, when in tokens.spent.items() if when > now}
            return asdict(replace(tokens, spent={**kept, once: until}))

        own_secret.change(self.path, noted)
        return was_new

    def access_of(self, shown: str) -> Access | None:
        """What a token that somebody shows lets them do; None: it is none of ours. Raises `SecretUnusable`.

        How long that takes tells nothing of how much of it was right.
        """
        tokens = self.current()
        digest = _digest(shown)
        found = None
        for access in Access:
            if hmac.compare_digest(digest, _digest(tokens.of(access))):
                found = access
        return found if len(shown) >= SHORTEST else None

    def _changed(self, made: Mapping[str, str]) -> AccessTokens:
        """The tokens with these in place of what there was; all of them are made where there is no file."""

        def with_these(content: Any) -> Any:
            return {**asdict(self._made() if content is None else self._understood(content)), **made}

        return self._understood(own_secret.change(self.path, with_these))

    def _made(self) -> AccessTokens:
        read, trade, signal, cookies = (made_token(name) for name in (*Access, COOKIES))
        return AccessTokens(read, trade, signal, cookies)

    def _understood(self, content: Any) -> AccessTokens:
        """The tokens of what the file holds, kept out of the log from now on. Raises `SecretUnusable`."""
        names = [*Access, COOKIES]
        if not isinstance(content, dict) or content.keys() != {one.name for one in fields(AccessTokens)}:
            raise self._unusable("it holds something else than the tokens")
        values = [content[name] for name in names]
        for name, value in zip(names, values, strict=True):
            if not isinstance(value, str) or len(value) < SHORTEST or not value.isascii() or not value.isprintable():
                raise self._unusable(f"{name} is no token of {SHORTEST} characters or more")
        if len(set(values)) < len(values):
            raise self._unusable("two of its tokens are the same")
        spent = content["spent"]
        if not isinstance(spent, dict) or not all(isinstance(until, int | float) for until in spent.values()):
            raise self._unusable("spent is not as it was written")
        logs.hide(values)
        return AccessTokens(**content)

    def _unusable(self, why: str) -> SecretUnusable:
        return SecretUnusable(f"{self.path}: {why}; delete it, and the next start makes it")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
