"""What an account's own results allow: drawdown and its tiers, the day's loss, losses in a row."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trades import NOON, a_quote, a_trade, an_instrument, utc

from trading.market import DAY, HOUR, SECOND, Side, iso
from trading.settings_risk import DrawdownTier, Risk
from trading.standing import (
    ClosedTrade,
    Results,
    Standing,
    account_day,
    floating_profit,
    least_fall,
    lost_fraction,
    pause_end,
    results_of,
    risk_factor,
    verdict,
)

TIERS = Risk().drawdown_tiers
profits = st.lists(st.floats(-500, 500).map(lambda profit: round(profit, 2)), max_size=40)


def closed(*amounts: float, begins: int = NOON) -> list[ClosedTrade]:
    """Trades that brought so much, one an hour."""
    return [ClosedTrade(begins + index * HOUR, index + 1, amount) for index, amount in enumerate(amounts)]


# ------------------------------------------------------------ results


@given(profits)
def test_the_peak_is_the_highest_sum_there_ever_was_and_at_least_nothing(amounts: list[float]) -> None:
    results = results_of(closed(*amounts))
    sums = list(accumulate(amounts, initial=0.0))
    assert (results.realised, results.peak) == (sums[-1], max(sums))


@given(profits)
def test_the_losses_in_a_row_are_those_since_the_last_trade_without_one(amounts: list[float]) -> None:
    in_a_row = 0
    for amount in reversed(amounts):
        if amount >= 0:
            break
        in_a_row += 1
    assert results_of(closed(*amounts)).losses_in_a_row == in_a_row


@given(profits, st.integers(0, 40))
def test_adding_up_may_stop_anywhere_and_go_on(amounts: list[float], at: int) -> None:
    trades = closed(*amounts)
    results = results_of(trades[:at])
    for trade in trades[at:]:
        results = results.including(trade)
    assert results == results_of(trades)


@given(profits, st.integers(0, 40))
def test_what_was_forgiven_counts_for_the_losses_in_a_row_alone(amounts: list[float], at: int) -> None:
    trades = closed(*amounts)
    forgiven_at = trades[at - 1].closed_at if 0 < at <= len(trades) else NOON - 1
    later = [trade for trade in trades if trade.closed_at > forgiven_at]
    results, fresh = results_of(trades, forgiven_at), results_of(later)
    assert (results.realised, results.peak) == (fresh.realised, fresh.peak)
    assert results.losses_in_a_row == results_of(trades).losses_in_a_row


def test_a_trade_that_closed_before_the_others_is_refused_by_name() -> None:
    results = results_of(closed(1.0, 2.0))
    with pytest.raises(ValueError, match="trade 9, closed at 2026-03-04T12:00:00Z, does not come after trade 2"):
        results.including(ClosedTrade(NOON, 9, 1.0))


# ------------------------------------------------------------ drawdown


@pytest.mark.parametrize(
    ("amounts", "floating", "equity", "fraction"),
    [
        ((), 0.0, 10_000.0, 0.0),
        ((-1_000.0,), 0.0, 9_000.0, 0.1),
        ((1_000.0, -1_000.0), 0.0, 10_000.0, 1_000 / 11_000),
        ((1_000.0, -1_000.0), -500.0, 9_500.0, 1_500 / 11_000),
        ((-1_000.0,), 400.0, 9_400.0, 0.06),
        ((-1_000.0,), 1_500.0, 10_500.0, 0.0),
        ((-1_000.0, 2_000.0), 0.0, 11_000.0, 0.0),
        ((-10_000.0,), 0.0, 0.0, 1.0),
        ((-10_000.0,), 0.0, -50.0, 1.0),
    ],
)
def test_the_drawdown_is_what_is_missing_to_the_peak(
    amounts: tuple[float, ...], floating: float, equity: float, fraction: float
) -> None:
    standing = Standing(results_of(closed(*amounts)))
    assert standing.drawdown_fraction({1: floating}, equity) == pytest.approx(fraction)


@given(profits, st.floats(0, 1e6))
def test_paying_in_makes_no_drawdown_and_ends_none(amounts: list[float], deposit: float) -> None:
    standing, equity = Standing(results_of(closed(*amounts))), 30_000 + math.fsum(amounts)
    before, after = standing.drawdown_fraction({}, equity), standing.drawdown_fraction({}, equity + deposit)
    assert after <= before
    assert (after == 0) == (before == 0)


@pytest.mark.parametrize(
    ("fraction", "factor"),
    [(0.0, 1.0), (0.0499, 1.0), (0.05, 0.75), (0.0999, 0.75), (0.1, 0.5), (0.15, 0.25), (0.2, 0.0), (1.0, 0.0)],
)
def test_the_deepest_tier_that_was_reached_counts(fraction: float, factor: float) -> None:
    assert risk_factor(TIERS, fraction) == factor
    assert risk_factor((), fraction) == 1.0


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_deeper_drawdown_never_allows_more(one: float, other: float) -> None:
    assert risk_factor(TIERS, max(one, other)) <= risk_factor(TIERS, min(one, other))


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_lost_fraction_is_a_fraction(loss: float, equity: float) -> None:
    assert 0 <= lost_fraction(loss, equity) <= 1
    assert (lost_fraction(loss, equity) > 0) == (loss > 0)


# ------------------------------------------------------------ the day


def test_a_trade_held_over_the_days_end_counts_from_what_it_stood_at_then() -> None:
    standing = Standing(realised_today=-50.0, carried={1: -200.0, 2: 300.0})
    assert standing.day_result({1: -250.0, 2: 100.0, 3: 10.0}) == pytest.approx(-50 - 50 - 200 + 10)
    assert standing.day_loss_fraction({1: -250.0, 2: 100.0, 3: 10.0}, 9_710.0) == pytest.approx(0.029)


def judged(standing: Standing, floating: float = 0.0, equity: float = 10_000.0, now: int = NOON, **risk: Any) -> Any:
    return verdict(standing, {1: floating}, equity, Risk(**risk), now)


def test_a_day_on_which_the_limit_was_lost_is_lost() -> None:
    standing = Standing(realised_today=-200.0)
    assert not judged(standing, -99.0, 9_701.0).is_day_lost
    assert judged(standing, -100.0, 9_700.0).is_day_lost
    assert not judged(standing, -100.0, 9_700.0, daily_loss_fraction=None).is_day_lost


def test_a_lost_day_stays_lost_until_it_ends_whatever_comes_back() -> None:
    standing = Standing(halted_until=NOON + HOUR)
    assert judged(standing, 500.0).is_day_lost
    assert not judged(standing, 500.0, now=NOON + HOUR).is_day_lost
    assert not judged(standing, 500.0, daily_loss_fraction=None).is_day_lost


@given(
    profits,
    st.floats(-2_000, 2_000),
    st.floats(20_000, 50_000),
    st.floats(-500, 500),
    st.floats(0, 1, exclude_max=True),
)
def test_nothing_is_reached_before_the_floating_result_has_fallen_so_far(
    amounts: list[float], floating: float, equity: float, today: float, part: float
) -> None:
    standing, risk = Standing(results_of(closed(*amounts)), realised_today=today), Risk()
    fall = least_fall(standing, {1: floating}, equity, risk)
    if fall == math.inf:
        return
    now = verdict(standing, {1: floating}, equity, risk, NOON)
    before = verdict(standing, {1: floating - fall * part * 0.999}, equity - fall * part * 0.999, risk, NOON)
    after = verdict(standing, {1: floating - fall * 1.001}, equity - fall * 1.001, risk, NOON)
    assert (before.risk_factor, before.is_day_lost) == (now.risk_factor, now.is_day_lost)
    assert after.risk_factor < now.risk_factor or (after.is_day_lost and not now.is_day_lost)


@pytest.mark.parametrize(
    ("at", "begins", "ends"),
    [
        ("2026-03-04T12:00", "2026-03-03T22:00", "2026-03-04T22:00"),
        ("2026-03-04T21:59:59", "2026-03-03T22:00", "2026-03-04T22:00"),
        ("2026-03-04T22:00", "2026-03-04T22:00", "2026-03-05T22:00"),
        ("2026-03-08T12:00", "2026-03-07T22:00", "2026-03-08T21:00"),  # the clocks go forward in New York
        ("2026-11-01T12:00", "2026-10-31T21:00", "2026-11-01T22:00"),
    ],
)
def test_an_accounts_day_ends_at_five_in_new_york(at: str, begins: str, ends: str) -> None:
    assert [iso(instant) for instant in account_day(utc(at))] == [f"{begins}:00Z", f"{ends}:00Z"]


@given(st.integers(utc("2000-01-01T00:00"), utc("2040-01-01T00:00")))
def test_each_instant_is_in_one_day_and_the_days_join(at: int) -> None:
    begins, ends = account_day(at)
    assert begins <= at < ends
    assert ends - begins in (DAY - HOUR, DAY, DAY + HOUR)
    assert account_day(ends)[0] == ends
    assert account_day(begins - 1)[1] == begins


# ------------------------------------------------------------ losses in a row


def test_losses_in_a_row_pause_from_the_newest_on_and_each_further_one_again() -> None:
    risk = Risk(losses_in_a_row=3, losses_pause_seconds=7_200)
    assert pause_end(results_of(closed(-1.0, -1.0)), risk) is None
    assert pause_end(results_of(closed(-1.0, -1.0, -1.0)), risk) == NOON + 2 * HOUR + 7_200 * SECOND
    assert pause_end(results_of(closed(-1.0, -1.0, -1.0, -1.0)), risk) == NOON + 3 * HOUR + 7_200 * SECOND
    assert pause_end(results_of(closed(-1.0, -1.0, -1.0, 0.0)), risk) is None
    assert pause_end(results_of(closed(*[-1.0] * 9)), Risk(losses_in_a_row=None)) is None


def test_a_pause_ends_at_its_instant() -> None:
    standing = Standing(results_of(closed(-1.0)))
    risk: dict[str, Any] = {"losses_in_a_row": 1, "losses_pause_seconds": 60}
    assert judged(standing, now=NOON + 59_999, **risk).paused_until == NOON + 60_000
    assert judged(standing, now=NOON + 60_000, **risk).paused_until is None


# ------------------------------------------------------------ what is open


@pytest.mark.parametrize("side", Side)
def test_a_floating_profit_is_what_closing_now_would_bring(side: Side) -> None:
    trade = a_trade(side)  # of 0.10 lots at 1.10
    terms = an_instrument(contract_size=50_000.0, commission_per_lot=2.0)
    expected = 0.1 * (side.sign * 0.004 * 50_000 * 0.9 - 4)
    assert floating_profit(trade, terms, 0.9, a_quote(1.104)) == pytest.approx(expected)
    assert floating_profit(trade, terms, 0.9, a_quote(1.1, 1.1002)) == pytest.approx(
        0.1 * ((0 if side is Side.BUY else -10 * 0.9) - 4)
    )


def test_before_the_fill_nothing_floats() -> None:
    assert floating_profit(a_trade(entry_price=None), an_instrument(), 1.0, a_quote(1.2)) == 0.0


# ------------------------------------------------------------ the settings


def tier(depth: float, factor: float) -> DrawdownTier:
    return DrawdownTier(drawdown_fraction=depth, risk_factor=factor)


@pytest.mark.parametrize(
    ("tiers", "words"),
    [
        ((tier(0.1, 0.5), tier(0.05, 0.25)), "drawdown_fraction 0.05 comes after 0.1"),
        ((tier(0.1, 0.5), tier(0.1, 0.25)), "drawdown_fraction 0.1 comes after 0.1"),
        ((tier(0.05, 0.5), tier(0.1, 0.5)), "risk_factor is 0.5 from 0.1 on and 0.5 from 0.05 on"),
        ((tier(0.05, 0.5), tier(0.1, 0.75)), "risk_factor is 0.75 from 0.1 on and 0.5 from 0.05 on"),
    ],
)
def test_tiers_that_do_not_descend_are_refused(tiers: tuple[DrawdownTier, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Risk(drawdown_tiers=tiers)


def test_a_risk_per_trade_above_what_a_group_may_lose_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"risk_per_trade_fraction is 0\.02, above group_risk_fraction, which is 0\.01"
    ):
        Risk(risk_per_trade_fraction=0.02, group_risk_fraction=0.01)
    assert Risk(risk_per_trade_fraction=0.02, group_risk_fraction=None).group_risk_fraction is None


def test_results_begin_with_nothing() -> None:
    assert results_of([]) == Results()
