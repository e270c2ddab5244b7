"""What a process was given, it remembers for as long as it lives: also when the actor that renews it crashes."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest
from crew_helpers import alerts, ledger_away

from actors.reservation import LEASE_LOST
from actors.scripted_crew import ScriptedCrew
from persistence.reservations import account_resource, crew_resource

TTL_SECONDS = 60.0


def broken(*arguments: Any, **named: Any) -> NoReturn:
    """Something that nobody foresaw."""
    raise RuntimeError("made to crash")


def test_leases_that_ran_out_while_their_actor_was_down_are_told_as_lost_and_not_forgotten(
    leader: ScriptedCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    reservations = leader.ledger.reservations
    crew, account = crew_resource(leader.market.settings.crew), account_resource("alpha")
    held = reservations.holder(account)
    assert held is not None
    with monkeypatch.context() as away:
        away.setattr(reservations, "renew_resource", ledger_away)
        leader.run_for(TTL_SECONDS + 1)
    with monkeypatch.context() as crashing:
        crashing.setattr(reservations, "renew_resource", broken)
        leader.run_for(TTL_SECONDS / 12)
    leader.run_for(TTL_SECONDS)
    lost = [said.partition(": ")[0] for said in alerts(leader, LEASE_LOST)]
    assert crew in lost, "nobody told the process that it leads no more"
    assert account in lost
    again = reservations.holder(account)
    assert again is not None, "the account stands by for ever"
    assert again.token > held.token
