"""How the ledger opens PostgreSQL, where several hosts share one.

Whoever waits for a database cannot guard a stop, and must not hold a row that the next leader needs. So everything that
can be waited for has a limit, and every limit of a writer lies below a third of the leases' time to live: a statement,
a lock, and a transaction in which nothing happens end on the server; an answer that does not come ends here, because a
server that is frozen or cut off ends nothing. After that the connection is closed, the next transaction makes a new
one, and whether a commit that got no answer was done, the next compare-and-set tells.
"""

from __future__ import annotations

import logging
import selectors
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError

Answer = TypeVar("Answer")

DriverError = psycopg.Error

POOL_TIMEOUT_SECONDS = 10.0

SERVERS_PART = 1 / 4
OUR_PART = 1 / 3  # a little more, so that the server, which says what it was that took so long, is the first to end it
KEEPALIVES = 2
LEAST_CONNECT_SECONDS = 2  # libpq takes less for this
LEAST_SECONDS = 0.25
READERS_SECONDS = 60.0
"""What a whole journal may take. Readers hold no row that anybody waits for."""

IdleSelector = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""The cheapest to make, for one look at one socket."""

LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection waits."""

    server_seconds: float  # for a statement, for a lock, and for the client in the middle of a transaction
    answer_seconds: float  # for the server, whatever it was asked

    @classmethod
    def of_writer(cls, ttl_seconds: float) -> Patience:
        """For a process whose leases live so long."""
        return cls(max(ttl_seconds * SERVERS_PART, LEAST_SECONDS), max(ttl_seconds * OUR_PART, 2 * LEAST_SECONDS))

    @classmethod
    def of_reader(cls) -> Patience:
        """For whoever holds nothing."""
        return cls(READERS_SECONDS, READERS_SECONDS)

    def connect_args(self, url: URL) -> dict[str, str]:
        """The driver's arguments for these limits; what the URL itself says about them stands."""
        milliseconds = round(self.server_seconds * 1_000)
        # A server may be set up to acknowledge commits that it can still lose: tokens and orders among them.
        options = ["-c synchronous_commit=on", *(f"-c {name}={milliseconds}" for name in LIMITS)]
        # The network's part: a cable that is cut says nothing. A server on the same machine needs none of it.
        beat = str(max(1, round(self.answer_seconds / (KEEPALIVES + 1))))
        ours = {
            "connect_timeout": str(max(LEAST_CONNECT_SECONDS, round(self.answer_seconds))),
            "tcp_user_timeout": str(round(self.answer_seconds * 1_000)),
            "keepalives_idle": beat,
            "keepalives_interval": beat,
            "keepalives_count": str(KEEPALIVES),
            "application_name": "watchbill",
        }
        theirs = url.query.get("options", ())
        options += [theirs] if isinstance(theirs, str) else theirs
        return {**{name: value for name, value in ours.items() if name not in url.query}, "options": " ".join(options)}


class ImpatientConnection(psycopg.Connection[Any]):
    """A connection of the driver's that closes itself when the server does not answer in time."""

    answer_seconds: float = READERS_SECONDS

    def wait(self, gen: Generator[Any, Any, Answer], *arguments: Any, **named: Any) -> Answer:
        """What the driver calls for whatever takes a round trip. Raises ``psycopg.OperationalError``."""
        return super().wait(self._in_time(gen), *arguments, **named)

    def _in_time(self, conversation: Generator[Any, Any, Answer]) -> Generator[Any, Any, Answer]:
        deadline = time.monotonic() + self.answer_seconds
        try:
            wanted = next(conversation)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > deadline:
                    self.close()
                    raise psycopg.OperationalError(f"the server did not answer within {self.answer_seconds:g} seconds")
                wanted = conversation.send(ready)
        except StopIteration as finished:
            answer: Answer = finished.value
            return answer


def engine(url: URL, *, writes: bool, patience: Patience) -> Engine:
    """An engine on psycopg 3.

    Writers are READ COMMITTED: a stricter isolation turns a wait for a row into an error. Readers are REPEATABLE READ,
    which for them has no errors, and shows one state to all statements of a transaction.
    """
    made = create_engine(
        url,
        isolation_level="READ COMMITTED" if writes else "REPEATABLE READ",
        pool_timeout=POOL_TIMEOUT_SECONDS,
        connect_args=patience.connect_args(url),
        execution_options={"postgresql_readonly": not writes},
    )

    @event.listens_for(made, "do_connect")
    def connect(_dialect: object, _record: object, arguments: list[Any], named: dict[str, Any]) -> ImpatientConnection:
        connection = ImpatientConnection.connect(*arguments, **named)
        connection.answer_seconds = patience.answer_seconds
        return connection

    @event.listens_for(made, "checkout")
    def checked_out(connection: ImpatientConnection, _record: object, _proxy: object) -> None:
        if was_ended(connection):
            raise DisconnectionError("the server has ended the connection")  # upon which the pool makes another

    return made


def was_ended(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server has ended an idle connection: it has nothing else to say unasked. Costs no round trip."""
    if connection.closed:
        return True
    with IdleSelector() as selector:
        selector.register(connection.fileno(), selectors.EVENT_READ)
        return bool(selector.select(0))


def renew_if_ended(connection: Connection) -> None:
    """Have SQLAlchemy make a new connection at the next use, where the server has ended this one."""
    if not connection.invalidated and was_ended(_driver(connection)):
        logger.warning("the server has ended the writing connection; making a new one")
        connection.invalidate()


@contextmanager
def committing_each(connection: Connection) -> Iterator[None]:
    """Let every statement be a transaction of its own, which costs neither a BEGIN nor a COMMIT."""
    driver = _driver(connection)
    driver.autocommit = True
    try:
        yield
    finally:
        if not driver.closed:
            driver.autocommit = False


@contextmanager
def unhurried(connection: Connection) -> Iterator[None]:
    """No limits until the end of the transaction: for a migration, which may take as long as it takes."""
    for name in LIMITS:
        connection.exec_driver_sql(f"SET LOCAL {name} = 0")
    driver = _driver(connection)
    usual, driver.answer_seconds = driver.answer_seconds, float("inf")
    try:
        yield
    finally:
        driver.answer_seconds = usual


def _driver(connection: Connection) -> ImpatientConnection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, ImpatientConnection)
    return driver
