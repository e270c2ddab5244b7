"""A replay is the same to the byte each time, and on threads it makes the same trades."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from console.configuration import Configuration, load
from console.recorded import Recording, first_judged, warming_up
from console.replay import Scene, in_virtual_time, on_threads
from console.replay_figures import refusals, report
from console.walk import Crew, walk_through
from feeds.synthetic import synthetic_bars
from trading.market import DAY, HOUR, iso
from trading.trade import Trade, TradeState

ROOT = Path(__file__).parents[2]
WEEKS = 3


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return load(None, {})


@pytest.fixture(scope="module")
def recording() -> Recording:
    series = synthetic_bars(7)
    return Recording({series.commodity: series}, "simulated hours")


def scene(configuration: Configuration, recording: Recording, seed: int = 0) -> Scene:
    first = first_judged(recording)
    return Scene(configuration.settings, configuration, recording, first, first + WEEKS * 7 * DAY, seed=seed)


Replayed = tuple[list[dict[str, Any]], dict[str, int], bytes]


def replayed(host: Callable[[Scene], AbstractContextManager[Crew]], what: Scene) -> Replayed:
    """The trades, the refusals, and the journal."""
    with host(what) as crew:
        walk_through(crew, what.recording, what.first, what.last)
        trades = [told(trade) for trade in crew.ledger.trades.list(newest_first=False)]
        return trades, refusals(crew.ledger), crew.ledger.journal.export()


def told(trade: Trade) -> dict[str, Any]:
    return asdict(trade)


@pytest.fixture(scope="module")
def seen(configuration: Configuration, recording: Recording) -> Replayed:
    """What the scene comes to in virtual time; nothing changes it."""
    return replayed(in_virtual_time, scene(configuration, recording))


def test_the_same_replay_twice_gives_byte_identical_journals(
    configuration: Configuration, recording: Recording, seen: Replayed
) -> None:
    assert len(seen[0]) > 5, "there is something to compare"
    assert replayed(in_virtual_time, scene(configuration, recording)) == seen


def test_another_process_with_another_hash_seed_writes_the_same_journal(seen: Replayed) -> None:
    code = (
        "import hashlib, sys; sys.path[:0] = ['.', 'tests/integration']\n"
        "import test_replay as t\n"
        "from console.configuration import load\n"
        "from console.recorded import Recording\n"
        "from feeds.synthetic import synthetic_bars\n"
        "series = synthetic_bars(7)\n"
        "what = t.scene(load(None, {}), Recording({series.commodity: series}, 'simulated hours'))\n"
        "print(hashlib.sha256(t.replayed(t.in_virtual_time, what)[2]).hexdigest())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
        timeout=250,
    )
    assert done.stdout.strip() == hashlib.sha256(seen[2]).hexdigest()


def test_a_replay_on_threads_makes_the_same_trades_as_in_virtual_time(
    configuration: Configuration, recording: Recording, seen: Replayed
) -> None:
    threaded = replayed(on_threads, scene(configuration, recording))
    assert threaded[:2] == seen[:2]


def test_outlooks_computed_once_and_bars_judged_as_they_come_make_the_same_trades(
    configuration: Configuration, recording: Recording, seen: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recording, "outlooks", lambda self, settings=None: {})
    growing = replayed(in_virtual_time, scene(configuration, recording))
    assert growing[:2] == seen[:2]


def test_bars_before_the_range_are_its_history_so_that_its_first_bar_is_judged(
    configuration: Configuration, recording: Recording, seen: Replayed
) -> None:
    what = scene(configuration, recording)
    assert "warming_up" not in seen[1]
    assert warming_up(recording, what.first, what.last) == []
    early = replace(what, first=what.first - 2 * DAY, last=what.first + DAY)
    bars = recording.bars_until(what.first - 1) - recording.bars_until(early.first - 1)
    assert warming_up(recording, early.first, early.last) == [
        f"EURUSD: {bars} bars only warm up, since {recording.bars_until(early.first - 1):,} are before them: "
        f"the first is judged at {iso(what.first)}"
    ]
    assert replayed(in_virtual_time, early)[1]["warming_up"] == bars
    never = warming_up(recording, recording.first, recording.first + DAY)
    assert never == ["EURUSD: 24 bars only warm up, since 0 are before them: not one of them is judged"]


@pytest.mark.parametrize("poll_seconds", [0.5, 30.0, 59.0])
def test_how_often_prices_are_polled_does_not_keep_a_bar_from_being_judged_in_time(
    configuration: Configuration, recording: Recording, poll_seconds: float
) -> None:
    what = scene(configuration, recording)
    changed = replace(what, settings=what.settings.model_copy(update={"price_poll_seconds": poll_seconds}))
    with in_virtual_time(changed) as crew:
        walk_through(crew, what.recording, what.first, what.last, poll_seconds=poll_seconds)
        assert "stale" not in refusals(crew.ledger)
        assert len(crew.ledger.trades.list()) > 5


@pytest.mark.parametrize("cut_short", [False, True])
def test_the_report_adds_up(
    configuration: Configuration, recording: Recording, seen: Replayed, cut_short: bool
) -> None:
    what = scene(configuration, recording)
    if cut_short:  # while a trade is open, whose entry is booked, and whose profit is not known yet
        last_opened = max(trade["opened_at"] for trade in seen[0])
        what = replace(what, last=last_opened + HOUR)
    with in_virtual_time(what) as crew:
        walk = walk_through(crew, what.recording, what.first, what.last)
        figures = report(crew.ledger, what.recording, what.settings, walk, what.first, what.last, crew.connectors)
        closed = crew.ledger.trades.list(states={TradeState.CLOSED})
        balances = sum(connector.account(float("inf")).balance for connector in crew.connectors.values())
        active = crew.ledger.trades.active()
        entry_costs = sum(
            deal.net
            for name, connector in crew.connectors.items()
            for deal in connector.deals(0, float("inf"))
            if deal.position_id in {trade.position_id for trade in active if trade.platform == name}
        )
    assert figures["trades"] == len(closed) == sum(figures["closes"].values())
    assert figures["net_profit"] == pytest.approx(sum(trade.profit or 0 for trade in closed), abs=0.005)
    costs = figures["costs"]
    assert bool(active) is cut_short
    assert costs["booked_for_open_trades"] == pytest.approx(entry_costs, abs=0.005)
    assert costs["gross_profit"] + costs["swap"] + costs["commission"] == pytest.approx(figures["net_profit"], abs=0.01)
    assert balances == pytest.approx(20_000 + figures["net_profit"] + entry_costs, abs=0.01), "the brokers agree"
    assert figures["bars"] == recording.bars_until(what.last - 1) - recording.bars_until(what.first - 1)
