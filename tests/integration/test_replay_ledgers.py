"""A replay is the same whether its ledger is at hand in memory or in a file."""

from __future__ import annotations

from dataclasses import astuple, replace
from pathlib import Path

from console.configuration import load
from console.recorded import Recording, first_judged
from console.replay import Scene, in_virtual_time
from console.walk import walk_through
from feeds.synthetic import synthetic_bars
from trading.market import DAY


def test_a_replay_into_a_file_writes_the_journal_and_the_trades_of_one_in_memory(tmp_path: Path) -> None:
    series = synthetic_bars(7)
    recording = Recording({series.commodity: series}, "simulated hours")
    configuration, first = load(None, {}), first_judged(recording)
    in_memory = Scene(configuration.settings, configuration, recording, first, first + 10 * DAY)
    in_file = replace(in_memory, database_url=f"sqlite:///{(tmp_path / 'replay.sqlite').as_posix()}")

    def replayed(scene: Scene) -> tuple[str, bytes, list[tuple[int, float]]]:
        with in_virtual_time(scene) as crew:
            walk = walk_through(crew, recording, scene.first, scene.last)
            trades = [astuple(trade) for trade in crew.ledger.trades.list(newest_first=False)]
            assert len(trades) > 2, "there is something to compare"
            return repr(trades), crew.ledger.journal.export(), walk.equity

    assert replayed(in_memory) == replayed(in_file)
