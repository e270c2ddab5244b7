"""A replay in which an actor crashes must not pass for one without."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from actors.analyst import AnalystActor
from actors.messages import Bars
from actors.system.context import Context
from console.arguments import Replay
from console.configuration import load
from console.output import Output
from console.replay import run
from feeds.synthetic import synthetic_bars
from trading.market import iso


@pytest.fixture
def hours(tmp_path: Path) -> Path:
    """Sixty simulated hours in a file."""
    bars = synthetic_bars(5, 60)
    columns = zip(bars.time.tolist(), bars.open, bars.high, bars.low, bars.close, strict=True)
    rows = (f"{iso(at)},{o:.5f},{h:.5f},{low:.5f},{c:.5f}" for at, o, h, low, c in columns)
    path = tmp_path / "EURUSD.csv"
    path.write_text("\n".join(["time,open,high,low,close", *rows]) + "\n")
    return path


@pytest.mark.parametrize("threads", [False, True])
def test_a_replay_with_a_crash_names_the_actor_and_ends_with_another_exit_code(
    hours: Path, threads: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = AnalystActor.receive
    seen: list[Bars] = []

    def receive(self: AnalystActor, message: object, context: Context) -> None:
        if isinstance(message, Bars):
            seen.append(message)
            if len(seen) == 20:
                raise RuntimeError("a defect")
        whole(self, message, context)

    monkeypatch.setattr(AnalystActor, "receive", receive)
    stdout, stderr = io.StringIO(), io.StringIO()
    arguments = Replay(data=(str(hours),), threads=threads, json=True, report=tmp_path / "page.html")
    exit_code = run(arguments, load(None, {}), Output(as_json=True, stdout=stdout, stderr=stderr))
    figures = json.loads(stdout.getvalue())

    assert exit_code == 70
    assert len(seen) == 20, "it ends there"
    assert figures["bars"] <= 21 < 60
    assert figures["to"] < iso(synthetic_bars(5, 60).end(21))
    assert figures["crashed"] == {"analyst": "crashed: RuntimeError: a defect"}
    assert figures["alerts"]["crashed"] == 1
    assert "error: analyst crashed: RuntimeError: a defect" in stderr.getvalue()
    assert "analyst crashed: RuntimeError: a defect" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_replay_without_one_ends_with_zero(hours: Path) -> None:
    stdout = io.StringIO()
    output = Output(as_json=True, stdout=stdout, stderr=io.StringIO())
    assert run(Replay(data=(str(hours),), json=True), load(None, {}), output) == 0
    assert json.loads(stdout.getvalue())["crashed"] == {}
