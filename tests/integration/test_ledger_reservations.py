"""Names, times to live and owners of reservations; and that no history of them has another outcome than it must."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from made_ledger import TTL_SECONDS, Clock, a_ledger

import persistence
from persistence.ledger import Ledger
from persistence.reservations import Fence, Reservation

DEADLINE_SECONDS = 60.0


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """A ledger in memory."""
    with a_ledger() as opened:
        yield opened


@pytest.mark.parametrize(
    "resource",
    ["", "alpha", ":", "alpha:", ":EURUSD", "a:b:c", "al pha:EURUSD", "älpha:EURUSD", "a:b\n", "a:" + "b" * 199],
)
def test_a_resource_needs_two_plain_names(ledger: Ledger, resource: str) -> None:
    with pytest.raises(ValueError, match=f"resource is {re.escape(repr(resource))}"):
        ledger.reservations.reserve_resource(resource, "me", TTL_SECONDS)


@pytest.mark.parametrize("ttl_seconds", [0, -1, 0.0001, 1e11, float("nan"), float("inf")])
def test_a_reservation_needs_a_time_to_live(ledger: Ledger, ttl_seconds: float) -> None:
    with pytest.raises(ValueError, match="ttl_seconds is"):
        ledger.reservations.reserve_resource("alpha:EURUSD", "me", ttl_seconds)
    with pytest.raises(ValueError, match="ttl_seconds is"):
        ledger.reservations.renew_resource(Fence("alpha:EURUSD", "me", 1), ttl_seconds)


@pytest.mark.parametrize("owner", ["", "x" * 201])
def test_an_owner_needs_a_name(ledger: Ledger, owner: str) -> None:
    with pytest.raises(ValueError, match="owner is"):
        ledger.reservations.reserve_resource("alpha:EURUSD", owner, TTL_SECONDS)


class AnyHistory(RuleBasedStateMachine):
    """Whatever is done in whatever order, the table does what three variables and a clock would do."""

    fences = Bundle("fences")

    def __init__(self) -> None:
        """Nobody has reserved anything yet."""
        super().__init__()
        self.clock = Clock()
        self.ledger = Ledger.open("sqlite://", lease_clock=self.clock)
        self.owner = ""
        self.token = self.expires_at = 0

    @property
    def is_held(self) -> bool:
        """Whether a live owner holds it."""
        return self.expires_at > self.clock.at

    def is_mine(self, fence: Fence) -> bool:
        """Whether the fence is that of the live owner."""
        return self.is_held and (fence.owner, fence.token) == (self.owner, self.token)

    @rule(target=fences, owner=st.sampled_from("AB"), ttl_ms=st.integers(1, 50))
    def reserve(self, owner: str, ttl_ms: int) -> Any:
        """Given to whoever asks first."""
        reservation = self.ledger.reservations.reserve_resource("alpha:EURUSD", owner, ttl_ms / 1_000)
        assert (reservation is None) == self.is_held
        if reservation is None:
            return multiple()
        self.owner, self.token, self.expires_at = owner, self.token + 1, reservation.expires_at
        assert reservation.token == self.token
        return reservation.fence

    @rule(fence=fences, ttl_ms=st.integers(1, 50))
    def renew(self, fence: Fence, ttl_ms: int) -> None:
        """Only the live owner can."""
        assert self.ledger.reservations.renew_resource(fence, ttl_ms / 1_000) == self.is_mine(fence)
        if self.is_mine(fence):
            self.expires_at = self.clock.at + ttl_ms

    @rule(fence=fences)
    def release(self, fence: Fence) -> None:
        """Only the live owner can."""
        assert self.ledger.reservations.release_resource(fence) == self.is_mine(fence)
        if self.is_mine(fence):
            self.expires_at = 0

    @rule(milliseconds=st.integers(1, 60))
    def let_time_pass(self, milliseconds: int) -> None:
        """Some leases end."""
        self.clock.at += milliseconds

    @invariant()
    def the_holder_is_known(self) -> None:
        """Whoever looks sees the same."""
        held = Reservation("alpha:EURUSD", self.owner, self.token, self.expires_at) if self.is_held else None
        assert self.ledger.reservations.holder("alpha:EURUSD") == held

    def teardown(self) -> None:
        """Close the ledger of this history."""
        self.ledger.close()


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def named_by(program: str) -> list[str]:
    """What a process of its own prints."""
    root = str(Path(persistence.__file__).parents[1])
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE_SECONDS,
    )
    return run.stdout.split()


def test_every_process_start_has_an_owner_name_of_its_own() -> None:
    program = "from persistence.owner import owner_name; print(owner_name(), owner_name())"
    first, second = named_by(program), named_by(program)
    assert len({*first}) == len({*second}) == 1
    assert first != second
    assert re.fullmatch(r".+:\d+:[0-9a-f]{32}", first[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_an_owner_name_of_its_own() -> None:
    parent, child = named_by(
        "import os; from persistence.owner import owner_name\n"
        "child = os.fork()\n"
        "if child: os.waitpid(child, 0)\n"
        "print(owner_name(), flush=True)"
    )
    assert parent.split(":")[2] != child.split(":")[2]
