"""A leader that is stopped past its lease and goes on: its successor leads, and it stands by."""

from __future__ import annotations

import sys
from functools import partial

import pytest

from simulation.processes import campaign, loops
from simulation.processes.campaign import Campaign
from simulation.processes.world import WorldPlan

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

SEED = 2
ROUNDS = 3


def test_a_leader_that_was_stopped_past_its_lease_writes_nothing_more_and_stands_by() -> None:
    wanted = Campaign(ROUNDS, WorldPlan(SEED, settles_unknown=False), parallel=1, rounds_per_world=ROUNDS)
    report = campaign.run(wanted, partial(loops.run, one_round=loops.pause_round), lambda text: None)
    assert report.faults == []
    assert report.pauses == ROUNDS
    assert report.tally.opens > 0
