"""Reservations: who may act on a resource now, and the token that proves it at every write.

One row for each resource, one statement for each operation, and a token that only grows. A holder that was paused past
its lease, or is cut off, finds its token stale in the very transaction in which it tries to write, whatever it
believes about itself. All times are the lease clock's: the database's own, read when the row is examined and not when
the transaction began; or, in virtual time, a number that is bound.

Resources are named ``crew:<name>``, ``account:<platform>`` and ``<platform>:<commodity>``. A reservation is not
re-entrant: its own holder cannot take it twice.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from sqlalchemy import BigInteger, Connection, bindparam, select, update

from persistence.database import Database
from persistence.errors import StaleToken
from persistence.reservation_sql import statements
from persistence.tables import reservation

RESOURCE = re.compile(r"[A-Za-z0-9_-]+:[A-Za-z0-9_-]+")
NAME_CHARACTERS = 200
LONGEST_TTL_SECONDS = 1e10
"""Three centuries: for replay, which holds its leases without renewal."""

LeaseClock: TypeAlias = Callable[[], int]

RAISE_TOKEN = (
    update(reservation)
    .where(reservation.c.resource == bindparam("res"))
    .values(token=bindparam("raised", type_=BigInteger))
)

logger = logging.getLogger(__name__)


def account_resource(platform: str) -> str:
    """The reservation of the whole account: its token fences every write to the account's trades."""
    return f"account:{platform}"


def crew_resource(crew: str) -> str:
    """The reservation of leadership: its holder runs the crew's actors, the others stand by."""
    return f"crew:{crew}"


@dataclass(frozen=True, slots=True)
class Fence:
    """The proof of a reservation, shown with every write."""

    resource: str
    owner: str
    token: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation as it stood when it was read or made."""

    resource: str
    owner: str
    token: int  # grows by one with every new holder, across releases and restarts
    expires_at: int  # epoch milliseconds of the lease clock

    @property
    def fence(self) -> Fence:
        """What to show with every write under this reservation."""
        return Fence(self.resource, self.owner, self.token)


class Reservations:
    """The reservation table."""

    def __init__(self, database: Database, clock: LeaseClock | None = None) -> None:
        """``clock`` answers epoch milliseconds; None: the database's own clock."""
        self._database = database
        self._clock = clock
        self._statements = statements(database.dialect, bound_clock=clock is not None)

    def reserve_resource(self, resource: str, owner: str, ttl_seconds: float) -> Reservation | None:
        """Take a resource that is free or whose holder's time is over; None when a live owner holds it.

        Raises ``ValueError`` for a malformed name or time.
        """
        values = {"res": checked_resource(resource), "own": checked_owner(owner), "ttl": milliseconds(ttl_seconds)}
        with self._database.writing_at_once() as connection:
            row = connection.execute(self._statements.reserve, self._timed(values)).one_or_none()
        return None if row is None else Reservation(resource, owner, row.token, row.expires_at)

    def renew_resource(self, fence: Fence, ttl_seconds: float) -> bool:
        """Hold on for ``ttl_seconds`` from now. False: it is not ours any more, and nothing changed."""
        values = {**_of(fence), "ttl": milliseconds(ttl_seconds)}
        with self._database.writing_at_once() as connection:
            return connection.execute(self._statements.renew, self._timed(values)).one_or_none() is not None

    def raise_token(self, fence: Fence, above: int) -> Fence:
        """Hold on with a token above ``above``, which a place beside the broker has seen of a ledger that was lost.

        Raises `StaleToken` when it is not ours any more.
        """
        with self._database.writing() as connection:
            self.require(connection, fence)
            token = max(fence.token, above + 1)
            connection.execute(RAISE_TOKEN, {"res": fence.resource, "raised": token})
        return replace(fence, token=token)

    def release_resource(self, fence: Fence) -> bool:
        """Let go. False, and logged: it is not ours any more, and nothing changed."""
        with self._database.writing_at_once() as connection:
            row = connection.execute(self._statements.release, self._timed(_of(fence))).one_or_none()
        if row is None:
            logger.warning(
                "%s was not released: %s does not hold it with token %d", fence.resource, fence.owner, fence.token
            )
        return row is not None

    def is_resource_reserved(self, resource: str) -> bool:
        """Whether a live owner holds it."""
        return self.holder(resource) is not None

    def holder(self, resource: str) -> Reservation | None:
        """The live reservation of a resource, None when it is free."""
        values = {"res": checked_resource(resource)}
        with self._database.reading_at_once() as connection:
            row = connection.execute(self._statements.holder, self._timed(values)).one_or_none()
        return None if row is None else Reservation(*row)

    def last_token(self, resource: str) -> int:
        """The highest token that was given out for it; 0: none ever was."""
        query = select(reservation.c.token).where(reservation.c.resource == resource)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one_or_none() or 0)

    def all(self) -> list[Reservation]:
        """The live reservations, by name."""
        with self._database.reading_at_once() as connection:
            return [Reservation(*row) for row in connection.execute(self._statements.live, self._timed({}))]

    def now(self) -> int:
        """The lease clock, in epoch milliseconds: how long a reservation still lives is counted from it."""
        with self._database.reading() as connection:
            instant: int = connection.execute(self._statements.now, self._timed({})).scalar_one()
        return instant

    def require(self, connection: Connection, fence: Fence) -> None:
        """The fence of a transaction, and its first statement: until it ends, nobody can take the resource over.

        Raises `StaleToken`, upon which the transaction must not commit.
        """
        if connection.execute(self._statements.fence, self._timed(_of(fence))).one_or_none() is None:
            raise StaleToken(f"{fence.owner} does not hold {fence.resource} with token {fence.token} any more")

    def _timed(self, values: dict[str, Any]) -> dict[str, Any]:
        if self._clock is not None:
            values["now"] = self._clock()
        return values


def _of(fence: Fence) -> dict[str, Any]:
    return {"res": fence.resource, "own": fence.owner, "tok": fence.token}


def checked_resource(resource: str) -> str:
    """The name itself. Raises ``ValueError`` for one that is not two names joined by a colon, or is too long."""
    if not RESOURCE.fullmatch(resource) or len(resource) > NAME_CHARACTERS:
        raise ValueError(
            f"resource is {resource!r}; expected two names of letters, digits, '_' and '-' joined by ':', "
            f"at most {NAME_CHARACTERS} characters in all"
        )
    return resource


def checked_owner(owner: str) -> str:
    """The name itself. Raises ``ValueError`` for one that is empty or too long."""
    if not 0 < len(owner) <= NAME_CHARACTERS:
        raise ValueError(f"owner is {owner!r}; expected 1 to {NAME_CHARACTERS} characters")
    return owner


def milliseconds(ttl_seconds: float) -> int:
    """The life of a lease in whole milliseconds. Raises ``ValueError`` unless it is a positive time, and sane."""
    if not (math.isfinite(ttl_seconds) and 0.001 <= ttl_seconds <= LONGEST_TTL_SECONDS):
        raise ValueError(f"ttl_seconds is {ttl_seconds}; expected 0.001 to {LONGEST_TTL_SECONDS:g}")
    return int(ttl_seconds * 1_000)
