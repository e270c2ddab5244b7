"""Watching open trades: each way a trade can end is seen to act, for buys and for sells, and all records agree."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from crew_helpers import (
    StartCrew,
    account,
    alerts,
    closes_sent,
    deals,
    must_agree,
    now,
    only_alpha,
    opened,
    positions,
    story,
    told,
)

from actors import weighing
from actors.messages import Adjust
from actors.names import platform_actor
from actors.scripted_crew import ScriptedCrew
from trading.analysis import Strategy
from trading.market import HOUR, MINUTE, SECOND, Side, instant
from trading.settings import Settings
from trading.trade import CloseReason, Trade, TradeState

POINT = 0.00001
TEN_MINUTES = {"day": {"longest_hold_seconds": 600.0}}
BOTH_SIDES = pytest.mark.parametrize("side", list(Side))
BOTH_WAYS = pytest.mark.usefixtures("judged")


@pytest.fixture(params=[weighing.FEW, 0], ids=["one by one", "in columns"])
def judged(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few trades are judged one by one, and many in columns of numbers."""
    monkeypatch.setattr(weighing, "FEW", request.param)


def close_at(crew: ScriptedCrew, side: Side, price: float) -> None:
    """Let the market stand where closing a trade of this side gets ``price``."""
    bid, ask = (price, price + 10 * POINT) if side is Side.BUY else (price - 10 * POINT, price)
    crew.brokers["alpha"].price("EURUSD", bid, ask)


def adjust(crew: ScriptedCrew, trade: Trade, stop: float, target: float | None) -> Trade:
    """Tell the account to write these levels, and give what it wrote."""
    crew.tell(platform_actor("alpha"), Adjust(trade.trade_id, trade.commodity, stop, target, "by hand"))
    crew.run_for(0)
    return now(crew, trade)


def must_have_closed(crew: ScriptedCrew, trade: Trade, reason: CloseReason) -> Trade:
    """It went its whole way, once, for this reason, and the ledger, the broker and the journal say the same of it."""
    closed = now(crew, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, reason)
    assert closed.profit == round(sum(deal.net for deal in deals(crew, closed)), 2)
    lines = crew.ledger.journal.list(trade_id=trade.trade_id, newest_first=False)
    told_of = story(lines)
    assert [state for state in told_of.states if state != "open"] == ["submitted", "closing", "closed"]
    assert told_of.last["close_reason"] == reason
    assert [row.trade_id for row in crew.ledger.trades.list() if row.magic == trade.magic] == [trade.trade_id]
    assert closes_sent(crew) == 1
    assert positions(crew) == []
    must_agree(crew)
    return closed


@BOTH_SIDES
@BOTH_WAYS
def test_the_stop_closes_when_it_is_touched_and_not_a_point_before(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew, side)
    close_at(crew, side, trade.stop_price + side.sign * POINT)
    crew.run_for(120)
    assert now(crew, trade) == trade
    close_at(crew, side, trade.stop_price)
    crew.run_for(2)
    closed = must_have_closed(crew, trade, CloseReason.STOP)
    assert closed.profit is not None
    assert closed.profit < 0


@BOTH_SIDES
@BOTH_WAYS
def test_the_target_closes_when_it_is_touched_and_not_a_point_before(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew, side)
    assert trade.target_price is not None
    close_at(crew, side, trade.target_price - side.sign * POINT)
    crew.run_for(120)
    assert now(crew, trade) == trade
    close_at(crew, side, trade.target_price)
    crew.run_for(2)
    closed = must_have_closed(crew, trade, CloseReason.TARGET)
    assert closed.profit is not None
    assert closed.profit > 0


@BOTH_SIDES
@BOTH_WAYS
def test_a_trailing_stop_follows_the_price_and_then_closes(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew, side, strategy=Strategy.MOMENTUM)
    assert trade.entry_price is not None
    best = trade.entry_price + side.sign * 0.0200
    close_at(crew, side, best)
    crew.run_for(60)
    trailed = now(crew, trade)
    assert trailed.stop_price == pytest.approx(best - side.sign * trade.stop_distance)
    close_at(crew, side, best - side.sign * 0.0050)
    crew.run_for(60)
    assert now(crew, trade) == trailed, "a price that comes back does not move the stop"
    close_at(crew, side, trailed.stop_price)
    crew.run_for(2)
    closed = must_have_closed(crew, trade, CloseReason.TRAILING_STOP)
    assert closed.profit is not None
    assert closed.profit > 0


