"""When an open trade is closed, when its stop follows, and that a stop never widens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trades import NOON, a_commodity, a_quote, a_trade, an_analysis

from trading.analysis import Analysis
from trading.exits import (
    HOLD,
    STOP,
    TARGET,
    TRAILING_STEP,
    Adjust,
    Close,
    Decision,
    ExitRules,
    Hold,
    exit_rules,
    guard,
    guard_many,
    judge,
    levels,
    tightened,
    trail,
)
from trading.market import HOUR, MINUTE, SECOND, Instant, Quote, Side
from trading.quotes import usable_many
from trading.settings import Settings
from trading.trade import CloseReason, Trade, TradeState

RULES = exit_rules(Settings(), a_commodity())
BOTH_SIDES = pytest.mark.parametrize("side", Side)


def quoted(side: Side, closing_price: float, spread: float = 0.0001, **changes: Any) -> Quote:
    """A quote at which a position of this side would close at ``closing_price``."""
    if side is Side.BUY:
        return a_quote(closing_price, closing_price + spread, **changes)
    return a_quote(closing_price - spread, closing_price, **changes)


def with_target(side: Side, **changes: Any) -> Trade:
    """Entered at 1.10, stop 0.01 against it, target 0.02 with it."""
    return a_trade(side, target_price=1.1 + side.sign * 0.02, **changes)


def decided(
    trade: Trade, quote: Quote, now: Instant, rules: ExitRules, *, opposite: Analysis | None = None
) -> Decision:
    """What is done with the trade where nothing is known of its market."""
    return judge(trade, quote, now=now, rules=rules, horizon_at=trade.time_stop_at, signal=opposite).decision


def trailing(side: Side, **changes: Any) -> Trade:
    """Entered at 1.10, its stop trailing at 0.01."""
    return a_trade(side, trailing_distance=0.01, **changes)


def test_exit_rules_come_from_the_settings_and_the_commodity() -> None:
    settings = Settings(quote_max_age_seconds=5, analysis_max_age_seconds=7, opposite_signal_closes=False)
    rules = exit_rules(settings, a_commodity(may_be_negative=True))
    assert rules == ExitRules(5.0, 7.0, False, True, 1e-5, settings.exits, settings.strategies)


@BOTH_SIDES
@pytest.mark.parametrize(
    ("gained", "reason"),
    [
        (-0.05, CloseReason.STOP),
        (-0.01, CloseReason.STOP),
        (-0.00999, None),
        (0.0, None),
        (0.01999, None),
        (0.02, CloseReason.TARGET),
        (0.05, CloseReason.TARGET),
    ],
)
def test_stop_and_target_are_hit_by_touching_and_closed_at_their_own_level(
    side: Side, gained: float, reason: CloseReason | None
) -> None:
    decision = guard(with_target(side), quoted(side, 1.1 + side.sign * gained), NOON, RULES)
    if reason is None:
        assert decision == Hold()
    else:
        level = -0.01 if reason is CloseReason.STOP else 0.02
        assert decision == Close(reason, 1.1 + side.sign * level)


@BOTH_SIDES
def test_the_price_that_closing_gets_is_judged_and_not_the_other_one(side: Side) -> None:
    """A spread wide enough for the opening price to lie beyond a level triggers nothing."""
    trade = with_target(side)
    assert guard(trade, quoted(side, 1.1, spread=0.03), NOON, RULES) == Hold()


@BOTH_SIDES
def test_the_stop_goes_before_the_target(side: Side) -> None:
    """Both can only be reached when they cross; then the worse of the two is believed."""
    crossed = a_trade(side, stop_distance=0.0, stop_price=1.1, target_price=1.1)
    assert guard(crossed, quoted(side, 1.1), NOON, RULES) == Close(CloseReason.STOP, 1.1)
    assert guard_many(levels([crossed]), np.array([1.1]), np.array([1.1]), np.array([True])).tolist() == [STOP]


@BOTH_SIDES
def test_a_stop_that_had_moved_is_a_trailing_stop(side: Side) -> None:
    trade = trailing(side, stop_price=1.1 + side.sign * 0.005)
    decision = guard(trade, quoted(side, 1.1), NOON, RULES)
    assert decision == Close(CloseReason.TRAILING_STOP, 1.1 + side.sign * 0.005)


def test_many_positions_are_each_judged_on_what_their_own_side_gets() -> None:
    trades = [with_target(side) for side in Side for _ in range(3)]
    bid = np.array([1.09, 1.0901, 1.12, 1.109, 1.1099, 1.08 - 0.0001])
    ask = np.array([1.095, 1.095, 1.13, 1.11, 1.1099, 1.08])
    codes = guard_many(levels(trades), bid, ask, np.ones(6, dtype=np.bool_))
    assert codes.tolist() == [STOP, HOLD, TARGET, STOP, HOLD, TARGET]
    assert guard_many(levels(trades), bid, ask, np.zeros(6, dtype=np.bool_)).tolist() == [HOLD] * 6


BAD_QUOTES = [
    ("NaN", a_quote(float("nan"), 1.1)),
    ("infinite", a_quote(0.5, float("inf"))),
    ("crossed", a_quote(2.0, 0.5)),
    ("zero", a_quote(0.0, 0.5)),
    ("negative", a_quote(-1.0, 0.5)),
    ("stale", a_quote(0.5, 0.5, NOON - 61 * SECOND)),
    ("another commodity's", a_quote(0.5, 0.5, commodity="GBPUSD")),
]


@BOTH_SIDES
@pytest.mark.parametrize("quote", [quote for _, quote in BAD_QUOTES], ids=[name for name, _ in BAD_QUOTES])
def test_a_bad_quote_never_triggers_anything(side: Side, quote: Quote) -> None:
    trade = trailing(side, target_price=1.1 + side.sign * 0.02, time_stop_at=NOON - 1)
    opposite = an_analysis(side.opposite, NOON + 1)
    for one in (quote, replace(quote, bid=quote.bid * 3, ask=quote.ask * 3)):
        assert guard(trade, one, NOON, RULES) == Hold()
        assert trail(trade, one, NOON, RULES) == Hold()
        assert decided(trade, one, NOON, RULES, opposite=opposite) == Hold()


def test_a_negative_price_counts_where_the_commodity_allows_it() -> None:
    oil = a_trade(stop_price=-30.0, entry_price=-20.0, stop_distance=10.0)
    quote = a_quote(-37.63, -37.0)
    assert guard(oil, quote, NOON, RULES) == Hold()
    assert guard(oil, quote, NOON, replace(RULES, may_be_negative=True)) == Close(CloseReason.STOP, -30.0)


@pytest.mark.parametrize("state", [state for state in TradeState if state is not TradeState.OPEN])
def test_only_an_open_trade_is_judged(state: TradeState) -> None:
    trade = trailing(Side.BUY, state=state, time_stop_at=NOON - 1)
    for price in (0.9, 1.3):
        assert decided(trade, quoted(Side.BUY, price), NOON, RULES) == Hold()
        assert guard(trade, quoted(Side.BUY, price), NOON, RULES) == Hold()
    assert guard_many(levels([trade]), np.array([0.9]), np.array([0.9]), np.array([True])).tolist() == [HOLD]


@BOTH_SIDES
def test_the_time_stop_closes_at_the_current_closing_price_from_its_instant_on(side: Side) -> None:
    trade = a_trade(side, time_stop_at=NOON + 48 * HOUR)
    for early_by, expected in ((1, Hold()), (0, Close(CloseReason.TIME_STOP, 1.101))):
        now = NOON + 48 * HOUR - early_by
        assert decided(trade, quoted(side, 1.101, time=now), now, RULES) == expected


@BOTH_SIDES
def test_an_opposite_signal_closes(side: Side) -> None:
    trade, now = a_trade(side), NOON + HOUR
    quote = quoted(side, 1.101, time=now)
    opposite = an_analysis(side.opposite, now - MINUTE)
    assert decided(trade, quote, now, RULES, opposite=opposite) == Close(CloseReason.OPPOSITE_SIGNAL, 1.101)
    assert decided(trade, quote, now, replace(RULES, opposite_signal_closes=False), opposite=opposite) == Hold()


@BOTH_SIDES
def test_an_analysis_of_the_same_side_or_another_commodity_or_too_old_closes_nothing(side: Side) -> None:
    trade, now = a_trade(side), NOON + HOUR
    for analysis in (
        an_analysis(side, now),
        an_analysis(side.opposite, now, commodity="GBPUSD"),
        an_analysis(side.opposite, now - 300 * SECOND - 1),
    ):
        assert decided(trade, quoted(side, 1.1, time=now), now, RULES, opposite=analysis) == Hold()


def test_an_analysis_older_than_the_trade_does_not_contradict_it() -> None:
    trade = a_trade(Side.BUY)
    before = an_analysis(Side.SELL, trade.submitted_at)
    assert decided(trade, quoted(Side.BUY, 1.1), NOON, RULES, opposite=before) == Hold()


@BOTH_SIDES
def test_the_stop_is_asked_before_time_and_signal_and_these_before_trailing(side: Side) -> None:
    trade = trailing(side, time_stop_at=NOON)
    opposite = an_analysis(side.opposite, NOON + 1)
    with_trade, against_trade = quoted(side, 1.1 + side.sign * 0.05), quoted(side, 1.1 - side.sign * 0.05)

    def reason(quote: Quote, trade: Trade) -> CloseReason | None:
        decision = decided(trade, quote, NOON + 1, RULES, opposite=opposite)
        return decision.reason if isinstance(decision, Close) else None

    assert reason(against_trade, trade) is CloseReason.STOP
    assert reason(with_trade, trade) is CloseReason.TIME_STOP
    later = replace(trade, time_stop_at=NOON + HOUR)
    assert reason(with_trade, later) is CloseReason.OPPOSITE_SIGNAL
    assert isinstance(decided(later, with_trade, NOON, RULES), Adjust)


@BOTH_SIDES
def test_a_trailing_stop_follows_at_its_distance_behind_the_closing_price(side: Side) -> None:
    trade = trailing(side, target_price=None)
    decision = decided(trade, quoted(side, 1.1 + side.sign * 0.004), NOON, RULES)
    assert isinstance(decision, Adjust)
    assert decision.stop_price == pytest.approx(1.1 - side.sign * 0.006)
    assert (decision.target_price, decision.reason) == (None, "trailing")


@BOTH_SIDES
def test_a_trailing_stop_moves_in_steps_and_not_with_every_tick(side: Side) -> None:
    trade, step = trailing(side), TRAILING_STEP * 0.01
    writes = 0
    for tick in range(1, 101):
        decision = trail(trade, quoted(side, 1.1 + side.sign * tick * 0.0001), NOON, RULES)
        if isinstance(decision, Adjust):
            assert side.sign * (decision.stop_price - trade.stop_price) >= step
            trade = replace(trade, stop_price=decision.stop_price)
            writes += 1
    assert 9 <= writes <= 10
    assert side.sign * (1.1 - trade.stop_price) < step


def test_a_step_is_never_less_than_a_point() -> None:
    narrow = a_trade(Side.BUY, trailing_distance=0.00005, stop_price=1.09995, stop_distance=0.00005)
    assert trail(narrow, quoted(Side.BUY, 1.100008), NOON, RULES) == Hold()
    assert isinstance(trail(narrow, quoted(Side.BUY, 1.100012), NOON, RULES), Adjust)


@BOTH_SIDES
def test_a_price_that_falls_back_leaves_the_trailing_stop_where_it_was(side: Side) -> None:
    trade = trailing(side, stop_price=1.1 + side.sign * 0.01)
    assert decided(trade, quoted(side, 1.1 + side.sign * 0.011), NOON, RULES) == Hold()


@BOTH_SIDES
def test_a_trade_that_does_not_trail_keeps_its_stop(side: Side) -> None:
    assert decided(a_trade(side), quoted(side, 1.1 + side.sign * 0.05), NOON, RULES) == Hold()


@BOTH_SIDES
@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), float("-inf")])
def test_a_stop_that_is_no_number_leaves_the_one_in_force(side: Side, nonsense: float) -> None:
    assert tightened(a_trade(side), nonsense) == a_trade(side).stop_price


a_price = st.floats(0.5, 2.0)


@given(st.sampled_from(Side), a_price)
def test_a_new_stop_is_never_wider_than_the_one_in_force(side: Side, stop_price: float) -> None:
    trade = a_trade(side)
    new = tightened(trade, stop_price)
    assert side.sign * (new - trade.stop_price) >= 0
    assert new in (trade.stop_price, stop_price)


@given(
    side=st.sampled_from(Side),
    distance=st.floats(1e-5, 0.5),
    quotes=st.lists(st.tuples(a_price, st.floats(0, 0.01), st.integers(-90, 30)), max_size=30),
)
def test_no_run_of_quotes_ever_widens_a_stop(
    side: Side, distance: float, quotes: list[tuple[float, float, int]]
) -> None:
    trade = a_trade(side, trailing_distance=distance, stop_distance=distance, stop_price=1.1 - side.sign * distance)
    best = 1.1
    for bid, spread, age_seconds in quotes:
        quote = a_quote(bid, bid + spread, NOON + age_seconds * SECOND)
        decision = decided(trade, quote, NOON, RULES)
        if isinstance(decision, Close):
            break
        if age_seconds >= -60:
            best = side.sign * max(side.sign * best, side.sign * quote.closing_price(side))
        if isinstance(decision, Adjust):
            assert side.sign * (decision.stop_price - trade.stop_price) > 0
            trade = replace(trade, stop_price=decision.stop_price)
        lag = side.sign * (best - trade.stop_price)
        assert lag <= distance + max(TRAILING_STEP * distance, RULES.point) + 1e-9


a_level = st.one_of(st.none(), st.floats(0.9, 1.3))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Side),
            st.floats(0.9, 1.3),
            a_level,
            st.one_of(st.floats(0.8, 1.4), st.sampled_from([float("nan"), float("inf"), 0.0, -1.0])),
            st.floats(-0.001, 0.01),
            st.integers(-120, 10),
            st.sampled_from([TradeState.OPEN, TradeState.CLOSING]),
        ),
        max_size=8,
    )
)
def test_many_positions_at_once_are_guarded_as_each_of_them(
    rows: list[tuple[Side, float, float | None, float, float, int, TradeState]],
) -> None:
    trades = [a_trade(side, stop_price=stop, target_price=target, state=s) for side, stop, target, _, _, _, s in rows]
    quotes = [a_quote(bid, bid + spread, NOON + age * SECOND) for _, _, _, bid, spread, age, _ in rows]
    bid, ask = np.array([quote.bid for quote in quotes]), np.array([quote.ask for quote in quotes])
    usable = usable_many(bid, ask, np.array([quote.time for quote in quotes], dtype=np.int64), NOON, 60.0)
    codes = guard_many(levels(trades), bid, ask, usable)

    def code(trade: Trade, quote: Quote) -> int:
        decision = guard(trade, quote, NOON, RULES)
        if isinstance(decision, Hold):
            return HOLD
        return TARGET if decision.reason is CloseReason.TARGET else STOP

    assert codes.tolist() == [code(trade, quote) for trade, quote in zip(trades, quotes, strict=True)]
