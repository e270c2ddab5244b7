"""What an open trade is worth: against the formulas, against its mirror, alone and among many."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trades import NOON, a_quote, a_trade

from trading.market import HOUR, Side
from trading.probability import chances
from trading.trade import Trade
from trading.valuation import ValuationsMany, break_even_price, value, value_many

HORIZON = NOON + 8 * HOUR
VARIANCE = 2.5e-5  # sigma is half a per cent


a_trade_somewhere = st.builds(
    lambda side, stop, target, entry: a_trade(
        side,
        stop_price=1.1 * math.exp(-side.sign * stop),
        target_price=None if target is None else 1.1 * math.exp(side.sign * target),
        entry_price=1.1 * math.exp(entry),
    ),
    st.sampled_from(Side),
    st.floats(0.0005, 0.05),
    st.none() | st.floats(0.0005, 0.05),
    st.floats(-0.02, 0.02),
)
a_variance = st.floats(1e-7, 1e-3)


def test_probabilities_are_those_of_the_distances_in_log_price() -> None:
    trade = a_trade(target_price=1.11)
    found = value(trade, a_quote(1.102, 1.1022), variance=VARIANCE, horizon_at=HORIZON, cost=0.0001)
    expected = chances(
        to_target=math.log(1.11 / 1.102),
        to_stop=math.log(1.102 / trade.stop_price),
        variance=VARIANCE,
        to_breakeven=math.log(1.1001 / 1.102),
    )
    assert found is not None
    assert (found.target, found.stop, found.neither, found.profit) == (
        expected.target,
        expected.stop,
        expected.neither,
        expected.profit,
    )
    assert (found.sigma, found.horizon_at) == (math.sqrt(VARIANCE), HORIZON)
    assert found.target + found.stop + found.neither == pytest.approx(1, abs=1e-7)


def test_without_a_drift_holding_on_is_worth_what_closing_is() -> None:
    found = value(a_trade(target_price=1.11), a_quote(1.102), variance=VARIANCE, horizon_at=HORIZON)
    assert found is not None
    assert found.expected_value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("side", Side)
def test_a_drift_counts_in_the_trade_s_direction(side: Side) -> None:
    trade = a_trade(side, target_price=1.1 + side.sign * 0.01)
    worse = value(trade, a_quote(1.1), variance=VARIANCE, horizon_at=HORIZON, drift_sigmas=-0.1)
    better = value(trade, a_quote(1.1), variance=VARIANCE, horizon_at=HORIZON, drift_sigmas=0.1)
    assert worse is not None
    assert better is not None
    assert -0.1 <= worse.expected_value < 0 < better.expected_value <= 0.1
    assert better.expected_price == pytest.approx(better.expected_value * better.sigma * 1.1)
    assert worse.profit < better.profit


def test_a_trade_without_a_target_reaches_none() -> None:
    found = value(a_trade(), a_quote(1.102), variance=VARIANCE, horizon_at=HORIZON)
    assert found is not None
    assert found.target == 0


@given(st.floats(0.0005, 0.05), st.floats(0.0005, 0.05), st.floats(0.05, 1.0), st.floats(-0.01, 0.01), a_variance)
def test_a_nearer_target_makes_a_profit_likelier_and_is_worth_the_same(
    reach: float, stop: float, share: float, gained: float, variance: float
) -> None:
    """Why the probability of profit alone must not be what moves a target."""
    entry = 1.1 * math.exp(-gained)
    far, near = (
        value(
            a_trade(entry_price=entry, stop_price=1.1 * math.exp(-stop), target_price=1.1 * math.exp(distance)),
            a_quote(1.1),
            variance=variance,
            horizon_at=HORIZON,
        )
        for distance in (reach, share * reach)
    )
    assert far is not None
    assert near is not None
    assert near.target >= far.target - 1e-9
    assert near.expected_value == pytest.approx(far.expected_value, abs=1e-9)
    if share * reach > -gained + 1e-6:  # the nearer one is beyond break-even, too
        assert near.profit >= far.profit - 1e-9


def test_costs_are_between_the_entry_and_a_profit() -> None:
    trade = a_trade(target_price=1.11)
    free, dear = (value(trade, a_quote(1.1), variance=VARIANCE, horizon_at=HORIZON, cost=cost) for cost in (0.0, 0.002))
    assert free is not None
    assert dear is not None
    assert free.profit > dear.profit
    assert (free.target, free.expected_value) == (dear.target, dear.expected_value)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("target", [None, 0.01])
@pytest.mark.parametrize("nudge", [-1e-15, 0.0, 1e-15])
def test_a_stop_at_break_even_is_no_profit(side: Side, target: float | None, nudge: float) -> None:
    trade = a_trade(side, stop_price=1.1 + nudge, target_price=None if target is None else 1.1 + side.sign * target)
    found = value(trade, a_quote(1.1 + side.sign * 0.003), variance=VARIANCE, horizon_at=HORIZON)
    assert found is not None
    assert found.profit == pytest.approx(1 - found.stop)
    assert 0.3 < found.stop < 0.7
    columns = many([trade], np.array([1.1 + side.sign * 0.003]), np.array([VARIANCE]))
    assert columns.profit[0] == pytest.approx(found.profit)


@pytest.mark.parametrize("side", Side)
def test_break_even_lies_the_cost_beyond_the_entry(side: Side) -> None:
    assert break_even_price(a_trade(side), 0.001) == pytest.approx(1.1 + side.sign * 0.001)
    assert break_even_price(a_trade(side, entry_price=None, expected_price=1.2)) == 1.2


@pytest.mark.parametrize(
    ("trade", "bid", "variance"),
    [
        (a_trade(), 1.1, 0.0),
        (a_trade(), 1.1, math.nan),
        (a_trade(), 1.1, math.inf),
        (a_trade(), -37.63, VARIANCE),
        (a_trade(stop_price=-30.0), 1.1, VARIANCE),
    ],
)
def test_there_is_no_probability_without_variance_or_without_logarithms(
    trade: Trade, bid: float, variance: float
) -> None:
    assert value(trade, a_quote(bid), variance=variance, horizon_at=HORIZON) is None


@given(a_trade_somewhere, a_variance, st.floats(-0.1, 0.1))
def test_a_mirrored_trade_has_mirrored_prospects(trade: Trade, variance: float, drift: float) -> None:
    mirrored = replace(
        trade,
        side=trade.side.opposite,
        stop_price=1 / trade.stop_price,
        target_price=None if trade.target_price is None else 1 / trade.target_price,
        entry_price=1 / (trade.entry_price or 1.1),
    )
    one = value(trade, a_quote(1.1), variance=variance, horizon_at=HORIZON, drift_sigmas=drift)
    other = value(mirrored, a_quote(1 / 1.1), variance=variance, horizon_at=HORIZON, drift_sigmas=drift)
    assert one is not None
    assert other is not None
    for name in ("target", "stop", "neither", "profit", "expected_value", "sigma"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-9)


@given(st.lists(st.tuples(a_trade_somewhere, a_variance), max_size=6))
def test_many_trades_are_valued_as_each_of_them(rows: list[tuple[Trade, float]]) -> None:
    trades = [trade for trade, _ in rows]
    found = many(trades, np.full(len(rows), 1.1), np.array([variance for _, variance in rows]))
    for index, (trade, variance) in enumerate(rows):
        one = value(trade, a_quote(1.1), variance=variance, horizon_at=HORIZON)
        assert one is not None
        for column in fields(ValuationsMany):
            assert getattr(found, column.name)[index] == pytest.approx(getattr(one, column.name), abs=1e-9)


def test_a_row_that_cannot_be_valued_is_nothing_and_spoils_no_other() -> None:
    trades = [a_trade(target_price=1.11)] * 4
    found = many(trades, np.array([1.1, -1.0, np.nan, 1.1]), np.array([VARIANCE, VARIANCE, VARIANCE, np.nan]))
    for column in fields(ValuationsMany):
        assert np.isnan(getattr(found, column.name)).tolist() == [False, True, True, True], column.name


def many(trades: list[Trade], closing: np.ndarray, variance: np.ndarray) -> ValuationsMany:
    """The trades as columns."""
    return value_many(
        np.array([float(trade.side.sign) for trade in trades]),
        closing,
        np.array([trade.stop_price for trade in trades]),
        np.array([math.nan if trade.target_price is None else trade.target_price for trade in trades]),
        np.array([break_even_price(trade) for trade in trades]),
        variance,
    )