@BOTH_SIDES
def test_the_longest_hold_closes_to_the_second(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha(strategies=TEN_MINUTES))
    crew.run_for(7)  # so that it does not end at one of the monitor's intervals
    trade = opened(crew, side)
    crew.run_for(599)
    assert now(crew, trade) == trade
    crew.run_for(1)
    closed = must_have_closed(crew, trade, CloseReason.TIME_STOP)
    assert closed.closed_at == trade.submitted_at + 10 * MINUTE


@BOTH_SIDES
def test_an_opposite_signal_closes_within_a_monitor_interval(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew, side)
    crew.run_for(60)
    assert told(crew, side.opposite) is None
    crew.run_for(30)
    must_have_closed(crew, trade, CloseReason.OPPOSITE_SIGNAL)


@BOTH_SIDES
def test_a_signal_of_the_same_side_or_below_the_gate_closes_nothing(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew, side)
    crew.run_for(60)
    told(crew, side)
    told(crew, side.opposite, confidence=40.0)
    crew.run_for(60)
    assert now(crew, trade) == trade


def test_opposite_signals_can_be_switched_off(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(opposite_signal_closes=False))
    trade = opened(crew)
    crew.run_for(60)
    told(crew, Side.SELL)
    crew.run_for(60)
    assert now(crew, trade) == trade


@BOTH_SIDES
def test_an_adjustment_is_written_journalled_and_then_guarded(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew, side)
    assert trade.entry_price is not None
    stop, target = (trade.entry_price - side.sign * 0.0020, trade.entry_price + side.sign * 0.0030)
    adjusted = adjust(crew, trade, stop, target)
    assert (adjusted.stop_price, adjusted.target_price) == (stop, target)
    line = crew.ledger.journal.list(kind="adjustment")[0]
    assert (line.trade_id, line.reason) == (trade.trade_id, "by hand")
    assert (line.detail["stop_before"], line.detail["stop_after"]) == (trade.stop_price, stop)
    assert (line.detail["target_before"], line.detail["target_after"]) == (trade.target_price, target)
    close_at(crew, side, target)
    crew.run_for(2)
    must_have_closed(crew, trade, CloseReason.TARGET)


@BOTH_SIDES
def test_a_changed_strategy_is_written_and_ends_the_trade_as_that_strategy_does(
    start_crew: StartCrew, side: Side
) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew, side)
    assert (trade.strategy, trade.closes_at_day_end) == (Strategy.DAY, True)
    change = Adjust(trade.trade_id, trade.commodity, trade.stop_price, trade.target_price, "by hand", Strategy.BREAKOUT)
    crew.tell(platform_actor("alpha"), change)
    crew.run_for(0)
    changed = now(crew, trade)
    assert (changed.strategy, changed.closes_at_day_end) == (Strategy.BREAKOUT, False)
    assert changed.trailing_distance == trade.stop_distance
    assert changed.opened_at is not None
    assert changed.time_stop_at - changed.opened_at == 72 * HOUR
    assert (changed.stop_price, changed.target_price) == (trade.stop_price, trade.target_price)
    line = crew.ledger.journal.list(kind="adjustment")[0]
    assert (line.detail["strategy_before"], line.detail["strategy_after"]) == ("day", "breakout")


def test_a_shorter_strategy_brings_the_time_stop_forward(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    change = Adjust(trade.trade_id, trade.commodity, trade.stop_price, trade.target_price, "by hand", Strategy.SCALPING)
    crew.tell(platform_actor("alpha"), change)
    crew.run_for(29 * 60)
    assert now(crew, trade).state is TradeState.OPEN
    crew.run_for(2 * 60)
    must_have_closed(crew, trade, CloseReason.TIME_STOP)


@BOTH_SIDES
def test_an_adjustment_that_the_price_has_passed_already_closes_at_once(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew, side)
    adjust(crew, trade, (1.1010 if side is Side.BUY else 1.0990), trade.target_price)
    crew.run_for(2)
    must_have_closed(crew, trade, CloseReason.TRAILING_STOP)


@BOTH_SIDES
@pytest.mark.parametrize("told_stop", ["wider", "zero", "nan", "inf", "-inf"])
def test_the_stop_never_widens_whatever_is_told(start_crew: StartCrew, side: Side, told_stop: str) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew, side)
    wider = trade.stop_price - side.sign * 0.0001
    beyond = 0.0 if side is Side.BUY else 1e9
    stop = {"wider": wider, "zero": beyond}.get(told_stop)
    assert adjust(crew, trade, float(told_stop) if stop is None else stop, trade.target_price) == trade
    assert crew.ledger.journal.list(kind="adjustment") == []


@BOTH_SIDES
def test_a_tightened_stop_cannot_be_put_back(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew, side)
    tighter = trade.stop_price + side.sign * 0.0010
    adjust(crew, trade, tighter, trade.target_price)
    assert adjust(crew, trade, trade.stop_price, trade.target_price).stop_price == tighter


