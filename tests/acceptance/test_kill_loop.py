"""Twenty kills of real processes, on an account that lives in a broker process; then ledger and broker agree."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from simulation.processes import campaign, loops
from simulation.processes.campaign import Campaign
from simulation.processes.program import ROOT
from simulation.processes.world import WorldPlan

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

SEED = 359  # and the next: every kind of victim, near every kind of line, in few rounds
ROUNDS = 16  # some kill two
DEADLINE_SECONDS = 60.0


def test_after_twenty_kills_nothing_is_lost_and_nothing_is_doubled() -> None:
    plan = WorldPlan(SEED, lose_replies=0.02, settles_unknown=False)
    wanted = Campaign(ROUNDS, plan, parallel=2, rounds_per_world=ROUNDS // 2)
    report = campaign.run(wanted, partial(loops.run, one_round=loops.kill_round), lambda text: None)
    assert report.faults == []
    assert report.rounds == ROUNDS
    assert report.kills + report.broker_kills >= 20
    assert report.tally.opens > 0
    assert report.tally.closes > 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child of its parent's death")
def test_a_program_dies_with_whoever_started_it(tmp_path: Path) -> None:
    code = (
        "import time; from pathlib import Path; from simulation.processes.program import Ears, Program\n"
        f"program = Program('one', ['serve', '--no-view'], Path({str(tmp_path)!r}), Ears())\n"
        f"program.wait_for('leading crew', {DEADLINE_SECONDS})\n"
        "print(program.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, signal.SIGSTOP)  # even one that is stopped
        parent.kill()
    deadline = time.monotonic() + DEADLINE_SECONDS
    while is_alive(child):
        assert time.monotonic() < deadline, f"process {child} outlived its parent"


def is_alive(process: int) -> bool:
    """Whether the process runs; one that is dead and waits for somebody to hear of it does not."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")
