"""Who led before, and how that ended: what a takeover is told of by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from persistence.ledger import Ledger
from persistence.reservations import Fence, crew_resource
from persistence.starts import Ended

CREW = "default"


def lead(ledger: Ledger, owner: str) -> Fence:
    """Take the crew's lease."""
    held = ledger.reservations.reserve_resource(crew_resource(CREW), owner, 60.0)
    assert held is not None
    return held.fence


@pytest.fixture
def memory_ledger() -> Iterator[Ledger]:
    """A ledger that nobody else has."""
    with closing(Ledger.open("sqlite://", crew=CREW, writer="test")) as ledger:
        yield ledger


def test_a_first_leader_has_nobody_before_it(memory_ledger: Ledger) -> None:
    memory_ledger.starts.begin(CREW, lead(memory_ledger, "first"))
    assert memory_ledger.starts.before("first", CREW) is None


@pytest.mark.parametrize("has_crashed", [False, True])
def test_the_one_before_is_known_with_how_it_ended(memory_ledger: Ledger, has_crashed: bool) -> None:
    fence = lead(memory_ledger, "first")
    start = memory_ledger.starts.begin(CREW, fence)
    if not has_crashed:
        memory_ledger.starts.end(start)
    memory_ledger.reservations.release_resource(fence)
    memory_ledger.starts.begin(CREW, lead(memory_ledger, "second"))
    assert memory_ledger.starts.before("second", CREW) == Ended("first", has_crashed)
    assert memory_ledger.starts.before("second", "another") is None