@pytest.mark.parametrize("target", [math.nan, math.inf])
def test_a_target_that_is_no_price_is_not_written(start_crew: StartCrew, target: float) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    adjusted = adjust(crew, trade, trade.stop_price + 0.0010, target)
    assert (adjusted.stop_price, adjusted.target_price) == (trade.stop_price + 0.0010, trade.target_price)
    assert alerts(crew, "crashed") == []


BAD_QUOTES = {
    "nan": (math.nan, math.nan),
    "half nan": (1.0, math.nan),
    "infinite": (-math.inf, math.inf),
    "crossed": (1.0500, 1.0400),
    "crossed above": (1.2000, 1.1900),
    "zero": (0.0, 0.0),
    "negative": (-37.63, -37.60),
}


@BOTH_SIDES
@BOTH_WAYS
@pytest.mark.parametrize("bad", list(BAD_QUOTES))
def test_a_bad_quote_never_triggers_anything(start_crew: StartCrew, side: Side, bad: str) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew, side)
    crew.brokers["alpha"].price("EURUSD", *BAD_QUOTES[bad])
    crew.run_for(100)
    assert now(crew, trade) == trade
    assert closes_sent(crew) == 0
    assert alerts(crew, "bad_quote")
    assert len(alerts(crew, "bad_quote")) < 5, "a flood of bad quotes is not a flood of alerts"
    assert alerts(crew, "crashed") == []
    close_at(crew, side, trade.stop_price)
    crew.run_for(2)
    must_have_closed(crew, trade, CloseReason.STOP)


@BOTH_SIDES
@BOTH_WAYS
def test_a_quote_that_has_grown_old_never_triggers_anything(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew, side)
    alpha = crew.brokers["alpha"]
    alpha.fail("quotes", times=61)
    close_at(crew, side, trade.stop_price)
    alpha.freeze("EURUSD")
    crew.run_for(300)
    assert now(crew, trade) == trade
    assert closes_sent(crew) == 0
    close_at(crew, side, trade.stop_price)
    crew.run_for(2)
    must_have_closed(crew, trade, CloseReason.STOP)


def test_the_longest_hold_waits_for_a_quote_that_may_be_acted_upon(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(strategies=TEN_MINUTES))
    trade = opened(crew)
    crew.run_for(500)
    crew.brokers["alpha"].freeze("EURUSD")
    crew.run_for(500)
    assert now(crew, trade) == trade
    crew.brokers["alpha"].reopen("EURUSD")
    crew.run_for(31)
    must_have_closed(crew, trade, CloseReason.TIME_STOP)


@BOTH_SIDES
def test_a_weekend_gap_through_the_stop_closes_at_the_first_tick_of_the_week(start_crew: StartCrew, side: Side) -> None:
    friday = instant(datetime(2026, 3, 6, 21, 30, tzinfo=UTC))  # 16:30 in New York
    sunday_open = instant(datetime(2026, 3, 8, 21, 0, tzinfo=UTC))  # 17:00 in New York, the clocks have changed
    no_rules = {"auto_close_profitable_daily": False, "auto_close_profitable_friday": False}
    crew = start_crew(
        only_alpha(price_poll_seconds=60, quote_max_age_seconds=61, ai_monitor_interval_seconds=600, **no_rules), friday
    )
    trade = opened(crew, side)
    crew.run_for(30 * 60)
    gap = trade.stop_price - side.sign * 0.0100
    close_at(crew, side, gap)  # the broker quotes on, as some do, while the market is shut
    crew.run_for((sunday_open - crew.now) / SECOND - 1)
    assert now(crew, trade) == trade
    assert closes_sent(crew) == 0
    crew.run_for(61)
    closed = must_have_closed(crew, trade, CloseReason.STOP)
    assert closed.exit_price == gap, "no stop was ever filled at its own price across a gap"
    assert closed.closed_at is not None
    assert sunday_open <= closed.closed_at <= sunday_open + 60 * SECOND


def test_a_refused_close_is_sent_again_and_a_trade_ends_once(start_crew: StartCrew) -> None:
    crew = start_crew(Settings(accounts=(account(),)))
    trade = opened(crew)
    close_at(crew, Side.BUY, trade.stop_price)
    crew.brokers["alpha"].shut("EURUSD")
    crew.brokers["alpha"].price("EURUSD", trade.stop_price, trade.stop_price + 10 * POINT)
    crew.run_for(20)
    assert now(crew, trade).state is TradeState.CLOSING
    assert alerts(crew, "stuck")
    crew.brokers["alpha"].reopen("EURUSD")
    crew.run_for(90)
    assert now(crew, trade).state is TradeState.CLOSED
    must_agree(crew)
