"""What the commands share by which an operator changes something: the ledger to write to, who asks, and when it is."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from console.configuration import Configuration
from console.errors import CommandError
from console.reading import ledger_file, of_crew
from persistence.ledger import Ledger
from trading.market import SECOND, Instant

UNKNOWN_USER = "somebody"


@contextmanager
def ledger_for_writing(configuration: Configuration) -> Iterator[Ledger]:
    """The ledger, while another process may lead on it.

    Raises `CommandError` where there is none yet, `LedgerUnavailable` and `LedgerFromTheFuture`.
    """
    file = ledger_file(configuration)
    if file is not None and not file.exists():
        raise CommandError(f"there is no ledger at {configuration.shown_database_url} yet: run.py serve makes one")
    with closing(Ledger.open(configuration.database_url, **of_crew(configuration), writer=asked_by())) as ledger:
        yield ledger


def asked_by() -> str:
    """``user@host``, for the journal."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may run as a number without a name
        user = UNKNOWN_USER
    return f"{user}@{socket.gethostname()}"


def market_time(ledger: Ledger) -> Instant:
    """Market time as far as the ledger knows it: that of its newest journal line.

    A paper market runs at a speed of its own, so this computer's clock, which it is without any line, says nothing.
    """
    newest = ledger.journal.list(limit=1)
    return newest[0].last_at if newest else round(time.time() * SECOND)
