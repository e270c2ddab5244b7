"""Weighed one by one or in columns, open trades get the same judgements and the same valuations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trades import NOON, a_commodity, a_quote, a_trade, an_analysis

from actors import weighing
from actors.accounts import Market
from actors.tracked import NOT_YET, Tracked
from actors.weighing import Row, Weighed, Weigher
from trading import exit_screen
from trading.analysis import Regime, Strategy
from trading.calendars import build
from trading.exit_memory import PastAdjustment
from trading.exits import Adjust, Close, ExitMemory
from trading.market import DAY, HOUR, MINUTE, Instant, Side
from trading.opinion import Candidate, Opinion
from trading.reading import MarketReading
from trading.settings import Settings
from trading.settings_exits import ExitSettings, switchable
from trading.timetable import Timetable
from trading.trade import Trade
from trading.volatility import VolatilityForecast

COMMODITY = a_commodity()
EVERY_RULE = ExitSettings.model_validate({rule: {"enabled": True} for rule in switchable(ExitSettings())})
MARKET = Market(
    Settings(exits=EVERY_RULE),
    {"EURUSD": COMMODITY},
    Timetable({"EURUSD": build(COMMODITY, NOON - 30 * DAY, NOON + 400 * DAY)}),
)
NOW = NOON + 2 * HOUR
HOURLY_VARIANCE = 0.005**2 / 24

TRADES = st.tuples(
    st.sampled_from(Side),
    st.sampled_from(Strategy),
    st.floats(0.002, 0.02),
    st.none() | st.floats(0.001, 0.03),
    st.booleans(),
    st.integers(1, 60),
)
READINGS = st.tuples(
    st.floats(0.02, 4.0),  # times the usual variance
    st.lists(st.tuples(st.sampled_from(Strategy), st.sampled_from(Side), st.floats(50, 90)), max_size=3),
    st.none() | st.floats(1.08, 1.12),
    st.floats(0.1, 0.7),
)


def a_reading(
    at: Instant,
    times: float,
    candidates: list[tuple[Strategy, Side, float]],
    mean_price: float | None,
    uncertainty: float,
) -> MarketReading:
    forecast = VolatilityForecast(at, times * HOURLY_VARIANCE, np.ones(24), uncertainty)
    found = tuple(Candidate(name, side, 0.8, 0.8, 0.8, 0.5, reached, 65.0, ()) for name, side, reached in candidates)
    opinion = Opinion(index=0, regime=Regime.TREND, candidates=found, barred=(), sentiment=None)
    return MarketReading("EURUSD", at, 3600, opinion, forecast, 0.005, mean_price)


def open_trades(rows: list[tuple[Side, Strategy, float, float | None, bool, int]]) -> list[Trade]:
    return [
        a_trade(
            side,
            trade_id=number,
            strategy=strategy,
            stop_distance=stop,
            stop_price=1.1 - side.sign * stop,
            target_price=None if target is None else 1.1 + side.sign * target,
            trailing_distance=stop if trails else None,
            time_stop_at=NOON + hold * HOUR,
        )
        for number, (side, strategy, stop, target, trails, hold) in enumerate(rows, 1)
    ]


def weighed(
    trades: list[Trade], bids: list[float], readings: list[Any], signal: Any, memory: ExitMemory, *, few: int
) -> tuple[list[Weighed], list[Trade]]:
    """What comes of two bars, one after the other, and of which trades judging failed."""
    failed: list[Trade] = []
    weigher = Weigher(MARKET)
    if signal is not None:
        weigher.signals["EURUSD"] = signal
    tracked = [Tracked(trade, memory) for trade in trades]
    found: list[Weighed] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weighing, "FEW", few)
        for step, (bid, given_reading) in enumerate(zip(bids, readings, strict=True)):
            at = NOW + step * HOUR
            weigher.readings["EURUSD"] = a_reading(at, *given_reading)
            rows: list[Row] = [(one, a_quote(bid, bid + 0.0001, at)) for one in tracked]
            found += weigher.weigh(rows, at, lambda trade: 0.00007, lambda trade, _: failed.append(trade))
    return found, failed


@given(
    trades=st.lists(TRADES, min_size=1, max_size=6),
    bids=st.tuples(st.floats(1.085, 1.115), st.floats(1.085, 1.115)),
    readings=st.tuples(READINGS, READINGS),
    signal=st.none() | st.builds(an_analysis, st.sampled_from(Side), st.just(NOW - MINUTE)),
    adjusted_at=st.none() | st.integers(NOON - 5 * HOUR, NOON + HOUR),
)
def test_columns_say_what_is_said_one_by_one(
    trades: Any, bids: Any, readings: Any, signal: Any, adjusted_at: Instant | None
) -> None:
    made, memory = open_trades(trades), ExitMemory(adjusted_at=adjusted_at, unsuited_bars=2)
    single, failed = weighed(made, bids, readings, signal, memory, few=1_000)
    columns, failed_too = weighed(made, bids, readings, signal, memory, few=0)
    assert failed == failed_too == []
    assert len(single) == len(columns)
    for one, other in zip(single, columns, strict=True):
        assert one.tracked.trade == other.tracked.trade
        assert one.judgement == other.judgement
        if one.valuation is None or other.valuation is None:
            assert one.valuation is other.valuation
            continue
        assert one.valuation.horizon_at == other.valuation.horizon_at
        for name in ("target", "stop", "neither", "profit", "expected_value", "sigma"):
            # A row of columns and a single figure agree to about nine digits.
            assert getattr(one.valuation, name) == pytest.approx(getattr(other.valuation, name), abs=1e-8), name


@pytest.mark.parametrize("few", [0, 1_000])
def test_a_trade_is_valued_once_for_each_bar(few: int) -> None:
    usual = (1.0, [(Strategy.DAY, Side.BUY, 90.0)], None, 0.7)
    weigher, tracked = Weigher(MARKET), Tracked(a_trade(target_price=1.12), ExitMemory())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weighing, "FEW", few)
        valued = []
        for minutes, bar in ((0, 0), (10, 0), (60, 60), (70, 60)):
            at = NOW + minutes * MINUTE
            weigher.readings["EURUSD"] = a_reading(NOW + bar * MINUTE, *usual)
            row = tracked, a_quote(1.1, 1.1001, at)
            valued.append(len(weigher.weigh([row], at, lambda _: 0.0, _must_not_fail)))
    assert valued == [1, 0, 1, 0]


@pytest.mark.parametrize("few", [0, 1_000])
def test_a_trade_on_which_judging_fails_leaves_the_others_judged(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighing, "FEW", few)
    weigher = Weigher(MARKET)
    good = Tracked(a_trade(trade_id=1, stop_price=1.099, stop_distance=0.001), ExitMemory())
    bad = Tracked(a_trade(trade_id=2, platform="nobody's", closes_at_day_end=True), ExitMemory())
    rows: list[Row] = [(bad, a_quote(1.098, 1.0981, NOW)), (good, a_quote(1.098, 1.0981, NOW))]
    failed: list[int] = []
    found = weigher.weigh(rows, NOW, lambda _: 0.0, lambda trade, _: failed.append(trade.trade_id))
    assert failed == [2], "its account is in no settings, so nobody knows when its day is closed"
    assert [type(one.judgement.decision) for one in found] == [Close]


@pytest.mark.parametrize("broken", ["value_many", "may_speak"])
def test_columns_that_fail_are_judged_one_by_one(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(*arguments: object, **named: object) -> None:
        raise ValueError("row 0 is NaN")

    monkeypatch.setattr(weighing, "FEW", 0)
    monkeypatch.setattr(weighing if broken == "value_many" else exit_screen, broken, defect)
    weigher, tracked = Weigher(MARKET), Tracked(a_trade(target_price=1.12), ExitMemory())
    weigher.readings["EURUSD"] = a_reading(NOW, 1.0, [(Strategy.DAY, Side.BUY, 90.0)], None, 0.7)
    (found,) = weigher.weigh([(tracked, a_quote(1.1, 1.1001, NOW))], NOW, lambda _: 0.0, _must_not_fail)
    assert found.valuation is not None


def test_a_valuation_that_fails_is_told_and_the_trade_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(*arguments: object, **named: object) -> None:
        raise ValueError("variance is NaN")

    monkeypatch.setattr(weighing, "value", defect)
    weigher, tracked = Weigher(MARKET), Tracked(a_trade(), ExitMemory())
    weigher.readings["EURUSD"] = a_reading(NOW, 1.0, [(Strategy.DAY, Side.BUY, 90.0)], None, 0.7)
    failed: list[int] = []
    row = tracked, a_quote(1.05, 1.0501, NOW)
    (found,) = weigher.weigh([row], NOW, lambda _: 0.0, lambda trade, _: failed.append(trade.trade_id))
    assert failed == [1]
    assert isinstance(found.judgement.decision, Close)


@pytest.mark.parametrize("few", [0, 1_000])
def test_nothing_is_said_on_a_quote_that_may_not_be_acted_upon(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighing, "FEW", few)
    weigher = Weigher(MARKET)
    weigher.readings["EURUSD"] = a_reading(NOW, 1.0, [], None, 0.7)
    quotes = [a_quote(1.0, 1.0001, NOW - 61_000), a_quote(1.2, 1.1, NOW), a_quote(float("nan"), 1.1, NOW)]
    rows: list[Row] = [(Tracked(a_trade(trade_id=n), ExitMemory()), quote) for n, quote in enumerate(quotes, 1)]
    assert weigher.weigh(rows, NOW, lambda _: 0.0, _must_not_fail) == []


def test_an_adjustment_that_was_written_is_remembered_and_one_that_was_lost_is_asked_for_again() -> None:
    weigher = Weigher(MARKET)
    weigher.readings["EURUSD"] = a_reading(NOW, 1.0, [(Strategy.DAY, Side.BUY, 90.0)], None, 0.7)
    tracked = Tracked(a_trade(), ExitMemory())
    row = tracked, a_quote(1.105, 1.1051, NOW)
    (first,) = weigher.weigh([row], NOW, lambda _: 0.0, _must_not_fail)
    (again,) = weigher.weigh([row], NOW, lambda _: 0.0, _must_not_fail)
    assert first.judgement.rule == "break_even"
    assert again.judgement == first.judgement
    change = first.judgement.decision
    assert isinstance(change, Adjust)
    written = PastAdjustment(NOW, "break_even", None, None, False, None, None)
    tracked.is_now(replace(tracked.trade, stop_price=change.stop_price), (written,))
    assert tracked.memory.adjusted_at == NOW
    assert weigher.weigh([(tracked, row[1])], NOW, lambda _: 0.0, _must_not_fail) == []


def test_what_is_remembered_is_what_was_written_and_not_what_was_asked_for_meanwhile() -> None:
    first = PastAdjustment(NOW, "rescale", 1.12, 1.115, False, 0.004, NOW + DAY)
    second = PastAdjustment(NOW + HOUR, "regime_switch", 1.115, 1.11, True, 0.003, NOW + DAY)
    watched = Tracked.of(a_trade(target_price=1.12), ())
    watched.is_now(a_trade(target_price=1.115), (first,))
    watched.is_now(a_trade(target_price=1.115), (first,))  # told again, as after a reload
    watched.is_now(a_trade(target_price=1.11), (first, second))
    begun_anew = Tracked.of(a_trade(target_price=1.11), (first, second))
    assert watched.memory == begun_anew.memory
    assert watched.memory.given_up == ((NOW, 1.12), (NOW + HOUR, 1.115))


def test_the_cost_is_worked_out_again_when_the_accounts_terms_become_known() -> None:
    weigher, tracked = Weigher(MARKET), Tracked.of(a_trade(), ())
    weigher.readings["EURUSD"] = a_reading(NOW, 1.0, [(Strategy.DAY, Side.BUY, 90.0)], None, 0.7)
    row = tracked, a_quote(1.1, 1.1001, NOW)
    weigher.weigh([row], NOW, lambda _: 0.0, _must_not_fail)
    weigher.weigh([row], NOW, lambda _: 0.00007, _must_not_fail)
    assert tracked.cost == 0.0, "once for each bar"
    tracked.costed_at = NOT_YET
    weigher.weigh([row], NOW, lambda _: 0.00007, _must_not_fail)
    assert tracked.cost == 0.00007


def _must_not_fail(trade: Trade, fault: Exception) -> None:
    raise AssertionError(f"trade {trade.trade_id}: {fault}")
