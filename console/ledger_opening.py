"""How `serve` comes by its ledger: it waits for what will be over by itself, and no longer than is good."""

from __future__ import annotations

import logging

from actors.system.system import EXIT_ESCALATED
from console.configuration import Configuration
from console.ending import Ending
from console.errors import TryAgain
from console.reading import ledger_file, of_crew
from persistence.errors import LedgerInUse, LedgerUnavailable
from persistence.ledger import Ledger
from persistence.owner import owner_name
from persistence.sqlite import may_pass

log = logging.getLogger("watchbill.serve")

ASK_AGAIN_PART_OF_TTL = 1 / 12  # as a process that stands by
AWAY_ATTEMPTS = 4
AWAY_WAIT_SECONDS = 5.0
"""Between them. Whoever starts the program again may do so at once, and a start costs seconds of processor time."""


def opened_ledger(configuration: Configuration, ending: Ending) -> Ledger:
    """The ledger. Waits for the leases of an older program that is still there, or has just been killed, to run out.

    Raises `LedgerError`, and `TryAgain` where it may be used later: its server is starting too, its disk is full.
    """
    attempts, told = 0, ""
    while True:
        try:
            return Ledger.open(configuration.database_url, **of_crew(configuration), writer=owner_name())
        except LedgerInUse as error:
            wait_seconds = configuration.settings.ai_db_reservation_ttl_seconds * ASK_AGAIN_PART_OF_TTL
            if str(error) != told:
                told = str(error)
                log.warning("waiting: %s", told)
            if ending.event.wait(wait_seconds):
                raise
        except LedgerUnavailable as error:
            if ledger_file(configuration) is not None and not may_pass(error):
                raise
            attempts += 1
            if str(error) != told and attempts < AWAY_ATTEMPTS:
                told = str(error)
                log.warning("waiting: %s", told)
            if attempts == AWAY_ATTEMPTS or ending.event.wait(AWAY_WAIT_SECONDS):
                raise TryAgain(f"{error}; it may come back: exit code {EXIT_ESCALATED}") from error
