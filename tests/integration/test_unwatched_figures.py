"""Figures of what nobody minds: a position that the monitor never heard of, one of no known account, a free lease."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest
from crew_helpers import StartCrew, only_alpha, opened
from made_ledger import Clock, Holder, a_ledger

from actors.messages import AccountSnapshot, TradeChanged
from actors.names import MONITOR
from actors.scripted_crew import ScriptedCrew
from console.api.window import Window
from console.running import Moment
from console.web.metric_accounts import Positions, of_watching
from console.web.metric_ledger import LedgerFigures
from console.web.metric_samples import Samples
from trading.trade import Trade, TradeState

WATCH_AGE, LEASE = "watchbill_position_watch_age_seconds", "watchbill_lease_seconds_left"


def shown(crew: ScriptedCrew, *trades: Trade) -> Mapping[str, AccountSnapshot]:
    """What the account's actor says of its trades."""
    snapshot = AccountSnapshot(
        platform="alpha",
        at=crew.now,
        ready=True,
        reason="",
        netting=False,
        account=None,
        quotes={},
        instruments={},
        trades={trade.commodity: trade for trade in trades},
        cooldown_until={},
        unaccounted=0,
        external=(),
    )
    return {"alpha": snapshot}


def ages(crew: ScriptedCrew, snapshots: Mapping[str, AccountSnapshot]) -> Mapping[tuple[str, ...], object]:
    """The figures of a scrape at this moment, by account, commodity and trade."""
    venue = SimpleNamespace(trades_at=lambda commodity, now: True)
    runtime = SimpleNamespace(now=lambda: crew.now)
    moment = SimpleNamespace(system=crew.system, runtime=runtime, market=crew.market, venue=venue)
    positions, samples = Positions(), Samples()
    positions.learn(snapshots)
    of_watching(cast(Moment, moment), snapshots, positions, samples)
    return samples.found.get(WATCH_AGE, {})


def test_a_position_that_the_monitor_never_heard_of_is_as_old_as_it_is_open(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    crew.tell(MONITOR, TradeChanged(replace(trade, state=TradeState.CLOSED)))
    crew.run_for(60)
    assert ages(crew, shown(crew, trade)) == {("alpha", "EURUSD", str(trade.trade_id)): pytest.approx(60.0)}


def test_the_age_of_a_position_of_which_no_account_is_known_is_seen_all_the_same(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    crew.run_for(5)
    assert ages(crew, shown(crew)).keys() == {("", "", str(trade.trade_id))}


def test_a_lease_that_nobody_holds_has_no_seconds_left() -> None:
    clock = Clock()
    with a_ledger(lease_clock=clock) as ledger:
        settings = only_alpha()
        configuration = SimpleNamespace(settings=settings)
        figures = LedgerFigures(cast(Window, SimpleNamespace(configuration=configuration, ledger=ledger)))

        def left() -> object:
            samples = Samples()
            figures.add_to(samples)
            return samples.found[LEASE]

        assert left() == {("account:alpha",): 0.0, ("crew:default",): 0.0}
        Holder(ledger).account()
        assert left() == {("account:alpha",): 60.0, ("crew:default",): 0.0}
        clock.pass_seconds(61)
        assert left() == {("account:alpha",): 0.0, ("crew:default",): 0.0}
