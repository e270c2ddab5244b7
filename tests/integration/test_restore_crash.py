"""A restore or a backup that is killed, wherever it is, leaves the old state or the new one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

DEADLINE_SECONDS = 120.0

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks once for each place to die at")

DIES_EVERYWHERE = """
import os, shutil, signal, sys
from pathlib import Path

from made_ledger import NOON, Holder, a_ledger, a_line
from sqlalchemy import Engine, event

from persistence.backup import back_up, url_of
from persistence.ledger import Ledger
from persistence.restore import opened, restore, state_of

home = Path(sys.argv[1])
STEPS = (("before_cursor_execute", 5), ("commit", 1))  # where to die, and at each how manieth of them


def killed(work, name, at):
    # A child that kills itself at the step of this number; False: there are not so many.
    child = os.fork()
    if child == 0:
        count = 0

        def step(*_):
            nonlocal count
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, name, step)
        work()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def content(path):
    ledger = Ledger.open(url_of(path), read_only=True)
    try:
        return repr((ledger.trades.list(), [line for line in ledger.journal.list() if line.kind != "restore"]))
    finally:
        ledger.close()


def let_go(ledger):
    for held in ledger.reservations.all():
        ledger.reservations.release_resource(held.fence)


def restore_it():
    with opened(home / "backup.sqlite") as backup, a_ledger(url_of(home / "ledger.sqlite")) as ledger:
        restore(backup, ledger, state=state_of(ledger), source="", at=NOON)


def back_it_up():
    ledger = Ledger.open(url_of(home / "original.sqlite"), read_only=True)
    back_up(ledger, home / "another.sqlite", replace=True)
    ledger.close()


with a_ledger(url_of(home / "original.sqlite")) as ledger:
    me = Holder(ledger)
    me.open(analysis_id="1")
    let_go(ledger)
    back_up(ledger, home / "backup.sqlite")
    me.submit(a_line(), commodity="GBPUSD", analysis_id="2")
    let_go(ledger)
old, new = content(home / "original.sqlite"), content(home / "backup.sqlite")

for name, stride in STEPS:
    dies, at = True, 1
    while dies:
        for leftover in home.glob("ledger.sqlite*"):
            leftover.unlink()
        shutil.copyfile(home / "original.sqlite", home / "ledger.sqlite")
        dies, at = killed(restore_it, name, at), at + stride
        found = content(home / "ledger.sqlite")
        print("restore", "old" if found == old else "new" if found == new else "half", flush=True)
    dies, at = True, 1
    while dies:
        shutil.copyfile(home / "backup.sqlite", home / "another.sqlite")
        dies, at = killed(back_it_up, name, at), at + stride
        found = content(home / "another.sqlite")
        print("backup", "old" if found == new else "new" if found == old else "half", flush=True)
print("leftovers", *sorted(path.name for path in home.glob(".*")))
"""


def test_killed_at_any_statement_or_commit_it_leaves_the_old_state_or_the_new_one(tmp_path: Path) -> None:
    here = Path(__file__).parent
    search = os.pathsep.join([str(here), str(here.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", DIES_EVERYWHERE, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": search, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *lines, leftovers = done.stdout.splitlines()
    found = Counter(lines)
    assert set(found) == {"restore old", "restore new", "backup old", "backup new"}
    assert found["restore old"] > 9, "it did die in many places"
    assert found["backup old"] > 9
    assert leftovers == "leftovers", "a backup removes what one that was killed has left"
