"""An order that was given up and then executed after all: found, and taken while it is wanted, or closed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from crew_helpers import (
    StartCrew,
    alerts,
    closes_sent,
    decisions,
    lost,
    must_agree,
    now,
    opened,
    positions,
    scripted,
    sent,
    told,
)

from connectors.mock_script import as_usual, duplicate, fills_later, partly, reject
from trading.market import Side
from trading.trade import CloseReason, TradeState


@pytest.mark.parametrize("side", list(Side))
def test_a_fill_that_comes_after_it_was_given_up_is_taken_while_it_is_wanted(start_crew: StartCrew, side: Side) -> None:
    crew = scripted(start_crew, fills_later(200))
    trade = lost(crew, side)
    crew.run_for(199)
    assert now(crew, trade).state is TradeState.FAILED
    crew.run_for(60)
    assert now(crew, trade).state is TradeState.OPEN
    assert len(alerts(crew, "late")) == 1
    assert len(sent(crew)) == 1
    must_agree(crew)


def test_a_fill_that_comes_when_nobody_wants_it_any_more_is_closed(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, fills_later(400))
    trade = lost(crew)
    crew.run_for(460)
    late = now(crew, trade)
    assert (late.state, late.close_reason) == (TradeState.CLOSED, CloseReason.LATE)
    assert closes_sent(crew) == 1
    must_agree(crew)


def test_a_late_fill_into_an_occupied_slot_is_closed_and_the_other_trade_stays(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, fills_later(200), as_usual())
    trade = lost(crew)
    crew.run_for(180)
    assert now(crew, trade).state is TradeState.FAILED
    other = opened(crew)
    crew.run_for(80)
    assert now(crew, trade).close_reason is CloseReason.LATE
    assert now(crew, other).state is TradeState.OPEN
    assert [position.magic for position in positions(crew)] == [other.magic]
    must_agree(crew)


def test_a_late_fill_whose_close_goes_through_in_parts_is_closed_to_the_end(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, fills_later(400), close=[partly(0.5), reject("requote"), partly(0.5)])
    trade = lost(crew)
    crew.run_for(500)
    assert now(crew, trade).close_reason is CloseReason.LATE
    assert closes_sent(crew) == 4
    assert alerts(crew, "reloaded") == []
    must_agree(crew)


def test_a_late_fill_that_cannot_be_closed_is_tried_ever_more_slowly(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, fills_later(400), close=[reject("market_closed")] * 100)
    trade = lost(crew)
    crew.run_for(400 + 600)
    assert now(crew, trade).state is TradeState.LATE
    assert 5 < closes_sent(crew) < 20
    assert len(alerts(crew, "stuck")) == 1


def test_an_order_that_the_broker_executes_twice_shuts_the_account_until_it_is_explained(
    start_crew: StartCrew,
) -> None:
    crew = scripted(start_crew, duplicate())
    trade = opened(crew)
    assert len(positions(crew)) == 2
    crew.run_for(60)
    assert len(alerts(crew, "unaccounted")) == 1
    crew.brokers["alpha"].price("EURUSD", trade.stop_price, trade.stop_price + 0.0001)
    crew.run_for(15 * 60)
    assert now(crew, trade).state is TradeState.CLOSED
    assert told(crew) is None
    assert decisions(crew)[-1] == "refused:not connected"
    extra = positions(crew)[0]
    assert extra.position_id != trade.position_id
    crew.brokers["alpha"].close_by_hand(extra.ticket)
    crew.run_for(31)
    opened(crew)
    must_agree(crew)


def test_a_late_fill_whose_analysis_another_account_has_traded_meanwhile_is_closed(start_crew: StartCrew) -> None:
    crew = start_crew()
    crew.brokers["alpha"].script(open=[fills_later(200)])
    analysis = crew.opinion()
    crew.analyse(analysis)
    crew.run_for(190)
    crew.analyse(analysis)
    crew.run_for(1)
    given_up, taken = crew.ledger.trades.list(newest_first=False)
    assert (given_up.platform, given_up.state) == ("alpha", TradeState.FAILED)
    assert (taken.platform, taken.state, taken.analysis_id) == ("beta", TradeState.OPEN, analysis.id)
    crew.run_for(70)
    late = now(crew, given_up)
    assert (late.state, late.close_reason) == (TradeState.CLOSED, CloseReason.LATE)
    assert now(crew, taken).state is TradeState.OPEN
    must_agree(crew)


@pytest.mark.parametrize("change", [{"side": Side.SELL}, {"commodity": "GOLD"}])
def test_a_position_that_cannot_be_of_the_order_whose_number_it_shows_is_not_taken_for_it(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    crew = scripted(start_crew, reject("no_money"))
    failed = told(crew)
    assert failed is not None
    alpha = crew.brokers["alpha"]
    alpha.open_by_hand("EURUSD", Side.BUY, 0.1)
    as_it_is = alpha.positions
    monkeypatch.setattr(
        alpha,
        "positions",
        lambda deadline: [replace(held, magic=failed.magic, **change) for held in as_it_is(deadline)],
    )
    crew.run_for(600)
    assert now(crew, failed).state is TradeState.FAILED
    assert closes_sent(crew) == 0
    assert len(alerts(crew, "unaccounted")) == 1
