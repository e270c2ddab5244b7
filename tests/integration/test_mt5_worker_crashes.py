"""Whenever a worker is killed around a send, no order is ever sent twice, and none is forgotten."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_a_worker_killed_at_any_line_around_a_send_leaves_no_magic_or_one_that_is_refused(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, str(HERE / "made_crashes.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    *crashes, whole = map(json.loads, said.stdout.splitlines())
    assert whole == {"died": False, "sent": 1, "refused": "repeated", "in_all": 1}
    became = {(each["sent"], each["refused"]) for each in crashes}
    # Nothing written: it is sent now. Written and not sent: it is never sent, and the parent takes it for unknown.
    assert became == {(0, None), (0, "repeated"), (1, "repeated")}
    assert {each["in_all"] for each in crashes} == {0, 1}
    assert len(crashes) > 50
