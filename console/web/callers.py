"""Who asks the console something, as the guard at its door has found out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from starlette.requests import HTTPConnection


class Access(StrEnum):
    """What a token or a browser may do. None includes another: `TRADE` is let in where `READ` is by the guard."""

    READ = "read"  # look at everything
    TRADE = "trade"  # and give commands
    SIGNAL = "signal"  # only hand in analyses


@dataclass(frozen=True, slots=True)
class Caller:
    """Who has shown a token, or is signed in."""

    access: Access
    name: str  # for the journal: "trade token from 127.0.0.1", "browser 3f2a91 (read) from 127.0.0.1"
    is_page: bool = False  # signed in with a cookie
    remark: str = ""  # who says to stand behind a token: believed by nobody, and kept beside the name

    @property
    def told_as(self) -> str:
        """For the journal: the name, and what was said beside it."""
        return f"{self.name} ({self.remark})" if self.remark else self.name

    @property
    def may_trade(self) -> bool:
        """True where commands are taken from it."""
        return self.access is Access.TRADE


def caller_of(request: HTTPConnection) -> Caller:
    """Who asks. Raises ``LookupError`` where nobody has to say: on the ways that are open to all."""
    found = maybe_caller_of(request)
    if found is None:
        raise LookupError(f"{request.scope['path']} is open to everybody: nobody has said who asks")
    return found


def maybe_caller_of(request: HTTPConnection) -> Caller | None:
    """Who asks; None on the ways that are open to all."""
    return cast("Caller | None", request.scope.get("state", {}).get("caller"))
