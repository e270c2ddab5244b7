"""Profit taken before the day ends and before the weekend: when a rule is due, and what it closes."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trades import NOON, a_bitcoin, a_commodity, a_trade, an_instrument, utc

from trading.calendars import build
from trading.closings import (
    ClosingJob,
    due_jobs,
    in_preclose_window,
    job_key,
    minutes_before,
    net_profit,
    window_of_day,
)
from trading.market import DAY, HOUR, MINUTE, SECOND, Deal, Entry, Instant, Position, Side
from trading.settings import Settings
from trading.settings_accounts import AccountSettings
from trading.settings_hours import Hours
from trading.trade import CloseReason, Trade, TradeState

FX = build(a_commodity(), utc("2025-01-01T00:00"), utc("2027-01-01T00:00"))
CRYPTO = build(a_bitcoin(), FX.first, FX.last)
WEDNESDAY_END, FRIDAY_END = utc("2026-03-04T22:00"), utc("2026-03-06T22:00")
QUARTER = 15 * MINUTE


def due(at: Instant, account: str = "alpha", **settings: Any) -> tuple[ClosingJob, ...]:
    """What is due on EURUSD."""
    return due_jobs(FX, Settings(**settings), commodity="EURUSD", account=account, at=at)


def closed(jobs: tuple[ClosingJob, ...], trades: list[tuple[Trade, float]]) -> dict[int, CloseReason]:
    """The trades that are closed, and the first rule that closes each."""
    found = {trade.trade_id: [job.rule for job in jobs if job.closes(trade, profit)] for trade, profit in trades}
    return {trade_id: rules[0] for trade_id, rules in found.items() if rules}


def rules(jobs: tuple[ClosingJob, ...]) -> list[CloseReason]:
    return [job.rule for job in jobs]


def test_the_window_runs_from_the_effective_close_up_to_the_end_of_the_day() -> None:
    window = window_of_day(FX, 15, WEDNESDAY_END - HOUR)
    assert window is not None
    assert (window.starts_at, window.ends_at) == (WEDNESDAY_END - QUARTER, WEDNESDAY_END)
    assert window.trading_date == date(2026, 3, 4)
    assert not window.ends_week
    assert [at in window for at in (window.starts_at, window.ends_at - 1, window.ends_at)] == [True, True, False]
    assert [in_preclose_window(FX, 15, WEDNESDAY_END - QUARTER + step) for step in (-1, 0)] == [False, True]
    assert [in_preclose_window(FX, 15, WEDNESDAY_END + step) for step in (-1, 0)] == [True, False]


def test_there_is_no_window_while_the_market_is_shut() -> None:
    assert window_of_day(FX, 15, FRIDAY_END) is None
    assert not in_preclose_window(FX, 15, FRIDAY_END + 12 * HOUR)
    assert due(FRIDAY_END) == ()


def test_an_account_may_take_its_profit_earlier() -> None:
    accounts = [
        AccountSettings(name="alpha", symbols={"EURUSD": "EURUSD"}, auto_close_minutes_before=60),
        AccountSettings(name="beta", symbols={"EURUSD": "EURUSD"}),
    ]
    at = WEDNESDAY_END - 45 * MINUTE
    assert rules(due(at, "alpha", accounts=accounts)) == [CloseReason.DAY_END]
    assert due(at, "beta", accounts=accounts) == ()
    assert due(at, "beta", accounts=accounts, auto_close_minutes_before=45) != ()


@pytest.mark.parametrize(
    ("hours_of_account", "of_account", "hours_of_commodity", "expected"),
    [(90, 60, 45, 90), (None, 60, 45, 60), (None, None, 45, 45), (None, None, None, 20)],
)
def test_the_buffer_is_that_of_whoever_says_it_most_closely(
    hours_of_account: int | None, of_account: int | None, hours_of_commodity: int | None, expected: int
) -> None:
    alpha = AccountSettings(
        name="alpha",
        symbols={"EURUSD": "EURUSD"},
        auto_close_minutes_before=of_account,
        hours={"EURUSD": Hours(auto_close_minutes_before=hours_of_account)},
    )
    settings = Settings(accounts=(alpha,), auto_close_minutes_before=20)
    commodity = a_commodity(hours={"auto_close_minutes_before": hours_of_commodity})
    times = build(commodity, FX.first, FX.last, hours=[alpha.hours["EURUSD"]])
    assert minutes_before(settings, times, "alpha", "EURUSD") == expected
    (job,) = due_jobs(times, settings, commodity="EURUSD", account="alpha", at=WEDNESDAY_END - 1)
    assert job.window.starts_at == WEDNESDAY_END - expected * MINUTE


def test_nothing_is_still_due_at_midnight() -> None:
    for at in range(WEDNESDAY_END, WEDNESDAY_END + DAY - QUARTER, MINUTE):
        assert due(at) == ()


def test_the_closing_tick_of_an_hourly_bar_lies_in_the_window() -> None:
    last_bar_opens = WEDNESDAY_END - HOUR
    assert due(last_bar_opens + 40 * MINUTE) == ()
    assert rules(due(last_bar_opens + HOUR - SECOND)) == [CloseReason.DAY_END]


def test_every_instant_of_one_window_names_the_same_keys() -> None:
    keys = {tuple(job.key for job in due(at)) for at in range(FRIDAY_END - QUARTER, FRIDAY_END, 7 * SECOND)}
    assert keys == {("friday:EURUSD:alpha:2026-03-06", "day_end:EURUSD:alpha:2026-03-06")}


@given(st.integers(FX.first, FX.last))
def test_a_rule_is_due_only_shortly_before_the_end_of_its_own_date(at: Instant) -> None:
    for job in due(at):
        day_end = FX.day_end(at)
        assert day_end is not None
        assert 0 < day_end - at <= QUARTER
        assert job.key == job_key(job.rule, "EURUSD", "alpha", FX.trading_date(at))


def test_keys_tell_rules_commodities_accounts_and_dates_apart() -> None:
    keys = {
        job_key(rule, commodity, account, day)
        for rule in (CloseReason.DAY_END, CloseReason.FRIDAY)
        for commodity in ("EURUSD", "GOLD")
        for account in ("alpha", "beta")
        for day in (date(2026, 3, 4), date(2026, 3, 5))
    }
    assert len(keys) == 16


@pytest.mark.parametrize(
    ("daily", "profitable_friday", "all_friday", "expected"),
    [
        (True, True, False, [(CloseReason.FRIDAY, True, True), (CloseReason.DAY_END, False, True)]),
        (True, True, True, [(CloseReason.FRIDAY, True, False), (CloseReason.DAY_END, False, True)]),
        (False, False, True, [(CloseReason.FRIDAY, True, False)]),
        (True, False, False, [(CloseReason.DAY_END, False, True)]),
        (False, False, False, []),
    ],
)
def test_on_friday_the_friday_rule_goes_before_the_day_end_rule(
    daily: bool, profitable_friday: bool, all_friday: bool, expected: list[tuple[CloseReason, bool, bool]]
) -> None:
    jobs = due(
        FRIDAY_END - MINUTE,
        auto_close_profitable_daily=daily,
        auto_close_profitable_friday=profitable_friday,
        auto_close_all_friday=all_friday,
    )
    assert [(job.rule, job.every_strategy, job.only_profitable) for job in jobs] == expected


def test_the_friday_rule_is_due_on_a_thursday_that_ends_the_week() -> None:
    assert rules(due(utc("2026-12-24T21:50"))) == [CloseReason.FRIDAY, CloseReason.DAY_END]


def test_crypto_has_a_day_end_and_no_friday() -> None:
    at = FRIDAY_END - MINUTE
    jobs = due_jobs(CRYPTO, Settings(auto_close_all_friday=True), commodity="BITCOIN", account="alpha", at=at)
    assert rules(jobs) == [CloseReason.DAY_END]
    jobs = due_jobs(CRYPTO, Settings(), commodity="BITCOIN", account="alpha", at=at + DAY)
    assert [job.key for job in jobs] == ["day_end:BITCOIN:alpha:2026-03-07"]


def test_the_day_end_closes_profitable_trades_whose_strategy_ends_with_the_day() -> None:
    jobs = due(WEDNESDAY_END - MINUTE)
    trades = [
        (a_trade(trade_id=1), 12.5),
        (a_trade(trade_id=2), 0.0),
        (a_trade(trade_id=3), -1.0),
        (a_trade(trade_id=4), math.nan),
        (a_trade(trade_id=5, closes_at_day_end=False), 12.5),
    ]
    assert closed(jobs, trades) == {1: CloseReason.DAY_END}
    assert jobs[0].key == "day_end:EURUSD:alpha:2026-03-04"


@pytest.mark.parametrize(("close_all", "expected"), [(False, [1, 3]), (True, [1, 2, 3, 4])])
def test_friday_closes_every_strategy_and_on_request_every_trade(close_all: bool, expected: list[int]) -> None:
    jobs = due(FRIDAY_END - MINUTE, auto_close_all_friday=close_all)
    trades = [
        (a_trade(trade_id=1), 12.5),
        (a_trade(trade_id=2), -12.5),
        (a_trade(trade_id=3, closes_at_day_end=False), 0.01),
        (a_trade(trade_id=4, closes_at_day_end=False), math.nan),
    ]
    assert closed(jobs, trades) == dict.fromkeys(expected, CloseReason.FRIDAY)


@pytest.mark.parametrize("state", [state for state in TradeState if state is not TradeState.OPEN])
def test_only_open_trades_are_closed(state: TradeState) -> None:
    assert closed(due(FRIDAY_END - MINUTE, auto_close_all_friday=True), [(a_trade(state=state), 5.0)]) == {}


def test_a_job_leaves_other_accounts_and_other_commodities_alone() -> None:
    jobs = due(FRIDAY_END - MINUTE, auto_close_all_friday=True)
    assert closed(jobs, [(a_trade(platform="beta"), 5.0), (a_trade(commodity="GOLD"), 5.0)]) == {}


def a_position(profit: float, swap: float = 0.0) -> Position:
    return Position(11, 11, (7 << 32) + 1, "EURUSD", Side.BUY, 0.5, 1.1, NOON, swap, profit, "")


def a_deal(position_id: int, entry: Entry, commission: float, fee: float = 0.0) -> Deal:
    return Deal(1, 1, position_id, 0, "EURUSD", Side.BUY, entry, 0.5, 1.1, 0.0, 0.0, commission, fee, NOON, "expert")


def test_net_profit_counts_swap_and_the_commission_of_both_sides() -> None:
    deals = [a_deal(11, Entry.IN, -1.75, -0.25), a_deal(12, Entry.IN, -99.0), a_deal(11, Entry.OUT, -99.0)]
    assert net_profit(a_position(10.0, swap=-3.0), deals, an_instrument()) == pytest.approx(10 - 3 - 1.75 - 0.25 - 1.75)


def test_a_gross_profit_that_costs_eat_up_is_not_closed() -> None:
    position, deals = a_position(3.5), [a_deal(11, Entry.IN, -1.75)]
    net = net_profit(position, deals, an_instrument())
    assert net == pytest.approx(0.0)
    assert closed(due(WEDNESDAY_END - MINUTE), [(a_trade(), net)]) == {}
