"""Terms of leadership that end while the ledger cannot be written: no crash, once it can be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from crew_helpers import ledger_away
from made_ledger import TTL_SECONDS, a_ledger

from connectors.paper_book import BookUnavailable
from console.leading import Terms
from persistence.errors import LedgerUnavailable
from persistence.ledger import Ledger
from persistence.reservations import crew_resource

CREW = "default"


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """A ledger on which nobody leads."""
    with a_ledger() as ledger:
        yield ledger


def leading(ledger: Ledger, owner: str) -> str:
    """This process leads from now on."""
    for held in ledger.reservations.all():
        ledger.reservations.release_resource(held.fence)
    assert ledger.reservations.reserve_resource(crew_resource(CREW), owner, TTL_SECONDS) is not None
    return owner


def crashes_seen_by_the_next(ledger: Ledger) -> int:
    """How many crashes another process counts that leads next."""
    with Terms(ledger, CREW).counted(leading(ledger, "next:1"), lambda: False) as leads:
        assert leads
        return ledger.starts.crashes(CREW)


def test_terms_whose_end_a_full_disk_did_not_take_are_written_before_the_next_begins(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = Terms(ledger, CREW)
    for _ in range(6):
        with (
            monkeypatch.context() as full,
            suppress(BookUnavailable),
            terms.counted(leading(ledger, "host:1"), lambda: False),
        ):
            full.setattr(ledger.starts, "end", ledger_away)
            raise BookUnavailable("the book cannot be used: disk I/O error")
    with terms.counted(leading(ledger, "host:1"), lambda: False):
        assert ledger.starts.crashes(CREW) == 0
    assert crashes_seen_by_the_next(ledger) == 0


def test_the_end_of_the_last_term_is_written_when_the_process_ends(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = Terms(ledger, CREW)
    with monkeypatch.context() as full, terms.counted(leading(ledger, "host:1"), lambda: False):
        full.setattr(ledger.starts, "end", ledger_away)
    terms.close()
    assert crashes_seen_by_the_next(ledger) == 0


def test_a_ledger_that_stays_full_lets_no_term_begin(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.starts, "end", ledger_away)
    terms = Terms(ledger, CREW)
    with terms.counted(leading(ledger, "host:1"), lambda: False):
        pass
    with pytest.raises(LedgerUnavailable), terms.counted("host:1", lambda: False):
        pytest.fail("it began")


def test_a_term_that_failed_is_a_crash(ledger: Ledger) -> None:
    with Terms(ledger, CREW).counted(leading(ledger, "host:1"), lambda: True):
        pass
    assert crashes_seen_by_the_next(ledger) == 1
